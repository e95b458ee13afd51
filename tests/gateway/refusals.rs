//! What does a refused client get? The reason's status, a challenge, nothing more, and its connection back.

use serde_json::{Value, json};

use crate::harness::gateway::PLAIN;
use crate::harness::issuer::{base64url, jwks, now};
use crate::harness::upstream::CLOSED_PORT;
use crate::harness::{Client, Gateway, Issuer, Request, Response, Upstream};

const RULES: &str = r#"
keys: { site: [{ jwks_file: keys.json }] }
realms:
  site:
    keys: site
    challenge: "closed \"site\""
    token: [bearer, { cookie: auth }, { query: token }]
    issuer: https://id.example
    audience: [app]
    token_types: [at+jwt]
    required_claims: [sub]
    max_age: 1h
    require:
      - claims.role == "admin"
      - { check: "claims.level > 3", status: 401 }
    identity_headers: { X-User-ID: "{claims.sub}" }
upstreams:
  app: { servers: ["${UPSTREAM}"] }
  dead: { servers: ["${DEAD}"] }
locations:
  - { match: { prefix: /dead }, access: public, upstream: dead }
  - { match: { prefix: /ip }, access: { ip: [10.0.0.0/8] }, upstream: app }
  - { match: { prefix: /check }, access: { check: 'request.args["a"] == "b"' }, upstream: app }
  - { match: { prefix: /get }, access: public, methods: [GET], upstream: app }
  - match: { prefix: /custom }
    access: { realm: site }
    upstream: app
    responses: { 401: { json: { error: "Invalid or missing token" } } }
  - { match: { prefix: /in }, access: { realm: site }, upstream: app }
  - { match: { prefix: /open }, access: public, upstream: app }
responses: { 403: { html: "<h1>no</h1>" } }
"#;

struct Site {
    gateway: Gateway,
    upstream: Upstream,
    issuer: Issuer,
}

impl Site {
    fn open() -> Self {
        let (upstream, issuer) = (Upstream::echo(), Issuer::of("ES256"));
        let rsa = Issuer::with_kid("RS256", "rsa");
        let gateway = Gateway::prepare(&format!("{PLAIN}{RULES}"))
            .file("keys.json", jwks(&[&issuer, &rsa]))
            .env("UPSTREAM", upstream.address())
            .env("DEAD", CLOSED_PORT)
            .start();
        Self { gateway, upstream, issuer }
    }

    fn good_token(&self) -> String {
        self.token(json!({}), json!({}))
    }

    /// A good token with these members changed; null removes one.
    fn token(&self, header: Value, claims: Value) -> String {
        let good_header = json!({ "alg": "ES256", "kid": "kid-ES256", "typ": "at+jwt" });
        let good_claims = json!({
            "iss": "https://id.example", "aud": "app", "sub": "alice", "iat": now() - 10, "exp": now() + 600,
            "role": "admin", "level": 4,
        });
        let (header, claims) = (changed(good_header, header), changed(good_claims, claims));
        self.issuer.token_with(&header, &claims)
    }
}

fn changed(mut good: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            good.as_object_mut().unwrap().remove(name);
        } else {
            good[name] = value.clone();
        }
    }
    good
}

fn refused(site: &Site, request: &Request, status: u16, reason: &str) -> Response {
    let answer = site.gateway.send(request);
    assert_eq!(answer.status, status, "{reason}: {}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{reason}");
    let line = site.gateway.line_of(&answer);
    assert_eq!(line["auth_reason"], reason);
    assert!(line["subject"].is_null() && line["token_id"].is_null(), "{line}");
    let body = answer.text();
    for secret in ["alice", "id.example", "kid-ES256", "admin", "eyJ"] {
        assert!(!body.contains(secret), "{reason} tells {secret}: {body}");
    }
    answer
}

