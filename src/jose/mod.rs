//! What do the JOSE standards say about these bytes? (RFC 7515, 7517, 7518, 7519, 7638, 8037, 8725, 9864.)
//!
//! Bytes in, types out: no HTTP, no clock, no I/O, and nothing else of the project is imported. The path of a token:
//! [`SignedToken::parse`] judges size, form, kind, algorithm and critical headers; the caller picks keys by
//! [`SignedToken::key_id`]; [`VerificationKey::verify`] decides. The key names its algorithms and the token never
//! chooses outside them, which is what makes algorithm confusion impossible (RFC 8725 §3.1).
//!
//! To add an algorithm: one row in `algorithm.rs`, then follow the compiler to the exhaustive matches in `key.rs`.

mod algorithm;
mod base64url;
mod compact;
mod der;
mod ed25519;
mod error;
mod json;
mod jwk;
mod key;
mod pem;
mod spki;

pub use algorithm::{AlgorithmSet, JwsAlgorithm, KeyFamily};
pub use compact::SignedToken;
pub use error::{JsonError, JsonProblem, KeyError, SignatureInvalid, TokenError};
pub use json::{Json, Number, Object, compact_text};
pub use jwk::{JwkSet, PrivateMember, Skipped};
pub use key::{VerificationKey, WeakKeys};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests;
