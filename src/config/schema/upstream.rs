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
    /// Who is next.
    pub balance: Balance,
    /// What is spoken.
    pub protocol: Protocol,
    /// Whether servers are asked how they are; `None`: they are not.
    pub health_check: Option<HealthCheck>,
    /// Whether servers that fail requests rest; `None`: they do not.
    pub eject: Option<Eject>,
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
        Self {
            name,
            servers: Vec::new(),
            balance: Balance::RoundRobin,
            protocol: Protocol::Http1,
            health_check: None,
            eject: None,
            host: None,
            tls: None,
            timeouts: Timeouts::default(),
            retries: 1,
        }
    }
}

/// One server of an upstream.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: Located<ServerAddress>,
    /// At least 1.
    pub weight: u32,
    /// When it is used.
    pub role: Role,
}

/// `backup`: when a server is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Always.
    Primary,
    /// When no primary one can be.
    Backup,
}

/// `balance`: which server is next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Balance {
    /// One after another, by weight.
    RoundRobin,
    /// Any, by weight.
    Random,
    /// The one with the fewest requests for its weight.
    LeastConnections,
    /// The one that this template's text belongs to.
    Hash(Located<String>),
}

/// `protocol`: what is spoken to servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 over TLS.
    H2,
    /// HTTP/2 in plaintext, with prior knowledge.
    H2c,
}

/// `health_check`: how servers are asked whether they can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is asked.
    pub probe: Probe,
    /// Between two questions.
    pub interval: Duration,
    /// For an answer.
    pub timeout: Duration,
    /// So many good answers in a row make a server healthy.
    pub healthy_after: u32,
    /// So many bad ones make it unhealthy.
    pub unhealthy_after: u32,
}

/// What a server is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// GET of this path: 2xx or 3xx is good.
    Http(String),
    /// A connection.
    Tcp,
}

/// `eject`: servers that fail requests rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Eject {
    /// So many failures in a row
    pub after: u32,
    /// make a server rest for so long.
    pub pause: Duration,
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
