//! What does a client of HTTP/2 cost that resets, opens and sends without end? Its own connection, and nobody else anything.

use crate::harness::{Client, Gateway, Request, Upstream};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// `GET http://localhost/`, with entries of the static table (RFC 7541).
const HEAD: &[u8] = b"\x82\x86\x84\x41\x09localhost";

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Reads frames until one fits, or the connection ends.
fn find(client: &mut Client, fits: impl Fn(u8, u32, &[u8]) -> bool) -> bool {
    let mut octets = Vec::new();
    loop {
        if client.raw_exactly(&mut octets, 9).is_err() {
            return false;
        }
        let length = u32::from_be_bytes([0, octets[0], octets[1], octets[2]]);
        let (kind, stream) = (octets[3], u32::from_be_bytes([octets[5], octets[6], octets[7], octets[8]]));
        if client.raw_exactly(&mut octets, length as usize).is_err() {
            return false;
        }
        if fits(kind, stream, &octets) {
            return true;
        }
    }
}

fn before(upstream: &Upstream) -> Gateway {
    Gateway::start(&format!(
        "listeners: [{{ address: '127.0.0.1:0', http2: true }}]\nupstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         locations:\n\
         \x20 - {{ match: {{ path: /well }}, access: public, respond: {{ status: 200, text: ok }} }}\n\
         \x20 - {{ match: {{ prefix: / }}, access: public, upstream: app }}\n",
        upstream.address()
    ))
}

fn others_are_served(gateway: &Gateway) {
    assert_eq!(gateway.send(&Request::get("/well")).status, 200);
}

#[test]
fn class_39_streams_that_are_opened_and_reset_without_end_cost_the_connection() {
    let (upstream, gate) = Upstream::held();
    let gateway = before(&upstream);
    let mut client = gateway.client();
    client.send(PREFACE);
    for number in 0..2_000 {
        let stream = 2 * number + 1;
        client.send([frame(HEADERS, 5, stream, HEAD), frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat());
    }
    let calm = |kind: u8, _: u32, payload: &[u8]| kind == GOAWAY && payload.get(4..8) == Some(&11_u32.to_be_bytes());
    let said = find(&mut client, calm);
    others_are_served(&gateway);
    assert!(said || client.try_answer("GET").is_err(), "ENHANCE_YOUR_CALM, or no connection any more");
    assert!(upstream.received().len() < 1_000, "{} requests went on", upstream.received().len());
    gate.open();
}

#[test]
fn no_more_than_a_hundred_streams_are_served_at_once() {
    let (upstream, gate) = Upstream::held();
    let gateway = before(&upstream);
    let mut client = gateway.client();
    client.send(PREFACE);
    for number in 0..101 {
        client.send(frame(HEADERS, 5, 2 * number + 1, HEAD));
    }
    let refused =
        |kind: u8, stream: u32, payload: &[u8]| kind == RST_STREAM && stream == 201 && payload == 7_u32.to_be_bytes();
    assert!(find(&mut client, refused), "REFUSED_STREAM, and only for the one too many");
    others_are_served(&gateway);
    gate.open();
}

#[test]
fn headers_without_end_cost_the_connection() {
    let upstream = Upstream::echo();
    let gateway = before(&upstream);
    let mut client = gateway.client();
    client.send(PREFACE);
    client.send(frame(HEADERS, 1, 1, HEAD));
    for _ in 0..2_000 {
        // A literal that is not indexed: "x" with a value of 4,000 octets.
        client.send(frame(CONTINUATION, 0, 1, &[b"\x00\x01x\x7f\xa1\x1e".as_slice(), &[b'v'; 4000]].concat()));
    }
    let ended = find(&mut client, |kind, _, _| kind == GOAWAY || kind == RST_STREAM);
    assert!(ended || client.try_answer("GET").is_err());
    others_are_served(&gateway);
    assert!(upstream.received().is_empty());
}
