//! Are the faults of the engine kept from users? The traps of docs/pingora.md that show over the wire.
//! T5 stands in refusals.rs, T6 in firewall.rs (class 24), T7 in targets.rs, T13 in limits.rs.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::harness::certificates::Certificate;
use crate::harness::gateway::{PLAIN, run_to_end};
use crate::harness::upstream::{CLOSED_PORT, Gate};
use crate::harness::{Gateway, Request, Upstream, wait};

fn public(upstreams: &str) -> String {
    format!("{PLAIN}upstreams: {upstreams}\nlocations: [{{ match: {{ prefix: / }}, access: public, upstream: app }}]\n")
}

fn before(upstream: &Upstream) -> Gateway {
    Gateway::start(&public(&format!("{{ app: {{ servers: [\"{}\"] }} }}", upstream.address())))
}

#[test]
fn t3_an_idle_connection_is_closed_after_the_idle_timeout_and_not_before() {
    let gateway = Gateway::start(
        "listeners: [{ address: \"127.0.0.1:0\", limits: { idle_timeout: 2s } }]\n\
         admin: { address: \"127.0.0.1:0\" }\n\
         locations: [{ match: { prefix: / }, access: public, respond: { status: 200, text: ok } }]\n",
    );
    let mut client = gateway.client();
    for _ in 0..2 {
        assert_eq!(client.exchange(&Request::get("/")).status, 200);
    }
    let began = Instant::now();
    client.expect_close();
    assert!(began.elapsed() > Duration::from_millis(1500), "{:?}", began.elapsed());
}

#[test]
fn t3_the_1000th_request_is_the_last_of_its_connection() {
    let gateway = Gateway::start(&format!(
        "{PLAIN}locations: [{{ match: {{ prefix: / }}, access: public, respond: {{ status: 200, text: ok }} }}]\n"
    ));
    let mut client = gateway.client();
    for number in 1..=1000 {
        let answer = client.exchange(&Request::get("/"));
        assert_eq!(answer.status, 200, "request {number}");
        let says_close = answer.header("connection") == Some("close");
        assert_eq!(says_close, number == 1000, "request {number}");
    }
    client.expect_close();
}

#[test]
fn t8_two_upstreams_at_one_address_with_different_authorities_share_no_connection() {
    let (ours, theirs) = (Certificate::authority("ours"), Certificate::authority("theirs"));
    let upstream = Upstream::tls(&ours.vouch_for("app.internal"));
    let address = upstream.address();
    let rules = format!(
        "{PLAIN}upstreams:\n\
         \x20 right: {{ servers: [\"{address}\"], tls: {{ server_name: app.internal, ca: ours.pem }} }}\n\
         \x20 wrong: {{ servers: [\"{address}\"], tls: {{ server_name: app.internal, ca: theirs.pem }} }}\n\
         \x20 misnamed: {{ servers: [\"{address}\"], tls: {{ server_name: other.internal, ca: ours.pem }} }}\n\
         \x20 blind: {{ servers: [\"{address}\"], tls: {{ server_name: app.internal, verify: false }} }}\n\
         locations:\n\
         \x20 - {{ match: {{ path: /right }}, access: public, upstream: right }}\n\
         \x20 - {{ match: {{ path: /wrong }}, access: public, upstream: wrong }}\n\
         \x20 - {{ match: {{ path: /misnamed }}, access: public, upstream: misnamed }}\n\
         \x20 - {{ match: {{ path: /blind }}, access: public, upstream: blind }}\n"
    );
    for order in [
        ["/right", "/wrong", "/misnamed", "/blind", "/wrong", "/right"],
        ["/wrong", "/right", "/blind", "/wrong", "/misnamed", "/right"],
        ["/blind", "/wrong", "/right", "/misnamed", "/wrong", "/blind"],
    ] {
        let gateway = Gateway::prepare(&rules).file("ours.pem", ours.pem()).file("theirs.pem", theirs.pem()).start();
        let mut client = gateway.client();
        for path in order {
            let good = matches!(path, "/right" | "/blind");
            // A failure may cost the connection; what it must not do is pass.
            let answer = client.try_exchange(&Request::get(path)).unwrap_or_else(|_| {
                client = gateway.client();
                client.exchange(&Request::get(path))
            });
            assert_eq!(answer.status, if good { 200 } else { 502 }, "{path} in {order:?}");
        }
    }
}

#[test]
fn t9_a_server_whose_name_does_not_resolve_is_502_and_no_panic() {
    let upstream = Upstream::echo();
    let rules = format!(
        "{PLAIN}upstreams:\n  lost: {{ servers: [\"nowhere.invalid:80\"] }}\n\
         \x20 half: {{ servers: [\"nowhere.invalid:80\", \"{}\"] }}\nlocations:\n\
         \x20 - {{ match: {{ path: /lost }}, access: public, upstream: lost }}\n\
         \x20 - {{ match: {{ path: /half }}, access: public, upstream: half }}\n",
        upstream.address()
    );
    let gateway = Gateway::start(&rules);
    let answer = gateway.send(&Request::get("/lost"));
    assert_eq!(answer.status, 502);
    assert_eq!(gateway.reason_of(&answer), "upstream_unavailable");
    for _ in 0..4 {
        assert_eq!(gateway.send(&Request::get("/half")).status, 200);
    }
    assert!(!gateway.log.text().contains("panicked"), "{}", gateway.log.text());
}

