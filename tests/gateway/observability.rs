//! What do operators see of each request, and what must they never see?

use serde_json::{Value, json};

use crate::harness::gateway::PLAIN;
use crate::harness::issuer::now;
use crate::harness::{Client, Gateway, Issuer, Request, Upstream, wait};

const RULES: &str = r#"
keys: { site: [{ jwks_file: keys.json }], shared: [{ secret: "${SECRET}" }] }
realms:
  site: { keys: site, token: [bearer, { query: token }, { cookie: auth }], identity_headers: { X-User-ID: "{claims.sub}" } }
  shared: { keys: shared, algorithms: [HS256] }
upstreams: { app: { servers: ["${UPSTREAM}"] } }
locations:
  - { match: { prefix: /public }, access: public, upstream: app }
  - { match: { prefix: /own }, access: public, respond: { status: 200, text: own } }
  - { match: { prefix: /optional }, access: { realm: site, optional: true }, upstream: app }
  - { match: { prefix: /shared }, access: { realm: shared }, upstream: app }
  - { match: { prefix: / }, access: { realm: site }, upstream: app }
"#;

/// A secret that must not be found anywhere.
const SECRET: &str = "a-secret-that-nobody-may-ever-read-anywhere";

const FIELDS: [&str; 26] = [
    "time",
    "client",
    "method",
    "host",
    "path",
    "query",
    "status",
    "bytes_in",
    "bytes_out",
    "duration_ms",
    "upstream",
    "upstream_ms",
    "upstream_status",
    "location",
    "realm",
    "auth_status",
    "auth_reason",
    "subject",
    "token_id",
    "kid",
    "algorithm",
    "request_id",
    "protocol",
    "tls",
    "referer",
    "user_agent",
];

struct Site {
    gateway: Gateway,
    upstream: Upstream,
    issuer: Issuer,
}

impl Site {
    fn open(more: &str) -> Self {
        let (upstream, issuer) = (Upstream::echo(), Issuer::of("ES256"));
        let gateway = Gateway::prepare(&format!("{PLAIN}{RULES}{more}"))
            .file("keys.json", issuer.jwks())
            .env("UPSTREAM", upstream.address())
            .env("SECRET", SECRET)
            .start();
        Self { gateway, upstream, issuer }
    }

    fn token(&self) -> String {
        self.issuer.token(&json!({ "sub": "alice", "jti": "t-1", "exp": now() + 600 }))
    }
}

#[test]
fn the_line_of_an_admitted_request_has_every_field() {
    let site = Site::open("");
    let request = Request::post("/a/../b?x=1&y", "hello").host("Example.com:80").bearer(&site.token());
    let request = request.header("User-Agent", "test/1").header("Referer", "http://elsewhere/x");
    let mut client = site.gateway.client();
    let answer = client.exchange(&request);
    let line = site.gateway.line_of(&answer);
    let mut names: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = FIELDS.to_vec();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
    for (name, value) in [
        ("client", json!("127.0.0.1")),
        ("method", json!("POST")),
        ("host", json!("example.com")),
        ("path", json!("/b")),
        ("query", json!("x=1&y")),
        ("status", json!(200)),
        ("bytes_in", json!(5)),
        ("bytes_out", json!(answer.body.len())),
        ("upstream", json!(site.upstream.address().to_string())),
        ("upstream_status", json!(200)),
        ("realm", json!("site")),
        ("auth_status", json!("granted")),
        ("auth_reason", Value::Null),
        ("subject", json!("alice")),
        ("token_id", json!("t-1")),
        ("kid", json!("kid-ES256")),
        ("algorithm", json!("ES256")),
        ("protocol", json!("HTTP/1.1")),
        ("tls", Value::Null),
        ("referer", json!("http://elsewhere/x")),
        ("user_agent", json!("test/1")),
    ] {
        assert_eq!(line[name], value, "{name}");
    }
    assert!(line["duration_ms"].as_f64().unwrap() >= line["upstream_ms"].as_f64().unwrap());
    assert!(line["time"].as_str().unwrap().ends_with('Z'));
    assert!(line["location"].as_str().is_some_and(|name| !name.is_empty()));
}

