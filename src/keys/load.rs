//! Which usable keys do these octets hold?

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::jose::{AlgorithmSet, JwkSet, VerificationKey, WeakKeys};

/// What the octets of a source are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFormat {
    /// A JWK Set or a single JWK (RFC 7517).
    Jwks,
    /// Public keys or certificates in PEM (RFC 7468).
    Pem,
    /// One shared secret.
    Secret(SecretEncoding),
}

/// How the octets of a secret are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretEncoding {
    /// They are the text.
    Utf8,
    /// RFC 4648 §4.
    Base64,
    /// RFC 4648 §5, with or without padding.
    Base64Url,
    /// RFC 4648 §8.
    Hex,
}

/// What an entry of the configuration says about all keys of its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPolicy {
    /// Only these algorithms; `None`: all that the key's type allows.
    pub algorithms: Option<AlgorithmSet>,
    /// Picks the keys of a set that have this id, or names a key that has none.
    pub kid: Option<String>,
    /// Whether weak keys may be used.
    pub weak: WeakKeys,
}

/// Why a source gave no keys, in words and without key material.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceError(String);

impl SourceError {
    /// States a problem.
    pub fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The usable keys of a source, and word of what was left out.
#[derive(Debug)]
pub struct Loaded {
    /// At least one.
    pub keys: Vec<VerificationKey>,
    /// For the operator, one line each.
    pub warnings: Vec<String>,
}

/// Reads the keys. A source without one usable key is an error that says why each was left out.
pub fn keys(format: KeyFormat, octets: &[u8], policy: &KeyPolicy) -> Result<Loaded, SourceError> {
    let mut warnings = Vec::new();
    let keys = match format {
        KeyFormat::Jwks => from_jwks(octets, policy, &mut warnings)?,
        KeyFormat::Pem => {
            VerificationKey::from_pem(octets, policy.weak).map_err(|error| SourceError(error.to_string()))?
        }
        KeyFormat::Secret(encoding) => vec![from_secret(octets, encoding, policy)?],
    };
    let mut usable = Vec::new();
    for key in keys {
        match apply(key, policy) {
            Ok(Some(key)) => usable.push(key),
            Ok(None) => {}
            Err(why) => warnings.push(why),
        }
    }
    if usable.is_empty() {
        let why = if warnings.is_empty() { String::new() } else { format!(": {}", warnings.join("; ")) };
        return Err(SourceError(format!("no usable key{why}")));
    }
    if usable.iter().any(VerificationKey::is_weak) {
        warnings.push("a weak key is used, because dangerously_allow_weak is set".to_owned());
    }
    Ok(Loaded { keys: usable, warnings })
}

fn from_jwks(
    octets: &[u8],
    policy: &KeyPolicy,
    warnings: &mut Vec<String>,
) -> Result<Vec<VerificationKey>, SourceError> {
    let set = JwkSet::parse(octets, policy.weak).map_err(|error| SourceError(error.to_string()))?;
    let named = |index: usize, kid: Option<&str>| match kid {
        Some(kid) => format!("key {index} (kid {kid:?})"),
        None => format!("key {index}"),
    };
    for skipped in &set.skipped {
        warnings.push(format!("{} is not used: {}", named(skipped.index, skipped.kid.as_deref()), skipped.reason));
    }
    for private in &set.private_members {
        let key = named(private.index, private.kid.as_deref());
        warnings.push(format!("{key} holds its private part, which does not belong where tokens are verified"));
    }
    Ok(set.keys)
}

fn from_secret(octets: &[u8], encoding: SecretEncoding, policy: &KeyPolicy) -> Result<VerificationKey, SourceError> {
    let secret = decoded_secret(octets, encoding)?;
    VerificationKey::from_secret(&secret, policy.weak).map_err(|error| SourceError(error.to_string()))
}

/// The octets of a secret.
fn decoded_secret(octets: &[u8], encoding: SecretEncoding) -> Result<Zeroizing<Vec<u8>>, SourceError> {
    let lax = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let base64 = |alphabet| GeneralPurpose::new(alphabet, lax).decode(octets).ok();
    let decoded = match encoding {
        SecretEncoding::Utf8 => Some(octets.to_vec()),
        SecretEncoding::Base64 => base64(&alphabet::STANDARD),
        SecretEncoding::Base64Url => base64(&alphabet::URL_SAFE),
        SecretEncoding::Hex => from_hex(octets),
    };
    decoded
        .map(Zeroizing::new)
        .ok_or_else(|| SourceError("the secret is not in the encoding that `encoding` names".to_owned()))
}

fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |octet: u8| char::from(octet).to_digit(16);
    let pairs = text.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    });
    pairs.collect()
}

