//! Which algorithms do the names of the file mean?

use super::Compiler;
use crate::config::{Located, did_you_mean};
use crate::jose::{
    AlgorithmSet, ContentEncryption, ContentEncryptionSet, JwsAlgorithm, KeyManagement, KeyManagementSet,
};
use crate::keys::Algorithms;

impl Compiler<'_> {
    /// What keys may be used for, by the names of algorithms of either kind.
    pub(super) fn key_algorithms(&mut self, names: &[Located<String>]) -> Option<Algorithms> {
        let mut signature = Vec::new();
        let mut key_management = Vec::new();
        let before = self.problems.len();
        for name in names {
            match (JwsAlgorithm::from_name(name), KeyManagement::from_name(name)) {
                (Some(algorithm), _) => signature.push(algorithm),
                (None, Some(algorithm)) => key_management.push(algorithm),
                (None, None) => {
                    let signatures = JwsAlgorithm::ALL.iter().map(|algorithm| algorithm.name());
                    let known = signatures.chain(KeyManagement::ALL.iter().map(|algorithm| algorithm.name()));
                    self.no_algorithm("algorithm of a key", name, known);
                }
            }
        }
        let known = self.problems.len() == before;
        known.then(|| Algorithms {
            signature: signature.into_iter().collect(),
            key_management: key_management.into_iter().collect(),
        })
    }

    /// Signature algorithms by name; every unknown one is reported.
    pub(super) fn algorithms(&mut self, names: &[Located<String>]) -> Option<AlgorithmSet> {
        self.by_name("signature algorithm", names, &JwsAlgorithm::ALL, JwsAlgorithm::name)
    }

    /// Key management algorithms by name.
    pub(super) fn key_management(&mut self, names: &[Located<String>]) -> Option<KeyManagementSet> {
        self.by_name("key management algorithm", names, &KeyManagement::ALL, KeyManagement::name)
    }

    /// Content encryption algorithms by name.
    pub(super) fn content_encryption(&mut self, names: &[Located<String>]) -> Option<ContentEncryptionSet> {
        self.by_name("content encryption algorithm", names, &ContentEncryption::ALL, ContentEncryption::name)
    }

    fn by_name<A: Copy, S: FromIterator<A>>(
        &mut self,
        kind: &str,
        names: &[Located<String>],
        all: &[A],
        name_of: impl Fn(A) -> &'static str,
    ) -> Option<S> {
        let mut known = Vec::new();
        for name in names {
            match all.iter().find(|algorithm| name_of(**algorithm) == name.as_str()) {
                Some(algorithm) => known.push(*algorithm),
                None => self.no_algorithm(kind, name, all.iter().map(|algorithm| name_of(*algorithm))),
            }
        }
        (known.len() == names.len() && !known.is_empty()).then(|| known.into_iter().collect())
    }

    fn no_algorithm<'n>(&mut self, kind: &str, name: &Located<String>, known: impl Iterator<Item = &'n str>) {
        let hint = did_you_mean(name, known);
        let what = match name.as_str() {
            "none" => "\"none\" is never accepted".to_owned(),
            _ => format!("no {kind} {:?}{hint}", name.value),
        };
        self.problem(&name.place, what);
    }
}
