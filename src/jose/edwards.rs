//! Can these octets be an EdDSA public key under which only its owner can sign? (RFC 8032 §5.1.3, §5.2.3 and §8.)
//!
//! Refused are encodings whose y is not reduced, and the points of small order: under those, a signature can be made
//! without knowing any private key.

use super::error::KeyError;

/// Octets of an Ed448 public key.
pub(super) const ED448_OCTETS: usize = 57;
const ED25519_OCTETS: usize = 32;

/// Judges an Ed25519 key.
pub(super) fn judge_ed25519(octets: &[u8]) -> Result<(), KeyError> {
    let mut y: [u8; ED25519_OCTETS] = octets.try_into().map_err(|_| KeyError::NotOnCurve)?;
    // The top bit is the sign of x, and no part of y.
    if let Some(top) = y.last_mut() {
        *top &= 0x7f;
    }
    if y.iter().rev().ge(PRIME.iter().rev()) {
        return Err(KeyError::NotOnCurve);
    }
    if SMALL_ORDER.contains(&y) { Err(KeyError::SmallOrder) } else { Ok(()) }
}

/// Judges an Ed448 key. Its last octet holds the sign of x and nothing else; the points of order 1, 2 and 4 have the y
/// of 1, -1 and 0.
pub(super) fn judge_ed448(octets: &[u8]) -> Result<(), KeyError> {
    let (sign, y) = octets.split_last().filter(|_| octets.len() == ED448_OCTETS).ok_or(KeyError::NotOnCurve)?;
    if sign & 0x7f != 0 || y.iter().rev().ge(ED448_PRIME.iter().rev()) {
        return Err(KeyError::NotOnCurve);
    }
    let small = |low: u8| y.first() == Some(&low) && y.iter().skip(1).all(|octet| *octet == 0);
    let minus_one = y.iter().skip(1).eq(ED448_PRIME.iter().skip(1)) && y.first() == Some(&0xfe);
    if small(0) || small(1) || minus_one { Err(KeyError::SmallOrder) } else { Ok(()) }
}

/// 2^448 - 2^224 - 1, little-endian.
const ED448_PRIME: [u8; 56] = {
    let mut octets = [0xff; 56];
    if let Some(octet) = octets.split_at_mut(28).1.first_mut() {
        *octet = 0xfe;
    }
    octets
};

/// 2^255 - 19, little-endian.
const PRIME: [u8; ED25519_OCTETS] = ends(0xed, 0xff, 0x7f);

/// The y of each point of order 4, 1, 2, 8 and 8, little-endian.
const SMALL_ORDER: [[u8; ED25519_OCTETS]; 5] = [
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

const fn ends(first: u8, middle: u8, last: u8) -> [u8; ED25519_OCTETS] {
    let mut octets = [middle; ED25519_OCTETS];
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
            assert_eq!(judge_ed25519(&y), Err(KeyError::SmallOrder));
            assert_eq!(judge_ed25519(&negative), Err(KeyError::SmallOrder));
        }
    }

    #[test]
    fn a_y_that_is_not_reduced_and_a_wrong_length_are_refused() {
        for first in 0xed..=0xff {
            assert_eq!(judge_ed25519(&ends(first, 0xff, 0x7f)), Err(KeyError::NotOnCurve));
            assert_eq!(judge_ed25519(&ends(first, 0xff, 0xff)), Err(KeyError::NotOnCurve));
        }
        for length in [0, 1, 31, 33, 57] {
            assert_eq!(judge_ed25519(&vec![9; length]), Err(KeyError::NotOnCurve));
        }
        assert_eq!(judge_ed25519(&ends(0xeb, 0xff, 0x7f)), Ok(()));
    }

    #[test]
    fn ed448_points_of_small_order_and_unreduced_ones_are_refused() {
        let key = |low: u8, middle: u8, rest: u8, sign: u8| {
            let mut octets = vec![rest; ED448_OCTETS];
            octets[0] = low;
            octets[28] = middle;
            octets[56] = sign;
            octets
        };
        for sign in [0, 0x80] {
            for small in [key(0, 0, 0, sign), key(1, 0, 0, sign), key(0xfe, 0xfe, 0xff, sign)] {
                assert_eq!(judge_ed448(&small), Err(KeyError::SmallOrder));
            }
            for unreduced in [key(0xff, 0xfe, 0xff, sign), key(0xff, 0xff, 0xff, sign), key(0, 0xff, 0xff, sign)] {
                assert_eq!(judge_ed448(&unreduced), Err(KeyError::NotOnCurve));
            }
            assert_eq!(judge_ed448(&key(2, 0, 0, sign)), Ok(()));
            assert_eq!(judge_ed448(&key(2, 0, 0, sign | 1)), Err(KeyError::NotOnCurve));
        }
        for length in [0, 32, 56, 58] {
            assert_eq!(judge_ed448(&vec![9; length]), Err(KeyError::NotOnCurve));
        }
    }
}
