//! Someone for whom tokens are encrypted, by OpenSSL and our own reading of RFC 7518, which is not that of the module.

use std::sync::OnceLock;

use openssl::aes::{AesKey, wrap_key};
use openssl::bn::BigNumContext;
use openssl::derive::Deriver;
use openssl::ec::{EcGroup, EcKey};
use openssl::encrypt::Encrypter;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private, Public};
use openssl::rsa::{Padding, Rsa};
use openssl::sha::sha256;
use openssl::sign::Signer;
use openssl::symm::{Cipher, encrypt, encrypt_aead};
use serde_json::{Map, Value, json};

use super::*;

/// Iterations of PBES2, fewer than anybody uses: the tests make many tokens.
pub(in crate::jose) const COUNT: usize = 10;

/// An algorithm with a key for it.
pub(in crate::jose) struct Recipient {
    pub(in crate::jose) algorithm: KeyManagement,
    /// The private JWK.
    pub(in crate::jose) jwk: Value,
    material: Material,
}

enum Material {
    Secret(Vec<u8>),
    Rsa(PKey<Private>),
    Curve(&'static str, PKey<Private>),
}

/// What a token is made of, before it is written down.
pub(in crate::jose) struct Parts {
    pub(in crate::jose) header: Value,
    pub(in crate::jose) encrypted_key: Vec<u8>,
    pub(in crate::jose) content_key: Vec<u8>,
}

impl Recipient {
    /// Every algorithm, the agreements on every curve, and `dir` with every content encryption.
    pub(in crate::jose) fn all(content: ContentEncryption) -> Vec<Self> {
        let agreements = ["P-256", "P-384", "P-521", "X25519", "X448"];
        let mut all = Vec::new();
        for algorithm in KeyManagement::ALL {
            if KeyManagementSet::AGREEMENT.contains(algorithm) {
                all.extend(agreements.map(|curve| Self::on_curve(algorithm, curve)));
            } else {
                all.push(Self::of(algorithm, content));
            }
        }
        all
    }

    pub(in crate::jose) fn of(algorithm: KeyManagement, content: ContentEncryption) -> Self {
        use KeyManagement as Alg;
        match algorithm {
            Alg::Dir => Self::secret(algorithm, content.key_octets()),
            Alg::A128Kw | Alg::A128GcmKw => Self::secret(algorithm, 16),
            Alg::A192Kw | Alg::A192GcmKw => Self::secret(algorithm, 24),
            Alg::A256Kw | Alg::A256GcmKw => Self::secret(algorithm, 32),
            Alg::Pbes2Hs256A128Kw | Alg::Pbes2Hs384A192Kw | Alg::Pbes2Hs512A256Kw => Self::secret(algorithm, 21),
            Alg::RsaOaep | Alg::RsaOaep256 | Alg::RsaOaep384 | Alg::RsaOaep512 | Alg::Rsa15 => Self::rsa(algorithm),
            Alg::EcdhEs | Alg::EcdhEsA128Kw | Alg::EcdhEsA192Kw | Alg::EcdhEsA256Kw => {
                Self::on_curve(algorithm, "P-256")
            }
        }
    }

    fn secret(algorithm: KeyManagement, octets: usize) -> Self {
        let secret: Vec<u8> = (0..octets).map(|place| u8::try_from(place).unwrap() ^ 0xa5).collect();
        let jwk = json!({ "kty": "oct", "k": base64url::encode(&secret) });
        Self { algorithm, jwk, material: Material::Secret(secret) }
    }

    fn rsa(algorithm: KeyManagement) -> Self {
        static KEY: OnceLock<Rsa<Private>> = OnceLock::new();
        let key = KEY.get_or_init(|| Rsa::generate(2048).unwrap());
        let number = |number: &openssl::bn::BigNumRef| base64url::encode(&number.to_vec());
        let jwk = json!({
            "kty": "RSA", "n": number(key.n()), "e": number(key.e()), "d": number(key.d()),
            "p": number(key.p().unwrap()), "q": number(key.q().unwrap()), "dp": number(key.dmp1().unwrap()),
            "dq": number(key.dmq1().unwrap()), "qi": number(key.iqmp().unwrap()),
        });
        Self { algorithm, jwk, material: Material::Rsa(PKey::from_rsa(key.clone()).unwrap()) }
    }

