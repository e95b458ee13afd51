//! Is this text a signed token in compact form, and what does its protected header ask for? (RFC 7515 §3.1, §7.1.)
//!
//! The header parameters `jwk`, `jku`, `x5u`, `x5c`, `x5t` and `x5t#S256` are read as JSON like any other member and
//! never used: a token cannot bring its own key, nor name where to fetch one (RFC 8725 §3.10).

use std::fmt;

use super::algorithm::JwsAlgorithm;
use super::base64url;
use super::error::{SignatureInvalid, TokenError};
use super::header;
use super::json::Json;
use super::key::VerificationKey;

/// A signed token in compact form whose size, form, kind, algorithm and critical headers are in order. Nothing in it
/// is verified: only [`SignedToken::verify`] says whether payload and header can be believed.
pub struct SignedToken<'t> {
    algorithm: JwsAlgorithm,
    header: Json,
    signing_input: &'t [u8],
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'t> SignedToken<'t> {
    /// Reads a token of at most `max` bytes.
    ///
    /// # Errors
    /// In this order: [`TokenError::TooLarge`]; [`TokenError::Malformed`] or, for five segments,
    /// [`TokenError::Kind`]; [`TokenError::AlgorithmRefused`]; [`TokenError::CriticalHeader`].
    pub fn parse(token: &'t str, max: usize) -> Result<Self, TokenError> {
        let segments = Segments::split(token, max)?;
        let header = header::read(segments.header)?;
        let payload = header::decode(segments.payload, "the payload is not strict base64url")?;
        let signature = header::decode(segments.signature, "the signature is not strict base64url")?;
        let algorithm = judge(&header)?;
        Ok(Self { algorithm, header, signing_input: segments.signing_input.as_bytes(), payload, signature })
    }

    /// The algorithm that the header names (RFC 7515 §4.1.1). A key decides whether it allows it.
    #[must_use]
    pub const fn algorithm(&self) -> JwsAlgorithm {
        self.algorithm
    }

    /// The header's `kid` (RFC 7515 §4.1.4): a hint for choosing among keys, at most 1 KiB.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.header.member("kid").and_then(Json::as_str)
    }

    /// The header's `typ` (RFC 7515 §4.1.9) as it is written.
    #[must_use]
    pub fn token_type(&self) -> Option<&str> {
        self.header.member("typ").and_then(Json::as_str)
    }

    /// The whole protected header, always an object.
    #[must_use]
    pub const fn header(&self) -> &Json {
        &self.header
    }

    /// What the signature is over: header and payload as they came, with the dot between (RFC 7515 §5.2).
    #[must_use]
    pub const fn signing_input(&self) -> &'t [u8] {
        self.signing_input
    }

    /// The decoded payload; any bytes, perhaps none.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Algorithm, header and decoded payload, for keeping.
    #[must_use]
    pub fn into_parts(self) -> (JwsAlgorithm, Json, Vec<u8>) {
        (self.algorithm, self.header, self.payload)
    }

    /// The decoded signature; any bytes, perhaps none.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Asks the key whether the signature is its own.
    ///
    /// # Errors
    /// [`SignatureInvalid`] if not, or if the key does not allow the token's algorithm.
    pub fn verify(&self, key: &VerificationKey) -> Result<(), SignatureInvalid> {
        key.verify(self.algorithm, self.signing_input, &self.signature)
    }
}

impl fmt::Debug for SignedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedToken").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

struct Segments<'t> {
    header: &'t str,
    payload: &'t str,
    signature: &'t str,
    signing_input: &'t str,
}

impl<'t> Segments<'t> {
    /// Counts before it splits, so that a token of a million dots costs one pass and no memory.
    fn split(token: &'t str, max: usize) -> Result<Self, TokenError> {
        if token.len() > max {
            return Err(TokenError::TooLarge);
        }
        match token.bytes().filter(|byte| *byte == b'.').count() {
            2 => {}
            4 if token.bytes().all(|byte| byte == b'.' || base64url::is_alphabet(byte)) => {
                return Err(TokenError::Kind);
            }
            _ => return Err(TokenError::Malformed("not three segments of base64url")),
        }
        let (signing_input, signature) =
            token.rsplit_once('.').ok_or(TokenError::Malformed("not three segments of base64url"))?;
        let (header, payload) =
            signing_input.split_once('.').ok_or(TokenError::Malformed("not three segments of base64url"))?;
        Ok(Self { header, payload, signature, signing_input })
    }
}

/// The algorithm, once everything that the header says is in order. One pass over the members: form goes before
/// algorithm, and algorithm before critical headers, wherever the members stand.
fn judge(members: &Json) -> Result<JwsAlgorithm, TokenError> {
    let mut name = None;
    let mut critical = false;
    for (member, value) in members.as_object().into_iter().flat_map(|object| object.iter()) {
        match member {
            "alg" => name = Some(value.as_str().ok_or(TokenError::Malformed("`alg` is not a string"))?),
            "kid" => header::judge_key_id(value)?,
            "typ" | "cty" => header::judge_type(value)?,
            "zip" | "enc" => return Err(TokenError::Malformed("`zip` or `enc` in the header of a signed token")),
            "crit" => critical = true,
            // RFC 7797: anything but `true` changes what is signed, and must not be overlooked for want of `crit`.
            "b64" => critical |= *value != Json::Bool(true),
            _ => {}
        }
    }
    let name = name.ok_or(TokenError::Malformed("the header has no `alg`"))?;
    let algorithm = JwsAlgorithm::from_name(name).ok_or(TokenError::AlgorithmRefused)?;
    if critical { Err(TokenError::CriticalHeader) } else { Ok(algorithm) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests;
