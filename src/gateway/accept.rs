//! How do connections come in? Sockets that are bound before anything else starts, and the loop that accepts.
//!
//! Our own loop instead of Pingora's service: a port that is taken is an error at once (docs/pingora.md, T10), port 0 works,
//! and open connections are counted, so that a shutdown ends when the last one does (T11).

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use pingora_core::apps::{HttpServerApp, ServerApp};
use pingora_core::protocols::tls::SslStream;
use pingora_core::protocols::tls::server::handshake;
use pingora_core::protocols::{ALPN, IO, Ssl, Stream};
use pingora_core::tls::ssl::SslAcceptor;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::certificates::facts_of;
use super::client_stream::{ClientStream, Plaintext};
use super::connection::{Connection, Stage};
use super::drain::OpenConnections;
use super::http1;
use super::metrics::Metrics;
use super::peer::Peer;
use super::proxy::Proxy;
use super::proxy_header::{self, Behalf};
use super::tls::TlsDoor;
use super::watched_stream::WatchedStream;
use crate::auth::Scheme;
use crate::config::schema::{Limits, ProxyProtocol};
use crate::route::ListenerId;

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
    Tls(Arc<TlsDoor>),
}

impl Transport {
    fn scheme(&self) -> Scheme {
        match self {
            Self::Http1 | Self::Http1OrHttp2 => Scheme::Http,
            Self::Tls(_) => Scheme::Https,
        }
    }
}

/// A bound socket, as one loop accepts on it.
pub struct Door {
    /// The address it was bound to; a port that was 0 is the one that was given.
    pub address: SocketAddr,
    socket: TcpListener,
    transport: Transport,
    listener: ListenerId,
}

impl Door {
    /// Accepts on a socket that listens, by the loop that this is called in.
    pub fn open(socket: std::net::TcpListener, transport: Transport, listener: ListenerId) -> io::Result<Self> {
        let address = socket.local_addr()?;
        Ok(Self { address, socket: TcpListener::from_std(socket)?, transport, listener })
    }

    /// The same socket for the loop that this is called in. Who is first accepts.
    pub fn reopen(&self) -> io::Result<Self> {
        let socket = TcpListener::from_std(std::net::TcpListener::from(self.socket.as_fd().try_clone_to_owned()?))?;
        Ok(Self { address: self.address, socket, transport: self.transport.clone(), listener: self.listener })
    }
}

/// What all connections share.
pub struct Hall<A> {
    /// What serves them, by way of Pingora.
    pub app: Arc<A>,
    /// What serves requests for upstreams; `None`: operators are served here, and the usual limits hold.
    pub proxy: Option<Arc<Proxy>>,
    /// Becomes true when no more connections are to come in.
    pub closing: watch::Receiver<bool>,
    /// Becomes true when those that are idle are to go.
    pub shutdown: watch::Receiver<bool>,
    /// Counts them.
    pub open: Arc<OpenConnections>,
    /// What operators see.
    pub metrics: Metrics,
}

/// What a connection meets that comes in now.
struct Reception {
    limits: Limits,
    proxy_protocol: ProxyProtocol,
    trusted: Vec<IpNet>,
}

impl<A> Hall<A> {
    fn reception(&self, listener: ListenerId) -> Reception {
        let edition = self.proxy.as_ref().map(|proxy| proxy.live.load());
        match edition.as_ref().and_then(|edition| edition.snapshot.listeners.get(listener)) {
            Some(listener) => Reception {
                limits: listener.limits.clone(),
                proxy_protocol: listener.proxy_protocol,
                trusted: listener.trusted_proxies.clone(),
            },
            None => Reception { limits: Limits::default(), proxy_protocol: ProxyProtocol::Off, trusted: Vec::new() },
        }
    }
}

impl<A> Clone for Hall<A> {
    fn clone(&self) -> Self {
        Self {
            app: Arc::clone(&self.app),
            proxy: self.proxy.clone(),
            closing: self.closing.clone(),
            shutdown: self.shutdown.clone(),
            open: Arc::clone(&self.open),
            metrics: self.metrics.clone(),
        }
    }
}

