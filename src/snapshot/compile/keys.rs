//! Which keys does each key set of the file give?

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::Compiler;
use crate::config::schema::{self, KeyFile, KeyOrigin, TokenKind};
use crate::config::{Config, Located, Place};
use crate::jose::WeakKeys;
use crate::keys::{
    Definition, Endpoint, KeyFormat, KeyPolicy, KeySource, Needed, Origin, PerRequestDefinition, PerRequestPlace,
    PerRequestSource, Purpose, RemoteDefinition, SecretEncoding, SourceError, Times, without_query,
};
use crate::watched::{Refresh, Reread};

/// The sources of a key set.
#[derive(Debug, Default)]
pub(super) struct KeySet {
    /// The same for every request.
    pub fixed: Vec<Arc<KeySource>>,
    /// Named by requests.
    pub named: Vec<Arc<PerRequestSource>>,
}

impl<'c> Compiler<'c> {
    pub(super) fn compile_key_sets(&mut self) {
        let config = self.config;
        self.copies_are_single();
        for written in &config.keys {
            let before = self.problems.len();
            let purpose = purpose_of(config, &written.name);
            let mut set = KeySet::default();
            for source in &written.sources {
                self.key_source(key_source_name(&written.name, source), source, purpose, &mut set);
            }
            let whole = self.problems.len() == before && !written.sources.is_empty();
            self.key_sets.insert(&written.name.value, whole.then_some(set));
        }
    }

    /// Two sources with one copy would start with each other's keys.
    fn copies_are_single(&mut self) {
        let config = self.config;
        let copies = config.keys.iter().flat_map(|set| &set.sources).filter_map(|source| match &source.from {
            KeyOrigin::JwksUrl(_, keys) | KeyOrigin::Discovery(_, keys) => keys.saved_copy.as_ref(),
            KeyOrigin::JwksFile(_)
            | KeyOrigin::PemFile(_)
            | KeyOrigin::Jwks(_)
            | KeyOrigin::Secret(_)
            | KeyOrigin::SecretFile(..) => None,
        });
        let mut seen: Vec<&Located<PathBuf>> = Vec::new();
        for copy in copies {
            if seen.iter().any(|earlier| earlier.value == copy.value) {
                self.problem(&copy.place, "another source keeps its copy there");
            }
            seen.push(copy);
        }
    }

    fn key_source(&mut self, name: String, source: &schema::KeySource, purpose: Purpose, set: &mut KeySet) {
        let algorithms = source.algorithms.as_ref().map(|names| self.key_algorithms(names));
        let algorithms = match algorithms {
            None => None,
            Some(Some(known)) => Some(known),
            Some(None) => return,
        };
        let weak = match source.weak_keys {
            schema::WeakKeys::Refuse => WeakKeys::Refuse,
            schema::WeakKeys::DangerouslyAllow => WeakKeys::DangerouslyAllow,
        };
        let policy = KeyPolicy { algorithms, kid: source.kid.clone(), weak, purpose };
        if let Some(lifetime) = source.cache {
            set.named.extend(self.per_request_source(name, source, lifetime, policy));
        } else {
            set.fixed.extend(self.fixed_source(name, source, policy));
        }
    }

    fn fixed_source(&mut self, name: String, source: &schema::KeySource, policy: KeyPolicy) -> Option<Arc<KeySource>> {
        let (origin, place) = fixed_origin(&source.from);
        let definition = Definition { origin, format: format_of(&source.from), policy };
        let same = |known: &&Arc<KeySource>| *known.definition() == definition;
        let known = self.environment.previous.and_then(|previous| previous.key_sources.iter().find(same));
        let opened = match known {
            Some(known) => match known.refresh(Reread::UnlessGood) {
                Refresh::Unchanged => Ok((Arc::clone(known), Vec::new())),
                Refresh::Loaded { warnings } => Ok((Arc::clone(known), warnings)),
                Refresh::Failed(problem) => Err(SourceError::new(problem)),
            },
            None => KeySource::open(name, definition, self.environment.now)
                .map(|(opened, warnings)| (Arc::new(opened), warnings)),
        };
        match opened {
            Ok((opened, warnings)) => {
                warnings.into_iter().for_each(|warning| self.warning(&place, warning));
                Some(opened)
            }
            Err(error) => {
                self.problem(&place, error.to_string());
                None
            }
        }
    }