    pub(in crate::jose) fn on_curve(algorithm: KeyManagement, curve: &'static str) -> Self {
        let key = new_key(curve);
        let mut jwk = public_jwk(curve, &key);
        jwk["d"] = match key.ec_key() {
            Ok(scalar) => {
                let octets = i32::try_from(coordinate_octets(curve)).unwrap();
                base64url::encode(&scalar.private_key().to_vec_padded(octets).unwrap()).into()
            }
            Err(_) => base64url::encode(&key.raw_private_key().unwrap()).into(),
        };
        Self { algorithm, jwk, material: Material::Curve(curve, key) }
    }

    pub(in crate::jose) fn key(&self) -> DecryptionKey {
        DecryptionKey::from_jwk(&Json::parse(self.jwk.to_string().as_bytes()).unwrap(), WeakKeys::Refuse).unwrap()
    }

    /// A token of this content.
    pub(in crate::jose) fn token(&self, content: ContentEncryption, text: &[u8]) -> String {
        let parts = self.parts(content, json!({}));
        seal(content, &parts, text)
    }

    /// Header, content encryption key, and that key encrypted. `more` is added to the header.
    pub(in crate::jose) fn parts(&self, content: ContentEncryption, more: Value) -> Parts {
        let mut header = json!({ "alg": self.algorithm.name(), "enc": content.name() });
        header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut content_key: Vec<u8> = (0..content.key_octets()).map(|_| fastrand::u8(..)).collect();
        let encrypted_key = match &self.material {
            Material::Secret(secret) => self.with_secret(secret, &mut header, &mut content_key),
            Material::Rsa(key) => self.with_rsa(key, &content_key),
            Material::Curve(curve, key) => self.with_agreement(curve, key, content, &mut header, &mut content_key),
        };
        Parts { header, encrypted_key, content_key }
    }

    fn with_secret(&self, secret: &[u8], header: &mut Value, content_key: &mut Vec<u8>) -> Vec<u8> {
        use KeyManagement as Alg;
        let password = |octets: usize, digest, header: &mut Value, content_key: &[u8]| {
            let salt = [self.algorithm.name().as_bytes(), &[0], b"salt of 16 octet"].concat();
            let mut key = vec![0; octets];
            openssl::pkcs5::pbkdf2_hmac(secret, &salt, COUNT, digest, &mut key).unwrap();
            header["p2s"] = base64url::encode(b"salt of 16 octet").into();
            header["p2c"] = COUNT.into();
            wrapped(&key, content_key)
        };
        match self.algorithm {
            Alg::Dir => {
                *content_key = secret.to_vec();
                Vec::new()
            }
            Alg::A128Kw | Alg::A192Kw | Alg::A256Kw => wrapped(secret, content_key),
            Alg::A128GcmKw | Alg::A192GcmKw | Alg::A256GcmKw => {
                let mut tag = [0; 16];
                let encrypted = encrypt_aead(gcm(secret.len()), secret, Some(&[3; 12]), &[], content_key, &mut tag);
                header["iv"] = base64url::encode(&[3; 12]).into();
                header["tag"] = base64url::encode(&tag).into();
                encrypted.unwrap()
            }
            Alg::Pbes2Hs256A128Kw => password(16, MessageDigest::sha256(), header, content_key),
            Alg::Pbes2Hs384A192Kw => password(24, MessageDigest::sha384(), header, content_key),
            Alg::Pbes2Hs512A256Kw => password(32, MessageDigest::sha512(), header, content_key),
            _ => unreachable!(),
        }
    }

