//! What do the JOSE standards say about these bytes? (RFC 7515–7519, 7638, 8037, 8725, 8812, 9864.)
//!
//! Bytes in, types out: no HTTP, no clock, no I/O, and nothing else of the project is imported. The path of a token:
//! [`SignedToken::parse`] judges size, form, kind, algorithm and critical headers; the caller picks keys by
//! [`SignedToken::key_id`]; [`VerificationKey::verify`] decides. The key names its algorithms and the token never
//! chooses outside them, which is what makes algorithm confusion impossible (RFC 8725 §3.1).
//!
//! An encrypted token goes the same way: [`EncryptedToken::parse`], [`EncryptedToken::key_id`],
//! [`EncryptedToken::decrypt`] with a [`DecryptionKey`].
//!
//! To add an algorithm: one row in `algorithm.rs` or `encryption.rs`, then follow the compiler to the exhaustive matches.

mod agreement;
mod algorithm;
mod base64url;
mod compact;
mod content;
mod decryption_key;
mod deflate;
mod der;
mod edwards;
mod encrypted;
mod encryption;
mod error;
mod header;
mod json;
mod jwk;
mod key;
mod key_parameters;
mod key_wrap;
mod pem;
mod pkcs8;
mod private_jwk;
mod registered;
mod rsa_private;
mod secret_key;
mod spki;

pub use algorithm::{AlgorithmSet, JwsAlgorithm, KeyFamily};
pub use compact::SignedToken;
pub use decryption_key::DecryptionKey;
pub use encrypted::{Compression, DecryptionLimits, EncryptedToken};
pub use encryption::{ContentEncryption, ContentEncryptionSet, KeyManagement, KeyManagementSet};
pub use error::{DecryptionFailed, JsonError, JsonProblem, KeyError, SignatureInvalid, TokenError};
pub use json::{Json, Number, Object, compact_text};
pub use jwk::{JwkSet, PrivateMember, Skipped};
pub use key::{VerificationKey, WeakKeys};
pub use pem::PemKeys;
pub use registered::{Registered, RegisteredSet};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests;
