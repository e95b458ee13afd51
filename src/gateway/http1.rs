//! How is one connection of HTTP/1 served, request after request?
//!
//! Our own loop instead of Pingora's: while nobody asks for anything, a connection holds its socket and little more. What
//! serves a request is some 40 KiB, and is made when its first octet is there.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use pingora_core::apps::{HttpPersistentSettings, HttpServerApp};
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::ServerSession;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep};

use super::watched_stream::is_spoken_to;

/// Serves a connection until it ends: by itself, after so long a silence, or when idle ones are to go.
pub async fn serve<A>(app: &Arc<A>, mut stream: Stream, idle_timeout: Duration, shutdown: &watch::Receiver<bool>)
where
    A: HttpServerApp + Send + Sync + 'static,
{
    let mut ends = shutdown.clone();
    let ends = ends.wait_for(|ends| *ends);
    // One timer and one listener for all requests of the connection: nothing is registered anew for each.
    tokio::pin!(ends);
    let mut idle = Idle { timer: Box::pin(sleep(idle_timeout)), allowed: idle_timeout };
    let mut settings = None;
    loop {
        tokio::select! {
            // Who has asked is answered, whatever else is true.
            biased;
            spoken = is_spoken_to(&mut stream) => if spoken.is_err() { return },
            _ = &mut ends => return,
            () = idle.ended() => return,
        }
        let mut session = ServerSession::new_http1(stream);
        match settings.take() {
            Some(settings) => HttpPersistentSettings::apply_to_session(settings, &mut session),
            None => session.set_keepalive(Some(idle_timeout.as_secs())),
        }
        let Some(served) = app.process_new_http(session, shutdown).await else { return };
        (stream, settings) = served.consume();
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
