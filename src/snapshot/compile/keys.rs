//! Which keys does each key set of the file give?

use std::sync::Arc;

use zeroize::Zeroizing;

use super::Compiler;
use crate::config::schema::{self, KeyOrigin};
use crate::config::{Located, Place, did_you_mean};
use crate::jose::{AlgorithmSet, JwsAlgorithm, WeakKeys};
use crate::keys::{Definition, KeyFormat, KeyPolicy, KeySource, Origin, Refresh, Reread, SecretEncoding};

impl<'c> Compiler<'c> {
    pub(super) fn compile_key_sets(&mut self) {
        let config = self.config;
        for set in &config.keys {
            let before = self.problems.len();
            let sources: Vec<_> = set.sources.iter().filter_map(|source| self.key_source(source)).collect();
            let whole = self.problems.len() == before && !sources.is_empty();
            self.key_sets.insert(&set.name.value, whole.then_some(sources));
        }
    }

    fn key_source(&mut self, source: &schema::KeySource) -> Option<Arc<KeySource>> {
        let (definition, place) = self.definition(source)?;
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

    fn definition(&mut self, source: &schema::KeySource) -> Option<(Definition, Place)> {
        let algorithms = match &source.algorithms {
            Some(names) => Some(self.algorithms(names)?),
            None => None,
        };
        let weak = match source.weak_keys {
            schema::WeakKeys::Refuse => WeakKeys::Refuse,
            schema::WeakKeys::DangerouslyAllow => WeakKeys::DangerouslyAllow,
        };
        let policy = KeyPolicy { algorithms, kid: source.kid.clone(), weak };
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

    /// Algorithms by name; every unknown one is reported.
    pub(super) fn algorithms(&mut self, names: &[Located<String>]) -> Option<AlgorithmSet> {
        let mut known = Vec::new();
        for name in names {
            match JwsAlgorithm::from_name(name) {
                Some(algorithm) => known.push(algorithm),
                None => {
                    let hint = did_you_mean(name, JwsAlgorithm::ALL.iter().map(|algorithm| algorithm.name()));
                    let what = match name.as_str() {
                        "none" => "\"none\" is never accepted".to_owned(),
                        "ES512" | "ES256K" | "Ed448" => format!("{:?} is not built yet", name.value),
                        _ => format!("no signature algorithm {:?}{hint}", name.value),
                    };
                    self.problem(&name.place, what);
                }
            }
        }
        (known.len() == names.len() && !known.is_empty()).then(|| known.into_iter().collect())
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
