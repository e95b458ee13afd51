//! Can a request be hidden from the gateway, or a path be made to look public? Classes 26, 32, 38 and 39 of threats.md.

use std::time::Duration;

use crate::harness::gateway::{PLAIN, run_to_end};
use crate::harness::{Gateway, Issuer, Request, Upstream};

const RULES: &str = r#"
keys: { site: [{ jwks_file: keys.json }] }
realms: { site: { keys: site } }
upstreams: { up: { servers: ["${UPSTREAM}"] } }
locations:
  - { match: { prefix: /public }, access: public, upstream: up }
  - { match: { path: /health }, access: public, upstream: up }
  - { match: { prefix: / }, access: { realm: site }, upstream: up }
"#;

fn open() -> (Gateway, Upstream, Issuer) {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("ES256"));
    let gateway = Gateway::prepare(&format!("{PLAIN}{RULES}"))
        .file("keys.json", issuer.jwks())
        .env("UPSTREAM", upstream.address())
        .start();
    (gateway, upstream, issuer)
}

#[test]
fn class_26_nothing_but_the_normal_path_makes_a_request_public() {
    let (gateway, upstream, _) = open();
    for target in [
        "/admin?x=/public",
        "/admin?/public/../public",
        "/admin#/public",
        "/admin%23/public",
        "/admin%3F/public",
        "/admin;/public",
        "/public/../admin",
        "/public/%2e%2e/admin",
        "/public/./../admin",
        "/public//../../admin",
        "/publicx",
        "/PUBLIC",
        "/Public/x",
        "//admin/public",
        "/health/",
        "/health/x",
        "/healthx",
        "/public%2F..%2Fadmin",
        "/public%5C..%5Cadmin",
        "/public/..;/admin",
        "/public\\..\\admin",
        "http://localhost/admin?http://localhost/public",
        "*",
    ] {
        let answer = gateway.send(&Request::get(target).header("User-Agent", "kube-probe/1.0"));
        assert!([400, 401].contains(&answer.status), "{target}: {}", answer.status);
    }
    for name in ["X-Original-URI", "X-Rewrite-URL", "X-Forwarded-Uri", "X-Original-URL", "X-HTTP-Method-Override"] {
        let answer = gateway.send(&Request::get("/admin").header(name, "/public"));
        assert_eq!(answer.status, 401, "{name}");
    }
    assert!(upstream.received().is_empty());
}

