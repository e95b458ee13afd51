//! How does a token prove what it says: by a signature, by being encrypted for us, or by both?

use super::question::Question;
use super::realm_keys::RealmKeys;
use super::request::Request;
use super::verification::{Bound, BoundProof};
use crate::jose::{AlgorithmSet, ContentEncryptionSet, DecryptionLimits, EncryptedToken, KeyManagementSet};

/// What a realm asks for before it believes a token.
#[derive(Debug)]
pub enum Proof {
    /// A signature (RFC 7515).
    Signed(Signature),
    /// That it can be decrypted (RFC 7516). With a public key anyone can make such a token.
    Encrypted(Encryption),
    /// Both: signed, then encrypted (RFC 7519 §5.2).
    Nested(Encryption, Signature),
}

/// Which signatures are believed.
#[derive(Debug)]
pub struct Signature {
    /// By these keys.
    pub keys: RealmKeys,
    /// Of these algorithms; `None`: all that the keys allow.
    pub algorithms: Option<AlgorithmSet>,
}

/// Which encryption is accepted.
#[derive(Debug)]
pub struct Encryption {
    /// For these keys.
    pub keys: RealmKeys,
    /// With these algorithms for the content's key,
    pub key_management: KeyManagementSet,
    /// these for the content,
    pub content_encryption: ContentEncryptionSet,
    /// and this for what was compressed before.
    pub compression: Compression,
    /// How much a token may cost.
    pub limits: DecryptionLimits,
}

/// What becomes of a token with `zip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// It is refused.
    Refuse,
    /// It is inflated, within limits.
    Accept,
}

impl Proof {
    /// The keys of signatures and the keys of encryption.
    pub fn keys(&self) -> impl Iterator<Item = &RealmKeys> {
        let (signature, encryption) = match self {
            Self::Signed(signature) => (Some(signature), None),
            Self::Encrypted(encryption) => (None, Some(encryption)),
            Self::Nested(encryption, signature) => (Some(signature), Some(encryption)),
        };
        signature.map(|signature| &signature.keys).into_iter().chain(encryption.map(|encryption| &encryption.keys))
    }

    /// The proof with the keys for a request, or what has to be found out for it first.
    pub fn bind<'k>(&'k self, request: &Request<'_>) -> Result<BoundProof<'k>, Question> {
        Ok(match self {
            Self::Signed(signature) => BoundProof::Signed(signature.bind(request)?),
            Self::Encrypted(encryption) => BoundProof::Encrypted(encryption.bind(request)?),
            Self::Nested(encryption, signature) => {
                BoundProof::Nested(encryption.bind(request)?, signature.bind(request)?)
            }
        })
    }

    /// Whether both proofs would find the same tokens good, given the same keys.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Signed(one), Self::Signed(other)) => one.is_same(other),
            (Self::Encrypted(one), Self::Encrypted(other)) => one.is_same(other),
            (Self::Nested(outer, inner), Self::Nested(other_outer, other_inner)) => {
                outer.is_same(other_outer) && inner.is_same(other_inner)
            }
            (Self::Signed(_) | Self::Encrypted(_) | Self::Nested(..), _) => false,
        }
    }
}

impl Signature {
    fn bind(&self, request: &Request<'_>) -> Result<Bound<'_, Self>, Question> {
        Ok(Bound { rules: self, keys: self.keys.of_request(request)? })
    }

    fn is_same(&self, other: &Self) -> bool {
        self.keys.is_same(&other.keys) && self.algorithms == other.algorithms
    }
}

impl Encryption {
    fn bind(&self, request: &Request<'_>) -> Result<Bound<'_, Self>, Question> {
        Ok(Bound { rules: self, keys: self.keys.of_request(request)? })
    }

    fn is_same(&self, other: &Self) -> bool {
        self.keys.is_same(&other.keys)
            && self.key_management == other.key_management
            && self.content_encryption == other.content_encryption
            && self.compression == other.compression
            && self.limits == other.limits
    }

    /// Whether a token is encrypted as it should be.
    pub(super) fn allows(&self, token: &EncryptedToken<'_>) -> bool {
        let compression = token.compression().is_none() || self.compression == Compression::Accept;
        self.key_management.contains(token.key_management())
            && self.content_encryption.contains(token.content_encryption())
            && compression
    }
}
