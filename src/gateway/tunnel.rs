//! What goes to and fro on a WebSocket, and who ends it?
//!
//! Pingora's own tunnel can lose a handshake (docs/pingora.md, T1) and knows nothing of frames; this one is ours, over its
//! sessions.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::v1::client::HttpSession as UpstreamSession;
use pingora_core::{Error, Result};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until, timeout};
use tungstenite::protocol::frame::coding::CloseCode;

use super::context::RequestContext;
use super::frames::{Frames, Towards, close};
use super::lifetime;
use super::live::Live;
use crate::auth::Reason;

/// How often it is asked whether the token still holds.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a frame may take to end, and a client to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// Both ends of a WebSocket.
pub struct Tunnel<'t> {
    /// The client's.
    pub client: &'t mut ServerSession,
    /// The upstream's.
    pub upstream: &'t mut UpstreamSession,
    /// Without an octet for so long, it is closed.
    pub idle: Duration,
    /// Becomes true when the process can wait no longer.
    pub leaving: watch::Receiver<bool>,
    /// What has passed towards the client.
    pub to_client: Frames,
    /// What has passed from it.
    pub from_client: Frames,
}

/// What was heard.
enum Said {
    ByClient(Bytes),
    ByUpstream(Bytes),
    /// One of the two will say nothing more.
    Nothing,
}

/// Waits for one of the two to say something.
async fn hear(client: &mut ServerSession, upstream: &mut UpstreamSession) -> Result<Said> {
    tokio::select! {
        said = client.read_request_body() => {
            said.map(|octets| octets.map_or(Said::Nothing, Said::ByClient)).map_err(|error| error.into_down())
        }
        said = upstream.read_body_bytes() => {
            said.map(|octets| octets.map_or(Said::Nothing, Said::ByUpstream)).map_err(|error| error.into_up())
        }
    }
}

/// Why a WebSocket ended.
#[derive(Debug)]
pub enum Ending {
    /// One of the two has closed it.
    Closed,
    /// Nothing was said for too long.
    Idle,
    /// Its token holds no longer.
    Token(Reason),
    /// The process ends.
    Leaving,
    /// The token ended, or the process, while one of the two did not take what the other said.
    Cut(Option<Reason>),
}

/// Waits until the token holds no longer.
async fn token_ends(context: &RequestContext, live: &Live, looks: &mut Interval) -> Reason {
    loop {
        looks.tick().await;
        if let Some(reason) = lifetime::ended(context, &live.load(), SystemTime::now()) {
            return reason;
        }
    }
}

impl Ending {
    fn words(&self) -> Option<(CloseCode, &'static str)> {
        match self {
            Self::Closed | Self::Cut(_) => None,
            Self::Idle => Some((CloseCode::Away, "idle")),
            Self::Token(reason) => Some((CloseCode::Policy, reason.code())),
            Self::Leaving => Some((CloseCode::Away, "")),
        }
    }
}

impl Tunnel<'_> {
    /// Carries octets until somebody ends it.
    pub async fn run(mut self, context: &RequestContext, live: &Live) -> Result<Ending> {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ending = self.carry(context, live, &mut looks).await?;
        if let Some((code, reason)) = ending.words() {
            // Who does not take leave in time is left without.
            let _ = timeout(GOODBYE * 2, self.take_leave(code, reason)).await;
        }
        Ok(ending)
    }

    async fn carry(&mut self, context: &RequestContext, live: &Live, looks: &mut Interval) -> Result<Ending> {
        let is_limited = lifetime::is_limited(context);
        let mut silent_until = Instant::now() + self.idle;
        loop {
            // Whatever is given up here has read nothing yet; what was read is written outside.
            let said = tokio::select! {
                said = hear(self.client, self.upstream) => said?,
                () = sleep_until(silent_until) => return Ok(Ending::Idle),
                reason = token_ends(context, live, looks), if is_limited => return Ok(Ending::Token(reason)),
                _ = self.leaving.wait_for(|leaving| *leaving) => return Ok(Ending::Leaving),
            };
            let mut leaving = self.leaving.clone();
            let passed = tokio::select! {
                passed = self.pass_on(said) => passed?,
                // Who does not read cannot hold it open: a frame may be cut, so there is no farewell.
                reason = token_ends(context, live, looks), if is_limited => return Ok(Ending::Cut(Some(reason))),
                _ = leaving.wait_for(|leaving| *leaving) => return Ok(Ending::Cut(None)),
            };
            if !passed {
                return Ok(Ending::Closed);
            }
            silent_until = Instant::now() + self.idle;
        }
    }

    /// Carries what one of the two said to the other; false at its end.
    async fn pass_on(&mut self, said: Said) -> Result<bool> {
        match said {
            Said::ByClient(octets) => {
                self.from_client.pass(&octets);
                if let Err(error) = self.upstream.write_body(&octets).await {
                    let _ = timeout(GOODBYE, self.hear_upstream_out()).await;
                    return Err(error.into_up());
                }
            }
            Said::ByUpstream(octets) => self.pass_to_client(octets).await?,
            Said::Nothing => return Ok(false),
        }
        Ok(true)
    }

    async fn pass_to_client(&mut self, octets: Bytes) -> Result<()> {
        self.to_client.pass(&octets);
        self.client.write_response_body(octets, false).await.map_err(|error| error.into_down())
    }

    /// What an upstream has said before it went away still reaches the client.
    async fn hear_upstream_out(&mut self) -> Result<()> {
        while let Some(octets) = self.upstream.read_body_bytes().await? {
            self.pass_to_client(octets).await?;
        }
        Ok(())
    }

    /// Tells both why, between two frames, and waits for the client to have heard it.
    async fn take_leave(&mut self, code: CloseCode, reason: &str) -> Result<()> {
        while !self.to_client.is_between() {
            let said = hear(self.client, self.upstream).await?;
            if !self.pass_on(said).await? {
                return Ok(());
            }
        }
        if let Some(frame) = close(code, reason, Towards::Upstream).filter(|_| self.from_client.is_between()) {
            // It may be gone already.
            let _: std::result::Result<_, Box<Error>> = self.upstream.write_body(&frame).await;
        }
        if let Some(frame) = close(code, reason, Towards::Client).filter(|_| self.to_client.is_between()) {
            self.client.write_response_body(frame, false).await?;
            // A connection that is closed with octets unread is reset, and the frame with it.
            while self.client.read_request_body().await?.is_some_and(|octets: Bytes| !octets.is_empty()) {}
        }
        Ok(())
    }
}
