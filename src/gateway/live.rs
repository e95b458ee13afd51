//! What runs now? The snapshot with the pools of its upstreams, swapped as one.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;

use super::metrics::Metrics;
use super::pool::Pool;
use crate::auth::stage::Stages;
use crate::config::schema::{Config, LogTarget, Protocol};
use crate::config::{self, Problem};
use crate::snapshot::{self, Snapshot};

/// One edition of the configuration, at work.
#[derive(Debug)]
pub struct Edition {
    /// What requests are judged by.
    pub snapshot: Snapshot,
    /// The upstreams of the snapshot, in its order.
    pub pools: Vec<Arc<Pool>>,
    /// Whether every upstream speaks HTTP/1: then nothing of a request of HTTP/1 needs Pingora's proxy.
    pub is_http1_throughout: bool,
}

impl Edition {
    fn new(snapshot: Snapshot, pools: Vec<Arc<Pool>>) -> Self {
        let is_http1_throughout = pools.iter().all(|pool| pool.spec().protocol == Protocol::Http1);
        Self { snapshot, pools, is_http1_throughout }
    }
}

/// The edition that requests begin with, from now on.
pub type Live = ArcSwap<Edition>;

/// A configuration that was read: what can run, and what only a start can use.
#[derive(Debug)]
pub struct Loaded {
    /// What can run; `None` if there are problems.
    pub edition: Option<Edition>,
    /// What was written.
    pub config: Config,
    /// What forbids to run it, in the order of the file.
    pub problems: Vec<Problem>,
    /// What is doubtful, in the order of the file.
    pub warnings: Vec<Problem>,
}

/// Reads a file, with `${NAME}` from the environment of the process, and compiles it against what runs.
pub fn load(file: &Path, previous: Option<&Edition>, metrics: &Metrics, stages: &Stages) -> Loaded {
    let environment = |name: &str| std::env::var(name).ok();
    compile(config::load(file, &environment), previous, metrics, stages)
}

/// Compiles what was read.
pub fn compile(read: config::Loaded, previous: Option<&Edition>, metrics: &Metrics, stages: &Stages) -> Loaded {
    let config::Loaded { config, mut problems, mut warnings } = read;
    let environment = snapshot::Environment {
        previous: previous.map(|edition| &edition.snapshot),
        observer: Arc::new(metrics.clone()),
        stages,
        now: SystemTime::now(),
    };
    let compiled = snapshot::compile(&config, &environment);
    problems.extend(compiled.problems);
    warnings.extend(compiled.warnings);
    for refused in config.listeners.iter().filter_map(super::tls::Material::of).filter_map(Result::err) {
        problems.extend(refused);
    }
    let edition = compiled.snapshot.and_then(|snapshot| match pools(&snapshot, previous) {
        Ok(pools) => Some(Edition::new(snapshot, pools)),
        Err(of_pools) => {
            problems.extend(of_pools);
            None
        }
    });
    problems.sort_by_key(in_file_order);
    warnings.sort_by_key(in_file_order);
    let edition = edition.filter(|_| problems.is_empty());
    Loaded { edition, config, problems, warnings }
}

fn in_file_order(problem: &Problem) -> (u32, u32) {
    (problem.place.line, problem.place.column)
}

/// A pool for each upstream: the one that runs, if the upstream is what it was.
fn pools(snapshot: &Snapshot, previous: Option<&Edition>) -> Result<Vec<Arc<Pool>>, Vec<Problem>> {
    let running = previous.map_or(&[] as &[Arc<Pool>], |edition| &edition.pools);
    let mut pools = Vec::new();
    let mut problems = Vec::new();
    for spec in &snapshot.upstreams {
        match running.iter().find(|pool| pool.spec() == &**spec) {
            Some(pool) => pools.push(Arc::clone(pool)),
            None => match Pool::new(Arc::clone(spec)) {
                Ok(pool) => pools.push(Arc::new(pool)),
                Err(problem) => problems.push(problem),
            },
        }
    }
    if problems.is_empty() { Ok(pools) } else { Err(problems) }
}

/// What only a restart changes, for telling whether it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    listeners: Vec<String>,
    admin: Option<std::net::SocketAddr>,
    process: String,
    log: LogTarget,
}

impl Fixed {
    /// Takes it from a configuration.
    pub fn of(config: &Config) -> Self {
        let listeners = config
            .listeners
            .iter()
            .map(|listener| format!("{} {:?} {}", listener.address.value, listener.http2, listener.tls.is_some()));
        Self {
            listeners: listeners.collect(),
            admin: config.admin.as_ref().map(|admin| admin.value),
            process: format!("{:?}", config.process),
            log: config.access_log.to.clone(),
        }
    }
}
