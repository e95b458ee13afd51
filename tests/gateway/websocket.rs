//! Is a WebSocket opened for who may open it, does it lose nothing, and does it end when it must?

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::json;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, handshake};

use crate::harness::gateway::Prepared;
use crate::harness::websocket::{EchoServer, Socket, close_of, open, status_of};
use crate::harness::{Behaviour, Gateway, Issuer, Request, Upstream, wait};

const RULES: &str = r#"
listeners: [{ address: "127.0.0.1:0" }]
admin: { address: "127.0.0.1:0" }
process: { shutdown_timeout: 3s }
keys: { site: [{ jwks_file: keys.json }] }
realms:
  site:
    keys: site
    token: [bearer, { query: token }, { cookie: auth }]
    revoked: { file: revoked.yaml }
    identity_headers: { X-User-ID: "{claims.sub}" }
upstreams: { app: { servers: ["${UPSTREAM}"], timeouts: { connect: 1s, websocket_idle: "${IDLE}" } } }
locations:
  - { match: { prefix: /public }, access: public, upstream: app }
  - { match: { prefix: /none }, access: public, upstream: app, websocket: false }
  - { match: { prefix: /stays }, access: { realm: site }, upstream: app }
  - { match: { prefix: / }, access: { realm: site }, upstream: app, close_at_expiry: true }
"#;

fn before(upstream: SocketAddr, issuer: &Issuer) -> Prepared {
    Gateway::prepare(RULES)
        .file("keys.json", issuer.jwks())
        .file("revoked.yaml", "sub: []")
        .env("UPSTREAM", upstream)
        .env("IDLE", "1h")
}

struct Site {
    gateway: Gateway,
    app: EchoServer,
    issuer: Issuer,
}

impl Site {
    fn open() -> Self {
        let (app, issuer) = (EchoServer::start(), Issuer::of("ES256"));
        let gateway = before(app.address(), &issuer).start();
        Self { gateway, app, issuer }
    }

    fn socket(&self, target: &str) -> Socket {
        let token = format!("Bearer {}", self.issuer.token_of("alice"));
        open(self.gateway.address(), target, &[("Authorization", &token)]).unwrap()
    }

    fn token_for(&self, seconds: u64) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        self.issuer.token(&json!({ "sub": "alice", "jti": "one", "exp": now + seconds }))
    }
}

#[test]
fn messages_of_every_size_pass_in_both_directions() {
    let site = Site::open();
    let mut socket = site.socket("/");
    for length in [0, 1, 125, 126, 70_000, 3_000_000] {
        let message = Message::binary(vec![7_u8; length]);
        socket.send(message.clone()).unwrap();
        assert!(socket.read().unwrap() == message, "{length} octets");
    }
    socket.close(None).unwrap();
    assert!(close_of(&mut socket).is_none());
    wait::until("it is logged and no longer counted", || {
        (site.gateway.metrics().sum("portcullis_websockets", &[]) == 0.0).then_some(())
    });
    let line = site.gateway.line_where(|line| line["status"] == 101);
    assert_eq!((line["subject"].as_str(), line["auth_status"].as_str()), (Some("alice"), Some("granted")));
    assert!(line["bytes_out"].as_u64().unwrap() > 3_000_000);
}

#[test]
fn a_token_opens_it_in_a_header_a_cookie_or_the_query_and_the_query_one_goes_no_further() {
    let site = Site::open();
    let token = site.issuer.token_of("alice");
    for (target, header) in [
        ("/?a=1".to_owned(), ("Authorization", format!("Bearer {token}"))),
        ("/?a=1".to_owned(), ("Cookie", format!("auth={token}"))),
        (format!("/?a=1&token={token}"), ("X-Nothing", String::new())),
    ] {
        open(site.gateway.address(), &target, &[(header.0, &header.1), ("X-User-ID", "root")]).unwrap();
        let handshake = site.app.handshakes.lock().unwrap().pop().unwrap();
        assert_eq!(handshake.uri().to_string(), "/?a=1");
        let names: Vec<_> = handshake.headers().get_all("x-user-id").iter().collect();
        assert_eq!(names, ["alice"]);
    }
    let line = site.gateway.line_where(|line| line["query"].as_str().is_some_and(|query| query.contains("token")));
    assert_eq!(line["query"], "a=1&token=***");
    assert!(!site.gateway.log.text().contains(&token));
}

#[test]
fn who_may_not_open_one_is_answered_as_anybody_else() {
    let site = Site::open();
    let address = site.gateway.address();
    assert_eq!(status_of(open(address, "/", &[])), 401);
    assert_eq!(status_of(open(address, "/", &[("Authorization", "Bearer bad")])), 401);
    assert_eq!(status_of(open(address, "/none", &[])), 403);
    assert_eq!(site.gateway.line_where(|line| line["path"] == "/none")["auth_reason"], "upgrade_refused");
    assert_eq!(site.app.handshakes.lock().unwrap().len(), 0);
    assert_eq!(status_of(open(address, "/public", &[])), 101);
}