    fn with_rsa(&self, key: &PKey<Private>, content_key: &[u8]) -> Vec<u8> {
        let mut encrypter = Encrypter::new(key).unwrap();
        let digest = match self.algorithm {
            KeyManagement::RsaOaep => Some(MessageDigest::sha1()),
            KeyManagement::RsaOaep256 => Some(MessageDigest::sha256()),
            KeyManagement::RsaOaep384 => Some(MessageDigest::sha384()),
            KeyManagement::RsaOaep512 => Some(MessageDigest::sha512()),
            _ => None,
        };
        encrypter.set_rsa_padding(if digest.is_some() { Padding::PKCS1_OAEP } else { Padding::PKCS1 }).unwrap();
        if let Some(digest) = digest {
            encrypter.set_rsa_oaep_md(digest).unwrap();
            encrypter.set_rsa_mgf1_md(digest).unwrap();
        }
        let mut encrypted = vec![0; 256];
        let length = encrypter.encrypt(content_key, &mut encrypted).unwrap();
        encrypted[..length].to_vec()
    }

    fn with_agreement(
        &self,
        curve: &'static str,
        recipient: &PKey<Private>,
        content: ContentEncryption,
        header: &mut Value,
        content_key: &mut Vec<u8>,
    ) -> Vec<u8> {
        let ephemeral = new_key(curve);
        header["epk"] = public_jwk(curve, &ephemeral);
        header["apu"] = base64url::encode(b"Alice").into();
        header["apv"] = base64url::encode(b"Bob").into();
        let public = public_half(curve, recipient);
        let mut deriver = Deriver::new(&ephemeral).unwrap();
        deriver.set_peer(&public).unwrap();
        let shared = deriver.derive_to_vec().unwrap();
        match self.algorithm {
            KeyManagement::EcdhEs => {
                *content_key = concat_kdf(&shared, content.name(), content.key_octets());
                Vec::new()
            }
            KeyManagement::EcdhEsA128Kw => wrapped(&concat_kdf(&shared, self.algorithm.name(), 16), content_key),
            KeyManagement::EcdhEsA192Kw => wrapped(&concat_kdf(&shared, self.algorithm.name(), 24), content_key),
            _ => wrapped(&concat_kdf(&shared, self.algorithm.name(), 32), content_key),
        }
    }
}

/// Writes a token down.
pub(in crate::jose) fn seal(content: ContentEncryption, parts: &Parts, text: &[u8]) -> String {
    let protected = base64url::encode(parts.header.to_string().as_bytes());
    let (iv, ciphertext, tag) = sealed(content, &parts.content_key, protected.as_bytes(), text);
    let rest = [&parts.encrypted_key, &iv, &ciphertext, &tag].map(|part| base64url::encode(part));
    format!("{protected}.{}", rest.join("."))
}

/// Initialization vector, ciphertext and tag.
pub(in crate::jose) fn sealed(
    content: ContentEncryption,
    key: &[u8],
    additional: &[u8],
    text: &[u8],
) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let iv: Vec<u8> = (0..16).map(|_| fastrand::u8(..)).collect();
    let (cipher, digest) = match content {
        ContentEncryption::A128CbcHs256 => (Cipher::aes_128_cbc(), MessageDigest::sha256()),
        ContentEncryption::A192CbcHs384 => (Cipher::aes_192_cbc(), MessageDigest::sha384()),
        ContentEncryption::A256CbcHs512 => (Cipher::aes_256_cbc(), MessageDigest::sha512()),
        ContentEncryption::A128Gcm | ContentEncryption::A192Gcm | ContentEncryption::A256Gcm => {
            let mut tag = vec![0; 16];
            let iv = iv[..12].to_vec();
            let ciphertext = encrypt_aead(gcm(key.len()), key, Some(&iv), additional, text, &mut tag).unwrap();
            return (iv, ciphertext, tag);
        }
    };
    let (mac_key, cipher_key) = key.split_at(key.len() / 2);
    let ciphertext = encrypt(cipher, cipher_key, Some(&iv), text).unwrap();
    let mac_key = PKey::hmac(mac_key).unwrap();
    let mut mac = Signer::new(digest, &mac_key).unwrap();
    let length = (u64::try_from(additional.len()).unwrap() * 8).to_be_bytes();
    let mut tag = mac.sign_oneshot_to_vec(&[additional, &iv, &ciphertext, &length].concat()).unwrap();
    tag.truncate(tag.len() / 2);
    (iv, ciphertext, tag)
}

