//! Are realms read as the contract says?

use std::time::Duration;

use super::super::super::schema::{Enforcement, ForwardToken, Realm, RequirementStatus, TokenSource, Uses};
use super::{good, loaded, refused};

fn realm(text: &str) -> Realm {
    good(&format!("realms: {{ app: {{ {text} }} }}")).realms.remove(0)
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let realm = realm("keys: site");
    assert_eq!((realm.name.as_str(), realm.keys[0].as_str(), realm.keys.len()), ("app", "site", 1));
    assert_eq!(realm.token, [TokenSource::Bearer]);
    assert_eq!((realm.leeway, realm.max_age), (Duration::ZERO, None));
    assert_eq!((realm.forward_token, realm.cache_entries), (ForwardToken::Header, 65_536));
    assert!(realm.algorithms.is_none() && realm.issuer.is_none() && realm.audience.is_none());
    assert!(realm.challenge.is_none() && realm.token_types.is_none() && realm.require.is_empty());
}

#[test]
fn one_or_a_list() {
    assert_eq!(realm("keys: [a, b]").keys.len(), 2);
    assert_eq!(realm("keys: a, issuer: x").issuer.unwrap(), ["x"]);
    assert_eq!(realm("keys: a, audience: [x, 0123]").audience.unwrap(), ["x", "0123"]);
}

#[test]
fn tokens_are_looked_for_where_it_is_said() {
    let realm = realm("keys: a, token: [bearer, { cookie: c }, { query: q }, { header: X-Auth, scheme: Token }]");
    let [TokenSource::Bearer, cookie, query, header] = realm.token.as_slice() else { panic!() };
    assert_eq!(*cookie, TokenSource::Cookie("c".to_owned()));
    assert_eq!(*query, TokenSource::Query("q".to_owned()));
    assert!(
        matches!(header, TokenSource::Header { name, scheme: Some(scheme) } if name == "x-auth" && scheme == "Token")
    );
}

#[test]
fn rules_about_claims() {
    let realm = realm(
        "keys: a, leeway: 60s, max_age: 15m, required_claims: [sub, exp], token_types: [at+jwt], type: signed, \
         require: ['claims.a == 1', { check: 'claims.b', status: 401 }], cache: { entries: 0 }, forward_token: none",
    );
    assert_eq!((realm.leeway, realm.max_age), (Duration::from_secs(60), Some(Duration::from_secs(900))));
    assert_eq!(realm.required_claims, ["sub", "exp"]);
    assert_eq!(realm.require[0].check.value, "claims.a == 1");
    let statuses: Vec<_> = realm.require.iter().map(|requirement| requirement.status).collect();
    assert_eq!(statuses, [RequirementStatus::Forbidden, RequirementStatus::Unauthorized]);
    assert_eq!((realm.cache_entries, realm.forward_token), (0, ForwardToken::None));
}

