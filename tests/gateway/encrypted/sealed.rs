//! How does a test make a token that no library would make? By hand, with a content encryption key that it knows.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Public};
use openssl::rsa::{Padding, Rsa};
use openssl::sha::sha256;
use openssl::sign::Signer;
use openssl::symm::{Cipher, Crypter, Mode, encrypt_aead};
use serde_json::Value;

use crate::harness::issuer::base64url;

/// What stands in the four segments after the header.
#[derive(Debug, Clone)]
pub struct Sealed {
    header: String,
    /// The encrypted key.
    pub encrypted_key: Vec<u8>,
    /// The initialization vector.
    pub iv: Vec<u8>,
    /// The ciphertext.
    pub ciphertext: Vec<u8>,
    /// The authentication tag.
    pub tag: Vec<u8>,
}

impl Sealed {
    /// Sealed with AES-GCM; the key's length says which.
    pub fn gcm(header: &Value, encrypted_key: &[u8], key: &[u8], content: &[u8]) -> Self {
        let header = base64url(header.to_string());
        let cipher = match key.len() {
            16 => Cipher::aes_128_gcm(),
            24 => Cipher::aes_192_gcm(),
            32 => Cipher::aes_256_gcm(),
            other => panic!("no AES key of {other} octets"),
        };
        let (iv, mut tag) = (random(12), vec![0; 16]);
        let ciphertext = encrypt_aead(cipher, key, Some(&iv), header.as_bytes(), content, &mut tag).unwrap();
        Self { header, encrypted_key: encrypted_key.to_vec(), iv, ciphertext, tag }
    }

    /// Sealed with A128CBC-HS256. `padded` is encrypted as it is; if it is not whole blocks, it stands for a ciphertext.
    pub fn cbc(header: &Value, key: &[u8], padded: &[u8]) -> Self {
        let header = base64url(header.to_string());
        let (mac_key, cipher_key) = key.split_at(16);
        let iv = random(16);
        let ciphertext = if padded.len().is_multiple_of(16) { cbc(cipher_key, &iv, padded) } else { padded.to_vec() };
        let bits = (header.len() as u64 * 8).to_be_bytes();
        let mut signer = Signer::new(MessageDigest::sha256(), &PKey::hmac(mac_key).unwrap()).unwrap();
        for part in [header.as_bytes(), &iv, &ciphertext, &bits] {
            signer.update(part).unwrap();
        }
        let tag = signer.sign_to_vec().unwrap()[..16].to_vec();
        Self { header, encrypted_key: Vec::new(), iv, ciphertext, tag }
    }

    /// In compact form.
    pub fn token(&self) -> String {
        let octets = [&self.encrypted_key, &self.iv, &self.ciphertext, &self.tag];
        let [encrypted_key, iv, ciphertext, tag] = octets.map(base64url);
        format!("{}.{encrypted_key}.{iv}.{ciphertext}.{tag}", self.header)
    }
}

/// Content with the padding of PKCS #7 for AES.
pub fn padded(content: &[u8]) -> Vec<u8> {
    let missing = 16 - content.len() % 16;
    [content, &vec![missing as u8; missing]].concat()
}

/// Octets that nobody foresees.
pub fn random(octets: usize) -> Vec<u8> {
    let mut random = vec![0; octets];
    openssl::rand::rand_bytes(&mut random).unwrap();
    random
}

/// Concat KDF for ECDH-ES, once around (RFC 7518 §4.6.2).
pub fn derived(shared: &[u8], enc: &str, octets: usize) -> Vec<u8> {
    let length = (enc.len() as u32).to_be_bytes();
    let bits = (octets as u32 * 8).to_be_bytes();
    let round = [&[0, 0, 0, 1], shared, &length, enc.as_bytes(), &[0; 4], &[0; 4], &bits].concat();
    sha256(&round)[..octets].to_vec()
}

/// The public half of an RSA key in a JWK.
pub fn rsa(n: &[u8], e: &[u8]) -> Rsa<Public> {
    Rsa::from_public_components(BigNum::from_slice(n).unwrap(), BigNum::from_slice(e).unwrap()).unwrap()
}

/// Encrypts a key for an RSA key.
pub fn encrypted_for(key: &Rsa<Public>, padding: Padding, content_key: &[u8]) -> Vec<u8> {
    let mut encrypted = vec![0; key.size() as usize];
    let length = key.public_encrypt(content_key, &mut encrypted, padding).unwrap();
    encrypted.truncate(length);
    encrypted
}

/// The same token with another segment, written by the change.
pub fn with_segment(token: &str, place: usize, change: impl FnOnce(&str) -> String) -> String {
    let mut segments: Vec<String> = token.split('.').map(str::to_owned).collect();
    segments[place] = change(&segments[place]);
    segments.join(".")
}

/// The same token with a segment of other octets.
pub fn with_octets(token: &str, place: usize, change: impl FnOnce(&mut Vec<u8>)) -> String {
    with_segment(token, place, |segment| {
        let mut octets = URL_SAFE_NO_PAD.decode(segment).unwrap();
        change(&mut octets);
        base64url(octets)
    })
}

/// The same token with another header.
pub fn with_header(token: &str, change: impl FnOnce(&mut Value)) -> String {
    with_octets(token, 0, |octets| {
        let mut header: Value = serde_json::from_slice(octets).unwrap();
        change(&mut header);
        *octets = header.to_string().into_bytes();
    })
}

fn cbc(key: &[u8], iv: &[u8], blocks: &[u8]) -> Vec<u8> {
    let mut crypter = Crypter::new(Cipher::aes_128_cbc(), Mode::Encrypt, key, Some(iv)).unwrap();
    crypter.pad(false);
    let mut out = vec![0; blocks.len() + 16];
    let written = crypter.update(blocks, &mut out).unwrap();
    let rest = crypter.finalize(&mut out[written..]).unwrap();
    out.truncate(written + rest);
    out
}
