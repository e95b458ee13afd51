//! How does a test speak to the gateway? Over a bare connection, so that any octets can be sent and all are seen.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use openssl::ssl::{SslConnector, SslMethod, SslStream, SslVerifyMode};
use serde_json::Value;

use super::message::{Framing, Head, Wire};
use super::request::Request;
use super::wait::{self, DEADLINE};

/// A connection, plaintext or TLS.
#[derive(Debug)]
pub enum Connection {
    /// Plaintext.
    Plain(TcpStream),
    /// TLS.
    Tls(Box<SslStream<TcpStream>>),
}

impl Connection {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref(),
        }
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(octets),
            Self::Tls(stream) => stream.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The head.
    pub head: Head,
    /// The body, without its framing.
    pub body: Vec<u8>,
}

impl Response {
    /// The only value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.value(name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }
}

/// One connection to the gateway.
#[derive(Debug)]
pub struct Client {
    wire: Wire<Connection>,
}

impl Client {
    /// Connects in plaintext.
    pub fn connect(address: SocketAddr) -> Self {
        Self { wire: Wire::new(Connection::Plain(connected(address))) }
    }

    /// Connects over TLS without looking at the certificate.
    pub fn connect_tls(address: SocketAddr, server_name: &str) -> Self {
        Self::connect_tls_after(address, server_name, b"")
    }

    /// The same, after these octets in plaintext.
    pub fn connect_tls_after(address: SocketAddr, server_name: &str, first: &[u8]) -> Self {
        let mut connector = SslConnector::builder(SslMethod::tls()).unwrap();
        connector.set_verify(SslVerifyMode::NONE);
        let mut stream = connected(address);
        stream.write_all(first).unwrap();
        let stream = connector.build().connect(server_name, stream).unwrap();
        Self { wire: Wire::new(Connection::Tls(Box::new(stream))) }
    }

    /// The subject of the server's certificate.
    pub fn server_subject(&self) -> String {
        let Connection::Tls(stream) = &self.wire.stream else { panic!("this connection has no certificate") };
        let certificate = stream.ssl().peer_certificate().unwrap();
        let entry = certificate.subject_name().entries().next().unwrap();
        String::from_utf8_lossy(entry.data().as_slice()).into_owned()
    }

    /// Sends octets. A connection that is closed already is not an error here: reading will show it.
    pub fn send(&mut self, octets: impl AsRef<[u8]>) {
        let stream = &mut self.wire.stream;
        let _ = stream.write_all(octets.as_ref()).and_then(|()| stream.flush());
    }

    /// Waits until whoever is at the other end has read all that was sent, as the kernel's list of connections shows it.
    pub fn wait_until_read(&self) {
        let socket = self.wire.stream.socket();
        let of = |address: SocketAddr| format!(":{:04X}", address.port());
        let (ours, theirs) = (of(socket.local_addr().unwrap()), of(socket.peer_addr().unwrap()));
        wait::until("what was sent is read", || {
            let list = std::fs::read_to_string("/proc/net/tcp").unwrap();
            list.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).find_map(|line| {
                match *line.as_slice() {
                    [_, local, remote, _, queues, ..] if local.ends_with(&theirs) && remote.ends_with(&ours) => {
                        queues.ends_with(":00000000").then_some(())
                    }
                    _ => None,
                }
            })
        });
    }

    /// How long an answer is waited for from now on: for those who expect none.
    pub fn set_patience(&self, patience: Duration) {
        self.wire.stream.socket().set_read_timeout(Some(patience)).unwrap();
    }

    /// Sends a request and reads its answer.
    pub fn exchange(&mut self, request: &Request) -> Response {
        self.try_exchange(request).unwrap_or_else(|error| panic!("no answer to {request:?}: {error}"))
    }

    /// Sends a request and reads its answer, if there is one.
    pub fn try_exchange(&mut self, request: &Request) -> io::Result<Response> {
        self.send(request.octets());
        self.try_answer(&request.method)
    }

    /// Reads the answer to a request of any method but HEAD.
    pub fn answer(&mut self) -> Response {
        self.try_answer("GET").unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    /// Reads the answer to a request.
    pub fn try_answer(&mut self, method: &str) -> io::Result<Response> {
        let head = self.head()?;
        let mut body = Vec::new();
        self.wire.body(framing(&head, method), |piece| body.extend_from_slice(piece))?;
        Ok(Response { status: status(&head), head, body })
    }

    /// Reads the head of an answer only; interim answers (1xx) are passed over.
    pub fn head(&mut self) -> io::Result<Head> {
        loop {
            let head = self.wire.head()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if !matches!(status(&head), 100 | 102..=199) {
                return Ok(head);
            }
        }
    }

    /// Reads a head, interim or not.
    pub fn any_head(&mut self) -> Head {
        self.wire.head().unwrap().expect("a head")
    }

    /// Reads the body that this head announces, piece by piece.
    pub fn body(&mut self, head: &Head, each: impl FnMut(&[u8])) -> io::Result<()> {
        self.wire.body(framing(head, "GET"), each).map(drop)
    }

    /// Reads octets as they come, up to these.
    pub fn raw_until(&mut self, heard: &mut Vec<u8>, end: &[u8]) -> io::Result<()> {
        let mut octet = [0];
        while !heard.ends_with(end) {
            self.wire.stream.read_exact(&mut octet)?;
            heard.extend_from_slice(&octet);
        }
        Ok(())
    }

    /// Reads so many octets, in the place of what was read before.
    pub fn raw_exactly(&mut self, octets: &mut Vec<u8>, count: usize) -> io::Result<()> {
        octets.resize(count, 0);
        self.wire.stream.read_exact(octets)
    }

    /// Waits until the gateway closes the connection; fails if it says anything first.
    pub fn expect_close(&mut self) {
        let mut octets = Vec::new();
        match self.wire.body(Framing::UntilClose, |piece| octets.extend_from_slice(piece)) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "the connection stays open"),
        }
        assert!(octets.is_empty(), "more came: {}", String::from_utf8_lossy(&octets));
    }
}

fn connected(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn status(head: &Head) -> u16 {
    let code = head.start.split(' ').nth(1).and_then(|code| code.parse().ok());
    code.unwrap_or_else(|| panic!("no status in {:?}", head.start))
}

fn framing(head: &Head, method: &str) -> Framing {
    if method == "HEAD" || matches!(status(head), 100..=199 | 204 | 304) {
        return Framing::None;
    }
    Framing::of(head).unwrap_or(Framing::UntilClose)
}