#[test]
fn class_32_what_cannot_be_loaded_admits_nobody() {
    for (name, contents) in [
        ("missing", None),
        ("empty", Some("")),
        ("no keys", Some(r#"{"keys":[]}"#)),
        ("no usable key", Some(r#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}"#)),
        ("an empty secret", Some(r#"{"keys":[{"kty":"oct","k":""}]}"#)),
        ("an unknown kind", Some(r#"{"keys":[{"kty":"PIN","k":"AAAA"}]}"#)),
    ] {
        let mut prepared = Gateway::prepare(&format!("{PLAIN}{RULES}")).env("UPSTREAM", "127.0.0.1:1");
        if let Some(contents) = contents {
            prepared = prepared.file("keys.json", contents);
        }
        let (output, _) = run_to_end(&prepared);
        assert_eq!(output.status.code(), Some(2), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn class_32_what_is_not_said_admits_nobody() {
    for (name, from, to) in [
        ("an unknown algorithm", "keys: site }", "keys: site, algorithms: [RS257] }"),
        ("no algorithm at all", "keys: site }", "keys: site, algorithms: [] }"),
        ("none", "keys: site }", "keys: site, algorithms: [none] }"),
        ("nobody's audience", "keys: site }", "keys: site, audience: [] }"),
        ("no keys", "keys: site }", "keys: [] }"),
        ("an empty list of addresses", "access: public", "access: { ip: [] }"),
        ("an empty tree", "access: public", "access: { any: [] }"),
        ("no access", "access: public, ", ""),
        ("a variable that is not set", "prefix: /public", "prefix: \"/${NOBODY_SETS_THIS}\""),
    ] {
        let issuer = Issuer::of("ES256");
        let rules = RULES.replacen(from, to, 1);
        assert_ne!(rules, RULES, "{name}");
        let prepared = Gateway::prepare(&format!("{PLAIN}{rules}"));
        let prepared = prepared.file("keys.json", issuer.jwks()).env("UPSTREAM", "127.0.0.1:1");
        let (output, _) = run_to_end(&prepared);
        assert_eq!(output.status.code(), Some(2), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// How long another answer is waited for. One that is hidden takes no longer than one that is not.
const PATIENCE: Duration = Duration::from_millis(700);

/// Sends octets and gives the statuses of all answers.
fn statuses(gateway: &Gateway, octets: &str) -> Vec<u16> {
    let mut client = gateway.client();
    client.set_patience(PATIENCE);
    client.send(octets);
    let mut statuses = Vec::new();
    while let Ok(answer) = client.try_answer("GET") {
        statuses.push(answer.status);
    }
    statuses
}

const HIDDEN: &str = "GET /public/hidden HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn a_request_that_hides_nothing_is_answered() {
    let (gateway, upstream, _) = open();
    assert_eq!(statuses(&gateway, HIDDEN), [200], "the tests below would prove nothing");
    assert_eq!(upstream.received().len(), 1);
}

/// Heads and bodies that two readers may end at different places.
fn two_lengths() -> Vec<(&'static str, String, String)> {
    let length = HIDDEN.len();
    let chunks = format!("0\r\n\r\n{HIDDEN}");
    let cases: Vec<(&'static str, String, &str)> = vec![
        ("CL+TE", format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", chunks.len()), &chunks[..]),
        ("TE+CL", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n".to_owned(), &chunks[..]),
        ("CL+CL", format!("Content-Length: 0\r\nContent-Length: {length}\r\n"), HIDDEN),
        ("CL, CL", format!("Content-Length: 0, {length}\r\n"), HIDDEN),
        ("CL +", format!("Content-Length: +{length}\r\n"), HIDDEN),
        ("CL -", "Content-Length: -1\r\n".to_owned(), HIDDEN),
        ("CL hex", "Content-Length: 0x10\r\n".to_owned(), HIDDEN),
        ("TE identity", "Transfer-Encoding: identity\r\n".to_owned(), HIDDEN),
        ("TE unknown", "Transfer-Encoding: xchunked\r\n".to_owned(), &chunks[..]),
        ("TE not last", "Transfer-Encoding: chunked, identity\r\n".to_owned(), &chunks[..]),
        ("TE twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n".to_owned(), &chunks[..]),
        ("TE space", "Transfer-Encoding : chunked\r\n".to_owned(), &chunks[..]),
        ("TE folded", "Transfer-Encoding:\r\n chunked\r\n".to_owned(), &chunks[..]),
    ];
    let owned = cases.into_iter().map(|(name, headers, body)| (name, headers, body.to_owned()));
    owned.collect()
}

#[test]
fn class_38_a_body_with_two_lengths_hides_no_request() {
    let (gateway, upstream, _) = open();
    for (name, headers, body) in two_lengths() {
        let before = upstream.received().len();
        let octets = format!("POST /public/seen HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n{body}");
        let statuses = statuses(&gateway, &octets);
        let received = upstream.received();
        // Refused, or read as one request of one length: what is sent on must not be read in two ways.
        for one in &received[before..] {
            assert!(!one.head.start.contains("hidden"), "{name}: {statuses:?} {:?}", one.head.start);
            let (lengths, codings) = (one.head.values("content-length"), one.head.values("transfer-encoding"));
            assert!(lengths.len() + codings.len() <= 1, "{name}: {lengths:?} and {codings:?} were sent on");
        }
        assert!(statuses.len() <= 1, "{name}: {statuses:?}");
    }
}

#[test]
fn class_38_http_1_0_has_no_chunks() {
    let (gateway, upstream, _) = open();
    let octets = format!(
        "POST /public HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}"
    );
    let statuses = statuses(&gateway, &octets);
    assert!(statuses.len() <= 1, "{statuses:?}");
    assert!(upstream.received().iter().all(|one| !one.head.start.contains("hidden")));
}

#[test]
fn class_38_the_body_of_a_refused_request_is_no_request() {
    let (gateway, upstream, issuer) = open();
    let mut client = gateway.client();
    let refused = client.exchange(&Request::post("/admin", HIDDEN));
    assert_eq!(refused.status, 401);
    let next = client.exchange(&Request::get("/admin").bearer(&issuer.token_of("alice")));
    assert_eq!(next.status, 200);
    let received = upstream.received();
    assert_eq!(received.len(), 1);
    assert!(received[0].head.start.starts_with("GET /admin "));

    // The body comes later, when the refusal was read already.
    let mut client = gateway.client();
    client.send(Request::new("POST", "/admin").header("Content-Length", HIDDEN.len()).octets());
    client.send(HIDDEN);
    assert_eq!(client.answer().status, 401);
    let next = client.exchange(&Request::get("/public/next"));
    assert!(next.text().starts_with("GET /public/next "), "{}", next.text());

    // A chunked body that is broken ends the connection; it does not become a request.
    let broken =
        format!("POST /admin HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{HIDDEN}");
    let statuses = statuses(&gateway, &broken);
    assert!(statuses == [401] || statuses == [400] || statuses.is_empty(), "{statuses:?}");
    assert!(upstream.received().iter().all(|one| !one.head.start.contains("hidden")));
}

#[test]
fn class_38_header_fields_cannot_be_split() {
    let (gateway, upstream, _) = open();
    for field in [
        "X-A: b\rX-User: root",
        "X-A: b\nX-User: root",
        "X-A\u{0}: b",
        "X-A: b\u{0}c",
        "X A: b",
        ": b",
        "X-A",
        " X-A: b",
    ] {
        let octets = format!("GET /public HTTP/1.1\r\nHost: localhost\r\n{field}\r\n\r\n");
        let _ = statuses(&gateway, &octets);
        for one in upstream.received() {
            let text = String::from_utf8_lossy(&one.head.raw).into_owned();
            let bare = text.replace("\r\n", "").contains(['\r', '\n', '\u{0}']);
            assert!(!bare, "{field:?} went on as {text:?}");
        }
    }
}

#[test]
fn class_38_a_version_that_nobody_speaks_reaches_nobody() {
    let (gateway, upstream, _) = open();
    for octets in [
        "GET /public\r\n\r\n",
        "GET /public HTTP/0.9\r\nHost: a\r\n\r\n",
        "GET /public HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET /public HTTP/1.2\r\nHost: a\r\n\r\n",
        "GET  /public HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET public HTTP/1.1\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}",
    ] {
        let statuses = statuses(&gateway, octets);
        assert!(statuses.iter().all(|status| *status >= 400), "{octets:?}: {statuses:?}");
    }
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
}

#[test]
fn class_39_an_upgrade_with_a_bad_token_is_401_and_sends_nothing_on() {
    let (gateway, upstream, _) = open();
    for token in ["", "bad"] {
        let mut client = gateway.client();
        let request = Request::get("/chat")
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", 13)
            .header("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==");
        let request = if token.is_empty() { request } else { request.bearer(token) };
        client.send(request.octets());
        client.send([0x81, 0x80, 0, 0, 0, 0]);
        assert_eq!(client.answer().status, 401);
    }
    assert_eq!(upstream.connections(), 0);
}

#[test]
fn class_38_an_upgrade_that_is_not_taken_hides_no_request() {
    let (gateway, upstream, _) = open();
    let octets = format!(
        "GET /public/up HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\
         GET /admin/hidden HTTP/1.1\r\nHost: localhost\r\n\r\n{HIDDEN}"
    );
    let statuses = statuses(&gateway, &octets);
    let received = upstream.received();
    assert!(received.iter().all(|one| !one.head.start.contains("admin")), "{statuses:?}: {received:?}");
}

#[test]
fn class_38_a_length_that_is_said_twice_goes_nowhere() {
    let (gateway, upstream, _) = open();
    for lengths in ["Content-Length: 2, 2\r\n", "Content-Length: 2\r\nContent-Length: 2\r\n"] {
        let octets = format!("POST /public HTTP/1.1\r\nHost: localhost\r\n{lengths}\r\nok");
        let mut client = gateway.client();
        client.send(octets);
        assert_eq!(client.answer().status, 400, "{lengths}");
    }
    assert_eq!(upstream.connections(), 0);
}
