//! Can a client say who it is? Never: the identity-header firewall (classes 23, 24 and 28 of threats.md).

use serde_json::json;

use crate::harness::certificates::Certificate;
use crate::harness::curl::curl;
use crate::harness::gateway::{PLAIN, Prepared};
use crate::harness::{Gateway, Issuer, Request, Upstream};

const RULES: &str = r#"
keys: { site: [{ jwks_file: keys.json }] }
realms:
  site: { keys: site, identity_headers: { X-User-ID: "{claims.sub}", X-Mail: "{claims.mail}" } }
upstreams: { app: { servers: ["${UPSTREAM}"] } }
locations:
  - { match: { prefix: /public }, access: public, upstream: app }
  - { match: { prefix: /optional }, access: { realm: site, optional: true }, upstream: app }
  - match: { prefix: /any }
    access: { any: [{ ip: [127.0.0.0/8] }, { realm: site }] }
    upstream: app
  - { match: { prefix: /team }, access: public, upstream: app, identity_headers: { X-Team: "{request.method}" } }
  - { match: { prefix: /echo }, access: public, echo: true }
  - { match: { prefix: / }, access: { realm: site }, upstream: app }
"#;

/// Every spelling that some application would read as X-User-ID.
const SPELLINGS: [&str; 10] = [
    "X-User-ID",
    "x-user-id",
    "X-USER-ID",
    "x_user_id",
    "X_User_ID",
    "X-User_Id",
    "x-User_ID",
    "x_user-id",
    "X_USER-ID",
    "X-UsEr-iD",
];

fn firewall(listeners: &str, upstream: &Upstream, issuer: &Issuer) -> Prepared {
    Gateway::prepare(&format!("{listeners}{RULES}"))
        .file("keys.json", issuer.jwks())
        .env("UPSTREAM", upstream.address())
}

fn spoofed(path: &str, spelling: &str) -> Request {
    Request::get(path).header(spelling, "root")
}

#[test]
fn class_23_no_spelling_of_an_identity_header_passes_on_any_location_without_identity() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("ES256"));
    let gateway = firewall(PLAIN, &upstream, &issuer).start();
    let mut client = gateway.client();
    for path in ["/public", "/optional", "/any", "/team"] {
        for spelling in SPELLINGS {
            let once = spoofed(path, spelling);
            let twice = spoofed(path, spelling).header(spelling, "root");
            let mixed = spoofed(path, "X-User-ID").header(spelling, "root").header("X_User_ID", "");
            for request in [once, twice, mixed] {
                assert_eq!(client.exchange(&request).status, 200, "{path} {spelling}");
                let seen = upstream.last().head;
                assert!(seen.lookalikes("x-user-id").is_empty(), "{path} {spelling}: {seen:?}");
            }
        }
    }
}

#[test]
fn class_23_only_the_verified_identity_arrives_where_a_token_is_given() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("ES256"));
    let gateway = firewall(PLAIN, &upstream, &issuer).start();
    let token = issuer.token_of("alice");
    let mut client = gateway.client();
    for path in ["/", "/optional"] {
        for spelling in SPELLINGS {
            let before = spoofed(path, spelling).bearer(&token);
            let after = Request::get(path).bearer(&token).header(spelling, "root").header(spelling, "root");
            for request in [before, after] {
                assert_eq!(client.exchange(&request).status, 200);
                assert_eq!(upstream.last().head.lookalikes("x-user-id"), ["alice"], "{path} {spelling}");
            }
        }
    }
}

#[test]
fn class_23_a_claim_that_is_absent_leaves_no_room_for_the_client_s_header() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("ES256"));
    let gateway = firewall(PLAIN, &upstream, &issuer).start();
    for claims in [json!({ "sub": "alice" }), json!({ "sub": "alice", "mail": null })] {
        let request = Request::get("/").bearer(&issuer.token(&claims));
        let request = request.header("X-Mail", "root@localhost").header("x_mail", "root@localhost");
        assert_eq!(gateway.send(&request).status, 200);
        assert!(upstream.last().head.lookalikes("x-mail").is_empty());
    }
}

#[test]
fn class_23_identity_headers_of_one_location_are_stripped_on_every_other() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("ES256"));
    let gateway = firewall(PLAIN, &upstream, &issuer).start();
    gateway.send(&Request::get("/public").header("X-Team", "root").header("x_team", "root"));
    assert!(upstream.last().head.lookalikes("x-team").is_empty());
    gateway.send(&Request::get("/team").header("X-Team", "root").header("x_team", "root"));
    assert_eq!(upstream.last().head.lookalikes("x-team"), ["GET"]);
}

#[test]
fn class_23_a_trailer_cannot_carry_an_identity() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("ES256"));
    let gateway = firewall(PLAIN, &upstream, &issuer).start();
    let token = issuer.token_of("alice");
    for (path, bearer) in [("/public", None), ("/", Some(&token))] {
        for spelling in SPELLINGS {
            let body = format!("5\r\nhello\r\n0\r\n{spelling}: root\r\n\r\n");
            let request = Request::new("POST", path)
                .header("Transfer-Encoding", "chunked")
                .header("Trailer", spelling)
                .raw_body(body);
            let request = bearer.map_or(request.clone(), |token| request.bearer(token));
            // A connection each: what the gateway makes of trailers must not decide over the next request.
            assert_eq!(gateway.send(&request).status, 200, "{spelling}");
            let seen = upstream.last();
            assert_eq!(seen.body, b"hello");
            assert!(seen.trailers.fields.is_empty(), "{spelling}: {:?}", seen.trailers);
            let verified: &[&str] = if bearer.is_some() { &["alice"] } else { &[] };
            assert_eq!(seen.head.lookalikes("x-user-id"), verified);
        }
    }
}

