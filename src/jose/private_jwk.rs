//! Which key to decrypt with does this JWK give? (RFC 7518 §6.2.2, §6.3.2, §6.4, RFC 8037 §2.)

use zeroize::Zeroizing;

use super::agreement::{AgreementCurve, AgreementKey};
use super::base64url;
use super::decryption_key::DecryptionKey;
use super::encryption::{ContentEncryption, KeyManagement};
use super::error::KeyError;
use super::json::{Json, Object};
use super::jwk::{judge_operations, judge_use, key_id, not_base64url, octets, optional_text, text};
use super::key::WeakKeys;
use super::rsa_private::{Numbers, RsaPrivateKey};

impl DecryptionKey {
    /// The key of one JWK (RFC 7517 §4). `alg` decides its one algorithm; without it, type, curve and length do.
    ///
    /// # Errors
    /// [`KeyError`] that says what stands in the way of using it.
    pub fn from_jwk(jwk: &Json, weak: WeakKeys) -> Result<Self, KeyError> {
        let members = jwk.as_object().ok_or(KeyError::NotAnObject)?;
        judge_use(members, "enc")?;
        judge_operations(
            members,
            &["decrypt", "unwrapKey", "deriveKey", "deriveBits"],
            // A secret that only encrypts is the same secret for the other side.
            if members.get("k").is_some() { &["encrypt", "wrapKey"] } else { &[] },
        )?;
        let key = match text(members, "kty")? {
            "oct" => Self::from_secret(&secret(members, "k")?, weak)?,
            "RSA" => from_rsa(members)?,
            "EC" | "OKP" => from_curve(jwk, members)?,
            _ => return Err(KeyError::UnknownKeyType),
        };
        let key = match optional_text(members, "alg")? {
            None => key,
            Some(name) => match (KeyManagement::from_name(name), ContentEncryption::from_name(name)) {
                (Some(algorithm), _) => key.only(algorithm)?,
                (None, Some(content)) => key.only_for_content(content)?,
                (None, None) => return Err(KeyError::UnknownAlgorithm),
            },
        };
        Ok(key.with_kid(key_id(members)?))
    }
}

fn from_rsa(members: &Object) -> Result<DecryptionKey, KeyError> {
    if members.get("d").is_none() {
        return Err(KeyError::NotOurs);
    }
    if members.get("oth").is_some() {
        return Err(KeyError::BadMember("oth", "tells of more than two primes"));
    }
    let numbers = Numbers {
        n: octets(members, "n")?,
        e: octets(members, "e")?,
        d: secret(members, "d")?,
        p: secret(members, "p")?,
        q: secret(members, "q")?,
        dp: secret(members, "dp")?,
        dq: secret(members, "dq")?,
        qi: secret(members, "qi")?,
    };
    RsaPrivateKey::from_numbers(&numbers).map(DecryptionKey::of_rsa)
}

fn from_curve(jwk: &Json, members: &Object) -> Result<DecryptionKey, KeyError> {
    let (key_type, name) = (text(members, "kty")?, text(members, "crv")?);
    let known = |curve: &AgreementCurve| curve.name() == name && curve.key_type() == key_type;
    let curve = AgreementCurve::ALL.into_iter().find(known).ok_or(KeyError::UnknownCurve)?;
    if members.get("d").is_none() {
        return Err(KeyError::NotOurs);
    }
    let private = secret(members, "d")?;
    if private.len() != curve.octets() {
        return Err(KeyError::BadMember("d", "has the wrong length"));
    }
    let public = curve.public_key(jwk).ok_or(KeyError::NotOnCurve)?;
    let key = AgreementKey::new(curve, &private)?;
    if key.has_public_half(&public) { Ok(DecryptionKey::of_agreement(key)) } else { Err(KeyError::PrivateKeyRejected) }
}

fn secret(members: &Object, name: &'static str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    base64url::decode_secret(text(members, name)?).ok_or_else(|| not_base64url(name))
}
