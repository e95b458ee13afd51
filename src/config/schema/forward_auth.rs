//! What may an operator write about services that are asked who may enter?

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};

use super::super::place::Located;
use super::super::value::ServiceUrl;
use super::{HeaderTemplate, UpstreamTls};

/// A service that is asked who may enter.
#[derive(Debug)]
pub struct ForwardAuth {
    /// What locations call it.
    pub name: Located<String>,
    /// Where it is; `None` only after a problem.
    pub url: Option<Located<ServiceUrl>>,
    /// How it is asked.
    pub method: Method,
    /// Headers of the client that it is shown.
    pub send_headers: Vec<HeaderName>,
    /// Sent to the upstream for whom it admits.
    pub identity_headers: Vec<HeaderTemplate>,
    /// Copied from its answer to the client whom it admits.
    pub response_headers: Vec<HeaderName>,
    /// `WWW-Authenticate` where it sends none.
    pub challenge: HeaderValue,
    /// For the whole of a call.
    pub timeout: Duration,
    /// What a client gets that it does not admit.
    pub on_denied: OnDenied,
    /// TLS towards it, besides that its URL says so.
    pub tls: Option<UpstreamTls>,
    /// How long an admission is remembered; `None`: it is not.
    pub cache: Option<Duration>,
}

impl ForwardAuth {
    /// A service with the defaults of the contract, at no place.
    pub fn new(name: Located<String>) -> Self {
        Self {
            name,
            url: None,
            method: Method::GET,
            send_headers: vec![http::header::AUTHORIZATION, http::header::COOKIE],
            identity_headers: Vec::new(),
            response_headers: Vec::new(),
            challenge: HeaderValue::from_static("Bearer"),
            timeout: Duration::from_secs(2),
            on_denied: OnDenied::Status,
            tls: None,
            cache: None,
        }
    }
}

/// `on_denied`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDenied {
    /// The status, challenges and cookies of the service are kept.
    Status,
    /// The whole answer is passed on.
    Response,
}
