//! Which path and which host does the application see? The one that was matched, and no other (class 27).

use crate::harness::gateway::PLAIN;
use crate::harness::{Gateway, Request, Upstream};

const RULES: &str = r#"
upstreams: { app: { servers: ["${UPSTREAM}"] } }
locations:
  - { match: { prefix: /kept }, access: public, upstream: app, encoded_slash: keep }
  - { match: { prefix: /api }, access: public, upstream: app, replace_prefix: /v2 }
  - { match: { prefix: /bare/ }, access: public, upstream: app, replace_prefix: / }
  - { match: { host: inner.example, prefix: / }, access: public, respond: { status: 200, text: inner } }
  - { match: { host: "*.example", prefix: / }, access: public, respond: { status: 200, text: wild } }
  - { match: { prefix: / }, access: public, upstream: app }
"#;

fn gateway_before(upstream: &Upstream) -> Gateway {
    let prepared = Gateway::prepare(&format!("{PLAIN}{RULES}"));
    prepared.env("UPSTREAM", upstream.address()).start()
}

fn target_seen(upstream: &Upstream) -> String {
    upstream.last().head.start.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn class_27_the_upstream_sees_the_path_that_was_matched() {
    let upstream = Upstream::echo();
    let gateway = gateway_before(&upstream);
    let mut client = gateway.client();
    for (sent, seen) in [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/a//b", "/a/b"),
        ("//a///b//", "/a/b/"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/a/b/..", "/a/"),
        ("/a/b/.", "/a/b/"),
        ("/a/%2e%2e/b", "/b"),
        ("/a/%2E%2e/b", "/b"),
        ("/a/.%2e/b", "/b"),
        ("/%61%62", "/ab"),
        ("/%41%7e%2D", "/A~-"),
        ("/a%20b", "/a%20b"),
        ("/caf%C3%A9", "/caf%C3%A9"),
        ("/a;x=1", "/a;x=1"),
        ("/a%3Fb", "/a%3Fb"),
        ("/a%23b", "/a%23b"),
        ("/a%252e%252e/b", "/a%252e%252e/b"),
        ("/a?x=../..//%2e%2F&&y", "/a?x=../..//%2e%2F&&y"),
        ("/a/../b?a=%00%zz", "/b?a=%00%zz"),
        ("/a?", "/a?"),
        ("/...", "/..."),
        ("/kept/a%2Fb", "/kept/a%2Fb"),
        ("/kept/a%5Cb", "/kept/a%5Cb"),
        ("/api", "/v2"),
        ("/api/x?y", "/v2/x?y"),
        ("/apix", "/apix"),
        ("/api/../x", "/x"),
        ("/bare/x", "/x"),
        ("/bare/", "/"),
        ("/x/../bare/y", "/y"),
    ] {
        let answer = client.exchange(&Request::get(sent));
        assert_eq!(answer.status, 200, "{sent}: {}", answer.text());
        assert_eq!(target_seen(&upstream), seen, "{sent}");
    }
}

#[test]
fn class_27_a_path_with_two_readings_is_refused() {
    let upstream = Upstream::echo();
    let gateway = gateway_before(&upstream);
    for sent in [
        "/a%2Fb",
        "/a%2fb",
        "/a%5Cb",
        "/a%5cb",
        "/a%00",
        "/a%0d%0a",
        "/a%7F",
        "/a%",
        "/a%2",
        "/a%zz",
        "/..",
        "/../a",
        "/a/../../b",
        "/%2e%2e/a",
        "/a/..;/b",
        "/a/.;/b",
        "/a/..;x=1/b",
        "/a/%2e%2e;/b",
        "/%ff",
        "/%C3",
        "/%c0%af",
        "/kept/%00",
        "/kept/../../x",
        "/a\\b",
    ] {
        let answer = gateway.send(&Request::get(sent));
        assert_eq!(answer.status, 400, "{sent}: {}", answer.text());
    }
    assert!(upstream.received().is_empty());
}

#[test]
fn class_27_the_log_names_the_refused_path() {
    let upstream = Upstream::echo();
    let gateway = gateway_before(&upstream);
    let answer = gateway.send(&Request::get("/a%2Fb"));
    assert_eq!(gateway.reason_of(&answer), "path_refused");
}

#[test]
fn t7_an_absolute_target_is_sent_on_in_origin_form() {
    let upstream = Upstream::echo();
    let gateway = gateway_before(&upstream);
    for (sent, seen) in [
        ("http://localhost/a/../b?c", "/b?c"),
        ("http://localhost", "/"),
        ("HTTP://localhost/a", "/a"),
        ("http://localhost/%2e%2e", ""),
    ] {
        let answer = gateway.send(&Request::get(sent));
        if seen.is_empty() {
            assert_eq!(answer.status, 400, "{sent}");
        } else {
            assert_eq!(answer.status, 200, "{sent}: {}", answer.text());
            assert_eq!(target_seen(&upstream), seen, "{sent}");
        }
    }
}

#[test]
fn t7_the_host_of_an_absolute_target_and_the_host_header_cannot_disagree() {
    let upstream = Upstream::echo();
    let gateway = gateway_before(&upstream);
    for (target, host) in
        [("http://inner.example/", "other"), ("http://other/", "inner.example"), ("http://a.example/", "other")]
    {
        let answer = gateway.send(&Request::get(target).host(host));
        // RFC 9112 §3.2.2: the target decides. Refusing is as good; believing the header is not.
        let decided_by_target = match target {
            "http://inner.example/" => "inner",
            "http://a.example/" => "wild",
            _ => "GET ",
        };
        let good = answer.status == 400 || answer.status == 200 && answer.text().starts_with(decided_by_target);
        assert!(good, "{target} with Host: {host}: {} {}", answer.status, answer.text());
    }
}

#[test]
fn a_host_is_matched_without_port_and_case() {
    let upstream = Upstream::echo();
    let gateway = gateway_before(&upstream);
    for (host, body) in [
        ("inner.example", "inner"),
        ("INNER.Example:8080", "inner"),
        ("inner.example.", "inner"),
        ("a.example", "wild"),
        ("a.b.example", "wild"),
    ] {
        assert_eq!(gateway.send(&Request::get("/").host(host)).text(), body, "{host}");
    }
    assert!(gateway.send(&Request::get("/").host("example")).text().starts_with("GET "));
}

#[test]
fn a_request_of_http_1_1_needs_one_host() {
    let upstream = Upstream::echo();
    let gateway = gateway_before(&upstream);
    for request in [
        Request::get("/").without_host(),
        Request::get("/").header("Host", "localhost"),
        Request::get("/").header("host", "other"),
        Request::get("/").host("a b"),
        Request::get("/").host("a/b"),
        Request::get("/").host("user@a"),
        Request::get("/").host("a:b"),
        Request::get("/").host("a,b"),
        Request::get("/").host(""),
    ] {
        let answer = gateway.send(&request);
        assert_eq!(answer.status, 400, "{request:?}: {}", answer.text());
    }
    assert!(upstream.received().is_empty());
    let answer = gateway.send(&Request::get("/").without_host());
    assert_eq!(gateway.reason_of(&answer), "host_invalid");
}

#[test]
fn http_1_0_without_host_finds_the_locations_without_a_host() {
    let upstream = Upstream::echo();
    let gateway = gateway_before(&upstream);
    let mut client = gateway.client();
    client.send("GET /old HTTP/1.0\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    client.expect_close();
    assert_eq!(target_seen(&upstream), "/old");
    let seen = upstream.last().head;
    assert!(seen.value("host").is_some(), "HTTP/1.1 to the upstream needs a host: {seen:?}");
}

#[test]
fn http_1_0_may_keep_its_connection_if_it_asks_to() {
    let upstream = Upstream::echo();
    let gateway = gateway_before(&upstream);
    let mut client = gateway.client();
    client.send("GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.status, 200);
    assert!(answer.header("transfer-encoding").is_none(), "HTTP/1.0 knows no chunks");
}
