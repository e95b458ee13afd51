//! Can this server be used now? What health checks and requests have learnt of one address.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::config::schema::{Eject, HealthCheck};

/// What is known of one address of one server. It outlives look-ups of names and reloads that leave its upstream as it is.
#[derive(Debug)]
pub struct Condition {
    born: Instant,
    /// Requests that are with it.
    load: AtomicU32,
    /// Whether health checks call it unhealthy.
    is_unhealthy: AtomicBool,
    /// Answers to health checks in a row that speak against what it is taken for.
    contrary: AtomicU32,
    /// Failures of requests in a row.
    failures: AtomicU32,
    /// Until when it rests, in milliseconds since it was first known; 0: it does not.
    rests_until: AtomicU64,
}

/// What a change came to, if it came to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is healthy again.
    Healthy,
    /// It is not healthy any more.
    Unhealthy,
    /// It rests.
    Ejected,
}

/// One request that is with a server, for as long as this lives.
#[derive(Debug)]
pub struct Load(Arc<Condition>);

impl Load {
    /// What is known of the server.
    pub fn condition(&self) -> &Condition {
        &self.0
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.load.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Condition {
    /// Nothing is known, and the best is supposed.
    pub fn new(now: Instant) -> Self {
        Self {
            born: now,
            load: AtomicU32::new(0),
            is_unhealthy: AtomicBool::new(false),
            contrary: AtomicU32::new(0),
            failures: AtomicU32::new(0),
            rests_until: AtomicU64::new(0),
        }
    }

    /// Whether requests may be sent to it.
    pub fn is_usable(&self, now: Instant) -> bool {
        !self.is_unhealthy.load(Ordering::Relaxed) && self.age(now) >= self.rests_until.load(Ordering::Relaxed)
    }

    /// Requests that are with it.
    pub fn load(&self) -> u32 {
        self.load.load(Ordering::Relaxed)
    }

    /// One more request is with it.
    pub fn take(self: &Arc<Self>) -> Load {
        self.load.fetch_add(1, Ordering::Relaxed);
        Load(Arc::clone(self))
    }

    /// It has answered a request.
    pub fn succeeded(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    /// It has failed a request.
    pub fn failed(&self, eject: &Eject, now: Instant) -> Option<Change> {
        if !self.is_usable(now) {
            return None; // What was sent to it before is no news.
        }
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if failures < eject.after {
            return None;
        }
        self.failures.store(0, Ordering::Relaxed);
        let until = self.age(now).saturating_add(milliseconds(eject.pause));
        self.rests_until.store(until, Ordering::Relaxed);
        Some(Change::Ejected)
    }

    /// It was asked how it is.
    pub fn probed(&self, is_well: bool, check: &HealthCheck) -> Option<Change> {
        let is_unhealthy = self.is_unhealthy.load(Ordering::Relaxed);
        if is_well != is_unhealthy {
            self.contrary.store(0, Ordering::Relaxed);
            return None;
        }
        let contrary = self.contrary.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let enough = if is_well { check.healthy_after } else { check.unhealthy_after };
        if contrary < enough {
            return None;
        }
        self.contrary.store(0, Ordering::Relaxed);
        self.failures.store(0, Ordering::Relaxed);
        self.is_unhealthy.store(!is_well, Ordering::Relaxed);
        Some(if is_well { Change::Healthy } else { Change::Unhealthy })
    }

    fn age(&self, now: Instant) -> u64 {
        milliseconds(now.saturating_duration_since(self.born))
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema::Probe;

    #[test]
    fn a_server_that_fails_in_a_row_rests_and_then_comes_back() {
        let now = Instant::now();
        let eject = Eject { after: 3, pause: Duration::from_secs(30) };
        let condition = Condition::new(now);
        for _ in 0..2 {
            assert_eq!(condition.failed(&eject, now), None);
        }
        condition.succeeded();
        let changes: Vec<_> = (0..3).map(|_| condition.failed(&eject, now)).collect();
        assert_eq!(changes, [None, None, Some(Change::Ejected)]);
        assert!((0..9).all(|_| condition.failed(&eject, now).is_none()), "late failures of a server that rests");
        assert!(!condition.is_usable(now + Duration::from_secs(29)));
        assert_eq!(condition.failed(&eject, now + Duration::from_secs(30)), None, "it begins anew");
        assert!(condition.is_usable(now + Duration::from_secs(30)));
    }

    #[test]
    fn health_changes_after_so_many_answers_in_a_row() {
        let second = Duration::from_secs(1);
        let check =
            HealthCheck { probe: Probe::Tcp, interval: second, timeout: second, healthy_after: 2, unhealthy_after: 3 };
        let condition = Condition::new(Instant::now());
        let answers = [false, false, true, false, false, false, true, false, true, true];
        let changes: Vec<_> = answers.iter().map(|answer| condition.probed(*answer, &check)).collect();
        let mut expected = [None; 10];
        expected[5] = Some(Change::Unhealthy);
        expected[9] = Some(Change::Healthy);
        assert_eq!(changes, expected);
    }

    #[test]
    fn a_load_is_taken_off_when_it_ends() {
        let condition = Arc::new(Condition::new(Instant::now()));
        let (one, other) = (condition.take(), condition.take());
        assert_eq!(condition.load(), 2);
        drop(one);
        drop(other);
        assert_eq!(condition.load(), 0);
    }
}
