//! Which headers does the application get besides the identity, and which does the client get?

use serde_json::json;

use crate::harness::gateway::PLAIN;
use crate::harness::{Gateway, Issuer, Request, Upstream};

const RULES: &str = r#"
response_headers: { X-Everywhere: "yes", Strict-Transport-Security: max-age=1 }
keys: { site: [{ jwks_file: keys.json }] }
realms:
  site:
    keys: site
    token: [bearer, { cookie: auth }, { query: token }, { header: X-Auth, scheme: Token }]
    identity_headers:
      X-User-ID: "{claims.sub}"
      X-Roles: "{claims.roles}"
      X-Number: "{claims.number}"
      X-Flag: "{claims.flag}"
      X-Object: "{claims.object}"
  closed: { keys: site, forward_token: none, token: [bearer, { cookie: auth }, { query: token }] }
  open: { keys: site, forward_token: all, token: [{ query: token }] }
upstreams:
  app: { servers: ["${UPSTREAM}"] }
  named: { servers: ["${UPSTREAM}"], host: app.internal }
locations:
  - match: { prefix: /edited }
    access: public
    upstream: app
    request_headers: { X-Env: prod, X-Method: "{request.method} {request.path}", X-Gone: "", User-Agent: gateway }
    response_headers: { X-Here: "{request.host}", Content-Type: "", X-Everywhere: "here" }
  - { match: { prefix: /named }, access: public, upstream: named }
  - { match: { prefix: /closed }, access: { realm: closed }, upstream: app }
  - { match: { prefix: /open }, access: { realm: open }, upstream: app }
  - { match: { prefix: /realm }, access: { realm: site }, upstream: app }
  - { match: { prefix: / }, access: public, upstream: app }
"#;

fn gateway_before(upstream: &Upstream, issuer: &Issuer) -> Gateway {
    Gateway::prepare(&format!("{PLAIN}{RULES}"))
        .file("keys.json", issuer.jwks())
        .env("UPSTREAM", upstream.address())
        .start()
}

#[test]
fn class_25_the_gateway_says_where_a_request_came_from_and_the_client_does_not() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("HS256"));
    let gateway = gateway_before(&upstream, &issuer);
    let mut request = Request::get("/a").host("Localhost:81");
    for (name, value) in [
        ("X-Forwarded-For", "6.6.6.6"),
        ("x_forwarded_for", "6.6.6.6"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil"),
        ("X-Forwarded-Port", "evil"),
        ("X-Forwarded-Uri", "/evil"),
        ("X-Real-IP", "6.6.6.6"),
        ("Forwarded", "for=6.6.6.6"),
        ("X-Original-URI", "/evil"),
        ("X-Original-Method", "DELETE"),
        ("X-Rewrite-URL", "/evil"),
        ("X-Request-ID", "evil"),
        ("X-Forwardable", "kept"),
    ] {
        request = request.header(name, value);
    }
    assert_eq!(gateway.send(&request).status, 200);
    let seen = upstream.last().head;
    assert_eq!(seen.lookalikes("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.lookalikes("x-real-ip"), ["127.0.0.1"]);
    assert_eq!(seen.lookalikes("x-forwarded-proto"), ["http"]);
    assert_eq!(seen.lookalikes("x-forwarded-host"), ["Localhost:81"]);
    assert_eq!(seen.value("host"), Some("Localhost:81"));
    assert_eq!(seen.value("x-forwardable"), Some("kept"));
    let text = String::from_utf8_lossy(&seen.raw).to_lowercase();
    assert!(!text.contains("evil") && !text.contains("6.6.6.6"), "{text}");
    assert!(!text.contains("delete"), "{text}");
}

#[test]
fn one_request_id_is_told_to_both_sides_and_to_the_log() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("HS256"));
    let gateway = gateway_before(&upstream, &issuer);
    let first = gateway.send(&Request::get("/").header("X-Request-ID", "mine"));
    let id = first.header("x-request-id").unwrap();
    assert_eq!(upstream.last().head.value("x-request-id"), Some(id));
    assert_eq!(gateway.line_of(&first)["request_id"], id);
    let refused = gateway.send(&Request::get("/realm"));
    let other = refused.header("x-request-id").unwrap();
    assert!(id.len() >= 16 && id != other && id != "mine");
}