    fn per_request_source(
        &mut self,
        name: String,
        source: &schema::KeySource,
        lifetime: Duration,
        policy: KeyPolicy,
    ) -> Option<Arc<PerRequestSource>> {
        let (template, place) = match &source.from {
            KeyOrigin::JwksFile(file) | KeyOrigin::PemFile(file) | KeyOrigin::SecretFile(file, _) => {
                (&file.name, PerRequestPlace::File(file.folder.clone()))
            }
            KeyOrigin::JwksUrl(url, _) | KeyOrigin::Discovery(url, _) => {
                let Origin::Remote(mut remote) = fixed_origin(&source.from).0 else { return None };
                remote.times.refresh = lifetime;
                (url, PerRequestPlace::Remote(remote))
            }
            KeyOrigin::Jwks(_) | KeyOrigin::Secret(_) => return None,
        };
        self.judge_name(template, &place)?;
        let template = template.value.clone();
        let definition = PerRequestDefinition { template, place, format: format_of(&source.from), policy, lifetime };
        let same = |known: &&Arc<PerRequestSource>| *known.definition() == definition;
        let known = self.environment.previous.and_then(|previous| previous.per_request_sources.iter().find(same));
        let opened = match known {
            Some(known) => Ok(Arc::clone(known)),
            None => PerRequestSource::new(name, definition).map(Arc::new),
        };
        opened.map_err(|error| self.problem(&source.place, error.to_string())).ok()
    }
}

/// What logs and metrics call a source: its key set, and where it is. The same as long as these are.
pub fn key_source_name(set: &str, source: &schema::KeySource) -> String {
    let place = match &source.from {
        KeyOrigin::JwksFile(file) | KeyOrigin::PemFile(file) | KeyOrigin::SecretFile(file, _) => file.name.as_str(),
        KeyOrigin::JwksUrl(url, _) | KeyOrigin::Discovery(url, _) => without_query(url),
        KeyOrigin::Jwks(_) | KeyOrigin::Secret(_) => "inline",
    };
    format!("{set} ({place})")
}

fn fixed_origin(from: &KeyOrigin) -> (Origin, Place) {
    let file = |file: &KeyFile| (Origin::File(file.path()), file.name.place.clone());
    let inline = |secret: &Located<crate::config::Secret>| {
        (Origin::Inline(Zeroizing::new(secret.expose().to_vec())), secret.place.clone())
    };
    let remote = |endpoint: Endpoint, url: &Located<String>, keys: &schema::RemoteKeys| {
        (Origin::Remote(remote_definition(endpoint, keys)), url.place.clone())
    };
    match from {
        KeyOrigin::JwksFile(name) | KeyOrigin::PemFile(name) | KeyOrigin::SecretFile(name, _) => file(name),
        KeyOrigin::Jwks(text) | KeyOrigin::Secret(text) => inline(text),
        KeyOrigin::JwksUrl(url, keys) => remote(Endpoint::Jwks(url.value.clone()), url, keys),
        KeyOrigin::Discovery(issuer, keys) => remote(Endpoint::Discovery(issuer.value.clone()), issuer, keys),
    }
}

fn remote_definition(endpoint: Endpoint, keys: &schema::RemoteKeys) -> RemoteDefinition {
    RemoteDefinition {
        endpoint,
        times: Times {
            refresh: keys.refresh,
            stale_for: keys.stale_for,
            unknown_kid_cooldown: keys.unknown_kid_cooldown,
        },
        timeout: keys.timeout,
        needed: match keys.required {
            schema::Required::Yes => Needed::ForReadiness,
            schema::Required::No => Needed::WhenAsked,
        },
        saved_copy: keys.saved_copy.as_ref().map(|file| file.value.clone()),
        ca: keys.ca.as_ref().map(|file| file.value.clone()),
    }
}

fn format_of(from: &KeyOrigin) -> KeyFormat {
    match from {
        KeyOrigin::JwksFile(_) | KeyOrigin::Jwks(_) | KeyOrigin::JwksUrl(..) | KeyOrigin::Discovery(..) => {
            KeyFormat::Jwks
        }
        KeyOrigin::PemFile(_) => KeyFormat::Pem,
        // The octets are decoded already.
        KeyOrigin::Secret(_) => KeyFormat::Secret(SecretEncoding::Utf8),
        KeyOrigin::SecretFile(_, encoding) => KeyFormat::Secret(secret_encoding(*encoding)),
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