/// One bad token for each reason, all signed well unless the reason says otherwise.
fn bad_tokens(site: &Site) -> Vec<(&'static str, String)> {
    let header = |changes| site.token(changes, json!({}));
    let claims = |changes| site.token(json!({}), changes);
    let good = site.good_token();
    let (signed, _) = good.rsplit_once('.').unwrap();
    vec![
        ("token_malformed", "rubbish".to_owned()),
        ("token_malformed", String::new()),
        ("token_too_large", "a".repeat(16 * 1024 + 1)),
        ("token_kind", format!("{}.a.b.c.d", base64url(r#"{"alg":"dir","enc":"A256GCM"}"#))),
        ("algorithm_refused", header(json!({ "alg": "none" }))),
        ("algorithm_refused", header(json!({ "alg": "XS256" }))),
        ("critical_header", header(json!({ "crit": ["exp"], "exp": 1 }))),
        ("key_unknown", header(json!({ "kid": "nobody" }))),
        ("signature_invalid", format!("{signed}.{}", base64url([7_u8; 64]))),
        ("claims_malformed", claims(json!({ "exp": "tomorrow" }))),
        ("token_expired", claims(json!({ "exp": now() - 1 }))),
        ("token_not_yet_valid", claims(json!({ "nbf": now() + 600 }))),
        ("token_too_old", claims(json!({ "iat": now() - 4000 }))),
        ("issuer_mismatch", claims(json!({ "iss": "https://id.example/" }))),
        ("audience_mismatch", claims(json!({ "aud": ["apps"] }))),
        ("claim_missing", claims(json!({ "sub": null }))),
        ("claim_unusable", claims(json!({ "sub": "a\u{1}b" }))),
        ("token_type_mismatch", header(json!({ "typ": "JWT" }))),
        ("requirement_failed", claims(json!({ "level": 1 }))),
    ]
}

#[test]
fn every_bad_token_is_401_with_its_reason_and_a_challenge() {
    let site = Site::open();
    for (reason, token) in bad_tokens(&site) {
        let answer = refused(&site, &Request::get("/in").bearer(&token), 401, reason);
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer realm=\"closed \\\"site\\\"\""), "{challenge}");
        assert!(challenge.contains("error=\"invalid_token\""), "{reason}: {challenge}");
    }
    assert!(site.upstream.received().is_empty());
    assert_eq!(site.gateway.send(&Request::get("/in").bearer(&site.good_token())).status, 200);
}

#[test]
fn no_token_is_401_without_an_error_code() {
    let site = Site::open();
    for request in [
        Request::get("/in"),
        Request::get("/in").header("Authorization", "Basic eDp5"),
        Request::get("/in").header("Cookie", "other=1"),
    ] {
        let answer = refused(&site, &request, 401, "token_missing");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"closed \\\"site\\\"\""));
    }
}

#[test]
fn a_failed_requirement_is_403_with_insufficient_scope() {
    let site = Site::open();
    for changes in [json!({ "role": "user" }), json!({ "role": null })] {
        let token = site.token(json!({}), changes);
        let answer = refused(&site, &Request::get("/in").bearer(&token), 403, "requirement_failed");
        assert!(answer.header("www-authenticate").unwrap().contains("error=\"insufficient_scope\""));
        assert_eq!(answer.text(), "<h1>no</h1>");
    }
}

#[test]
fn ambiguous_credentials_are_400() {
    let site = Site::open();
    let (one, other) = (site.good_token(), site.token(json!({}), json!({ "sub": "bob" })));
    for request in [
        Request::get("/in").bearer(&one).bearer(&one),
        Request::get("/in").bearer(&one).header("Cookie", format!("auth={other}")),
        Request::get(&format!("/in?token={other}")).bearer(&one),
        Request::get("/in").header("Cookie", format!("auth={one}; auth={other}")),
        Request::get(&format!("/in?token={one}&token={other}")),
    ] {
        refused(&site, &request, 400, "credentials_ambiguous");
    }
    let same = Request::get(&format!("/in?token={one}")).bearer(&one).header("Cookie", format!("auth={one}"));
    assert_eq!(site.gateway.send(&same).status, 200, "the same token twice is one token");
}

#[test]
fn every_other_reason_has_its_status() {
    let site = Site::open();
    refused(&site, &Request::get("/ip"), 403, "ip_refused");
    refused(&site, &Request::get("/check"), 403, "check_failed");
    refused(&site, &Request::get("/check?a=c"), 403, "check_failed");
    refused(&site, &Request::get("/nowhere"), 404, "no_location");
    refused(&site, &Request::get("/in%00"), 400, "path_refused");
    refused(&site, &Request::get("/in").without_host(), 400, "host_invalid");
    refused(&site, &Request::get("/in").header("X-Long", "x".repeat(40_000)), 431, "headers_too_large");
    refused(&site, &Request::new("PUT", "/get"), 405, "method_refused");
    refused(&site, &Request::get("/dead"), 502, "upstream_unavailable");
}

