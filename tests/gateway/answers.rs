//! What does the gateway answer by itself, when nothing is refused? Redirects, texts, echoes, methods.

use serde_json::json;

use crate::harness::certificates::Certificate;
use crate::harness::gateway::PLAIN;
use crate::harness::{Client, Gateway, Issuer, Request, Upstream};

const RULES: &str = r#"
keys: { site: [{ jwks_file: keys.json }] }
realms: { site: { keys: site, identity_headers: { X-User-ID: "{claims.sub}" } } }
upstreams: { app: { servers: ["${UPSTREAM}"] } }
locations:
  - { match: { path: /json }, access: public, respond: { status: 200, json: { ok: true } } }
  - { match: { path: /text }, access: public, respond: { status: 418, text: "tea only" } }
  - { match: { path: /html }, access: public, respond: { status: 200, html: "<p>hi" } }
  - { match: { path: /file }, access: public, respond: { status: 200, file: page.html } }
  - { match: { path: /empty }, access: public, respond: { status: 204, text: "" } }
  - { match: { prefix: /old }, access: public, redirect: { status: 301, to: "https://{request.host}{request.uri}" } }
  - { match: { prefix: /me }, access: { realm: site }, redirect: { status: 307, to: "/users/{claims.sub}" } }
  - { match: { prefix: /broken }, access: public, redirect: { status: 302, to: "/{request.args['x']}" } }
  - { match: { prefix: /echo }, access: { realm: site }, echo: true, request_headers: { X-Env: prod } }
  - { match: { prefix: /few }, access: { realm: site }, methods: [GET, POST], upstream: app }
  - { match: { path: /split, methods: [GET] }, access: public, respond: { status: 200, text: got } }
  - { match: { path: /split, methods: [POST] }, access: public, respond: { status: 200, text: posted } }
  - { match: { regex: "^/u/[0-9]+$" }, access: public, respond: { status: 200, text: user } }
  - { match: { prefix: / }, access: public, upstream: app }
"#;

fn gateway_before(upstream: &Upstream, issuer: &Issuer) -> Gateway {
    Gateway::prepare(&format!("{PLAIN}{RULES}"))
        .file("keys.json", issuer.jwks())
        .file("page.html", "<h1>page</h1>")
        .env("UPSTREAM", upstream.address())
        .start()
}

#[test]
fn respond_answers_in_the_place_of_an_upstream_and_keeps_the_connection() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("HS256"));
    let gateway = gateway_before(&upstream, &issuer);
    let mut client = gateway.client();
    let json = client.exchange(&Request::get("/json"));
    assert_eq!(
        (json.status, json.json(), json.header("content-type")),
        (200, json!({ "ok": true }), Some("application/json"))
    );
    let text = client.exchange(&Request::get("/text"));
    assert_eq!((text.status, text.text().as_str()), (418, "tea only"));
    assert!(text.header("content-type").unwrap().starts_with("text/plain"));
    let html = client.exchange(&Request::get("/html"));
    assert!(html.header("content-type").unwrap().starts_with("text/html"));
    assert_eq!(client.exchange(&Request::get("/file")).text(), "<h1>page</h1>");
    let empty = client.exchange(&Request::get("/empty"));
    assert_eq!((empty.status, empty.body.len()), (204, 0));
    let head = client.exchange(&Request::new("HEAD", "/file"));
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, Some("13"), 0));
    let posted = client.exchange(&Request::post("/json", "with a body"));
    assert_eq!(posted.status, 200);
    assert_eq!(client.exchange(&Request::get("/u/42")).text(), "user");
    assert!(upstream.received().is_empty());
}

#[test]
fn redirects_go_where_their_template_says() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("HS256"));
    let gateway = gateway_before(&upstream, &issuer);
    let moved = gateway.send(&Request::get("/old/../old/x?y=%20").host("Example.com:8080"));
    assert_eq!((moved.status, moved.header("location")), (301, Some("https://example.com/old/x?y=%20")));
    let me = gateway.send(&Request::get("/me").bearer(&issuer.token_of("alice")));
    assert_eq!((me.status, me.header("location")), (307, Some("/users/alice")));
    assert_eq!(gateway.send(&Request::get("/me")).status, 401);
    assert_eq!(gateway.send(&Request::get("/broken?x=1")).header("location"), Some("/1"));
    let broken = gateway.send(&Request::get("/broken"));
    assert_eq!((broken.status, broken.header("location")), (500, None));
    let split = gateway.send(&Request::get("/broken?x=%0d%0aSet-Cookie:a=b"));
    assert_eq!(split.header("set-cookie"), None);
}

#[test]
fn echo_shows_what_an_upstream_would_get() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("HS256"));
    let gateway = gateway_before(&upstream, &issuer);
    let request = Request::get("/echo/../echo?a=1").bearer(&issuer.token_of("alice"));
    let shown = gateway.send(&request.header("Connection", "x-hop").header("X-Hop", "1")).json();
    assert_eq!(shown["method"], "GET");
    assert_eq!(shown["uri"], "/echo?a=1");
    assert_eq!(shown["headers"]["x-user-id"], "alice");
    assert_eq!(shown["headers"]["x-env"], "prod");
    assert_eq!(shown["headers"]["x-forwarded-for"], "127.0.0.1");
    assert!(shown["headers"].get("x-hop").is_none());
}

