//! Which signatures does this key vouch for? The key names its algorithms; a token never chooses outside them.
//!
//! The only file that calls the crypto library for signatures. Keys are parsed once, here, and used many times.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self, EcdsaVerificationAlgorithm, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents};
use openssl::pkey::{Id, PKey, Public};
use openssl::sign::Verifier;

use super::algorithm::{AlgorithmSet, JwsAlgorithm, KeyFamily};
use super::base64url;
use super::edwards;
use super::error::{KeyError, SignatureInvalid};

/// Bits of an RSA modulus: under the first, the key is weak.
const STRONG_RSA_BITS: usize = 2048;
/// Bits of an RSA modulus: the least that the crypto library verifies at all.
const LEAST_RSA_BITS: usize = 1024;
/// Bits of an RSA modulus: the most that the crypto library verifies.
const MOST_RSA_BITS: usize = 8192;

/// What to do with keys that are weaker than RFC 7518 §3.2 and §3.3 ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeakKeys {
    /// Weak keys are errors.
    Refuse,
    /// RSA from 1024 bits (with RS256 and RS512 only), and secrets of one octet and more.
    DangerouslyAllow,
}

/// A prepared key with the algorithms it may be used with. `Debug` shows no key material.
#[derive(Clone)]
pub struct VerificationKey {
    kid: Option<String>,
    kind: KeyKind,
    thumbprint: Option<String>,
    algorithms: AlgorithmSet,
    prepared: Vec<(JwsAlgorithm, Prepared)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    Secret { octets: usize },
    Rsa { bits: usize },
    Curve(Curve),
}

/// A named curve (RFC 7518 §7.6, RFC 8037 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
    Secp256k1,
    Ed25519,
    Ed448,
}

#[derive(Clone)]
enum Prepared {
    /// In a box: it is twenty times the size of the other.
    Secret(Box<hmac::Key>),
    Public(ParsedPublicKey),
    /// Of OpenSSL, for the curve that the other library does not have.
    Ed448(PKey<Public>),
}

impl VerificationKey {
    /// A key of these octets for HMAC. It allows each HS* whose hash is no longer than the secret
    /// (RFC 7518 §3.2); with [`WeakKeys::DangerouslyAllow`], every HS*.
    ///
    /// # Errors
    /// [`KeyError::EmptySecret`] always, [`KeyError::WeakSecret`] when weak keys are refused.
    pub fn from_secret(secret: &[u8], weak: WeakKeys) -> Result<Self, KeyError> {
        if secret.is_empty() {
            return Err(KeyError::EmptySecret);
        }
        let mut prepared = Vec::new();
        for algorithm in AlgorithmSet::of_family(KeyFamily::Secret).iter() {
            if let Some(hash) = hmac_algorithm(algorithm)
                && (weak == WeakKeys::DangerouslyAllow || secret.len() >= hash_octets(algorithm))
            {
                prepared.push((algorithm, Prepared::Secret(Box::new(hmac::Key::new(hash, secret)))));
            }
        }
        if prepared.is_empty() {
            return Err(KeyError::WeakSecret(secret.len(), hash_octets(JwsAlgorithm::Hs256)));
        }
        Ok(Self::of(KeyKind::Secret { octets: secret.len() }, None, prepared))
    }

    /// An RSA key of modulus and exponent, big-endian without leading zeros.
    pub(super) fn from_rsa(n: &[u8], e: &[u8], weak: WeakKeys) -> Result<Self, KeyError> {
        let bits = rsa_bits(n, e, weak)?;
        let mut prepared = Vec::new();
        for algorithm in AlgorithmSet::of_family(KeyFamily::Rsa).iter() {
            if let Some(parameters) = rsa_parameters(algorithm, bits) {
                let key = RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters);
                prepared.push((algorithm, Prepared::Public(key.map_err(|_| KeyError::RsaNumbers)?)));
            }
        }
        let (n, e) = (base64url::encode(n), base64url::encode(e));
        let thumbprint = thumbprint(&format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#));
        Ok(Self::of(KeyKind::Rsa { bits }, Some(thumbprint), prepared))
    }