/// Accepts connections until no more are to come in.
pub async fn accept<A: HttpServerApp + Send + Sync + 'static>(door: Door, hall: Hall<A>) {
    let mut closing = hall.closing.clone();
    loop {
        let accepted = tokio::select! {
            accepted = door.socket.accept() => accepted,
            _ = closing.wait_for(|closes| *closes) => return,
        };
        match accepted {
            Ok((stream, client)) => {
                // Counted before anything else: nobody waits for a connection that is not.
                let open = hall.open.open();
                let (hall, transport) = (hall.clone(), door.transport.clone());
                let caller = Caller { client, address: door.address, listener: door.listener };
                tokio::spawn(async move {
                    serve(stream, caller, transport, hall).await;
                    drop(open);
                });
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

/// Who has come, and where.
#[derive(Debug, Clone, Copy)]
struct Caller {
    client: SocketAddr,
    address: SocketAddr,
    listener: ListenerId,
}

async fn serve<A: HttpServerApp + Send + Sync + 'static>(
    stream: TcpStream,
    caller: Caller,
    transport: Transport,
    hall: Hall<A>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        log::debug!("{}: {error}", caller.client);
    }
    let mut shutdown = hall.shutdown.clone();
    let ready = tokio::select! {
        // In a box: a handshake takes room for as long as it lasts, and not while the connection does.
        ready = Box::pin(receive(stream, caller, transport, &hall)) => ready,
        _ = shutdown.wait_for(|ends| *ends) => None,
    };
    match ready {
        Some(Ready { stream, spoken: Plaintext::Http1, idle_timeout }) => {
            http1::serve(&hall, stream, idle_timeout).await;
        }
        Some(Ready { stream, spoken: Plaintext::Http2, .. }) => {
            drop(hall.app.process_new(stream, &hall.shutdown).await)
        }
        None => {}
    }
}

/// A connection on which requests can come.
struct Ready {
    stream: Stream,
    spoken: Plaintext,
    idle_timeout: Duration,
}

impl Ready {
    fn new<S: IO + 'static>(stream: S, spoken: Plaintext, connection: Connection, metrics: Metrics) -> Self {
        let idle_timeout = connection.idle_timeout;
        let stream = Box::new(WatchedStream::new(stream, spoken, Arc::new(connection), metrics));
        Self { stream, spoken, idle_timeout }
    }
}

/// Takes the balancer's word for who the client is. `None`: nobody may be served.
async fn announced<A>(stream: &mut TcpStream, caller: Caller, reception: &Reception, hall: &Hall<A>) -> Option<Caller> {
    let header = tokio::time::timeout(reception.limits.header_timeout, proxy_header::take(stream)).await;
    let header = header.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let refused = |error: io::Error| {
        hall.metrics.proxy_header_failed(&caller.address.to_string());
        log::debug!("{}: {error}", caller.client);
    };
    let peer = caller.client.ip().to_canonical();
    let is_trusted = reception.trusted.iter().any(|network| network.contains(&peer));
    match header.map_err(refused).ok()? {
        Behalf::Client(client) if is_trusted => Some(Caller { client, ..caller }),
        Behalf::Client(_) | Behalf::Own => Some(caller),
        // Taken for the balancer's own, the client's word of who they are would be believed.
        Behalf::Unknown => {
            refused(io::Error::other("the balancer does not say whom it is for"));
            None
        }
    }
}

/// Does what comes before the first request.
async fn receive<A>(mut stream: TcpStream, mut caller: Caller, transport: Transport, hall: &Hall<A>) -> Option<Ready> {
    let reception = hall.reception(caller.listener);
    if reception.proxy_protocol == ProxyProtocol::Required {
        caller = announced(&mut stream, caller, &reception, hall).await?;
    }
    let limits = reception.limits;
    let peer = Peer::at(caller.client.ip());
    let mut connection = Connection::new(caller.listener, peer, transport.scheme(), &limits);
    if hall.proxy.is_none() {
        // Operators ask no hook of ours: nobody would say that a head is complete.
        connection.is_at(Stage::Request);
    }
    let metrics = hall.metrics.clone();
    match transport {
        Transport::Http1 => {
            let stream = ClientStream::plaintext(stream, caller.client, caller.address);
            Some(Ready::new(stream, Plaintext::Http1, connection, metrics))
        }
        Transport::Http1OrHttp2 => {
            let stream = ClientStream::plaintext(stream, caller.client, caller.address);
            let stream = stream.tell_http2(limits.idle_timeout, limits.header_timeout).await.ok()?;
            let spoken = stream.spoken();
            Some(Ready::new(stream, spoken, connection, metrics))
        }
        Transport::Tls(door) => {
            let stream = ClientStream::below_tls(stream, caller.client, caller.address);
            let Some(stream) = shake_hands(&door.acceptor(), stream).await else {
                metrics.handshake_failed(&caller.address.to_string());
                return None;
            };
            let shown = stream.ssl().peer_certificate();
            connection.certificate = shown.as_ref().and_then(|certificate| facts_of(certificate));
            let is_http2 = stream.selected_alpn_proto() == Some(ALPN::H2);
            let spoken = if is_http2 { Plaintext::Http2 } else { Plaintext::Http1 };
            Some(Ready::new(stream, spoken, connection, metrics))
        }
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
