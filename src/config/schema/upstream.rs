//! What may an operator write about the servers that requests are sent on to?

use std::path::PathBuf;
use std::time::Duration;

use super::super::place::{Located, Place};
use super::super::value::ServerAddress;
use super::Certificate;

/// A named group of servers.
#[derive(Debug)]
pub struct Upstream {
    /// What locations call it.
    pub name: Located<String>,
    /// Requests are spread over them.
    pub servers: Vec<Server>,
    /// `Host` sent; `None`: the client's.
    pub host: Option<Located<String>>,
    /// `None`: plain text.
    pub tls: Option<UpstreamTls>,
    /// How long each step may take.
    pub timeouts: Timeouts,
    /// Other servers tried when nothing of the request has been processed.
    pub retries: usize,
}

impl Upstream {
    /// An upstream with the defaults of the contract, without servers.
    pub fn new(name: Located<String>) -> Self {
        Self { name, servers: Vec::new(), host: None, tls: None, timeouts: Timeouts::default(), retries: 1 }
    }
}

/// One server of an upstream.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: Located<ServerAddress>,
    /// At least 1.
    pub weight: u32,
}

/// TLS towards a server.
#[derive(Debug)]
pub struct UpstreamTls {
    /// Where it stands in the file.
    pub place: Place,
    /// `None`: the upstream's `host`, else the server's host name; an IP address has none, which is an error of compile.rs.
    pub server_name: Option<Located<String>>,
    /// PEM of the authorities trusted; `None`: those of the system.
    pub ca: Option<Located<PathBuf>>,
    /// Whether the server's certificate is checked.
    pub verify: VerifyPeer,
    /// Client certificate and its key.
    pub client: Option<Certificate>,
}

/// `verify`: whether the server's certificate is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyPeer {
    /// Chain and name are.
    Yes,
    /// Nothing is.
    No,
}

/// How long each step towards a server may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands, TLS included.
    pub connect: Duration,
    /// Between two reads.
    pub read: Duration,
    /// Between two writes.
    pub write: Duration,
    /// How long an idle connection is kept for the next request.
    pub idle: Duration,
    /// How long a WebSocket may be silent.
    pub websocket_idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self { connect: Duration::from_secs(2), read: minute, write: minute, idle: minute, websocket_idle: 60 * minute }
    }
}
