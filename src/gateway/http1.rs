//! How is one connection of HTTP/1 served, request after request?
//!
//! Our own loop instead of Pingora's: while nobody asks for anything, a connection holds its socket and little more. What
//! serves a request is made when its first octets are there.

use std::pin::Pin;
use std::time::Duration;

use bytes::BytesMut;
use pingora_core::apps::HttpServerApp;
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::ServerSession;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, Sleep, sleep};

use super::accept::Hall;
use super::at_once::at_once;
use super::watched_stream::is_spoken_to;

/// Octets of a head that are read without more room.
const USUAL_HEAD: usize = 4096;

/// Serves a connection until it ends: by itself, after so long a silence, or when idle ones are to go.
pub async fn serve<A>(hall: &Hall<A>, mut stream: Stream, idle_timeout: Duration)
where
    A: HttpServerApp + Send + Sync + 'static,
{
    let mut ends = hall.shutdown.clone();
    let ends = ends.wait_for(|ends| *ends);
    // One timer and one listener for all requests of the connection: nothing is registered anew for each.
    tokio::pin!(ends);
    let mut idle = Idle { timer: Box::pin(sleep(idle_timeout)), allowed: idle_timeout };
    loop {
        tokio::select! {
            // Who has asked is answered, whatever else is true.
            biased;
            spoken = is_spoken_to(&mut stream) => if spoken.is_err() { return },
            _ = &mut ends => return,
            () = idle.ended() => return,
        }
        let mut begun = BytesMut::with_capacity(USUAL_HEAD);
        match at_once(stream.read_buf(&mut begun)) {
            Some(Ok(1..)) => {}
            Some(Ok(0) | Err(_)) => return,
            // There was something, and it was no word of the client's.
            None => continue,
        }
        let ours = hall.proxy.as_ref().map(|proxy| (proxy, proxy.live.load_full()));
        let served = match ours.filter(|(_, edition)| edition.is_http1_throughout) {
            Some((proxy, edition)) => proxy.serve(stream, begun, edition).await,
            None => {
                let mut session = ServerSession::new_http1(stream);
                session.set_pipelined_prefix(begun);
                session.set_keepalive(Some(idle_timeout.as_secs()));
                hall.app.process_new_http(session, &hall.shutdown).await.map(|served| served.consume().0)
            }
        };
        let Some(served) = served else { return };
        stream = served;
    }
}

/// The time that a connection may be silent. Its timer is set again only when it rings.
struct Idle {
    timer: Pin<Box<Sleep>>,
    allowed: Duration,
}

impl Idle {
    /// Waits for the end of a silence that begins now.
    async fn ended(&mut self) {
        let end = Instant::now() + self.allowed;
        loop {
            self.timer.as_mut().await;
            if Instant::now() >= end {
                return;
            }
            self.timer.as_mut().reset(end);
        }
    }
}
