//! What does Pingora see of a client's connection? Our own stream below it, so that we decide on buffers, on peeking and
//! on the addresses that are reported.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use pingora_core::protocols::l4::socket::SocketAddr as PingoraAddress;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest, UniqueID,
    UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf};
use tokio::net::TcpStream;

use super::write_buffer::WriteBuffer;

/// TLS reads each record in two steps; a buffer makes one system call of them. Plaintext is read into Pingora's own.
const TLS_READ_BUFFER: usize = 4096;
/// How long a client is waited for that has sent a part of the preface.
const REST_OF_THE_PREFACE: Duration = Duration::from_millis(10);
/// It is looked for more and more seldom, up to this.
const REST_AT_LAST: Duration = Duration::from_millis(250);
/// RFC 9113 §3.4.
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What is spoken on a plaintext connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plaintext {
    /// HTTP/1.
    Http1,
    /// HTTP/2, with prior knowledge.
    Http2,
}

/// A client's TCP connection.
pub struct ClientStream {
    stream: Buffered,
    plaintext: Plaintext,
    digest: Arc<SocketDigest>,
    accepted: SystemTime,
}

enum Buffered {
    Direct(WriteBuffer<TcpStream>),
    ReadAhead(BufReader<WriteBuffer<TcpStream>>),
}

impl ClientStream {
    /// A connection in plaintext, for HTTP/1. `listener` is the address that was listened on, which names the listener.
    pub fn plaintext(stream: TcpStream, client: SocketAddr, listener: SocketAddr) -> Self {
        let digest = digest(&stream, client, listener);
        let stream = Buffered::Direct(WriteBuffer::new(stream));
        Self { stream, plaintext: Plaintext::Http1, digest, accepted: SystemTime::now() }
    }

    /// A connection that TLS will be spoken over.
    pub fn below_tls(stream: TcpStream, client: SocketAddr, listener: SocketAddr) -> Self {
        let digest = digest(&stream, client, listener);
        let writer = WriteBuffer::new(stream);
        let stream = Buffered::ReadAhead(BufReader::with_capacity(TLS_READ_BUFFER, writer));
        Self { stream, plaintext: Plaintext::Http1, digest, accepted: SystemTime::now() }
    }

    /// What the client has begun to speak.
    pub fn spoken(&self) -> Plaintext {
        self.plaintext
    }

    /// Waits until something can be read. Not if there is something to be written first: reading does that.
    pub async fn readable(&self) -> io::Result<()> {
        if self.buffer().is_waiting() { Ok(()) } else { self.socket().readable().await }
    }

    fn writer(&mut self) -> &mut WriteBuffer<TcpStream> {
        match &mut self.stream {
            Buffered::Direct(writer) => writer,
            Buffered::ReadAhead(reader) => reader.get_mut(),
        }
    }

    fn buffer(&self) -> &WriteBuffer<TcpStream> {
        match &self.stream {
            Buffered::Direct(writer) => writer,
            Buffered::ReadAhead(reader) => reader.get_ref(),
        }
    }

    fn socket(&self) -> &TcpStream {
        self.buffer().get_ref()
    }
}

fn digest(stream: &TcpStream, client: SocketAddr, listener: SocketAddr) -> Arc<SocketDigest> {
    let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
    // Known already: asking the kernel again would cost a system call for each connection.
    let _ = digest.peer_addr.set(Some(PingoraAddress::Inet(client)));
    let _ = digest.local_addr.set(Some(PingoraAddress::Inet(listener)));
    Arc::new(digest)
}

impl AsyncRead for ClientStream {
    /// Whoever reads has nothing more to write for now: what waits in the buffer leaves. Pingora itself flushes an answer
    /// of known length only at its end, and its head would wait for the whole body.
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.buffer().is_waiting()
            && let Poll::Ready(Err(error)) = self.as_mut().poll_flush(cx)
        {
            return Poll::Ready(Err(error));
        }
        match &mut self.stream {
            Buffered::Direct(writer) => Pin::new(writer).poll_read(cx, buffer),
            Buffered::ReadAhead(reader) => Pin::new(reader).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(self.writer()).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.writer()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.writer()).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.writer()).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

#[async_trait]
impl Shutdown for ClientStream {
    async fn shutdown(&mut self) {
        if let Err(error) = AsyncWriteExt::shutdown(self).await {
            log::debug!("a client's connection could not be shut down: {error}");
        }
    }
}

impl UniqueID for ClientStream {
    fn id(&self) -> UniqueIDType {
        self.socket().as_raw_fd()
    }
}

impl Ssl for ClientStream {}

impl GetTimingDigest for ClientStream {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        vec![Some(TimingDigest { established_ts: self.accepted, ..TimingDigest::default() })]
    }
}

impl GetProxyDigest for ClientStream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }
}

impl GetSocketDigest for ClientStream {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        Some(Arc::clone(&self.digest))
    }
}

#[async_trait]
impl Peek for ClientStream {
    /// Pingora asks for the first octets to tell HTTP/2 from HTTP/1, and takes "cannot peek" for HTTP/2. So the answer
    /// is always yes: with the preface where the client began with it, and with nothing where it did not.
    async fn try_peek(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        if self.plaintext == Plaintext::Http2 {
            buffer.iter_mut().zip(HTTP2_PREFACE).for_each(|(octet, first)| *octet = *first);
        }
        Ok(true)
    }
}

impl ClientStream {
    /// Waits for the client's first octets and notes whether they are the preface of HTTP/2.
    pub async fn tell_http2(mut self, first: Duration, rest: Duration) -> io::Result<Self> {
        let mut buffer = [0_u8; HTTP2_PREFACE.len()];
        let begun = tokio::time::timeout(first, self.socket().peek(&mut buffer)).await;
        begun.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        let spoken = tokio::time::timeout(rest, self.first_octets()).await;
        self.plaintext = spoken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        Ok(self)
    }

    async fn first_octets(&self) -> io::Result<Plaintext> {
        let mut buffer = [0_u8; HTTP2_PREFACE.len()];
        let mut rest = REST_OF_THE_PREFACE;
        loop {
            let length = self.socket().peek(&mut buffer).await?;
            let begins_like_it = buffer.iter().zip(HTTP2_PREFACE).take(length).all(|(one, other)| one == other);
            match length {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ if !begins_like_it => return Ok(Plaintext::Http1),
                _ if length == HTTP2_PREFACE.len() => return Ok(Plaintext::Http2),
                // A part has come. The rest makes the socket readable, which it is already: there is nothing to wait on.
                _ => {
                    tokio::time::sleep(rest).await;
                    rest = (rest * 2).min(REST_AT_LAST);
                }
            }
        }
    }
}

impl fmt::Debug for ClientStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientStream").field("socket", self.socket()).finish_non_exhaustive()
    }
}
