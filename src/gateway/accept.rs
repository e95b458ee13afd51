//! How do connections come in? Sockets that are bound before anything else starts, and the loop that accepts.
//!
//! Our own loop instead of Pingora's service: a port that is taken is an error at once (docs/pingora.md, T10), port 0 works,
//! and open connections are counted, so that a shutdown ends when the last one does (T11).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use pingora_core::apps::ServerApp;
use pingora_core::protocols::Stream;
use pingora_core::protocols::tls::SslStream;
use pingora_core::protocols::tls::server::handshake;
use pingora_core::tls::ssl::SslAcceptor;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

use super::client_stream::ClientStream;
use super::drain::OpenConnections;
use super::metrics::Metrics;
use super::watched_stream::WatchedStream;

/// Connections that wait to be accepted; the kernel has its own limit (`net.core.somaxconn`).
const BACKLOG: u32 = 65_535;
/// A client that takes longer for its TLS handshake is let go.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long accepting rests when the process has no file left to give.
const OUT_OF_FILES: Duration = Duration::from_millis(100);

/// What is spoken on a socket.
#[derive(Clone)]
pub enum Transport {
    /// Plaintext, HTTP/1.
    Http1,
    /// Plaintext, HTTP/1 or HTTP/2, as the client begins.
    Http1OrHttp2,
    /// TLS, with the certificates of the edition that runs.
    Tls(Certificates),
}

/// What accepts handshakes; a reload puts another in its place, for handshakes that begin after it.
pub type Certificates = Arc<ArcSwap<SslAcceptor>>;

/// A bound socket.
pub struct Door {
    /// The address it was bound to; a port that was 0 is the one that was given.
    pub address: SocketAddr,
    listener: TcpListener,
    transport: Transport,
}

/// Binds a socket.
pub fn bind(address: SocketAddr, transport: Transport) -> io::Result<Door> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"));
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.map_err(named)?;
    socket.set_reuseaddr(true).map_err(named)?;
    socket.bind(address).map_err(named)?;
    let listener = socket.listen(BACKLOG).map_err(named)?;
    Ok(Door { address: listener.local_addr().map_err(named)?, listener, transport })
}

/// What all connections share.
pub struct Hall<A> {
    /// What serves them.
    pub app: Arc<A>,
    /// Becomes true when the process is to end.
    pub shutdown: watch::Receiver<bool>,
    /// Counts them.
    pub open: Arc<OpenConnections>,
    /// What operators see.
    pub metrics: Metrics,
}

impl<A> Clone for Hall<A> {
    fn clone(&self) -> Self {
        Self {
            app: Arc::clone(&self.app),
            shutdown: self.shutdown.clone(),
            open: Arc::clone(&self.open),
            metrics: self.metrics.clone(),
        }
    }
}

/// Accepts connections until the process is to end.
pub async fn accept<A: ServerApp + Send + Sync + 'static>(door: Door, hall: Hall<A>) {
    let mut shutdown = hall.shutdown.clone();
    loop {
        let accepted = tokio::select! {
            accepted = door.listener.accept() => accepted,
            _ = shutdown.wait_for(|ends| *ends) => return,
        };
        match accepted {
            Ok((stream, client)) => {
                let (hall, transport) = (hall.clone(), door.transport.clone());
                tokio::spawn(serve(stream, client, door.address, transport, hall));
            }
            Err(error) => rest(&error).await,
        }
    }
}

/// A client that went away is no reason to rest; no files left is.
async fn rest(error: &io::Error) {
    log::warn!("a connection could not be accepted: {error}");
    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) {
        tokio::time::sleep(OUT_OF_FILES).await;
    }
}

async fn serve<A: ServerApp + Send + Sync + 'static>(
    stream: TcpStream,
    client: SocketAddr,
    door: SocketAddr,
    transport: Transport,
    hall: Hall<A>,
) {
    let _open = hall.open.open();
    if let Err(error) = stream.set_nodelay(true) {
        log::debug!("{client}: {error}");
    }
    let mut shutdown = hall.shutdown.clone();
    let malformed = hall.metrics.malformed.clone();
    let is_tls = matches!(transport, Transport::Tls(_));
    let secured = async {
        match transport {
            Transport::Http1 => {
                let stream = ClientStream::plaintext(stream, client, door);
                Some(Box::new(WatchedStream::new(stream, malformed)) as Stream)
            }
            Transport::Http1OrHttp2 => {
                let stream = ClientStream::plaintext(stream, client, door).tell_http2().await.ok()?;
                Some(Box::new(WatchedStream::new(stream, malformed)) as Stream)
            }
            Transport::Tls(certificates) => {
                let stream = ClientStream::below_tls(stream, client, door);
                let stream = shake_hands(&certificates.load_full(), stream).await?;
                Some(Box::new(WatchedStream::new(stream, malformed)) as Stream)
            }
        }
    };
    let secured = tokio::select! {
        secured = secured => secured,
        _ = shutdown.wait_for(|ends| *ends) => None,
    };
    match secured {
        Some(stream) => {
            let mut next = hall.app.process_new(stream, &hall.shutdown).await;
            while let Some(stream) = next {
                next = hall.app.process_new(stream, &hall.shutdown).await;
            }
        }
        None if is_tls => hall.metrics.handshake_failed(&door.to_string()),
        None => {}
    }
}

async fn shake_hands(acceptor: &SslAcceptor, stream: ClientStream) -> Option<SslStream<ClientStream>> {
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake(acceptor, stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            log::debug!("a TLS handshake failed: {error}");
            None
        }
        Err(_) => {
            log::debug!("a TLS handshake took longer than {HANDSHAKE_TIMEOUT:?}");
            None
        }
    }
}
