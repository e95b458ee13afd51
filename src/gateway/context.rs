//! How far has one request come? Its pinned edition, and what was found out on the way.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::HeaderValue;

use super::condition::Load;
use super::ids;
use super::live::Edition;
use super::metrics::Metrics;
use super::peer::{Peer, Provenance};
use super::pool::{Endpoint, EndpointAddress};
use super::target::Target;
use crate::auth::{Denial, Grant, Scheme};
use crate::snapshot::Location;

/// One request's state.
#[derive(Debug)]
pub struct RequestContext {
    /// The edition that it began with, and ends with.
    pub edition: Arc<Edition>,
    /// When its head was read.
    pub received: SystemTime,
    /// The same, for durations.
    pub started: Instant,
    /// Its id, which the upstream and the client are told.
    pub request_id: String,
    /// Who sent it.
    pub client: Option<Peer>,
    /// How that client spoke; `None` before anything is known.
    pub scheme: Option<Scheme>,
    /// `X-Forwarded-For` for the upstream.
    pub forwarded_for: Option<HeaderValue>,
    /// How far it has come.
    pub progress: Progress,
    /// What was tried for it.
    pub attempts: Attempts,
    /// Counts it as being served, for as long as it is.
    _in_flight: InFlight,
}

impl RequestContext {
    /// A request whose head was just read.
    pub fn new(edition: Arc<Edition>, received: SystemTime, metrics: &Metrics) -> Self {
        Self {
            edition,
            received,
            started: Instant::now(),
            request_id: ids::new_request_id(),
            client: None,
            scheme: None,
            forwarded_for: None,
            progress: Progress::Received,
            attempts: Attempts::default(),
            _in_flight: InFlight::begin(&metrics.in_flight),
        }
    }

    /// The address of who sent it, if that is known.
    pub fn client(&self) -> Option<IpAddr> {
        self.client.as_ref().map(Peer::address)
    }

    /// Takes over what is believed of how it came.
    pub fn came(&mut self, provenance: Provenance) {
        self.client = provenance.client;
        self.scheme = Some(provenance.scheme);
        self.forwarded_for = provenance.forwarded_for;
        if let Some(id) = provenance.request_id {
            self.request_id = id;
        }
    }
}

/// How far a request has come.
#[derive(Debug)]
pub enum Progress {
    /// Its head was read.
    Received,
    /// Its target cannot be served, or the listener sends it elsewhere.
    Turned {
        /// The target, if it could be read.
        target: Option<Target>,
        /// Why.
        turn: Turn,
    },
    /// A location refuses it.
    Denied {
        /// What it asked for.
        target: Target,
        /// Where.
        location: Arc<Location>,
        /// Why.
        denial: Denial,
    },
    /// It may pass. Only this state reaches an upstream.
    Granted {
        /// What it asked for.
        target: Target,
        /// Where.
        location: Arc<Location>,
        /// The permission.
        grant: Grant,
    },
}

/// Why a request was turned before anybody was asked whether it may pass.
#[derive(Debug)]
pub enum Turn {
    /// The listener sends it to https.
    ToHttps,
    /// It asks what a page of another origin may do.
    Preflight,
    /// It is refused.
    Refused(Denial),
}

/// The servers that were tried.
#[derive(Debug, Default)]
pub struct Attempts {
    /// Every one, the last that answered or failed at the end.
    pub tried: Vec<EndpointAddress>,
    /// The last.
    pub chosen: Option<Arc<Endpoint>>,
    /// It is to be tried once more.
    pub again: Option<Arc<Endpoint>>,
    /// The last, for as long as the request is with it.
    pub load: Option<Load>,
    /// When the last was chosen.
    pub began: Option<Instant>,
    /// What it answered.
    pub status: Option<u16>,
    /// How long that took.
    pub took: Option<Duration>,
    /// Why no server answered.
    pub failure: Option<crate::auth::Reason>,
}

/// One request that is being served.
#[derive(Debug)]
pub struct InFlight(prometheus::IntGauge);

impl InFlight {
    /// Counts one more.
    pub fn begin(gauge: &prometheus::IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Progress {
    /// What was asked for, if it is known.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Received => None,
            Self::Turned { target, .. } => target.as_ref(),
            Self::Denied { target, .. } | Self::Granted { target, .. } => Some(target),
        }
    }

    /// The location, if one was found.
    pub fn location(&self) -> Option<&Arc<Location>> {
        match self {
            Self::Received | Self::Turned { .. } => None,
            Self::Denied { location, .. } | Self::Granted { location, .. } => Some(location),
        }
    }

    /// The refusal, if there is one.
    pub fn denial(&self) -> Option<&Denial> {
        match self {
            Self::Received | Self::Granted { .. } => None,
            Self::Turned { turn: Turn::Refused(denial), .. } => Some(denial),
            Self::Turned { turn: Turn::ToHttps | Turn::Preflight, .. } => None,
            Self::Denied { denial, .. } => Some(denial),
        }
    }

    /// The permission, if there is one.
    pub fn grant(&self) -> Option<&Grant> {
        match self {
            Self::Granted { grant, .. } => Some(grant),
            Self::Received | Self::Turned { .. } | Self::Denied { .. } => None,
        }
    }
}
