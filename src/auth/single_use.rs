//! Which tokens have admitted somebody already, where each may do so once?

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Tokens that are remembered; beyond them none is admitted until some have expired.
const MOST: usize = 1_000_000;

/// The ids of tokens that were used, until they expire.
#[derive(Default)]
pub struct UsedTokens(Mutex<Used>);

#[derive(Default)]
struct Used {
    until: HashMap<String, f64>,
    /// Expired ones are cleared away when there are so many,
    clear_at: usize,
    /// and not again before this second.
    clear_from: f64,
}

/// One token that may admit once.
#[derive(Clone)]
pub struct Once {
    /// Its id.
    pub id: String,
    /// When it admits no longer in any case, in seconds since 1970.
    pub until: f64,
}

impl UsedTokens {
    /// Whether a token was used.
    pub fn contain(&self, once: &Once) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).until.contains_key(&once.id)
    }

    /// Uses a token up; `false` if it was used before, or if too many are remembered.
    pub fn use_up(&self, once: &Once, now: SystemTime) -> bool {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        if used.until.len() >= used.clear_at.clamp(1024, MOST) && now >= used.clear_from {
            used.clear_from = now + 1.0;
            used.until.retain(|_, until| *until > now);
            used.clear_at = used.until.len().saturating_mul(2);
            if used.until.len() >= MOST {
                log::error!("{MOST} single-use tokens are remembered; no other is admitted until some have expired");
            }
        }
        if used.until.len() >= MOST {
            return false;
        }
        used.until.insert(once.id.clone(), once.until).is_none()
    }

    /// Forgets a use that came to nothing.
    pub fn give_back(&self, once: &Once) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).until.remove(&once.id);
    }
}

impl fmt::Debug for UsedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsedTokens").finish_non_exhaustive()
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("until", &self.until).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn once(id: usize, until: f64) -> Once {
        Once { id: id.to_string(), until }
    }

    #[test]
    fn the_memory_is_searched_for_expired_ones_once_a_second_at_most() {
        let used = UsedTokens::default();
        let half = SystemTime::UNIX_EPOCH + Duration::from_millis(500);
        for id in 0..1025 {
            assert!(used.use_up(&once(id, 0.3), at(0)));
        }
        for id in 1025..3000 {
            assert!(used.use_up(&once(id, 0.3), half));
        }
        assert!(used.contain(&once(0, 0.3)), "searched within this second already");
        assert!(used.use_up(&once(3000, 9.0), at(2)));
        assert!(!used.contain(&once(0, 0.3)) && used.contain(&once(3000, 9.0)));
    }

    #[test]
    fn a_use_that_came_to_nothing_leaves_the_token_for_another() {
        let used = UsedTokens::default();
        assert!(used.use_up(&once(1, 100.0), at(0)) && used.contain(&once(1, 100.0)));
        used.give_back(&once(1, 100.0));
        assert!(used.use_up(&once(1, 100.0), at(0)));
    }

    #[test]
    fn a_token_is_used_up_by_one_of_many_who_come_at_once() {
        let used = UsedTokens::default();
        let admitted = std::thread::scope(|scope| {
            let uses: Vec<_> = (0..16).map(|_| scope.spawn(|| used.use_up(&once(1, 100.0), at(0)))).collect();
            uses.into_iter().filter(|_| true).map(|one| one.join().unwrap()).filter(|admitted| *admitted).count()
        });
        assert_eq!(admitted, 1);
        assert!(used.contain(&once(1, 100.0)) && !used.contain(&once(2, 100.0)));
    }

    #[test]
    fn what_has_expired_is_forgotten_and_what_has_not_is_kept() {
        let used = UsedTokens::default();
        for id in 0..1024 {
            assert!(used.use_up(&once(id, 10.0), at(0)));
        }
        assert!(used.use_up(&once(5000, 1000.0), at(0)));
        for id in 2000..8000 {
            used.use_up(&once(id, 1000.0), at(20));
        }
        assert!(!used.contain(&once(1, 10.0)), "expired, and cleared away");
        assert!(!used.use_up(&once(5000, 1000.0), at(20)), "used, and remembered");
    }
}
