//! What is known of one client connection, to every request that comes on it?

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

use super::live::Edition;
use super::peer::Peer;
use crate::auth::Scheme;
use crate::auth::client_certificate::ClientCertificate;
use crate::route::ListenerId;
use crate::snapshot::{Limits, Listener};

/// A client connection. Its stream keeps time by it, and requests tell it how far they are.
#[derive(Debug)]
pub struct Connection {
    /// The listener that it came in by.
    pub listener: ListenerId,
    /// Who opened it, or on whose behalf.
    pub peer: Peer,
    /// What is spoken on it.
    pub scheme: Scheme,
    /// What the certificate says that the client has shown.
    pub certificate: Option<ClientCertificate>,
    /// How long it may take until a request's head is there.
    pub header_timeout: Duration,
    /// How long it may be silent before its first request.
    pub idle_timeout: Duration,
    stage: AtomicU8,
    requests: AtomicU32,
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Between requests: nothing of the next one has come.
    Idle,
    /// A part of a head has come.
    Head,
    /// A request is served.
    Request,
}

const IDLE: u8 = 0;
const HEAD: u8 = 1;
const REQUEST: u8 = 2;

impl Connection {
    /// A connection on which nothing was said yet.
    pub fn new(listener: ListenerId, peer: Peer, scheme: Scheme, limits: &Limits) -> Self {
        let (header_timeout, idle_timeout) = (limits.header_timeout, limits.idle_timeout);
        let (stage, requests) = (AtomicU8::new(IDLE), AtomicU32::new(0));
        Self { listener, peer, scheme, certificate: None, header_timeout, idle_timeout, stage, requests }
    }

    /// The connection of a request: Pingora hands on what our stream gives it.
    pub fn of(session: &Session) -> Option<&Arc<Self>> {
        let digest = session.digest()?.proxy_digest.as_ref()?;
        digest.user_data.as_ref()?.downcast_ref()
    }

    /// What Pingora hands on to [`Self::of`].
    pub fn digest(self: &Arc<Self>) -> Option<Arc<ProxyDigest>> {
        // The digest is made for answers of proxies that a connection was made through; there is none here.
        let head = ResponseHeader::build(http::StatusCode::OK, Some(0)).ok()?;
        Some(Arc::new(ProxyDigest::new(Box::new(head), Some(Box::new(Arc::clone(self))))))
    }

    /// How far it is.
    pub fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Acquire) {
            IDLE => Stage::Idle,
            HEAD => Stage::Head,
            _ => Stage::Request,
        }
    }

    /// It has come so far.
    pub fn is_at(&self, stage: Stage) {
        let stage = match stage {
            Stage::Idle => IDLE,
            Stage::Head => HEAD,
            Stage::Request => REQUEST,
        };
        self.stage.store(stage, Ordering::Release);
    }

    /// Whether a request has come on it.
    pub fn has_served(&self) -> bool {
        self.requests.load(Ordering::Relaxed) > 0
    }

    /// Counts a request; the first is 1.
    pub fn count_request(&self) -> u32 {
        self.requests.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }
}

/// What was spoken on the connection of a request.
pub fn scheme_of(session: &Session) -> Scheme {
    Connection::of(session).map_or(Scheme::Http, |connection| connection.scheme)
}

/// The listener of a request.
pub fn listener_of<'e>(session: &Session, edition: &'e Edition) -> Option<&'e Listener> {
    edition.snapshot.listeners.get(Connection::of(session)?.listener)
}
