//! What do the endpoints of keys publish now? Asked in the background, and out of turn for requests that wait.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::live::Live;
use super::metrics::{KeyRefresh, Metrics};
use crate::keys::{Fetch, KeySource, Looked, Needed, PerRequestSource, Remote};

/// How often it is looked whose time has come.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Asks endpoints out of turn, all at once. `now` is the time of the request that waits.
pub async fn fetch_all(sources: &[Arc<KeySource>], metrics: &Metrics, now: SystemTime) {
    let fetch = |source: &Arc<KeySource>| fetch_in_turn(Arc::clone(source), metrics.clone(), Turn::Extra, now);
    let fetches: Vec<_> = sources.iter().map(fetch).collect();
    for fetch in fetches {
        fetch.await;
    }
}

/// Why an endpoint is asked.
#[derive(Debug, Clone, Copy)]
enum Turn {
    /// A token names a key that nobody knows.
    Extra,
    /// Its time has come.
    Due,
}

/// Fetches, or waits for who is fetching already. The fetch goes on if the request goes away.
fn fetch_in_turn(source: Arc<KeySource>, metrics: Metrics, turn: Turn, now: SystemTime) -> impl Future<Output = ()> {
    let patience = source.remote().map(|remote| remote.definition().timeout).unwrap_or_default();
    let fetch = tokio::spawn(async move {
        let Some(remote) = source.remote() else { return };
        let ended = remote.ended();
        let _turn = remote.turn().lock().await;
        let mine = match turn {
            Turn::Extra => remote.ended() == ended && remote.begin_out_of_turn(now),
            Turn::Due => remote.is_due(now),
        };
        if mine {
            fetch(&source, &metrics).await;
        }
    });
    async move {
        match tokio::time::timeout(patience, fetch).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log::error!("keys could not be fetched: {error}"),
            // The fetch goes on; the request has waited long enough.
            Err(_) => {}
        }
    }
}

/// Looks for keys that a request names: reads a file, or asks an endpoint.
pub async fn look_for(source: Arc<PerRequestSource>, name: String, metrics: &Metrics, now: SystemTime) {
    let (looking, named) = (Arc::clone(&source), name.clone());
    let looked = tokio::task::spawn_blocking(move || looking.look(&named, now)).await;
    match looked {
        Ok(Looked::Found { warnings }) => {
            warnings.iter().for_each(|warning| log::warn!("keys of {}, {name}: {warning}", source.name()));
        }
        Ok(Looked::Absent) => log::info!("keys of {}: there is no {name}", source.name()),
        Ok(Looked::Failed(error)) => {
            log::error!("keys of {}, {name}: {error}", source.name());
            metrics.keys_refreshed(source.name(), KeyRefresh::Failed);
        }
        Ok(Looked::ToFetch(endpoint)) => {
            fetch_in_turn(endpoint, metrics.clone(), Turn::Due, now).await;
        }
        Err(error) => {
            log::error!("keys of {}, {name}: looking for keys ended without a result: {error}", source.name())
        }
    }
}

/// Keeps the keys of every endpoint of the running configuration fresh, for ever.
pub async fn keep_fresh(live: &Live, metrics: &Metrics) {
    loop {
        let running = live.load_full();
        let fixed = running.snapshot.key_sources.iter().map(|source| source.name());
        let named = running.snapshot.per_request_sources.iter().map(|source| source.name());
        metrics.keep_only_key_sources(fixed.chain(named));
        for source in &running.snapshot.key_sources {
            look_after(source, metrics);
        }
        for source in running.snapshot.per_request_sources.iter().flat_map(|source| source.wanted()) {
            fetch_if_due(&source, metrics, SystemTime::now());
        }
        drop(running);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn look_after(source: &Arc<KeySource>, metrics: &Metrics) {
    let Some(remote) = source.remote() else { return };
    let now = SystemTime::now();
    if source.give_up_stale(now) {
        log::error!("keys of {}: too old to be used any longer; requests that need them are refused", source.name());
    }
    if remote.is_unsaved() {
        let source = Arc::clone(source);
        tokio::task::spawn_blocking(move || {
            if let Some(Err(error)) = source.remote().map(Remote::save) {
                log::error!("keys of {}: {error}", source.name());
            }
        });
    }
    metrics.keys_are(source.name(), source.current().count(), remote.age(now));
    fetch_if_due(source, metrics, now);
}

fn fetch_if_due(source: &Arc<KeySource>, metrics: &Metrics, now: SystemTime) {
    if source.remote().is_some_and(|remote| remote.is_due(now)) {
        let (source, metrics) = (Arc::clone(source), metrics.clone());
        tokio::spawn(async move {
            let Some(remote) = source.remote() else { return };
            if let Ok(_turn) = remote.turn().try_lock() {
                fetch(&source, &metrics).await;
            }
        });
    }
}

/// Fetches once, and tells log and metrics of it. Who calls it has the turn.
async fn fetch(source: &Arc<KeySource>, metrics: &Metrics) {
    let Some(remote) = source.remote() else { return };
    let Some(_permit) = remote.permit().await else { return };
    let began = SystemTime::now();
    let before = source.current();
    let was_failing = remote.is_failing();
    let fetching = Arc::clone(source);
    let name = format!("keys of {}", source.name());
    let Ok(fetched) = tokio::task::spawn_blocking(move || fetching.fetch(SystemTime::now())).await else {
        log::error!("{name}: fetching ended without a result");
        remote.abandoned(SystemTime::now());
        return;
    };
    let result = if matches!(fetched, Fetch::Failed(_)) { KeyRefresh::Failed } else { KeyRefresh::Loaded };
    metrics.keys_fetched(source.name(), result);
    if remote.definition().needed != Needed::ForOneName {
        metrics.keys_fetch_took(source.name(), result, began, began.elapsed().unwrap_or_default());
        metrics.keys_are(source.name(), source.current().count(), remote.age(SystemTime::now()));
    }
    if was_failing && result == KeyRefresh::Loaded {
        log::info!("{name}: the endpoint gives keys again");
    }
    match fetched {
        Fetch::Unchanged => {}
        Fetch::Loaded { warnings } => {
            let now = source.current();
            let (old, new) = (before.key_ids(), now.key_ids());
            let (added, removed): (Vec<_>, Vec<_>) = (new.difference(&old).collect(), old.difference(&new).collect());
            log::info!("{name}: {} keys are in use; new: {added:?}, gone: {removed:?}", now.count());
            warnings.iter().for_each(|warning| log::warn!("{name}: {warning}"));
        }
        Fetch::Failed(error) if before.is_empty() => log::error!("{name}: {error}; there are no keys"),
        Fetch::Failed(error) => log::error!("{name}: {error}; the last good keys stay in use"),
    }
}
