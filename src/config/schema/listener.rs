//! What may an operator write about the sockets that clients connect to?

use std::net::SocketAddr;
use std::time::Duration;

use super::super::place::{Located, Place};
use super::super::value::Cidr;
use super::Tls;

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
    /// Whether a PROXY header stands before everything else.
    pub proxy_protocol: ProxyProtocol,
    /// How much a client may ask of us.
    pub limits: Limits,
}

/// `proxy_protocol`: whether a header of the PROXY protocol stands before everything else on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// It does, and is believed if a trusted proxy says it.
    Required,
    /// Nothing does.
    Off,
}

/// How much a client may ask of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a request's head.
    pub header_size: u64,
    /// Octets of a request's body; `None`: unlimited.
    pub body_size: Option<u64>,
    /// From the first octet of a request's head to its last.
    pub header_timeout: Duration,
    /// How long a connection may be idle between two requests; whole seconds.
    pub idle_timeout: Duration,
    /// After so many requests an HTTP/1 connection is closed.
    pub requests_per_connection: u32,
    /// Octets of a token.
    pub token_size: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_size: 32 * 1024,
            body_size: None,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            requests_per_connection: 1000,
            token_size: 16 * 1024,
        }
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