    /// An ECDSA key of an uncompressed point: 4, x, y (SEC 1 §2.3.3).
    pub(super) fn from_point(curve: Curve, point: &[u8]) -> Result<Self, KeyError> {
        let (algorithm, parameters) = ecdsa_parameters(curve).ok_or(KeyError::UnknownCurve)?;
        let Some((4, coordinates)) = point.split_first() else {
            return Err(KeyError::NotOnCurve);
        };
        let (x, y) = coordinates.split_at_checked(curve.octets()).ok_or(KeyError::NotOnCurve)?;
        if y.len() != curve.octets() {
            return Err(KeyError::NotOnCurve);
        }
        let key = ParsedPublicKey::new(parameters, point).map_err(|_| KeyError::NotOnCurve)?;
        let (name, x, y) = (curve.name(), base64url::encode(x), base64url::encode(y));
        let thumbprint = thumbprint(&format!(r#"{{"crv":"{name}","kty":"EC","x":"{x}","y":"{y}"}}"#));
        Ok(Self::of(KeyKind::Curve(curve), Some(thumbprint), vec![(algorithm, Prepared::Public(key))]))
    }

    /// An Ed25519 key of its 32 octets, or an Ed448 key of its 57 (RFC 8032 §5.1.2, §5.2.2).
    pub(super) fn from_edwards(curve: Curve, octets: &[u8]) -> Result<Self, KeyError> {
        let (family, prepared) = match curve {
            Curve::Ed25519 => {
                edwards::judge_ed25519(octets)?;
                let key = ParsedPublicKey::new(&signature::ED25519, octets).map_err(|_| KeyError::NotOnCurve)?;
                (KeyFamily::Ed25519, Prepared::Public(key))
            }
            Curve::Ed448 => {
                edwards::judge_ed448(octets)?;
                let key = PKey::public_key_from_raw_bytes(octets, Id::ED448).map_err(|_| KeyError::NotOnCurve)?;
                (KeyFamily::Ed448, Prepared::Ed448(key))
            }
            Curve::P256 | Curve::P384 | Curve::P521 | Curve::Secp256k1 => return Err(KeyError::UnknownCurve),
        };
        let prepared = AlgorithmSet::of_family(family).iter().map(|algorithm| (algorithm, prepared.clone())).collect();
        let (name, x) = (curve.name(), base64url::encode(octets));
        let thumbprint = thumbprint(&format!(r#"{{"crv":"{name}","kty":"OKP","x":"{x}"}}"#));
        Ok(Self::of(KeyKind::Curve(curve), Some(thumbprint), prepared))
    }

    fn of(kind: KeyKind, thumbprint: Option<String>, prepared: Vec<(JwsAlgorithm, Prepared)>) -> Self {
        let algorithms = prepared.iter().map(|(algorithm, _)| *algorithm).collect();
        Self { kid: None, kind, thumbprint, algorithms, prepared }
    }

    /// The same key under this key id.
    #[must_use]
    pub fn with_kid(self, kid: Option<String>) -> Self {
        Self { kid, ..self }
    }

    /// The same key, for these algorithms at most.
    ///
    /// # Errors
    /// [`KeyError::NoAlgorithmLeft`] if it allows none of them.
    pub fn restrict(mut self, algorithms: AlgorithmSet) -> Result<Self, KeyError> {
        self.algorithms = self.algorithms.intersect(algorithms);
        self.prepared.retain(|(algorithm, _)| algorithms.contains(*algorithm));
        if self.algorithms.is_empty() { Err(KeyError::NoAlgorithmLeft) } else { Ok(self) }
    }

    /// The key for the one algorithm that its JWK names in `alg`.
    pub(super) fn only(self, algorithm: JwsAlgorithm) -> Result<Self, KeyError> {
        if !algorithm.belongs_to(self.kind.family()) {
            return Err(KeyError::AlgorithmDoesNotFit);
        }
        let refused = match self.kind {
            KeyKind::Secret { octets } => KeyError::WeakSecret(octets, hash_octets(algorithm)),
            KeyKind::Rsa { bits } => KeyError::WeakRsa(bits),
            KeyKind::Curve(_) => KeyError::NoAlgorithmLeft,
        };
        self.restrict(AlgorithmSet::only(algorithm)).map_err(|_| refused)
    }

    /// The key id (RFC 7517 §4.5), if the key has one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithms that the key may be used with; never empty.
    #[must_use]
    pub const fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    /// The RFC 7638 thumbprint (SHA-256, base64url): a name for the key in logs. A secret has none, for a digest of
    /// a secret lets others guess it.
    #[must_use]
    pub fn thumbprint(&self) -> Option<&str> {
        self.thumbprint.as_deref()
    }

    /// Kind and size for logs and `explain`: `RSA 2048 bits`, `EC P-256`, `OKP Ed25519`, `oct 256 bits`.
    #[must_use]
    pub fn describe(&self) -> String {
        let weak = if self.is_weak() { ", weak" } else { "" };
        match self.kind {
            KeyKind::Secret { octets } => format!("oct {} bits{weak}", octets.saturating_mul(8)),
            KeyKind::Rsa { bits } => format!("RSA {bits} bits{weak}"),
            KeyKind::Curve(curve) => format!("{} {}", curve.key_type(), curve.name()),
        }
    }

    /// Whether the key is usable only because of [`WeakKeys::DangerouslyAllow`], for one of its algorithms at least.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        match self.kind {
            KeyKind::Secret { octets } => self.algorithms.iter().any(|algorithm| octets < hash_octets(algorithm)),
            KeyKind::Rsa { bits } => bits < STRONG_RSA_BITS,
            KeyKind::Curve(_) => false,
        }
    }

    /// Whether `signature` is one of this key over `input` with this algorithm. Comparing MACs takes constant time;
    /// ECDSA signatures are r and s side by side (RFC 7518 §3.4).
    ///
    /// # Errors
    /// [`SignatureInvalid`] if it is not, or if the key does not allow the algorithm.
    pub fn verify(&self, algorithm: JwsAlgorithm, input: &[u8], signature: &[u8]) -> Result<(), SignatureInvalid> {
        let prepared = self.prepared.iter().find(|(own, _)| *own == algorithm).ok_or(SignatureInvalid)?;
        let valid = match &prepared.1 {
            Prepared::Secret(key) => hmac::verify(key, input, signature).is_ok(),
            Prepared::Public(key) => key.verify_sig(input, signature).is_ok(),
            Prepared::Ed448(key) => Verifier::new_without_digest(key)
                .and_then(|mut verifier| verifier.verify_oneshot(signature, input))
                .unwrap_or(false),
        };
        if valid { Ok(()) } else { Err(SignatureInvalid) }
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationKey")
            .field("kid", &self.kid)
            .field("kind", &self.describe())
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

impl KeyKind {
    const fn family(self) -> KeyFamily {
        match self {
            Self::Secret { .. } => KeyFamily::Secret,
            Self::Rsa { .. } => KeyFamily::Rsa,
            Self::Curve(Curve::P256) => KeyFamily::P256,
            Self::Curve(Curve::P384) => KeyFamily::P384,
            Self::Curve(Curve::P521) => KeyFamily::P521,
            Self::Curve(Curve::Secp256k1) => KeyFamily::Secp256k1,
            Self::Curve(Curve::Ed25519) => KeyFamily::Ed25519,
            Self::Curve(Curve::Ed448) => KeyFamily::Ed448,
        }
    }
}

impl Curve {
    /// `crv` of a JWK.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            Self::Secp256k1 => "secp256k1",
            Self::Ed25519 => "Ed25519",
            Self::Ed448 => "Ed448",
        }
    }

    /// `kty` of a JWK.
    pub(super) const fn key_type(self) -> &'static str {
        match self {
            Self::P256 | Self::P384 | Self::P521 | Self::Secp256k1 => "EC",
            Self::Ed25519 | Self::Ed448 => "OKP",
        }
    }

    /// Octets of one coordinate.
    pub(super) const fn octets(self) -> usize {
        match self {
            Self::P256 | Self::Secp256k1 | Self::Ed25519 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
            Self::Ed448 => edwards::ED448_OCTETS,
        }
    }
}

/// Bits of the modulus, if modulus and exponent can be those of a key. The crypto library takes exponents of at most
/// 33 bits; those of RSA in use have 17.
fn rsa_bits(n: &[u8], e: &[u8], weak: WeakKeys) -> Result<usize, KeyError> {
    let (Some(top), Some(lowest)) = (n.first(), n.last()) else {
        return Err(KeyError::RsaNumbers);
    };
    let exponent = e.iter().fold(0_u64, |value, octet| (value << 8) | u64::from(*octet));
    let leading_zero = *top == 0 || e.first().is_none_or(|first| *first == 0);
    if leading_zero || lowest % 2 == 0 || e.len() > 4 || exponent < 3 || exponent % 2 == 0 {
        return Err(KeyError::RsaNumbers);
    }
    let bits = (n.len() * 8).saturating_sub(top.leading_zeros() as usize);
    let least = match weak {
        WeakKeys::Refuse => STRONG_RSA_BITS,
        WeakKeys::DangerouslyAllow => LEAST_RSA_BITS,
    };
    if bits < least {
        return Err(KeyError::WeakRsa(bits));
    }
    if bits > MOST_RSA_BITS { Err(KeyError::RsaTooLong(bits)) } else { Ok(bits) }
}

fn thumbprint(required_members: &str) -> String {
    base64url::encode(digest(&SHA256, required_members.as_bytes()).as_ref())
}

/// Octets of the hash of an HMAC algorithm, which are also the least octets of its secret (RFC 7518 §3.2).
fn hash_octets(algorithm: JwsAlgorithm) -> usize {
    hmac_algorithm(algorithm).map_or(0, |hmac| hmac.digest_algorithm().output_len())
}

fn hmac_algorithm(algorithm: JwsAlgorithm) -> Option<hmac::Algorithm> {
    use JwsAlgorithm::{Ed448, Ed25519, EdDsa, Es256, Es256k, Es384, Es512, Hs256, Hs384, Hs512};
    use JwsAlgorithm::{Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    match algorithm {
        Hs256 => Some(hmac::HMAC_SHA256),
        Hs384 => Some(hmac::HMAC_SHA384),
        Hs512 => Some(hmac::HMAC_SHA512),
        Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512 => None,
        Es256 | Es384 | Es512 | Es256k | EdDsa | Ed25519 | Ed448 => None,
    }
}

/// For keys under 2048 bits the crypto library verifies PKCS #1 v1.5 with SHA-256 and SHA-512 and nothing else.
const fn rsa_parameters(algorithm: JwsAlgorithm, bits: usize) -> Option<&'static RsaParameters> {
    use JwsAlgorithm::{Ed448, Ed25519, EdDsa, Es256, Es256k, Es384, Es512, Hs256, Hs384, Hs512};
    use JwsAlgorithm::{Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    match (algorithm, bits < STRONG_RSA_BITS) {
        (Rs256, false) => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        (Rs384, false) => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        (Rs512, false) => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        (Ps256, false) => Some(&signature::RSA_PSS_2048_8192_SHA256),
        (Ps384, false) => Some(&signature::RSA_PSS_2048_8192_SHA384),
        (Ps512, false) => Some(&signature::RSA_PSS_2048_8192_SHA512),
        (Rs256, true) => Some(&signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
        (Rs512, true) => Some(&signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
        (Rs384 | Ps256 | Ps384 | Ps512, true) => None,
        (Hs256 | Hs384 | Hs512, _) => None,
        (Es256 | Es384 | Es512 | Es256k | EdDsa | Ed25519 | Ed448, _) => None,
    }
}

const fn ecdsa_parameters(curve: Curve) -> Option<(JwsAlgorithm, &'static EcdsaVerificationAlgorithm)> {
    match curve {
        Curve::P256 => Some((JwsAlgorithm::Es256, &signature::ECDSA_P256_SHA256_FIXED)),
        Curve::P384 => Some((JwsAlgorithm::Es384, &signature::ECDSA_P384_SHA384_FIXED)),
        Curve::P521 => Some((JwsAlgorithm::Es512, &signature::ECDSA_P521_SHA512_FIXED)),
        Curve::Secp256k1 => Some((JwsAlgorithm::Es256k, &signature::ECDSA_P256K1_SHA256_FIXED)),
        Curve::Ed25519 | Curve::Ed448 => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests;
