//! Does a streamed answer end with its token, where its location says so?

use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::harness::{Gateway, Issuer, Request, Upstream, wait};

struct Site {
    gateway: Gateway,
    chunks: std::sync::mpsc::Sender<Vec<u8>>,
    issuer: Issuer,
    _upstream: Upstream,
}

impl Site {
    fn open() -> Self {
        let (upstream, chunks) = Upstream::drip();
        Self::before(upstream, chunks)
    }

    fn before(upstream: Upstream, chunks: std::sync::mpsc::Sender<Vec<u8>>) -> Self {
        let issuer = Issuer::of("ES256");
        let gateway = Gateway::prepare(
            "listeners: [{ address: '127.0.0.1:0', http2: true }]\nadmin: { address: '127.0.0.1:0' }\n\
             keys: { site: [{ jwks_file: keys.json }] }\n\
             realms: { site: { keys: site, revoked: { file: revoked.yaml } }, shadow: { keys: site, shadow: true } }\n\
             upstreams: { app: { servers: [\"${UPSTREAM}\"] } }\n\
             locations:\n\
             \x20 - { match: { prefix: /shadow }, access: { realm: shadow }, upstream: app, close_at_expiry: true }\n\
             \x20 - { match: { prefix: /goes-on }, access: { realm: site }, upstream: app }\n\
             \x20 - { match: { prefix: / }, access: { realm: site }, upstream: app, close_at_expiry: true }\n",
        )
        .file("keys.json", issuer.jwks())
        .file("revoked.yaml", "sub: []")
        .env("UPSTREAM", upstream.address())
        .start();
        Self { gateway, chunks, issuer, _upstream: upstream }
    }

    fn token_for(&self, seconds: u64) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        self.issuer.token(&json!({ "sub": "alice", "jti": "one", "exp": now + seconds }))
    }

    /// Sends chunks until the stream ends, or until it is long enough; whether it was cut.
    fn stream(&self, path: &str, seconds: u64) -> bool {
        let mut client = self.gateway.client();
        client.send(Request::get(path).bearer(&self.token_for(seconds)).octets());
        self.chunks.send(b"first".to_vec()).unwrap();
        let head = client.head().unwrap();
        assert!(head.start.contains("200"));
        let mut arrived = 0;
        let ended = client.body(&head, |piece| {
            arrived += piece.len();
            wait::until("a moment has passed", {
                let began = std::time::Instant::now();
                move || (began.elapsed() > Duration::from_millis(200)).then_some(())
            });
            if arrived < 200 {
                self.chunks.send(b"another one".to_vec()).unwrap();
            } else {
                self.chunks.send(Vec::new()).unwrap();
            }
        });
        ended.is_err()
    }
}

#[test]
fn a_stream_ends_with_its_token_and_goes_on_where_nobody_says_so() {
    let site = Site::open();
    assert!(site.stream("/", 2), "it was cut");
    let metrics = site.gateway.metrics();
    assert_eq!(metrics.sum("portcullis_ended_with_token_total", &["token_expired"]), 1.0);
    assert_eq!(metrics.sum("portcullis_upstream_failures_total", &[]), 0.0, "it is no fault of the upstream");
    let other = Site::open();
    assert!(!other.stream("/goes-on", 2), "it was whole");
}

#[test]
fn a_stream_in_which_nothing_comes_ends_as_well() {
    let site = Site::open();
    let mut client = site.gateway.client();
    client.send(Request::get("/").bearer(&site.token_for(2)).octets());
    site.chunks.send(b"first".to_vec()).unwrap();
    let head = client.head().unwrap();
    assert!(client.body(&head, |_| {}).is_err());
    let told = site.gateway.log.find(0, "that says why", |line| line.contains("token_expired").then_some(()));
    assert!(told.is_some());
}

#[test]
fn over_http2_only_the_stream_ends() {
    let site = Site::open();
    let url = format!("http://{}/", site.gateway.address());
    let bearer = format!("Authorization: Bearer {}", site.token_for(2));
    site.chunks.send(b"first".to_vec()).unwrap();
    let said = Command::new("curl")
        .args(["--silent", "--show-error", "--http2-prior-knowledge", "--max-time", "20", "-H", &bearer, &url])
        .output()
        .unwrap();
    assert!(!said.status.success());
    let complaint = String::from_utf8_lossy(&said.stderr);
    assert!(complaint.contains("HTTP/2 stream"), "{complaint}");
}

#[test]
fn nothing_passes_once_its_token_is_called_back() {
    let site = Site::open();
    let mut client = site.gateway.client();
    client.send(Request::get("/").bearer(&site.token_for(600)).octets());
    site.chunks.send(b"first".to_vec()).unwrap();
    let head = client.head().unwrap();
    site.gateway.write("revoked.yaml", "jti: [one]");
    wait::until("the list is read", || site.gateway.log.text().contains("they changed and are in use").then_some(()));
    site.chunks.send(b"secret".to_vec()).unwrap();
    let mut heard = Vec::new();
    assert!(client.body(&head, |piece| heard.extend_from_slice(piece)).is_err());
    assert!(!String::from_utf8_lossy(&heard).contains("secret"));
}

#[test]
fn an_answer_that_does_not_begin_before_its_token_ends_is_refused_for_that() {
    let (upstream, gate) = Upstream::held();
    let site = Site::before(upstream, std::sync::mpsc::channel().0);
    let mut client = site.gateway.client();
    let answer = client.exchange(&Request::get("/").bearer(&site.token_for(2)));
    assert_eq!((answer.status, site.gateway.reason_of(&answer).as_str()), (401, "token_expired"));
    assert!(answer.header("www-authenticate").unwrap().contains("invalid_token"));
    gate.open();
}

#[test]
fn a_realm_in_shadow_ends_nothing() {
    let site = Site::open();
    assert!(!site.stream("/shadow", 2), "it was whole");
    assert_eq!(site.gateway.metrics().sum("portcullis_upstream_failures_total", &[]), 0.0);
}
