//! How does a test speak WebSocket? As tungstenite does, on both sides.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tungstenite::handshake::server::{Request as Handshake, Response as Accepted};
use tungstenite::http::Uri;
use tungstenite::protocol::CloseFrame;
use tungstenite::{ClientRequestBuilder, Message, WebSocket};

/// A WebSocket of a test.
pub type Socket = WebSocket<TcpStream>;

/// Opens one; the answer if there is none.
pub fn open(address: SocketAddr, target: &str, headers: &[(&str, &str)]) -> Result<Socket, Box<tungstenite::Error>> {
    let uri: Uri = format!("ws://localhost:{}{target}", address.port()).parse().unwrap();
    let request = headers
        .iter()
        .fold(ClientRequestBuilder::new(uri), |request, (name, value)| request.with_header(*name, *value));
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    match tungstenite::client(request, stream) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(error)) => Err(Box::new(error)),
        Err(tungstenite::HandshakeError::Interrupted(_)) => panic!("the handshake takes too long"),
    }
}

/// The status of the answer to a handshake that failed.
pub fn status_of(result: Result<Socket, Box<tungstenite::Error>>) -> u16 {
    match result.map_err(|error| *error) {
        Ok(_) => 101,
        Err(tungstenite::Error::Http(answer)) => answer.status().as_u16(),
        Err(error) => panic!("{error}"),
    }
}

/// Reads up to the close frame.
pub fn close_of(socket: &mut Socket) -> Option<CloseFrame> {
    loop {
        match socket.read() {
            Ok(Message::Close(frame)) => {
                while socket.read().is_ok() {}
                return frame;
            }
            Ok(_) => {}
            Err(error) => panic!("no close frame: {error}"),
        }
    }
}

/// An application that answers every message with itself, and remembers handshakes and goodbyes.
#[derive(Debug)]
pub struct EchoServer {
    address: SocketAddr,
    /// Targets and headers of the handshakes.
    pub handshakes: Arc<Mutex<Vec<Handshake>>>,
    /// What it was told at the end of each.
    pub goodbyes: Arc<Mutex<Vec<Option<CloseFrame>>>>,
}

impl EchoServer {
    /// Listens until the test ends.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server =
            Self { address: listener.local_addr().unwrap(), handshakes: Arc::default(), goodbyes: Arc::default() };
        let (handshakes, goodbyes) = (Arc::clone(&server.handshakes), Arc::clone(&server.goodbyes));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (handshakes, goodbyes) = (Arc::clone(&handshakes), Arc::clone(&goodbyes));
                thread::spawn(move || serve(stream, &handshakes, &goodbyes));
            }
        });
        server
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

#[allow(clippy::result_large_err, reason = "the library asks for it")]
fn serve(stream: TcpStream, handshakes: &Mutex<Vec<Handshake>>, goodbyes: &Mutex<Vec<Option<CloseFrame>>>) {
    let remember = |handshake: &Handshake, answer: Accepted| {
        handshakes.lock().unwrap().push(handshake.clone());
        Ok(answer)
    };
    let Ok(mut socket) = tungstenite::accept_hdr(stream, remember) else { return };
    loop {
        match socket.read() {
            Ok(Message::Close(frame)) => {
                goodbyes.lock().unwrap().push(frame);
                while socket.read().is_ok() {}
                return;
            }
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                if socket.send(message).is_err() {
                    return;
                }
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}
