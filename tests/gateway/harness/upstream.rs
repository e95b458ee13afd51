//! What did the application get? Upstreams in this process that keep every octet, and answer as a test needs it.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use openssl::ssl::{SslAcceptor, SslMethod};

use super::certificates::Certificate;
use super::message::{Framing, Head, Wire};
use super::wait::{self, DEADLINE};

/// Nothing listens there, and nothing will: connections are refused.
pub const CLOSED_PORT: &str = "127.0.0.2:1";

/// A request, as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// Which connection it came by, counted from 0.
    pub connection: usize,
    /// Its head.
    pub head: Head,
    /// As much of its body as is there, without its framing.
    pub body: Vec<u8>,
    /// The fields after a chunked body.
    pub trailers: Head,
    /// Whether the whole body is there.
    pub complete: bool,
}

/// How an upstream answers.
#[derive(Debug)]
pub enum Behaviour {
    /// 200 with the head and the body of the request as body.
    Echo,
    /// As `Echo`, once the gate is open.
    Held(Gate),
    /// Reads, and never says a word.
    Silent,
    /// A chunked answer; a chunk leaves whenever one is handed to the sender.
    Drip(Mutex<Receiver<Vec<u8>>>),
    /// As `Echo`; each connection is closed, without a word of warning, when it has served so many requests.
    CloseAfter(usize),
    /// These octets, whatever was asked.
    Says(Vec<u8>),
    /// What the script says now for the path; then the connection is closed.
    Scripted(Script),
    /// As `Says`, and then it closes the connection.
    Cut(Vec<u8>),
    /// Closes the connection when it has read a request.
    HangUp,
}

/// Answers by path, which a test may change; the empty path stands for every other.
#[derive(Debug, Clone, Default)]
pub struct Script(Arc<Mutex<HashMap<String, Vec<u8>>>>);

impl Script {
    /// An answer that is never sent; the connection stays open until the other side closes it.
    pub const SILENCE: &[u8] = b"(silence)";

    /// Answers a path so from now on.
    pub fn set(&self, path: &str, octets: Vec<u8>) {
        self.0.lock().unwrap().insert(path.to_owned(), octets);
    }

    fn answer_to(&self, head: &Head) -> Vec<u8> {
        let answers = self.0.lock().unwrap();
        let path = head.start.split(' ').nth(1).unwrap_or_default();
        answers.get(path).or_else(|| answers.get("")).cloned().unwrap_or_default()
    }
}

/// Something that is shut until it is opened.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// Opens it, for good.
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open));
    }
}

#[derive(Debug, Default)]
struct Records {
    received: Mutex<Vec<Received>>,
    changed: Condvar,
    connections: AtomicUsize,
    ended: AtomicBool,
}

/// An upstream that listens, until it is dropped.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    records: Arc<Records>,
}

impl Upstream {
    /// One that answers 200 with what it got.
    pub fn echo() -> Self {
        Self::with(Behaviour::Echo)
    }

    /// One that answers as an echo, once the gate is open.
    pub fn held() -> (Self, Gate) {
        let gate = Gate::default();
        (Self::with(Behaviour::Held(gate.clone())), gate)
    }

    /// One whose answer leaves chunk by chunk.
    pub fn drip() -> (Self, Sender<Vec<u8>>) {
        let (sender, receiver) = channel();
        (Self::with(Behaviour::Drip(Mutex::new(receiver))), sender)
    }

    /// One that answers with these octets.
    pub fn says(octets: impl Into<Vec<u8>>) -> Self {
        Self::with(Behaviour::Says(octets.into()))
    }

    /// One of any behaviour, in plaintext.
    pub fn with(behaviour: Behaviour) -> Self {
        Self::listen("127.0.0.1:0", behaviour, None)
    }

    /// An echo with this certificate.
    pub fn tls(certificate: &Certificate) -> Self {
        Self::tls_with(certificate, Behaviour::Echo)
    }

    /// One of any behaviour with this certificate.
    pub fn tls_with(certificate: &Certificate, behaviour: Behaviour) -> Self {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
        let (certificate, key) = certificate.parts();
        acceptor.set_certificate(certificate).unwrap();
        acceptor.set_private_key(key).unwrap();
        Self::listen("127.0.0.1:0", behaviour, Some(acceptor.build()))
    }

