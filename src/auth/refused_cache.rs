//! Which signatures were looked at already, and were not good? Whoever sends one again is not worth looking twice.
//!
//! Apart from the cache of verified tokens, and small: a flood of bad tokens evicts bad tokens.

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::keys::{Generation, KeyView};

/// Of so many verified tokens that are remembered, one refused token is.
const SHARE: usize = 16;
/// Never more than this, in KiB of tokens.
const MOST: usize = 4096;

/// Tokens whose signature no key has proven, by their text.
pub struct RefusedCache(Option<Cache<Box<str>, Box<[Generation]>, Weight>>);

#[derive(Clone)]
struct Weight;

impl Weighter<Box<str>, Box<[Generation]>> for Weight {
    fn weight(&self, token: &Box<str>, _: &Box<[Generation]>) -> u64 {
        token.len().div_ceil(1024).max(1) as u64
    }
}

impl RefusedCache {
    /// A memory that goes with a cache of so many verified tokens; 0 remembers nothing.
    pub fn beside(verified: usize) -> Self {
        let most = verified.div_ceil(SHARE).min(MOST);
        Self((most > 0).then(|| Cache::with_weighter(most, most as u64, Weight)))
    }

    /// Whether these very keys have refused the token.
    pub fn contains(&self, token: &str, keys: &KeyView) -> bool {
        let by = self.0.as_ref().and_then(|tokens| tokens.get(token));
        by.is_some_and(|by| by.iter().copied().eq(keys.generations()))
    }

    /// Remembers a token that none of these keys has signed.
    pub fn insert(&self, token: &str, keys: &KeyView) {
        if let Some(tokens) = &self.0 {
            tokens.insert(token.into(), keys.generations().collect());
        }
    }
}

impl std::fmt::Debug for RefusedCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefusedCache").field("entries", &self.0.as_ref().map(Cache::len)).finish()
    }
}
