//! Which usable keys do these octets hold?

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::jose::{
    AlgorithmSet, DecryptionKey, JwkSet, KeyError, KeyManagementSet, PemKeys, VerificationKey, WeakKeys,
};

/// What the octets of a source are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFormat {
    /// A JWK Set or a single JWK (RFC 7517).
    Jwks,
    /// Public keys, certificates, or private keys to decrypt with, in PEM (RFC 7468).
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
    pub algorithms: Option<Algorithms>,
    /// Picks the keys of a set that have this id, or names a key that has none.
    pub kid: Option<String>,
    /// Whether weak keys may be used.
    pub weak: WeakKeys,
    /// What realms use the source for.
    pub purpose: Purpose,
}

/// What keys are used for. A source without a key for any of it is an error; keys for anything else are not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Verifying signatures.
    Verify,
    /// Decrypting.
    Decrypt,
    /// Either.
    Both,
}

/// What keys may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Algorithms {
    /// Of signatures.
    pub signature: AlgorithmSet,
    /// Of encryption.
    pub key_management: KeyManagementSet,
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

/// Keys, by what they do. One key of a source may do both.
#[derive(Debug, Default)]
pub struct Keys {
    /// They verify signatures.
    pub verification: Vec<VerificationKey>,
    /// They decrypt.
    pub decryption: Vec<DecryptionKey>,
}

/// The usable keys of a source, and word of what was left out.
#[derive(Debug)]
pub struct Loaded {
    /// At least one.
    pub keys: Keys,
    /// For the operator, one line each.
    pub warnings: Vec<String>,
}

/// Reads the keys. A source without one usable key is an error that says why each was left out.
pub fn keys(format: KeyFormat, octets: &[u8], policy: &KeyPolicy) -> Result<Loaded, SourceError> {
    let mut notes = Notes::default();
    let read = match format {
        KeyFormat::Jwks => from_jwks(octets, policy.weak, &mut notes)?,
        KeyFormat::Pem => from_pem(octets, policy.weak, &mut notes)?,
        KeyFormat::Secret(encoding) => from_secret(&decoded_secret(octets, encoding)?, policy, &mut notes)?,
    };
    let keys = for_purpose(apply(read, policy, &mut notes), policy.purpose, &mut notes);
    let Notes { mut warnings, not_verifying, not_decrypting } = notes;
    if keys.verification.is_empty() && keys.decryption.is_empty() {
        warnings.extend(match policy.purpose {
            Purpose::Verify => not_verifying,
            Purpose::Decrypt => not_decrypting,
            Purpose::Both => [not_verifying, not_decrypting].concat(),
        });
        let why = if warnings.is_empty() { String::new() } else { format!(": {}", warnings.join("; ")) };
        return Err(SourceError(format!("no usable key{why}")));
    }
    if keys.verification.iter().any(VerificationKey::is_weak) || keys.decryption.iter().any(DecryptionKey::is_weak) {
        warnings.push("a weak key is used, because dangerously_allow_weak is set".to_owned());
    }
    Ok(Loaded { keys, warnings })
}

/// What there is to say of keys that were left out, one line each.
#[derive(Default)]
struct Notes {
    /// Always worth saying.
    warnings: Vec<String>,
    /// Worth saying where no key verifies,
    not_verifying: Vec<String>,
    /// and where none decrypts.
    not_decrypting: Vec<String>,
}

/// Keeps what is used, and says so of a private key that is not.
fn for_purpose(keys: Keys, purpose: Purpose, notes: &mut Notes) -> Keys {
    match purpose {
        Purpose::Both => keys,
        Purpose::Verify => {
            if !keys.verification.is_empty() {
                let private = keys.decryption.iter().filter(|key| key.is_private());
                notes.warnings.extend(private.map(|key| private_part(&named(key.kid(), key.describe()))));
            }
            Keys { decryption: Vec::new(), ..keys }
        }
        Purpose::Decrypt => {
            let public = keys.verification.iter();
            let public = public.map(|key| format!("{} only verifies", named(key.kid(), key.describe())));
            notes.not_decrypting.extend(public);
            Keys { verification: Vec::new(), ..keys }
        }
    }
}

fn named(kid: Option<&str>, what: String) -> String {
    kid.map_or_else(|| what.clone(), |kid| format!("{what} (kid {kid:?})"))
}

fn private_part(key: &str) -> String {
    format!("{key} holds its private part, which does not belong where tokens are verified")
}

fn problem(error: &KeyError) -> SourceError {
    SourceError(error.to_string())
}

fn from_jwks(octets: &[u8], weak: WeakKeys, notes: &mut Notes) -> Result<Keys, SourceError> {
    let set = JwkSet::parse(octets, weak).map_err(|error| problem(&error))?;
    for skipped in &set.skipped {
        let key = named(skipped.kid.as_deref(), format!("key {}", skipped.index));
        notes.warnings.push(format!("{key} is not used: {}", skipped.reason));
    }
    for private in &set.private_members {
        notes.warnings.push(private_part(&named(private.kid.as_deref(), format!("key {}", private.index))));
    }
    Ok(Keys { verification: set.verification_keys, decryption: set.decryption_keys })
}

