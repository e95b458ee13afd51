//! Are tokens of other people's libraries understood? PyJWT and npm's jose, every algorithm, and every octet matters.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::gateway::PLAIN;
use crate::harness::issuer::{ALGORITHMS, jwks, now};
use crate::harness::tools::{fixture, run, tool};
use crate::harness::{Client, Gateway, Issuer, Request};

const RULES: &str = r#"
keys: { site: [{ jwks_file: keys.json }] }
realms:
  site: { keys: site, required_claims: [sub, exp], identity_headers: { X-User-ID: "{claims.sub}" } }
locations:
  - { match: { prefix: / }, access: { realm: site }, echo: true }
"#;

/// Fewer than a connection may carry.
const REQUESTS_PER_CONNECTION: usize = 500;

#[test]
fn tokens_of_pyjwt_are_admitted_and_refused_with_any_octet_changed() {
    let mut minter = Command::new(tool("venv/bin/python"));
    minter.arg(fixture("mint_pyjwt.py"));
    judge_tokens_of(&mut minter);
}

#[test]
fn tokens_of_npm_jose_are_admitted_and_refused_with_any_octet_changed() {
    let modules = tool("mint_jose");
    let mut minter = Command::new("node");
    minter.arg(fixture("mint_jose/mint.mjs")).arg(modules);
    judge_tokens_of(&mut minter);
}

fn judge_tokens_of(minter: &mut Command) {
    let issuers: Vec<Issuer> = ALGORITHMS.iter().map(|algorithm| Issuer::of(algorithm)).collect();
    let keys = jwks(&issuers.iter().collect::<Vec<_>>());
    let gateway = Gateway::prepare(&format!("{PLAIN}{RULES}")).file("keys.json", keys).start();
    for (algorithm, token) in ALGORITHMS.iter().zip(minted(minter, &issuers)) {
        admitted(&mut gateway.client(), algorithm, &token);
        refused_with_any_octet_changed(&gateway, algorithm, &token);
        admitted(&mut gateway.client(), algorithm, &token);
    }
}

fn minted(minter: &mut Command, issuers: &[Issuer]) -> Vec<String> {
    let wanted: Vec<Value> = issuers
        .iter()
        .zip(ALGORITHMS)
        .map(|(issuer, algorithm)| {
            let claims = json!({ "sub": format!("user of {algorithm}"), "exp": now() + 3600 });
            json!({ "alg": algorithm, "kid": issuer.kid, "key": issuer.private, "claims": claims })
        })
        .collect();
    let tokens = run(minter, Value::from(wanted).to_string().as_bytes());
    serde_json::from_str(&tokens).unwrap()
}

fn admitted(client: &mut Client, algorithm: &str, token: &str) {
    let answer = client.exchange(&Request::get("/").bearer(token));
    assert_eq!(answer.status, 200, "{algorithm}: {}", answer.text());
    let user = &answer.json()["headers"]["x-user-id"];
    assert_eq!(*user, format!("user of {algorithm}"));
}

fn refused_with_any_octet_changed(gateway: &Gateway, algorithm: &str, token: &str) {
    let mut client = gateway.client();
    for (count, place) in (0..token.len()).enumerate() {
        if count % REQUESTS_PER_CONNECTION == REQUESTS_PER_CONNECTION - 1 {
            client = gateway.client();
        }
        let changed = with_another_octet(token, place);
        let answer = client.exchange(&Request::get("/").bearer(&changed));
        assert_eq!(answer.status, 401, "{algorithm} with octet {place} changed: {changed}");
    }
}

/// Another letter of the same alphabet, so that nothing but its meaning is wrong.
pub fn with_another_octet(token: &str, place: usize) -> String {
    let mut octets = token.as_bytes().to_vec();
    octets[place] = match octets[place] {
        b'z' => b'a',
        b'Z' => b'A',
        b'9' | b'_' => b'0',
        b'-' => b'_',
        b'.' => b'A',
        other => other + 1,
    };
    String::from_utf8(octets).unwrap()
}

#[test]
fn class_22_another_writing_of_the_same_signature_is_refused() {
    let issuer = Issuer::of("ES256");
    let gateway = Gateway::prepare(&format!("{PLAIN}{RULES}")).file("keys.json", issuer.jwks()).start();
    let token = issuer.token(&json!({ "sub": "user of ES256", "exp": now() + 3600 }));
    admitted(&mut gateway.client(), "ES256", &token);
    // 64 octets are 86 letters: the last holds four bits that mean nothing.
    let (rest, last) = token.split_at(token.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for other in alphabet.chars().filter(|letter| !last.starts_with(*letter)) {
        let answer = gateway.send(&Request::get("/").bearer(&format!("{rest}{other}")));
        assert_eq!(answer.status, 401, "{other} for {last}");
    }
    for written in [
        format!("{token}="),
        format!("{token}=="),
        format!("{token}A"),
        format!("{token}."),
        token.replace('_', "/") + "=",
    ] {
        assert_eq!(gateway.send(&Request::get("/").bearer(&written)).status, 401, "{written}");
    }
}