/// Applies `kid` and `algorithms` of the source: `None` for a key that is not the one picked.
fn apply(mut key: VerificationKey, policy: &KeyPolicy) -> Result<Option<VerificationKey>, String> {
    if let Some(wanted) = &policy.kid {
        match key.kid() {
            Some(kid) if kid == wanted => {}
            Some(_) => return Ok(None),
            None => key = key.with_kid(Some(wanted.clone())),
        }
    }
    match policy.algorithms {
        None => Ok(Some(key)),
        Some(algorithms) => {
            let name = key.describe();
            key.restrict(algorithms).map(Some).map_err(|error| format!("{name} is not used: {error}"))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::jose::JwsAlgorithm;

    fn policy() -> KeyPolicy {
        KeyPolicy { algorithms: None, kid: None, weak: WeakKeys::Refuse }
    }

    const SECRET: &[u8] = b"a-string-secret-at-least-256-bits-long";

    #[test]
    fn a_secret_is_read_in_each_encoding() {
        let text = SECRET.to_vec();
        let hex: String = SECRET.iter().map(|octet| format!("{octet:02x}")).collect();
        let standard = base64::engine::general_purpose::STANDARD.encode(SECRET);
        let url = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(SECRET);
        for (encoding, written) in [
            (SecretEncoding::Utf8, text),
            (SecretEncoding::Hex, hex.into_bytes()),
            (SecretEncoding::Base64, standard.into_bytes()),
            (SecretEncoding::Base64Url, url.into_bytes()),
        ] {
            assert_eq!(*decoded_secret(&written, encoding).unwrap(), SECRET, "{encoding:?}");
            assert_eq!(keys(KeyFormat::Secret(encoding), &written, &policy()).unwrap().keys.len(), 1);
        }
        assert!(keys(KeyFormat::Secret(SecretEncoding::Hex), b"abc", &policy()).is_err());
        assert!(keys(KeyFormat::Secret(SecretEncoding::Base64), b"*", &policy()).is_err());
    }

    #[test]
    fn class_3_a_short_secret_is_no_key() {
        for length in 0..32 {
            let error = keys(KeyFormat::Secret(SecretEncoding::Utf8), &SECRET[..length], &policy()).unwrap_err();
            assert!(!error.to_string().contains("a-string"), "{error}");
        }
        let weak = KeyPolicy { weak: WeakKeys::DangerouslyAllow, ..policy() };
        let loaded = keys(KeyFormat::Secret(SecretEncoding::Utf8), b"short", &weak).unwrap();
        assert!(loaded.warnings.iter().any(|warning| warning.contains("dangerously_allow_weak")));
        assert!(keys(KeyFormat::Secret(SecretEncoding::Utf8), b"", &weak).is_err());
    }

    #[test]
    fn a_source_says_which_keys_and_what_for() {
        let set = br#"{"keys":[
            {"kty":"oct","kid":"a","k":"YS1zdHJpbmctc2VjcmV0LWF0LWxlYXN0LTI1Ni1iaXRzLWxvbmc"},
            {"kty":"oct","kid":"b","k":"YS1zdHJpbmctc2VjcmV0LWF0LWxlYXN0LTI1Ni1iaXRzLWxvbmc"},
            {"kty":"oct","k":"YS1zdHJpbmctc2VjcmV0LWF0LWxlYXN0LTI1Ni1iaXRzLWxvbmc"},
            {"kty":"oct","kid":"short","k":"YQ"}]}"#;
        let all = keys(KeyFormat::Jwks, set, &policy()).unwrap();
        assert_eq!((all.keys.len(), all.warnings.len()), (3, 1));
        assert!(all.warnings[0].contains("\"short\""), "{:?}", all.warnings);
        let picked = keys(KeyFormat::Jwks, set, &KeyPolicy { kid: Some("b".into()), ..policy() }).unwrap();
        assert_eq!(picked.keys.iter().map(VerificationKey::kid).collect::<Vec<_>>(), [Some("b"), Some("b")]);
        let none: AlgorithmSet = [JwsAlgorithm::Rs256].into_iter().collect();
        let error = keys(KeyFormat::Jwks, set, &KeyPolicy { algorithms: Some(none), ..policy() }).unwrap_err();
        assert!(error.to_string().starts_with("no usable key"), "{error}");
    }
}
