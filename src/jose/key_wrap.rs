//! What key is wrapped here? AES Key Wrap (RFC 3394, RFC 7518 §4.4).

use aws_lc_rs::key_wrap::{AES_128, AES_256, AesBlockCipher, AesKek, KeyWrap};
use openssl::aes::{AesKey, unwrap_key};
use zeroize::Zeroizing;

/// Octets by which a wrapped key is longer.
const INTEGRITY: usize = 8;
/// Octets of the longest key that is wrapped: that of A256CBC-HS512.
const LONGEST: usize = 64;

/// Unwraps with a key of 16, 24 or 32 octets; `None` if it was not wrapped with this one.
pub(super) fn unwrap(key: &[u8], wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let octets = wrapped.len().checked_sub(INTEGRITY).filter(|octets| *octets <= LONGEST && octets % 8 == 0)?;
    let mut unwrapped = Zeroizing::new(vec![0; octets]);
    match key.len() {
        16 => unwrap_with(&AES_128, key, wrapped, &mut unwrapped)?,
        // The first library has no key wrapping with 192 bits.
        24 => {
            let key = AesKey::new_decrypt(key).ok()?;
            unwrap_key(&key, None, &mut unwrapped, wrapped).ok().filter(|written| *written == octets)?;
        }
        32 => unwrap_with(&AES_256, key, wrapped, &mut unwrapped)?,
        _ => return None,
    }
    Some(unwrapped)
}

fn unwrap_with(cipher: &'static AesBlockCipher, key: &[u8], wrapped: &[u8], unwrapped: &mut [u8]) -> Option<()> {
    let octets = unwrapped.len();
    let written = AesKek::new(cipher, key).and_then(|key| key.unwrap(wrapped, unwrapped).map(|key| key.len()));
    (written == Ok(octets)).then_some(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn octets(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    /// RFC 3394 §4.1, §4.2 (its second half), §4.3, §4.6.
    #[test]
    fn the_vectors_of_the_standard() {
        let key = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";
        for (bits, plain, wrapped) in [
            (128, "00112233445566778899AABBCCDDEEFF", "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5"),
            (192, "00112233445566778899AABBCCDDEEFF", "96778B25AE6CA435F92B5B97C050AED2468AB8A17AD84E5D"),
            (256, "00112233445566778899AABBCCDDEEFF", "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7"),
        ] {
            let key = octets(&key[..bits / 4]);
            assert_eq!(*unwrap(&key, &octets(wrapped)).unwrap(), octets(plain), "{bits}");
            for place in 0..24 {
                let mut changed = octets(wrapped);
                changed[place] ^= 1;
                assert_eq!(unwrap(&key, &changed), None, "{bits} {place}");
            }
        }
    }

    #[test]
    fn class_19_lengths_that_no_wrapped_key_has_are_refused() {
        for key in [16, 24, 32] {
            for wrapped in 0..100 {
                assert_eq!(unwrap(&vec![7; key], &vec![9; wrapped]), None);
            }
        }
        for key in [0, 1, 15, 17, 33, 64] {
            assert_eq!(unwrap(&vec![7; key], &[9; 24]), None);
        }
    }
}
