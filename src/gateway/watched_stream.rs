//! What happens on a client's connection without Pingora asking us? It refuses malformed requests before any hook of ours
//! (docs/pingora.md, T13): they are counted where its answers leave. It gives a head any time, if only octets keep coming (T4):
//! time is kept where they come in.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::tls::{SslDigest, TlsRef};
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, IO, Peek, Shutdown, SocketDigest, Ssl, Stream,
    TimingDigest, UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::client_stream::{ClientStream, Plaintext as Spoken};
use super::connection::{Connection, Stage};
use super::metrics::Metrics;

/// Said to a client that does not end the head of its request, before its connection is closed.
const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
/// RFC 9113 §3.4: what comes before everything else over HTTP/2.
const HTTP2_PREFACE: usize = 24;

/// A client's connection, after TLS.
pub struct WatchedStream<S> {
    stream: S,
    connection: Arc<Connection>,
    digest: Option<Arc<ProxyDigest>>,
    speaks: Speaks,
    /// The first octet of a request, where only reading shows that one has come.
    ahead: Option<u8>,
    /// When the wait for the head that is awaited ends; `None` if nobody waits yet.
    deadline: Option<Pin<Box<Sleep>>>,
    metrics: Metrics,
}

/// Waits until the client says something.
pub async fn is_spoken_to(stream: &mut Stream) -> io::Result<()> {
    match (**stream).as_any().downcast_ref::<WatchedStream<ClientStream>>() {
        Some(plaintext) => plaintext.stream.readable().await,
        None => stream.try_peek(&mut [0; 1]).await.map(drop),
    }
}

/// What is spoken. Over HTTP/2 a connection has many requests at once, and none of their heads is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaks {
    Http1,
    /// So many octets of the preface are still to come.
    Http2(usize),
}

impl<S: IO> WatchedStream<S> {
    /// Watches a connection.
    pub fn new(stream: S, spoken: Spoken, connection: Arc<Connection>, metrics: Metrics) -> Self {
        let speaks = match spoken {
            Spoken::Http1 => Speaks::Http1,
            Spoken::Http2 => Speaks::Http2(HTTP2_PREFACE),
        };
        let digest = connection.digest();
        Self { stream, connection, digest, speaks, ahead: None, deadline: None, metrics }
    }

    /// So many octets were read.
    fn has_read(&mut self, octets: usize) {
        if octets == 0 {
            return;
        }
        match (&mut self.speaks, self.connection.stage()) {
            (Speaks::Http2(missing), Stage::Idle | Stage::Head) => {
                *missing = missing.saturating_sub(octets);
                let stage = if *missing == 0 { Stage::Request } else { Stage::Head };
                self.connection.is_at(stage);
            }
            (Speaks::Http1, Stage::Idle) => {
                // The wait for the head begins with its first octet.
                self.connection.is_at(Stage::Head);
                self.deadline = None;
            }
            (Speaks::Http1 | Speaks::Http2(_), _) => {}
        }
    }

    /// Whether the client has had its time. The clock is set when there is something to wait for.
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let wait = match self.connection.stage() {
            // Between two requests Pingora keeps this time itself.
            Stage::Idle if self.connection.has_served() => return false,
            Stage::Idle => self.connection.idle_timeout,
            Stage::Head => self.connection.header_timeout,
            Stage::Request => {
                self.deadline = None;
                return false;
            }
        };
        self.deadline.get_or_insert_with(|| Box::pin(sleep(wait))).as_mut().poll(cx).is_ready()
    }

    /// Tells the client, if it has begun to say something, and gives it up.
    fn give_up(&mut self, cx: &mut Context<'_>) -> io::Error {
        if self.connection.stage() == Stage::Head && self.speaks == Speaks::Http1 {
            self.metrics.late_head();
            let told = Pin::new(&mut self.stream).poll_write(cx, TOO_SLOW);
            if told.is_ready() {
                let _ = Pin::new(&mut self.stream).poll_flush(cx);
            }
        }
        io::Error::new(io::ErrorKind::TimedOut, "the head of a request did not come in time")
    }
}

/// The head of an answer that is Pingora's own: it signs them, and none of ours.
fn is_pingoras(octets: &[u8]) -> bool {
    const SIGNATURE: &[u8] = b"\r\nServer: Pingora\r\n";
    (octets.starts_with(b"HTTP/1.1 400 ") || octets.starts_with(b"HTTP/1.1 405 "))
        && octets.windows(SIGNATURE.len()).any(|window| window == SIGNATURE)
}

impl<S: IO> AsyncRead for WatchedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.connection.stage() == Stage::Request && self.ahead.is_none() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let before = buffer.filled().len();
        let ahead = self.ahead.take();
        ahead.iter().for_each(|octet| buffer.put_slice(&[*octet]));
        let mut read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if ahead.is_some() && read.is_pending() {
            read = Poll::Ready(Ok(()));
        }
        match read {
            Poll::Ready(Ok(())) => self.has_read(buffer.filled().len().saturating_sub(before)),
            Poll::Ready(Err(_)) => return read,
            Poll::Pending => {}
        }
        // Octets that keep coming do not stretch the time.
        let is_waiting = read.is_pending() || self.deadline.is_some();
        if is_waiting && self.is_late(cx) { Poll::Ready(Err(self.give_up(cx))) } else { read }
    }
}

