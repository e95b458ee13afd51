//! Which keys are in this PEM file? (RFC 7468.)

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::decryption_key::DecryptionKey;
use super::error::KeyError;
use super::jwk::{MAX_KEY_FILE, MAX_KEYS};
use super::key::{VerificationKey, WeakKeys};
use super::pkcs8;
use super::spki;

/// The keys of a PEM file. They have no `kid`.
#[derive(Debug, Default)]
pub struct PemKeys {
    /// Public keys: they verify.
    pub verification_keys: Vec<VerificationKey>,
    /// Private keys: they decrypt.
    pub decryption_keys: Vec<DecryptionKey>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    PublicKey,
    RsaPublicKey,
    Certificate,
    PrivateKey,
    RsaPrivateKey,
    EcPrivateKey,
    /// Before an EC private key, `openssl ecparam` writes a block with the curve's name, which is in the key too.
    EcParameters,
}

impl PemKeys {
    /// The key of each block: `PUBLIC KEY` (SPKI), `RSA PUBLIC KEY` (PKCS #1) or `CERTIFICATE` (X.509, of which only
    /// the key is used: dates and issuer play no part); to decrypt with, `PRIVATE KEY` (PKCS #8), `RSA PRIVATE KEY`
    /// (PKCS #1) or `EC PRIVATE KEY` (RFC 5915). Text around the blocks is skipped. Every block counts: of a
    /// certificate chain, the authorities' keys would verify tokens too.
    ///
    /// # Errors
    /// [`KeyError`], within [`KeyError::InBlock`] once a block has begun. One bad block refuses the file.
    pub fn parse(text: &[u8], weak: WeakKeys) -> Result<Self, KeyError> {
        if text.len() > MAX_KEY_FILE {
            return Err(KeyError::TooLarge);
        }
        let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let mut keys = Self::default();
        let mut blocks = 0;
        while let Some(line) = lines.next() {
            let Some(label) = boundary(line, b"-----BEGIN ") else {
                continue;
            };
            if blocks == MAX_KEYS {
                return Err(KeyError::TooManyKeys);
            }
            blocks += 1;
            keys.add(label, &mut lines, weak).map_err(|error| KeyError::InBlock(blocks, Box::new(error)))?;
        }
        if keys.verification_keys.is_empty() && keys.decryption_keys.is_empty() {
            return Err(KeyError::NoPemBlock);
        }
        Ok(keys)
    }

    fn add<'l>(
        &mut self,
        label: &[u8],
        lines: &mut impl Iterator<Item = &'l [u8]>,
        weak: WeakKeys,
    ) -> Result<(), KeyError> {
        let kind = Label::read(label)?;
        let der = block_der(label, lines)?;
        match kind {
            Label::PublicKey => self.verification_keys.push(spki::from_spki(&der, weak)?),
            Label::RsaPublicKey => self.verification_keys.push(spki::from_rsa_public_key(&der, weak)?),
            Label::Certificate => self.verification_keys.push(spki::from_certificate(&der, weak)?),
            Label::PrivateKey => self.decryption_keys.push(pkcs8::from_pkcs8(&der)?),
            Label::RsaPrivateKey => self.decryption_keys.push(pkcs8::from_rsa_private_key(&der)?),
            Label::EcPrivateKey => self.decryption_keys.push(pkcs8::from_ec_private_key(&der)?),
            Label::EcParameters => {}
        }
        Ok(())
    }
}

/// The label of a line that begins or ends a block.
fn boundary<'l>(line: &'l [u8], start: &[u8]) -> Option<&'l [u8]> {
    line.strip_prefix(start)?.strip_suffix(b"-----")
}

impl Label {
    fn read(label: &[u8]) -> Result<Self, KeyError> {
        match label {
            b"PUBLIC KEY" => Ok(Self::PublicKey),
            b"RSA PUBLIC KEY" => Ok(Self::RsaPublicKey),
            b"CERTIFICATE" => Ok(Self::Certificate),
            b"PRIVATE KEY" => Ok(Self::PrivateKey),
            b"RSA PRIVATE KEY" => Ok(Self::RsaPrivateKey),
            b"EC PRIVATE KEY" => Ok(Self::EcPrivateKey),
            b"EC PARAMETERS" => Ok(Self::EcParameters),
            b"ENCRYPTED PRIVATE KEY" => Err(KeyError::EncryptedPrivateKey),
            _ => Err(KeyError::PemLabel),
        }
    }
}

fn block_der<'l>(label: &[u8], lines: &mut impl Iterator<Item = &'l [u8]>) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let mut body = Zeroizing::new(Vec::new());
    for line in lines {
        if let Some(end) = boundary(line, b"-----END ") {
            if end != label {
                return Err(KeyError::BrokenPem);
            }
            return STANDARD.decode(&*body).map(Zeroizing::new).map_err(|_| KeyError::BrokenPem);
        }
        // A second BEGIN has a hyphen too, which is not base64: a nested block is refused when it is decoded.
        body.extend_from_slice(line);
    }
    Err(KeyError::BrokenPem)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests;
