//! Are listeners read as the contract says?

use super::{good, refused};
use crate::config::schema::{CertificateRequirement, CipherPreference, Limits, TlsVersion};

#[test]
fn everything_that_a_listener_can_say() {
    let config = good(
        "listeners:\n\
         \x20 - { name: plain, address: 0.0.0.0:80, http2: false,\n\
         \x20     redirect_to_https: { status: 308, port: 8443, except: [/.well-known/acme-challenge/] } }\n\
         \x20 - { address: '[::]:443', http2: true, tls: { certificates: [{ certificate: a.crt, key: /a.key }] } }\n\
         \x20 - { address: 127.0.0.1:81, redirect_to_https: 302 }\n",
    );
    let [plain, secure, short] = config.listeners.as_slice() else { panic!() };
    let redirect = plain.redirect_to_https.as_ref().unwrap();
    assert_eq!(
        (redirect.status, redirect.port, redirect.except[0].as_str()),
        (308, 8443, "/.well-known/acme-challenge/")
    );
    assert_eq!((plain.name.as_ref().unwrap().as_str(), plain.http2), ("plain", Some(false)));
    let pair = &secure.tls.as_ref().unwrap().certificates[0].pair;
    assert_eq!(pair.certificate.display().to_string(), "/etc/gate/a.crt");
    assert_eq!(pair.key.display().to_string(), "/a.key");
    let redirect = short.redirect_to_https.as_ref().unwrap();
    assert_eq!((redirect.status, redirect.port, redirect.except.len(), short.http2), (302, 443, 0, None));
}

/// What is written, how the problem begins, and words in it.
const LISTENERS_RULES: &[(&str, &str, &str)] = &[
    ("{}", "listeners[0]: \"address\" is missing", ""),
    ("{ adress: 127.0.0.1:1 }", "listeners[0]: unknown key \"adress\"; did you mean \"address\"?", ""),
    ("{ address: localhost:80 }", "listeners[0].address: ", "a name where an IP address is needed"),
    ("{ address: }", "listeners[0].address: ", "found nothing"),
    ("{ address: [::]:80 }", "", "not valid YAML"),
    ("{ address: '127.0.0.1:1', name: '' }", "listeners[0].name: ", "empty text"),
    ("{ address: '127.0.0.1:1', http2: yes }", "listeners[0].http2: ", "found \"yes\"; write true"),
    ("{ address: '127.0.0.1:1', http2: off }", "listeners[0].http2: ", "found \"off\"; write false"),
    ("{ address: '127.0.0.1:1', redirect_to_https: 200 }", "listeners[0].redirect_to_https: ", "expected a redirect"),
    (
        "{ address: '127.0.0.1:1', redirect_to_https: { port: 0 } }",
        "listeners[0].redirect_to_https.port: ",
        "1 to 65535",
    ),
    (
        "{ address: '127.0.0.1:1', redirect_to_https: { except: [x] } }",
        "listeners[0].redirect_to_https.except[0]: ",
        "begins with",
    ),
    ("{ address: '127.0.0.1:1', tls: {} }", "listeners[0].tls: \"certificates\" is missing", ""),
    (
        "{ address: '127.0.0.1:1', tls: { certificates: [{ key: x }] } }",
        "listeners[0].tls.certificates[0]: \"certificate\" is missing",
        "",
    ),
    (
        "{ address: '127.0.0.1:1', redirect_to_https: 301, tls: { certificates: [{ key: x, certificate: y }] } }",
        "listeners[0]: ",
        "lead back",
    ),
    ("{ address: '127.0.0.1:1', limits: { body_size: 1K } }", "listeners[0].limits.body_size: ", "expected a size"),
    ("{ address: '127.0.0.1:1', limits: { header_timeout: 0s } }", "listeners[0].limits.header_timeout: ", "too short"),
    ("{ address: '127.0.0.1:1', limits: { idle_timeout: 10ms } }", "listeners[0].limits.idle_timeout: ", "too short"),
    (
        "{ address: '127.0.0.1:1', limits: { requests_per_connection: 0 } }",
        "listeners[0].limits.requests_per_connection: ",
        "from 1",
    ),
    ("{ address: '127.0.0.1:1', trusted_proxies: [] }", "listeners[0].trusted_proxies: the list is empty", ""),
    ("{ address: '127.0.0.1:1', trusted_proxies: [10.0.0.1/8] }", "listeners[0].trusted_proxies[0]: ", "10.0.0.0/8"),
    ("{ address: '127.0.0.1:1', trusted_proxies: [0.0.0.0/0] }", "listeners[0]", "trusts everybody"),
    ("{ address: '127.0.0.1:1', proxy_protocol: true }", "listeners[0]: ", "nobody would be believed"),
    ("127.0.0.1:80", "listeners[0]: expected a mapping", "found text"),
];

