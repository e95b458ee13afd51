//! Which key signs, and what is its public half?

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::{SystemRandom, fill};
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::jose::{JwsAlgorithm, KeyFamily};

/// A key that was just made.
pub struct NewKey {
    /// PKCS#8 in PEM, or the text of a secret.
    pub private: String,
    /// The public half as a JWK; of a secret, the secret.
    pub jwk: Value,
}

/// Makes a key for an algorithm.
pub fn generate(algorithm: JwsAlgorithm, kid: &str) -> Result<NewKey, String> {
    let failed = |_| "the crypto library could not make a key".to_owned();
    let random = SystemRandom::new();
    let (family, _) = minted_with(algorithm).ok_or_else(|| not_minted(algorithm))?;
    let (private, mut jwk) = match family {
        KeyFamily::Secret => {
            let mut secret = [0_u8; 64];
            fill(&mut secret).map_err(failed)?;
            let text = URL_SAFE_NO_PAD.encode(secret);
            // The octets of the text are the secret, so that it can be copied into a configuration as it is.
            let k = URL_SAFE_NO_PAD.encode(&text);
            (format!("{text}\n"), json!({ "kty": "oct", "k": k }))
        }
        KeyFamily::Rsa => {
            let pair = rsa::KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
            let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).map_err(failed)?;
            (pem(der.as_ref()), rsa_jwk(der.as_ref())?)
        }
        KeyFamily::P256 => {
            let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).map_err(failed)?;
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref()).map_err(rejected)?;
            (pem(der.as_ref()), ec_jwk("P-256", pair.public_key().as_ref())?)
        }
        KeyFamily::P384 => {
            let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random).map_err(failed)?;
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der.as_ref()).map_err(rejected)?;
            (pem(der.as_ref()), ec_jwk("P-384", pair.public_key().as_ref())?)
        }
        KeyFamily::Ed25519 => {
            let der = Ed25519KeyPair::generate_pkcs8(&random).map_err(failed)?;
            let pair = Ed25519KeyPair::from_pkcs8(der.as_ref()).map_err(rejected)?;
            let x = URL_SAFE_NO_PAD.encode(pair.public_key());
            (pem(der.as_ref()), json!({ "kty": "OKP", "crv": "Ed25519", "x": x }))
        }
        KeyFamily::P521 | KeyFamily::Secp256k1 | KeyFamily::Ed448 => return Err(not_minted(algorithm)),
    };
    if let Some(members) = jwk.as_object_mut() {
        members.insert("kid".to_owned(), kid.into());
        members.insert("alg".to_owned(), algorithm.name().into());
        members.insert("use".to_owned(), "sig".into());
    }
    Ok(NewKey { private, jwk })
}

fn not_minted(algorithm: JwsAlgorithm) -> String {
    format!("tokens of {algorithm} are verified and not minted")
}

fn rejected(error: aws_lc_rs::error::KeyRejected) -> String {
    format!("the crypto library does not take the key: {error}")
}

fn rsa_jwk(der: &[u8]) -> Result<Value, String> {
    let pair = RsaKeyPair::from_pkcs8(der).map_err(rejected)?;
    let public = pair.public_key();
    let number = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
    Ok(json!({
        "kty": "RSA",
        "n": number(public.modulus().big_endian_without_leading_zero()),
        "e": number(public.exponent().big_endian_without_leading_zero()),
    }))
}

fn ec_jwk(curve: &str, point: &[u8]) -> Result<Value, String> {
    let coordinates = point.strip_prefix(&[4]).ok_or("the crypto library gave a point in another form")?;
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    Ok(json!({ "kty": "EC", "crv": curve, "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) }))
}

/// RFC 7468 §10.
fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

/// Signs claims, which are JSON text and stay as they are, with a key as [`generate`] makes them, or `openssl`.
pub fn sign(algorithm: JwsAlgorithm, kid: Option<&str>, key: &[u8], claims: &str) -> Result<String, String> {
    let claims =
        RawValue::from_string(claims.to_owned()).map_err(|error| format!("the claims are not JSON: {error}"))?;
    let (family, library_name) = minted_with(algorithm).ok_or_else(|| not_minted(algorithm))?;
    let encoding = match family {
        KeyFamily::Secret => Ok(EncodingKey::from_secret(key.trim_ascii_end())),
        KeyFamily::Rsa => EncodingKey::from_rsa_pem(key),
        KeyFamily::P256 | KeyFamily::P384 | KeyFamily::P521 | KeyFamily::Secp256k1 => EncodingKey::from_ec_pem(key),
        KeyFamily::Ed25519 | KeyFamily::Ed448 => EncodingKey::from_ed_pem(key),
    };
    let encoding = encoding.map_err(|error| format!("this key is not one for {algorithm}: {error}"))?;
    let mut header = jsonwebtoken::Header::new(library_name);
    header.kid = kid.map(str::to_owned);
    jsonwebtoken::encode(&header, &claims, &encoding).map_err(|error| format!("the token cannot be signed: {error}"))
}

/// The key that an algorithm signs with, and its name in the library that mints; `None` if that does not have it.
/// `Ed25519` of RFC 9864 is the same operation as `EdDSA`, under a name that the library does not write.
fn minted_with(algorithm: JwsAlgorithm) -> Option<(KeyFamily, Algorithm)> {
    match algorithm {
        JwsAlgorithm::Hs256 => Some((KeyFamily::Secret, Algorithm::HS256)),
        JwsAlgorithm::Hs384 => Some((KeyFamily::Secret, Algorithm::HS384)),
        JwsAlgorithm::Hs512 => Some((KeyFamily::Secret, Algorithm::HS512)),
        JwsAlgorithm::Rs256 => Some((KeyFamily::Rsa, Algorithm::RS256)),
        JwsAlgorithm::Rs384 => Some((KeyFamily::Rsa, Algorithm::RS384)),
        JwsAlgorithm::Rs512 => Some((KeyFamily::Rsa, Algorithm::RS512)),
        JwsAlgorithm::Ps256 => Some((KeyFamily::Rsa, Algorithm::PS256)),
        JwsAlgorithm::Ps384 => Some((KeyFamily::Rsa, Algorithm::PS384)),
        JwsAlgorithm::Ps512 => Some((KeyFamily::Rsa, Algorithm::PS512)),
        JwsAlgorithm::Es256 => Some((KeyFamily::P256, Algorithm::ES256)),
        JwsAlgorithm::Es384 => Some((KeyFamily::P384, Algorithm::ES384)),
        JwsAlgorithm::EdDsa => Some((KeyFamily::Ed25519, Algorithm::EdDSA)),
        JwsAlgorithm::Es512 | JwsAlgorithm::Es256k | JwsAlgorithm::Ed25519 | JwsAlgorithm::Ed448 => None,
    }
}

/// The algorithms that a token can be minted with.
pub fn mintable() -> impl Iterator<Item = JwsAlgorithm> {
    JwsAlgorithm::ALL.into_iter().filter(|algorithm| minted_with(*algorithm).is_some())
}

/// Parses the name of an algorithm of the command line.
pub fn algorithm(name: &str) -> Result<JwsAlgorithm, String> {
    mintable().find(|algorithm| algorithm.name() == name).ok_or_else(|| {
        let names: Vec<_> = mintable().map(|algorithm| algorithm.name()).collect();
        format!("one of {}", names.join(", "))
    })
}
