//! When are keys fetched again, and for how long do old ones serve? Times are arguments; nothing here waits.

use std::time::{Duration, SystemTime};

/// With `max-age`, keys are not fetched more often than this.
const LEAST_REFRESH: Duration = Duration::from_secs(60);
/// The first wait after a failure; it doubles with each further one.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The part of an interval that is left out at random, so that a fleet does not ask at once.
const JITTER: f64 = 0.1;

/// A clock that says less than before by more than this was set back. Requests that wait live in the past as well.
const SET_BACK: Duration = Duration::from_secs(60);

/// What the configuration says of the times of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    /// Between two fetches, if the answer does not say less.
    pub refresh: Duration,
    /// How long the last good keys serve while fetching fails.
    pub stale_for: Duration,
    /// At most one fetch out of turn in this time.
    pub unknown_kid_cooldown: Duration,
}

/// What has happened, and what follows.
#[derive(Debug)]
pub(super) struct Schedule {
    times: Times,
    /// When the keys in use were fetched.
    good: Option<SystemTime>,
    failures: u32,
    last: Option<SystemTime>,
    next: Option<SystemTime>,
    out_of_turn: Option<SystemTime>,
}

impl Schedule {
    /// Nothing was fetched; `good` is the age of a copy that was kept.
    pub fn new(times: Times, good: Option<SystemTime>) -> Self {
        Self { times, good, failures: 0, last: None, next: None, out_of_turn: None }
    }

    /// Whether it is time to fetch. A clock that was set back is no reason to wait.
    pub fn is_due(&self, now: SystemTime) -> bool {
        self.next.is_none_or(|next| now >= next) || self.last.is_none_or(|last| was_set_back(last, now))
    }

    /// Whether a fetch out of turn is allowed: at most one in each cooldown.
    pub fn allows_out_of_turn(&self, now: SystemTime) -> bool {
        let cooldown = self.times.unknown_kid_cooldown;
        let over = |last| now.duration_since(last).map_or(was_set_back(last, now), |age| age >= cooldown);
        self.out_of_turn.is_none_or(over)
    }

    /// One has begun.
    pub fn begin_out_of_turn(&mut self, now: SystemTime) {
        self.out_of_turn = Some(now);
    }

    /// Keys were fetched. `random` is from 0 to 1.
    pub fn succeeded(&mut self, now: SystemTime, max_age: Option<Duration>, random: f64) {
        let refresh = self.times.refresh;
        let asked = max_age.map_or(refresh, |age| age.clamp(LEAST_REFRESH.min(refresh), refresh));
        (self.good, self.failures) = (Some(now), 0);
        self.wait(now, asked, random);
    }

    /// They could not be. `random` is from 0 to 1.
    pub fn failed(&mut self, now: SystemTime, random: f64) {
        let doubled = FIRST_RETRY.saturating_mul(1 << self.failures.min(30));
        self.failures = self.failures.saturating_add(1);
        // Keys that seem to be of the future, since the clock was set back, would never be too old.
        self.good = self.good.map(|good| good.min(now));
        self.wait(now, doubled.min(self.times.refresh), random);
    }

    fn wait(&mut self, now: SystemTime, interval: Duration, random: f64) {
        self.last = Some(now);
        self.next = now.checked_add(interval.mul_f64(1.0 - JITTER * random.clamp(0.0, 1.0)));
    }

    /// Whether the keys in use are too old to be used any longer: fetching fails, and has for long enough.
    pub fn is_stale(&self, now: SystemTime) -> bool {
        self.is_failing() && self.age(now).is_some_and(|age| age >= self.times.stale_for)
    }

    /// The keys in use are used no longer.
    pub fn forget(&mut self) {
        self.good = None;
    }

    /// Whether the last fetch failed.
    pub fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// How old the keys in use are.
    pub fn age(&self, now: SystemTime) -> Option<Duration> {
        self.good.map(|good| now.duration_since(good).unwrap_or_default())
    }
}

fn was_set_back(before: SystemTime, now: SystemTime) -> bool {
    before.duration_since(now).is_ok_and(|back| back > SET_BACK)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
    }

    fn schedule() -> Schedule {
        let seconds = Duration::from_secs;
        let times = Times { refresh: seconds(600), stale_for: seconds(3600), unknown_kid_cooldown: seconds(30) };
        Schedule::new(times, None)
    }

    /// After how many seconds the next fetch is due.
    fn due_after(schedule: &Schedule, from: u64) -> u64 {
        (0..10_000).find(|seconds| schedule.is_due(at(from + seconds))).unwrap()
    }

    #[test]
    fn max_age_is_kept_within_a_minute_and_refresh() {
        for (max_age, wait) in [(None, 600), (Some(5), 60), (Some(90), 90), (Some(86_400), 600), (Some(u64::MAX), 600)]
        {
            let mut schedule = schedule();
            assert!(schedule.is_due(at(0)));
            schedule.succeeded(at(0), max_age.map(Duration::from_secs), 0.0);
            assert_eq!(due_after(&schedule, 0), wait, "{max_age:?}");
        }
        let mut brief = schedule();
        brief.times.refresh = Duration::from_secs(5);
        brief.succeeded(at(0), Some(Duration::from_secs(1)), 0.0);
        assert_eq!(due_after(&brief, 0), 5);
    }

    #[test]
    fn jitter_makes_it_a_tenth_earlier_at_most() {
        let mut schedule = schedule();
        schedule.succeeded(at(0), None, 1.0);
        assert_eq!(due_after(&schedule, 0), 540);
    }

    #[test]
    fn failures_are_tried_again_after_one_second_and_then_twice_as_long_up_to_refresh() {
        let mut schedule = schedule();
        for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600] {
            schedule.failed(at(0), 0.0);
            assert_eq!(due_after(&schedule, 0), wait);
        }
        schedule.succeeded(at(0), None, 0.0);
        schedule.failed(at(0), 0.0);
        assert_eq!(due_after(&schedule, 0), 1, "a success begins anew");
    }

    #[test]
    fn class_05_one_fetch_out_of_turn_in_each_cooldown() {
        let mut schedule = schedule();
        assert!(schedule.allows_out_of_turn(at(0)));
        schedule.begin_out_of_turn(at(0));
        assert!((0..30).all(|seconds| !schedule.allows_out_of_turn(at(seconds))));
        assert!(schedule.allows_out_of_turn(at(30)));
    }

    #[test]
    fn class_07_old_keys_serve_for_a_bounded_time() {
        let mut schedule = schedule();
        assert!(!schedule.is_stale(at(0)), "nothing is there to be stale");
        schedule.succeeded(at(0), None, 0.0);
        schedule.failed(at(600), 0.0);
        assert!(!schedule.is_stale(at(3599)) && schedule.is_stale(at(3600)));
        assert_eq!(schedule.age(at(100)), Some(Duration::from_secs(100)));
        schedule.forget();
        assert!(!schedule.is_stale(at(9999)) && schedule.age(at(9999)).is_none());
    }

    #[test]
    fn who_waited_for_a_fetch_finds_it_done() {
        let mut schedule = schedule();
        schedule.begin_out_of_turn(at(5));
        schedule.succeeded(at(5), None, 0.0);
        assert!(!schedule.is_due(at(0)) && !schedule.allows_out_of_turn(at(0)));
    }

    #[test]
    fn a_clock_that_was_set_back_delays_nothing() {
        let mut schedule = schedule();
        schedule.succeeded(at(1_000_000), None, 0.0);
        schedule.begin_out_of_turn(at(1_000_000));
        assert!(schedule.is_due(at(0)));
        assert!(schedule.allows_out_of_turn(at(0)));
    }
}
