//! Who publishes keys? A server that says what a test tells it to, and counts who asks.

use std::net::SocketAddr;

use super::certificates::Certificate;
use super::upstream::{Behaviour, Script, Upstream};

/// A server of keys.
#[derive(Debug)]
pub struct KeyServer {
    server: Upstream,
    script: Script,
}

impl KeyServer {
    /// One that publishes this set.
    pub fn publishing(jwks: &str) -> Self {
        let script = Script::default();
        let server = Upstream::with(Behaviour::Scripted(script.clone()));
        let own = Self { server, script };
        own.publish(jwks);
        own
    }

    /// The same over TLS.
    pub fn tls(jwks: &str, certificate: &Certificate) -> Self {
        let script = Script::default();
        let server = Upstream::tls_with(certificate, Behaviour::Scripted(script.clone()));
        let own = Self { server, script };
        own.publish(jwks);
        own
    }

    /// Publishes another set from now on.
    pub fn publish(&self, jwks: &str) {
        self.answer("200 OK", "Content-Type: application/json\r\n", jwks);
    }

    /// Answers every path alike from now on.
    pub fn answer(&self, status: &str, headers: &str, body: impl AsRef<[u8]>) {
        self.script.set("", answer(status, headers, body));
    }

    /// Answers a path of its own so from now on.
    pub fn answer_at(&self, path: &str, status: &str, headers: &str, body: impl AsRef<[u8]>) {
        self.script.set(path, answer(status, headers, body));
    }

    /// Sends these octets from now on, whatever they are; of none, it closes the connection.
    pub fn say(&self, octets: impl Into<Vec<u8>>) {
        self.script.set("", octets.into());
    }

    /// Keeps whoever asks for a path waiting from now on.
    pub fn say_nothing_at(&self, path: &str) {
        self.script.set(path, Script::SILENCE.to_vec());
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// How often it was asked.
    pub fn fetches(&self) -> usize {
        self.server.received().len()
    }

    /// How often it was asked for this path.
    pub fn fetches_of(&self, path: &str) -> usize {
        let wanted = format!("GET {path} ");
        self.server.received().iter().filter(|request| request.head.start.starts_with(&wanted)).count()
    }

    /// Waits until it was asked so often.
    pub fn wait_for(&self, fetches: usize) {
        self.server.wait_until(&format!("{fetches} fetches"), |received| received.len() >= fetches);
    }
}

fn answer(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}
