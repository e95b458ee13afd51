//! Which keys does each key set of the file give?

use std::sync::Arc;

use zeroize::Zeroizing;

use super::Compiler;
use crate::config::schema::{self, KeyOrigin, TokenKind};
use crate::config::{Config, Located, Place, did_you_mean};
use crate::jose::{
    AlgorithmSet, ContentEncryption, ContentEncryptionSet, JwsAlgorithm, KeyManagement, KeyManagementSet, WeakKeys,
};
use crate::keys::{
    Algorithms, Definition, KeyFormat, KeyPolicy, KeySource, Origin, Purpose, Refresh, Reread, SecretEncoding,
};

impl<'c> Compiler<'c> {
    pub(super) fn compile_key_sets(&mut self) {
        let config = self.config;
        for set in &config.keys {
            let before = self.problems.len();
            let purpose = purpose_of(config, &set.name);
            let sources: Vec<_> = set.sources.iter().filter_map(|source| self.key_source(source, purpose)).collect();
            let whole = self.problems.len() == before && !sources.is_empty();
            self.key_sets.insert(&set.name.value, whole.then_some(sources));
        }
    }

    fn key_source(&mut self, source: &schema::KeySource, purpose: Purpose) -> Option<Arc<KeySource>> {
        let (definition, place) = self.definition(source, purpose)?;
        let same = |known: &&Arc<KeySource>| *known.definition() == definition;
        if let Some(known) = self.environment.previous.and_then(|previous| previous.key_sources.iter().find(same)) {
            return match known.refresh(Reread::UnlessGood) {
                Refresh::Unchanged => Some(Arc::clone(known)),
                Refresh::Loaded { warnings } => {
                    self.source_warnings(&place, warnings);
                    Some(Arc::clone(known))
                }
                Refresh::Failed(error) => {
                    self.problem(&place, error.to_string());
                    None
                }
            };
        }
        match KeySource::open(source.place.path.clone(), definition) {
            Ok((opened, warnings)) => {
                self.source_warnings(&place, warnings);
                Some(Arc::new(opened))
            }
            Err(error) => {
                self.problem(&place, error.to_string());
                None
            }
        }
    }

    fn source_warnings(&mut self, place: &Place, warnings: Vec<String>) {
        for warning in warnings {
            self.warning(place, warning);
        }
    }

    fn definition(&mut self, source: &schema::KeySource, purpose: Purpose) -> Option<(Definition, Place)> {
        let algorithms = match &source.algorithms {
            Some(names) => Some(self.key_algorithms(names)?),
            None => None,
        };
        let weak = match source.weak_keys {
            schema::WeakKeys::Refuse => WeakKeys::Refuse,
            schema::WeakKeys::DangerouslyAllow => WeakKeys::DangerouslyAllow,
        };
        let policy = KeyPolicy { algorithms, kid: source.kid.clone(), weak, purpose };
        let file = |path: &Located<std::path::PathBuf>| (Origin::File(path.value.clone()), path.place.clone());
        let inline = |secret: &Located<crate::config::Secret>| {
            (Origin::Inline(Zeroizing::new(secret.expose().to_vec())), secret.place.clone())
        };
        let ((origin, place), format) = match &source.from {
            KeyOrigin::JwksFile(path) => (file(path), KeyFormat::Jwks),
            KeyOrigin::PemFile(path) => (file(path), KeyFormat::Pem),
            KeyOrigin::Jwks(text) => (inline(text), KeyFormat::Jwks),
            // The octets are decoded already.
            KeyOrigin::Secret(secret) => (inline(secret), KeyFormat::Secret(SecretEncoding::Utf8)),
            KeyOrigin::SecretFile(path, encoding) => (file(path), KeyFormat::Secret(secret_encoding(*encoding))),
        };
        Some((Definition { origin, format, policy }, place))
    }

    /// What keys may be used for, by the names of algorithms of either kind.
    fn key_algorithms(&mut self, names: &[Located<String>]) -> Option<Algorithms> {
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

/// What realms use a key set for.
fn purpose_of(config: &Config, set: &str) -> Purpose {
    let names = |names: &[Located<String>]| names.iter().any(|name| name.value == set);
    let (mut verifies, mut decrypts) = (false, false);
    for realm in &config.realms {
        verifies |= realm.kind != TokenKind::Encrypted && names(&realm.keys);
        decrypts |= realm.kind != TokenKind::Signed && names(realm.encryption.keys.as_ref().unwrap_or(&realm.keys));
    }
    match (verifies, decrypts) {
        (true, false) => Purpose::Verify,
        (false, true) => Purpose::Decrypt,
        (true, true) | (false, false) => Purpose::Both,
    }
}

fn secret_encoding(encoding: schema::SecretEncoding) -> SecretEncoding {
    match encoding {
        schema::SecretEncoding::Utf8 => SecretEncoding::Utf8,
        schema::SecretEncoding::Base64 => SecretEncoding::Base64,
        schema::SecretEncoding::Base64Url => SecretEncoding::Base64Url,
        schema::SecretEncoding::Hex => SecretEncoding::Hex,
    }
}
