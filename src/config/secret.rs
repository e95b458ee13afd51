//! How is key material held between the file and the key that is made of it?

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::schema::SecretEncoding;

/// Bytes that are wiped when dropped and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over; whoever made copies of them before wipes those.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes. Named so that every use can be found.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Padding may be left out: secrets are handed around in both forms, and both mean the same octets.
const PADDING_OPTIONAL: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PADDING_OPTIONAL);
const BASE64URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PADDING_OPTIONAL);

impl SecretEncoding {
    /// The octets that `text` stands for (RFC 4648 §4, §5 and §8, or the text's own).
    ///
    /// # Errors
    /// Words that say what the text is not. They never quote it.
    pub fn decode(self, text: &[u8]) -> Result<Secret, &'static str> {
        let octets = match self {
            Self::Utf8 => std::str::from_utf8(text).ok().map(|text| text.as_bytes().to_vec()).ok_or("is not UTF-8"),
            Self::Base64 => BASE64.decode(text).map_err(|_| "is not base64 (RFC 4648 §4)"),
            Self::Base64Url => BASE64URL.decode(text).map_err(|_| "is not base64url (RFC 4648 §5)"),
            Self::Hex => hex(text).ok_or("is not hex: two digits 0-9 or a-f for each octet"),
        }?;
        let secret = Secret::new(octets);
        if secret.expose().is_empty() { Err("is empty") } else { Ok(secret) }
    }
}

fn hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.chunks(2)
        .map(|pair| match pair {
            [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(…)");
    }

    #[test]
    fn each_encoding_gives_the_octets_it_stands_for() {
        for (encoding, text, octets) in [
            (SecretEncoding::Utf8, "0123", b"0123".as_slice()),
            (SecretEncoding::Base64, "+/8=", &[0xfb, 0xff]),
            (SecretEncoding::Base64, "+/8", &[0xfb, 0xff]),
            (SecretEncoding::Base64Url, "-_8", &[0xfb, 0xff]),
            (SecretEncoding::Hex, "fbFF", &[0xfb, 0xff]),
        ] {
            assert_eq!(encoding.decode(text.as_bytes()).unwrap().expose(), octets, "{text}");
        }
    }

    #[test]
    fn what_is_not_in_its_encoding_is_refused_without_quoting_it() {
        for (encoding, text) in [
            (SecretEncoding::Base64, "hunter2!"),
            (SecretEncoding::Base64, "-_8="),
            (SecretEncoding::Base64Url, "+/8"),
            (SecretEncoding::Hex, "fbf"),
            (SecretEncoding::Hex, "hunter2!"),
            (SecretEncoding::Utf8, ""),
        ] {
            let words = encoding.decode(text.as_bytes()).unwrap_err();
            assert!(words.starts_with("is ") && !words.contains("hunter2"), "{text}: {words}");
        }
        assert!(SecretEncoding::Utf8.decode(&[0xff]).is_err());
    }
}