#[test]
fn auth_status_is_none_granted_or_denied() {
    let site = Site::open("");
    let token = site.token();
    for (request, status, realm) in [
        (Request::get("/public"), "none", Value::Null),
        (Request::get("/public").bearer(&token), "none", Value::Null),
        (Request::get("/nowhere%00"), "none", Value::Null),
        (Request::get("/").bearer(&token), "granted", json!("site")),
        (Request::get("/optional"), "granted", Value::Null),
        (Request::get("/"), "denied", json!("site")),
        (Request::get("/").bearer("bad"), "denied", json!("site")),
    ] {
        let line = site.gateway.line_of(&site.gateway.send(&request));
        assert_eq!((&line["auth_status"], &line["realm"]), (&json!(status), &realm), "{request:?}");
        if status != "granted" {
            assert!(line["subject"].is_null() && line["token_id"].is_null(), "{line}");
        }
    }
}

#[test]
fn a_subject_that_was_not_verified_is_not_logged() {
    let site = Site::open("");
    let forged = Issuer::of("ES256").token(&json!({ "sub": "mallory", "jti": "forged-1" }));
    let answer = site.gateway.send(&Request::get("/").bearer(&forged));
    let line = site.gateway.line_of(&answer).to_string();
    assert!(!line.contains("mallory") && !line.contains("forged-1"), "{line}");
}

#[test]
fn a_template_writes_the_line_that_it_describes() {
    let format = r#"access_log: { format: '{client.ip} "{request.method} {request.uri}" {response.status} JWT:{auth.status} {auth.reason} {auth.subject} {upstream.status} {request.headers["x-lost"]} {{}}' }"#;
    let site = Site::open(format);
    site.gateway.send(&Request::get("/a?token=").bearer(&site.token()));
    site.gateway.send(&Request::get("/b?x=1").bearer(&site.token()));
    site.gateway.send(&Request::get("/own"));
    let expected = [
        r#"127.0.0.1 "GET /b?x=1" 200 JWT:granted - alice 200 - {}"#,
        r#"127.0.0.1 "GET /own" 200 JWT:none - - - - {}"#,
    ];
    for line in expected {
        let found = site.gateway.access.find(0, line, |written| (written == line).then_some(()));
        assert!(found.is_some(), "{line} is not in {}", site.gateway.access.text());
    }
}

#[test]
fn class_37_a_token_in_the_query_is_masked_wherever_it_is_logged() {
    let site = Site::open("");
    let token = site.token();
    let target = format!("/optional?a=1&token={token}&b=2");
    let answer = site.gateway.send(&Request::get(&target).header("Referer", format!("http://localhost{target}")));
    let line = site.gateway.line_of(&answer);
    assert_eq!(line["query"], "a=1&token=***&b=2");
    assert_eq!(line["referer"], "http://localhost/optional?a=1&token=***&b=2");
    for spelling in ["%74oken", "to%6ben"] {
        let answer = site.gateway.send(&Request::get(&format!("/public?{spelling}={token}")));
        assert!(!site.gateway.line_of(&answer).to_string().contains(&token), "{spelling}");
    }
    let template =
        Site::open("access_log: { format: '{request.uri} {request.query} {request.headers[\"referer\"]}' }\n");
    let token = template.token();
    let target = format!("/public?token={token}");
    template.gateway.send(&Request::get(&target).header("Referer", format!("http://x{target}")));
    let line = template.gateway.access.find(0, "of the request", |line| Some(line.to_owned())).unwrap();
    assert_eq!(line, "/public?token=*** token=*** http://x/public?token=***");
}

