//! Which content encryption key does a shared secret give? (RFC 7518 §4.4, §4.5, §4.7, §4.8.)

use std::num::NonZeroU32;

use aws_lc_rs::aead::{self, AES_128_GCM, AES_192_GCM, AES_256_GCM};
use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA384, PBKDF2_HMAC_SHA512};
use zeroize::Zeroizing;

use super::content::Sealed;
use super::encryption::{ContentEncryption, KeyManagement, KeyManagementSet};
use super::key_parameters::KeyParameters;
use super::key_wrap;

/// Octets under which a secret is none of the keys of AES.
pub(super) const LEAST_KEY: usize = 16;

/// What a secret of so many octets can be used for. A password may have any length.
pub(super) fn algorithms(octets: usize) -> KeyManagementSet {
    use KeyManagement as Alg;
    let fits = |algorithm: &Alg| match algorithm {
        Alg::Dir => ContentEncryption::ALL.iter().any(|content| content.key_octets() == octets),
        Alg::A128Kw | Alg::A128GcmKw => octets == 16,
        Alg::A192Kw | Alg::A192GcmKw => octets == 24,
        Alg::A256Kw | Alg::A256GcmKw => octets == 32,
        Alg::Pbes2Hs256A128Kw | Alg::Pbes2Hs384A192Kw | Alg::Pbes2Hs512A256Kw => octets > 0,
        Alg::RsaOaep | Alg::RsaOaep256 | Alg::RsaOaep384 | Alg::RsaOaep512 | Alg::Rsa15 => false,
        Alg::EcdhEs | Alg::EcdhEsA128Kw | Alg::EcdhEsA192Kw | Alg::EcdhEsA256Kw => false,
    };
    KeyManagement::ALL.into_iter().filter(fits).collect()
}

/// The content encryption key, if it can be had with this secret.
pub(super) fn content_key(
    secret: &[u8],
    algorithm: KeyManagement,
    parameters: &KeyParameters,
    encrypted: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    use KeyManagement as Alg;
    match algorithm {
        Alg::Dir => Some(Zeroizing::new(secret.to_vec())),
        Alg::A128Kw | Alg::A192Kw | Alg::A256Kw => key_wrap::unwrap(secret, encrypted),
        Alg::A128GcmKw => opened(&AES_128_GCM, secret, parameters, encrypted),
        Alg::A192GcmKw => opened(&AES_192_GCM, secret, parameters, encrypted),
        Alg::A256GcmKw => opened(&AES_256_GCM, secret, parameters, encrypted),
        Alg::Pbes2Hs256A128Kw => derived(PBKDF2_HMAC_SHA256, 16, algorithm, secret, parameters, encrypted),
        Alg::Pbes2Hs384A192Kw => derived(PBKDF2_HMAC_SHA384, 24, algorithm, secret, parameters, encrypted),
        Alg::Pbes2Hs512A256Kw => derived(PBKDF2_HMAC_SHA512, 32, algorithm, secret, parameters, encrypted),
        Alg::RsaOaep | Alg::RsaOaep256 | Alg::RsaOaep384 | Alg::RsaOaep512 | Alg::Rsa15 => None,
        Alg::EcdhEs | Alg::EcdhEsA128Kw | Alg::EcdhEsA192Kw | Alg::EcdhEsA256Kw => None,
    }
}

fn opened(
    cipher: &'static aead::Algorithm,
    secret: &[u8],
    parameters: &KeyParameters,
    encrypted: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let KeyParameters::Gcm { iv, tag } = parameters else {
        return None;
    };
    Sealed { iv, ciphertext: encrypted, tag, additional_data: &[] }.open_gcm(cipher, secret).ok()
}

/// The name of the algorithm is part of the salt (RFC 7518 §4.8.1.1).
fn derived(
    function: pbkdf2::Algorithm,
    octets: usize,
    algorithm: KeyManagement,
    password: &[u8],
    parameters: &KeyParameters,
    encrypted: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let KeyParameters::Password { salt, count } = parameters else {
        return None;
    };
    let salt = [algorithm.name().as_bytes(), &[0], salt].concat();
    let mut key = Zeroizing::new(vec![0; octets]);
    pbkdf2::derive(function, NonZeroU32::new(*count)?, &salt, password, &mut key);
    key_wrap::unwrap(&key, encrypted)
}
