//! Which keys does an endpoint publish now? Fetched in the background, never while a request is judged.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::discovery;
use super::fetch::{FetchError, Fetched};
use super::line::Line;
use super::load::SourceError;
use super::saved_copy;
use super::schedule::{Schedule, Times};

/// What the configuration says of keys over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteDefinition {
    /// Where they are.
    pub endpoint: Endpoint,
    /// When they are fetched.
    pub times: Times,
    /// How long one fetch may take.
    pub timeout: Duration,
    /// Whether `/ready` waits for them.
    pub needed: Needed,
    /// Where a copy is kept for the next start.
    pub saved_copy: Option<PathBuf>,
    /// The authorities trusted, as a PEM file; `None`: the system's.
    pub ca: Option<PathBuf>,
}

/// Where keys are published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A URL of a JWK Set.
    Jwks(String),
    /// An OpenID provider, whose discovery document names the URL.
    Discovery(String),
}

/// Whether the process is ready without the keys of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// It is not.
    ForReadiness,
    /// It is.
    WhenAsked,
    /// It is: they are for requests that name their place.
    ForOneName,
}

/// What is known of whether an endpoint has keys at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It may.
    Supposed,
    /// It said that there are none: 404 or 410.
    Absent,
}

impl Endpoint {
    /// What a copy of its keys is marked with.
    fn identity(&self) -> String {
        match self {
            Self::Jwks(url) => format!("jwks_url {url}"),
            Self::Discovery(issuer) => format!("discovery {issuer}"),
        }
    }

    /// An endpoint of the same kind at another URL.
    pub(super) fn at(&self, url: &str) -> Self {
        match self {
            Self::Jwks(_) => Self::Jwks(url.to_owned()),
            Self::Discovery(_) => Self::Discovery(url.to_owned()),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Jwks(url) | Self::Discovery(url)) = self;
        f.write_str(super::fetch::without_query(url))
    }
}

/// The state of one endpoint.
#[derive(Debug)]
pub struct Remote {
    definition: RemoteDefinition,
    line: Arc<Line>,
    schedule: Mutex<Schedule>,
    /// The body that the keys in use were read from.
    body: Mutex<Option<Vec<u8>>>,
    /// Fetches that ended, for telling whether one ended meanwhile.
    ended: AtomicU64,
    loaded_once: AtomicBool,
    absent: AtomicBool,
    /// Somebody used the keys although it was time to fetch others.
    wanted: AtomicBool,
    /// Keys were fetched that the saved copy does not have.
    unsaved: AtomicBool,
    /// Held by whoever fetches.
    turn: tokio::sync::Mutex<()>,
}

/// What was published.
pub(super) struct Published {
    pub body: Vec<u8>,
    max_age: Option<Duration>,
}

