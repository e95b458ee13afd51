//! What does a whole decision cost, without a socket? From the head of a request to a grant or a refusal.

#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros; a benchmark that cannot start must fail")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::Method;
use http::request::Parts;
use portcullis::auth::realm::{CacheObserver, Lookup};
use portcullis::auth::stage::Stages;
use portcullis::auth::trace::NoTrace;
use portcullis::auth::{Decision, Request, Scheme};
use portcullis::cli::token::signing_key;
use portcullis::jose::JwsAlgorithm;
use portcullis::route::Found;
use portcullis::snapshot::{Environment, Snapshot, compile};
use serde_json::json;

#[derive(Debug)]
struct Nobody;

impl CacheObserver for Nobody {
    fn looked_up(&self, _: &str, _: Lookup) {}
}

/// A realm for RS256 with issuer, audience, required claims and one identity header.
fn snapshot(jwk: &serde_json::Value, cached_tokens: usize) -> Snapshot {
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
        &Environment { previous: None, observer: Arc::new(Nobody), stages: &Stages::default(), now: SystemTime::now() },
    );
    compiled.snapshot.unwrap()
}

fn head(path: &str, token: Option<&str>) -> Parts {
    let mut request = http::Request::builder().uri(path).header("host", "example.com").header("accept", "*/*");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(()).unwrap().into_parts().0
}

/// Routes and decides, as `gateway/judge.rs` does.
fn decide(snapshot: &Snapshot, head: &Parts) -> Decision {
    let path = head.uri.path();
    let now = SystemTime::now();
    let client = Some(std::net::IpAddr::from([127, 0, 0, 1]));
    let request = Request {
        head,
        path,
        query: None,
        host: "example.com",
        scheme: Scheme::Http,
        client,
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

fn decisions(criterion: &mut Criterion) {
    let key = signing_key::generate(JwsAlgorithm::Rs256, "k").unwrap();
    let snapshot = snapshot(&key.jwk, 65_536);
    let mint = |number: u64| {
        let claims = json!({ "iss": "i", "aud": "a", "sub": "alice", "exp": 4_102_444_800_u64, "n": number });
        signing_key::sign(JwsAlgorithm::Rs256, Some("k"), key.private.as_bytes(), &claims.to_string()).unwrap()
    };
    let good = head("/x", Some(&mint(0)));
    let public = head("/public/x", None);
    let none = head("/x", None);
    let garbage = head("/x", Some("garbage"));
    let expired = json!({ "iss": "i", "aud": "a", "sub": "alice", "exp": 1 });
    let expired =
        signing_key::sign(JwsAlgorithm::Rs256, Some("k"), key.private.as_bytes(), &expired.to_string()).unwrap();
    let expired = head("/x", Some(&expired));

    let mut group = criterion.benchmark_group("decide");
    for (name, head) in [
        ("public", public),
        ("hit", good),
        ("refused, no token", none),
        ("refused, garbage", garbage),
        ("refused, expired", expired),
    ] {
        group.bench_function(name, |bencher| bencher.iter(|| decide(&snapshot, black_box(&head))));
    }
    let without_cache = self::snapshot(&key.jwk, 0);
    let mut tokens = (1..=1000).map(mint).map(|token| head("/x", Some(&token))).collect::<Vec<_>>().into_iter().cycle();
    group.bench_function("miss (RS256)", |bencher| {
        bencher.iter_batched(|| tokens.next().unwrap(), |head| decide(&without_cache, &head), BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, decisions);
criterion_main!(benches);
