//! Is this text an encrypted token in compact form, and what does its protected header ask for? (RFC 7516 §3.1, §7.1.)

use std::fmt;

use zeroize::Zeroizing;

use super::base64url;
use super::content;
use super::decryption_key::DecryptionKey;
use super::deflate;
use super::encryption::{ContentEncryption, KeyManagement};
use super::error::{DecryptionFailed, TokenError};
use super::header;
use super::json::Json;
use super::key_parameters::KeyParameters;

/// An encrypted token in compact form whose size, form, kind, algorithms and critical headers are in order. Nothing in
/// it is authentic before [`EncryptedToken::decrypt`] has opened it.
pub struct EncryptedToken<'t> {
    key_management: KeyManagement,
    content_encryption: ContentEncryption,
    compression: Option<Compression>,
    header: Json,
    parameters: KeyParameters,
    encrypted_key: Vec<u8>,
    iv: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
    additional_data: &'t [u8],
}

/// What was done to the content before it was encrypted (RFC 7516 §4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// `DEF`: RFC 1951.
    Deflate,
}

/// How much a token may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecryptionLimits {
    /// Octets that compressed content may become.
    pub inflated: usize,
    /// Iterations that a PBES2 token may ask for: its `p2c`.
    pub pbes2_count: u32,
}

impl Default for DecryptionLimits {
    /// 64 KiB and 10,000 iterations.
    fn default() -> Self {
        Self { inflated: 64 * 1024, pbes2_count: 10_000 }
    }
}

impl<'t> EncryptedToken<'t> {
    /// Reads a token of at most `max` octets.
    ///
    /// # Errors
    /// In this order: [`TokenError::TooLarge`]; [`TokenError::Malformed`] or, for three segments,
    /// [`TokenError::Kind`]; [`TokenError::AlgorithmRefused`]; [`TokenError::CriticalHeader`].
    pub fn parse(token: &'t str, max: usize) -> Result<Self, TokenError> {
        let [protected, encrypted_key, iv, ciphertext, tag] = split(token, max)?;
        let header = header::read(protected)?;
        let encrypted_key = header::decode(encrypted_key, "the encrypted key is not strict base64url")?;
        let iv = header::decode(iv, "the initialization vector is not strict base64url")?;
        let ciphertext = header::decode(ciphertext, "the ciphertext is not strict base64url")?;
        let tag = header::decode(tag, "the authentication tag is not strict base64url")?;
        let Asked { key_management, content_encryption, compression } = judge(&header)?;
        let parameters = KeyParameters::read(key_management, &header)?;
        if encrypted_key.is_empty() != has_no_key(key_management) {
            return Err(TokenError::Malformed("the encrypted key is not what the algorithm asks for"));
        }
        let additional_data = protected.as_bytes();
        Ok(Self {
            key_management,
            content_encryption,
            compression,
            header,
            parameters,
            encrypted_key,
            iv,
            ciphertext,
            tag,
            additional_data,
        })
    }

    /// The algorithm of the content encryption key (RFC 7516 §4.1.1). A key decides whether it allows it.
    #[must_use]
    pub const fn key_management(&self) -> KeyManagement {
        self.key_management
    }

    /// The algorithm of the content (RFC 7516 §4.1.2).
    #[must_use]
    pub const fn content_encryption(&self) -> ContentEncryption {
        self.content_encryption
    }