fn gcm(octets: usize) -> Cipher {
    match octets {
        16 => Cipher::aes_128_gcm(),
        24 => Cipher::aes_192_gcm(),
        _ => Cipher::aes_256_gcm(),
    }
}

fn wrapped(key: &[u8], content_key: &[u8]) -> Vec<u8> {
    let mut wrapped = vec![0; content_key.len() + 8];
    wrap_key(&AesKey::new_encrypt(key).unwrap(), None, &mut wrapped, content_key).unwrap();
    wrapped
}

/// RFC 7518 §4.6.2, for the parties of these tests.
fn concat_kdf(shared: &[u8], purpose: &str, octets: usize) -> Vec<u8> {
    let mut context = Vec::new();
    for part in [purpose, "Alice", "Bob"] {
        context.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
        context.extend(part.as_bytes());
    }
    context.extend(u32::try_from(octets * 8).unwrap().to_be_bytes());
    let rounds = (1..=octets.div_ceil(32)).map(|round| u32::try_from(round).unwrap().to_be_bytes());
    let mut key: Vec<u8> = rounds.flat_map(|round| sha256(&[&round, shared, &context].concat())).collect();
    key.truncate(octets);
    key
}

fn nid(curve: &str) -> Option<Nid> {
    match curve {
        "P-256" => Some(Nid::X9_62_PRIME256V1),
        "P-384" => Some(Nid::SECP384R1),
        "P-521" => Some(Nid::SECP521R1),
        _ => None,
    }
}

fn coordinate_octets(curve: &str) -> usize {
    match curve {
        "P-384" => 48,
        "P-521" => 66,
        _ => 32,
    }
}

fn new_key(curve: &str) -> PKey<Private> {
    match nid(curve) {
        Some(nid) => {
            let group = EcGroup::from_curve_name(nid).unwrap();
            PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
        }
        None if curve == "X448" => PKey::generate_x448().unwrap(),
        None => PKey::generate_x25519().unwrap(),
    }
}

fn public_half(curve: &str, key: &PKey<Private>) -> PKey<Public> {
    match key.ec_key() {
        Ok(key) => {
            let public = EcKey::from_public_key(key.group(), key.public_key()).unwrap();
            PKey::from_ec_key(public).unwrap()
        }
        Err(_) => {
            let id = if curve == "X448" { Id::X448 } else { Id::X25519 };
            PKey::public_key_from_raw_bytes(&key.raw_public_key().unwrap(), id).unwrap()
        }
    }
}

fn public_jwk(curve: &str, key: &PKey<Private>) -> Value {
    let mut jwk = Map::new();
    jwk.insert("crv".into(), curve.into());
    match key.ec_key() {
        Ok(key) => {
            let mut numbers = BigNumContext::new().unwrap();
            let (mut x, mut y) = (openssl::bn::BigNum::new().unwrap(), openssl::bn::BigNum::new().unwrap());
            key.public_key().affine_coordinates(key.group(), &mut x, &mut y, &mut numbers).unwrap();
            let octets = i32::try_from(coordinate_octets(curve)).unwrap();
            jwk.insert("kty".into(), "EC".into());
            jwk.insert("x".into(), base64url::encode(&x.to_vec_padded(octets).unwrap()).into());
            jwk.insert("y".into(), base64url::encode(&y.to_vec_padded(octets).unwrap()).into());
        }
        Err(_) => {
            jwk.insert("kty".into(), "OKP".into());
            jwk.insert("x".into(), base64url::encode(&key.raw_public_key().unwrap()).into());
        }
    }
    jwk.into()
}
