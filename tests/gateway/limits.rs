//! What does a client that is slow, or huge, or makes no sense, cost? Less than the limits, and nobody else anything.

use std::thread;
use std::time::{Duration, Instant};

use crate::harness::curl::curl;
use crate::harness::gateway::PLAIN;
use crate::harness::{Client, Gateway, Issuer, Request, Upstream, wait};

fn gateway() -> Gateway {
    Gateway::start(&format!(
        "{PLAIN}locations: [{{ match: {{ prefix: / }}, access: public, respond: {{ status: 200, text: ok }} }}]\n"
    ))
}

#[test]
fn a_head_over_32_kib_is_431_and_one_under_it_is_served() {
    let gateway = gateway();
    let with = |octets: usize| gateway.send(&Request::get("/").header("X-Long", "x".repeat(octets)));
    assert_eq!(with(31 * 1024).status, 200);
    let answer = with(33 * 1024);
    assert_eq!((answer.status, gateway.reason_of(&answer).as_str()), (431, "headers_too_large"));
    let many =
        (0..200).fold(Request::get("/"), |request, number| request.header(&format!("X-{number}"), "x".repeat(200)));
    assert_eq!(gateway.send(&many).status, 431);
}

#[test]
fn what_is_too_large_to_be_served_is_too_large_to_be_logged() {
    let gateway = gateway();
    let answer = gateway.send(&Request::get(&format!("/{}?{}", "p".repeat(20_000), "q".repeat(20_000))));
    assert_eq!(answer.status, 431);
    let line = gateway.line_of(&answer).to_string();
    assert!(line.len() < 4096, "{} octets", line.len());
}

#[test]
fn what_the_engine_answers_by_itself_is_counted_in_a_metric() {
    let gateway = gateway();
    let series = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with("portcullis_") && line.contains("malformed"));
        lines.map(str::to_owned).collect()
    };
    let before = series(&gateway.metrics().0);
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n");
    assert_eq!(client.answer().status, 400);
    wait::until("the malformed request is counted", || (series(&gateway.metrics().0) != before).then_some(()));
}

#[test]
fn a_client_that_goes_away_costs_nobody_else_anything() {
    let gateway = gateway();
    for octets in ["", "GET", "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"] {
        for _ in 0..20 {
            gateway.client().send(octets);
        }
    }
    assert_eq!(gateway.send(&Request::get("/")).status, 200);
    wait::until("their connections are closed", || {
        (gateway.metrics().sum("portcullis_connections", &[]) == 0.0).then_some(())
    });
    assert!(!gateway.log.text().contains("panicked"));
}

