//! What was compressed here, if it is not too much? (RFC 1951, RFC 7516 §4.1.3.)

use std::io::Read;

use flate2::read::DeflateDecoder;
use zeroize::Zeroizing;

use super::error::DecryptionFailed;

/// Inflates to `most` octets at most; never holds more.
pub(super) fn inflate(compressed: &[u8], most: usize) -> Result<Zeroizing<Vec<u8>>, DecryptionFailed> {
    let mut inflated = Zeroizing::new(Vec::with_capacity(most.min(compressed.len().saturating_mul(4))));
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut decoder = DeflateDecoder::new(compressed);
    (&mut decoder).take(bound).read_to_end(&mut inflated).map_err(|_| DecryptionFailed)?;
    // What follows the last block is not part of the content, and says that somebody means something else by it.
    let whole = usize::try_from(decoder.total_in()).is_ok_and(|read| read == compressed.len());
    if inflated.len() > most || !whole { Err(DecryptionFailed) } else { Ok(inflated) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::*;

    fn deflate(content: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_was_compressed_comes_back() {
        for content in [&b""[..], b"{}", &[7; 65_536]] {
            assert_eq!(*inflate(&deflate(content), 65_536).unwrap(), content);
        }
    }

    #[test]
    fn class_18_a_bomb_ends_at_the_bound() {
        let bomb = deflate(&vec![0; 100 * 1024 * 1024]);
        assert!(bomb.len() < 128 * 1024);
        assert_eq!(inflate(&bomb, 65_536), Err(DecryptionFailed));
        assert_eq!(inflate(&deflate(&[0; 65_537]), 65_536), Err(DecryptionFailed));
    }

    #[test]
    fn what_is_cut_or_followed_or_no_deflate_is_refused() {
        let good = deflate(b"some text that is long enough to be cut");
        for cut in 0..good.len() {
            assert_eq!(inflate(&good[..cut], 65_536), Err(DecryptionFailed), "{cut}");
        }
        assert_eq!(inflate(&[&good[..], b"x"].concat(), 65_536), Err(DecryptionFailed));
        assert_eq!(inflate(b"\xff\xff\xff", 65_536), Err(DecryptionFailed));
    }
}
