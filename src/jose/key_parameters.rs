//! What does the header say of how the content encryption key was made? (RFC 7518 §4.6.1, §4.7.1, §4.8.1.)

use super::base64url;
use super::encryption::KeyManagement;
use super::error::TokenError;
use super::json::Json;

/// Octets of salt that PBES2 asks for (RFC 7518 §4.8.1.1).
const LEAST_SALT: usize = 8;

/// The header parameters of one kind of key management. Those of other kinds are not looked at.
pub(super) enum KeyParameters {
    /// None are needed.
    None,
    /// Of an agreement.
    Agreement(Agreement),
    /// Of AES GCM around the key.
    Gcm { iv: Vec<u8>, tag: Vec<u8> },
    /// Of a password.
    Password { salt: Vec<u8>, count: u32 },
}

/// The sender's half of an agreement.
pub(super) struct Agreement {
    /// `epk`, a JWK.
    pub ephemeral_key: Json,
    /// `apu`.
    pub party_u: Vec<u8>,
    /// `apv`.
    pub party_v: Vec<u8>,
}

impl KeyParameters {
    pub fn read(algorithm: KeyManagement, header: &Json) -> Result<Self, TokenError> {
        use KeyManagement as Alg;
        match algorithm {
            Alg::RsaOaep | Alg::RsaOaep256 | Alg::RsaOaep384 | Alg::RsaOaep512 | Alg::Rsa15 => Ok(Self::None),
            Alg::A128Kw | Alg::A192Kw | Alg::A256Kw | Alg::Dir => Ok(Self::None),
            Alg::EcdhEs | Alg::EcdhEsA128Kw | Alg::EcdhEsA192Kw | Alg::EcdhEsA256Kw => agreement(header),
            Alg::A128GcmKw | Alg::A192GcmKw | Alg::A256GcmKw => {
                Ok(Self::Gcm { iv: octets(header, "iv")?, tag: octets(header, "tag")? })
            }
            Alg::Pbes2Hs256A128Kw | Alg::Pbes2Hs384A192Kw | Alg::Pbes2Hs512A256Kw => password(header),
        }
    }

    /// The iterations that a password takes.
    pub fn count(&self) -> Option<u32> {
        match self {
            Self::Password { count, .. } => Some(*count),
            Self::None | Self::Agreement(_) | Self::Gcm { .. } => None,
        }
    }
}

fn agreement(header: &Json) -> Result<KeyParameters, TokenError> {
    let ephemeral_key = header.member("epk").filter(|key| key.as_object().is_some());
    let ephemeral_key = ephemeral_key.ok_or(TokenError::Malformed("`epk` is missing or not an object"))?.clone();
    if ephemeral_key.member("d").is_some() {
        return Err(TokenError::Malformed("`epk` holds its private part"));
    }
    let party = |name| if header.member(name).is_some() { octets(header, name) } else { Ok(Vec::new()) };
    Ok(KeyParameters::Agreement(Agreement { ephemeral_key, party_u: party("apu")?, party_v: party("apv")? }))
}

fn password(header: &Json) -> Result<KeyParameters, TokenError> {
    let salt = octets(header, "p2s")?;
    if salt.len() < LEAST_SALT {
        return Err(TokenError::Malformed("`p2s` has fewer than 8 octets"));
    }
    let count = match header.member("p2c") {
        Some(Json::Number(number)) => number.as_u64().filter(|count| *count > 0),
        Some(_) | None => None,
    };
    let count = count.ok_or(TokenError::Malformed("`p2c` is not a positive whole number"))?;
    Ok(KeyParameters::Password { salt, count: u32::try_from(count).unwrap_or(u32::MAX) })
}

fn octets(header: &Json, name: &str) -> Result<Vec<u8>, TokenError> {
    let text = header.member(name).and_then(Json::as_str);
    text.and_then(base64url::decode)
        .ok_or(TokenError::Malformed("a parameter of the key management is missing or not strict base64url"))
}
