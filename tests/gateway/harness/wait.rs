//! How do tests wait? For a condition, with a deadline, and never for a mere while.

use std::time::{Duration, Instant};

/// Nothing here takes this long on a machine that works.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// How often a condition that cannot announce itself is looked at.
const EVERY: Duration = Duration::from_millis(5);

/// Waits until `condition` gives something; fails with `what` when it does not within the deadline.
pub fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(began.elapsed() < DEADLINE, "waited in vain until {what}");
        std::thread::park_timeout(EVERY);
    }
}
