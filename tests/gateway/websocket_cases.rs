//! Does a WebSocket have the same verdict through the gateway as without it? Good and bad frames of every kind (RFC 6455 §5
//! to §8), in whole and octet by octet: what comes back must be the same to the octet.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::harness::Gateway;
use crate::harness::application::Application;
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

/// What is sent: an extension that is asked for, frames, and how many messages come back before goodbye is said.
struct Talk<'t> {
    extension: &'t str,
    frames: &'t [u8],
    messages: usize,
}

/// What was agreed on, and every frame that comes back.
fn answers(address: SocketAddr, talk: &Talk<'_>, piece: usize) -> (Option<String>, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let handshake = String::from_utf8_lossy(HANDSHAKE).replacen("\r\n\r\n", &format!("\r\n{}\r\n", talk.extension), 1);
    stream.write_all(handshake.as_bytes()).unwrap();
    let (mut head, mut octet) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut octet).unwrap();
        head.push(octet[0]);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "));
    let agreed = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("sec-websocket-extensions").then(|| value.to_owned())
    });
    let mut writer = stream.try_clone().unwrap();
    let goodbye = closing(1000, "done");
    let first = if talk.messages == 0 { [talk.frames, &goodbye].concat() } else { talk.frames.to_vec() };
    let speaks = std::thread::spawn(move || first.chunks(piece).all(|piece| writer.write_all(piece).is_ok()));
    let mut goodbye = (talk.messages > 0).then_some(goodbye);
    let (mut heard, mut octets) = (Vec::new(), [0; 65_536]);
    loop {
        if let Some(goodbye) = goodbye.take_if(|_| messages(&heard) >= talk.messages) {
            let _ = stream.write_all(&goodbye);
        }
        // A server that closes with octets unread resets the connection: what was heard before counts.
        match stream.read(&mut octets) {
            Ok(0) | Err(_) => break,
            Ok(length) => heard.extend_from_slice(&octets[..length]),
        }
    }
    speaks.join().unwrap();
    (agreed, heard)
}

/// How many messages have ended among these frames of a server.
fn messages(mut frames: &[u8]) -> usize {
    let mut count = 0;
    while let [first, length, rest @ ..] = frames {
        let (length, rest) = match (length, rest) {
            (126, [a, b, rest @ ..]) => (usize::from(u16::from_be_bytes([*a, *b])), rest),
            (127, [_, _, _, _, a, b, c, d, rest @ ..]) => (u32::from_be_bytes([*a, *b, *c, *d]) as usize, rest),
            (126 | 127, _) => break,
            (length, rest) => (usize::from(*length), rest),
        };
        let Some(rest) = rest.get(length..) else { break };
        count += usize::from(first & 0x80 != 0 && first & 0x0f < 8);
        frames = rest;
    }
    count
}

fn before(app: SocketAddr) -> Gateway {
    Gateway::start(&format!(
        "listeners: [{{ address: '127.0.0.1:0' }}]\nupstreams: {{ app: {{ servers: [\"{app}\"] }} }}\n\
         locations: [{{ match: {{ prefix: / }}, access: public, upstream: app }}]\n"
    ))
}

#[test]
fn every_case_has_the_same_verdict_through_the_gateway_as_without_it() {
    let app = EchoServer::start();
    let gateway = before(app.address());
    let mut judged = 0;
    for (name, frames) in cases() {
        let talk = Talk { extension: "", frames: &frames, messages: 0 };
        let direct = answers(app.address(), &talk, usize::MAX);
        let pieces = if frames.len() < 2_000 { vec![usize::MAX, 1] } else { vec![usize::MAX, 1_399] };
        for piece in pieces {
            let through = answers(gateway.address(), &talk, piece);
            assert_eq!(through, direct, "{name}, in pieces of {piece}");
            judged += 1;
        }
    }
    assert!(judged > 150, "{judged}");
}

/// A payload as permessage-deflate sends it (RFC 7692 §7.2.1): without the four octets of the last empty block.
fn deflated(payload: &[u8]) -> Vec<u8> {
    let mut coder = flate2::Compress::new(flate2::Compression::default(), false);
    let mut octets = Vec::with_capacity(payload.len() + 1024);
    coder.compress_vec(payload, &mut octets, flate2::FlushCompress::Sync).unwrap();
    octets.truncate(octets.len() - 4);
    octets
}

const COMPRESSED: u8 = 0x40;

/// Chapters 12 and 13: frames, and how many messages come back; of bad ones none, and the server says goodbye.
fn compressed_cases() -> Vec<(Vec<u8>, usize)> {
    let text = |length: usize| "the quick brown fox ".repeat(length / 20 + 1).into_bytes();
    let mut cases = Vec::new();
    for length in [16, 64, 256, 1024, 4096, 8192, 16_384, 32_768, 65_536, 131_072] {
        let one = deflated(&text(length));
        let (start, end) = one.split_at(one.len() / 2);
        cases.push((frame(TEXT | COMPRESSED, &one), 1));
        cases.push(((0..20).flat_map(|_| frame(BINARY | COMPRESSED, &one)).collect(), 20));
        cases.push(([frame(0x01 | COMPRESSED, start), frame(0x80, end)].concat(), 1));
    }
    cases.push((frame(TEXT, b"plain beside it"), 1));
    cases.push((frame(TEXT | COMPRESSED, b"\xff\xff no deflate"), usize::MAX));
    cases.push((frame(PING | COMPRESSED, b"a compressed ping"), usize::MAX));
    cases.push(([frame(0x01, b"one"), frame(0x80 | COMPRESSED, b"two")].concat(), usize::MAX));
    cases
}

#[test]
fn compressed_messages_have_the_same_verdict_as_well() {
    let app = Application::of("llm_app.py");
    let gateway = before(app.address);
    for parameters in ["", "; server_no_context_takeover", "; client_no_context_takeover", "; server_max_window_bits=9"]
    {
        let extension = format!("Sec-WebSocket-Extensions: permessage-deflate{parameters}\r\n");
        for (place, (frames, messages)) in compressed_cases().into_iter().enumerate() {
            let talk = Talk { extension: &extension, frames: &frames, messages };
            let direct = answers(app.address, &talk, usize::MAX);
            let through = answers(gateway.address(), &talk, 1_399);
            assert!(direct == through, "{parameters}: case {place}: {} and {}", direct.1.len(), through.1.len());
            assert!(direct.0.is_some_and(|agreed| agreed.contains("permessage-deflate")), "{parameters}");
        }
    }
}