fn from_pem(octets: &[u8], weak: WeakKeys, notes: &mut Notes) -> Result<Keys, SourceError> {
    let read = PemKeys::parse(octets, weak).map_err(|error| problem(&error))?;
    let private = read.decryption_keys.iter().map(|key| format!("{}: {}", key.describe(), KeyError::PrivateKey));
    notes.not_verifying.extend(private);
    Ok(Keys { verification: read.verification_keys, decryption: read.decryption_keys })
}

/// A secret of any length may be a password (PBES2), so one that is too short for signatures is still a key.
fn from_secret(secret: &[u8], policy: &KeyPolicy, notes: &mut Notes) -> Result<Keys, SourceError> {
    let verification = VerificationKey::from_secret(secret, policy.weak);
    let decryption = DecryptionKey::from_secret(secret, policy.weak);
    if let (Err(not_verifying), Err(not_decrypting)) = (&verification, &decryption) {
        return Err(problem(if policy.purpose == Purpose::Decrypt { not_decrypting } else { not_verifying }));
    }
    notes.not_verifying.extend(verification.as_ref().err().map(ToString::to_string));
    notes.not_decrypting.extend(decryption.as_ref().err().map(ToString::to_string));
    Ok(Keys { verification: verification.into_iter().collect(), decryption: decryption.into_iter().collect() })
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

/// Applies `kid` and `algorithms` of the source.
fn apply(read: Keys, policy: &KeyPolicy, notes: &mut Notes) -> Keys {
    let mut keys = Keys::default();
    for key in read.verification {
        let Some(kid) = picked(key.kid(), policy) else { continue };
        let name = key.describe();
        match restricted(key.with_kid(kid), policy, |key, only| key.restrict(only.signature)) {
            Ok(key) => keys.verification.push(key),
            Err(why) => notes.not_verifying.push(format!("{name} does not verify: {why}")),
        }
    }
    for key in read.decryption {
        let Some(kid) = picked(key.kid(), policy) else { continue };
        let name = key.describe();
        match restricted(key.with_kid(kid), policy, |key, only| key.restrict(only.key_management)) {
            Ok(key) => keys.decryption.push(key),
            Err(why) => notes.not_decrypting.push(format!("{name} does not decrypt: {why}")),
        }
    }
    keys
}

fn restricted<K>(
    key: K,
    policy: &KeyPolicy,
    restrict: impl Fn(K, Algorithms) -> Result<K, KeyError>,
) -> Result<K, KeyError> {
    match policy.algorithms {
        None => Ok(key),
        Some(only) => restrict(key, only),
    }
}

/// The id that a key has under the source's `kid`; `None` for a key that is not the one picked.
fn picked(own: Option<&str>, policy: &KeyPolicy) -> Option<Option<String>> {
    match (own, &policy.kid) {
        (own, None) => Some(own.map(str::to_owned)),
        (None, Some(wanted)) => Some(Some(wanted.clone())),
        (Some(own), Some(wanted)) => (own == wanted).then(|| Some(wanted.clone())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::jose::{JwsAlgorithm, KeyManagement};

    fn policy() -> KeyPolicy {
        KeyPolicy { algorithms: None, kid: None, weak: WeakKeys::Refuse, purpose: Purpose::Verify }
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
            assert_eq!(keys(KeyFormat::Secret(encoding), &written, &policy()).unwrap().keys.verification.len(), 1);
        }
        assert!(keys(KeyFormat::Secret(SecretEncoding::Hex), b"abc", &policy()).is_err());
        assert!(keys(KeyFormat::Secret(SecretEncoding::Base64), b"*", &policy()).is_err());
    }

    #[test]
    fn class_03_a_short_secret_is_no_key() {
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
        assert_eq!((all.keys.verification.len(), all.warnings.len()), (3, 1));
        assert!(all.warnings[0].contains("\"short\""), "{:?}", all.warnings);
        let picked = keys(KeyFormat::Jwks, set, &KeyPolicy { kid: Some("b".into()), ..policy() }).unwrap();
        assert_eq!(
            picked.keys.verification.iter().map(VerificationKey::kid).collect::<Vec<_>>(),
            [Some("b"), Some("b")]
        );
        let none = Algorithms {
            signature: [JwsAlgorithm::Rs256].into_iter().collect(),
            key_management: [KeyManagement::RsaOaep].into_iter().collect(),
        };
        let error = keys(KeyFormat::Jwks, set, &KeyPolicy { algorithms: Some(none), ..policy() }).unwrap_err();
        assert!(error.to_string().starts_with("no usable key"), "{error}");
    }
}
