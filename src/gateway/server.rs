//! How does the process start, listen to signals, and end?

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pingora_core::apps::{HttpServerApp, HttpServerOptions};
use pingora_core::connectors::http::Connector;
use pingora_core::server::configuration::ServerConf;
use pingora_proxy::{HttpProxy, http_proxy};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::accept::{self, Door, Hall, Transport};
use super::access_log::{AccessLog, LogSender};
use super::admin::{Admin, Readiness};
use super::drain::OpenConnections;
use super::health;
use super::inquiry::Inquirer;
use super::key_fetch;
use super::live::{self, Edition, Fixed, Live, Loaded};
use super::metrics::Metrics;
use super::proxy::Proxy;
use super::reload::{self, Reloader};
use super::tls::{Material, TlsDoor};
use crate::auth::Scheme;
use crate::auth::stage::Stages;
use crate::config::schema::{Config, Listener};
use crate::config::{Problem, counted};

/// Attempts for one request, counted by Pingora (docs/pingora.md, T14): one for each server that `retries` allows, and a few
/// for connections that were kept too long.
const MOST_ATTEMPTS: usize = 16;
/// The last part of a shutdown: WebSockets are told to go.
const GOODBYE: Duration = Duration::from_secs(2);
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

/// Serves until a signal ends it.
pub fn run(file: &Path, stages: Stages) -> Result<(), StartError> {
    let metrics = Metrics::new().map_err(machine)?;
    let Loaded { edition, config, problems, warnings } = live::load(file, None, &metrics, &stages);
    for warning in &warnings {
        log::warn!("{}", warning.in_file(file));
    }
    let Some(edition) = edition else {
        return Err(StartError::Configuration(problems));
    };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if config.process.threads > 0 {
        runtime.worker_threads(config.process.threads);
    }
    let runtime = runtime.enable_all().thread_name("portcullis").build().map_err(machine)?;
    let log = AccessLog::open(&config.access_log.to).map_err(machine)?;
    let served = runtime.block_on(serve(file, &config, edition, metrics, log.sender(), stages));
    runtime.shutdown_timeout(Duration::from_millis(100));
    log.close();
    served
}

async fn serve(
    file: &Path,
    config: &Config,
    edition: Edition,
    metrics: Metrics,
    log: LogSender,
    stages: Stages,
) -> Result<(), StartError> {
    let signals = Signals::listen().map_err(machine)?;
    // Everything that can fail is done before anything is served.
    let Doors { doors, tls } = Doors::bind(config)?;
    let admin_door = admin_door(config)?;
    reload::look_up(&edition.pools).await;

    let live = Arc::new(Live::from_pointee(edition));
    let (leaving, leave) = watch::channel(false);
    let proxy = Proxy {
        live: Arc::clone(&live),
        metrics: metrics.clone(),
        inquirer: Inquirer::new(metrics.clone()),
        log: log.clone(),
        websockets: Connector::new(None),
        leaving: leave,
    };
    let proxy = Arc::new(http_proxy_of(proxy));
    let (shutdown, ends) = watch::channel(false);
    let open = Arc::new(OpenConnections::shown_by(metrics.connections.clone()));
    let hall = Hall {
        app: Arc::clone(&proxy),
        shutdown: ends,
        open: Arc::clone(&open),
        metrics: metrics.clone(),
        live: Some(Arc::clone(&live)),
    };
    for door in doors {
        tokio::spawn(accept::accept(door, hall.clone()));
    }
    let readiness = Arc::new(Readiness::default());
    if let Some(door) = admin_door {
        tokio::spawn(serve_operators(door, metrics.clone(), Arc::clone(&readiness), Arc::clone(&live)));
    }
    let reloader = Arc::new(Reloader { file: file.to_owned(), live, fixed: Fixed::of(config), tls, metrics, stages });
    let watching = Arc::clone(&reloader);
    tokio::spawn(async move {
        let fresh = key_fetch::keep_fresh(&watching.live, &watching.metrics);
        tokio::join!(watching.watch_key_files(), watching.watch_certificates(), watching.watch_names(), fresh)
    });

    health::begin(&reloader.live.load().pools, &reloader.metrics);
    readiness.begin();
    log::info!("ready");
    signals.obey(&reloader, &log).await;
    readiness.end();
    drain(&shutdown, &leaving, &proxy, &open, config.process.shutdown_timeout).await;
    Ok(())
}

