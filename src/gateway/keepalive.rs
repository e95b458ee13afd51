//! Which connections to servers of HTTP/1 stand open, ready for the next request?
//!
//! Pingora's own pool starts a task for every connection that waits, and asks the system for the name of its other end each time that it is
//! used again. Here a connection waits in a list, and all of them are looked after once a second.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use pingora_core::Result;
use pingora_core::connectors::TransportConnector;
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::v1::client::HttpSession;
use tokio::io::{AsyncRead, ReadBuf};

use super::at_once::at_once;
use super::pool::{Endpoint, MOST_KEPT};

/// How often connections are looked after that nobody uses.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Makes connections to servers, and keeps them between requests.
pub struct Keepalive {
    connector: TransportConnector,
    waiting: Arc<Mutex<Waiting>>,
}

/// A connection that a request can be sent on.
pub struct Connected {
    /// Nothing was sent on it yet.
    pub session: HttpSession,
    /// It has served another request: its server may be about to close it.
    pub reused: bool,
}

/// Which connection will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Any that is open; a new one if there is none.
    Any,
    /// One that nobody has used.
    New,
}

impl Keepalive {
    /// Keeps none yet. They are looked after by the loop of this thread.
    pub fn new() -> Self {
        let waiting = Arc::default();
        tokio::spawn(look_after(Arc::downgrade(&waiting)));
        Self { connector: TransportConnector::new(None), waiting }
    }

    /// A connection to a server.
    ///
    /// # Errors
    /// None was open, and none could be made.
    pub async fn connect(&self, endpoint: &Endpoint, wanted: Wanted) -> Result<Connected> {
        let key = endpoint.key();
        let open = if wanted == Wanted::Any { self.take(key) } else { None };
        let (stream, reused) = match open {
            Some(stream) => (stream, true),
            None => (Box::pin(self.connector.new_stream(endpoint.peer())).await?, false),
        };
        Ok(Connected { session: HttpSession::new(stream), reused })
    }

    /// Keeps a connection on which an exchange has ended, unless one of both ends wants it closed.
    pub async fn keep(&self, endpoint: &Endpoint, mut session: HttpSession) {
        session.respect_keepalive();
        let idle = endpoint.peer().options.idle_timeout.unwrap_or_default();
        if let Some(stream) = session.reuse().await {
            lock(&self.waiting).add(endpoint.key(), stream, Instant::now() + idle);
        }
    }

    /// The one that was used last, since its server is the least likely to close it.
    fn take(&self, key: u64) -> Option<Stream> {
        lock(&self.waiting).take(key, Instant::now())
    }
}

/// Connections by the key of their server, the last that was used at the end.
#[derive(Default)]
struct Waiting {
    by_server: HashMap<u64, VecDeque<(Stream, Instant)>>,
    count: usize,
}

impl Waiting {
    fn add(&mut self, key: u64, stream: Stream, until: Instant) {
        if self.count == MOST_KEPT {
            self.close_one();
        }
        self.by_server.entry(key).or_default().push_back((stream, until));
        self.count += 1;
    }

    /// The one that was used least recently, of the server that has most.
    fn close_one(&mut self) {
        let most = self.by_server.values_mut().max_by_key(|waiting| waiting.len());
        if most.and_then(VecDeque::pop_front).is_some() {
            self.count -= 1;
        }
    }

    fn take(&mut self, key: u64, now: Instant) -> Option<Stream> {
        let waiting = self.by_server.get_mut(&key)?;
        while let Some((mut stream, until)) = waiting.pop_back() {
            self.count -= 1;
            if until > now && is_open(&mut stream) {
                return Some(stream);
            }
        }
        None
    }

    /// Closes those that have waited long enough, or that their server has closed.
    fn look_after(&mut self, now: Instant) {
        self.by_server.retain(|_, waiting| {
            waiting.retain_mut(|(stream, until)| *until > now && is_open(stream));
            !waiting.is_empty()
        });
        self.count = self.by_server.values().map(VecDeque::len).sum();
    }
}

/// Nothing can be read from a server that was asked for nothing: neither octets nor an end.
fn is_open(stream: &mut Stream) -> bool {
    let mut octet = [0; 1];
    let mut buffer = ReadBuf::new(&mut octet);
    at_once(std::future::poll_fn(|context| Pin::new(&mut *stream).poll_read(context, &mut buffer))).is_none()
}

async fn look_after(waiting: Weak<Mutex<Waiting>>) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        let Some(waiting) = waiting.upgrade() else { return };
        lock(&waiting).look_after(Instant::now());
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// A connection that waits for a minute, and its server's end.
    fn waiting_with_one(now: Instant) -> (Waiting, DuplexStream) {
        let (server, stream) = duplex(64);
        let mut waiting = Waiting::default();
        waiting.add(1, Box::new(stream), now + MINUTE);
        (waiting, server)
    }

    #[tokio::test]
    async fn a_connection_is_used_again_for_its_own_server_and_once() {
        let now = Instant::now();
        let (mut waiting, _server) = waiting_with_one(now);
        assert!(waiting.take(2, now).is_none());
        assert!(waiting.take(1, now).is_some());
        assert!(waiting.take(1, now).is_none());
        assert_eq!(waiting.count, 0);
    }

    #[tokio::test]
    async fn a_connection_that_was_closed_or_spoke_unasked_or_waited_too_long_is_not_used() {
        let now = Instant::now();
        let (mut waiting, server) = waiting_with_one(now);
        drop(server);
        assert!(waiting.take(1, now).is_none());
        let (mut waiting, mut server) = waiting_with_one(now);
        server.write_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n").await.unwrap();
        assert!(waiting.take(1, now).is_none());
        let (mut waiting, _server) = waiting_with_one(now);
        assert!(waiting.take(1, now + MINUTE).is_none());
    }

    #[tokio::test]
    async fn what_nobody_uses_is_closed_in_time() {
        let now = Instant::now();
        let (mut waiting, server) = waiting_with_one(now);
        waiting.look_after(now);
        assert_eq!(waiting.count, 1);
        waiting.look_after(now + MINUTE);
        assert!(waiting.by_server.is_empty() && waiting.count == 0);
        drop(server);
        let (mut waiting, server) = waiting_with_one(now);
        drop(server);
        waiting.look_after(now);
        assert!(waiting.by_server.is_empty());
    }

    #[tokio::test]
    async fn no_more_are_kept_than_were_agreed_and_the_newest_are() {
        let mut waiting = Waiting::default();
        let now = Instant::now();
        let mut servers = Vec::new();
        for _ in 0..MOST_KEPT {
            let (server, stream) = duplex(1);
            servers.push(server);
            waiting.add(1, Box::new(stream), now + MINUTE);
        }
        let (_other_server, stream) = duplex(1);
        waiting.add(2, Box::new(stream), now + MINUTE);
        assert_eq!(waiting.count, MOST_KEPT);
        assert!(waiting.take(2, now).is_some(), "one server does not crowd out another");
        let oldest = servers.first_mut().unwrap();
        assert_eq!(oldest.write(b"x").await.unwrap_err().kind(), std::io::ErrorKind::BrokenPipe, "it was closed");
    }
}