/// A gateway before an upstream, with these limits.
fn limited(limits: &str, app: &Upstream) -> Gateway {
    Gateway::start(&format!(
        "listeners: [{{ address: '127.0.0.1:0', http2: true, limits: {{ {limits} }} }}]\nadmin: {{ address: '127.0.0.1:0' }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         locations: [{{ match: {{ prefix: / }}, access: public, upstream: app }}]\n",
        app.address()
    ))
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a client that is slow is what is tested")]
fn t4_a_head_that_drips_is_408_however_steadily_it_does() {
    let app = Upstream::echo();
    let gateway = limited("header_timeout: 500ms", &app);
    let mut client = gateway.client();
    let began = Instant::now();
    client.send("GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ");
    let answer = thread::scope(|scope| {
        let mut other = gateway.client();
        let answer = scope.spawn(move || {
            for _ in 0..100 {
                client.send("x");
                thread::sleep(Duration::from_millis(50));
                if began.elapsed() > Duration::from_secs(1) {
                    break;
                }
            }
            client.answer()
        });
        assert_eq!(other.exchange(&Request::get("/")).status, 200, "others are served meanwhile");
        answer.join().unwrap()
    });
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    assert_eq!(gateway.metrics().sum("portcullis_late_heads_total", &[]), 1.0);
    assert_eq!(app.received().len(), 1);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a client that is slow is what is tested")]
fn the_time_for_a_head_begins_anew_with_each_request_and_not_while_a_connection_is_idle() {
    let app = Upstream::echo();
    let gateway = limited("header_timeout: 300ms", &app);
    let mut client = gateway.client();
    for _ in 0..3 {
        thread::sleep(Duration::from_millis(500));
        assert_eq!(client.exchange(&Request::get("/")).status, 200);
    }
    client.send("GET / HTTP/1.1\r\n");
    assert_eq!(client.answer().status, 408);
}

#[test]
fn a_connection_that_says_nothing_is_closed_without_a_word() {
    let app = Upstream::echo();
    let gateway = limited("idle_timeout: 1s", &app);
    let mut client = gateway.client();
    assert!(client.try_answer("GET").is_err());
    assert_eq!(gateway.metrics().sum("portcullis_late_heads_total", &[]), 0.0);
}

#[test]
fn a_body_over_the_limit_is_413_whether_it_was_announced_or_not() {
    let app = Upstream::echo();
    let gateway = limited("body_size: 4KiB", &app);
    assert_eq!(gateway.send(&Request::post("/", "x".repeat(4096))).status, 200);
    let announced = gateway.send(&Request::post("/", "x".repeat(4097)));
    assert_eq!((announced.status, gateway.reason_of(&announced).as_str()), (413, "body_too_large"));
    assert_eq!(app.received().len(), 1, "nothing of it was sent on");
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(4096));
    let chunked = Request::new("POST", "/").header("Transfer-Encoding", "chunked");
    let small = gateway.send(&chunked.clone().raw_body(format!("{chunk}0\r\n\r\n")));
    assert_eq!(small.status, 200);
    let large = gateway.send(&chunked.raw_body(format!("{chunk}{chunk}{chunk}0\r\n\r\n")));
    assert_eq!((large.status, gateway.reason_of(&large).as_str()), (413, "body_too_large"));
    let file = gateway.folder().join("body");
    // No more than is dropped for the client's sake: curl 7.88 takes the end of a stream that it still sends on for a failure, now and then.
    std::fs::write(&file, vec![b'x'; 50_000]).unwrap();
    let url = format!("http://{}/", gateway.address());
    let body = format!("@{}", file.display());
    let http2 = curl(&["--http2-prior-knowledge", "-H", "Content-Length:", "--data-binary", &body, &url]);
    assert_eq!((http2.status, http2.version.as_str()), (413, "2"));
}

#[test]
fn a_connection_has_so_many_requests_and_no_more() {
    let app = Upstream::echo();
    let gateway = limited("requests_per_connection: 3", &app);
    let mut client = gateway.client();
    for _ in 0..2 {
        assert_ne!(client.exchange(&Request::get("/")).header("connection"), Some("close"));
    }
    assert_eq!(client.exchange(&Request::get("/")).header("connection"), Some("close"));
    assert!(client.try_exchange(&Request::get("/")).is_err());
}

#[test]
fn a_token_over_the_limit_of_its_listener_is_refused_though_another_listener_took_it() {
    let issuer = Issuer::of("ES256");
    let gateway = Gateway::prepare(
        "listeners: [{ address: '127.0.0.1:0' }, { address: '127.0.0.1:0', limits: { token_size: 1KiB } }]\n\
         keys: { site: [{ jwks_file: keys.json }] }\nrealms: { site: { keys: site } }\n\
         locations: [{ match: { prefix: / }, access: { realm: site }, respond: { status: 200, text: ok } }]\n",
    )
    .file("keys.json", issuer.jwks())
    .start();
    let token = issuer.token(&serde_json::json!({ "sub": "alice", "more": "x".repeat(1024) }));
    let ask =
        |place: usize, token: &str| Client::connect(gateway.listener(place)).exchange(&Request::get("/").bearer(token));
    assert_eq!(ask(0, &token).status, 200);
    let refused = ask(1, &token);
    assert_eq!((refused.status, gateway.reason_of(&refused).as_str()), (401, "token_too_large"));
    assert_eq!(ask(1, &issuer.token_of("alice")).status, 200);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a client that waits is what is tested")]
fn a_connection_of_http2_that_waits_for_its_first_request_is_no_slow_head() {
    let app = Upstream::echo();
    let gateway = limited("header_timeout: 300ms", &app);
    let mut client = gateway.client();
    client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    thread::sleep(Duration::from_millis(700));
    client.send(b"\0\0\x08\x06\0\0\0\0\0portcull");
    let mut heard = Vec::new();
    let _ = client.raw_until(&mut heard, b"portcull");
    assert_eq!(gateway.metrics().sum("portcullis_late_heads_total", &[]), 0.0);
    assert!(heard.ends_with(b"portcull"), "the ping is answered");
}