#[test]
fn a_handshake_with_a_body_is_none() {
    let site = Site::open();
    let handshake = |method: &str| {
        let request = Request::new(method, "/public").header("Connection", "Upgrade").header("Upgrade", "websocket");
        request.header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==").header("Sec-WebSocket-Version", 13)
    };
    let body = handshake("GET").header("Content-Length", 3).raw_body("abc");
    let posted = handshake("POST").header("Content-Length", 0);
    for request in [body, posted] {
        let answer = site.gateway.send(&request);
        assert_eq!((answer.status, site.gateway.reason_of(&answer).as_str()), (400, "request_malformed"));
    }
    assert_eq!(site.app.handshakes.lock().unwrap().len(), 0);
}

#[test]
fn it_ends_with_its_token_and_both_sides_are_told() {
    let site = Site::open();
    let token = format!("Bearer {}", site.token_for(3));
    let mut bound = open(site.gateway.address(), "/", &[("Authorization", &token)]).unwrap();
    let mut free = open(site.gateway.address(), "/stays", &[("Authorization", &token)]).unwrap();
    bound.send(Message::text("hello")).unwrap();
    assert_eq!(bound.read().unwrap(), Message::text("hello"));
    let close = close_of(&mut bound).unwrap();
    assert_eq!((close.code, close.reason.as_str()), (CloseCode::Policy, "token_expired"));
    let told = wait::until("the upstream is told", || site.app.goodbyes.lock().unwrap().pop());
    assert_eq!(told.unwrap().code, CloseCode::Policy);
    free.send(Message::text("still here")).unwrap();
    assert_eq!(free.read().unwrap(), Message::text("still here"), "only where the location says so");
    let metrics = site.gateway.metrics();
    assert_eq!(metrics.sum("portcullis_ended_with_token_total", &["token_expired"]), 1.0);
}

#[test]
fn it_ends_when_its_token_is_called_back() {
    let site = Site::open();
    let token = format!("Bearer {}", site.token_for(600));
    let mut socket = open(site.gateway.address(), "/", &[("Authorization", &token)]).unwrap();
    site.gateway.write("revoked.yaml", "sub: [bob]");
    socket.send(Message::text("hello")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("hello"));
    site.gateway.write("revoked.yaml", "jti: [one]");
    let close = close_of(&mut socket).unwrap();
    assert_eq!((close.code, close.reason.as_str()), (CloseCode::Policy, "token_revoked"));
}

#[test]
fn the_farewell_waits_for_the_end_of_a_frame() {
    let (upstream, issuer) = (TcpListener::bind("127.0.0.1:0").unwrap(), Issuer::of("ES256"));
    let gateway = before(upstream.local_addr().unwrap(), &issuer).start();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let token = format!("Bearer {}", issuer.token(&json!({ "sub": "alice", "exp": now + 2 })));
    let application = thread::spawn(move || {
        let (mut stream, _) = upstream.accept().unwrap();
        let answer = accepted(&mut stream);
        stream.write_all(&answer).unwrap();
        // A frame of ten octets, and half of it for now.
        stream.write_all(b"\x82\x0ahalf ").unwrap();
        let mut closed = [0; 2];
        stream.set_read_timeout(Some(Duration::from_millis(3200))).unwrap();
        let _ = stream.read(&mut closed);
        stream.write_all(b"whole").unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let mut socket = open(gateway.address(), "/", &[("Authorization", &token)]).unwrap();
    assert_eq!(socket.read().unwrap(), Message::binary(b"half whole".as_slice()));
    assert_eq!(close_of(&mut socket).unwrap().code, CloseCode::Policy);
    drop(socket);
    application.join().unwrap();
}

#[test]
fn silence_ends_it_and_talk_keeps_it() {
    let (app, issuer) = (EchoServer::start(), Issuer::of("ES256"));
    let gateway = before(app.address(), &issuer).env("IDLE", "1s").start();
    let mut socket = open(gateway.address(), "/public", &[]).unwrap();
    for _ in 0..3 {
        socket.send(Message::text("hello")).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text("hello"));
    }
    assert_eq!(close_of(&mut socket).unwrap().code, CloseCode::Away);
}

#[test]
fn a_shutdown_lets_it_go_on_and_then_takes_leave() {
    let site = Site::open();
    let mut socket = site.socket("/");
    site.gateway.terminate();
    wait::until("new connections are refused", || TcpStream::connect(site.gateway.address()).err());
    socket.send(Message::text("hello")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("hello"));
    assert_eq!(close_of(&mut socket).unwrap().code, CloseCode::Away);
}

#[test]
fn an_upstream_that_opens_none_is_heard() {
    let (app, issuer) = (Upstream::echo(), Issuer::of("ES256"));
    let gateway = before(app.address(), &issuer).start();
    assert_eq!(status_of(open(gateway.address(), "/public", &[])), 200);
    let gone = before("127.0.0.1:1".parse().unwrap(), &issuer).start();
    assert_eq!(status_of(open(gone.address(), "/public", &[])), 502);
    assert_eq!(gone.line_where(|line| line["status"] == 502)["upstream"], "127.0.0.1:1");
    let h2c = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    for wrong in [h2c, "nonsense\r\n\r\n", ""] {
        let upstream = Upstream::with(Behaviour::Cut(wrong.into()));
        let gateway = before(upstream.address(), &issuer).start();
        assert_eq!(status_of(open(gateway.address(), "/public", &[])), 502, "{wrong}");
    }
}

/// The answer to a handshake that is read from this stream.
fn accepted(stream: &mut TcpStream) -> Vec<u8> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut octets = [0; 4096];
        let length = stream.read(&mut octets).unwrap();
        assert!(length > 0, "the handshake is cut");
        head.extend_from_slice(&octets[..length]);
    }
    let head = String::from_utf8(head).unwrap();
    let value = |wanted: &str| {
        let headers = head.lines().filter_map(|line| line.split_once(": "));
        headers.filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value).next().unwrap()
    };
    assert_eq!(value("upgrade"), "websocket");
    let accept = handshake::derive_accept_key(value("sec-websocket-key").as_bytes());
    format!("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
        .into_bytes()
}

