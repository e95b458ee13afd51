//! What may an operator write about which request goes where, and who may send it?

use std::path::PathBuf;
use std::time::Duration;

use http::Method;

use super::super::place::{Located, Place};
use super::super::value::{Cidr, HostPattern};
use super::{Cors, CustomResponse, HeaderTemplate, Respond};

/// Which request goes where, and who may send it.
#[derive(Debug)]
pub struct Location {
    /// Where it stands in the file.
    pub place: Place,
    /// Which requests it is for.
    pub matcher: Match,
    /// Who may pass.
    pub access: Access,
    /// `None`: all but TRACE and CONNECT.
    pub methods: Option<Vec<Method>>,
    /// What happens with a request that may pass.
    pub action: Action,
    /// Added to those of the realm.
    pub identity_headers: Vec<HeaderTemplate>,
    /// An empty value removes the header.
    pub request_headers: Vec<HeaderTemplate>,
    /// Headers of every answer; an empty value removes the header.
    pub response_headers: Vec<HeaderTemplate>,
    /// What the matched prefix becomes upstream. Only with [`PathMatch::Prefix`].
    pub replace_prefix: Option<Located<String>>,
    /// What happens with `%2F` and `%5C` in a path.
    pub encoded_slash: EncodedSlash,
    /// Whose pages may ask and read; `None`: the gateway has no word in it.
    pub cors: Option<Cors>,
    /// How often one caller may ask; `None`: as often as it likes.
    pub limit: Option<Limit>,
    /// Codings that answers are compressed with, the first that the client takes; empty: none.
    pub compress: Vec<Coding>,
    /// Whether WebSockets are opened.
    pub websocket: WebSocket,
    /// Whether a connection outlives the token that opened it.
    pub close_at_expiry: CloseAtExpiry,
    /// What the gateway's own answers look like here.
    pub responses: Vec<CustomResponse>,
}

/// A content coding (RFC 9110 §8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// RFC 8878.
    Zstd,
    /// RFC 7932.
    Brotli,
    /// RFC 1952.
    Gzip,
}

/// `websocket`: whether WebSockets are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebSocket {
    /// They are.
    Allow,
    /// They are refused.
    Refuse,
}

/// `close_at_expiry`: whether a WebSocket or a streamed answer ends when the token that opened it expires or is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseAtExpiry {
    /// It ends.
    Yes,
    /// It goes on.
    No,
}

/// How often one caller may ask.
#[derive(Debug)]
pub struct Limit {
    /// Template of who is counted as one.
    pub key: Located<String>,
    /// Requests
    pub requests: u32,
    /// in this time,
    pub per: Duration,
    /// and so many at once.
    pub burst: u32,
}

/// Which requests a location is for.
#[derive(Debug)]
pub struct Match {
    /// Where it stands in the file.
    pub place: Place,
    /// Empty: any host.
    pub hosts: Vec<Located<HostPattern>>,
    /// Name of a listener; `None`: any.
    pub listener: Option<Located<String>>,
    /// Which paths.
    pub path: Located<PathMatch>,
    /// `None`: any method.
    pub methods: Option<Vec<Method>>,
}

impl Match {
    /// A match that was written with a problem, which has been reported.
    pub fn broken(place: Place) -> Self {
        let path = Located::new(PathMatch::Broken, place.clone());
        Self { place, hosts: Vec::new(), listener: None, path, methods: None }
    }
}

/// Which paths a location is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathMatch {
    /// This path and no other.
    Exact(String),
    /// This path and what is below it, in whole segments.
    Prefix(String),
    /// Text of a regular expression, anchored by its author.
    Regex(String),
    /// Written with a problem that has been reported.
    Broken,
}

/// Who may pass.
#[derive(Debug)]
pub enum Access {
    /// Everybody.
    Public,
    /// Whoever the realm admits.
    Realm {
        /// The realm's name.
        name: Located<String>,
        /// What happens without a token.
        no_token: NoToken,
    },
    /// Users who know their password.
    Basic(Basic),
    /// Whom the service of this name admits.
    ForwardAuth(Located<String>),
    /// Whom the stage of this name lets pass.
    Stage(Located<String>),
    /// Clients at these addresses.
    Ip(Vec<Cidr>),
    /// Clients at other addresses.
    NotIp(Vec<Cidr>),
    /// CEL text.
    Check(Located<String>),
    /// Whoever passes every one, left to right. Never empty.
    All(Vec<Access>),
    /// Whoever passes one of them. Never empty.
    Any(Vec<Access>),
    /// Written with a problem that has been reported.
    Broken,
}

/// User names and passwords (RFC 7617).
#[derive(Debug)]
pub struct Basic {
    /// A file as `htpasswd` writes it.
    pub users: Located<PathBuf>,
    /// Template of the realm text.
    pub challenge: Option<Located<String>>,
    /// Whether the upstream gets the password.
    pub forward_password: ForwardPassword,
}

/// `forward_password`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardPassword {
    /// It goes no further.
    No,
    /// It is sent on.
    Yes,
}

/// What a realm does with a request that carries no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoToken {
    /// Refuses it.
    Refuse,
    /// `optional: true`
    PassWithoutIdentity,
}

/// What a location does with a request that may pass.
#[derive(Debug)]
pub enum Action {
    /// Sends it to the upstream of this name.
    Upstream(Located<String>),
    /// Answers it.
    Respond(Respond),
    /// Sends the client elsewhere.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// Template of `Location` (RFC 9110 §10.2.2).
        to: Located<String>,
    },
    /// Answer with what an upstream would get.
    Echo,
    /// Written with a problem that has been reported.
    Broken,
}

/// `encoded_slash`: what happens with `%2F` and `%5C` in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodedSlash {
    /// The request is refused.
    Refuse,
    /// They stay as they are, never decoded.
    Keep,
}
