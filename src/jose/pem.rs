//! Which public keys are in this PEM file? (RFC 7468.)

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::KeyError;
use super::jwk::{MAX_KEY_FILE, MAX_KEYS};
use super::key::{VerificationKey, WeakKeys};
use super::spki;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    PublicKey,
    RsaPublicKey,
    Certificate,
}

impl VerificationKey {
    /// The key of each block: `PUBLIC KEY` (SPKI), `RSA PUBLIC KEY` (PKCS #1) or `CERTIFICATE` (X.509, of which only
    /// the key is used: dates and issuer play no part). Text around the blocks is skipped. The keys have no `kid`.
    /// Every block counts: of a certificate chain, the authorities' keys would verify tokens too.
    ///
    /// # Errors
    /// [`KeyError`], within [`KeyError::InBlock`] once a block has begun. One bad block refuses the file.
    pub fn from_pem(text: &[u8], weak: WeakKeys) -> Result<Vec<Self>, KeyError> {
        if text.len() > MAX_KEY_FILE {
            return Err(KeyError::TooLarge);
        }
        let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let mut keys = Vec::new();
        while let Some(line) = lines.next() {
            let Some(label) = boundary(line, b"-----BEGIN ") else {
                continue;
            };
            if keys.len() == MAX_KEYS {
                return Err(KeyError::TooManyKeys);
            }
            let key = block_key(label, &mut lines, weak);
            keys.push(key.map_err(|error| KeyError::InBlock(keys.len() + 1, Box::new(error)))?);
        }
        if keys.is_empty() { Err(KeyError::NoPemBlock) } else { Ok(keys) }
    }
}

/// The label of a line that begins or ends a block.
fn boundary<'l>(line: &'l [u8], start: &[u8]) -> Option<&'l [u8]> {
    line.strip_prefix(start)?.strip_suffix(b"-----")
}

fn block_key<'l>(
    label: &[u8],
    lines: &mut impl Iterator<Item = &'l [u8]>,
    weak: WeakKeys,
) -> Result<VerificationKey, KeyError> {
    let kind = Label::read(label)?;
    let der = block_der(label, lines)?;
    match kind {
        Label::PublicKey => spki::from_spki(&der, weak),
        Label::RsaPublicKey => spki::from_rsa_public_key(&der, weak),
        Label::Certificate => spki::from_certificate(&der, weak),
    }
}

impl Label {
    /// Judged before the body is read, so that a private key is never copied.
    fn read(label: &[u8]) -> Result<Self, KeyError> {
        match label {
            b"PUBLIC KEY" => Ok(Self::PublicKey),
            b"RSA PUBLIC KEY" => Ok(Self::RsaPublicKey),
            b"CERTIFICATE" => Ok(Self::Certificate),
            // Before an EC private key, `openssl ecparam` writes a block with the curve's name.
            b"EC PARAMETERS" => Err(KeyError::PrivateKey),
            other if other.ends_with(b"PRIVATE KEY") => Err(KeyError::PrivateKey),
            _ => Err(KeyError::PemLabel),
        }
    }
}

fn block_der<'l>(label: &[u8], lines: &mut impl Iterator<Item = &'l [u8]>) -> Result<Vec<u8>, KeyError> {
    let mut body = Vec::new();
    for line in lines {
        if let Some(end) = boundary(line, b"-----END ") {
            if end != label {
                return Err(KeyError::BrokenPem);
            }
            return STANDARD.decode(&body).map_err(|_| KeyError::BrokenPem);
        }
        // A second BEGIN has a hyphen too, which is not base64: a nested block is refused when it is decoded.
        body.extend_from_slice(line);
    }
    Err(KeyError::BrokenPem)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests;