impl<S: IO> AsyncWrite for WatchedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, octets);
        if written.is_ready() && is_pingoras(octets) {
            self.metrics.malformed.inc();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[async_trait]
impl<S: IO> Shutdown for WatchedStream<S> {
    async fn shutdown(&mut self) {
        Shutdown::shutdown(&mut self.stream).await;
    }
}

impl<S: IO> UniqueID for WatchedStream<S> {
    fn id(&self) -> UniqueIDType {
        self.stream.id()
    }
}

impl<S: IO> Ssl for WatchedStream<S> {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.stream.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.stream.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.stream.selected_alpn_proto()
    }
}

impl<S: IO> GetTimingDigest for WatchedStream<S> {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.stream.get_timing_digest()
    }

    fn get_read_pending_time(&self) -> std::time::Duration {
        self.stream.get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> std::time::Duration {
        self.stream.get_write_pending_time()
    }
}

impl<S: IO> GetProxyDigest for WatchedStream<S> {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.digest.clone()
    }
}

impl<S: IO> GetSocketDigest for WatchedStream<S> {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.get_socket_digest()
    }
}

#[async_trait]
impl<S: IO> Peek for WatchedStream<S> {
    /// Over TLS what can be read from the socket may be no word of the client's: there one octet is read.
    async fn try_peek(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        if self.stream.get_ssl().is_none() {
            return self.stream.try_peek(buffer).await;
        }
        if self.ahead.is_none() {
            self.ahead = Some(self.stream.read_u8().await?);
        }
        Ok(true)
    }
}

impl<S: IO> fmt::Debug for WatchedStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stream.fmt(f)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::{advance, timeout};

    use super::super::peer::Peer;
    use super::*;
    use crate::auth::Scheme;
    use crate::snapshot::Limits;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn t13_only_pingoras_own_refusals_are_counted() {
        assert!(is_pingoras(b"HTTP/1.1 400 Bad Request\r\nServer: Pingora\r\nContent-Length: 0\r\n\r\n"));
        assert!(!is_pingoras(b"HTTP/1.1 200 OK\r\nServer: Pingora\r\n\r\n"));
        assert!(!is_pingoras(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
    }

    fn watched(spoken: Spoken) -> (DuplexStream, WatchedStream<DuplexStream>, Arc<Connection>) {
        let (client, stream) = duplex(1024);
        let limits = Limits { header_timeout: 10 * SECOND, idle_timeout: 75 * SECOND, ..Limits::default() };
        let peer = Peer::at([127, 0, 0, 1].into());
        let connection = Arc::new(Connection::new(0, peer, Scheme::Http, &limits));
        let watched = WatchedStream::new(stream, spoken, Arc::clone(&connection), Metrics::new().unwrap());
        (client, watched, connection)
    }

    /// Sends a few octets every second; how many seconds the stream listens to it.
    async fn drip(client: &mut DuplexStream, watched: &mut WatchedStream<DuplexStream>) -> u32 {
        let mut octets = [0; 64];
        for second in 0..200 {
            client.write_all(b"x").await.unwrap();
            while let Ok(read) = timeout(Duration::from_millis(1), watched.read(&mut octets)).await {
                if read.is_err() {
                    return second;
                }
            }
            advance(SECOND).await;
        }
        200
    }

    #[tokio::test(start_paused = true)]
    async fn t4_a_head_that_drips_has_its_time_and_is_told() {
        let (mut client, mut watched, _) = watched(Spoken::Http1);
        assert!((9..=11).contains(&drip(&mut client, &mut watched).await));
        let mut said = [0; 64];
        let length = client.read(&mut said).await.unwrap();
        assert!(said[..length].starts_with(b"HTTP/1.1 408 "));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_and_a_connection_of_http2_may_drip() {
        let (mut client, mut stream, connection) = watched(Spoken::Http1);
        connection.is_at(Stage::Request);
        assert_eq!(drip(&mut client, &mut stream).await, 200);
        let (mut client, mut stream, _) = watched(Spoken::Http2);
        client.write_all(&[b'p'; HTTP2_PREFACE]).await.unwrap();
        assert_eq!(drip(&mut client, &mut stream).await, 200);
    }

    #[tokio::test(start_paused = true)]
    async fn an_octet_that_was_read_ahead_comes_first_whatever_the_stage() {
        for stage in [Stage::Idle, Stage::Head, Stage::Request] {
            let (mut client, mut stream, connection) = watched(Spoken::Http1);
            connection.is_at(stage);
            stream.ahead = Some(b'G');
            let mut octets = [0; 8];
            assert_eq!(stream.read(&mut octets).await.unwrap(), 1, "there is nothing else to wait for");
            assert_eq!(octets[0], b'G');
            client.write_all(b"ET").await.unwrap();
            assert_eq!(stream.read(&mut octets).await.unwrap(), 2);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_before_the_first_request_ends_without_a_word() {
        let (mut client, mut stream, _) = watched(Spoken::Http1);
        let error = stream.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(stream);
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    }
}
