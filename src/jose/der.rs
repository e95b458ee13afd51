//! What lies inside this DER, one element at a time? (X.690 §8 and §10; only what keys and certificates use.)

use super::error::KeyError;

/// Tag of INTEGER.
pub(super) const INTEGER: u8 = 0x02;
/// Tag of BIT STRING.
pub(super) const BIT_STRING: u8 = 0x03;
/// Tag of OCTET STRING.
pub(super) const OCTET_STRING: u8 = 0x04;
/// Tag of NULL.
pub(super) const NULL: u8 = 0x05;
/// Tag of OBJECT IDENTIFIER.
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
/// Tag of SEQUENCE.
pub(super) const SEQUENCE: u8 = 0x30;
/// Tag of the explicit context element 0: the version of a certificate.
pub(super) const CONTEXT_0: u8 = 0xa0;

/// Reads elements from left to right. It never recurses: who reads chooses what to open.
#[derive(Clone, Copy)]
pub(super) struct DerReader<'d> {
    rest: &'d [u8],
}

impl<'d> DerReader<'d> {
    pub(super) const fn new(der: &'d [u8]) -> Self {
        Self { rest: der }
    }

    /// The content of the next element, which must have this tag.
    pub(super) fn read(&mut self, tag: u8) -> Result<&'d [u8], KeyError> {
        let (found, rest) = self.rest.split_first().ok_or(KeyError::BrokenDer)?;
        if *found != tag {
            return Err(KeyError::BrokenDer);
        }
        let (length, rest) = read_length(rest)?;
        let (content, rest) = rest.split_at_checked(length).ok_or(KeyError::BrokenDer)?;
        self.rest = rest;
        Ok(content)
    }

    /// The elements inside the next SEQUENCE.
    pub(super) fn sequence(&mut self) -> Result<Self, KeyError> {
        self.read(SEQUENCE).map(Self::new)
    }

    /// Whether the next element has this tag.
    pub(super) fn next_is(&self, tag: u8) -> bool {
        self.rest.first() == Some(&tag)
    }

    /// A positive INTEGER in big-endian octets without leading zeros.
    pub(super) fn positive(&mut self) -> Result<&'d [u8], KeyError> {
        let octets = self.read(INTEGER)?;
        // A leading zero is there exactly when the next bit would read as a sign.
        let (has_sign_octet, magnitude) = match octets {
            [0, magnitude @ ..] => (true, magnitude),
            magnitude => (false, magnitude),
        };
        match magnitude.first() {
            Some(0x80..) if has_sign_octet => Ok(magnitude),
            Some(1..=0x7f) if !has_sign_octet => Ok(magnitude),
            _ => Err(KeyError::BrokenDer),
        }
    }

    /// The octets of a BIT STRING without unused bits.
    pub(super) fn bit_string(&mut self) -> Result<&'d [u8], KeyError> {
        match self.read(BIT_STRING)? {
            [0, octets @ ..] => Ok(octets),
            _ => Err(KeyError::BrokenDer),
        }
    }

    /// Nothing may be left.
    pub(super) fn end(self) -> Result<(), KeyError> {
        if self.rest.is_empty() { Ok(()) } else { Err(KeyError::BrokenDer) }
    }
}

/// A length in its shortest form, at most 4 octets of it (X.690 §10.1).
fn read_length(der: &[u8]) -> Result<(usize, &[u8]), KeyError> {
    let (first, rest) = der.split_first().ok_or(KeyError::BrokenDer)?;
    if *first < 0x80 {
        return Ok((usize::from(*first), rest));
    }
    let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f)).ok_or(KeyError::BrokenDer)?;
    if octets.is_empty() || octets.len() > 4 || octets.first() == Some(&0) {
        return Err(KeyError::BrokenDer);
    }
    let length = octets.iter().fold(0_usize, |length, octet| (length << 8) | usize::from(*octet));
    if length < 0x80 { Err(KeyError::BrokenDer) } else { Ok((length, rest)) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn elements_come_out_in_order() {
        let mut der = DerReader::new(&[0x30, 0x06, 0x02, 0x01, 0x05, 0x03, 0x01, 0x00]);
        let mut inner = der.sequence().unwrap();
        assert!(inner.next_is(INTEGER));
        assert_eq!(inner.positive().unwrap(), [5]);
        assert!(inner.bit_string().unwrap().is_empty());
        assert!(inner.end().is_ok() && der.end().is_ok());
    }

    #[test]
    fn lengths_must_be_true_and_shortest() {
        for der in [&[][..], &[2], &[2, 1], &[2, 0x80, 0], &[2, 0x81, 1, 5], &[2, 0x82, 0, 1, 5], &[2, 0xff, 1, 5]] {
            assert_eq!(DerReader::new(der).read(INTEGER), Err(KeyError::BrokenDer), "{der:?}");
        }
        assert!(DerReader::new(&[2, 0x85, 1, 1, 1, 1, 1, 0]).read(INTEGER).is_err());
        assert!(DerReader::new(&[2, 0x84, 0xff, 0xff, 0xff, 0xff, 0]).read(INTEGER).is_err());
    }

    #[test]
    fn integers_must_be_positive_and_shortest() {
        for der in [&[2, 0][..], &[2, 1, 0], &[2, 1, 0x80], &[2, 2, 0, 1], &[2, 2, 0, 0]] {
            assert!(DerReader::new(der).positive().is_err(), "{der:?}");
        }
        assert_eq!(DerReader::new(&[2, 2, 0, 0x80]).positive().unwrap(), [0x80]);
        assert!(DerReader::new(&[3, 2, 1, 0x80]).bit_string().is_err());
        assert!(DerReader::new(&[3, 0]).bit_string().is_err());
    }
}
