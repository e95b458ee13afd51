//! Has this token come before? A guess that is right but for one in two thousand millions, in four octets for each token.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, Ordering};

use foldhash::fast::RandomState;

/// Never more marks than this: 4 MiB.
const MOST: usize = 1 << 20;

/// Marks of tokens that came once; the place of a mark follows from its token, and a later one takes it over.
pub struct Doorkeeper {
    marks: Box<[AtomicU32]>,
    hasher: RandomState,
}

impl Doorkeeper {
    /// One that knows about as many tokens as this.
    pub fn new(tokens: usize) -> Self {
        Self { marks: (0..tokens.clamp(1, MOST)).map(|_| AtomicU32::new(0)).collect(), hasher: RandomState::default() }
    }

    /// Whether the token has come before; from now on it has.
    pub fn has_met(&self, token: &str) -> bool {
        let hash = self.hasher.hash_one(token);
        // Two different halves: tokens that share a place still have marks of their own. 0 is nobody's.
        let (place, mark) = (hash & u64::from(u32::MAX), (hash >> 32) as u32 | 1);
        let place = usize::try_from(place).unwrap_or(0) % self.marks.len();
        self.marks.get(place).is_some_and(|known| known.swap(mark, Ordering::Relaxed) == mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_again_is_known_and_whoever_comes_first_is_not() {
        let doorkeeper = Doorkeeper::new(10_000);
        for number in 0..100 {
            assert!(!doorkeeper.has_met(&format!("token {number}")));
            assert!(doorkeeper.has_met(&format!("token {number}")));
        }
    }

    #[test]
    fn a_flood_makes_it_forget_and_never_mistake() {
        let doorkeeper = Doorkeeper::new(8);
        assert!(!doorkeeper.has_met("the first"));
        assert!((0..10_000).all(|number| !doorkeeper.has_met(&format!("token {number}"))));
        assert!(!doorkeeper.has_met("the first"));
    }
}
