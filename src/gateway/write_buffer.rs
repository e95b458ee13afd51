//! What waits to be written to a client, so that the head of an answer and its body leave together?
//!
//! Unlike with tokio's `BufWriter`, what does not fit leaves in one system call with what waits, and is not copied.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets that are gathered: the head of an answer, and a short body.
const ROOM: usize = 1460;
/// How many pieces leave in one system call.
const PIECES: usize = 8;

/// A stream whose short writes wait until they are flushed, or until a longer one takes them along.
pub struct WriteBuffer<S> {
    stream: S,
    waiting: Vec<u8>,
}

impl<S> WriteBuffer<S> {
    /// Nothing waits.
    pub fn new(stream: S) -> Self {
        Self { stream, waiting: Vec::with_capacity(ROOM) }
    }

    /// What is written to.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Whether something is to be flushed.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What was written of what waits; tells how much else was.
    fn written(&mut self, count: usize) -> usize {
        let of_waiting = count.min(self.waiting.len());
        self.waiting.drain(..of_waiting);
        count - of_waiting
    }
}

impl<S: AsyncWrite + Unpin> WriteBuffer<S> {
    /// Writes what waits and these slices after it, as much as is taken at once; tells how much of the slices was.
    fn poll_both(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut pieces = [IoSlice::new(&[]); PIECES];
        let all = std::iter::once(IoSlice::new(&self.waiting)).chain(slices.iter().copied());
        pieces.iter_mut().zip(all).for_each(|(place, piece)| *place = piece);
        let count = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, &pieces))?;
        Poll::Ready(Ok(self.written(some(count)?)))
    }

    /// Writes what waits.
    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.is_waiting() {
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.waiting))?;
            self.written(some(count)?);
        }
        Poll::Ready(Ok(()))
    }
}

/// A stream that takes nothing will take nothing the next time.
fn some(count: usize) -> io::Result<usize> {
    if count == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(count) }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteBuffer<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteBuffer<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(octets)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        loop {
            if self.waiting.len() + length <= ROOM {
                slices.iter().for_each(|slice| self.waiting.extend_from_slice(slice));
                return Poll::Ready(Ok(length));
            }
            if self.waiting.is_empty() {
                return Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
            }
            let taken = ready!(self.poll_both(cx, slices))?;
            if taken > 0 {
                return Poll::Ready(Ok(taken));
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_waiting(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_waiting(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// Takes so many octets of each write, and remembers the writes.
    #[derive(Default)]
    struct Wire {
        at_most: usize,
        writes: Vec<Vec<u8>>,
    }

    impl AsyncWrite for Wire {
        fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
            self.poll_write_vectored(cx, &[IoSlice::new(octets)])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let all = slices.iter().flat_map(|slice| slice.iter().copied());
            let taken: Vec<u8> = all.take(self.at_most).collect();
            let count = taken.len();
            self.writes.push(taken);
            Poll::Ready(Ok(count))
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn buffer_of(at_most: usize) -> WriteBuffer<Wire> {
        WriteBuffer::new(Wire { at_most, ..Wire::default() })
    }

    #[tokio::test]
    async fn short_pieces_leave_together_when_they_are_flushed() {
        let mut buffer = buffer_of(usize::MAX);
        buffer.write_all(b"head ").await.unwrap();
        buffer.write_all(b"body").await.unwrap();
        assert!(buffer.is_waiting() && buffer.stream.writes.is_empty());
        buffer.flush().await.unwrap();
        assert_eq!(buffer.stream.writes, [b"head body"]);
    }

    #[tokio::test]
    async fn a_long_piece_takes_along_what_waits() {
        let mut buffer = buffer_of(usize::MAX);
        buffer.write_all(b"head ").await.unwrap();
        buffer.write_all(&[b'x'; 2 * ROOM]).await.unwrap();
        assert!(!buffer.is_waiting());
        assert_eq!(buffer.stream.writes, [[b"head ".to_vec(), vec![b'x'; 2 * ROOM]].concat()]);
    }

    #[tokio::test]
    async fn a_wire_that_takes_little_gets_every_octet_once_and_in_order() {
        for at_most in [1, 2, 7, 1000, ROOM - 1, ROOM, ROOM + 1] {
            let mut buffer = buffer_of(at_most);
            let mut sent = Vec::new();
            for (number, length) in [3, 700, 0, 756, 1, 4000, 2, ROOM, 1, ROOM + 1, 5].into_iter().enumerate() {
                let piece: Vec<u8> = (0..length).map(|place| (number * 31 + place) as u8).collect();
                buffer.write_all(&piece).await.unwrap();
                sent.extend(piece);
            }
            buffer.shutdown().await.unwrap();
            assert!(buffer.stream.writes.concat() == sent, "{at_most} at a time");
        }
    }

    #[tokio::test]
    async fn more_pieces_than_leave_at_once_lose_nothing() {
        let mut buffer = buffer_of(usize::MAX);
        buffer.write_all(b"head ").await.unwrap();
        let pieces: Vec<Vec<u8>> = (0..3 * PIECES as u8).map(|number| vec![number; 200]).collect();
        let mut sent = b"head ".to_vec();
        sent.extend(pieces.concat());
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut rest = slices.as_mut_slice();
        while !rest.is_empty() {
            let count = buffer.write_vectored(rest).await.unwrap();
            IoSlice::advance_slices(&mut rest, count);
        }
        buffer.flush().await.unwrap();
        assert_eq!(buffer.stream.writes.concat(), sent);
    }

    #[tokio::test]
    async fn a_wire_that_takes_nothing_is_an_error() {
        let mut buffer = buffer_of(0);
        buffer.write_all(b"head").await.unwrap();
        assert_eq!(buffer.flush().await.unwrap_err().kind(), io::ErrorKind::WriteZero);
    }
}
