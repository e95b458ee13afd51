//! Which keys does this JWK or JWK Set give, and why not the others? (RFC 7517, RFC 7518 §6, RFC 8037 §2.)
//!
//! One JWK gives a key to verify with, one to decrypt with, or both: `use`, `key_ops` and `alg` say which, and where they
//! say nothing, type and curve do.

use super::algorithm::JwsAlgorithm;
use super::base64url;
use super::decryption_key::DecryptionKey;
use super::encryption::{ContentEncryption, KeyManagement};
use super::error::KeyError;
use super::header::MAX_KEY_ID;
use super::json::{Json, Object};
use super::key::{Curve, VerificationKey, WeakKeys};

/// Bytes of a key file.
pub(super) const MAX_KEY_FILE: usize = 1024 * 1024;
/// Keys of one file.
pub(super) const MAX_KEYS: usize = 1000;

/// The usable keys of a JWK Set, and word of the others.
#[derive(Clone, Debug, Default)]
pub struct JwkSet {
    /// The keys that verify, in the order of the set. Both lists may be empty: the caller decides whether that is an
    /// error.
    pub verification_keys: Vec<VerificationKey>,
    /// The keys that decrypt.
    pub decryption_keys: Vec<DecryptionKey>,
    /// The keys that can be used for neither (RFC 7517 §5).
    pub skipped: Vec<Skipped>,
    /// The keys that only verify and come with their private half: used, but the operator must hear of it.
    pub private_members: Vec<PrivateMember>,
}

/// A key of a set that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Place in the set, counted from 0.
    pub index: usize,
    /// Its `kid`, if it has one that is a string of at most 1 KiB. Text from the set: escape it in a log.
    pub kid: Option<String>,
    /// Why it is not used.
    pub reason: KeyError,
}

/// A key that verifies and carries `d`, its private part, which is not used and not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateMember {
    /// Place in the set, counted from 0.
    pub index: usize,
    /// Its `kid`, if it has one that is a string of at most 1 KiB. Text from the set: escape it in a log.
    pub kid: Option<String>,
}

impl JwkSet {
    /// Reads a JWK Set (RFC 7517 §5), or a single JWK as a set of one. At most 1 MiB and 1,000 keys.
    ///
    /// # Errors
    /// [`KeyError`] when the whole is unreadable. A single key that cannot be used is not an error: it is skipped.
    pub fn parse(text: &[u8], weak: WeakKeys) -> Result<Self, KeyError> {
        if text.len() > MAX_KEY_FILE {
            return Err(KeyError::TooLarge);
        }
        Self::from_json(&Json::parse(text).map_err(KeyError::Json)?, weak)
    }

    /// The same for JSON that is already read.
    ///
    /// # Errors
    /// As [`JwkSet::parse`].
    pub fn from_json(set: &Json, weak: WeakKeys) -> Result<Self, KeyError> {
        let keys = match set.member("keys") {
            Some(keys) => keys.as_array().ok_or(KeyError::NotAKeySet)?,
            None if set.member("kty").is_some() => std::slice::from_ref(set),
            None => return Err(KeyError::NotAKeySet),
        };
        if keys.len() > MAX_KEYS {
            return Err(KeyError::TooManyKeys);
        }
        let mut result = Self::default();
        for (index, jwk) in keys.iter().enumerate() {
            result.add(index, jwk, weak);
        }
        Ok(result)
    }

    fn add(&mut self, index: usize, jwk: &Json, weak: WeakKeys) {
        let kid = || jwk.as_object().and_then(|members| key_id(members).ok()).flatten();
        let is_private = jwk.member("d").is_some() && jwk.member("kty").and_then(Json::as_str) != Some("oct");
        match (VerificationKey::from_jwk(jwk, weak), DecryptionKey::from_jwk(jwk, weak)) {
            (Err(not_verifying), Err(not_decrypting)) => {
                let reason = the_reason(jwk, not_verifying, not_decrypting);
                self.skipped.push(Skipped { index, kid: kid(), reason });
            }
            (Ok(key), Err(_)) => {
                self.verification_keys.push(key);
                if is_private {
                    self.private_members.push(PrivateMember { index, kid: kid() });
                }
            }
            (verification, Ok(key)) => {
                self.verification_keys.extend(verification);
                self.decryption_keys.push(key);
            }
        }
    }
}

/// Of two reasons the one that matters to whoever made the key: what it was made for cannot be done with it.
fn the_reason(jwk: &Json, not_verifying: KeyError, not_decrypting: KeyError) -> KeyError {
    let forbidden = |reason: &KeyError| matches!(reason, KeyError::UseForbids | KeyError::OperationsForbid);
    let is_for_agreement = matches!(jwk.member("crv").and_then(Json::as_str), Some("X25519" | "X448"));
    let names_encryption = jwk.member("alg").and_then(Json::as_str).is_some_and(is_encryption);
    if forbidden(&not_verifying) && !forbidden(&not_decrypting) || is_for_agreement || names_encryption {
        not_decrypting
    } else {
        not_verifying
    }
}

