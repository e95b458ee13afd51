//! Which keys are there now, and where did they come from?
//!
//! A source is read at load and again when its file changes; readers never wait for it.

mod load;
mod source;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::jose::{AlgorithmSet, JwsAlgorithm, VerificationKey};

pub use load::{KeyFormat, KeyPolicy, SecretEncoding, SourceError};
pub use source::{Definition, KeySource, Origin, Refresh, Reread};

/// At most this many keys are tried for one token.
const MOST_TRIES: usize = 16;

/// Tells one load of a source from every other load in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Generation(u64);

impl Generation {
    fn next() -> Self {
        static COUNTER: AtomicU64 = AtomicU64::new(1);
        Self(COUNTER.fetch_add(1, Ordering::Relaxed))
    }
}

/// The keys of one source, as they were loaded once.
#[derive(Debug)]
pub struct LoadedKeys {
    generation: Generation,
    keys: Vec<VerificationKey>,
    by_id: HashMap<String, Vec<usize>>,
    without_id: Vec<usize>,
}

impl LoadedKeys {
    /// Takes keys into use.
    pub fn new(keys: Vec<VerificationKey>) -> Self {
        let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
        let mut without_id = Vec::new();
        for (index, key) in keys.iter().enumerate() {
            match key.kid() {
                Some(id) => by_id.entry(id.to_owned()).or_default().push(index),
                None => without_id.push(index),
            }
        }
        Self { generation: Generation::next(), keys, by_id, without_id }
    }

    /// Which load this is.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// All keys.
    pub fn keys(&self) -> &[VerificationKey] {
        &self.keys
    }
}

/// The sources of a realm; all are used together.
#[derive(Debug, Clone)]
pub struct KeyRing {
    sources: Vec<Arc<KeySource>>,
}

impl KeyRing {
    /// Puts sources together.
    pub fn new(sources: Vec<Arc<KeySource>>) -> Self {
        Self { sources }
    }

    /// The sources, in their order.
    pub fn sources(&self) -> &[Arc<KeySource>] {
        &self.sources
    }

    /// Whether both rings are made of the very same sources.
    pub fn is_same(&self, other: &Self) -> bool {
        self.sources.len() == other.sources.len()
            && self.sources.iter().zip(&other.sources).all(|(one, other)| Arc::ptr_eq(one, other))
    }

    /// Whether keys of this generation are still in use.
    pub fn is_current(&self, generation: Generation) -> bool {
        self.sources.iter().any(|source| source.generation() == generation)
    }

    /// The keys of all sources, as they are now.
    pub fn view(&self) -> KeyView {
        KeyView { loaded: self.sources.iter().map(|source| source.current()).collect() }
    }
}

/// The keys of all sources at one moment.
#[derive(Debug)]
pub struct KeyView {
    loaded: Vec<Arc<LoadedKeys>>,
}

/// Why there is no key to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoKey {
    /// None has the token's key id, and none is without one.
    Unknown,
    /// Those that have it do not allow the token's algorithm.
    AlgorithmRefused,
}

impl KeyView {
    /// The algorithms that any of the keys allows.
    pub fn algorithms(&self) -> AlgorithmSet {
        self.loaded.iter().flat_map(|loaded| &loaded.keys).flat_map(|key| key.algorithms().iter()).collect()
    }

    /// The keys to try for a token: those with its key id; if there are none, those without one. A token without a key
    /// id: all. Always only such as allow the algorithm.
    pub fn select(
        &self,
        key_id: Option<&str>,
        algorithm: JwsAlgorithm,
    ) -> Result<Vec<(Generation, &VerificationKey)>, NoKey> {
        let mut chosen = match key_id {
            None => self.pick(|loaded| (0..loaded.keys.len()).collect()),
            Some(id) => {
                let named = self.pick(|loaded| loaded.by_id.get(id).cloned().unwrap_or_default());
                if named.is_empty() { self.pick(|loaded| loaded.without_id.clone()) } else { named }
            }
        };
        if chosen.is_empty() {
            return Err(NoKey::Unknown);
        }
        chosen.retain(|(_, key)| key.algorithms().contains(algorithm));
        chosen.truncate(MOST_TRIES);
        if chosen.is_empty() { Err(NoKey::AlgorithmRefused) } else { Ok(chosen) }
    }

    fn pick(&self, places: impl Fn(&LoadedKeys) -> Vec<usize>) -> Vec<(Generation, &VerificationKey)> {
        let of = |loaded: &Arc<LoadedKeys>| places(loaded);
        let pairs = self.loaded.iter().flat_map(|loaded| of(loaded).into_iter().map(move |place| (loaded, place)));
        pairs.filter_map(|(loaded, place)| Some((loaded.generation, loaded.keys.get(place)?))).collect()
    }
}
