//! Which private key does this DER hold, to decrypt with? (RFC 5958 §2, RFC 8017 appendix A.1.2, RFC 5915, RFC 8410 §7.)

use super::agreement::{AgreementCurve, AgreementKey};
use super::decryption_key::DecryptionKey;
use super::der::{CONTEXT_0, DerReader, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING};
use super::error::KeyError;
use super::rsa_private::RsaPrivateKey;
use super::spki::{EC_PUBLIC_KEY, P256, P384, P521, RSA_ENCRYPTION};

/// 1.3.101.110
const X25519: &[u8] = &[0x2b, 0x65, 0x6e];
/// 1.3.101.111
const X448: &[u8] = &[0x2b, 0x65, 0x6f];

/// The key of a PKCS #8 PrivateKeyInfo.
pub(super) fn from_pkcs8(der: &[u8]) -> Result<DecryptionKey, KeyError> {
    let mut outer = DerReader::new(der);
    let mut info = outer.sequence()?;
    outer.end()?;
    info.read(INTEGER)?;
    let mut algorithm = info.sequence()?;
    let key = info.read(OCTET_STRING)?;
    match algorithm.read(OBJECT_IDENTIFIER)? {
        RSA_ENCRYPTION => RsaPrivateKey::from_pkcs8(der).map(DecryptionKey::of_rsa),
        EC_PUBLIC_KEY => {
            let curve = named_curve(algorithm.read(OBJECT_IDENTIFIER)?)?;
            on_curve(curve, ec_scalar(DerReader::new(key).sequence()?)?)
        }
        X25519 => on_curve(AgreementCurve::X25519, DerReader::new(key).read(OCTET_STRING)?),
        X448 => on_curve(AgreementCurve::X448, DerReader::new(key).read(OCTET_STRING)?),
        _ => Err(KeyError::PrivateKey),
    }
}

/// The key of a PKCS #1 RSAPrivateKey.
pub(super) fn from_rsa_private_key(der: &[u8]) -> Result<DecryptionKey, KeyError> {
    RsaPrivateKey::from_pkcs1(der).map(DecryptionKey::of_rsa)
}

/// The key of an ECPrivateKey, whose curve has to be named in it.
pub(super) fn from_ec_private_key(der: &[u8]) -> Result<DecryptionKey, KeyError> {
    let mut outer = DerReader::new(der);
    let mut key = outer.sequence()?;
    outer.end()?;
    let scalar = ec_scalar(key)?;
    key.read(INTEGER)?;
    key.read(OCTET_STRING)?;
    let mut parameters = DerReader::new(key.read(CONTEXT_0)?);
    on_curve(named_curve(parameters.read(OBJECT_IDENTIFIER)?)?, scalar)
}

fn ec_scalar(mut key: DerReader<'_>) -> Result<&[u8], KeyError> {
    key.read(INTEGER)?;
    key.read(OCTET_STRING)
}

fn on_curve(curve: AgreementCurve, private: &[u8]) -> Result<DecryptionKey, KeyError> {
    AgreementKey::new(curve, private).map(DecryptionKey::of_agreement)
}

fn named_curve(oid: &[u8]) -> Result<AgreementCurve, KeyError> {
    match oid {
        P256 => Ok(AgreementCurve::P256),
        P384 => Ok(AgreementCurve::P384),
        P521 => Ok(AgreementCurve::P521),
        _ => Err(KeyError::UnknownCurve),
    }
}
