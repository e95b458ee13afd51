//! Which tokens have been verified already? Signatures only: every other rule is applied to every request.
//!
//! The key is the whole token, so a hit is proof; base64url is canonical, so one token has one text. Only tokens that
//! were verified enter, so a flood of bad ones evicts nothing. Once it is full, a token enters when it comes again: tokens that
//! come once drive nobody out, and cost nothing but their signature.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::doorkeeper::Doorkeeper;
use super::identity::VerifiedToken;
use super::verification::ProvenBy;

/// Verified tokens, by their text.
pub struct VerifiedCache {
    capacity: usize,
    entries: Option<Cache<Box<str>, Entry, Weight>>,
    /// The weight of what has entered without having come before.
    entered: AtomicU64,
    doorkeeper: Doorkeeper,
}

#[derive(Clone)]
struct Entry {
    proven: ProvenBy,
    token: Arc<VerifiedToken>,
}

/// Large tokens count as several, so that the bound on entries is a bound on memory.
#[derive(Clone)]
struct Weight;

/// Octets of token that count as one entry.
const OCTETS_OF_ONE_ENTRY: usize = 1024;

impl Weighter<Box<str>, Entry> for Weight {
    fn weight(&self, token: &Box<str>, _: &Entry) -> u64 {
        weight(token)
    }
}

fn weight(token: &str) -> u64 {
    token.len().div_ceil(OCTETS_OF_ONE_ENTRY).max(1) as u64
}

impl VerifiedCache {
    /// A cache of this many tokens of up to 1 KiB; 0 remembers nothing.
    pub fn new(entries: usize) -> Self {
        let cache = || Cache::with_weighter(entries, entries as u64, Weight);
        let (entered, doorkeeper) = (AtomicU64::new(0), Doorkeeper::new(entries));
        Self { capacity: entries, entries: (entries > 0).then(cache), entered, doorkeeper }
    }

    /// How many tokens of up to 1 KiB it was made for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The content of a token that was proven by keys that are still in use.
    pub fn find(&self, token: &str, is_current: impl Fn(ProvenBy) -> bool) -> Option<Arc<VerifiedToken>> {
        let entry = self.entries.as_ref()?.get(token)?;
        is_current(entry.proven).then_some(entry.token)
    }

    /// Remembers a token that keys of these loads have proven, if it may enter. To decrypt a token a second time would cost more
    /// than anything that it could drive out.
    pub fn insert(&self, token: &str, proven: ProvenBy, verified: &Arc<VerifiedToken>) {
        let Some(entries) = &self.entries else { return };
        if self.has_room(token) || proven.was_decrypted() || self.doorkeeper.has_met(token) {
            entries.insert(token.into(), Entry { proven, token: Arc::clone(verified) });
        }
    }

    fn has_room(&self, token: &str) -> bool {
        let most = self.capacity as u64;
        self.entered.load(Ordering::Relaxed) < most && self.entered.fetch_add(weight(token), Ordering::Relaxed) < most
    }
}

impl std::fmt::Debug for VerifiedCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifiedCache").field("entries", &self.entries.as_ref().map(Cache::len)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Generation;

    fn remembered(cache: &VerifiedCache, token: &str) -> bool {
        cache.find(token, |_| true).is_some()
    }

    fn insert(cache: &VerifiedCache, token: &str, proven: ProvenBy) {
        cache.insert(token, proven, &Arc::new(VerifiedToken::of_user("alice")));
    }

    #[test]
    fn a_full_cache_takes_in_who_comes_again_and_forgets_nobody_for_others() {
        let cache = VerifiedCache::new(32);
        (0..32).for_each(|number| insert(&cache, &format!("regular {number}"), ProvenBy::default()));
        let regulars = (0..32).filter(|number| remembered(&cache, &format!("regular {number}"))).count();
        (0..1_000).for_each(|number| insert(&cache, &format!("visitor {number}"), ProvenBy::default()));
        assert!((0..1_000).all(|number| !remembered(&cache, &format!("visitor {number}"))));
        let still = (0..32).filter(|number| remembered(&cache, &format!("regular {number}"))).count();
        assert_eq!(still, regulars);
        insert(&cache, "new regular", ProvenBy::default());
        assert!(!remembered(&cache, "new regular"));
        insert(&cache, "new regular", ProvenBy::default());
        assert!(remembered(&cache, "new regular"));
    }

    #[test]
    fn what_was_dear_to_decrypt_enters_at_once() {
        let cache = VerifiedCache::new(2);
        (0..10).for_each(|number| insert(&cache, &format!("signed {number}"), ProvenBy::default()));
        insert(&cache, "decrypted", ProvenBy::decrypted_by(Generation::next()));
        assert!(remembered(&cache, "decrypted"));
    }
}