#[test]
fn class_37_no_token_and_no_secret_is_in_any_log_body_or_metric() {
    let site = Site::open("");
    let good = site.token();
    let forged = Issuer::of("ES256").token(&json!({ "sub": "mallory" }));
    let shared = format!("{SECRET}.not.a-token");
    let mut bodies = String::new();
    for token in [&good, &forged, &shared] {
        for request in [
            Request::get("/own").bearer(token),
            Request::get("/shared").bearer(token),
            Request::get("/own").header("Cookie", format!("auth={token}")),
            Request::get(&format!("/own?token={token}")),
            Request::get("/own").header("Referer", format!("http://x/?token={token}")),
            Request::get(&format!("/%00?token={token}")),
            Request::get(&format!("/shared?token={token}")).header("Accept", "application/json"),
            Request::get("/").bearer(token).bearer(token),
        ] {
            bodies.push_str(&site.gateway.send(&request).text());
        }
    }
    let refused = site.gateway.send(&Request::get("/").bearer(&forged));
    site.gateway.line_of(&refused);
    let bad = format!("{PLAIN}{RULES}").replace("access: public", "access: publik");
    assert!(!site.gateway.reload(&bad).taken);
    let written = [bodies, site.gateway.metrics().0, site.gateway.log.text(), site.gateway.access.text()].concat();
    for token in [&good, &forged] {
        for part in token.split('.') {
            assert!(!written.contains(part), "{part} of a token is in {written}");
        }
    }
    assert!(!written.contains(SECRET), "the secret is in {written}");
}