#[test]
fn each_rule_of_listeners() {
    for (text, start, words) in LISTENERS_RULES {
        refused(&format!("listeners: [{text}]\n"), start, words);
    }
}

#[test]
fn names_and_addresses_of_listeners_differ() {
    let two = |first: &str, second: &str| format!("listeners:\n  - {{ {first} }}\n  - {{ {second} }}\n");
    refused(
        &two("address: '127.0.0.1:1'", "address: '127.0.0.1:1'"),
        "listeners[1].address: the listener of line ",
        "127.0.0.1:1",
    );
    refused(
        &two("address: '127.0.0.1:1', name: a", "address: '127.0.0.1:2', name: a"),
        "listeners[1].name: ",
        "\"a\" already",
    );
    good(&two("address: '127.0.0.1:0'", "address: '127.0.0.1:0'"));
}

#[test]
fn a_listener_with_a_broken_address_keeps_its_name() {
    let loaded = super::loaded("listeners: [{ name: plain, address: nowhere }]\n");
    assert_eq!(loaded.problems.len(), 1);
    assert_eq!(loaded.config.listeners[0].name.as_ref().unwrap().value, "plain");
}

#[test]
fn everything_that_limits_can_say() {
    let config = good(
        "listeners: [{ address: '127.0.0.1:1', limits: { header_size: 8KiB, body_size: 10MiB, header_timeout: 5s,\n\
         \x20 idle_timeout: 30s, requests_per_connection: 10, token_size: 4KiB } }]\n",
    );
    let seconds = std::time::Duration::from_secs;
    let limits = &config.listeners[0].limits;
    assert_eq!((limits.header_size, limits.body_size, limits.token_size), (8192, Some(10 << 20), 4096));
    assert_eq!((limits.header_timeout, limits.idle_timeout), (seconds(5), seconds(30)));
    assert_eq!(limits.requests_per_connection, 10);
    let unlimited = good("listeners: [{ address: '127.0.0.1:1', limits: { body_size: unlimited } }]\n");
    assert_eq!(unlimited.listeners[0].limits, Limits::default());
}

#[test]
fn everything_that_tls_can_say() {
    let config = good(
        "listeners: [{ address: '127.0.0.1:1', tls: { certificates: [{ certificate: a, key: b, ocsp: c }],\n\
         \x20 protocols: [TLSv1.2], ciphers: HIGH, prefer_server_ciphers: true, session_cache: 1MiB,\n\
         \x20 session_timeout: 5m, client_certificate: { ca: d, required: false } } }]\n",
    );
    let tls = config.listeners[0].tls.as_ref().unwrap();
    assert_eq!((tls.oldest, tls.newest), (TlsVersion::Tls12, TlsVersion::Tls12));
    assert_eq!(tls.ciphers.as_ref().unwrap().as_str(), "HIGH");
    assert_eq!((tls.preference, tls.session_cache), (CipherPreference::Server, 1 << 20));
    assert_eq!(tls.session_timeout, std::time::Duration::from_secs(300));
    assert_eq!(tls.certificates[0].ocsp.as_ref().unwrap().display().to_string(), "/etc/gate/c");
    let clients = tls.clients.as_ref().unwrap();
    assert_eq!(clients.required, CertificateRequirement::Optional);
}

/// What is written in `tls` besides the certificates, and words of the problem.
const TLS_RULES: &[(&str, &str, &str)] = &[
    ("protocols: []", ".protocols: ", "the list is empty"),
    ("protocols: [TLSv1.1]", ".protocols[0]: TLSv1.1 is not spoken", "RFC 8996"),
    ("protocols: [tls13]", ".protocols[0]: expected TLSv1.2 or TLSv1.3", ""),
    ("protocols: [TLSv1.3], ciphers: HIGH", ".ciphers: these are ciphers of TLSv1.2", "not in \"protocols\""),
    ("protocols: [TLSv1.2], ciphersuites: X", ".ciphersuites: these are ciphers of TLSv1.3", ""),
    ("session_timeout: 10ms", ".session_timeout: ", "too short"),
    ("client_certificate: {}", ".client_certificate: \"ca\" is missing", ""),
    ("cipher: HIGH", ": unknown key \"cipher\"; did you mean \"ciphers\"?", ""),
];

#[test]
fn each_rule_of_tls() {
    for (text, start, words) in TLS_RULES {
        let tls = format!("{{ certificates: [{{ certificate: a, key: b }}], {text} }}");
        let listener = format!("listeners: [{{ address: '127.0.0.1:1', tls: {tls} }}]\n");
        refused(&listener, &format!("listeners[0].tls{start}"), words);
    }
}
