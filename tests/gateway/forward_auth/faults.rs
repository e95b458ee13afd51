//! Does whatever goes wrong on the way to a service leave everybody out, and the connections whole?

use super::*;

/// What a service may do that neither admits nor denies.
fn faults() -> Vec<Vec<u8>> {
    let huge_header = format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(1024 * 1024));
    let large_header = format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(100 * 1024));
    let many_headers = format!("HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n", "X: y\r\n".repeat(1000));
    let huge_body = answer("200 OK", "X-User-ID: 1\r\n", &"x".repeat(100 * 1024));
    [
        answer("500 Oops", "X-User-ID: 1\r\n", ""),
        answer("503 Down", "", ""),
        answer("404 Not Found", "", ""),
        answer("400 Bad", "", ""),
        answer("304 Not Modified", "", ""),
        answer("302 Found", "", ""),
        "HTTP/1.1 200 OK\r\nX-User-ID: 1\r\nContent-Length: 100\r\n\r\nhalf".to_owned(),
        "HTTP/1.1 200 OK\r\nX-User-ID: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel".to_owned(),
        "HTTP/1.1 200 OK\r\nX-User-ID: 1\r\n".to_owned(),
        "HTTP/1.1 2000 OK\r\n\r\n".to_owned(),
        "SSH-2.0-OpenSSH\r\n".to_owned(),
        huge_header,
        large_header,
        many_headers,
        huge_body,
    ]
    .map(String::into_bytes)
    .to_vec()
}

#[test]
fn class_32_whatever_a_service_does_wrong_nobody_is_admitted() {
    std::thread::scope(|scope| {
        for fault in faults() {
            scope.spawn(move || {
                let shown = String::from_utf8_lossy(&fault[..fault.len().min(60)]).into_owned();
                let site = Site::of(Behaviour::Cut(fault), "    timeout: 2s\n");
                for _ in 0..2 {
                    let verdict = site.verdict(&Request::get("/").bearer("x").header("Accept", CHROMIUM));
                    assert_eq!(verdict, (503, "forward_auth_unavailable".to_owned()), "{shown}");
                }
                assert!(site.app.received().is_empty(), "{shown}");
                let told = site
                    .gateway
                    .log
                    .find(0, "of the service", |line| line.contains("forward_auth verifier: ").then_some(()));
                assert!(told.is_some(), "{shown}");
            });
        }
    });
}

#[test]
fn class_32_a_service_that_is_down_or_silent_admits_nobody() {
    let app = Upstream::echo();
    let silent = Upstream::with(Behaviour::Silent);
    let hole = BlackHole::new();
    let (silent, hole) = (silent.address().to_string(), hole.address().to_string());
    for place in [CLOSED_PORT, &silent, &hole, "no-such-host.invalid:80"] {
        let gateway = asking(&format!("http://{place}/"), "    timeout: 300ms\n", &app).start();
        let told = gateway.send(&Request::get("/"));
        assert_eq!((told.status, gateway.reason_of(&told).as_str()), (503, "forward_auth_unavailable"), "{place}");
        assert_eq!(gateway.metrics().sum("portcullis_decisions_total", &["reason=\"forward_auth_unavailable\""]), 1.0);
    }
    assert!(app.received().is_empty());
}

#[test]
fn requests_do_not_wait_for_each_other_and_connections_are_used_again() {
    let (verifier, gate) = Upstream::held();
    let app = Upstream::echo();
    // Every worker keeps its own connections: here there is one.
    let more = "    timeout: 20s\nprocess: { threads: 1 }\n";
    let gateway = asking(&format!("http://{}/", verifier.address()), more, &app).start();
    let clients: Vec<Client> = (0..20)
        .map(|_| {
            let mut client = gateway.client();
            client.send(Request::get("/").octets());
            client
        })
        .collect();
    verifier.wait_until("all are asked about at once", |received| received.len() == 20);
    gate.open();
    for mut client in clients {
        assert_eq!(client.answer().status, 200);
    }
    let before = verifier.connections();
    for _ in 0..20 {
        assert_eq!(gateway.send(&Request::get("/")).status, 200);
    }
    assert_eq!(verifier.connections(), before, "no new connection was needed");
}

#[test]
fn a_connection_that_was_closed_meanwhile_is_tried_once_more() {
    let site = Site::of(Behaviour::CloseAfter(1), "");
    for _ in 0..10 {
        assert_eq!(site.gateway.send(&Request::get("/")).status, 200);
    }
}

#[test]
fn a_service_may_be_on_a_socket_or_speak_tls() {
    let app = Upstream::echo();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("verifier.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            use std::io::{Read, Write};
            let mut stream = stream;
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(GOOD.as_bytes());
        }
    });
    let gateway = asking(&format!("unix:{}:/verify", socket.display()), "", &app).start();
    assert_eq!(gateway.send(&Request::get("/")).status, 200);
    assert_eq!(app.last().head.value("x-user-id"), Some("656670838050885"));

    let (authority, other) = (Certificate::authority("a"), Certificate::authority("b"));
    let verifier = Upstream::tls_with(&authority.vouch_for("verifier.internal"), Behaviour::Says(GOOD.into()));
    let url = format!("https://{}/", verifier.address());
    for (tls, status) in [
        ("{ ca: ca.pem, server_name: verifier.internal }", 200),
        ("{ ca: ca.pem, server_name: other.internal }", 503),
        ("{ ca: other.pem, server_name: verifier.internal }", 503),
        ("{ server_name: verifier.internal }", 503),
    ] {
        let prepared = asking(&url, &format!("    tls: {tls}\n"), &app);
        let gateway = prepared.file("ca.pem", authority.pem()).file("other.pem", other.pem()).start();
        assert_eq!(gateway.send(&Request::get("/")).status, status, "{tls}");
    }
}