    /// Whether the content is compressed.
    #[must_use]
    pub const fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// The header's `kid`: a hint for choosing among keys, at most 1 KiB.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.header.member("kid").and_then(Json::as_str)
    }

    /// The header's `typ` as it is written.
    #[must_use]
    pub fn token_type(&self) -> Option<&str> {
        self.header.member("typ").and_then(Json::as_str)
    }

    /// The header's `cty` as it is written: `JWT` around a signed token (RFC 7519 §5.2).
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.header.member("cty").and_then(Json::as_str)
    }

    /// The whole protected header, always an object.
    #[must_use]
    pub const fn header(&self) -> &Json {
        &self.header
    }

    /// The same, for keeping.
    #[must_use]
    pub fn into_header(self) -> Json {
        self.header
    }

    /// The content, if this key opens the token.
    ///
    /// Where the content encryption key cannot be had, a random one takes its place and fails at the tag, so that
    /// nobody learns by answer or time how far a forged key came (RFC 7516 §11.5).
    ///
    /// # Errors
    /// [`DecryptionFailed`], whatever went wrong.
    pub fn decrypt(
        &self,
        key: &DecryptionKey,
        limits: &DecryptionLimits,
    ) -> Result<Zeroizing<Vec<u8>>, DecryptionFailed> {
        if self.parameters.count().is_some_and(|count| count > limits.pbes2_count) {
            return Err(DecryptionFailed);
        }
        let octets = self.content_encryption.key_octets();
        let content_key = key
            .content_key(self.key_management, self.content_encryption, &self.parameters, &self.encrypted_key)
            .filter(|content_key| content_key.len() == octets)
            .map_or_else(|| content::random_key(octets), Ok)?;
        let content = content::Sealed {
            iv: &self.iv,
            ciphertext: &self.ciphertext,
            tag: &self.tag,
            additional_data: self.additional_data,
        }
        .open(self.content_encryption, &content_key)?;
        match self.compression {
            None => Ok(content),
            Some(Compression::Deflate) => deflate::inflate(&content, limits.inflated),
        }
    }
}

impl fmt::Debug for EncryptedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptedToken")
            .field("key_management", &self.key_management)
            .field("content_encryption", &self.content_encryption)
            .finish_non_exhaustive()
    }
}

const NOT_FIVE: TokenError = TokenError::Malformed("not five segments of base64url");

/// Counts before it splits, so that a token of a million dots costs one pass and no memory.
fn split(token: &str, max: usize) -> Result<[&str; 5], TokenError> {
    if token.len() > max {
        return Err(TokenError::TooLarge);
    }
    match token.bytes().filter(|byte| *byte == b'.').count() {
        4 => {}
        2 if token.bytes().all(|byte| byte == b'.' || base64url::is_alphabet(byte)) => return Err(TokenError::Kind),
        _ => return Err(NOT_FIVE),
    }
    let mut segments = token.split('.');
    let mut next = || segments.next().ok_or(NOT_FIVE);
    Ok([next()?, next()?, next()?, next()?, next()?])
}

struct Asked {
    key_management: KeyManagement,
    content_encryption: ContentEncryption,
    compression: Option<Compression>,
}

/// What the header asks for, once everything that it says is in order: form goes before algorithms, and algorithms
/// before critical headers, wherever the members stand.
fn judge(members: &Json) -> Result<Asked, TokenError> {
    let text = |name| match members.member(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(TokenError::Malformed("`alg`, `enc` or `zip` is not a string")),
    };
    let (alg, enc, zip) = (text("alg")?, text("enc")?, text("zip")?);
    members.member("kid").map_or(Ok(()), header::judge_key_id)?;
    members.member("typ").map_or(Ok(()), header::judge_type)?;
    members.member("cty").map_or(Ok(()), header::judge_type)?;
    let alg = alg.ok_or(TokenError::Malformed("the header has no `alg`"))?;
    let enc = enc.ok_or(TokenError::Malformed("the header has no `enc`"))?;
    let key_management = KeyManagement::from_name(alg).ok_or(TokenError::AlgorithmRefused)?;
    let content_encryption = ContentEncryption::from_name(enc).ok_or(TokenError::AlgorithmRefused)?;
    let compression = match zip {
        None => None,
        Some("DEF") => Some(Compression::Deflate),
        Some(_) => return Err(TokenError::AlgorithmRefused),
    };
    match members.member("crit") {
        None => Ok(Asked { key_management, content_encryption, compression }),
        Some(_) => Err(TokenError::CriticalHeader),
    }
}

/// Of these, what the two sides share is the content encryption key itself (RFC 7516 §5.1).
fn has_no_key(algorithm: KeyManagement) -> bool {
    matches!(algorithm, KeyManagement::Dir | KeyManagement::EcdhEs)
}
