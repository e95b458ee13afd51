//! How does a running process take in a new configuration? All or nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::health;
use super::live::{self, Fixed, Live};
use super::metrics::{KeyRefresh, Metrics, ReloadResult};
use super::pool::Pool;
use super::tls::{Material, Renewal, TlsDoor};
use crate::auth::stage::Stages;
use crate::config::schema::Config;
use crate::config::{Place, Problem, counted};
use crate::watched::{Refresh, Reread};

/// How often files of keys and certificates are looked at.
const FILES_EVERY: Duration = Duration::from_secs(2);
/// How often the servers that have names are looked up.
const NAMES_EVERY: Duration = Duration::from_secs(30);
/// How long a new edition waits for the first look-up of its servers' names.
const FIRST_LOOKUP: Duration = Duration::from_secs(2);

/// What a reload works on.
pub struct Reloader {
    /// The configuration.
    pub file: PathBuf,
    /// What runs.
    pub live: Arc<Live>,
    /// What accepts handshakes on the listeners, in their order.
    pub tls: Vec<Option<Arc<TlsDoor>>>,
    /// What it was started with, which only a restart changes.
    pub fixed: Fixed,
    /// What operators see.
    pub metrics: Metrics,
    /// What the program has registered.
    pub stages: Stages,
}

impl Reloader {
    /// Reads the configuration again. With any problem the old edition goes on, and every problem is logged.
    pub async fn reload(&self) {
        let running = self.live.load_full();
        let mut loaded =
            tokio::task::block_in_place(|| live::load(&self.file, Some(&running), &self.metrics, &self.stages));
        // Of a file with problems only a part was read: what it does not say has not changed.
        if loaded.problems.is_empty() && Fixed::of(&loaded.config) != self.fixed {
            let what = "listeners, admin, process or access_log.to changed: only a restart can change these";
            loaded.problems.push(Problem::new(Place::default(), what));
        }
        for warning in &loaded.warnings {
            log::warn!("{}", warning.in_file(&self.file));
        }
        match loaded.edition.filter(|_| loaded.problems.is_empty()) {
            Some(edition) => {
                look_up(&edition.pools).await;
                self.renew_tls(&loaded.config);
                health::begin(&edition.pools, &self.metrics);
                self.live.store(Arc::new(edition));
                self.metrics.reloaded(ReloadResult::Loaded);
                log::info!("configuration reloaded from {}", self.file.display());
            }
            None => {
                for problem in &loaded.problems {
                    log::error!("{}", problem.in_file(&self.file));
                }
                self.metrics.reloaded(ReloadResult::Refused);
                log::error!("reload refused ({}): the running configuration stays", counted(&loaded.problems));
            }
        }
    }

    /// Puts what the configuration says of TLS now in the place of what it said before.
    fn renew_tls(&self, config: &Config) {
        for (running, listener) in self.tls.iter().zip(&config.listeners) {
            if let (Some(running), Some(material)) = (running, Material::of(listener)) {
                // It was read a moment ago, without a problem.
                let renewed = material.and_then(|material| running.replace(material, Instant::now()));
                renewed.unwrap_or_else(|problems| problems.iter().for_each(|problem| log::error!("{problem}")));
            }
        }
        self.tell_expiries();
    }

    /// Shows operators when certificates end.
    fn tell_expiries(&self) {
        for (file, at) in self.tls.iter().flatten().flat_map(|door| door.expiries()) {
            self.metrics.certificate_ends(&file, at);
        }
    }

    /// Reads the files of certificates again when they change, for ever. No connection notices.
    pub async fn watch_certificates(&self) {
        self.tell_expiries();
        loop {
            tokio::time::sleep(FILES_EVERY).await;
            for (place, door) in self.tls.iter().enumerate() {
                let Some(door) = door.clone() else { continue };
                let looked = tokio::task::spawn_blocking(move || door.renew(Instant::now())).await;
                match looked {
                    Ok(renewal) => self.report_certificates(place, &renewal),
                    Err(error) => log::error!("certificates could not be looked at: {error}"),
                }
            }
        }
    }

    fn report_certificates(&self, place: usize, renewal: &Renewal) {
        let listener = format!("listeners[{place}]");
        match renewal {
            Renewal::None => {}
            Renewal::Renewed => {
                log::info!("{listener}: the certificates have changed and are in use");
                self.metrics.certificates_renewed(&listener, KeyRefresh::Loaded);
                self.tell_expiries();
            }
            Renewal::Failed(problems) => {
                for problem in problems {
                    log::error!("{}; the last good certificates stay in use", problem.in_file(&self.file));
                }
                self.metrics.certificates_renewed(&listener, KeyRefresh::Failed);
            }
        }
    }

    /// Reads key files again when they change, for ever.
    pub async fn watch_key_files(&self) {
        loop {
            tokio::time::sleep(FILES_EVERY).await;
            let running = self.live.load_full();
            let metrics = self.metrics.clone();
            let read = tokio::task::spawn_blocking(move || {
                for source in &running.snapshot.key_sources {
                    report("keys of ", source.name(), source.refresh(Reread::IfChanged), &metrics);
                }
                for lists in running.snapshot.realms.iter().filter_map(|realm| realm.revoked.as_ref()) {
                    report("", &lists.path().display().to_string(), lists.refresh(Reread::IfChanged), &metrics);
                }
                for users in &running.snapshot.users {
                    report("", &users.path().display().to_string(), users.refresh(Reread::IfChanged), &metrics);
                }
                for source in &running.snapshot.per_request_sources {
                    source.refresh(|refresh| report("keys of ", source.name(), refresh, &metrics));
                }
            });
            if let Err(error) = read.await {
                log::error!("key files could not be looked at: {error}");
            }
        }
    }

    /// Looks up the names of servers again, for ever.
    pub async fn watch_names(&self) {
        loop {
            tokio::time::sleep(NAMES_EVERY).await;
            for pool in &self.live.load_full().pools {
                pool.resolve().await;
            }
        }
    }
}

/// `kind` stands before the name of what was read again.
fn report(kind: &str, source: &str, refresh: Refresh, metrics: &Metrics) {
    match refresh {
        Refresh::Unchanged => {}
        Refresh::Loaded { warnings } => {
            log::info!("{kind}{source}: they changed and are in use");
            for warning in warnings {
                log::warn!("{kind}{source}: {warning}");
            }
            metrics.keys_refreshed(source, KeyRefresh::Loaded);
        }
        Refresh::Failed(error) => {
            log::error!("{kind}{source}: {error}; the last good ones stay in use");
            metrics.keys_refreshed(source, KeyRefresh::Failed);
        }
    }
}

/// Looks up every pool's names, and does not wait long for those that are slow to be found.
pub async fn look_up(pools: &[Arc<Pool>]) {
    let lookups = pools.iter().map(Arc::clone).map(|pool| tokio::spawn(async move { pool.resolve().await }));
    let lookups: Vec<_> = lookups.collect();
    let all = async {
        for lookup in lookups {
            if let Err(error) = lookup.await {
                log::error!("a name could not be looked up: {error}");
            }
        }
    };
    if tokio::time::timeout(FIRST_LOOKUP, all).await.is_err() {
        log::warn!("some servers' names are still being looked up");
    }
}
