//! How does the process start, listen to signals, and end?

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pingora_core::apps::HttpServerOptions;
use pingora_core::connectors::http::Connector;
use pingora_core::server::configuration::ServerConf;
use pingora_proxy::{HttpProxy, http_proxy};
use sd_notify::NotifyState;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::accept::{self, Door, Hall, Transport};
use super::access_log::{AccessLog, LogSender};
use super::admin::{self, Admin, Readiness};
use super::drain::{Departure, OpenConnections, Why};
use super::handover::{Invocation, Predecessor, Successors};
use super::health;
use super::hooks::Hooks;
use super::inquiry::{Inquirer, PasswordQueue};
use super::keepalive::Keepalive;
use super::key_fetch;
use super::live::{self, Edition, Fixed, Live, Loaded};
use super::metrics::Metrics;
use super::pool::MOST_KEPT;
use super::proxy::Proxy;
use super::reload::{self, Reloader};
use super::signals::{self, Signals, Succession};
use super::sockets::{self, Inherited, Kept};
use super::tls::{Material, TlsDoor};
use super::workers::Workers;
use crate::auth::Scheme;
use crate::auth::stage::Stages;
use crate::config::schema::{Config, Listener};
use crate::config::{Problem, counted};
use crate::route::ListenerId;

/// Attempts for one request, counted by Pingora (docs/pingora.md, T14): one for each server that `retries` allows, and a few
/// for connections that were kept too long.
const MOST_ATTEMPTS: usize = 16;
/// How long the first keys may take, of a process that takes the place of another.
const FIRST_KEYS: Duration = Duration::from_secs(30);
/// How long an HTTP/2 connection may be idle; Pingora has one time for all listeners.
const HTTP2_IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// Why the process could not start.
#[derive(Debug)]
pub enum StartError {
    /// The configuration has problems.
    Configuration(Vec<Problem>),
    /// The configuration is good, the machine is not ready for it.
    Machine(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(problems) => write!(f, "the configuration has {}", counted(problems)),
            Self::Machine(what) => f.write_str(what),
        }
    }
}

fn machine(error: impl fmt::Display) -> StartError {
    StartError::Machine(error.to_string())
}

/// How a process comes to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// It is the first.
    Afresh,
    /// Another one serves, and goes when this one is ready.
    TakeOver,
}

/// Serves until a signal ends it.
pub fn run(file: &Path, stages: Stages, start: Start) -> Result<(), StartError> {
    let metrics = Metrics::new().map_err(machine)?;
    let Loaded { edition, config, problems, warnings } = live::load(file, None, &metrics, &stages);
    for warning in &warnings {
        log::warn!("{}", warning.in_file(file));
    }
    let Some(edition) = edition else {
        return Err(StartError::Configuration(problems));
    };
    let inherited = Inherited::from_systemd().map_err(machine)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(machine)?;
    let workers = Workers::start(config.process.threads).map_err(machine)?;
    let log = AccessLog::open(&config.access_log.to).map_err(machine)?;
    let before = Before { start, inherited };
    let served = runtime.block_on(serve(file, &config, edition, (metrics, log.sender(), stages), (before, &workers)));
    drop(workers);
    runtime.shutdown_timeout(Duration::from_millis(100));
    log.close();
    served
}

/// What was there before this process.
struct Before {
    start: Start,
    inherited: Inherited,
}

impl Before {
    /// The process whose place is taken, and all sockets that listen already.
    fn meet(self, config: &Config) -> Result<(Option<Predecessor>, Inherited), StartError> {
        if self.start == Start::Afresh {
            return Ok((None, self.inherited));
        }
        let Some(path) = &config.process.upgrade_socket else {
            return Err(machine("a place can be taken over only with \"process.upgrade_socket\""));
        };
        let met = Predecessor::at(path);
        let (predecessor, inherited) =
            met.map_err(|error| machine(format!("no place to take over at {}: {error}", path.display())))?;
        Ok((Some(predecessor), inherited))
    }
}

