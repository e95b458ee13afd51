//! What may stand in a configuration file: the only description of its shape.
//!
//! These types hold what the operator wrote, scalars parsed, nothing looked up: names of realms are still names,
//! templates still text. `snapshot/compile.rs` gives them their meaning. A value that a later step may have to
//! complain about carries its place in the file ([`Located`]).
//!
//! A list that must not be empty is empty here only when a problem about it has been reported.

use std::net::SocketAddr;

use super::place::Located;

mod cors;
mod forward_auth;
mod keys;
mod listener;
mod location;
mod process;
mod realm;
mod response;
mod tls;
mod upstream;

pub use cors::{Cors, Credentials, Origins};
pub use forward_auth::{ForwardAuth, OnDenied};
pub use keys::{KeyFile, KeyOrigin, KeySet, KeySource, RemoteKeys, Required, SecretEncoding, WeakKeys};
pub use listener::{Limits, Listener, ProxyProtocol, RedirectToHttps};
pub use location::{
    Access, Action, Basic, CloseAtExpiry, Coding, EncodedSlash, ForwardPassword, Limit, Location, Match, NoToken,
    PathMatch, WebSocket,
};
pub use process::{AccessLog, LogFormat, LogTarget, Process};
pub use realm::{
    Compression, Encryption, Enforcement, ForwardToken, Realm, Requirement, RequirementStatus, TokenKind, TokenSource,
    Uses,
};
pub use response::{Content, CustomResponse, HeaderTemplate, Respond, ResponseBody};
pub use tls::{
    Certificate, CertificateRequirement, CipherPreference, ClientCertificates, ServerCertificate, Tls, TlsVersion,
};
pub use upstream::{
    Balance, Eject, HealthCheck, Probe, Protocol, Role, Server, Timeouts, Upstream, UpstreamTls, VerifyPeer,
};

/// A whole file. A part with a problem is left out or replaced by its default; the problem has been reported.
#[derive(Debug, Default)]
pub struct Config {
    /// Where clients connect.
    pub listeners: Vec<Listener>,
    /// Where Prometheus and probes connect.
    pub admin: Option<Located<SocketAddr>>,
    /// One line per request.
    pub access_log: AccessLog,
    /// What only a restart changes.
    pub process: Process,
    /// Named key sets.
    pub keys: Vec<KeySet>,
    /// Named rules for tokens.
    pub realms: Vec<Realm>,
    /// Named services that are asked who may enter.
    pub forward_auth: Vec<ForwardAuth>,
    /// Named groups of servers.
    pub upstreams: Vec<Upstream>,
    /// Which request goes where, and who may send it.
    pub locations: Vec<Location>,
    /// Headers of every answer of ours and of upstreams.
    pub response_headers: Vec<HeaderTemplate>,
    /// What the gateway's own answers look like.
    pub responses: Vec<CustomResponse>,
}
