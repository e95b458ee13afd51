//! What becomes of an upload that its server does not take to the end?

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use crate::harness::gateway::PLAIN;
use crate::harness::{Gateway, Request, Response};

/// More than fits in the buffers of all sockets on the way.
const LARGE: usize = 16 << 20;

/// A server that reads the first octets of each request, says this, and goes away with the rest unread: its connection is reset.
fn server_that_says(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            stream.read_exact(&mut [0; 4096]).unwrap();
            stream.write_all(answer).unwrap();
        }
    });
    address
}

fn gateway_before(server: SocketAddr) -> Gateway {
    Gateway::start(&format!(
        "{PLAIN}upstreams: {{ app: {{ servers: [\"{server}\"] }} }}\n\
         locations: [{{ match: {{ prefix: / }}, access: public, upstream: app }}]\n"
    ))
}

fn upload(gateway: &Gateway) -> Response {
    gateway.send(&Request::post("/", vec![b'x'; LARGE]))
}

#[test]
fn a_server_that_refuses_an_upload_and_goes_away_is_heard() {
    let gateway = gateway_before(server_that_says(
        b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large",
    ));
    for _ in 0..20 {
        let answer = upload(&gateway);
        assert_eq!((answer.status, answer.text().as_str()), (413, "too large"));
    }
}

#[test]
fn a_server_that_goes_away_within_an_upload_is_at_fault_and_not_the_client() {
    let gateway = gateway_before(server_that_says(b""));
    for _ in 0..20 {
        let answer = upload(&gateway);
        assert_eq!((answer.status, gateway.reason_of(&answer).as_str()), (502, "upstream_unavailable"));
    }
    assert_eq!(gateway.metrics().sum("portcullis_upstream_failures_total", &[]), 20.0);
}
