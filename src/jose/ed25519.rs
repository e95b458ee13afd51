//! Can these octets be an Ed25519 public key under which only its owner can sign? (RFC 8032 §5.1.3 and §8.)

use super::error::KeyError;

/// Octets of a public key.
pub(super) const LENGTH: usize = 32;

/// Refuses encodings whose y is not reduced, and the points of small order: under those, a signature can be made
/// without knowing any private key.
pub(super) fn judge(octets: &[u8]) -> Result<(), KeyError> {
    let mut y: [u8; LENGTH] = octets.try_into().map_err(|_| KeyError::NotOnCurve)?;
    // The top bit is the sign of x, and no part of y.
    if let Some(top) = y.last_mut() {
        *top &= 0x7f;
    }
    if y.iter().rev().ge(PRIME.iter().rev()) {
        return Err(KeyError::NotOnCurve);
    }
    if SMALL_ORDER.contains(&y) { Err(KeyError::SmallOrder) } else { Ok(()) }
}

/// 2^255 - 19, little-endian.
const PRIME: [u8; LENGTH] = ends(0xed, 0xff, 0x7f);

/// The y of each point of order 4, 1, 2, 8 and 8, little-endian.
const SMALL_ORDER: [[u8; LENGTH]; 5] = [
    ends(0, 0, 0),
    ends(1, 0, 0),
    ends(0xec, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

const fn ends(first: u8, middle: u8, last: u8) -> [u8; LENGTH] {
    let mut octets = [middle; LENGTH];
    if let Some(octet) = octets.first_mut() {
        *octet = first;
    }
    if let Some(octet) = octets.last_mut() {
        *octet = last;
    }
    octets
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn points_of_small_order_are_refused_with_either_sign() {
        for y in SMALL_ORDER {
            let mut negative = y;
            negative[31] |= 0x80;
            assert_eq!(judge(&y), Err(KeyError::SmallOrder));
            assert_eq!(judge(&negative), Err(KeyError::SmallOrder));
        }
    }

    #[test]
    fn a_y_that_is_not_reduced_and_a_wrong_length_are_refused() {
        for first in 0xed..=0xff {
            assert_eq!(judge(&ends(first, 0xff, 0x7f)), Err(KeyError::NotOnCurve));
            assert_eq!(judge(&ends(first, 0xff, 0xff)), Err(KeyError::NotOnCurve));
        }
        for length in [0, 1, 31, 33, 57] {
            assert_eq!(judge(&vec![9; length]), Err(KeyError::NotOnCurve));
        }
        assert_eq!(judge(&ends(0xeb, 0xff, 0x7f)), Ok(()));
    }
}
