//! Does `jose` agree with what others wrote down? The examples of the standards, and the cases of Wycheproof.
//!
//! Both are facts: keys, tokens, verdicts. Those of Wycheproof stand beside this file in a form of our own; those of the
//! standards are read from a library that carries them (`tests/fixtures/rfc_vectors.py`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod differences;
mod rfc;
mod wycheproof;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::jose::{DecryptionLimits, EncryptedToken, JwkSet, SignedToken, WeakKeys};
use serde_json::{Value, json};

/// Octets that a token may have: what the gateway allows by default.
const LARGEST: usize = 16 * 1024;

/// The usable keys among these.
fn keys_of(keys: &[Value]) -> JwkSet {
    let set = json!({ "keys": keys }).to_string();
    JwkSet::parse(set.as_bytes(), WeakKeys::Refuse).expect("a set, whatever its keys are")
}

/// The payload of a signed token, if one of the keys that the rules of `keys` choose verifies it.
fn verified(token: &str, keys: &JwkSet) -> Option<Vec<u8>> {
    let token = SignedToken::parse(token, LARGEST).ok()?;
    let named = chosen(token.key_id(), keys.verification_keys.iter().map(|key| (key.kid(), key)));
    let verifies = named.into_iter().any(|key| token.verify(key).is_ok());
    verifies.then(|| token.payload().to_vec())
}

/// The content of an encrypted token, if one of the keys opens it.
fn decrypted(token: &str, keys: &JwkSet) -> Option<Vec<u8>> {
    let token = EncryptedToken::parse(token, LARGEST).ok()?;
    let named = chosen(token.key_id(), keys.decryption_keys.iter().map(|key| (key.kid(), key)));
    let limits = DecryptionLimits::default();
    named.into_iter().find_map(|key| token.decrypt(key, &limits).ok()).map(|content| content.to_vec())
}

/// Keys of the token's id; if there are none, keys without one; all keys for a token without one.
fn chosen<'k, K>(kid: Option<&str>, keys: impl Iterator<Item = (Option<&'k str>, &'k K)>) -> Vec<&'k K> {
    let keys: Vec<_> = keys.collect();
    let named = |wanted: Option<&str>| {
        let fitting = keys.iter().filter(|(own, _)| *own == wanted);
        fitting.map(|(_, key)| *key).collect::<Vec<_>>()
    };
    match kid {
        None => keys.iter().map(|(_, key)| *key).collect(),
        Some(kid) if named(Some(kid)).is_empty() => named(None),
        Some(kid) => named(Some(kid)),
    }
}

fn base64url(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

fn unbase64url(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url without padding")
}
