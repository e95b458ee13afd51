//! How is a decision made without a socket? One realm, one public location, and a clock that the caller has.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use http::Method;
use http::request::Parts;
use portcullis::auth::realm::{CacheObserver, Lookup};
use portcullis::auth::stage::Stages;
use portcullis::auth::trace::NoTrace;
use portcullis::auth::{Decision, Request, Scheme};
use portcullis::route::Found;
use portcullis::snapshot::{Environment, Snapshot, compile};

#[derive(Debug)]
struct Nobody;

impl CacheObserver for Nobody {
    fn looked_up(&self, _: &str, _: Lookup) {}
}

/// A realm for the algorithm of a key, with issuer, audience, required claims and one identity header.
pub fn snapshot(jwk: &serde_json::Value, cached_tokens: usize, now: SystemTime) -> Snapshot {
    let text = format!(
        "listeners: [{{ address: 127.0.0.1:80 }}]
keys: {{ k: [{{ jwks: {{ keys: [{jwk}] }} }}] }}
realms:
  r:
    keys: k
    issuer: i
    audience: a
    required_claims: [sub, exp]
    identity_headers: {{ X-User-ID: \"{{claims.sub}}\" }}
    cache: {{ entries: {cached_tokens} }}
locations:
  - {{ match: {{ prefix: /public }}, access: public, echo: true }}
  - {{ match: {{ prefix: / }}, access: {{ realm: r }}, echo: true }}
"
    );
    let read = portcullis::config::parse(&text, Path::new(""), &|_| None);
    assert!(read.problems.is_empty(), "{:?}", read.problems);
    let compiled = compile(
        &read.config,
        &Environment { previous: None, observer: Arc::new(Nobody), stages: &Stages::default(), now },
    );
    compiled.snapshot.unwrap()
}

/// The head of a request.
pub fn head(path: &str, token: Option<&str>) -> Parts {
    let mut request = http::Request::builder().uri(path).header("host", "example.com").header("accept", "*/*");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(()).unwrap().into_parts().0
}

/// Routes and decides, as `gateway/judge.rs` does.
pub fn decide(snapshot: &Snapshot, head: &Parts, now: SystemTime) -> Decision {
    let path = head.uri.path();
    let request = Request {
        head,
        path,
        query: None,
        host: "example.com",
        scheme: Scheme::Http,
        client: Some(IpAddr::from([127, 0, 0, 1])),
        certificate: None,
        largest_token: 16 * 1024,
        now,
        answered: &[],
    };
    match snapshot.routes.find(0, "example.com", path, &Method::GET) {
        Found::Target(location) => location.gate.decide(&request, &mut NoTrace),
        Found::MethodRefused(_) | Found::Nothing => unreachable!("every path has a location"),
    }
}