impl Remote {
    /// Prepares to fetch.
    pub(super) fn new(definition: RemoteDefinition, line: Arc<Line>) -> Self {
        let schedule = Mutex::new(Schedule::new(definition.times.clone(), None));
        Self {
            definition,
            line,
            schedule,
            body: Mutex::new(None),
            ended: AtomicU64::new(0),
            loaded_once: AtomicBool::new(false),
            absent: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
            unsaved: AtomicBool::new(false),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// What the configuration says of it.
    pub fn definition(&self) -> &RemoteDefinition {
        &self.definition
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is time to fetch in the background.
    pub fn is_due(&self, now: SystemTime) -> bool {
        self.schedule().is_due(now)
    }

    /// Whether waiting for a fetch out of turn may help a request: one is allowed, or one is under way.
    pub fn may_be_asked(&self, now: SystemTime) -> bool {
        self.turn.try_lock().is_err() || self.schedule().allows_out_of_turn(now)
    }

    /// Notes that a fetch out of turn begins, if one is allowed.
    pub fn begin_out_of_turn(&self, now: SystemTime) -> bool {
        let mut schedule = self.schedule();
        let allowed = schedule.allows_out_of_turn(now);
        if allowed {
            schedule.begin_out_of_turn(now);
        }
        allowed
    }

    /// How many fetches have ended.
    pub fn ended(&self) -> u64 {
        self.ended.load(Ordering::Acquire)
    }

    /// Held by whoever fetches, so that nobody else does.
    pub fn turn(&self) -> &tokio::sync::Mutex<()> {
        &self.turn
    }

    /// Waits for a turn on the line to the endpoint; `None` if that takes too long.
    pub async fn permit(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        self.line.permit().await
    }

    /// The way to the endpoint.
    pub(super) fn line(&self) -> &Line {
        &self.line
    }

    /// Notes that keys were used although it was time to fetch others.
    pub(super) fn want(&self) {
        self.wanted.store(true, Ordering::Release);
    }

    /// Whether somebody used keys although it was time to fetch others, since this was asked.
    pub(super) fn take_wanted(&self) -> bool {
        self.wanted.swap(false, Ordering::AcqRel)
    }

    /// Whether it has had keys since the start.
    pub fn has_been_loaded(&self) -> bool {
        self.loaded_once.load(Ordering::Acquire)
    }

    /// What the endpoint last said of whether it has keys.
    pub fn presence(&self) -> Presence {
        if self.absent.load(Ordering::Acquire) { Presence::Absent } else { Presence::Supposed }
    }

    /// Whether the last fetch failed.
    pub fn is_failing(&self) -> bool {
        self.schedule().is_failing()
    }

    /// How old the keys in use are.
    pub fn age(&self, now: SystemTime) -> Option<Duration> {
        self.schedule().age(now)
    }

    /// Whether the keys in use must be given up; it is noted that they are.
    pub(super) fn gives_up(&self, now: SystemTime) -> bool {
        let mut schedule = self.schedule();
        let stale = schedule.is_stale(now);
        if stale {
            schedule.forget();
            *self.body() = None;
        }
        stale
    }

    fn body(&self) -> MutexGuard<'_, Option<Vec<u8>>> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The copy that was kept of this endpoint, if it is not too old, and when it was made.
    pub(super) fn saved(&self, now: SystemTime) -> Option<Result<(Vec<u8>, SystemTime), SourceError>> {
        let path = self.definition.saved_copy.as_ref()?;
        match saved_copy::read(path, &self.definition.endpoint.identity()) {
            Ok((_, made)) if now.duration_since(made).is_ok_and(|age| age >= self.definition.times.stale_for) => {
                Some(Err(SourceError::new(format!("the copy {} is too old to be used", path.display()))))
            }
            Ok(copy) => Some(Ok(copy)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => Some(Err(SourceError::new(format!("the copy {} is not used: {error}", path.display())))),
        }
    }

    /// Notes that the keys in use are those of a copy.
    pub(super) fn loaded_from_copy(&self, copy: Vec<u8>, made: SystemTime, now: SystemTime) {
        *self.schedule() = Schedule::new(self.definition.times.clone(), Some(made.min(now)));
        self.loaded_from(copy);
    }

    /// Notes which body the keys in use were read from.
    pub(super) fn loaded_from(&self, body: Vec<u8>) {
        *self.body() = Some(body);
        self.loaded_once.store(true, Ordering::Release);
    }

    /// Whether the keys in use were read from this very body.
    pub(super) fn compare(&self, body: &[u8]) -> Content {
        if self.body().as_deref() == Some(body) { Content::Same } else { Content::New }
    }

    /// Fetches; blocks until it is done or the time is over.
    pub(super) fn fetch(&self) -> Result<Published, FetchError> {
        let url = match &self.definition.endpoint {
            Endpoint::Jwks(url) => Ok(url.clone()),
            Endpoint::Discovery(issuer) => discovery::jwks_uri(&self.line, issuer),
        };
        let fetched = url.and_then(|url| self.line.get(&url));
        match &fetched {
            Ok(_) => self.absent.store(false, Ordering::Release),
            Err(FetchError::Absent(_)) => self.absent.store(true, Ordering::Release),
            Err(FetchError::Failed(_)) => {}
        }
        fetched.map(|Fetched { body, max_age }| Published { body, max_age })
    }

    /// Notes that a fetch ended without a word.
    pub fn abandoned(&self, now: SystemTime) {
        self.end(Err(()), now);
    }

    /// Notes what came of it: keys in use, or not.
    pub(super) fn end(&self, outcome: Result<&Published, ()>, now: SystemTime) {
        match outcome {
            Ok(published) => self.schedule().succeeded(now, published.max_age, fastrand::f64()),
            Err(()) => self.schedule().failed(now, fastrand::f64()),
        }
        self.ended.fetch_add(1, Ordering::AcqRel);
    }

    /// Notes that keys were fetched which the saved copy does not have.
    pub(super) fn to_be_saved(&self) {
        self.unsaved.store(self.definition.saved_copy.is_some(), Ordering::Release);
    }

    /// Keeps a copy of what was fetched, for the next start.
    pub fn save(&self) -> Result<(), SourceError> {
        let body = self.body().clone();
        let (Some(path), Some(body), true) =
            (&self.definition.saved_copy, body, self.unsaved.swap(false, Ordering::AcqRel))
        else {
            return Ok(());
        };
        let cannot = |error| SourceError::new(format!("cannot keep a copy in {}: {error}", path.display()));
        saved_copy::write(path, &self.definition.endpoint.identity(), &body).map_err(cannot)
    }

    /// Whether a copy is to be kept of what was fetched.
    pub fn is_unsaved(&self) -> bool {
        self.unsaved.load(Ordering::Acquire)
    }
}

/// Whether what was fetched is what was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    New,
    Same,
}
