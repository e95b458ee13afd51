//! What may an operator write about the keys of tokens?

use std::path::PathBuf;
use std::time::Duration;

use super::super::place::{Located, Place};
use super::super::secret::Secret;

/// A named list of places where keys come from.
#[derive(Debug)]
pub struct KeySet {
    /// What realms call it.
    pub name: Located<String>,
    /// All are used together.
    pub sources: Vec<KeySource>,
}

/// One place where keys come from.
#[derive(Debug)]
pub struct KeySource {
    /// Where it stands in the file.
    pub place: Place,
    /// The place itself.
    pub from: KeyOrigin,
    /// For a place whose name is a template: how long the keys of a name are used before they are looked for again.
    pub cache: Option<Duration>,
    /// Restricts what the source's keys may be used for; names as written.
    pub algorithms: Option<Vec<Located<String>>>,
    /// Given to a key that has none, or picks one key of a set.
    pub kid: Option<String>,
    /// Whether keys under the minimum size are used.
    pub weak_keys: WeakKeys,
}

/// Where keys come from.
#[derive(Debug)]
pub enum KeyOrigin {
    /// A JWK Set or a single JWK (RFC 7517 §4, §5).
    JwksFile(KeyFile),
    /// A public key or certificate in PEM (RFC 7468).
    PemFile(KeyFile),
    /// The JWK Set as JSON text (the YAML below `jwks:` written as JSON).
    Jwks(Located<Secret>),
    /// Octets, already decoded.
    Secret(Located<Secret>),
    /// A file of a secret in the given encoding; one trailing newline is not part of it.
    SecretFile(KeyFile, SecretEncoding),
    /// A URL of a JWK Set, which may be a template.
    JwksUrl(Located<String>, RemoteKeys),
    /// The issuer of an OpenID provider, which may be a template (OpenID Connect Discovery 1.0 §4).
    Discovery(Located<String>, RemoteKeys),
}

/// A file name, which may be a template.
#[derive(Debug)]
pub struct KeyFile {
    /// The name as written.
    pub name: Located<String>,
    /// The folder that relative names are relative to.
    pub folder: PathBuf,
}

impl KeyFile {
    /// The file, if the name is not a template.
    pub fn path(&self) -> PathBuf {
        self.folder.join(&self.name.value)
    }
}

/// How keys are fetched.
#[derive(Debug)]
pub struct RemoteKeys {
    /// Between two fetches, if the answer does not say less.
    pub refresh: Duration,
    /// How long the last good keys are used while fetching fails.
    pub stale_for: Duration,
    /// At most one fetch out of turn in this time.
    pub unknown_kid_cooldown: Duration,
    /// How long one fetch may take.
    pub timeout: Duration,
    /// Whether `/ready` waits for the first keys.
    pub required: Required,
    /// Where a copy is kept for the next start.
    pub saved_copy: Option<Located<PathBuf>>,
    /// The authorities trusted; default: the system's.
    pub ca: Option<Located<PathBuf>>,
}

impl Default for RemoteKeys {
    fn default() -> Self {
        Self {
            refresh: Duration::from_secs(10 * 60),
            stale_for: Duration::from_secs(24 * 60 * 60),
            unknown_kid_cooldown: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            required: Required::Yes,
            saved_copy: None,
            ca: None,
        }
    }
}

/// `required`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Required {
    /// `/ready` waits.
    Yes,
    /// It does not.
    No,
}

/// How the octets of a secret are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretEncoding {
    /// The octets of the text itself.
    Utf8,
    /// RFC 4648 §4; padding optional.
    Base64,
    /// RFC 4648 §5; padding optional.
    Base64Url,
    /// RFC 4648 §8; either case.
    Hex,
}

/// `dangerously_allow_weak`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeakKeys {
    /// RSA under 2048 bits and secrets shorter than the hash (RFC 7518 §3.2) are not used.
    Refuse,
    /// They are.
    DangerouslyAllow,
}