const HANDSHAKE: &[u8] = b"GET /public HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/// Masked with zeros: the text "hi".
const EARLY: &[u8] = b"\x81\x82\0\0\0\0hi";

/// An upstream that answers in one segment: 101 and its first frame; then it says "hi" to who says "hi".
fn at_once() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let answer = [accepted(&mut stream).as_slice(), b"\x81\x05first"].concat();
                stream.write_all(&answer).unwrap();
                let mut said = [0; 8];
                if stream.read_exact(&mut said).is_ok() {
                    stream.write_all(b"\x81\x02hi").unwrap();
                }
                let _ = stream.read(&mut said);
            });
        }
    });
    address
}

#[test]
fn t1_an_upstream_that_answers_at_once_loses_no_handshake() {
    let issuer = Issuer::of("ES256");
    let gateway = before(at_once(), &issuer).start();
    let count = std::env::var("PORTCULLIS_HANDSHAKES").ok().and_then(|count| count.parse().ok()).unwrap_or(2_000);
    let stop = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        // Every core is busy, as on the day when it matters.
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    std::hint::spin_loop()
                }
            });
        }
        let clients: Vec<_> = (0..8)
            .map(|client| {
                scope.spawn({
                    let gateway = &gateway;
                    move || (0..count / 8).for_each(|number| greet(gateway.address(), (client + number) % 2 == 0))
                })
            })
            .collect();
        let ends: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        ends.into_iter().for_each(|end| end.unwrap());
    });
}

fn greet(address: SocketAddr, early: bool) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(&if early { [HANDSHAKE, EARLY].concat() } else { HANDSHAKE.to_vec() }).unwrap();
    read_up_to(&mut stream, b"\r\n\r\n\x81\x05first");
    if !early {
        stream.write_all(EARLY).unwrap();
    }
    read_up_to(&mut stream, b"\x81\x02hi");
}

fn read_up_to(stream: &mut TcpStream, end: &[u8]) {
    let (mut heard, mut octet) = (Vec::new(), [0]);
    while !heard.ends_with(end) {
        assert_eq!(stream.read(&mut octet).unwrap(), 1, "lost after {:?}", String::from_utf8_lossy(&heard));
        heard.push(octet[0]);
    }
}

#[test]
fn who_does_not_read_does_not_hold_it_beyond_its_token() {
    let (upstream, issuer) = (TcpListener::bind("127.0.0.1:0").unwrap(), Issuer::of("ES256"));
    let gateway = before(upstream.local_addr().unwrap(), &issuer).start();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let token = format!("Bearer {}", issuer.token(&json!({ "sub": "alice", "exp": now + 2 })));
    let application = thread::spawn(move || {
        let (mut stream, _) = upstream.accept().unwrap();
        let answer = accepted(&mut stream);
        stream.write_all(&answer).unwrap();
        let frame = [b"\x82\x7e\xff\xff".as_slice(), &[7; 65_535]].concat();
        while stream.write_all(&frame).is_ok() {}
    });
    let socket = open(gateway.address(), "/", &[("Authorization", &token)]).unwrap();
    application.join().unwrap();
    wait::until("it is counted", || {
        (gateway.metrics().sum("portcullis_ended_with_token_total", &["token_expired"]) == 1.0).then_some(())
    });
    drop(socket);
}
