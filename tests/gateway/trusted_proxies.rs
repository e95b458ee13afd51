//! Who is believed to say who came before? (Class 25.)

use crate::harness::gateway::PLAIN;
use crate::harness::{Gateway, Request, Upstream};

fn behind(trusted: &str, app: &Upstream) -> Gateway {
    let listener = format!("address: \"127.0.0.1:0\"{trusted}");
    let plain = PLAIN.replacen("address: \"127.0.0.1:0\"", &listener, 1);
    Gateway::start(&format!(
        "{plain}upstreams: {{ app: {{ servers: [\"{}\"] }} }}\nlocations:\n\
         - {{ match: {{ prefix: / }}, access: public, upstream: app }}\n\
         - {{ match: {{ prefix: /office }}, access: {{ ip: [192.0.2.0/24] }}, upstream: app }}\n\
         - {{ match: {{ prefix: /away }}, access: {{ not_ip: [192.0.2.0/24] }}, upstream: app }}\n",
        app.address()
    ))
}

fn from_proxy(target: &str) -> Request {
    Request::get(target)
        .header("X-Forwarded-For", "9.9.9.9, 192.0.2.7")
        .header("X-Forwarded-Proto", "https")
        .header("X-Request-ID", "edge-1")
}

#[test]
fn class_25_a_trusted_proxy_says_who_came_and_what_is_sent_on_says_it_too() {
    let app = Upstream::echo();
    let gateway = behind(", trusted_proxies: [127.0.0.0/8]", &app);
    let answer = gateway.send(&from_proxy("/office"));
    assert_eq!((answer.status, answer.header("x-request-id")), (200, Some("edge-1")));
    let got = app.last().head;
    for (name, value) in [
        ("x-forwarded-for", "9.9.9.9, 192.0.2.7, 127.0.0.1"),
        ("x-real-ip", "192.0.2.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "localhost"),
        ("x-request-id", "edge-1"),
    ] {
        assert_eq!(got.values(name), [value], "{name}");
    }
    let line = gateway.line_of(&answer);
    assert_eq!(line["client"], "192.0.2.7");
}

#[test]
fn class_25_a_stranger_says_what_it_likes_and_nobody_listens() {
    let app = Upstream::echo();
    for trusted in ["", ", trusted_proxies: [10.0.0.0/8]"] {
        let gateway = behind(trusted, &app);
        assert_eq!(gateway.send(&from_proxy("/office")).status, 403);
        let answer = gateway.send(&from_proxy("/"));
        assert_ne!(answer.header("x-request-id"), Some("edge-1"));
        let got = app.last().head;
        assert_eq!(got.values("x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!((got.value("x-real-ip"), got.value("x-forwarded-proto")), (Some("127.0.0.1"), Some("http")));
    }
}

#[test]
fn class_25_a_chain_that_cannot_be_read_lets_nobody_in_by_address() {
    let app = Upstream::echo();
    let gateway = behind(", trusted_proxies: [127.0.0.0/8]", &app);
    for chain in ["unknown", "192.0.2.7, _hidden", "192.0.2.7 10.0.0.1", "\u{e9}"] {
        for path in ["/office", "/away"] {
            let request = Request::get(path).header("X-Forwarded-For", chain);
            assert_eq!(gateway.send(&request).status, 403, "{chain} {path}");
        }
    }
    // The nearest proxy is believed first: what a client wrote to the left of it counts for nothing.
    let spoofed = Request::get("/office").header("X-Forwarded-For", "192.0.2.7, 203.0.113.5");
    assert_eq!(gateway.send(&spoofed).status, 403);
    let spoofed =
        Request::get("/office").header("X-Forwarded-For", "192.0.2.7").header("X-Forwarded-For", "203.0.113.5");
    assert_eq!(gateway.send(&spoofed).status, 403);
}

#[test]
fn a_proxy_that_spoke_tls_with_the_client_is_not_sent_to_https_again() {
    let gateway = Gateway::start(
        "listeners: [{ address: \"127.0.0.1:0\", redirect_to_https: 308, trusted_proxies: [127.0.0.1] }]\n\
         locations: [{ match: { prefix: / }, access: public, respond: { status: 200, text: here } }]\n",
    );
    assert_eq!(gateway.send(&Request::get("/")).status, 308);
    assert_eq!(gateway.send(&Request::get("/").header("X-Forwarded-Proto", "http")).status, 308);
    assert_eq!(gateway.send(&Request::get("/").header("X-Forwarded-Proto", "https")).status, 200);
}