#[test]
fn class_24_connection_cannot_take_the_verified_identity_away() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("ES256"));
    let gateway = firewall(PLAIN, &upstream, &issuer).start();
    let token = issuer.token_of("alice");
    for connection in
        ["X-User-ID", "close, X-User-ID", "keep-alive, x-user-id", "X_User_ID", "x-user-id, X-USER-ID,x-user-id"]
    {
        for spoof in [None, Some("X-User-ID"), Some("x_user_id")] {
            let request = Request::get("/").bearer(&token).header("Connection", connection);
            let request = spoof.map_or(request.clone(), |spelling| request.header(spelling, "root"));
            assert_eq!(gateway.send(&request).status, 200, "{connection}");
            assert_eq!(upstream.last().head.lookalikes("x-user-id"), ["alice"], "{connection}");
        }
    }
}

#[test]
fn class_24_connection_cannot_take_away_what_the_gateway_says_of_the_client() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("ES256"));
    let gateway = firewall(PLAIN, &upstream, &issuer).start();
    let request = Request::get("/public").header("Connection", "X-Real-IP, X-Request-ID");
    let answer = gateway.send(&request);
    // Refusing such a request is as good as ignoring the nomination.
    if answer.status == 200 {
        let seen = upstream.last().head;
        assert_eq!(seen.value("x-real-ip"), Some("127.0.0.1"));
        assert!(seen.value("x-request-id").is_some());
    } else {
        assert_eq!(answer.status, 400);
    }
}

#[test]
fn class_23_http_2_in_plaintext_is_no_way_round() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("ES256"));
    let listeners = "listeners: [{ address: \"127.0.0.1:0\", http2: true }]\n";
    let gateway = firewall(listeners, &upstream, &issuer).start();
    let url = format!("http://{}", gateway.address());
    no_spelling_passes(&upstream, &issuer, &url, "--http2-prior-knowledge");
}

#[test]
fn class_23_http_2_over_tls_is_no_way_round() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("ES256"));
    let listeners = "listeners: [{ address: \"127.0.0.1:0\", \
                     tls: { certificates: [{ certificate: server.crt, key: server.key }] } }]\n";
    let certificate = Certificate::authority("test").vouch_for("localhost");
    let gateway = firewall(listeners, &upstream, &issuer)
        .file("server.crt", certificate.pem())
        .file("server.key", certificate.key_pem())
        .start();
    let url = format!("https://localhost:{}", gateway.address().port());
    no_spelling_passes(&upstream, &issuer, &url, "--http2");
}

fn no_spelling_passes(upstream: &Upstream, issuer: &Issuer, url: &str, version: &str) {
    let bearer = format!("Authorization: Bearer {}", issuer.token_of("alice"));
    for spelling in SPELLINGS {
        let spoof = format!("{spelling}: root");
        for path in ["/public", "/optional", "/any", "/team"] {
            let answer = curl(&[version, "-H", &spoof, "-H", "x_user_id: root", &format!("{url}{path}")]);
            assert_eq!((answer.status, answer.version.as_str()), (200, "2"));
            assert!(upstream.last().head.lookalikes("x-user-id").is_empty(), "{path} {spelling}");
        }
        let answer = curl(&[version, "-H", &spoof, "-H", &bearer, "-H", &spoof, &format!("{url}/")]);
        assert_eq!((answer.status, answer.version.as_str()), (200, "2"));
        assert!(!answer.body.contains("root"), "{}", answer.body);
        assert_eq!(upstream.last().head.lookalikes("x-user-id"), ["alice"], "{spelling}");
    }
}

#[test]
fn class_23_echo_shows_no_client_s_identity_either() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("ES256"));
    let gateway = firewall(PLAIN, &upstream, &issuer).start();
    for spelling in SPELLINGS {
        let answer = gateway.send(&spoofed("/echo", spelling));
        assert!(!answer.text().contains("root"), "{}", answer.text());
    }
}

#[test]
fn class_23_expressions_see_no_client_s_identity() {
    let yaml = format!(
        "{PLAIN}{RULES}\n  - {{ match: {{ path: /see }}, access: public, \
         respond: {{ status: 200, text: seen }}, response_headers: {{ X-Seen: '{{request.headers[\"x-user-id\"]}}' }} }}\n"
    );
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("ES256"));
    let gateway = Gateway::prepare(&yaml).file("keys.json", issuer.jwks()).env("UPSTREAM", upstream.address()).start();
    let answer = gateway.send(&spoofed("/see", "X-User-ID"));
    assert_eq!((answer.status, answer.header("x-seen")), (200, None));
}

#[test]
fn class_28_of_two_credentials_none_is_chosen() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("ES256"));
    let gateway = firewall(PLAIN, &upstream, &issuer).start();
    let (alice, bob) = (issuer.token_of("alice"), issuer.token_of("bob"));
    for (first, second) in [
        (format!("Bearer {alice}"), format!("Bearer {bob}")),
        (format!("Bearer {alice}"), format!("Bearer {alice}")),
        (format!("Bearer {alice}"), "Basic eDp5".to_owned()),
        ("Basic eDp5".to_owned(), format!("Bearer {alice}")),
    ] {
        for path in ["/", "/optional"] {
            let request = Request::get(path).header("Authorization", &first).header("authorization", &second);
            let answer = gateway.send(&request);
            assert_eq!(answer.status, 400, "{path} {first} {second}");
            assert_eq!(gateway.reason_of(&answer), "credentials_ambiguous");
        }
    }
    assert!(upstream.received().is_empty());
}
