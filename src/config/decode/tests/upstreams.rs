//! Are upstreams read as the contract says?

use std::time::Duration;

use super::super::super::schema::{Timeouts, Upstream, VerifyPeer};
use super::{good, loaded, refused};

fn upstream(text: &str) -> Upstream {
    good(&format!("upstreams: {{ app: {{ {text} }} }}")).upstreams.remove(0)
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let upstream = upstream("servers: ['127.0.0.1:1']");
    assert_eq!((upstream.retries, upstream.servers[0].weight), (1, 1));
    let seconds = Duration::from_secs;
    let usual = Timeouts {
        connect: seconds(2),
        read: seconds(60),
        write: seconds(60),
        idle: seconds(60),
        websocket_idle: seconds(3600),
    };
    assert_eq!(upstream.timeouts, usual);
    assert!(upstream.host.is_none() && upstream.tls.is_none());
}

#[test]
fn servers_are_of_every_kind() {
    let text = "servers: ['127.0.0.1:1', { address: App:2, weight: 3 }, unix:/run/a.sock, unix:b.sock]";
    let upstream = upstream(text);
    let shown: Vec<_> = upstream.servers.iter().map(|server| server.address.to_string()).collect();
    assert_eq!(shown, ["127.0.0.1:1", "app:2", "unix:/run/a.sock", "unix:/etc/gate/b.sock"]);
    assert_eq!(upstream.servers[1].weight, 3);
}

#[test]
fn the_rest_of_an_upstream() {
    let upstream = upstream(
        "servers: ['a:1'], host: 'app.internal:80', retries: 0, timeouts: { read: 10m, idle: 0 }, \
         tls: { server_name: App.internal, ca: ca.pem, certificate: c.crt, key: c.key }",
    );
    assert_eq!(upstream.host.unwrap().value, "app.internal:80");
    assert_eq!((upstream.timeouts.read, upstream.timeouts.idle), (Duration::from_secs(600), Duration::ZERO));
    let tls = upstream.tls.unwrap();
    assert_eq!(tls.server_name.unwrap().value, "app.internal");
    assert_eq!(tls.verify, VerifyPeer::Yes);
    assert!(tls.client.unwrap().key.ends_with("gate/c.key"));
}

#[test]
fn an_unchecked_certificate_is_warned_about() {
    let loaded = loaded("upstreams: { app: { servers: ['a:1'], tls: { verify: false } } }");
    assert_eq!(loaded.problems, []);
    assert_eq!(loaded.config.upstreams[0].tls.as_ref().unwrap().verify, VerifyPeer::No);
    assert!(loaded.warnings[0].text.contains("verify: false"));
}

/// What is written, how the problem begins, and words in it.
const UPSTREAMS_RULES: &[(&str, &str, &str)] = &[
    ("", "upstreams.app: \"servers\" is missing", ""),
    ("servers: []", "upstreams.app.servers: the list is empty", ""),
    ("server: ['a:1']", "upstreams.app: unknown key \"server\"; did you mean \"servers\"?", ""),
    ("servers: [a]", "upstreams.app.servers[0]: ", "has no port"),
    ("servers: [{ weight: 1 }]", "upstreams.app.servers[0]: \"address\" is missing", ""),
    ("servers: [{ address: 'a:1', weight: 0 }]", "upstreams.app.servers[0].weight: ", "from 1 to 65535"),
    ("servers: [{ address: 'a:1', weight: 65536 }]", "upstreams.app.servers[0].weight: ", "from 1 to 65535"),
    ("servers: [{ address: 'a:1', backup: true }]", "upstreams.app: ", "every server is a backup"),
    ("servers: ['a:1'], retries: 11", "upstreams.app.retries: ", "from 0 to 10"),
    ("servers: ['a:1'], host: 'http://a'", "upstreams.app.host: expected a host", ""),
    ("servers: ['a:1'], host: 'u@a'", "upstreams.app.host: expected a host", ""),
    (
        "servers: ['a:1'], timeouts: { conect: 1h }",
        "upstreams.app.timeouts: unknown key \"conect\"; did you mean \"connect\"?",
        "",
    ),
    ("servers: ['a:1'], tls: { key: k }", "upstreams.app.tls: \"key\" without \"certificate\"", ""),
    ("servers: ['a:1'], tls: { certificate: k }", "upstreams.app.tls: \"certificate\" without \"key\"", ""),
    ("servers: ['a:1'], tls: true", "upstreams.app.tls: expected a mapping", "found text"),
    ("servers: ['a:1'], protocol: h2", "upstreams.app: ", "add \"tls\", or write h2c"),
    ("servers: ['a:1'], protocol: h2c, tls: { server_name: a }", "upstreams.app: ", "with \"tls\" write h2"),
    ("servers: ['a:1'], protocol: http2", "upstreams.app.protocol: ", "found \"http2\""),
    ("servers: ['a:1'], balance: randm", "upstreams.app.balance: ", "did you mean \"random\"?"),
    ("servers: ['a:1'], balance: {}", "upstreams.app.balance: \"hash\" is missing", ""),
    ("servers: ['a:1'], health_check: {}", "upstreams.app.health_check: one of ", "is needed"),
    ("servers: ['a:1'], health_check: { path: /, tcp: true }", "upstreams.app.health_check: ", "together"),
    ("servers: ['a:1'], health_check: { path: x }", "upstreams.app.health_check.path: ", "begins with"),
    ("servers: ['a:1'], eject: { after: 1 }", "upstreams.app.eject: \"for\" is missing", ""),
];

#[test]
fn each_rule_of_upstreams() {
    for (text, start, words) in UPSTREAMS_RULES {
        refused(&format!("upstreams: {{ app: {{ {text} }} }}"), start, words);
    }
}
