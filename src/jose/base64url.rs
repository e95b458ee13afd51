//! How is base64url read and written, so that one value has one spelling? (RFC 7515 §2, RFC 4648 §3.5 and §5.)

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// The octets of strict base64url: the URL-safe alphabet, no padding, unused bits zero. `None` for any other
/// spelling: a lax decoder would give one token many texts, and the cache of verified tokens goes by text.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The same for key material: wiped from memory when dropped.
pub(super) fn decode_secret(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    decode(text).map(Zeroizing::new)
}

/// Whether each byte belongs to the base64url alphabet.
pub(super) fn is_alphabet(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// Base64url without padding.
pub(super) fn encode(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn one_value_has_one_spelling() {
        assert_eq!(decode("-_8").as_deref(), Some(&[0xfb, 0xff][..]));
        assert_eq!(encode(&[0xfb, 0xff]), "-_8");
        for lax in ["+/8", "-_8=", "-_9", "-_-", " -_8", "-_8\n", "-", "-_8A\0", "é"] {
            assert_eq!(decode(lax), None, "{lax:?}");
        }
    }
}