#[test]
fn control_characters_are_escaped_and_one_request_is_one_line() {
    let site = Site::open("");
    let request = Request::get("/own").header("User-Agent", "a\u{1b}[31m\u{7f}\u{85}b\tc");
    let answer = site.gateway.send(&request);
    // A head with such characters may be refused by the engine; what is logged must be harmless either way.
    if answer.status == 200 {
        site.gateway.line_of(&answer);
    }
    for line in site.gateway.access.lines() {
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}

#[test]
fn a_file_that_was_moved_away_is_reopened_on_sigusr2() {
    let gateway = Gateway::start(&format!(
        "{PLAIN}access_log: {{ to: access.log, format: \"{{request.path}}\" }}\n\
         locations: [{{ match: {{ prefix: / }}, access: public, respond: {{ status: 200, text: ok }} }}]\n"
    ));
    let (file, moved) = (gateway.folder().join("access.log"), gateway.folder().join("moved.log"));
    let written = |path: &std::path::Path, text: &str| {
        wait::until("the line is written", || (std::fs::read_to_string(path).ok()?.contains(text)).then_some(()));
    };
    gateway.send(&Request::get("/first"));
    written(&file, "/first");
    std::fs::rename(&file, &moved).unwrap();
    gateway.send(&Request::get("/second"));
    written(&moved, "/second");
    gateway.signal("USR2");
    wait::until("the file is there again", || file.exists().then_some(()));
    gateway.send(&Request::get("/third"));
    written(&file, "/third");
    assert!(!std::fs::read_to_string(&moved).unwrap().contains("/third"));
    assert!(gateway.access.lines().is_empty(), "nothing goes to standard output");
}

#[test]
fn the_log_may_be_off() {
    let gateway = Gateway::start(&format!(
        "{PLAIN}access_log: {{ to: off }}\n\
         locations: [{{ match: {{ prefix: / }}, access: public, respond: {{ status: 200, text: ok }} }}]\n"
    ));
    assert_eq!(gateway.send(&Request::get("/")).status, 200);
    gateway.terminate();
    assert_eq!(gateway.access.to_end(), "");
}

#[test]
fn a_flood_of_bad_tokens_evicts_no_good_one() {
    let issuer = Issuer::of("ES256");
    let rules = r#"
keys: { site: [{ jwks_file: keys.json }] }
realms: { site: { keys: site, cache: { entries: 8 } } }
locations: [{ match: { prefix: / }, access: { realm: site }, respond: { status: 200, text: in } }]
"#;
    let gateway = Gateway::prepare(&format!("{PLAIN}{rules}")).file("keys.json", issuer.jwks()).start();
    let (good, stranger) = (issuer.token_of("alice"), Issuer::of("ES256"));
    let mut client = gateway.client();
    assert_eq!(client.exchange(&Request::get("/").bearer(&good)).status, 200);
    for number in 0..100 {
        for bad in [stranger.token_of(&format!("{number}")), format!("garbage{number}")] {
            assert_eq!(client.exchange(&Request::get("/").bearer(&bad)).status, 401);
        }
    }
    assert_eq!(client.exchange(&Request::get("/").bearer(&good)).status, 200);
    let hits = gateway.metrics().sum("portcullis_verified_cache_total", &["result=\"hit\""]);
    assert_eq!(hits, 1.0, "its signature is still remembered");
}

#[test]
fn metrics_count_requests_decisions_durations_and_the_cache() {
    let site = Site::open("");
    let token = site.token();
    for request in [
        Request::get("/").bearer(&token),
        Request::get("/").bearer(&token),
        Request::get("/"),
        Request::get("/").bearer("bad"),
        Request::get("/public"),
    ] {
        site.gateway.line_of(&site.gateway.send(&request));
    }
    let metrics = site.gateway.metrics();
    let sum = |name: &str, labels: &[&str]| metrics.sum(name, labels);
    assert_eq!(sum("portcullis_requests_total", &["status=\"200\""]), 3.0);
    assert_eq!(sum("portcullis_requests_total", &["status=\"401\""]), 2.0);
    assert_eq!(sum("portcullis_decisions_total", &["realm=\"site\"", "reason=\"token_missing\""]), 1.0);
    assert_eq!(sum("portcullis_decisions_total", &["realm=\"site\"", "reason=\"token_malformed\""]), 1.0);
    assert_eq!(sum("portcullis_decisions_total", &["realm=\"site\"", "reason=\"granted\""]), 2.0);
    assert_eq!(sum("portcullis_request_duration_seconds_count", &[]), 5.0);
    assert_eq!(sum("portcullis_verified_cache_total", &["realm=\"site\"", "result=\"hit\""]), 1.0);
    assert!(sum("portcullis_verified_cache_total", &["realm=\"site\"", "result=\"miss\""]) >= 1.0);
    wait::until("connections are closed", || {
        let metrics = site.gateway.metrics();
        let open = metrics.sum("portcullis_connections", &[]) + metrics.sum("portcullis_requests_in_flight", &[]);
        (open == 0.0).then_some(())
    });
}

#[test]
fn gauges_show_what_is_open_and_in_flight() {
    let (upstream, gate) = Upstream::held();
    let gateway = Gateway::start(&format!(
        "{PLAIN}upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         locations: [{{ match: {{ prefix: / }}, access: public, upstream: app }}]\n",
        upstream.address()
    ));
    let mut client = gateway.client();
    client.send(Request::get("/").octets());
    upstream.wait_until("the request is there", |received| !received.is_empty());
    let metrics = gateway.metrics();
    assert_eq!(metrics.sum("portcullis_requests_in_flight", &[]), 1.0);
    assert_eq!(metrics.sum("portcullis_connections", &[]), 1.0);
    gate.open();
    assert_eq!(client.answer().status, 200);
}

#[test]
fn live_and_ready_answer_while_the_process_serves_and_ready_ends_with_sigterm() {
    let (upstream, gate) = Upstream::held();
    let gateway = Gateway::start(&format!(
        "{PLAIN}upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         locations: [{{ match: {{ prefix: / }}, access: public, upstream: app }}]\n",
        upstream.address()
    ));
    let admin = |path: &str| Client::connect(gateway.admin()).exchange(&Request::get(path)).status;
    assert_eq!((admin("/live"), admin("/ready"), admin("/nothing")), (200, 200, 404));
    let mut client = gateway.client();
    client.send(Request::get("/").octets());
    upstream.wait_until("the request is there", |received| !received.is_empty());
    gateway.terminate();
    wait::until("ready says no", || (admin("/ready") == 503).then_some(()));
    assert_eq!(admin("/live"), 200);
    gate.open();
    assert_eq!(client.answer().status, 200);
}
