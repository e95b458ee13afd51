//! Does a WebSocket have the same verdict through the gateway as without it? Good and bad frames of every kind (RFC 6455 §5
//! to §8), in whole and octet by octet: what comes back must be the same to the octet.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::harness::Gateway;
use crate::harness::websocket::EchoServer;

const HANDSHAKE: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A frame of a client, masked: the first octet (FIN, reserved bits, kind), and the payload.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = match payload.len() {
        short @ 0..=125 => vec![0x80 | u8::try_from(short).unwrap()],
        middle @ 126..=65_535 => [&[0xfe], u16::try_from(middle).unwrap().to_be_bytes().as_slice()].concat(),
        long => [&[0xff], (long as u64).to_be_bytes().as_slice()].concat(),
    };
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let masked = payload.iter().zip(mask.iter().cycle()).map(|(octet, mask)| octet ^ mask);
    [&[first], length.as_slice(), &mask].concat().into_iter().chain(masked).collect()
}

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

fn closing(code: u16, reason: &str) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// Numbered as the chapters of the Autobahn suite; each ends with a close frame of its own, if it is not closed before.
fn cases() -> Vec<(String, Vec<u8>)> {
    let mut cases: Vec<(String, Vec<u8>)> = Vec::new();
    let mut case = |name: String, frames: &[Vec<u8>]| cases.push((name, frames.concat()));
    for length in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 200_000] {
        case(format!("1.1 text of {length}"), &[frame(TEXT, &vec![b'*'; length])]);
        case(format!("1.2 binary of {length}"), &[frame(BINARY, &vec![0xfe; length])]);
    }
    for length in [0, 5, 125, 126] {
        case(format!("2 ping of {length}"), &[frame(PING, &vec![0xfd; length])]);
    }
    case("2.7 pong that nobody asked for".into(), &[frame(PONG, b"x"), frame(PING, b"y")]);
    case("2.10 ten pings".into(), &(0..10).map(|number| frame(PING, &[number])).collect::<Vec<_>>());
    for bits in 1..8_u8 {
        case(format!("3 reserved bits {bits}"), &[frame(TEXT, b"good"), frame(TEXT | (bits << 4), b"bad")]);
    }
    for kind in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15_u8] {
        case(format!("4 reserved kind {kind}"), &[frame(TEXT, b"good"), frame(0x80 | kind, b"")]);
    }
    case("5.1 a ping in two".into(), &[frame(0x09, b"one"), frame(0x80, b"two")]);
    case("5.3 text in two".into(), &[frame(0x01, b"one"), frame(0x80, b"two")]);
    case("5.6 with a ping between".into(), &[frame(0x01, b"one"), frame(PING, b"ping"), frame(0x80, b"two")]);
    case("5.9 a continuation of nothing".into(), &[frame(0x80, b"none"), frame(TEXT, b"after")]);
    case("5.15 text begun twice".into(), &[frame(0x01, b"one"), frame(TEXT, b"two")]);
    case("5.19 in five".into(), &[0x01, 0, 0, 0, 0x80].map(|first| frame(first, b"part")));
    for (name, text) in [
        ("good", "κόσμε \u{10ffff}".as_bytes()),
        ("cut", &[0xce]),
        ("overlong", &[0xc0, 0xaf]),
        ("surrogate", &[0xed, 0xa0, 0x80]),
        ("beyond", &[0xf4, 0x90, 0x80, 0x80]),
        ("none", &[0xff, 0xfe]),
    ] {
        case(format!("6 text that is {name}"), &[frame(TEXT, text)]);
        case(format!("6.4 in pieces, {name}"), &[frame(0x01, b"x"), frame(0, text), frame(0x80, b"y")]);
    }
    case("7.1 nothing after a close".into(), &[closing(1000, ""), frame(TEXT, b"late"), frame(PING, b"late")]);
    case("7.3 close of nothing".into(), &[frame(CLOSE, b"")]);
    case("7.3 close of one octet".into(), &[frame(CLOSE, b"x")]);
    case("7.3 close of 124".into(), &[closing(1000, &"*".repeat(123))]);
    case("7.3 close too long".into(), &[closing(1000, &"*".repeat(124))]);
    case("7.5 close without text".into(), &[frame(CLOSE, &[0x03, 0xe8, 0xff, 0xfe])]);
    for code in [0, 999, 1000, 1003, 1004, 1005, 1006, 1007, 1011, 1012, 1016, 1100, 2999, 3000, 4999, 5000, 65_535] {
        case(format!("7.7 close with {code}"), &[closing(code, "why")]);
    }
    case("9 many small ones".into(), &(0..500).map(|_| frame(BINARY, &[7; 64])).collect::<Vec<_>>());
    case("without a mask".into(), &[b"\x81\x02hi".to_vec()]);
    cases
}

/// Every frame that comes back.
fn answers(address: SocketAddr, frames: &[u8], piece: usize) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(HANDSHAKE).unwrap();
    let (mut head, mut octet) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut octet).unwrap();
        head.push(octet[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    let mut reader = stream.try_clone().unwrap();
    let listens = std::thread::spawn(move || {
        let mut heard = Vec::new();
        // A server that closes with octets unread resets the connection: what was heard before counts.
        let _ = reader.read_to_end(&mut heard);
        heard
    });
    let all = [frames, &closing(1000, "done")].concat();
    for piece in all.chunks(piece) {
        if stream.write_all(piece).is_err() {
            break;
        }
    }
    listens.join().unwrap()
}

#[test]
fn every_case_has_the_same_verdict_through_the_gateway_as_without_it() {
    let app = EchoServer::start();
    let gateway = Gateway::start(&format!(
        "listeners: [{{ address: '127.0.0.1:0' }}]\nupstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
         locations: [{{ match: {{ prefix: / }}, access: public, upstream: app }}]\n",
        app.address()
    ));
    let mut judged = 0;
    for (name, frames) in cases() {
        let direct = answers(app.address(), &frames, usize::MAX);
        let pieces = if frames.len() < 2_000 { vec![usize::MAX, 1] } else { vec![usize::MAX, 1_399] };
        for piece in pieces {
            let through = answers(gateway.address(), &frames, piece);
            assert_eq!(through, direct, "{name}, in pieces of {piece}");
            judged += 1;
        }
    }
    assert!(judged > 150, "{judged}");
}
