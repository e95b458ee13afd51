//! Which content encryption key was encrypted for this RSA key? (RFC 7518 §4.2 and §4.3.)
//!
//! By aws-lc, and never by the `rsa` crate, whose decryption takes time that depends on the secret (RUSTSEC-2023-0071).

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{
    KeyPair, KeyPairComponents, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384,
    OAEP_SHA512_MGF1SHA512, OaepAlgorithm, OaepPrivateDecryptingKey, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey,
    PublicKeyComponents,
};
use zeroize::Zeroizing;

use super::encryption::KeyManagement;
use super::error::KeyError;

/// An RSA key that decrypts, prepared. The library takes none under 2048 bits.
pub(super) struct RsaPrivateKey {
    oaep: OaepPrivateDecryptingKey,
    pkcs1: Pkcs1PrivateDecryptingKey,
}

/// The numbers of a private key, big-endian (RFC 7518 §6.3.2).
pub(super) struct Numbers {
    pub n: Vec<u8>,
    pub e: Vec<u8>,
    pub d: Zeroizing<Vec<u8>>,
    pub p: Zeroizing<Vec<u8>>,
    pub q: Zeroizing<Vec<u8>>,
    pub dp: Zeroizing<Vec<u8>>,
    pub dq: Zeroizing<Vec<u8>>,
    pub qi: Zeroizing<Vec<u8>>,
}

impl RsaPrivateKey {
    /// The key of these numbers, which are checked to belong together.
    pub fn from_numbers(numbers: &Numbers) -> Result<Self, KeyError> {
        let pair = KeyPair::from_components(&KeyPairComponents {
            public_key: PublicKeyComponents { n: &numbers.n, e: &numbers.e },
            d: &numbers.d,
            p: &numbers.p,
            q: &numbers.q,
            dP: &numbers.dp,
            dQ: &numbers.dq,
            qInv: &numbers.qi,
        });
        Self::from_pair(&pair.map_err(|_| KeyError::PrivateKeyRejected)?)
    }

    /// The key of a PKCS #1 RSAPrivateKey.
    pub fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        Self::from_pair(&KeyPair::from_der(der).map_err(|_| KeyError::PrivateKeyRejected)?)
    }

    fn from_pair(pair: &KeyPair) -> Result<Self, KeyError> {
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::PrivateKeyRejected)?;
        Self::from_pkcs8(der.as_ref())
    }

    /// The key of a PKCS #8 PrivateKeyInfo.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let read = || PrivateDecryptingKey::from_pkcs8(der).map_err(|_| KeyError::PrivateKeyRejected);
        let oaep = OaepPrivateDecryptingKey::new(read()?).map_err(|_| KeyError::PrivateKeyRejected)?;
        let pkcs1 = Pkcs1PrivateDecryptingKey::new(read()?).map_err(|_| KeyError::PrivateKeyRejected)?;
        Ok(Self { oaep, pkcs1 })
    }

    pub fn bits(&self) -> usize {
        self.oaep.key_size_bits()
    }

    /// The content encryption key, if it was encrypted for this key.
    pub fn content_key(&self, algorithm: KeyManagement, encrypted: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        use KeyManagement as Alg;
        match algorithm {
            Alg::RsaOaep => self.oaep(&OAEP_SHA1_MGF1SHA1, encrypted),
            Alg::RsaOaep256 => self.oaep(&OAEP_SHA256_MGF1SHA256, encrypted),
            Alg::RsaOaep384 => self.oaep(&OAEP_SHA384_MGF1SHA384, encrypted),
            Alg::RsaOaep512 => self.oaep(&OAEP_SHA512_MGF1SHA512, encrypted),
            Alg::Rsa15 => {
                let mut content_key = Zeroizing::new(vec![0; self.pkcs1.min_output_size()]);
                let length = self.pkcs1.decrypt(encrypted, &mut content_key).map(|content_key| content_key.len());
                cut(content_key, length.ok()?)
            }
            Alg::A128Kw | Alg::A192Kw | Alg::A256Kw | Alg::Dir => None,
            Alg::A128GcmKw | Alg::A192GcmKw | Alg::A256GcmKw => None,
            Alg::EcdhEs | Alg::EcdhEsA128Kw | Alg::EcdhEsA192Kw | Alg::EcdhEsA256Kw => None,
            Alg::Pbes2Hs256A128Kw | Alg::Pbes2Hs384A192Kw | Alg::Pbes2Hs512A256Kw => None,
        }
    }

    fn oaep(&self, algorithm: &'static OaepAlgorithm, encrypted: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut content_key = Zeroizing::new(vec![0; self.oaep.min_output_size()]);
        let length = self.oaep.decrypt(algorithm, encrypted, &mut content_key, None).map(|key| key.len());
        cut(content_key, length.ok()?)
    }
}

fn cut(mut content_key: Zeroizing<Vec<u8>>, length: usize) -> Option<Zeroizing<Vec<u8>>> {
    content_key.truncate(length);
    Some(content_key)
}
