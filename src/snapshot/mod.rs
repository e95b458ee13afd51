//! What does the process run? One immutable value, loaded once per request.

mod compile;
mod cors;
mod limit;
mod location;
mod response;
mod upstream;

use std::collections::HashSet;
use std::sync::Arc;

use ipnet::IpNet;

use crate::auth::credential::TokenNames;
use crate::auth::expression::template::Template;
use crate::auth::passwords::Users;
use crate::auth::realm::Realm;
pub use crate::config::schema::{Limits, ProxyProtocol};
use crate::keys::{KeySource, PerRequestSource};
use crate::route::RouteTable;

pub use compile::{Compiled, Environment, compile, key_source_name};
pub use cors::{Cors, Credentials, Origins};
pub use limit::{Allowance, Counts, Limit, Rate};
pub use location::{
    Action, CloseAtExpiry, Coding, EncodedSlash, HeaderEdit, Location, Methods, Redirect, TokenRemoval, WebSocket,
};
pub use response::{Answers, CustomAnswer, Fixed, ResponseHeaders};
pub use upstream::{ClientIdentity, ServerSpec, TlsSpec, UpstreamSpec};

/// Everything that a request is judged and served by. It never changes; a reload makes another one.
#[derive(Debug)]
pub struct Snapshot {
    /// Where clients connect.
    pub listeners: Vec<Listener>,
    /// Which request goes where.
    pub routes: RouteTable<Arc<Location>>,
    /// Headers that no client may send.
    pub identity_names: IdentityNames,
    /// What no log may show.
    pub secrets: TokenNames,
    /// What requests are sent on to, and the servers of services; locations and services name them by place.
    pub upstreams: Vec<Arc<UpstreamSpec>>,
    /// What requests are told apart by where an upstream is balanced by hash, by the place of the upstream.
    pub balance_keys: Vec<Option<Template>>,
    /// Answers of the gateway where no location is known.
    pub answers: Answers,
    /// Response headers where no location is known.
    pub response_headers: ResponseHeaders,
    /// Every realm of the file.
    pub realms: Vec<Arc<Realm>>,
    /// What is to be read again when its file changes.
    pub key_sources: Vec<Arc<KeySource>>,
    /// Users with passwords, which are read again when their file changes.
    pub users: Vec<Arc<Users>>,
    /// Keys that requests name.
    pub per_request_sources: Vec<Arc<PerRequestSource>>,
    /// What was counted for limits.
    pub counts: Vec<Arc<Counts>>,
    /// What a line of the access log looks like.
    pub log_format: LogFormat,
}

/// What requests of one listener meet before anything else.
#[derive(Debug)]
pub struct Listener {
    /// `redirect_to_https`.
    pub redirect: Option<RedirectToHttps>,
    /// Whose word of who came before is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether a PROXY header stands before everything else.
    pub proxy_protocol: ProxyProtocol,
    /// How much a client may ask.
    pub limits: Limits,
}

/// Sends clients to the same place over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectToHttps {
    /// The status of the redirect.
    pub status: u16,
    /// The port to go to; 443 is not written.
    pub port: u16,
    /// Normal path prefixes that are served in plaintext.
    pub except: Vec<String>,
}

/// What a line of the access log looks like.
#[derive(Debug)]
pub enum LogFormat {
    /// One JSON object.
    Json,
    /// A template.
    Template(Template),
}

/// The names of identity headers of the whole file: no client may send one, in no spelling.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct IdentityNames {
    names: HashSet<String>,
    lengths: u64,
}

impl IdentityNames {
    /// Takes the names, in lower case.
    pub fn new<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        let names: HashSet<String> = names.map(canonical).collect();
        let lengths = names.iter().fold(0, |lengths, name| lengths | length_bit(name));
        Self { names, lengths }
    }

    /// Whether a header name is one of them to any reader: case does not count, and `_` is `-` behind CGI and WSGI.
    pub fn contains(&self, name: &str) -> bool {
        // Most names differ in length already from all that are looked for, and cost nothing.
        self.lengths & length_bit(name) != 0 && self.names.contains(&canonical(name))
    }
}

/// The one spelling of a header name that all readers of it share.
fn canonical(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

fn length_bit(name: &str) -> u64 {
    1 << (name.len() % 64)
}