    fn listen(address: &str, behaviour: Behaviour, tls: Option<SslAcceptor>) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let records = Arc::new(Records::default());
        let kept = Arc::clone(&records);
        let behaviour = Arc::new(behaviour);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                if kept.ended.load(Ordering::SeqCst) {
                    return;
                }
                let number = kept.connections.fetch_add(1, Ordering::SeqCst);
                let (kept, behaviour, tls) = (Arc::clone(&kept), Arc::clone(&behaviour), tls.clone());
                std::thread::spawn(move || {
                    // A connection that breaks is the test's affair; its records show it.
                    let _ = accept(stream, number, &kept, &behaviour, tls.as_ref());
                });
            }
        });
        Self { address, records }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> usize {
        self.records.connections.load(Ordering::SeqCst)
    }

    /// Every request so far.
    pub fn received(&self) -> Vec<Received> {
        self.records.received.lock().unwrap().clone()
    }

    /// The last request, which is complete.
    pub fn last(&self) -> Received {
        let last = self.received().pop().expect("the upstream received something");
        assert!(last.complete, "the last request has not ended");
        last
    }

    /// Waits until the requests so far fit.
    pub fn wait_until(&self, what: &str, fits: impl Fn(&[Received]) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        let mut received = self.records.received.lock().unwrap();
        while !fits(&received) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited in vain until {what}: {received:?}");
            received = self.records.changed.wait_timeout(received, left).unwrap().0;
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.records.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn accept(
    stream: TcpStream,
    number: usize,
    records: &Records,
    behaviour: &Behaviour,
    tls: Option<&SslAcceptor>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match tls {
        None => serve(Wire::new(stream), number, records, behaviour),
        Some(acceptor) => {
            let stream = acceptor.accept(stream).map_err(io::Error::other)?;
            serve(Wire::new(stream), number, records, behaviour)
        }
    }
}

fn serve<S: Read + Write>(
    mut wire: Wire<S>,
    number: usize,
    records: &Records,
    behaviour: &Behaviour,
) -> io::Result<()> {
    let mut served = 0;
    while let Some(head) = wire.head()? {
        if head.values("expect").contains(&"100-continue") {
            wire.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            wire.stream.flush()?;
        }
        let received = receive(&mut wire, number, head, records)?;
        match behaviour {
            Behaviour::Echo | Behaviour::CloseAfter(_) => echo(&mut wire.stream, &received)?,
            Behaviour::Held(gate) => {
                gate.pass();
                echo(&mut wire.stream, &received)?;
            }
            Behaviour::Silent => {}
            Behaviour::Drip(chunks) => drip(&mut wire.stream, &chunks.lock().unwrap())?,
            Behaviour::Says(octets) => wire.stream.write_all(octets)?,
            Behaviour::Scripted(script) if script.answer_to(&received.head) == Script::SILENCE => {}
            Behaviour::Scripted(script) => {
                wire.stream.write_all(&script.answer_to(&received.head))?;
                wire.stream.flush()?;
                return Ok(());
            }
            Behaviour::Cut(octets) => {
                wire.stream.write_all(octets)?;
                wire.stream.flush()?;
                return Ok(());
            }
            Behaviour::HangUp => return Ok(()),
        }
        wire.stream.flush()?;
        served += 1;
        if matches!(behaviour, Behaviour::CloseAfter(most) if served >= *most) {
            return Ok(());
        }
    }
    Ok(())
}

fn receive<S: Read>(wire: &mut Wire<S>, connection: usize, head: Head, records: &Records) -> io::Result<Received> {
    let framing = Framing::of(&head).unwrap_or(Framing::None);
    let place = {
        let mut all = records.received.lock().unwrap();
        all.push(Received { connection, head, body: Vec::new(), trailers: Head::default(), complete: false });
        records.changed.notify_all();
        all.len() - 1
    };
    let trailers = wire.body(framing, |piece| {
        records.received.lock().unwrap()[place].body.extend_from_slice(piece);
        records.changed.notify_all();
    })?;
    let mut all = records.received.lock().unwrap();
    all[place].trailers = trailers;
    all[place].complete = true;
    records.changed.notify_all();
    Ok(all[place].clone())
}

fn echo(stream: &mut impl Write, received: &Received) -> io::Result<()> {
    let body = [received.head.raw.as_slice(), &received.body].concat();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    if !received.head.start.starts_with("HEAD ") {
        stream.write_all(&body)?;
    }
    Ok(())
}

fn drip(stream: &mut impl Write, chunks: &Receiver<Vec<u8>>) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    stream.flush()?;
    // The answer ends when the test lets go of the sender.
    while let Ok(chunk) = chunks.recv() {
        stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes())?;
        stream.write_all(&chunk)?;
        stream.write_all(b"\r\n")?;
        stream.flush()?;
    }
    stream.write_all(b"0\r\n\r\n")
}

/// A port that neither takes nor refuses connections: its queue is full.
#[derive(Debug)]
pub struct BlackHole {
    listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl BlackHole {
    /// Fills a queue that nobody empties.
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        wait::until("the queue is full", || match TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
            Ok(stream) => {
                queue.push(stream);
                None
            }
            Err(_) => Some(()),
        });
        Self { listener, _queue: queue }
    }

    /// Where connections vanish.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }
}
