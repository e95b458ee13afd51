//! Are key sets read as the contract says?

use std::time::Duration;

use super::super::super::schema::{KeyOrigin, KeySource, Required, SecretEncoding, WeakKeys};
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
    assert!(
        matches!(&source.from, KeyOrigin::SecretFile(file, SecretEncoding::Hex) if file.path().ends_with("gate/s"))
    );
    assert_eq!((source.kid.as_deref(), source.weak_keys), (Some("7"), WeakKeys::DangerouslyAllow));
    assert_eq!(source.algorithms.unwrap()[0].value, "HS256");
}

#[test]
fn keys_over_http_have_the_times_of_the_contract() {
    let KeyOrigin::JwksUrl(url, keys) = source("{ jwks_url: https://id.example/k }").from else { panic!() };
    assert_eq!(url.value, "https://id.example/k");
    let seconds = [keys.refresh, keys.stale_for, keys.unknown_kid_cooldown, keys.timeout].map(|time| time.as_secs());
    assert_eq!((seconds, keys.required), ([600, 86_400, 30, 5], Required::Yes));
    assert!(keys.saved_copy.is_none() && keys.ca.is_none());
    let written = source(
        "{ discovery: https://id.example, refresh: 1m, stale_for: 1h, unknown_kid_cooldown: 2s, timeout: 1s, \
         required: false, saved_copy: copy.jwks, tls: { ca: ca.pem } }",
    );
    let KeyOrigin::Discovery(_, keys) = written.from else { panic!() };
    let seconds = [keys.refresh, keys.stale_for, keys.unknown_kid_cooldown, keys.timeout].map(|time| time.as_secs());
    assert_eq!((seconds, keys.required), ([60, 3600, 2, 1], Required::No));
    assert!(keys.saved_copy.unwrap().ends_with("gate/copy.jwks") && keys.ca.unwrap().ends_with("gate/ca.pem"));
}

#[test]
fn a_template_names_a_place_for_each_request() {
    let named = source("{ jwks_file: 'tenants/{request.host}.json' }");
    assert_eq!((named.cache, source("{ jwks_file: x }").cache), (Some(Duration::from_secs(600)), None));
    let named = source("{ jwks_url: 'https://id.example/{request.host}', cache: 5m, timeout: 1s }");
    assert_eq!(named.cache, Some(Duration::from_secs(300)));
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
    ("[{ jwks_url: x }]", "keys.a[0].jwks_url: expected a URL", ""),
    ("[{ jwks_url: 'ftp://x/y' }]", "keys.a[0].jwks_url: ", "only http and https"),
    ("[{ discovery: 'https://u:p@x' }]", "keys.a[0].discovery: ", "user name or password"),
    ("[{ jwks_url: https://x, refresh: 10ms }]", "keys.a[0].refresh: 10ms is too short: 1s at least", ""),
    ("[{ jwks_url: https://x, timeout: 0 }]", "keys.a[0].timeout: 0ns is too short", ""),
    ("[{ jwks_url: https://x, unknown_kid_cooldown: 0 }]", "keys.a[0].unknown_kid_cooldown: ", "1s at least"),
    ("[{ jwks_url: https://x, cache: 1m }]", "keys.a[0]: \"cache\" belongs to a file name or URL with a template", ""),
    ("[{ jwks_url: https://x, tls: {} }]", "keys.a[0].tls: \"ca\" is missing", ""),
    ("[{ jwks_url: https://x, encoding: hex }]", "keys.a[0]: \"encoding\" belongs to", ""),
    ("[{ jwks_url: https://x, pem_file: y }]", "keys.a[0]: \"jwks_url\" and \"pem_file\" together", ""),
    ("[{ pem_file: x, refresh: 1m }]", "keys.a[0]: \"refresh\" belongs to \"jwks_url\" or \"discovery\"", ""),
    ("[{ pem_file: x, saved_copy: y }]", "keys.a[0]: \"saved_copy\" belongs to", ""),
    ("[{ jwks_url: 'https://x/{request.host}', saved_copy: y }]", "keys.a[0]: \"saved_copy\" belongs to a URL", ""),
    ("[{ jwks_file: 'x{request.host}', cache: 0 }]", "keys.a[0].cache: ", "1s at least"),
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