fn admin_door(config: &Config) -> Result<Option<Door>, StartError> {
    let Some(address) = &config.admin else { return Ok(None) };
    let door = accept::bind(address.value, Transport::Http1, 0).map_err(machine)?;
    log::info!("admin listening on http://{}", door.address);
    Ok(Some(door))
}

/// Answers operators until the process ends. Their connections are not waited for.
async fn serve_operators(door: Door, metrics: Metrics, readiness: Arc<Readiness>, live: Arc<Live>) {
    let (_never, ends) = watch::channel(false);
    let app = Arc::new(Admin { metrics: metrics.clone(), readiness, live });
    accept::accept(door, Hall { app, shutdown: ends, open: Arc::default(), metrics, live: None }).await;
}

fn http_proxy_of(proxy: Proxy) -> HttpProxy<Proxy> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let conf = ServerConf { threads, max_retries: MOST_ATTEMPTS, ..ServerConf::default() };
    let mut proxy = http_proxy(&Arc::new(conf), proxy);
    let mut options = HttpServerOptions::default();
    // Whether a listener speaks HTTP/2 in plaintext is decided by its streams.
    options.h2c = true;
    options.h2_idle_timeout = Some(HTTP2_IDLE_TIMEOUT);
    proxy.server_options = Some(options);
    proxy
}

/// The listeners, bound: the sockets, and what accepts handshakes.
#[derive(Default)]
struct Doors {
    doors: Vec<Door>,
    tls: Vec<Option<Arc<TlsDoor>>>,
}

impl Doors {
    /// Binds every listener; none of them is served before all are bound.
    fn bind(config: &Config) -> Result<Self, StartError> {
        let mut bound = Self::default();
        for (place, listener) in config.listeners.iter().enumerate() {
            let tls = tls_door(listener)?;
            let (transport, scheme) = match &tls {
                Some(tls) => (Transport::Tls(Arc::clone(tls)), Scheme::Https),
                None if listener.http2 == Some(true) => (Transport::Http1OrHttp2, Scheme::Http),
                None => (Transport::Http1, Scheme::Http),
            };
            let door = accept::bind(listener.address.value, transport, place).map_err(machine)?;
            log::info!("listening on {}://{}", scheme.as_str(), door.address);
            bound.doors.push(door);
            bound.tls.push(tls);
        }
        Ok(bound)
    }
}

fn tls_door(listener: &Listener) -> Result<Option<Arc<TlsDoor>>, StartError> {
    let Some(material) = Material::of(listener) else { return Ok(None) };
    let door = material.and_then(|material| TlsDoor::new(material, Instant::now()));
    door.map(|door| Some(Arc::new(door))).map_err(StartError::Configuration)
}

/// Accepts nothing more, lets go of idle connections, and waits for the others: no longer than they need.
async fn drain(
    shutdown: &watch::Sender<bool>,
    leaving: &watch::Sender<bool>,
    proxy: &HttpProxy<Proxy>,
    open: &OpenConnections,
    most: Duration,
) {
    log::info!("shutting down: {} connections are open", open.count());
    shutdown.send_replace(true);
    proxy.http_cleanup().await;
    if tokio::time::timeout(most.saturating_sub(GOODBYE), open.closed()).await.is_err() {
        leaving.send_replace(true);
        if tokio::time::timeout(GOODBYE.min(most), open.closed()).await.is_err() {
            log::warn!("{} connections were still open after {most:?} and are cut", open.count());
            return;
        }
    }
    log::info!("every request was served");
}

/// The signals that the process understands.
struct Signals {
    reload: Signal,
    reopen: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            reload: signal(SignalKind::hangup())?,
            reopen: signal(SignalKind::user_defined2())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Obeys signals until one ends the process.
    async fn obey(mut self, reloader: &Reloader, log: &LogSender) {
        loop {
            tokio::select! {
                _ = self.reload.recv() => reloader.reload().await,
                _ = self.reopen.recv() => log.reopen(),
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
            }
        }
    }
}