fn is_encryption(alg: &str) -> bool {
    KeyManagement::from_name(alg).is_some() || ContentEncryption::from_name(alg).is_some()
}

impl VerificationKey {
    /// The key of one JWK (RFC 7517 §4). `alg` decides its one algorithm; without it, type and curve do.
    ///
    /// # Errors
    /// [`KeyError`] that says what stands in the way of using it.
    pub fn from_jwk(jwk: &Json, weak: WeakKeys) -> Result<Self, KeyError> {
        let members = jwk.as_object().ok_or(KeyError::NotAnObject)?;
        judge_use(members, "sig")?;
        judge_operations(members, &["verify"], &["sign"])?;
        let key = match text(members, "kty")? {
            "oct" => from_oct(members, weak),
            "RSA" => Self::from_rsa(&octets(members, "n")?, &octets(members, "e")?, weak),
            "EC" => from_ec(members),
            "OKP" => from_okp(members),
            _ => Err(KeyError::UnknownKeyType),
        }?;
        let key = match optional_text(members, "alg")? {
            Some(name) => key.only(JwsAlgorithm::from_name(name).ok_or(KeyError::UnknownAlgorithm)?)?,
            None => key,
        };
        Ok(key.with_kid(key_id(members)?))
    }
}

fn from_oct(members: &Object, weak: WeakKeys) -> Result<VerificationKey, KeyError> {
    let secret = base64url::decode_secret(text(members, "k")?).ok_or_else(|| not_base64url("k"))?;
    VerificationKey::from_secret(&secret, weak)
}

fn from_ec(members: &Object) -> Result<VerificationKey, KeyError> {
    let curve = match text(members, "crv")? {
        "P-256" => Curve::P256,
        "P-384" => Curve::P384,
        "P-521" => Curve::P521,
        "secp256k1" => Curve::Secp256k1,
        _ => return Err(KeyError::UnknownCurve),
    };
    let mut point = vec![4];
    point.extend(coordinate(members, "x", curve)?);
    point.extend(coordinate(members, "y", curve)?);
    VerificationKey::from_point(curve, &point)
}

fn from_okp(members: &Object) -> Result<VerificationKey, KeyError> {
    let curve = match text(members, "crv")? {
        "Ed25519" => Curve::Ed25519,
        "Ed448" => Curve::Ed448,
        _ => return Err(KeyError::UnknownCurve),
    };
    VerificationKey::from_edwards(curve, &coordinate(members, "x", curve)?)
}

/// Always the full length of the curve, leading zeros included (RFC 7518 §6.2.1.2).
fn coordinate(members: &Object, name: &'static str, curve: Curve) -> Result<Vec<u8>, KeyError> {
    let octets = octets(members, name)?;
    if octets.len() == curve.octets() { Ok(octets) } else { Err(KeyError::BadMember(name, "has the wrong length")) }
}

pub(super) fn not_base64url(name: &'static str) -> KeyError {
    KeyError::BadMember(name, "is not strict base64url")
}

pub(super) fn octets(members: &Object, name: &'static str) -> Result<Vec<u8>, KeyError> {
    base64url::decode(text(members, name)?).ok_or_else(|| not_base64url(name))
}

pub(super) fn text<'m>(members: &'m Object, name: &'static str) -> Result<&'m str, KeyError> {
    optional_text(members, name)?.ok_or(KeyError::MissingMember(name))
}

pub(super) fn optional_text<'m>(members: &'m Object, name: &'static str) -> Result<Option<&'m str>, KeyError> {
    members.get(name).map(|value| value.as_str().ok_or(KeyError::BadMember(name, "is not a string"))).transpose()
}

/// A `kid` longer than a token's may be could never be asked for.
pub(super) fn key_id(members: &Object) -> Result<Option<String>, KeyError> {
    match optional_text(members, "kid")? {
        Some(kid) if kid.len() > MAX_KEY_ID => Err(KeyError::BadMember("kid", "is longer than 1 KiB")),
        kid => Ok(kid.map(String::from)),
    }
}

pub(super) fn judge_use(members: &Object, own: &str) -> Result<(), KeyError> {
    match optional_text(members, "use")? {
        None => Ok(()),
        Some(stated) if stated == own => Ok(()),
        Some(_) => Err(KeyError::UseForbids),
    }
}

/// The operations that a private key or a secret may have besides are those of whoever made the key for both halves.
pub(super) fn judge_operations(members: &Object, own: &[&str], with_private: &[&str]) -> Result<(), KeyError> {
    let Some(operations) = members.get("key_ops") else {
        return Ok(());
    };
    let operations = operations.as_array().ok_or(KeyError::BadMember("key_ops", "is not an array"))?;
    let holds_private_half = members.get("d").is_some() || members.get("k").is_some();
    let mut allowed = false;
    for operation in operations {
        let operation =
            operation.as_str().ok_or(KeyError::BadMember("key_ops", "holds something other than strings"))?;
        allowed |= own.contains(&operation) || holds_private_half && with_private.contains(&operation);
    }
    if allowed { Ok(()) } else { Err(KeyError::OperationsForbid) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests;
