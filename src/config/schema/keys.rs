//! What may an operator write about the keys that tokens are verified with?

use std::path::PathBuf;

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
    JwksFile(Located<PathBuf>),
    /// A public key or certificate in PEM (RFC 7468).
    PemFile(Located<PathBuf>),
    /// The JWK Set as JSON text (the YAML below `jwks:` written as JSON).
    Jwks(Located<Secret>),
    /// Octets, already decoded.
    Secret(Located<Secret>),
    /// A file of a secret in the given encoding; one trailing newline is not part of it.
    SecretFile(Located<PathBuf>, SecretEncoding),
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
