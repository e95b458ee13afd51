//! Is a request sent to a server that can serve it, and to no other?

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};

use crate::harness::certificates::Certificate;
use crate::harness::upstream::Script;
use crate::harness::{Behaviour, Gateway, Nginx, Request, Response, Upstream, wait};

/// An address where nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A gateway before these servers; what else the upstream says.
fn before(servers: &[&str], more: &str) -> Gateway {
    Gateway::start(&format!(
        "listeners: [{{ address: '127.0.0.1:0' }}]\nadmin: {{ address: '127.0.0.1:0' }}\n\
         upstreams: {{ app: {{ servers: [{}]{more} }} }}\n\
         locations: [{{ match: {{ prefix: / }}, access: public, upstream: app }}]\n",
        servers.join(", ")
    ))
}

fn at(upstream: &Upstream) -> String {
    format!("'{}'", upstream.address())
}

/// How often each server was asked, of so many requests.
fn shares(gateway: &Gateway, requests: usize, header: impl Fn(usize) -> String) -> HashMap<String, usize> {
    let mut shares = HashMap::new();
    for number in 0..requests {
        let answer = gateway.send(&Request::get("/").header("X-User", header(number)));
        assert_eq!(answer.status, 200);
        let line = gateway.line_of(&answer);
        *shares.entry(line["upstream"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    shares
}

fn reason(gateway: &Gateway, answer: &Response) -> (u16, String) {
    (answer.status, gateway.reason_of(answer))
}

#[test]
fn keys_stay_with_their_server_and_weights_count() {
    let (one, other) = (Upstream::echo(), Upstream::echo());
    let servers = [at(&one), format!("{{ address: '{}', weight: 3 }}", other.address())];
    let servers: Vec<&str> = servers.iter().map(String::as_str).collect();
    let hashed = before(&servers, ", balance: { hash: \"{request.headers['x-user']}\" }");
    assert_eq!(shares(&hashed, 10, |_| "alice".into()).len(), 1);
    assert_eq!(shares(&hashed, 40, |number| format!("user-{number}")).len(), 2);
    let turns = before(&servers, "");
    let shares_of = shares(&turns, 40, |_| String::new());
    assert_eq!(shares_of[&one.address().to_string()], 10);
    assert_eq!(shares(&before(&servers, ", balance: random"), 60, |_| String::new()).len(), 2);
    let idle = shares(&before(&servers, ", balance: least_connections"), 10, |_| String::new());
    assert_eq!(idle[&other.address().to_string()], 10, "one request weighs less on the stronger of two that are idle");
}

#[test]
fn a_backup_stands_in_when_no_primary_server_can_be_reached() {
    let backup = Upstream::echo();
    let gone = format!("'{}'", nobody());
    let gateway = before(
        &[&gone, &format!("{{ address: '{}', backup: true }}", backup.address())],
        ", eject: { after: 1, for: 1h }",
    );
    let first = gateway.send(&Request::post("/", "body"));
    assert_eq!(first.status, 200, "it was tried elsewhere: nothing of it was processed");
    for _ in 0..3 {
        assert_eq!(gateway.send(&Request::get("/")).status, 200);
    }
    assert_eq!(gateway.metrics().sum("portcullis_upstream_failures_total", &[]), 1.0, "it rests");
    assert_eq!(gateway.metrics().sum("portcullis_upstream_ejections_total", &[]), 1.0);
}

#[test]
fn when_every_server_rests_the_answer_is_503_at_once() {
    let gone = format!("'{}'", nobody());
    let gateway = before(&[&gone], ", retries: 0, eject: { after: 2, for: 1s }");
    let failed = |status: u16| (status, "upstream_unavailable".to_owned());
    for expected in [502, 502, 503, 503] {
        let answer = gateway.send(&Request::get("/"));
        assert_eq!(reason(&gateway, &answer), failed(expected));
    }
    assert_eq!(gateway.metrics().sum("portcullis_upstream_failures_total", &[]), 2.0, "nobody asks it");
    assert_eq!(gateway.metrics().sum("portcullis_upstream_server_usable", &[]), 0.0);
    wait::until("it is tried again", || (gateway.send(&Request::get("/")).status == 502).then_some(()));
}

#[test]
fn a_server_that_says_it_is_ill_is_sent_nothing_until_it_is_well() {
    let script = Script::default();
    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok".to_vec();
    let ill = b"HTTP/1.1 503 Ill\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
    script.set("", ok.clone());
    script.set("/health", ok.clone());
    let (shaky, steady) = (Upstream::with(Behaviour::Scripted(script.clone())), Upstream::echo());
    let check = ", health_check: { path: /health, interval: 100ms, timeout: 1s }";
    let gateway = before(&[&at(&shaky), &at(&steady)], check);
    let usable = |count: f64| gateway.metrics().sum("portcullis_upstream_server_usable", &[]) == count;
    assert_eq!(shares(&gateway, 10, |_| String::new()).len(), 2);
    script.set("/health", ill);
    wait::until("it is known to be ill", || usable(1.0).then_some(()));
    let shares_of = shares(&gateway, 10, |_| String::new());
    assert_eq!(shares_of.keys().collect::<Vec<_>>(), [&steady.address().to_string()]);
    assert!(gateway.log.text().contains("is unhealthy"));
    script.set("/health", ok);
    wait::until("it is well again", || usable(2.0).then_some(()));
    assert_eq!(shares(&gateway, 10, |_| String::new()).len(), 2);
    assert!(gateway.metrics().sum("portcullis_upstream_health_checks_total", &["result=\"bad\""]) >= 2.0);
}

#[test]
fn a_server_that_takes_no_connection_is_ill() {
    let (gone, steady) = (format!("'{}'", nobody()), Upstream::echo());
    let gateway = before(&[&gone, &at(&steady)], ", health_check: { tcp: true, interval: 50ms }");
    wait::until("it is known", || {
        (gateway.metrics().sum("portcullis_upstream_server_usable", &[]) == 1.0).then_some(())
    });
    let failures = gateway.metrics().sum("portcullis_upstream_failures_total", &[]);
    assert_eq!(shares(&gateway, 10, |_| String::new()).len(), 1);
    assert_eq!(gateway.metrics().sum("portcullis_upstream_failures_total", &[]), failures);
}

#[test]
fn a_request_that_was_begun_to_be_answered_is_not_sent_again() {
    let (cut, steady) = (Upstream::with(Behaviour::HangUp), Upstream::echo());
    let gateway = before(&[&at(&cut), &format!("{{ address: '{}', backup: true }}", steady.address())], "");
    let answer = gateway.send(&Request::post("/", "once"));
    assert_eq!(reason(&gateway, &answer), (502, "upstream_unavailable".to_owned()));
    assert!(steady.received().is_empty());
}

#[test]
fn http2_is_spoken_to_servers_that_want_it_and_cookies_arrive_as_one() {
    let plain = Nginx::serving("location / { return 200 '$server_protocol $http_cookie'; }", "http2", &[]);
    let gateway =
        before(&[&format!("'{}'", plain.address())], ", protocol: h2c, health_check: { path: /, interval: 50ms }");
    for _ in 0..3 {
        let answer = gateway.send(&Request::get("/").header("Cookie", "a=1").header("Cookie", "b=2"));
        assert_eq!((answer.status, answer.text().as_str()), (200, "HTTP/2.0 a=1; b=2"));
    }
    wait::until("it was asked how it is", || {
        (gateway.metrics().sum("portcullis_upstream_health_checks_total", &["result=\"good\""]) >= 2.0).then_some(())
    });
    let socket = Request::get("/").header("Connection", "Upgrade").header("Upgrade", "websocket");
    assert_eq!(gateway.send(&socket).status, 403, "nobody breaks a server of HTTP/2 with a WebSocket");
    let large = gateway.send(&Request::post("/", vec![b'x'; 300_000]));
    assert_eq!(large.status, 200);
    let authority = Certificate::authority("test");
    let certificate = authority.vouch_for("app.internal");
    let tls = Nginx::serving(
        "ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate FOLDER/c.crt; ssl_certificate_key FOLDER/c.key; client_max_body_size 1m;\n\
         location / { return 200 '$server_protocol $ssl_server_name $ssl_protocol'; }",
        "ssl http2",
        &[("c.crt", &certificate.pem()), ("c.key", &certificate.key_pem())],
    );
    let ca = tls.folder().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let more = format!(", protocol: h2, tls: {{ server_name: app.internal, ca: {} }}", ca.display());
    let gateway = before(&[&format!("'{}'", tls.address())], &more);
    let answer = gateway.send(&Request::get("/"));
    assert_eq!(answer.text(), "HTTP/2.0 app.internal TLSv1.3");
}

#[test]
fn tls_older_than_1_2_is_spoken_to_no_server() {
    let authority = Certificate::authority("test");
    let certificate = authority.vouch_for("app.internal");
    for (protocols, expected) in [("TLSv1 TLSv1.1", 502), ("TLSv1.2", 200)] {
        let server = format!(
            "ssl_protocols {protocols}; ssl_ciphers ALL:@SECLEVEL=0; ssl_certificate FOLDER/c.crt;\n\
             ssl_certificate_key FOLDER/c.key; location / {{ return 200; }}"
        );
        let old = Nginx::serving(&server, "ssl", &[("c.crt", &certificate.pem()), ("c.key", &certificate.key_pem())]);
        let ca = old.folder().join("ca.pem");
        std::fs::write(&ca, authority.pem()).unwrap();
        let more = format!(", tls: {{ server_name: app.internal, ca: {} }}", ca.display());
        let gateway = before(&[&format!("'{}'", old.address())], &more);
        assert_eq!(gateway.send(&Request::get("/")).status, expected, "{protocols}");
    }
}

#[test]
fn a_client_that_pauses_in_its_body_is_no_fault_of_the_server() {
    let (upstream, _gate) = Upstream::held();
    let gateway = before(&[&at(&upstream)], ", timeouts: { read: 500ms }, eject: { after: 1, for: 1h }");
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf");
    let answer = client.answer();
    assert_eq!(reason(&gateway, &answer), (408, "request_timeout".to_owned()));
    assert_eq!(gateway.metrics().sum("portcullis_upstream_server_usable", &[]), 1.0);
}

#[test]
fn a_server_on_a_socket_is_asked_how_it_is_under_a_name() {
    let nginx = Nginx::serving("listen unix:FOLDER/app.sock; location / { return 200 $http_host; }", "", &[]);
    let socket = format!("'unix:{}'", nginx.folder().join("app.sock").display());
    let gateway = before(&[&socket], ", health_check: { path: /, interval: 20ms }");
    wait::until("it was asked twice", || {
        (gateway.metrics().sum("portcullis_upstream_health_checks_total", &[]) >= 2.0).then_some(())
    });
    assert_eq!(gateway.metrics().sum("portcullis_upstream_health_checks_total", &["result=\"bad\""]), 0.0);
    assert_eq!(gateway.send(&Request::get("/")).status, 200);
}