#[test]
fn hop_by_hop_headers_stay_on_their_connection() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("HS256"));
    let gateway = gateway_before(&upstream, &issuer);
    let request = Request::get("/")
        .header("Connection", "keep-alive, X-Hop")
        .header("X-Hop", "1")
        .header("Keep-Alive", "timeout=5")
        .header("Proxy-Authorization", "Basic x")
        .header("TE", "trailers")
        .header("X-End", "kept");
    assert_eq!(gateway.send(&request).status, 200);
    let seen = upstream.last().head;
    for name in ["x-hop", "keep-alive", "proxy-authorization", "te"] {
        assert!(seen.values(name).is_empty(), "{name}: {seen:?}");
    }
    assert_eq!(seen.value("x-end"), Some("kept"));
}

#[test]
fn locations_edit_requests_and_answers() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("HS256"));
    let gateway = gateway_before(&upstream, &issuer);
    let request = Request::get("/edited/x").header("X-Env", "test").header("X-Gone", "1");
    let answer = gateway.send(&request.header("User-Agent", "test"));
    let seen = upstream.last().head;
    assert_eq!(seen.value("x-env"), Some("prod"));
    assert_eq!(seen.value("x-method"), Some("GET /edited/x"));
    assert_eq!(seen.value("user-agent"), Some("gateway"));
    assert!(seen.values("x-gone").is_empty());
    assert_eq!(answer.header("x-here"), Some("localhost"));
    assert_eq!(answer.header("content-type"), None);
    assert_eq!(answer.header("x-everywhere"), Some("here"));
}

#[test]
fn headers_of_all_answers_are_on_refusals_and_failures_too_and_hsts_over_tls_only() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("HS256"));
    let gateway = gateway_before(&upstream, &issuer);
    for path in ["/", "/realm", "/a%00"] {
        let answer = gateway.send(&Request::get(path));
        assert_eq!(answer.header("x-everywhere"), Some("yes"), "{path}");
        assert_eq!(answer.header("strict-transport-security"), None, "{path}");
    }
}

#[test]
fn an_upstream_may_have_a_host_of_its_own() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("HS256"));
    let gateway = gateway_before(&upstream, &issuer);
    gateway.send(&Request::get("/named").host("public.example"));
    let seen = upstream.last().head;
    assert_eq!(seen.value("host"), Some("app.internal"));
    assert_eq!(seen.value("x-forwarded-host"), Some("public.example"));
}

