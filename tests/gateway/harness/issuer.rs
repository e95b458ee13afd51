//! Who signs tokens for the tests? An issuer with one key of any kind.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use serde_json::{Value, json};

/// Every algorithm that the gateway knows, by its name.
pub const ALGORITHMS: [&str; 12] =
    ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/// An issuer with one key.
#[derive(Clone)]
pub struct Issuer {
    algorithm: Algorithm,
    name: String,
    /// The key's id.
    pub kid: String,
    signing: EncodingKey,
    /// The private key in PEM (PKCS#8), or the text of the secret.
    pub private: String,
    /// The public key in PEM (SPKI); empty for a secret.
    pub public_pem: String,
    /// The key as the gateway gets it.
    pub jwk: Value,
}

impl Issuer {
    /// An issuer with a new key.
    pub fn of(algorithm: &str) -> Self {
        Self::with_kid(algorithm, &format!("kid-{algorithm}"))
    }

    /// An issuer with a new key of this id.
    pub fn with_kid(algorithm: &str, kid: &str) -> Self {
        let (private, public_pem, signing, mut jwk) = match algorithm.get(..2) {
            Some("HS") => secret(),
            Some("RS" | "PS") => asymmetric(&PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()),
            Some("ES") => asymmetric(&new_ec(algorithm)),
            Some("Ed") => asymmetric(&PKey::generate_ed25519().unwrap()),
            other => panic!("no algorithm {other:?}"),
        };
        jwk["kid"] = kid.into();
        jwk["alg"] = algorithm.into();
        Self {
            algorithm: algorithm.parse().unwrap(),
            name: algorithm.to_owned(),
            kid: kid.to_owned(),
            signing,
            private,
            public_pem,
            jwk,
        }
    }

    /// A JWK Set of this issuer's key alone.
    pub fn jwks(&self) -> String {
        jwks(&[self])
    }

    /// A token of these claims.
    pub fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({ "alg": self.name, "kid": self.kid, "typ": "JWT" }), claims)
    }

    /// A token of this header and these claims.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        self.sign(&header.to_string(), &claims.to_string())
    }

    /// A good signature over any text.
    pub fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", base64url(header), base64url(claims));
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &self.signing, self.algorithm).unwrap();
        format!("{signed}.{signature}")
    }

    /// A token that lives for an hour, of this subject.
    pub fn token_of(&self, subject: &str) -> String {
        self.token(&json!({ "sub": subject, "exp": now() + 3600 }))
    }
}

/// A JWK Set of several issuers' keys.
pub fn jwks(issuers: &[&Issuer]) -> String {
    let keys: Vec<&Value> = issuers.iter().map(|issuer| &issuer.jwk).collect();
    json!({ "keys": keys }).to_string()
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Base64url without padding.
pub fn base64url(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

type Parts = (String, String, EncodingKey, Value);

fn secret() -> Parts {
    let mut octets = [0_u8; 48];
    openssl::rand::rand_bytes(&mut octets).unwrap();
    let text = base64url(octets);
    let signing = EncodingKey::from_secret(text.as_bytes());
    let jwk = json!({ "kty": "oct", "k": base64url(&text) });
    (text, String::new(), signing, jwk)
}

fn new_ec(algorithm: &str) -> PKey<Private> {
    let curve = if algorithm == "ES256" { Nid::X9_62_PRIME256V1 } else { Nid::SECP384R1 };
    let group = EcGroup::from_curve_name(curve).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn asymmetric(key: &PKey<Private>) -> Parts {
    let private = String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let public = String::from_utf8(key.public_key_to_pem().unwrap()).unwrap();
    let pem = private.as_bytes();
    let (signing, jwk) = if let Ok(rsa) = key.rsa() {
        let number = |number: &openssl::bn::BigNumRef| base64url(number.to_vec());
        let jwk = json!({ "kty": "RSA", "n": number(rsa.n()), "e": number(rsa.e()) });
        (EncodingKey::from_rsa_pem(pem), jwk)
    } else if let Ok(ec) = key.ec_key() {
        (EncodingKey::from_ec_pem(pem), ec_jwk(&ec))
    } else {
        let x = base64url(key.raw_public_key().unwrap());
        (EncodingKey::from_ed_pem(pem), json!({ "kty": "OKP", "crv": "Ed25519", "x": x }))
    };
    (private, public, signing.unwrap(), jwk)
}

fn ec_jwk(key: &EcKey<Private>) -> Value {
    let (mut x, mut y) = (BigNum::new().unwrap(), BigNum::new().unwrap());
    let mut context = BigNumContext::new().unwrap();
    let point = key.public_key();
    point.affine_coordinates(key.group(), &mut x, &mut y, &mut context).unwrap();
    let (curve, size) = if key.group().degree() == 256 { ("P-256", 32) } else { ("P-384", 48) };
    let padded = |number: &BigNum| base64url(number.to_vec_padded(size).unwrap());
    json!({ "kty": "EC", "crv": curve, "x": padded(&x), "y": padded(&y) })
}
