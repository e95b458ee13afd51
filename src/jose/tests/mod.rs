//! Tests of the whole module: signers of every algorithm, and hostile bytes.

mod confusion;
mod encrypted;
mod every_byte;
#[allow(clippy::wildcard_enum_match_arm, reason = "each arm has its own kind of key; the rest is of another")]
mod recipient;
mod rfc;

use std::sync::OnceLock;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P256K1_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};

use super::*;

pub(super) const PAYLOAD: &[u8] = br#"{"sub":"jane","user_id":656670838050885}"#;
pub(super) const MAX: usize = 16 * 1024;

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// Someone who can sign with one algorithm, and publishes a JWK.
pub(super) struct Signer {
    pub(super) algorithm: JwsAlgorithm,
    sign: Sign,
    members: String,
}

impl Signer {
    pub(super) fn of(algorithm: JwsAlgorithm) -> Self {
        use JwsAlgorithm::*;
        match algorithm {
            Hs256 => Self::hmac(algorithm, hmac::HMAC_SHA256),
            Hs384 => Self::hmac(algorithm, hmac::HMAC_SHA384),
            Hs512 => Self::hmac(algorithm, hmac::HMAC_SHA512),
            Rs256 => Self::rsa(algorithm, &RSA_PKCS1_SHA256),
            Rs384 => Self::rsa(algorithm, &RSA_PKCS1_SHA384),
            Rs512 => Self::rsa(algorithm, &RSA_PKCS1_SHA512),
            Ps256 => Self::rsa(algorithm, &RSA_PSS_SHA256),
            Ps384 => Self::rsa(algorithm, &RSA_PSS_SHA384),
            Ps512 => Self::rsa(algorithm, &RSA_PSS_SHA512),
            Es256 => Self::ecdsa(algorithm, "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING),
            Es384 => Self::ecdsa(algorithm, "P-384", &ECDSA_P384_SHA384_FIXED_SIGNING),
            Es512 => Self::ecdsa(algorithm, "P-521", &ECDSA_P521_SHA512_FIXED_SIGNING),
            Es256k => Self::ecdsa(algorithm, "secp256k1", &ECDSA_P256K1_SHA256_FIXED_SIGNING),
            EdDsa | Ed25519 => Self::ed25519(algorithm),
            Ed448 => Self::ed448(algorithm),
        }
    }

    fn hmac(algorithm: JwsAlgorithm, hash: hmac::Algorithm) -> Self {
        let secret = [7; 64];
        let key = hmac::Key::new(hash, &secret);
        let members = format!(r#""kty":"oct","k":"{}""#, base64url::encode(&secret));
        Self { algorithm, members, sign: Box::new(move |input| hmac::sign(&key, input).as_ref().to_vec()) }
    }

    fn rsa(algorithm: JwsAlgorithm, encoding: &'static dyn RsaEncoding) -> Self {
        static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
        let key = KEY.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
        let n = base64url::encode(key.public_key().modulus().big_endian_without_leading_zero());
        let e = base64url::encode(key.public_key().exponent().big_endian_without_leading_zero());
        let sign = move |input: &[u8]| {
            let mut signature = vec![0; key.public_modulus_len()];
            key.sign(encoding, &SystemRandom::new(), input, &mut signature).unwrap();
            signature
        };
        Self { algorithm, members: format!(r#""kty":"RSA","n":"{n}","e":"{e}""#), sign: Box::new(sign) }
    }

    fn ecdsa(algorithm: JwsAlgorithm, curve: &str, parameters: &'static EcdsaSigningAlgorithm) -> Self {
        let key = EcdsaKeyPair::generate(parameters).unwrap();
        let point = key.public_key().as_ref();
        let (x, y) = point[1..].split_at(point.len() / 2);
        let (x, y) = (base64url::encode(x), base64url::encode(y));
        let members = format!(r#""kty":"EC","crv":"{curve}","x":"{x}","y":"{y}""#);
        let sign = move |input: &[u8]| key.sign(&SystemRandom::new(), input).unwrap().as_ref().to_vec();
        Self { algorithm, members, sign: Box::new(sign) }
    }

    fn ed25519(algorithm: JwsAlgorithm) -> Self {
        let key = Ed25519KeyPair::generate().unwrap();
        let x = base64url::encode(key.public_key().as_ref());
        let members = format!(r#""kty":"OKP","crv":"Ed25519","x":"{x}""#);
        Self { algorithm, members, sign: Box::new(move |input| key.sign(input).as_ref().to_vec()) }
    }

    /// With Ed448, which EdDSA is too: the key decides.
    pub(super) fn ed448(algorithm: JwsAlgorithm) -> Self {
        let key = openssl::pkey::PKey::generate_ed448().unwrap();
        let x = base64url::encode(&key.raw_public_key().unwrap());
        let sign = move |input: &[u8]| {
            openssl::sign::Signer::new_without_digest(&key).unwrap().sign_oneshot_to_vec(input).unwrap()
        };
        Self { algorithm, members: format!(r#""kty":"OKP","crv":"Ed448","x":"{x}""#), sign: Box::new(sign) }
    }

    /// A token with the header that belongs to the algorithm.
    pub(super) fn token(&self) -> String {
        self.token_with(&format!(r#"{{"alg":"{}","typ":"JWT"}}"#, self.algorithm))
    }

    /// A token with any header at all, truly signed.
    pub(super) fn token_with(&self, header: &str) -> String {
        let input = format!("{}.{}", base64url::encode(header.as_bytes()), base64url::encode(PAYLOAD));
        format!("{input}.{}", base64url::encode(&(self.sign)(input.as_bytes())))
    }

    /// The JWK, with these members more.
    pub(super) fn jwk(&self, more: &str) -> String {
        format!("{{{}{more}}}", self.members)
    }

    pub(super) fn key(&self) -> VerificationKey {
        key_of(&self.jwk(""))
    }
}

pub(super) fn key_of(jwk: &str) -> VerificationKey {
    VerificationKey::from_jwk(&Json::parse(jwk.as_bytes()).unwrap(), WeakKeys::Refuse).unwrap()
}

/// Whether the key admits the token; a token that is refused before any key is not admitted either.
pub(super) fn admits(key: &VerificationKey, token: &str) -> bool {
    SignedToken::parse(token, MAX).is_ok_and(|token| token.verify(key).is_ok())
}

/// HS256 over a header that says so, with these octets as the secret.
pub(super) fn forge(secret: &[u8]) -> String {
    let header = base64url::encode(br#"{"alg":"HS256"}"#);
    let input = format!("{header}.{}", base64url::encode(PAYLOAD));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
    format!("{input}.{}", base64url::encode(tag.as_ref()))
}

/// Hands over every truncation of the seed and then `rounds` random mutations of it, the same in each run.
pub(super) fn mutations(seed: &[u8], rounds: usize, mut judge: impl FnMut(&[u8])) {
    for length in 0..=seed.len() {
        judge(&seed[..length]);
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..rounds {
        let mut bytes = seed.to_vec();
        for _ in 0..=random(3) {
            let at = random(bytes.len());
            match random(5) {
                0 => bytes[at] = u8::try_from(random(256)).unwrap(),
                1 => bytes[at] = br#"{}[],:"\.-0e =Au"#[random(16)],
                2 => bytes.insert(at, br#"{}[],:"\.-0e =Au"#[random(16)]),
                3 => drop(bytes.drain(at..(at + 1 + random(4)).min(bytes.len()))),
                _ => bytes.extend_from_within(at..(at + 1 + random(20)).min(bytes.len())),
            }
            if bytes.is_empty() {
                bytes.push(b' ');
            }
        }
        judge(&bytes);
    }
}
