//! What is known of an upstream before anybody connects to it?

use std::time::Duration;

use crate::config::schema::{Balance, Eject, HealthCheck, Protocol, Role};
use crate::config::value::ServerAddress;

/// A group of servers, ready to be connected to. Two that are equal can share everything that was learnt of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamSpec {
    /// Its name in the configuration.
    pub name: String,
    /// At least one.
    pub servers: Vec<ServerSpec>,
    /// Who is next.
    pub balance: Balance,
    /// What is spoken.
    pub protocol: Protocol,
    /// How servers are asked whether they can be used.
    pub health_check: Option<HealthCheck>,
    /// Whether servers that fail rest.
    pub eject: Option<Eject>,
    /// `Host` sent; `None`: the client's.
    pub host: Option<String>,
    /// How TLS is spoken; `None`: plaintext.
    pub tls: Option<TlsSpec>,
    /// Until a connection stands.
    pub connect_timeout: Duration,
    /// Between two reads.
    pub read_timeout: Duration,
    /// Between two writes.
    pub write_timeout: Duration,
    /// How long an idle connection is kept.
    pub idle_timeout: Duration,
    /// How long a WebSocket may be silent.
    pub websocket_idle: Duration,
    /// How many other servers are tried.
    pub retries: usize,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSpec {
    /// Where it listens.
    pub address: ServerAddress,
    /// Its share, at least 1.
    pub weight: u32,
    /// When it is used.
    pub role: Role,
    /// The name that its certificate is checked for; empty without TLS.
    pub server_name: String,
}

/// How TLS is spoken to the servers of an upstream.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsSpec {
    /// PEM of the authorities trusted; `None`: those of the system.
    pub ca: Option<Vec<u8>>,
    /// Whether the server is checked.
    pub verify: crate::config::schema::VerifyPeer,
    /// What we show.
    pub client: Option<ClientIdentity>,
}

/// A client certificate with its key.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// PEM of the certificate and its chain.
    pub certificate: Vec<u8>,
    /// PEM of the private key.
    pub key: crate::config::Secret,
}

impl std::fmt::Debug for TlsSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsSpec").field("verify", &self.verify).finish_non_exhaustive()
    }
}