/// What is written, how the problem begins, and words in it.
const REALMS_RULES: &[(&str, &str, &str)] = &[
    ("leeway: 0", "realms.app: \"keys\" is missing", ""),
    ("keys: []", "realms.app.keys: the list is empty", ""),
    ("keys: [a, a]", "realms.app.keys[1]: ", "already"),
    ("keys: a, issuer: []", "realms.app.issuer: the list is empty", ""),
    ("keys: a, issuer:", "realms.app.issuer: expected text, found nothing", ""),
    ("keys: a, audience: []", "realms.app.audience: the list is empty", ""),
    ("keys: a, audience: ['']", "realms.app.audience[0]: ", "empty text"),
    ("keys: a, algorithms: []", "realms.app.algorithms: the list is empty", ""),
    ("keys: a, algorithms: RS256", "realms.app.algorithms: expected a list, found text", ""),
    ("keys: a, token_types: []", "realms.app.token_types: the list is empty", ""),
    ("keys: a, token: []", "realms.app.token: the list is empty", ""),
    ("keys: a, token: [beaer]", "realms.app.token[0]: ", "did you mean \"bearer\"?"),
    ("keys: a, token: [{ cookie: a }, { cookie: a }]", "realms.app.token[1]: ", "already"),
    ("keys: a, token: [{ cookie: a b }]", "realms.app.token[0].cookie: ", "no cookie name"),
    ("keys: a, token: [{ cookie: a, query: b }]", "realms.app.token[0]: \"cookie\" and \"query\" together", ""),
    ("keys: a, token: [{ cookie: a, scheme: b }]", "realms.app.token[0]: \"scheme\" belongs", ""),
    ("keys: a, token: [{ cokie: a, scheme: b }]", "realms.app.token[0]: unknown key \"cokie\"", ""),
    ("keys: a, token: [{}]", "realms.app.token[0]: one of", "is needed"),
    ("keys: a, token: [{ header: a b }]", "realms.app.token[0].header: ", "no header name"),
    ("keys: a, leeway: 5", "realms.app.leeway: ", "write 5s"),
    ("keys: a, type: sined", "realms.app.type: ", "did you mean \"signed\"?"),
    ("keys: a, type: sealed", "realms.app.type: ", "\"nested\""),
    (
        "keys: a, key_management: [dir]",
        "realms.app: \"key_management\" belongs to a realm with \"type: encrypted\"",
        "",
    ),
    ("keys: a, decryption_keys: b", "realms.app: \"decryption_keys\" belongs to", ""),
    ("keys: a, type: encrypted, algorithms: [RS256]", "realms.app: \"algorithms\" are those of signatures", ""),
    ("keys: a, type: nested, key_management: []", "realms.app.key_management: the list is empty", ""),
    ("keys: a, type: nested, content_encryption: A256GCM", "realms.app.content_encryption: ", "a list"),
    ("keys: a, type: nested, compression: DEF", "realms.app.compression: ", "true or false"),
    ("keys: a, type: nested, pbes2_max_count: 0", "realms.app.pbes2_max_count: ", "1 to 1000000"),
    ("type: encrypted", "realms.app: \"keys\" is missing", ""),
    ("type: nested, decryption_keys: a", "realms.app: \"keys\" is missing", ""),
    ("keys: a, cache: { entries: 10000001 }", "realms.app.cache.entries: ", "from 0 to 10000000"),
    ("keys: a, forward_token: body", "realms.app.forward_token: expected \"header\", \"all\" or \"none\"", ""),
    ("keys: a, require: [{ status: 401 }]", "realms.app.require[0]: \"check\" is missing", ""),
    ("keys: a, require: [{ check: x, status: 404 }]", "realms.app.require[0].status: ", "\"401\" or \"403\""),
    ("keys: a, identity_headers: { Host: x }", "realms.app.identity_headers.Host: ", "cannot be set"),
    ("keys: a, identity_headers: { X-A: x, x-a: y }", "realms.app.identity_headers.x-a: ", "already"),
    ("keys: a, identity_headers: { X-A: '' }", "realms.app.identity_headers.X-A: ", "empty text"),
    ("keys: a, identity_headers: { 'X A': x }", "realms.app.identity_headers[\"X A\"]: ", "no header name"),
];

#[test]
fn each_rule_of_realms() {
    for (text, start, words) in REALMS_RULES {
        refused(&format!("realms: {{ app: {{ {text} }} }}"), start, words);
    }
}

#[test]
fn what_keeps_good_tokens_from_the_wrong_hands_is_read() {
    let plain = realm("keys: k");
    assert_eq!((plain.uses, plain.enforcement), (Uses::Many, Enforcement::Enforce));
    assert!(plain.revoked.is_none() && plain.allowed_origins.is_none());
    let realm = realm(
        "keys: k, token: [{ cookie: c }], allowed_origins: ['https://App.example.com:443'], revoked: { file: r.yaml }, \
         single_use: true, shadow: true",
    );
    assert_eq!((realm.uses, realm.enforcement), (Uses::One, Enforcement::Shadow));
    assert!(realm.revoked.unwrap().ends_with("gate/r.yaml"));
    assert_eq!(realm.allowed_origins.unwrap(), ["https://app.example.com"]);
    for (text, start, words) in [
        ("allowed_origins: ['https://a']", "realms.app: \"allowed_origins\" belongs to", "cookie"),
        ("token: [{ cookie: c }], allowed_origins: []", "realms.app.allowed_origins: the list is empty", ""),
        ("token: [{ cookie: c }], allowed_origins: ['*']", "realms.app.allowed_origins[0]: ", "expected a URL"),
        (
            "token: [{ cookie: c }], allowed_origins: ['https://a/b']",
            "realms.app.allowed_origins[0]: ",
            "leave out the path",
        ),
        ("revoked: r.yaml", "realms.app.revoked: expected a mapping", ""),
        ("revoked: {}", "realms.app.revoked: \"file\" is missing", ""),
        ("single_use: once", "realms.app.single_use: expected true or false", ""),
    ] {
        refused(&format!("realms: {{ app: {{ keys: k, {text} }} }}"), start, words);
    }
}

#[test]
fn a_realm_that_is_no_mapping_stays_known() {
    assert_eq!(loaded("realms: { app: }").config.realms[0].name.value, "app");
}
