//! What is the content, given its key? (RFC 7518 §5.2 and §5.3.)

use aws_lc_rs::aead::{AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_192, AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{aead, cipher, hmac, rand};
use zeroize::Zeroizing;

use super::encryption::ContentEncryption;
use super::error::DecryptionFailed;

/// Octets of a GCM tag; a shorter one would be easier to guess (RFC 7518 §5.3).
const GCM_TAG: usize = 16;

/// Content that is encrypted, and what proves it whole.
pub(super) struct Sealed<'s> {
    /// The initialization vector.
    pub iv: &'s [u8],
    /// The content.
    pub ciphertext: &'s [u8],
    /// The authentication tag.
    pub tag: &'s [u8],
    /// What is authenticated besides: the protected header as it was sent.
    pub additional_data: &'s [u8],
}

type Opened = Result<Zeroizing<Vec<u8>>, DecryptionFailed>;

impl Sealed<'_> {
    /// The content, if the tag is right.
    pub fn open(&self, algorithm: ContentEncryption, key: &[u8]) -> Opened {
        match algorithm {
            ContentEncryption::A128Gcm => self.open_gcm(&AES_128_GCM, key),
            ContentEncryption::A192Gcm => self.open_gcm(&AES_192_GCM, key),
            ContentEncryption::A256Gcm => self.open_gcm(&AES_256_GCM, key),
            ContentEncryption::A128CbcHs256 => self.open_cbc(&AES_128, hmac::HMAC_SHA256, key),
            ContentEncryption::A192CbcHs384 => self.open_cbc(&AES_192, hmac::HMAC_SHA384, key),
            ContentEncryption::A256CbcHs512 => self.open_cbc(&AES_256, hmac::HMAC_SHA512, key),
        }
    }

    pub fn open_gcm(&self, algorithm: &'static aead::Algorithm, key: &[u8]) -> Opened {
        let key = UnboundKey::new(algorithm, key).map(LessSafeKey::new).map_err(|_| DecryptionFailed)?;
        self.open_with(&key)
    }

    pub fn open_with(&self, key: &LessSafeKey) -> Opened {
        let nonce = Nonce::try_assume_unique_for_key(self.iv).map_err(|_| DecryptionFailed)?;
        if self.tag.len() != GCM_TAG {
            return Err(DecryptionFailed);
        }
        let mut content = Zeroizing::new([self.ciphertext, self.tag].concat());
        let opened = key.open_in_place(nonce, Aad::from(self.additional_data), &mut content);
        let length = opened.map_err(|_| DecryptionFailed)?.len();
        content.truncate(length);
        Ok(content)
    }

    /// The tag is compared before anything is decrypted, so that the padding is no oracle.
    fn open_cbc(&self, cipher: &'static cipher::Algorithm, mac: hmac::Algorithm, key: &[u8]) -> Opened {
        let (mac_key, key) = key.split_at_checked(key.len() / 2).ok_or(DecryptionFailed)?;
        let iv: [u8; 16] = self.iv.try_into().map_err(|_| DecryptionFailed)?;
        let mut authenticated = hmac::Context::with_key(&hmac::Key::new(mac, mac_key));
        for part in [self.additional_data, self.iv, self.ciphertext] {
            authenticated.update(part);
        }
        authenticated.update(&bits(self.additional_data));
        let expected = authenticated.sign();
        let expected = expected.as_ref().get(..mac_key.len()).ok_or(DecryptionFailed)?;
        verify_slices_are_equal(expected, self.tag).map_err(|_| DecryptionFailed)?;
        let key = UnboundCipherKey::new(cipher, key).and_then(PaddedBlockDecryptingKey::cbc_pkcs7);
        let mut content = Zeroizing::new(self.ciphertext.to_vec());
        let context = DecryptionContext::Iv128(FixedLength::from(iv));
        let opened = key.and_then(|key| key.decrypt(&mut content, context).map(|opened| opened.len()));
        content.truncate(opened.map_err(|_| DecryptionFailed)?);
        Ok(content)
    }
}

/// The length in bits, as RFC 7518 §5.2.2.1 has it authenticated.
fn bits(octets: &[u8]) -> [u8; 8] {
    u64::try_from(octets.len()).unwrap_or(u64::MAX).saturating_mul(8).to_be_bytes()
}

/// A key that opens nothing.
pub(super) fn random_key(octets: usize) -> Result<Zeroizing<Vec<u8>>, DecryptionFailed> {
    let mut key = Zeroizing::new(vec![0; octets]);
    rand::fill(&mut key).map_err(|_| DecryptionFailed)?;
    Ok(key)
}
