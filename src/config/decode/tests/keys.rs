//! Are key sets read as the contract says?

use super::super::super::schema::{KeyOrigin, KeySource, SecretEncoding, WeakKeys};
use super::{good, loaded, refused};

fn source(text: &str) -> KeySource {
    good(&format!("keys: {{ a: [{text}] }}")).keys.remove(0).sources.remove(0)
}

#[test]
fn secrets_are_the_octets_they_stand_for() {
    for (text, octets) in [
        ("{ secret: 0123 }", b"0123".as_slice()),
        ("{ secret: true }", b"true"),
        ("{ secret: \" x \" }", b" x "),
        ("{ secret: AAEC, encoding: base64 }", &[0, 1, 2]),
        ("{ secret: -_8, encoding: base64url }", &[0xfb, 0xff]),
        ("{ secret: 00ff, encoding: hex }", &[0, 0xff]),
    ] {
        assert!(matches!(source(text).from, KeyOrigin::Secret(secret) if secret.expose() == octets), "{text}");
    }
}

#[test]
fn an_inline_set_becomes_json() {
    let KeyOrigin::Jwks(json) = source("{ jwks: { keys: [{ kty: oct, k: AAEC, n: \"1\" }] } }").from else { panic!() };
    assert_eq!(json.expose(), br#"{"keys":[{"kty":"oct","k":"AAEC","n":"1"}]}"#);
}

#[test]
fn files_and_options_are_kept() {
    let source = source("{ secret_file: s, encoding: hex, kid: 7, algorithms: [HS256], dangerously_allow_weak: true }");
    assert!(matches!(&source.from, KeyOrigin::SecretFile(file, SecretEncoding::Hex) if file.ends_with("gate/s")));
    assert_eq!((source.kid.as_deref(), source.weak_keys), (Some("7"), WeakKeys::DangerouslyAllow));
    assert_eq!(source.algorithms.unwrap()[0].value, "HS256");
}

/// What is written, how the problem begins, and words in it.
const KEY_SETS_RULES: &[(&str, &str, &str)] = &[
    ("[]", "keys.a: the list is empty", ""),
    ("[{}]", "keys.a[0]: one of \"jwks_file\"", "is needed"),
    ("[{ kid: x }]", "keys.a[0]: one of \"jwks_file\"", "is needed"),
    ("[{ secret: x, jwks_file: y }]", "keys.a[0]: \"secret\" and \"jwks_file\" together", ""),
    ("[{ secrte: x }]", "keys.a[0]: unknown key \"secrte\"; did you mean \"secret\"?", ""),
    ("[{ secret: '' }]", "keys.a[0].secret: the secret is empty", ""),
    ("[{ secret: }]", "keys.a[0].secret: expected a secret, found nothing", ""),
    ("[{ secret: xyz, encoding: hex }]", "keys.a[0].secret: the secret is not hex", ""),
    ("[{ secret: xyz, encoding: base46 }]", "keys.a[0].encoding: ", "did you mean \"base64\"?"),
    ("[{ pem_file: x, encoding: hex }]", "keys.a[0]: \"encoding\" belongs to", ""),
    ("[{ pem_file: x, algorithms: [] }]", "keys.a[0].algorithms: the list is empty", ""),
    ("[{ pem_file: x, algorithms: [RS256, RS256] }]", "keys.a[0].algorithms[1]: ", "already"),
    ("[{ jwks: [] }]", "keys.a[0].jwks: expected a mapping", "found a list"),
    ("[{ jwks: { keys: [.inf] } }]", "keys.a[0].jwks.keys[0]: JSON has no infinity", ""),
    ("[{ jwks_file: '{request.host}.json' }]", "keys.a[0].jwks_file: ", "not built yet"),
    ("[{ jwks_url: http://x }]", "keys.a[0]: \"jwks_url\" is not built yet", ""),
    ("[{ discovery: http://x }]", "keys.a[0]: \"discovery\" is not built yet", ""),
    ("[{ pem_file: x, refresh: 1m }]", "keys.a[0]: \"refresh\" is not built yet", ""),
    ("{ secret: x }", "keys.a: expected a list, found a mapping", ""),
];

#[test]
fn each_rule_of_key_sets() {
    for (text, start, words) in KEY_SETS_RULES {
        refused(&format!("keys: {{ a: {text} }}"), start, words);
    }
}

#[test]
fn a_forgotten_space_is_recognised_and_what_follows_is_not_shown() {
    refused(
        "keys: { a: [{secret:hunter2}] }",
        "keys.a[0]: unknown key \"secret:…\"; a space is missing after \"secret:\"",
        "",
    );
}

#[test]
fn a_broken_set_stays_known() {
    assert_eq!(loaded("keys: { a: [] }").config.keys[0].name.value, "a");
}
