//! Which tokens have been verified already? Signatures only: every other rule is applied to every request.
//!
//! The key is the whole token, so a hit is proof; base64url is canonical, so one token has one text. Only tokens that
//! were verified enter, so a flood of bad ones evicts nothing.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::identity::VerifiedToken;
use super::verification::ProvenBy;

/// Verified tokens, by their text.
pub struct VerifiedCache {
    capacity: usize,
    entries: Option<Cache<Box<str>, Entry, Weight>>,
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
        token.len().div_ceil(OCTETS_OF_ONE_ENTRY).max(1) as u64
    }
}

impl VerifiedCache {
    /// A cache of this many tokens of up to 1 KiB; 0 remembers nothing.
    pub fn new(entries: usize) -> Self {
        let cache = || Cache::with_weighter(entries, entries as u64, Weight);
        Self { capacity: entries, entries: (entries > 0).then(cache) }
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

    /// Remembers a token that keys of these loads have proven.
    pub fn insert(&self, token: &str, proven: ProvenBy, verified: &Arc<VerifiedToken>) {
        if let Some(entries) = &self.entries {
            entries.insert(token.into(), Entry { proven, token: Arc::clone(verified) });
        }
    }
}

impl std::fmt::Debug for VerifiedCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifiedCache").field("entries", &self.entries.as_ref().map(Cache::len)).finish()
    }
}
