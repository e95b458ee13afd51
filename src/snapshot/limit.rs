//! How often may one caller ask? A rate with a burst, for each key, of this process (GCRA: ITU-T I.371 Annex A).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quick_cache::sync::Cache;

use crate::auth::expression::template::Template;

/// Keys that are remembered. One that is forgotten begins with a full burst.
const MOST_KEYS: usize = 100_000;

/// How often each key may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// Requests
    pub requests: u32,
    /// in this time, evenly,
    pub per: Duration,
    /// and so many at once.
    pub burst: u32,
}

/// The limit of a location.
#[derive(Debug)]
pub struct Limit {
    /// Who is counted as one.
    pub key: Template,
    /// What was counted; it outlives reloads that do not change the limit.
    pub counts: Arc<Counts>,
}

/// What was counted of every key.
pub struct Counts {
    /// The location, and how often its callers may ask: for telling counts apart.
    pub of: (String, String, Rate),
    keys: Cache<String, Arc<AtomicU64>>,
}

/// What a caller has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowance {
    /// The request may pass.
    Pass {
        /// How many more may come at once.
        left: u32,
    },
    /// It came too soon.
    TooSoon {
        /// How long the caller has to wait.
        wait: Duration,
    },
}

impl Counts {
    /// Nobody has asked yet. `of` names the location, the key and the rate.
    pub fn new(location: String, key: String, rate: Rate) -> Self {
        Self { of: (location, key, rate), keys: Cache::new(MOST_KEYS) }
    }

    /// How often each key may ask.
    pub fn rate(&self) -> &Rate {
        &self.of.2
    }

    /// Counts one request of a key. `now` is the time since any one moment.
    pub fn count(&self, key: &str, now: Duration) -> Allowance {
        let filled = || Ok::<_, std::convert::Infallible>(Arc::default());
        let cell = match self.keys.get_or_insert_with(key, filled) {
            Ok(cell) => cell,
            Err(never) => match never {},
        };
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let (interval, tolerance) = (self.rate().interval(), self.rate().tolerance());
        // The time at which the key's bucket is empty; each request moves it on by one interval.
        let mut empty_at = cell.load(Ordering::Acquire);
        loop {
            let next = empty_at.max(now).saturating_add(interval);
            let ahead = next.saturating_sub(now);
            if ahead > tolerance {
                return Allowance::TooSoon { wait: Duration::from_nanos(ahead - tolerance) };
            }
            match cell.compare_exchange_weak(empty_at, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    let left = (tolerance - ahead).checked_div(interval).unwrap_or(0);
                    return Allowance::Pass { left: u32::try_from(left).unwrap_or(u32::MAX) };
                }
                Err(seen) => empty_at = seen,
            }
        }
    }
}

impl Rate {
    /// Nanoseconds between two requests that come evenly.
    fn interval(&self) -> u64 {
        let per = u64::try_from(self.per.as_nanos()).unwrap_or(u64::MAX);
        per.checked_div(self.requests.into()).unwrap_or(u64::MAX).max(1)
    }

    /// Nanoseconds that a caller may be ahead of that.
    fn tolerance(&self) -> u64 {
        self.interval().saturating_mul(u64::from(self.burst.max(1)))
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counts").field("of", &self.of).field("keys", &self.keys.len()).finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn counts(requests: u32, seconds: u64, burst: u32) -> Counts {
        Counts::new("/".into(), "k".into(), Rate { requests, per: Duration::from_secs(seconds), burst })
    }

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(1_000_000 + milliseconds)
    }

    #[test]
    fn a_burst_passes_at_once_and_then_the_rate() {
        let counts = counts(10, 1, 3);
        assert_eq!(counts.count("a", at(0)), Allowance::Pass { left: 2 });
        assert_eq!(counts.count("a", at(0)), Allowance::Pass { left: 1 });
        assert_eq!(counts.count("a", at(0)), Allowance::Pass { left: 0 });
        assert_eq!(counts.count("a", at(0)), Allowance::TooSoon { wait: Duration::from_millis(100) });
        assert_eq!(counts.count("a", at(99)), Allowance::TooSoon { wait: Duration::from_millis(1) });
        assert_eq!(counts.count("a", at(100)), Allowance::Pass { left: 0 });
        assert_eq!(counts.count("b", at(100)), Allowance::Pass { left: 2 }, "another key");
        assert_eq!(counts.count("a", at(10_000)), Allowance::Pass { left: 2 }, "rest fills the burst and no more");
    }

    #[test]
    fn who_asks_too_soon_is_not_punished_for_asking() {
        let counts = counts(1, 1, 1);
        assert!(matches!(counts.count("a", at(0)), Allowance::Pass { .. }));
        assert!((1..1000).all(|late| matches!(counts.count("a", at(late)), Allowance::TooSoon { .. })));
        assert!(matches!(counts.count("a", at(1000)), Allowance::Pass { .. }));
    }

    #[test]
    fn threads_together_get_what_the_rate_allows() {
        let counts = counts(1, 3600, 100);
        let passed: usize = std::thread::scope(|scope| {
            let asking = || (0..200).filter(|_| matches!(counts.count("a", at(0)), Allowance::Pass { .. })).count();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(asking)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 100);
    }

    #[test]
    fn keys_are_bounded_in_number() {
        let counts = counts(1, 1, 1);
        for key in 0..MOST_KEYS + 5000 {
            counts.count(&key.to_string(), at(0));
        }
        assert!(counts.keys.len() <= MOST_KEYS);
    }
}