#[test]
fn clients_that_prefer_json_get_a_problem_document() {
    let site = Site::open();
    for (accept, is_json) in [
        ("application/json", true),
        ("application/problem+json", true),
        ("application/json, text/plain;q=0.5", true),
        ("text/html, application/json;q=0.9", false),
        ("*/*", false),
        ("text/plain", false),
    ] {
        let answer = refused(&site, &Request::get("/in").header("Accept", accept), 401, "token_missing");
        let media_type = answer.header("content-type").unwrap();
        assert_eq!(media_type == "application/problem+json", is_json, "{accept}: {media_type}");
        if is_json {
            assert_eq!((&answer.json()["status"], &answer.json()["reason"]), (&json!(401), &json!("token_missing")));
        } else {
            assert_eq!(answer.text().lines().count(), 1, "{accept}: {}", answer.text());
        }
        assert!(answer.header("vary").unwrap().contains("Accept"));
    }
}

#[test]
fn custom_responses_keep_status_challenge_and_no_store() {
    let site = Site::open();
    let answer = refused(&site, &Request::get("/custom"), 401, "token_missing");
    assert_eq!(answer.json(), json!({ "error": "Invalid or missing token" }));
    assert!(answer.header("content-type").unwrap().starts_with("application/json"));
    assert!(answer.header("www-authenticate").is_some());
}

#[test]
fn head_is_refused_without_a_body() {
    let site = Site::open();
    let mut client = site.gateway.client();
    let answer = client.exchange(&Request::new("HEAD", "/in"));
    assert_eq!((answer.status, answer.body.len()), (401, 0));
    assert_eq!(client.exchange(&Request::get("/in")).status, 401, "the connection is in step");
}

fn still_serves(client: &mut Client, token: &str) {
    let answer = client.exchange(&Request::get("/in").bearer(token));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn t5_a_refusal_keeps_the_connection() {
    let site = Site::open();
    let token = site.good_token();
    let mut client = site.gateway.client();
    for request in [
        Request::get("/in"),
        Request::get("/in").bearer("rubbish"),
        Request::get("/ip"),
        Request::get("/nowhere"),
        Request::get("/in%00"),
        Request::new("PUT", "/get"),
        Request::post("/in", "a body"),
        Request::post("/in", vec![b'x'; 60 * 1024]),
        Request::new("POST", "/in").header("Transfer-Encoding", "chunked").raw_body("5\r\nhello\r\n0\r\n\r\n"),
    ] {
        let answer = client.exchange(&request);
        assert!((400..500).contains(&answer.status), "{}", answer.status);
        still_serves(&mut client, &token);
    }
}

#[test]
fn t5_a_body_of_60_kib_that_comes_after_the_refusal_is_dropped() {
    let site = Site::open();
    let mut client = site.gateway.client();
    let body = vec![b'x'; 60 * 1024];
    client.send(Request::new("POST", "/in").header("Content-Length", body.len()).octets());
    for piece in body.chunks(4096) {
        client.send(piece);
    }
    assert_eq!(client.answer().status, 401);
    still_serves(&mut client, &site.good_token());
}

#[test]
fn t5_a_body_of_1_mib_costs_the_connection() {
    let site = Site::open();
    let mut client = site.gateway.client();
    client.send(Request::new("POST", "/in").header("Content-Length", 1024 * 1024).octets());
    assert_eq!(client.answer().status, 401);
    client.expect_close();

    let mut client = site.gateway.client();
    client.send(Request::new("POST", "/in").header("Transfer-Encoding", "chunked").octets());
    for _ in 0..40 {
        client.send(format!("1000\r\n{}\r\n", "x".repeat(4096)));
    }
    assert_eq!(client.answer().status, 401);
    client.expect_close();
}

#[test]
fn t5_who_expects_100_gets_the_refusal_instead_and_is_closed() {
    let site = Site::open();
    let mut client = site.gateway.client();
    let request = Request::new("POST", "/in").header("Content-Length", 10).header("Expect", "100-continue");
    client.send(request.octets());
    assert!(client.any_head().start.contains(" 401 "), "no 100 comes before the refusal");
    let mut client = site.gateway.client();
    client.send(request.octets());
    assert_eq!(client.answer().status, 401);
    client.expect_close();
}

#[test]
fn who_expects_100_and_is_admitted_gets_it() {
    let site = Site::open();
    let mut client = site.gateway.client();
    let request = Request::new("POST", "/open").header("Content-Length", 4).header("Expect", "100-continue");
    client.send(request.octets());
    assert!(client.any_head().start.contains(" 100 "));
    client.send("body");
    assert_eq!(client.answer().status, 200);
    assert_eq!(site.upstream.last().body, b"body");
}