#[test]
fn t9_a_server_may_have_a_name() {
    let upstream = Upstream::echo();
    let port = upstream.address().port();
    let gateway = Gateway::start(&public(&format!("{{ app: {{ servers: [\"localhost:{port}\"] }} }}")));
    assert_eq!(gateway.send(&Request::get("/")).status, 200);
}

#[test]
fn t10_a_port_that_is_taken_ends_the_start_at_once() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let rules = "locations: [{ match: { prefix: / }, access: public, respond: { status: 200, text: ok } }]\n";
    let free = "\"127.0.0.1:0\"";
    for listeners in [
        format!("listeners: [{{ address: \"{address}\" }}]\n"),
        format!("listeners: [{{ address: {free} }}, {{ address: \"{address}\" }}]\n"),
        format!("listeners: [{{ address: {free} }}]\nadmin: {{ address: \"{address}\" }}\n"),
    ] {
        let (output, took) = run_to_end(&Gateway::prepare(&format!("{listeners}{rules}")));
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{log}");
        assert!(took < Duration::from_secs(3), "{took:?}");
        assert!(log.contains(&address.to_string()), "{log}");
        let serves = log.lines().any(|line| line.ends_with(" ready"));
        assert!(!serves && !log.contains("panicked"), "{log}");
    }
}

#[test]
fn t11_an_idle_process_ends_at_once() {
    let upstream = Upstream::echo();
    let mut gateway = before(&upstream);
    let mut idle = gateway.client();
    assert_eq!(idle.exchange(&Request::get("/")).status, 200);
    let _never_used = gateway.client();
    gateway.terminate();
    let (status, took) = gateway.wait();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(1), "{took:?}");
    idle.expect_close();
}

#[test]
fn t11_a_connection_that_has_not_said_what_it_speaks_is_not_waited_for() {
    let mut gateway = Gateway::start(
        "listeners: [{ address: \"127.0.0.1:0\", http2: true }]\nadmin: { address: \"127.0.0.1:0\" }\n\
         locations: [{ match: { prefix: / }, access: public, respond: { status: 200, text: ok } }]\n",
    );
    let (_silent, mut begun) = (gateway.client(), gateway.client());
    begun.send("PRI * HT");
    assert_eq!(gateway.send(&Request::get("/")).status, 200);
    gateway.terminate();
    let (status, took) = gateway.wait();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn t11_what_is_in_flight_is_answered_before_the_process_ends() {
    let (upstream, gate): (Upstream, Gate) = Upstream::held();
    let mut gateway = before(&upstream);
    let mut slow = gateway.client();
    slow.send(Request::get("/").octets());
    upstream.wait_until("the request is there", |received| !received.is_empty());
    gateway.terminate();
    let told = gateway.log.find(0, "about the shutdown", |line| line.contains("shutting down").then_some(()));
    assert!(told.is_some());
    wait::until("nothing more is accepted", || std::net::TcpStream::connect(gateway.address()).is_err().then_some(()));
    gate.open();
    assert_eq!(slow.answer().status, 200);
    let (status, took) = gateway.wait();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(gateway.access.to_end().contains("\"status\":200"), "its line is written");
}

#[test]
fn t11_a_request_that_never_ends_is_cut_after_the_shutdown_timeout() {
    let (upstream, _gate) = Upstream::held();
    let address = upstream.address();
    let mut gateway = Gateway::start(&format!(
        "{}process: {{ shutdown_timeout: 500ms }}\n",
        public(&format!("{{ app: {{ servers: [\"{address}\"] }} }}"))
    ));
    let mut slow = gateway.client();
    slow.send(Request::get("/").octets());
    upstream.wait_until("the request is there", |received| !received.is_empty());
    gateway.terminate();
    let (status, took) = gateway.wait();
    assert_eq!(status.code(), Some(0));
    assert!(took >= Duration::from_millis(400) && took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn t14_retries_0_still_asks_the_upstream() {
    let upstream = Upstream::echo();
    let address = upstream.address();
    let gateway = Gateway::start(&public(&format!("{{ app: {{ servers: [\"{address}\"], retries: 0 }} }}")));
    assert_eq!(gateway.send(&Request::get("/")).status, 200);
    let two = format!("{{ app: {{ servers: [\"{CLOSED_PORT}\", \"{address}\"], retries: 0 }} }}");
    let gateway = Gateway::start(&public(&two));
    let mut statuses: Vec<u16> = (0..4).map(|_| gateway.send(&Request::get("/")).status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 502, 502]);
}

#[test]
fn t2_a_body_that_http_2_ends_with_an_empty_frame_leaves_the_upstream_in_step() {
    let upstream = Upstream::echo();
    let address = upstream.address();
    let gateway = Gateway::start(&format!(
        "listeners: [{{ address: \"127.0.0.1:0\", http2: true }}]\nupstreams: {{ app: {{ servers: [\"{address}\"] }} }}\n\
         locations: [{{ match: {{ prefix: / }}, access: public, upstream: app }}]\n"
    ));
    let url = format!("http://{}/", gateway.address());
    for number in 0..20 {
        let body = format!("body {number}");
        // curl reads a body from a pipe without knowing its length: its end is a frame of its own.
        let script = "printf '%s' \"$1\" | curl -sS --max-time 30 --http2-prior-knowledge -T - -X POST \"$2\"";
        let output = std::process::Command::new("sh").args(["-c", script, "sh", &body, &url]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.ends_with(&body), "{number}: {text} {}", String::from_utf8_lossy(&output.stderr));
    }
    for one in upstream.received() {
        assert!(one.head.start.starts_with("POST / "), "a terminator became a request: {:?}", one.head.start);
    }
}
