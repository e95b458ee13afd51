//! Which public key does this DER hold: a SubjectPublicKeyInfo, an RSAPublicKey or a certificate?
//! (RFC 5280 §4.1, RFC 8017 appendix A.1.1, RFC 5480, RFC 8410.)

use super::algorithm::JwsAlgorithm;
use super::der::{CONTEXT_0, DerReader, INTEGER, NULL, OBJECT_IDENTIFIER, SEQUENCE};
use super::error::KeyError;
use super::key::{Curve, VerificationKey, WeakKeys};

/// 1.2.840.113549.1.1.1
pub(super) const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// 1.2.840.113549.1.1.10
const RSASSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
/// 1.2.840.10045.2.1
pub(super) const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 1.2.840.10045.3.1.7
pub(super) const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// 1.3.132.0.34
pub(super) const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
/// 1.3.132.0.35
pub(super) const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
/// 1.3.132.0.10
const SECP256K1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x0a];
/// 1.3.101.112
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// 1.3.101.113
const ED448: &[u8] = &[0x2b, 0x65, 0x71];

/// The key of a SubjectPublicKeyInfo.
pub(super) fn from_spki(der: &[u8], weak: WeakKeys) -> Result<VerificationKey, KeyError> {
    let mut outer = DerReader::new(der);
    let info = outer.sequence()?;
    outer.end()?;
    key_of(info, weak)
}

/// The key of a PKCS #1 RSAPublicKey.
pub(super) fn from_rsa_public_key(der: &[u8], weak: WeakKeys) -> Result<VerificationKey, KeyError> {
    let mut outer = DerReader::new(der);
    let mut numbers = outer.sequence()?;
    outer.end()?;
    let (n, e) = (numbers.positive()?, numbers.positive()?);
    numbers.end()?;
    VerificationKey::from_rsa(n, e, weak)
}

/// The key of an X.509 certificate. Nothing else in it is judged: who put the file there trusts the key; dates,
/// names and the issuer's signature play no part.
pub(super) fn from_certificate(der: &[u8], weak: WeakKeys) -> Result<VerificationKey, KeyError> {
    let mut outer = DerReader::new(der);
    let mut tbs = outer.sequence()?.sequence()?;
    outer.end()?;
    if tbs.next_is(CONTEXT_0) {
        tbs.read(CONTEXT_0)?;
    }
    tbs.read(INTEGER)?;
    // The algorithm, the issuer, the validity, the subject.
    for _ in 0..4 {
        tbs.read(SEQUENCE)?;
    }
    key_of(tbs.sequence()?, weak)
}

fn key_of(mut info: DerReader<'_>, weak: WeakKeys) -> Result<VerificationKey, KeyError> {
    let mut algorithm = info.sequence()?;
    let key = info.bit_string()?;
    info.end()?;
    match algorithm.read(OBJECT_IDENTIFIER)? {
        RSA_ENCRYPTION => {
            if algorithm.next_is(NULL) {
                algorithm.read(NULL)?;
            }
            algorithm.end()?;
            from_rsa_public_key(key, weak)
        }
        RSASSA_PSS => {
            // Parameters would narrow hash and salt; a JWK with `alg` says the same in a form that is read here.
            algorithm.end().map_err(|_| KeyError::PssParameters)?;
            let pss = [JwsAlgorithm::Ps256, JwsAlgorithm::Ps384, JwsAlgorithm::Ps512].into_iter().collect();
            from_rsa_public_key(key, weak)?.restrict(pss)
        }
        EC_PUBLIC_KEY => {
            let curve = named_curve(algorithm.read(OBJECT_IDENTIFIER)?)?;
            algorithm.end()?;
            match key.first() {
                Some(2 | 3) => Err(KeyError::CompressedPoint),
                _ => VerificationKey::from_point(curve, key),
            }
        }
        ED25519 => {
            algorithm.end()?;
            VerificationKey::from_edwards(Curve::Ed25519, key)
        }
        ED448 => {
            algorithm.end()?;
            VerificationKey::from_edwards(Curve::Ed448, key)
        }
        _ => Err(KeyError::UnknownKeyType),
    }
}

fn named_curve(oid: &[u8]) -> Result<Curve, KeyError> {
    match oid {
        P256 => Ok(Curve::P256),
        P384 => Ok(Curve::P384),
        P521 => Ok(Curve::P521),
        SECP256K1 => Ok(Curve::Secp256k1),
        _ => Err(KeyError::UnknownCurve),
    }
}