#[test]
fn other_methods_are_405_with_allow_before_anything_asks_who_is_calling() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("HS256"));
    let gateway = gateway_before(&upstream, &issuer);
    for method in ["PUT", "DELETE", "OPTIONS", "PATCH", "BREW"] {
        let answer = gateway.send(&Request::new(method, "/few"));
        assert_eq!(answer.status, 405, "{method}");
        let mut allowed: Vec<&str> = answer.header("allow").unwrap().split(", ").collect();
        allowed.sort_unstable();
        assert_eq!(allowed, ["GET", "HEAD", "POST"], "{method}");
        assert_eq!(gateway.reason_of(&answer), "method_refused");
    }
    assert_eq!(gateway.send(&Request::new("HEAD", "/few")).status, 401, "GET includes HEAD");
    let token = issuer.token_of("alice");
    assert_eq!(gateway.send(&Request::new("HEAD", "/few").bearer(&token)).status, 200);
}

#[test]
fn locations_that_differ_in_methods_are_told_apart() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("HS256"));
    let gateway = gateway_before(&upstream, &issuer);
    assert_eq!(gateway.send(&Request::get("/split")).text(), "got");
    assert_eq!(gateway.send(&Request::post("/split", "")).text(), "posted");
    let neither = gateway.send(&Request::new("DELETE", "/split"));
    assert_eq!(neither.status, 405);
    let allow = neither.header("allow").unwrap().to_owned();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
}

#[test]
fn trace_and_connect_are_refused_by_default() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("HS256"));
    let gateway = gateway_before(&upstream, &issuer);
    assert_eq!(gateway.send(&Request::new("TRACE", "/")).status, 405);
    let mut client = gateway.client();
    client.send("CONNECT evil:443 HTTP/1.1\r\nHost: evil:443\r\n\r\n");
    assert_eq!(client.answer().status, 405);
    assert!(upstream.received().is_empty());
}

#[test]
fn plaintext_is_sent_to_https_with_its_path_and_query() {
    let certificate = Certificate::authority("test").vouch_for("localhost");
    let gateway = Gateway::prepare(
        "listeners:\n\
         \x20 - { address: \"127.0.0.1:0\", redirect_to_https: 301 }\n\
         \x20 - { address: \"127.0.0.1:0\", \
         redirect_to_https: { status: 308, port: 8443, except: [/.well-known/acme-challenge/] } }\n\
         \x20 - { address: \"127.0.0.1:0\", tls: { certificates: [{ certificate: c.crt, key: c.key }] } }\n\
         response_headers: { Strict-Transport-Security: max-age=1 }\n\
         locations: [{ match: { prefix: / }, access: public, respond: { status: 200, text: \"{request.scheme}\" } }]\n",
    )
    .file("c.crt", certificate.pem())
    .file("c.key", certificate.key_pem())
    .start();
    let request = |path: &str| Request::get(path).host("Example.com:80");
    let to = |place: usize, path: &str| Client::connect(gateway.listener(place)).exchange(&request(path));
    let moved = to(0, "/a/../b?c=d");
    assert_eq!((moved.status, moved.header("location")), (301, Some("https://example.com/b?c=d")));
    assert_eq!(moved.header("strict-transport-security"), None);
    let moved = to(1, "/x");
    assert_eq!((moved.status, moved.header("location")), (308, Some("https://example.com:8443/x")));
    assert_eq!(to(1, "/.well-known/acme-challenge/x").status, 200);
    assert_eq!(to(1, "/.well-known/acme-challenge/../x").status, 308);
    let secure = Client::connect_tls(gateway.listener(2), "localhost").exchange(&request("/"));
    assert_eq!((secure.status, secure.header("strict-transport-security")), (200, Some("max-age=1")));
}

#[test]
fn certificates_are_chosen_by_the_name_that_the_client_asks_for() {
    let authority = Certificate::authority("test");
    let mut prepared = Gateway::prepare(
        "listeners: [{ address: \"127.0.0.1:0\", tls: { certificates: [\
         { certificate: one.example.crt, key: one.example.key }, { certificate: two.example.crt, key: two.example.key }\
         ] } }]\nlocations: [{ match: { prefix: / }, access: public, respond: { status: 200, text: ok } }]\n",
    );
    for name in ["one.example", "two.example"] {
        let certificate = authority.vouch_for(name);
        prepared = prepared
            .file(&format!("{name}.crt"), certificate.pem())
            .file(&format!("{name}.key"), certificate.key_pem());
    }
    let gateway = prepared.start();
    for (asked, shown) in [
        ("one.example", "one.example"),
        ("two.example", "two.example"),
        ("TWO.example", "two.example"),
        ("other.example", "one.example"),
    ] {
        assert_eq!(Client::connect_tls(gateway.address(), asked).server_subject(), shown, "{asked}");
    }
}
