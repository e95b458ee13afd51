//! Does the shared configuration for an LLM application run unchanged? HTTPS, HTTP/2, streams, WebSockets, hardening.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::harness::application::Application;
use crate::harness::certificates::Certificate;
use crate::harness::curl::curl;
use crate::harness::tools::{crate_folder, fixture, run, tool};
use crate::harness::{Client, Gateway, Issuer, Request, wait};

struct Site {
    gateway: Gateway,
    issuer: Issuer,
    _application: Application,
}

impl Site {
    fn open() -> Self {
        let application = Application::of("llm_app.py");
        let (authority, issuer) = (Certificate::authority("test"), Issuer::of("RS256"));
        let certificate = authority.vouch_for("localhost");
        let yaml = std::fs::read_to_string(crate_folder().join("conf/dify.yaml")).unwrap();
        let gateway = Gateway::prepare(&yaml)
            .file("dify.crt", certificate.pem())
            .file("dify.key", certificate.key_pem())
            .file("ca.pem", authority.pem())
            .file("jwt.pub", issuer.public_pem.clone())
            .env("LISTEN_HTTP", "127.0.0.1:0")
            .env("LISTEN_HTTPS", "127.0.0.1:0")
            .env("ADMIN", "127.0.0.1:0")
            .env("CERT", "dify.crt")
            .env("KEY", "dify.key")
            .env("JWT_PUB", "jwt.pub")
            .env("UPSTREAM", application.address)
            .env("OFFICE", "127.0.0.0/8")
            .start();
        Self { gateway, issuer, _application: application }
    }

    fn token(&self, more: &[(&str, serde_json::Value)]) -> String {
        let mut claims = json!({ "iss": "external-auth", "aud": "dify-app", "sub": "alice", "exp": now() + 600.0 });
        for (name, value) in more {
            claims[*name] = value.clone();
        }
        self.issuer.token(&claims)
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.gateway.listener(1).port())
    }

    fn tls(&self) -> Client {
        Client::connect_tls(self.gateway.listener(1), "localhost")
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

#[test]
fn plaintext_is_sent_to_https_and_every_answer_there_says_to_stay() {
    let site = Site::open();
    let moved = site.gateway.send(&Request::get("/a?b=c").host("dify.example.com"));
    assert_eq!((moved.status, moved.header("location")), (301, Some("https://dify.example.com/a?b=c")));
    let bearer = format!("Bearer {}", site.token(&[]));
    for request in [Request::get("/a").header("Authorization", &bearer), Request::get("/a"), Request::new("PUT", "/a")]
    {
        let answer = site.tls().exchange(&request);
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000; includeSubDomains"));
    }
}

#[test]
fn curl_gets_in_over_http2_with_a_token_and_the_words_of_the_file_without() {
    let site = Site::open();
    let bearer = format!("Authorization: Bearer {}", site.token(&[]));
    let answer = curl(&["--http2", "-H", &bearer, "-H", "X-User-ID: root", &site.url("/x")]);
    assert_eq!((answer.status, answer.version.as_str()), (200, "2"));
    assert_eq!(answer.body, r#"{"path": "/x", "user": "alice"}"#);
    let refused = site.tls().exchange(&Request::get("/x"));
    assert_eq!((refused.status, refused.text().as_str()), (401, r#"{"error":"Invalid or missing token"}"#));
    assert_eq!(refused.header("content-type"), Some("application/json"));
    assert_eq!(refused.header("www-authenticate"), Some("Bearer realm=\"closed site\""));
    let method = site.tls().exchange(&Request::new("DELETE", "/x"));
    assert_eq!((method.status, method.header("allow")), (405, Some("GET, POST, HEAD")));
    assert_eq!(site.tls().exchange(&Request::get("/login")).status, 200);
    for line in ["\"GET /x\" 401 36 JWT:denied", "\"GET /x\" 200 31 JWT:granted"] {
        wait::until("the line of the template", || site.gateway.access.text().contains(line).then_some(()));
    }
}

#[test]
fn a_token_that_names_its_address_is_good_there_only() {
    let site = Site::open();
    let ask = |ip: Option<&str>| {
        let bound = ip.map(|ip| ("ip", json!(ip)));
        let token = site.token(bound.as_slice());
        site.tls().exchange(&Request::get("/internal/x").bearer(&token)).status
    };
    assert_eq!((ask(None), ask(Some("127.0.0.1")), ask(Some("192.0.2.1"))), (200, 200, 403));
}

#[test]
fn each_piece_of_an_answer_arrives_when_it_is_sent() {
    let site = Site::open();
    let mut client = site.tls();
    client.send(Request::get("/chat").bearer(&site.token(&[])).octets());
    let head = client.head().unwrap();
    let mut delays = Vec::new();
    client
        .body(&head, |piece| {
            let text = String::from_utf8_lossy(piece).into_owned();
            let sent = text.split_whitespace().nth(2).and_then(|sent| sent.parse::<f64>().ok());
            delays.extend(sent.map(|sent| now() - sent));
        })
        .unwrap();
    assert_eq!(delays.len(), 5, "one by one");
    delays.sort_by(f64::total_cmp);
    // The pieces are 100 ms apart: one that waited for the next would be as late.
    assert!(delays[2] < 0.09, "{delays:?}");
}

#[test]
fn a_socket_is_opened_by_a_token_in_its_address_and_does_not_outlive_it() {
    let site = Site::open();
    let ask = |query: &str| {
        let url = site.url(&format!("/ws/chat{query}")).replace("https", "wss");
        let ca = site.gateway.folder().join("ca.pem");
        let mut command = Command::new(tool("venv/bin/python"));
        run(command.arg(fixture("ask_socket.py")).arg(url).arg(ca).arg("hello"), b"").trim().to_owned()
    };
    let token = site.token(&[("exp", json!(now() + 3.0))]);
    assert_eq!(ask(&format!("?token={token}")), "hello\n1008 token_expired");
    assert_eq!(ask(""), "401");
    assert_eq!(ask("?token=bad"), "401");
    wait::until("the socket's line, without the token", || {
        site.gateway.access.text().contains("\"GET /ws/chat?token=***\" 101").then_some(())
    });
    assert!(!site.gateway.access.text().contains(&token));
}
