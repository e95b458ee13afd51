//! Which keys are there now, and where did they come from?
//!
//! A source is read at load, and again when its file changes or its endpoint publishes others; readers never wait.

mod discovery;
mod fetch;
mod line;
mod load;
mod per_request;
mod remote;
mod saved_copy;
mod schedule;
mod source;
mod table;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crate::jose::{AlgorithmSet, DecryptionKey, JwsAlgorithm, KeyManagement, KeyManagementSet, VerificationKey};
use table::KeyTable;

pub use fetch::{FetchError, without_query};
pub use load::{Algorithms, KeyFormat, KeyPolicy, Keys, Purpose, SecretEncoding, SourceError};
pub use per_request::{Looked, NoKeys, PerRequestDefinition, PerRequestPlace, PerRequestSource, is_plain_segment};
pub use remote::{Endpoint, Needed, Presence, Remote, RemoteDefinition};
pub use schedule::Times;
pub use source::{Definition, Fetch, KeySource, Origin};

/// At most this many keys are tried for one token.
const MOST_TRIES: usize = 16;

/// Tells one load of a source from every other load in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Generation(u64);

impl Generation {
    /// That of a load that begins now.
    pub(crate) fn next() -> Self {
        static COUNTER: AtomicU64 = AtomicU64::new(1);
        Self(COUNTER.fetch_add(1, Ordering::Relaxed))
    }
}

/// The keys of one source, as they were loaded once.
#[derive(Debug)]
pub struct LoadedKeys {
    generation: Generation,
    verification: KeyTable<VerificationKey>,
    decryption: KeyTable<DecryptionKey>,
    /// What any of the keys allows: a set of a thousand keys answers this at once.
    algorithms: AlgorithmSet,
    key_management: KeyManagementSet,
}

impl LoadedKeys {
    /// Takes keys into use.
    pub fn new(keys: Keys) -> Self {
        Self {
            generation: Generation::next(),
            algorithms: keys.verification.iter().flat_map(|key| key.algorithms().iter()).collect(),
            key_management: keys.decryption.iter().flat_map(|key| key.key_management().iter()).collect(),
            verification: KeyTable::new(keys.verification, VerificationKey::kid),
            decryption: KeyTable::new(keys.decryption, DecryptionKey::kid),
        }
    }

    /// Which load this is.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.verification().is_empty() && self.decryption().is_empty()
    }

    /// How many keys there are; one that does both counts once, as far as its id tells.
    pub fn count(&self) -> usize {
        self.verification().len().max(self.decryption().len())
    }

    /// The key ids, each once.
    pub fn key_ids(&self) -> BTreeSet<&str> {
        let verifying = self.verification().iter().filter_map(VerificationKey::kid);
        verifying.chain(self.decryption().iter().filter_map(DecryptionKey::kid)).collect()
    }

    /// The keys that signatures are verified with.
    pub fn verification(&self) -> &[VerificationKey] {
        self.verification.all()
    }

    /// The keys that tokens are decrypted with.
    pub fn decryption(&self) -> &[DecryptionKey] {
        self.decryption.all()
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

    /// The endpoints that may be asked now whether they publish other keys.
    pub fn askable(&self, now: SystemTime) -> Vec<Arc<KeySource>> {
        let askable = |source: &&Arc<KeySource>| source.remote().is_some_and(|remote| remote.may_be_asked(now));
        self.sources.iter().filter(askable).cloned().collect()
    }

    /// Whether these are all the keys that there can be: no endpoint publishes others.
    pub fn is_closed(&self) -> bool {
        self.sources.iter().all(|source| source.remote().is_none())
    }

    /// Whether an endpoint has not given any key, so that nobody can say what its keys would be good for.
    pub fn lacks_keys(&self) -> bool {
        self.sources.iter().any(|source| source.remote().is_some() && source.current().is_empty())
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
    /// Which loads these are.
    pub fn generations(&self) -> impl Iterator<Item = Generation> {
        self.loaded.iter().map(|loaded| loaded.generation)
    }

    /// Whether any of the keys has this id.
    pub fn knows(&self, key_id: &str) -> bool {
        self.loaded.iter().any(|loaded| {
            !loaded.verification.with_id(key_id).is_empty() || !loaded.decryption.with_id(key_id).is_empty()
        })
    }

    /// The signature algorithms that any of the keys allows.
    pub fn algorithms(&self) -> AlgorithmSet {
        self.loaded.iter().flat_map(|loaded| loaded.algorithms.iter()).collect()
    }

    /// The key management algorithms that any of the keys allows.
    pub fn key_management(&self) -> KeyManagementSet {
        self.loaded.iter().flat_map(|loaded| loaded.key_management.iter()).collect()
    }

    /// The keys to verify a token with: those with its key id; if there are none, those without one. A token without a
    /// key id: all. Always only such as allow the algorithm, and at most 16.
    pub fn select(
        &self,
        key_id: Option<&str>,
        algorithm: JwsAlgorithm,
    ) -> Result<Vec<(Generation, &VerificationKey)>, NoKey> {
        let tables = self.loaded.iter().map(|loaded| (loaded.generation, &loaded.verification));
        choose(tables, key_id, |key| key.algorithms().contains(algorithm))
    }

    /// The keys to decrypt a token with, by the same rule.
    pub fn select_decryption(
        &self,
        key_id: Option<&str>,
        algorithm: KeyManagement,
    ) -> Result<Vec<(Generation, &DecryptionKey)>, NoKey> {
        let tables = self.loaded.iter().map(|loaded| (loaded.generation, &loaded.decryption));
        choose(tables, key_id, |key| key.key_management().contains(algorithm))
    }
}

fn choose<'v, K>(
    tables: impl Iterator<Item = (Generation, &'v KeyTable<K>)> + Clone,
    key_id: Option<&str>,
    allows: impl Fn(&K) -> bool,
) -> Result<Vec<(Generation, &'v K)>, NoKey> {
    let mut chosen: Vec<_> = match key_id {
        None => pick(tables, |table| table.all().iter().collect()),
        Some(id) => {
            let named = pick(tables.clone(), |table| table.with_id(id));
            if named.is_empty() { pick(tables, KeyTable::without_id) } else { named }
        }
    };
    if chosen.is_empty() {
        return Err(NoKey::Unknown);
    }
    chosen.retain(|(_, key)| allows(key));
    chosen.truncate(MOST_TRIES);
    if chosen.is_empty() { Err(NoKey::AlgorithmRefused) } else { Ok(chosen) }
}

fn pick<'v, K>(
    tables: impl Iterator<Item = (Generation, &'v KeyTable<K>)>,
    keys: impl Fn(&'v KeyTable<K>) -> Vec<&'v K>,
) -> Vec<(Generation, &'v K)> {
    tables.flat_map(|(generation, table)| keys(table).into_iter().map(move |key| (generation, key))).collect()
}
