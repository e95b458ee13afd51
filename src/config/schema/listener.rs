//! What may an operator write about the sockets that clients connect to?

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::super::place::{Located, Place};
use super::super::value::Cidr;

/// One socket that clients connect to.
#[derive(Debug)]
pub struct Listener {
    /// Where it stands in the file.
    pub place: Place,
    /// What `match.listener` calls it.
    pub name: Option<Located<String>>,
    /// Where it listens. With a problem that has been reported: port 0 of the loopback address, so that the name
    /// stays known.
    pub address: Located<SocketAddr>,
    /// `None`: the default (on with TLS, off without).
    pub http2: Option<bool>,
    /// Answers every request with a redirect instead of serving it.
    pub redirect_to_https: Option<RedirectToHttps>,
    /// `None`: plain text.
    pub tls: Option<Tls>,
    /// Whose word of who came before is believed.
    pub trusted_proxies: Vec<Cidr>,
    /// How much a client may ask of us.
    pub limits: Limits,
}

/// How much a client may ask of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a request's head.
    pub header_size: u64,
    /// How long a connection may be idle between two requests; whole seconds.
    pub idle_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { header_size: 32 * 1024, idle_timeout: Duration::from_secs(75) }
    }
}

/// `redirect_to_https`: the same host and path, under `https`.
#[derive(Debug)]
pub struct RedirectToHttps {
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// Port of the HTTPS listener as clients see it.
    pub port: u16,
    /// Path prefixes that are not redirected.
    pub except: Vec<Located<String>>,
}

/// TLS towards clients.
#[derive(Debug)]
pub struct Tls {
    /// Chosen by the name the client asks for (SNI, RFC 6066 §3); the first is the default.
    pub certificates: Vec<Certificate>,
}

/// A certificate chain and its private key, by file name.
#[derive(Debug)]
pub struct Certificate {
    /// PEM: the leaf first, then its chain.
    pub certificate: Located<PathBuf>,
    /// PEM: the private key of the leaf.
    pub key: Located<PathBuf>,
}
