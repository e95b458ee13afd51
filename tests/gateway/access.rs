//! Who may pass where several rules stand together? Trees of access, over the wire.

use crate::harness::gateway::PLAIN;
use crate::harness::issuer::jwks;
use crate::harness::{Gateway, Issuer, Request, Response};

const RULES: &str = r#"
keys: { one: [{ jwks_file: one.json }], two: [{ jwks_file: two.json }], all: [{ jwks_file: all.json }] }
realms:
  one: { keys: one, identity_headers: { X-User-ID: "{claims.sub}" } }
  two: { keys: two, token: [{ header: X-Second }], identity_headers: { X-Second-ID: "{claims.sub}" } }
  cookie: { keys: all, token: [{ cookie: auth }], identity_headers: { X-User-ID: "{claims.sub}" } }
  admin: { keys: one, require: [claims.role == "admin"] }
locations:
  - { match: { prefix: /ip }, access: { ip: [127.0.0.0/8, "::1/128"] }, echo: true }
  - { match: { prefix: /not-ip }, access: { not_ip: [127.0.0.0/8] }, echo: true }
  - { match: { prefix: /optional }, access: { realm: one, optional: true }, echo: true }
  - { match: { prefix: /all }, access: { all: [{ ip: [127.0.0.0/8] }, { realm: one }, { realm: two }] }, echo: true }
  - { match: { prefix: /list }, access: [{ realm: one }, { check: 'claims.sub == "alice"' }], echo: true }
  - { match: { prefix: /any }, access: { any: [{ realm: one }, { realm: two }] }, echo: true }
  - { match: { prefix: /office }, access: { any: [{ ip: [10.0.0.0/8] }, { realm: one }] }, echo: true }
  - { match: { prefix: /nobody }, access: { any: [{ ip: [10.0.0.0/8] }, { not_ip: [127.0.0.0/8] }] }, echo: true }
  - { match: { prefix: /cookie }, access: { any: [{ realm: cookie }, { realm: two }] }, echo: true }
  - match: { prefix: /nested }
    access: { any: [{ all: [{ ip: [127.0.0.0/8] }, { realm: admin }] }, { realm: two }] }
    echo: true
"#;

struct Site {
    gateway: Gateway,
    one: Issuer,
    two: Issuer,
}

impl Site {
    fn open() -> Self {
        let (one, two) = (Issuer::with_kid("ES256", "1"), Issuer::with_kid("ES256", "2"));
        let gateway = Gateway::prepare(&format!("{PLAIN}{RULES}"))
            .file("one.json", one.jwks())
            .file("two.json", two.jwks())
            .file("all.json", jwks(&[&one, &two]))
            .start();
        Self { gateway, one, two }
    }

    fn send(&self, request: &Request) -> Response {
        self.gateway.send(request)
    }

    /// Both credentials, each good or bad.
    fn both(&self, path: &str, first: &str, second: &str) -> Response {
        self.send(&Request::get(path).bearer(first).header("X-Second", second))
    }
}

fn identity(answer: &Response, name: &str) -> Option<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["headers"][name].as_str().map(str::to_owned)
}

#[test]
fn addresses_let_in_and_keep_out() {
    let site = Site::open();
    assert_eq!(site.send(&Request::get("/ip")).status, 200);
    let kept_out = site.send(&Request::get("/not-ip"));
    assert_eq!((kept_out.status, site.gateway.reason_of(&kept_out).as_str()), (403, "ip_refused"));
    // Nobody is trusted to name another address.
    let pretends = Request::get("/not-ip").header("X-Forwarded-For", "10.0.0.1").header("X-Real-IP", "10.0.0.1");
    assert_eq!(site.send(&pretends).status, 403);
}

#[test]
fn optional_lets_in_without_a_token_and_not_with_a_bad_one() {
    let site = Site::open();
    assert_eq!(identity(&site.send(&Request::get("/optional")), "x-user-id"), None);
    let alice = Request::get("/optional").bearer(&site.one.token_of("alice"));
    assert_eq!(identity(&site.send(&alice), "x-user-id").as_deref(), Some("alice"));
    for bad in ["bad", "", &site.two.token_of("root")] {
        assert_eq!(site.send(&Request::get("/optional").bearer(bad)).status, 401, "{bad:?}");
    }
}

#[test]
fn class_29_a_bearer_of_another_realm_is_no_login_beside_a_cookie() {
    let site = Site::open();
    let cookie = format!("auth={}", site.one.token_of("alice"));
    let good = Request::get("/cookie").header("Cookie", &cookie).bearer("garbage");
    assert_eq!(identity(&site.send(&good), "x-user-id").as_deref(), Some("alice"));
    assert_eq!(site.send(&Request::get("/cookie").bearer("garbage")).status, 401);
    assert_eq!(site.send(&Request::get("/cookie").bearer(&site.one.token_of("alice"))).status, 401);
}

