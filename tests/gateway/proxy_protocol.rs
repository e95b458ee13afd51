//! Who is it that a balancer passes a connection on for? Only trusted balancers are believed.

use crate::harness::certificates::Certificate;
use crate::harness::{Client, Gateway, Request, Upstream};

fn behind_a_balancer(trusted: &str, app: &Upstream) -> Gateway {
    let certificate = Certificate::authority("test").vouch_for("localhost");
    Gateway::prepare(&format!(
        "listeners:\n\
         \x20 - {{ address: '127.0.0.1:0', proxy_protocol: true, trusted_proxies: [{trusted}], limits: {{ header_timeout: 500ms }} }}\n\
         \x20 - {{ address: '127.0.0.1:0', proxy_protocol: true, trusted_proxies: [{trusted}], tls: {{ certificates: [{{ certificate: c.crt, key: c.key }}] }} }}\n\
         admin: {{ address: '127.0.0.1:0' }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         locations:\n\
         \x20 - {{ match: {{ path: /office }}, access: {{ ip: [192.0.2.0/24] }}, upstream: app }}\n\
         \x20 - {{ match: {{ prefix: / }}, access: public, upstream: app }}\n",
        app.address()
    ))
    .file("c.crt", certificate.pem())
    .file("c.key", certificate.key_pem())
    .start()
}

const LINE: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";
/// Version 2, TCP over IPv4: the same addresses.
const OCTETS: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\x12\x67\x01\xbb";

#[test]
fn a_trusted_balancer_says_who_the_client_is() {
    let app = Upstream::echo();
    let gateway = behind_a_balancer("127.0.0.0/8", &app);
    for header in [LINE, OCTETS] {
        let mut client = gateway.client();
        client.send([header, &Request::get("/office").octets()].concat());
        let answer = client.answer();
        assert_eq!(answer.status, 200);
        assert_eq!(app.last().head.value("x-forwarded-for"), Some("192.0.2.7"));
        assert_eq!(gateway.line_of(&answer)["client"], "192.0.2.7");
        assert_eq!(client.exchange(&Request::get("/office")).status, 200, "for the whole connection");
    }
    let mut slow = gateway.client();
    for part in LINE.chunks(7) {
        slow.send(part);
    }
    assert_eq!(slow.exchange(&Request::get("/office")).status, 200);
    let tls = Client::connect_tls_after(gateway.listener(1), "localhost", LINE).exchange(&Request::get("/office"));
    assert_eq!(tls.status, 200);
}

#[test]
fn a_balancer_that_speaks_for_itself_is_the_client() {
    let app = Upstream::echo();
    let gateway = behind_a_balancer("127.0.0.0/8", &app);
    let mut client = gateway.client();
    let own = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";
    client.send([own, Request::get("/office").octets().as_slice()].concat());
    assert_eq!(client.answer().status, 403);
}

#[test]
fn class_25_a_client_whom_the_balancer_cannot_name_does_not_name_itself() {
    let app = Upstream::echo();
    let gateway = behind_a_balancer("127.0.0.0/8", &app);
    let request = Request::get("/office").header("X-Forwarded-For", "192.0.2.7").octets();
    for unknown in [&b"PROXY UNKNOWN\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x21\x00\x00\x00"] {
        let mut client = gateway.client();
        client.send([unknown, &request].concat());
        assert!(client.try_answer("GET").is_err());
    }
    assert!(app.received().is_empty());
}

#[test]
fn class_25_a_stranger_is_not_believed_whoever_they_say_they_are() {
    let app = Upstream::echo();
    let gateway = behind_a_balancer("10.0.0.0/8", &app);
    let mut client = gateway.client();
    client.send([LINE, &Request::get("/office").octets()].concat());
    let answer = client.answer();
    assert_eq!((answer.status, gateway.reason_of(&answer).as_str()), (403, "ip_refused"));
}

#[test]
fn without_a_header_nothing_is_served() {
    let app = Upstream::echo();
    let gateway = behind_a_balancer("127.0.0.0/8", &app);
    for octets in [Request::get("/").octets(), b"PROXY TCP4 nonsense\r\n".to_vec(), b"PROXY TCP4 192.0".to_vec()] {
        let mut client = gateway.client();
        client.send(&octets);
        assert!(client.try_answer("GET").is_err());
    }
    assert!(app.received().is_empty());
    assert_eq!(gateway.metrics().sum("portcullis_proxy_header_failures_total", &[]), 3.0);
}