#[test]
fn claims_are_written_as_the_token_wrote_them() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("HS256"));
    let gateway = gateway_before(&upstream, &issuer);
    let header = r#"{"alg":"HS256","kid":"kid-HS256"}"#;
    let seen_of = |claims: &str| {
        let token = issuer.sign(header, claims);
        assert_eq!(gateway.send(&Request::get("/realm").bearer(&token)).status, 200, "{claims}");
        upstream.last().head
    };
    for number in
        ["656670838050885", "0", "-1", "1.50", "1e3", "18446744073709551615", "123456789012345678901234567890"]
    {
        let seen = seen_of(&format!(r#"{{"sub":"a","number":{number}}}"#));
        assert_eq!(seen.value("x-number"), Some(number));
    }
    let seen = seen_of(r#"{"sub":"a","roles":["x","y",3],"flag":true,"object":{ "b" : [1, 2] }}"#);
    assert_eq!(seen.value("x-roles"), Some("x,y,3"));
    assert_eq!(seen.value("x-flag"), Some("true"));
    assert_eq!(seen.value("x-object"), Some(r#"{"b":[1,2]}"#));
    let seen = seen_of(r#"{"sub":"Žofie","roles":[],"flag":null}"#);
    assert_eq!(seen.value("x-user-id"), Some("Žofie"));
    assert!(seen.values("x-flag").is_empty());
}

#[test]
fn a_claim_that_would_break_its_header_is_refused() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("HS256"));
    let gateway = gateway_before(&upstream, &issuer);
    for claims in [
        json!({ "sub": "a\r\nX-Admin: 1" }),
        json!({ "sub": "a\nb" }),
        json!({ "sub": "a\u{0}b" }),
        json!({ "sub": "a\u{7f}b" }),
        json!({ "sub": "a\tb" }),
        json!({ "sub": "a", "roles": ["x", "y,z"] }),
    ] {
        let answer = gateway.send(&Request::get("/realm").bearer(&issuer.token(&claims)));
        assert_eq!(answer.status, 401, "{claims}");
        assert_eq!(gateway.reason_of(&answer), "claim_unusable", "{claims}");
    }
    assert!(upstream.received().is_empty());
}

#[test]
fn tokens_go_on_as_the_realm_says() {
    let (upstream, issuer) = (Upstream::echo(), Issuer::of("HS256"));
    let gateway = gateway_before(&upstream, &issuer);
    let token = issuer.token_of("alice");
    let seen = |request: &Request| {
        assert_eq!(gateway.send(request).status, 200, "{request:?}");
        let head = upstream.last().head;
        (head.start.clone(), head)
    };
    // The default: headers and cookies stay, a query argument goes.
    let (_, head) = seen(&Request::get("/realm").bearer(&token));
    assert!(head.value("authorization").unwrap().contains(&token));
    let (_, head) = seen(&Request::get("/realm").header("Cookie", format!("a=1; auth={token}; b=2")));
    assert!(head.value("cookie").unwrap().contains(&token));
    let (start, _) = seen(&Request::get(&format!("/realm?a=%20&token={token}&b")));
    assert_eq!(start, "GET /realm?a=%20&b HTTP/1.1");
    let (_, head) = seen(&Request::get("/realm").header("X-Auth", format!("Token {token}")));
    assert_eq!(head.value("x-auth"), Some(format!("Token {token}").as_str()));
    // `none`: nothing of it goes on.
    for request in [
        Request::get("/closed").bearer(&token),
        Request::get("/closed").header("Cookie", format!("a=1; auth={token}; b=2")),
        Request::get(&format!("/closed?token={token}")),
    ] {
        let (_, head) = seen(&request);
        assert!(!String::from_utf8_lossy(&head.raw).contains(&token), "{head:?}");
    }
    // `all`: even the query.
    let target = format!("/open?token={token}&b");
    assert_eq!(seen(&Request::get(&target)).0, format!("GET {target} HTTP/1.1"));
}

#[test]
fn a_trace_goes_on_and_a_request_without_one_begins_its_own() {
    let app = Upstream::echo();
    let gateway = Gateway::start(&format!(
        "{PLAIN}upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         locations: [{{ match: {{ prefix: / }}, access: public, upstream: app }}]\n",
        app.address()
    ));
    let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    gateway.send(&Request::get("/").header("traceparent", given).header("tracestate", "a=1"));
    assert_eq!((app.last().head.value("traceparent"), app.last().head.value("tracestate")), (Some(given), Some("a=1")));
    let zeros = "00-00000000000000000000000000000000-00f067aa0ba902b7-00";
    for bad in ["", "nonsense", zeros, "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"] {
        let answer = gateway.send(&Request::get("/").header("traceparent", bad).header("tracestate", "a=1"));
        let head = app.last().head;
        let trace = head.value("traceparent").unwrap();
        assert_eq!(trace.len(), 55, "{trace}");
        assert_eq!(&trace[3..35], answer.header("x-request-id").unwrap(), "the trace has the request's id");
        assert_eq!(head.value("tracestate"), None);
    }
}