async fn serve(
    file: &Path,
    config: &Config,
    edition: Edition,
    (metrics, log, stages): (Metrics, LogSender, Stages),
    (before, workers): (Before, &Workers),
) -> Result<(), StartError> {
    let signals = Signals::listen().map_err(machine)?;
    // Everything that can fail is done before anything is served.
    let (predecessor, inherited) = before.meet(config)?;
    let Doors { doors, admin, tls, kept } = Doors::open(config, inherited)?;
    reload::look_up(&edition.pools).await;

    let live = Arc::new(Live::from_pointee(edition));
    let departure =
        Departure::new(config.process.shutdown_timeout, OpenConnections::shown_by(metrics.connections.clone()));
    let crew = Crew::of(workers, &doors, (&live, &metrics, &log), &departure)?;
    let readiness = Arc::new(Readiness::default());
    if let Some(door) = admin {
        let app =
            Arc::new(Admin { metrics: metrics.clone(), readiness: Arc::clone(&readiness), live: Arc::clone(&live) });
        let closing = departure.handed_over.subscribe();
        tokio::spawn(serve_operators(door, app, closing));
    }
    let reloader = Arc::new(Reloader { file: file.to_owned(), live, fixed: Fixed::of(config), tls, metrics, stages });
    keep_watch(&reloader);
    let kept = Arc::new(Mutex::new(kept));
    let succession = take_place(predecessor, config, &kept, &reloader.live).await?;
    // Nothing can fail any more: the sockets are the same in both processes, and whoever waits in their queues is served.
    drop(doors);
    let (proxies, accepting) = crew.begin();
    readiness.begin();
    log::info!("ready");
    tell_systemd(&[NotifyState::Ready, NotifyState::MainPid(std::process::id())]);
    let why = signals.obey(&reloader, &log, succession).await;
    if why == Why::Ended {
        tell_systemd(&[NotifyState::Stopping]);
        readiness.end();
    }
    // Whoever holds a socket keeps it listening.
    kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
    departure.leave(why, accepting, &proxies, signals::ended()).await;
    Ok(())
}

/// What each worker serves with: its loop, its proxy, and its view of every door.
struct Crew(Vec<(Handle, Hall<HttpProxy<Hooks>>, Vec<Door>)>);

impl Crew {
    fn of(
        workers: &Workers,
        doors: &[Door],
        (live, metrics, log): (&Arc<Live>, &Metrics, &LogSender),
        departure: &Departure,
    ) -> Result<Self, StartError> {
        let passwords = Arc::<PasswordQueue>::default();
        let member = |worker: &Handle| {
            let _within = worker.enter();
            let doors = doors.iter().map(Door::reopen).collect::<Result<_, _>>().map_err(machine)?;
            let keepalive = Arc::new(Keepalive::new());
            let proxy = Arc::new(Proxy {
                live: Arc::clone(live),
                metrics: metrics.clone(),
                inquirer: Inquirer::new(metrics.clone(), Arc::clone(&keepalive), Arc::clone(&passwords)),
                log: log.clone(),
                keepalive,
                websockets: Connector::new(None),
                closing: departure.closing.subscribe(),
                leaving: departure.leaving.subscribe(),
            });
            let hall = Hall {
                app: Arc::new(http_proxy_of(Hooks(Arc::clone(&proxy)))),
                proxy: Some(proxy),
                closing: departure.closing.subscribe(),
                shutdown: departure.shutdown.subscribe(),
                open: Arc::clone(&departure.open),
                metrics: metrics.clone(),
            };
            Ok((worker.clone(), hall, doors))
        };
        workers.loops().iter().map(member).collect::<Result<_, _>>().map(Self)
    }

    /// Everybody accepts from now on.
    fn begin(self) -> (Vec<Arc<HttpProxy<Hooks>>>, Vec<JoinHandle<()>>) {
        let (mut proxies, mut accepting) = (Vec::new(), Vec::new());
        for (worker, hall, doors) in self.0 {
            proxies.push(Arc::clone(&hall.app));
            accepting.extend(doors.into_iter().map(|door| worker.spawn(accept::accept(door, hall.clone()))));
        }
        (proxies, accepting)
    }
}

/// Everything that goes on beside the requests.
fn keep_watch(reloader: &Arc<Reloader>) {
    let watching = Arc::clone(reloader);
    tokio::spawn(async move {
        let fresh = key_fetch::keep_fresh(&watching.live, &watching.metrics);
        tokio::join!(watching.watch_key_files(), watching.watch_certificates(), watching.watch_names(), fresh)
    });
    health::begin(&reloader.live.load().pools, &reloader.metrics);
}

