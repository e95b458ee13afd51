//! What does one location do with a request?

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderName, Method};

use super::cors::Cors;
use super::limit::Limit;
use super::response::{Answers, Fixed, ResponseHeaders};
use crate::auth::Gate;
use crate::auth::credential::TokenSource;
use crate::auth::expression::template::Template;
pub use crate::config::schema::{CloseAtExpiry, Coding, WebSocket};

/// A compiled location.
#[derive(Debug)]
pub struct Location {
    /// What logs and metrics call it: its host and path.
    pub name: Arc<str>,
    /// Who may enter.
    pub gate: Gate,
    /// The methods that it takes.
    pub methods: Methods,
    /// What is done with a request that may enter.
    pub action: Action,
    /// Headers set or removed for the upstream.
    pub request_headers: Vec<HeaderEdit>,
    /// Tokens that do not go on to the upstream.
    pub removed_tokens: Vec<TokenRemoval>,
    /// What the matched prefix becomes for the upstream.
    pub replace_prefix: Option<(String, String)>,
    /// Whether an encoded slash may stand in the path.
    pub encoded_slash: EncodedSlash,
    /// Headers set or removed in every response.
    pub response_headers: ResponseHeaders,
    /// Whose pages may ask and read.
    pub cors: Option<Cors>,
    /// How often one caller may ask.
    pub limit: Option<Limit>,
    /// Codings that answers are compressed with.
    pub compress: Vec<Coding>,
    /// Whether WebSockets are opened.
    pub websocket: WebSocket,
    /// Whether a connection outlives the token that opened it.
    pub close_at_expiry: CloseAtExpiry,
    /// The gateway's own answers here.
    pub answers: Answers,
}

/// The methods that a location takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Methods {
    /// All but TRACE and CONNECT.
    Usual,
    /// These, in the order of `Allow`.
    Only(Vec<Method>),
}

/// What `Allow` names where all methods but two are taken.
const USUAL: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

impl Methods {
    /// Whether a method is taken.
    pub fn take(&self, method: &Method) -> bool {
        match self {
            Self::Usual => !matches!(*method, Method::TRACE | Method::CONNECT),
            Self::Only(methods) => methods.contains(method),
        }
    }

    /// What `Allow` names (RFC 9110 §10.2.1).
    pub fn allowed(&self) -> &[Method] {
        match self {
            Self::Usual => &USUAL,
            Self::Only(methods) => methods,
        }
    }
}

/// Whether an encoded slash or backslash may stand in the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodedSlash {
    /// It is refused.
    Refuse,
    /// It stays encoded.
    Keep,
}

/// What is done with a request that may enter.
#[derive(Debug)]
pub enum Action {
    /// It is sent on; the place of the upstream in the snapshot.
    Upstream(usize),
    /// It gets this answer.
    Respond {
        /// The status.
        status: u16,
        /// Media type and octets.
        body: Fixed,
    },
    /// It is sent elsewhere.
    Redirect(Redirect),
    /// It is shown what an upstream would get.
    Echo,
}

/// Sends the client elsewhere.
#[derive(Debug)]
pub struct Redirect {
    /// The status.
    pub status: u16,
    /// Where to.
    pub to: Template,
}

/// Sets a header, or removes it.
#[derive(Debug)]
pub struct HeaderEdit {
    /// Its name.
    pub name: HeaderName,
    /// Its value; `None` removes it.
    pub value: Option<Template>,
}

/// A place that is emptied before a request is sent on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRemoval(pub TokenSource);

impl Location {
    /// The path for the upstream.
    pub fn upstream_path<'p>(&self, path: &'p str) -> Cow<'p, str> {
        match &self.replace_prefix {
            Some((prefix, replacement)) => replaced(path, prefix, replacement).into(),
            None => path.into(),
        }
    }
}

/// `/api/x` with `/api` replaced by `/v2` is `/v2/x`; with `/` it is `/x`. The result starts with one slash.
fn replaced(path: &str, prefix: &str, replacement: &str) -> String {
    let rest = path.strip_prefix(prefix).unwrap_or(path);
    match (replacement.ends_with('/'), rest.strip_prefix('/')) {
        (true, Some(rest)) => format!("{replacement}{rest}"),
        (false, None) if !rest.is_empty() => format!("{replacement}/{rest}"),
        (true | false, _) => format!("{replacement}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_replaced_with_one_slash_between() {
        for (path, prefix, replacement, expected) in [
            ("/api/x", "/api", "/", "/x"),
            ("/api", "/api", "/", "/"),
            ("/api/", "/api", "/", "/"),
            ("/api/x", "/api", "/v2", "/v2/x"),
            ("/api", "/api", "/v2", "/v2"),
            ("/api/x", "/api/", "/", "/x"),
            ("/api/x", "/api/", "/v2", "/v2/x"),
            ("/x", "/", "/v2/", "/v2/x"),
            ("/x", "/", "/v2", "/v2/x"),
        ] {
            assert_eq!(replaced(path, prefix, replacement), expected, "{path} {prefix} {replacement}");
        }
    }
}
