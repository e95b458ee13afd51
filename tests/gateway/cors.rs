//! May pages of other origins ask, and read what they may? And nobody else.

use crate::harness::gateway::PLAIN;
use crate::harness::{Gateway, Issuer, Request, Upstream};

const APP: &str = "https://app.example.com";

struct Site {
    gateway: Gateway,
    app: Upstream,
    issuer: Issuer,
}

impl Site {
    fn with(cors: &str) -> Self {
        let issuer = Issuer::of("ES256");
        let app = Upstream::says(
            "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nVary: Accept\r\nContent-Length: 2\r\n\r\nhi",
        );
        let gateway = Gateway::prepare(&format!(
            "{PLAIN}keys: {{ k: [{{ jwks_file: keys.json }}] }}\nrealms: {{ r: {{ keys: k }} }}\n\
             upstreams: {{ app: {{ servers: [\"{}\"] }} }}\nlocations:\n\
             - {{ match: {{ prefix: / }}, access: {{ realm: r }}, methods: [GET, POST], upstream: app, cors: {{ {cors} }} }}\n\
             - {{ match: {{ prefix: /none }}, access: {{ realm: r }}, upstream: app }}\n",
            app.address()
        ))
        .file("keys.json", issuer.jwks())
        .start();
        Self { gateway, app, issuer }
    }

    fn full() -> Self {
        Self::with(&format!(
            "origins: ['{APP}', 'http://localhost:3000'], methods: [GET, POST], headers: [Authorization, X-A], \
             credentials: true, max_age: 10m"
        ))
    }
}

fn preflight(path: &str, origin: &str) -> Request {
    Request::new("OPTIONS", path).header("Origin", origin).header("Access-Control-Request-Method", "POST")
}

#[test]
fn a_preflight_is_answered_before_methods_and_access() {
    let site = Site::full();
    let told = site.gateway.send(&preflight("/x", APP).header("Access-Control-Request-Headers", "authorization"));
    assert_eq!((told.status, told.body.len()), (204, 0));
    for (name, value) in [
        ("access-control-allow-origin", APP),
        ("access-control-allow-methods", "GET, POST"),
        ("access-control-allow-headers", "authorization, x-a"),
        ("access-control-allow-credentials", "true"),
        ("access-control-max-age", "600"),
        ("vary", "Origin"),
    ] {
        assert_eq!(told.head.values(name), [value], "{name}");
    }
    assert!(site.app.received().is_empty());
    assert_eq!(site.gateway.metrics().sum("portcullis_decisions_total", &["reason=\"preflight\""]), 1.0);
}

#[test]
fn a_page_of_another_origin_is_told_nothing() {
    let site = Site::full();
    for origin in ["https://evil.example", "https://app.example.com.evil.example", "null", "http://app.example.com"] {
        let told = site.gateway.send(&preflight("/x", origin));
        assert_eq!((told.status, site.gateway.reason_of(&told).as_str()), (403, "origin_refused"), "{origin}");
        assert_eq!(told.header("access-control-allow-origin"), None);
        let token = site.issuer.token_of("alice");
        let read = site.gateway.send(&Request::get("/x").bearer(&token).header("Origin", origin));
        assert_eq!((read.status, read.header("access-control-allow-origin")), (200, None), "{origin}");
        assert_eq!(read.head.values("vary"), ["Accept", "Origin"]);
    }
}

#[test]
fn answers_and_refusals_may_be_read_by_the_pages_that_are_named() {
    let site = Site::full();
    let token = site.issuer.token_of("alice");
    let read = site.gateway.send(&Request::get("/x").bearer(&token).header("Origin", APP));
    assert_eq!((read.status, read.text().as_str()), (200, "hi"));
    assert_eq!(read.head.values("access-control-allow-origin"), [APP], "ours in the place of the upstream's");
    assert_eq!(read.head.values("access-control-allow-credentials"), ["true"]);
    for (request, status) in [(Request::get("/x"), 401), (Request::new("PUT", "/x"), 405)] {
        let told = site.gateway.send(&request.header("Origin", "http://localhost:3000"));
        assert_eq!((told.status, told.header("access-control-allow-origin")), (status, Some("http://localhost:3000")));
    }
    let without = site.gateway.send(&Request::get("/x").bearer(&token));
    assert_eq!(without.header("access-control-allow-origin"), None, "no page asked");
}

#[test]
fn options_that_is_no_preflight_has_no_exemption() {
    let site = Site::full();
    for request in [
        Request::new("OPTIONS", "/x"),
        Request::new("OPTIONS", "/x").header("Origin", APP),
        Request::new("OPTIONS", "/x").header("Access-Control-Request-Method", "POST"),
        preflight("/x", APP).header("Origin", APP),
        preflight("/x", APP).header("Access-Control-Request-Method", "GET"),
    ] {
        assert_eq!(site.gateway.send(&request).status, 405, "{request:?}");
    }
    // Without `cors`, a preflight is a request like any other.
    assert_eq!(site.gateway.send(&preflight("/none", APP)).status, 401);
    assert!(site.app.received().is_empty());
}

#[test]
fn any_origin_may_read_without_credentials() {
    let site = Site::with("origins: ['*']");
    let told = site.gateway.send(&preflight("/x", "https://anybody.example"));
    assert_eq!((told.status, told.header("access-control-allow-origin")), (204, Some("*")));
    assert_eq!((told.header("access-control-allow-credentials"), told.header("vary")), (None, None));
    assert_eq!(told.header("access-control-allow-methods"), Some("GET, POST"), "what the location takes");
    let refused = Gateway::prepare(&format!(
        "{PLAIN}locations: [{{ match: {{ prefix: / }}, access: public, echo: true, cors: {{ origins: ['*'], credentials: true }} }}]\n"
    ))
    .command(&["check", "-c", "portcullis.yaml"]);
    let complaint = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        complaint.contains("locations[0].cors: ") && complaint.contains("every page act as the user"),
        "{complaint}"
    );
}
