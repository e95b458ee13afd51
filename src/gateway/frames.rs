//! Where does one frame of a WebSocket end and the next begin? A frame of ours can stand only between two (RFC 6455 §5).

use std::io::Cursor;

use bytes::Bytes;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::frame::{Frame, FrameHeader};

/// RFC 6455 §5.2: two octets, eight of length, four of mask.
const LONGEST_HEADER: usize = 14;

/// What has passed in one direction.
#[derive(Debug, Default)]
pub struct Frames {
    /// A header that is not all there.
    header: Vec<u8>,
    /// Octets of payload that are still to come.
    payload: u64,
    /// It is no WebSocket that can be understood.
    is_lost: bool,
}

impl Frames {
    /// So much has passed.
    pub fn pass(&mut self, mut octets: &[u8]) {
        while !octets.is_empty() && !self.is_lost {
            let skipped = usize::try_from(self.payload).unwrap_or(usize::MAX).min(octets.len());
            self.payload -= skipped as u64;
            octets = octets.get(skipped..).unwrap_or_default();
            octets = self.begin(octets);
        }
    }

    /// Takes octets of the next header; what is left is payload.
    fn begin<'o>(&mut self, octets: &'o [u8]) -> &'o [u8] {
        let before = self.header.len();
        let more = octets.get(..octets.len().min(LONGEST_HEADER)).unwrap_or_default();
        self.header.extend_from_slice(more);
        let mut cursor = Cursor::new(self.header.as_slice());
        match FrameHeader::parse(&mut cursor) {
            Ok(Some((_, payload))) => {
                let taken = usize::try_from(cursor.position()).unwrap_or_default().saturating_sub(before);
                self.payload = payload;
                self.header.clear();
                octets.get(taken..).unwrap_or_default()
            }
            Ok(None) => octets.get(more.len()..).unwrap_or_default(),
            Err(_) => {
                self.is_lost = true;
                &[]
            }
        }
    }

    /// Whether a frame of ours could stand here.
    pub fn is_between(&self) -> bool {
        !self.is_lost && self.payload == 0 && self.header.is_empty()
    }
}

/// Whom a frame is for. What clients send is masked (RFC 6455 §5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Towards {
    /// The client.
    Client,
    /// The upstream.
    Upstream,
}

/// A frame that closes a WebSocket (RFC 6455 §5.5.1, §7.4.1).
pub fn close(code: CloseCode, reason: &str, towards: Towards) -> Option<Bytes> {
    let mut frame = Frame::close(Some(CloseFrame { code, reason: reason.to_owned().into() }));
    if towards == Towards::Upstream {
        frame.header_mut().mask = Some(fastrand::u32(..).to_ne_bytes());
    }
    let mut octets = Vec::new();
    frame.format(&mut octets).ok()?;
    Some(octets.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tungstenite::protocol::frame::coding::{Data, OpCode};

    fn frame(length: usize, mask: Option<[u8; 4]>) -> Vec<u8> {
        let mut frame = Frame::message(vec![0x88; length], OpCode::Data(Data::Binary), true);
        frame.header_mut().mask = mask;
        let mut octets = Vec::new();
        frame.format(&mut octets).unwrap();
        octets
    }

    #[test]
    fn a_frame_ends_where_its_length_says_however_it_comes_in_pieces() {
        for length in [0, 1, 125, 126, 300, 70_000] {
            for mask in [None, Some([1, 2, 3, 4])] {
                let octets = frame(length, mask);
                for piece in [1, 2, 3, 7, 1000, 100_000] {
                    let mut frames = Frames::default();
                    let mut passed = 0;
                    for piece in octets.chunks(piece) {
                        assert_eq!(frames.is_between(), passed == 0, "{length} {passed}");
                        frames.pass(piece);
                        passed += piece.len();
                    }
                    assert!(frames.is_between(), "{length} octets in pieces of {piece}");
                }
            }
        }
    }

    #[test]
    fn many_frames_at_once_are_told_apart() {
        let mut frames = Frames::default();
        let octets = [frame(0, None), frame(200, None), frame(5, Some([9; 4]))].concat();
        frames.pass(&octets);
        assert!(frames.is_between());
        frames.pass(&octets[..octets.len() - 1]);
        assert!(!frames.is_between());
    }

    #[test]
    fn what_is_no_frame_is_never_between_two() {
        let mut frames = Frames::default();
        frames.pass(&[0x8b, 0]);
        assert!(!frames.is_between());
        frames.pass(&frame(1, None));
        assert!(!frames.is_between());
    }

    #[test]
    fn a_close_frame_says_why_and_only_what_goes_upstream_is_masked() {
        let to_client = close(CloseCode::Policy, "token_expired", Towards::Client).unwrap();
        assert_eq!(to_client.to_vec(), [b"\x88\x0f\x03\xf0".as_slice(), b"token_expired"].concat());
        let upstream = close(CloseCode::Policy, "token_expired", Towards::Upstream).unwrap();
        assert_eq!((upstream[0], upstream[1], upstream.len()), (0x88, 0x8f, 2 + 4 + 15));
        let mut frames = Frames::default();
        frames.pass(&upstream);
        assert!(frames.is_between());
    }
}