/// Takes the place of the process before us, if there is one: the last thing that can fail.
async fn take_place(
    predecessor: Option<Predecessor>,
    config: &Config,
    kept: &Arc<Mutex<Vec<Kept>>>,
    live: &Live,
) -> Result<Succession, StartError> {
    if predecessor.is_some() {
        // Whom the process before us can judge, we can. Until then nobody comes to us.
        let ready = tokio::time::timeout(FIRST_KEYS, admin::first_keys(live)).await;
        ready.map_err(|_| machine("the first keys have not come: the running process goes on"))?;
    }
    let succession = succession(config, kept)?;
    if let Some(predecessor) = predecessor {
        predecessor.may_go().map_err(|error| machine(format!("the process before us is gone: {error}")))?;
        log::info!("process {} took the place of the process before us", std::process::id());
    }
    Ok(succession)
}

/// Waits for the process after us, if there can be one.
fn succession(config: &Config, kept: &Arc<Mutex<Vec<Kept>>>) -> Result<Succession, StartError> {
    let Some(path) = &config.process.upgrade_socket else { return Ok(Succession::Impossible) };
    let successors = Successors::at(path).map_err(|error| machine(format!("{}: {error}", path.display())))?;
    let own = Arc::new(Invocation::own().map_err(machine)?);
    let kept = Arc::clone(kept);
    Ok(Succession::Possible(own, tokio::task::spawn_blocking(move || successors.wait_for_one(&kept))))
}

/// Without systemd nobody is told.
fn tell_systemd(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::warn!("systemd could not be told: {error}");
    }
}

/// Answers operators. Their connections are not waited for.
async fn serve_operators(door: Door, app: Arc<Admin>, closing: watch::Receiver<bool>) {
    let (_never, shutdown) = watch::channel(false);
    let metrics = app.metrics.clone();
    accept::accept(door, Hall { app, closing, shutdown, open: Arc::default(), metrics, proxy: None }).await;
    // What has come in is answered for as long as the process lives.
    std::future::pending::<()>().await;
}

fn http_proxy_of(hooks: Hooks) -> HttpProxy<Hooks> {
    let conf =
        ServerConf { max_retries: MOST_ATTEMPTS, upstream_keepalive_pool_size: MOST_KEPT, ..ServerConf::default() };
    let mut proxy = http_proxy(&Arc::new(conf), hooks);
    let mut options = HttpServerOptions::default();
    // Whether a listener speaks HTTP/2 in plaintext is decided by its streams.
    options.h2c = true;
    options.h2_idle_timeout = Some(HTTP2_IDLE_TIMEOUT);
    proxy.server_options = Some(options);
    proxy
}

/// The listeners: the sockets, what accepts handshakes, and what the process after us will ask for.
#[derive(Default)]
struct Doors {
    doors: Vec<Door>,
    admin: Option<Door>,
    tls: Vec<Option<Arc<TlsDoor>>>,
    kept: Vec<Kept>,
}

impl Doors {
    /// Opens every listener; none of them is served before all are open.
    fn open(config: &Config, mut inherited: Inherited) -> Result<Self, StartError> {
        let mut open = Self::default();
        for (place, listener) in config.listeners.iter().enumerate() {
            let tls = tls_door(listener)?;
            let (transport, scheme) = match &tls {
                Some(tls) => (Transport::Tls(Arc::clone(tls)), Scheme::Https),
                None if listener.http2 == Some(true) => (Transport::Http1OrHttp2, Scheme::Http),
                None => (Transport::Http1, Scheme::Http),
            };
            let door = open.door(listener.address.value, transport, place, &mut inherited)?;
            log::info!("listening on {}://{}", scheme.as_str(), door.address);
            open.doors.push(door);
            open.tls.push(tls);
        }
        if let Some(address) = &config.admin {
            let door = open.door(address.value, Transport::Http1, 0, &mut inherited)?;
            log::info!("admin listening on http://{}", door.address);
            open.admin = Some(door);
        }
        for address in inherited.unused() {
            log::warn!("the socket {address} was given to us, and no listener has its address: it is closed");
        }
        Ok(open)
    }

    fn door(
        &mut self,
        address: SocketAddr,
        transport: Transport,
        listener: ListenerId,
        inherited: &mut Inherited,
    ) -> Result<Door, StartError> {
        let socket = inherited.take(address).map_err(machine)?;
        self.kept.push(sockets::kept(address, &socket).map_err(machine)?);
        Door::open(socket, transport, listener).map_err(machine)
    }
}

fn tls_door(listener: &Listener) -> Result<Option<Arc<TlsDoor>>, StartError> {
    let Some(material) = Material::of(listener) else { return Ok(None) };
    let door = material.and_then(|material| TlsDoor::new(material, Instant::now()));
    door.map(|door| Some(Arc::new(door))).map_err(StartError::Configuration)
}
