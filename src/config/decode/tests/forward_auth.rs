//! Are services read as the contract says?

use std::time::Duration;

use super::super::super::schema::{ForwardAuth, OnDenied};
use super::super::super::value::ServiceTransport;
use super::{good, refused};

fn service(text: &str) -> ForwardAuth {
    good(&format!("forward_auth: {{ verifier: {text} }}")).forward_auth.remove(0)
}

#[test]
fn a_service_has_the_defaults_of_the_contract() {
    let service = service("{ url: http://127.0.0.1:5001/verify }");
    assert_eq!((service.name.value.as_str(), service.method.as_str()), ("verifier", "GET"));
    let names: Vec<_> = service.send_headers.iter().map(|name| name.as_str()).collect();
    assert_eq!(names, ["authorization", "cookie"]);
    assert_eq!((service.timeout, service.on_denied), (Duration::from_secs(2), OnDenied::Status));
    assert_eq!(service.challenge, "Bearer");
    assert!(service.identity_headers.is_empty() && service.response_headers.is_empty());
    assert!(service.tls.is_none() && service.cache.is_none());
}

#[test]
fn every_key_of_a_service_is_read() {
    let service = service(
        "{ url: 'https://auth.internal/v', method: POST, send_headers: [X-Session], identity_headers: { X-User: a }, \
         response_headers: [Set-Cookie], challenge: 'Basic realm=\"x\"', timeout: 1s, on_denied: response, cache: 5s, \
         tls: { ca: ca.pem } }",
    );
    assert_eq!(service.url.unwrap().transport, ServiceTransport::Tls);
    assert_eq!((service.method.as_str(), service.send_headers[0].as_str()), ("POST", "x-session"));
    assert_eq!((service.response_headers[0].as_str(), service.on_denied), ("set-cookie", OnDenied::Response));
    assert_eq!((service.timeout, service.cache), (Duration::from_secs(1), Some(Duration::from_secs(5))));
    assert_eq!(service.challenge, "Basic realm=\"x\"");
    assert!(service.tls.unwrap().ca.unwrap().ends_with("gate/ca.pem"));
}

/// What is written, how the problem begins, and words in it.
const RULES: &[(&str, &str, &str)] = &[
    ("{}", "forward_auth.verifier: \"url\" is missing", ""),
    ("{ url: verifier }", "forward_auth.verifier.url: expected a URL", ""),
    ("{ url: 'http://u:p@a/' }", "forward_auth.verifier.url: ", "user name or password"),
    ("{ url: 'http://a/', method: TRACE }", "forward_auth.verifier.method: ", "cannot be asked with TRACE"),
    ("{ url: 'http://a/', send_headers: [] }", "forward_auth.verifier.send_headers: the list is empty", ""),
    ("{ url: 'http://a/', send_headers: [Content-Length] }", "forward_auth.verifier.send_headers[0]: ", "no body"),
    ("{ url: 'http://a/', send_headers: [Connection] }", "forward_auth.verifier.send_headers[0]: ", "one connection"),
    ("{ url: 'http://a/', response_headers: [Content-Type] }", "forward_auth.verifier.response_headers[0]: ", "body"),
    ("{ url: 'http://a/', identity_headers: { Cookie: x } }", "forward_auth.verifier.identity_headers.Cookie: ", ""),
    ("{ url: 'http://a/', tls: {} }", "forward_auth.verifier: \"tls\" belongs to a URL with https", ""),
    ("{ url: 'http://a/', timeout: 0 }", "forward_auth.verifier.timeout: ", "too short"),
    ("{ url: 'http://a/', on_denied: pass }", "forward_auth.verifier.on_denied: ", "\"status\" or \"response\""),
];

#[test]
fn each_rule_of_services() {
    for (text, start, words) in RULES {
        refused(&format!("forward_auth: {{ verifier: {text} }}"), start, words);
    }
}