#[test]
fn all_needs_every_one_and_sends_both_identities() {
    let site = Site::open();
    let (one, two) = (site.one.token_of("alice"), site.two.token_of("bob"));
    let answer = site.both("/all", &one, &two);
    assert_eq!(identity(&answer, "x-user-id").as_deref(), Some("alice"));
    assert_eq!(identity(&answer, "x-second-id").as_deref(), Some("bob"));
    assert_eq!(site.both("/all", &one, "bad").status, 401);
    assert_eq!(site.both("/all", "bad", &two).status, 401);
    assert_eq!(site.send(&Request::get("/all").bearer(&one)).status, 401);
    assert_eq!(site.send(&Request::get("/list").bearer(&one)).status, 200);
    let bob = site.send(&Request::get("/list").bearer(&site.one.token_of("bob")));
    assert_eq!((bob.status, site.gateway.reason_of(&bob).as_str()), (403, "check_failed"));
}

#[test]
fn any_takes_the_first_that_admits_past_bad_credentials() {
    let site = Site::open();
    let (one, two) = (site.one.token_of("alice"), site.two.token_of("bob"));
    let first = site.both("/any", &one, &two);
    assert_eq!(identity(&first, "x-user-id").as_deref(), Some("alice"));
    assert_eq!(identity(&first, "x-second-id"), None, "the second was not asked");
    let second = site.both("/any", "bad", &two);
    assert_eq!(identity(&second, "x-second-id").as_deref(), Some("bob"));
    assert_eq!(site.send(&Request::get("/office").bearer(&one)).status, 200);
    let nested = site.both("/nested", &one, &two);
    assert_eq!(nested.status, 200, "not an admin, but the other branch admits");
}

#[test]
fn any_refuses_with_400_before_401_before_403_and_every_challenge() {
    let site = Site::open();
    let (one, other) = (site.one.token_of("alice"), site.one.token_of("bob"));
    let ambiguous = Request::get("/cookie").header("Cookie", format!("auth={one}; auth={other}"));
    assert_eq!(site.send(&ambiguous).status, 400);
    let refused = site.send(&Request::get("/any"));
    let challenges = refused.head.values("www-authenticate");
    assert_eq!((refused.status, challenges.len()), (401, 2), "{challenges:?}");
    let office = site.send(&Request::get("/office"));
    assert_eq!(office.status, 401, "a token may be the way in");
    assert_eq!(site.send(&Request::get("/nobody")).status, 403);
    let nested = site.send(&Request::get("/nested").bearer(&one));
    assert_eq!(nested.status, 401, "403 for the role, 401 for the second: the second asks for a credential");
}

#[test]
fn the_reason_that_is_logged_is_that_of_the_first_credential_that_was_found() {
    let site = Site::open();
    for (request, reason) in [
        (Request::get("/any"), "token_missing"),
        (Request::get("/any").header("X-Second", "bad"), "token_malformed"),
        (Request::get("/any").bearer(&site.two.token_of("a")), "key_unknown"),
        (Request::get("/office"), "token_missing"),
        (Request::get("/nobody"), "ip_refused"),
    ] {
        let answer = site.send(&request);
        assert_eq!(site.gateway.reason_of(&answer), reason, "{request:?}");
    }
}

#[test]
fn class_33_a_location_has_the_access_that_it_says_and_nothing_of_another() {
    let rules = |inner: &str| {
        format!(
            "{}keys: {{ k: [{{ secret: a-string-secret-at-least-256-bits-long }}] }}\nrealms: {{ r: {{ keys: k }} }}\n\
             locations:\n - {{ match: {{ prefix: / }}, access: {{ realm: r }}, echo: true }}\n - {{ match: {{ prefix: /in }}, {inner}echo: true }}\n",
            crate::harness::gateway::PLAIN
        )
    };
    // A child that says nothing of access inherits neither the parent's door nor an open one.
    let silent = Gateway::prepare(&rules("response_headers: { X-A: b }, "));
    let output = silent.command(&["check", "-c", "portcullis.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("every location says who may enter"));
    // One that adds a rule has that rule, and explain shows the whole of what decided.
    let stricter = Gateway::prepare(&rules("access: [{ realm: r }, { ip: 192.0.2.1 }], "));
    let explained = stricter.command(&["explain", "-c", "portcullis.yaml", "--url", "/in", "--client", "192.0.2.1"]);
    let text = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert_eq!(explained.status.code(), Some(1), "{text}");
    assert!(text.contains("/in") && text.contains("token_missing"), "{text}");
    let gateway = stricter.start();
    for path in ["/", "/in", "/in/x", "/in/..", "/inn"] {
        assert_eq!(gateway.send(&Request::get(path)).status, 401, "{path}");
    }
}
