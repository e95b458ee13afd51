//! Does `explain` tell why, step by step, by the code that serves, and never the token?

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::harness::gateway::{PLAIN, Prepared, binary};
use crate::harness::issuer::now;
use crate::harness::{Gateway, Issuer};

const RULES: &str = r#"
keys: { site: [{ jwks_file: keys.json }] }
realms:
  site:
    keys: site
    issuer: https://id.example
    audience: app
    require: [claims.role == "admin"]
    identity_headers: { X-User-ID: "{claims.sub}", X-Mail: "{claims.mail}" }
upstreams: { up: { servers: ["127.0.0.1:1"] } }
locations:
  - { match: { prefix: /public }, access: public, upstream: up }
  - { match: { prefix: /ip }, access: { ip: [10.0.0.0/8] }, upstream: up }
  - { match: { prefix: / }, access: { realm: site }, upstream: up, request_headers: { X-Env: prod } }
"#;

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn good(issuer: &Issuer) -> Prepared {
    Gateway::prepare(&format!("{PLAIN}{RULES}")).file("keys.json", issuer.jwks())
}

fn admin_token(issuer: &Issuer) -> String {
    let claims = json!({
        "sub": "alice", "iss": "https://id.example", "aud": "app", "role": "admin", "exp": now() + 600,
    });
    issuer.token(&claims)
}

#[test]
fn explain_admits_names_each_step_and_never_prints_the_token() {
    let issuer = Issuer::of("ES256");
    let prepared = good(&issuer);
    let token = admin_token(&issuer);
    let output =
        prepared.command(&["explain", "-c", "portcullis.yaml", "--token", &token, "--url", "http://localhost/a"]);
    let told = out(&output);
    assert_eq!(output.status.code(), Some(0), "{told}{}", String::from_utf8_lossy(&output.stderr));
    for step in [
        "site",
        "ES256",
        "kid-ES256",
        "signature",
        "iss",
        "https://id.example",
        "aud",
        "app",
        "exp",
        "claims.role == \"admin\"",
        "x-user-id: alice",
        "x-env: prod",
        "x-forwarded-for: 127.0.0.1",
        "x-mail",
    ] {
        assert!(told.to_lowercase().contains(&step.to_lowercase()), "{step} is not in\n{told}");
    }
    no_token_in(&token, &told);
}

fn no_token_in(token: &str, told: &str) {
    for part in token.split('.') {
        assert!(!told.contains(part), "a part of the token is in\n{told}");
    }
}

#[test]
fn explain_refuses_with_1_and_says_what_was_expected_and_what_was_there() {
    let issuer = Issuer::of("ES256");
    let prepared = good(&issuer);
    let claims = |changes: Value| {
        let mut claims = json!({ "sub": "a", "iss": "https://id.example", "aud": "app", "role": "admin" });
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        issuer.token(&claims)
    };
    let stranger = Issuer::of("ES256");
    for (token, words) in [
        (claims(json!({ "aud": "shop" })), vec!["audience_mismatch", "app", "shop", "401"]),
        (claims(json!({ "iss": "https://evil" })), vec!["issuer_mismatch", "https://id.example", "https://evil"]),
        (claims(json!({ "exp": 1 })), vec!["token_expired"]),
        (claims(json!({ "role": "user" })), vec!["requirement_failed", "403", "claims.role == \"admin\""]),
        (admin_token(&stranger), vec!["signature_invalid"]),
        ("rubbish".to_owned(), vec!["token_malformed"]),
    ] {
        let output = prepared.command(&["explain", "-c", "portcullis.yaml", "--token", &token]);
        let told = out(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        for word in words {
            assert!(told.contains(word), "{word} is not in\n{told}");
        }
        if token.contains('.') {
            no_token_in(&token, &told);
        }
    }
    let output = prepared.command(&["explain", "-c", "portcullis.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(out(&output).contains("token_missing"));
}

#[test]
fn explain_judges_any_client_at_any_time_and_speaks_json() {
    let issuer = Issuer::of("ES256");
    let prepared = good(&issuer);
    let explain = |more: &[&str]| {
        let output = prepared.command(&[&["explain", "-c", "portcullis.yaml", "--json"], more].concat());
        let told: Value = serde_json::from_str(&out(&output)).unwrap();
        (output.status.code(), told)
    };
    let (exit, told) = explain(&["--url", "/ip", "--client", "10.1.2.3"]);
    assert_eq!((exit, &told["admitted"]), (Some(0), &json!(true)));
    let (exit, told) = explain(&["--url", "/ip", "--client", "11.1.2.3"]);
    assert_eq!((exit, &told["reason"], &told["status"]), (Some(1), &json!("ip_refused"), &json!(403)));
    let token = admin_token(&issuer);
    let header = format!("Authorization: Bearer {token}");
    assert_eq!(explain(&["--header", &header]).0, Some(0));
    let (exit, told) = explain(&["--token", &token, "--at", "2099-01-01T00:00:00Z"]);
    assert_eq!((exit, &told["reason"]), (Some(1), &json!("token_expired")));
    let (exit, told) = explain(&["--url", "/a%00b"]);
    assert_eq!((exit, &told["reason"]), (Some(1), &json!("path_refused")));
    let (exit, told) = explain(&["--url", "/public", "--method", "TRACE"]);
    assert_eq!((exit, &told["reason"]), (Some(1), &json!("method_refused")));
}

#[test]
fn explain_reads_a_token_from_standard_input() {
    let issuer = Issuer::of("ES256");
    let prepared = good(&issuer);
    let mut child = Command::new(binary())
        .args(["explain", "-c", "portcullis.yaml", "--token", "-"])
        .current_dir(prepared.folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = format!("{}\n", admin_token(&issuer));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}
