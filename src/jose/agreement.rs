//! Which key do both sides of a Diffie-Hellman agreement come to? (RFC 7518 §4.6, RFC 8037 §3.2.)

use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::kdf::{SskdfDigestAlgorithmId, get_sskdf_digest_algorithm, sskdf_digest};
use openssl::derive::Deriver;
use openssl::pkey::{Id, PKey, Private};
use zeroize::Zeroizing;

use super::base64url;
use super::encryption::{ContentEncryption, KeyManagement};
use super::error::KeyError;
use super::json::Json;
use super::key_parameters::{Agreement, KeyParameters};
use super::key_wrap;

/// A curve of an agreement (RFC 7518 §6.2.1.1, RFC 8037 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AgreementCurve {
    P256,
    P384,
    P521,
    X25519,
    X448,
}

impl AgreementCurve {
    pub const ALL: [Self; 5] = [Self::P256, Self::P384, Self::P521, Self::X25519, Self::X448];

    /// `crv` of a JWK.
    pub const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            Self::X25519 => "X25519",
            Self::X448 => "X448",
        }
    }

    /// `kty` of a JWK.
    pub const fn key_type(self) -> &'static str {
        match self {
            Self::P256 | Self::P384 | Self::P521 => "EC",
            Self::X25519 | Self::X448 => "OKP",
        }
    }

    /// Octets of a coordinate, and of a private key.
    pub const fn octets(self) -> usize {
        match self {
            Self::P256 | Self::X25519 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
            Self::X448 => 56,
        }
    }

    fn algorithm(self) -> Option<&'static agreement::Algorithm> {
        match self {
            Self::P256 => Some(&agreement::ECDH_P256),
            Self::P384 => Some(&agreement::ECDH_P384),
            Self::P521 => Some(&agreement::ECDH_P521),
            Self::X25519 => Some(&agreement::X25519),
            Self::X448 => None,
        }
    }

    /// The public key of a JWK on this curve: an uncompressed point, or the octets of Montgomery's u.
    pub fn public_key(self, jwk: &Json) -> Option<Vec<u8>> {
        let text = |name| jwk.member(name).and_then(Json::as_str);
        let coordinate = |name| text(name).and_then(base64url::decode).filter(|read| read.len() == self.octets());
        if text("kty") != Some(self.key_type()) || text("crv") != Some(self.name()) {
            return None;
        }
        match self {
            Self::P256 | Self::P384 | Self::P521 => Some([vec![4], coordinate("x")?, coordinate("y")?].concat()),
            Self::X25519 | Self::X448 => coordinate("x"),
        }
    }
}

/// A private key that agrees, prepared.
pub(super) struct AgreementKey {
    curve: AgreementCurve,
    half: Half,
}

enum Half {
    /// Of aws-lc.
    Lc(PrivateKey),
    /// Of OpenSSL, for the curve that the other does not have.
    Ssl(PKey<Private>),
}

impl AgreementKey {
    /// The key of these octets: of the scalar, big-endian and of full length, or those of RFC 7748.
    pub fn new(curve: AgreementCurve, private: &[u8]) -> Result<Self, KeyError> {
        let half = match curve.algorithm() {
            Some(algorithm) => PrivateKey::from_private_key(algorithm, private).ok().map(Half::Lc),
            None => PKey::private_key_from_raw_bytes(private, Id::X448).ok().map(Half::Ssl),
        };
        Ok(Self { curve, half: half.ok_or(KeyError::PrivateKeyRejected)? })
    }

    pub const fn curve(&self) -> AgreementCurve {
        self.curve
    }

    /// Whether this is the public half of the key.
    pub fn has_public_half(&self, public: &[u8]) -> bool {
        match &self.half {
            Half::Lc(key) => key.compute_public_key().is_ok_and(|own| own.as_ref() == public),
            Half::Ssl(key) => key.raw_public_key().is_ok_and(|own| own == public),
        }
    }

    /// The content encryption key, if the sender's half is one.
    pub fn content_key(
        &self,
        algorithm: KeyManagement,
        content: ContentEncryption,
        parameters: &KeyParameters,
        encrypted: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        use KeyManagement as Alg;
        let KeyParameters::Agreement(sender) = parameters else {
            return None;
        };
        match algorithm {
            Alg::EcdhEs => self.derive(content.name(), content.key_octets(), sender),
            Alg::EcdhEsA128Kw => key_wrap::unwrap(&self.derive(algorithm.name(), 16, sender)?, encrypted),
            Alg::EcdhEsA192Kw => key_wrap::unwrap(&self.derive(algorithm.name(), 24, sender)?, encrypted),
            Alg::EcdhEsA256Kw => key_wrap::unwrap(&self.derive(algorithm.name(), 32, sender)?, encrypted),
            Alg::RsaOaep | Alg::RsaOaep256 | Alg::RsaOaep384 | Alg::RsaOaep512 | Alg::Rsa15 => None,
            Alg::A128Kw | Alg::A192Kw | Alg::A256Kw | Alg::Dir => None,
            Alg::A128GcmKw | Alg::A192GcmKw | Alg::A256GcmKw => None,
            Alg::Pbes2Hs256A128Kw | Alg::Pbes2Hs384A192Kw | Alg::Pbes2Hs512A256Kw => None,
        }
    }

    /// Concat KDF with SHA-256 (RFC 7518 §4.6.2).
    fn derive(&self, purpose: &str, octets: usize, sender: &Agreement) -> Option<Zeroizing<Vec<u8>>> {
        let shared = self.agree(&self.curve.public_key(&sender.ephemeral_key)?)?;
        let bits = u32::try_from(octets).ok()?.checked_mul(8)?;
        let mut context = Vec::new();
        for part in [purpose.as_bytes(), &sender.party_u, &sender.party_v] {
            context.extend(u32::try_from(part.len()).ok()?.to_be_bytes());
            context.extend(part);
        }
        context.extend(bits.to_be_bytes());
        let sha256 = get_sskdf_digest_algorithm(SskdfDigestAlgorithmId::Sha256)?;
        let mut key = Zeroizing::new(vec![0; octets]);
        sskdf_digest(sha256, &shared, &context, &mut key).ok()?;
        Some(key)
    }

    /// Both libraries refuse a point that is not on the curve. Nothing but zeros is what a point of small order leads
    /// to, whoever's key it is (RFC 7748 §6, RFC 8037 §5).
    fn agree(&self, public: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let shared = match &self.half {
            Half::Lc(key) => {
                let public = UnparsedPublicKey::new(key.algorithm(), public);
                agree(key, public, (), |shared| Ok(Zeroizing::new(shared.to_vec()))).ok()?
            }
            Half::Ssl(key) => {
                let public = PKey::public_key_from_raw_bytes(public, Id::X448).ok()?;
                let mut deriver = Deriver::new(key).ok()?;
                deriver.set_peer(&public).ok()?;
                Zeroizing::new(deriver.derive_to_vec().ok()?)
            }
        };
        let zeros = vec![0; shared.len()];
        verify_slices_are_equal(&shared, &zeros).is_err().then_some(shared)
    }
}
