//! What do operators see in Prometheus? Every metric of the gateway, and nothing else.

mod connections;
mod servers;

use std::time::{Duration, SystemTime};

use prometheus::core::Collector;
use prometheus::{
    Encoder, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

use connections::Connections;
use servers::Servers;

use crate::auth::realm::{CacheObserver, Lookup};

/// Upper bounds of the buckets for durations, in seconds.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// The metrics of one process.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    decisions: Decisions,
    durations: HistogramVec,
    upstream_failures: IntCounterVec,
    reloads: IntCounterVec,
    cache: IntCounterVec,
    key_refreshes: IntCounterVec,
    key_fetches: IntCounterVec,
    keys: KeyGauges,
    /// Client connections that are open.
    pub connections: IntGauge,
    /// Requests that are being served.
    pub in_flight: IntGauge,
    handshake_failures: IntCounterVec,
    of_connections: Connections,
    servers: Servers,
    /// Malformed requests, which Pingora answers itself.
    pub malformed: IntCounter,
}

/// What came of a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadResult {
    /// The new configuration runs.
    Loaded,
    /// It had problems; the old one runs.
    Refused,
}

/// What came of reading a key source again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRefresh {
    /// New keys are in use.
    Loaded,
    /// The old ones stay.
    Failed,
}

impl KeyRefresh {
    fn word(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Failed => "failed",
        }
    }
}

/// Makes metrics and registers them.
struct Maker(Registry);

impl Maker {
    fn counter(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(counter.clone()))?;
        Ok(counter)
    }

    fn single(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        let counter = IntCounter::new(name, help)?;
        self.0.register(Box::new(counter.clone()))?;
        Ok(counter)
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        let gauge = IntGauge::new(name, help)?;
        self.0.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<GaugeVec> {
        let gauges = GaugeVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(gauges.clone()))?;
        Ok(gauges)
    }

    fn durations(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<HistogramVec> {
        let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
        let durations = HistogramVec::new(options, labels)?;
        self.0.register(Box::new(durations.clone()))?;
        Ok(durations)
    }
}

impl Metrics {
    /// Makes and registers all metrics.
    pub fn new() -> prometheus::Result<Self> {
        let make = Maker(Registry::new());
        Ok(Self {
            requests: make.counter("portcullis_requests_total", "Requests answered.", &["location", "status"])?,
            decisions: Decisions::new(&make)?,
            durations: make.durations(
                "portcullis_request_duration_seconds",
                "Time from the head of a request to the end of its answer.",
                &["location"],
            )?,
            upstream_failures: make.counter(
                "portcullis_upstream_failures_total",
                "Attempts to use a server that failed.",
                &["upstream", "reason"],
            )?,
            reloads: make.counter("portcullis_reload_total", "Reloads of the configuration.", &["result"])?,
            cache: make.counter(
                "portcullis_verified_cache_total",
                "Look-ups in the cache of verified signatures.",
                &["realm", "result"],
            )?,
            key_refreshes: make.counter(
                "portcullis_key_refresh_total",
                "Key files that changed and were read again.",
                &["source", "result"],
            )?,
            key_fetches: make.counter(
                "portcullis_key_fetches_total",
                "Times that an endpoint was asked for keys.",
                &["source", "result"],
            )?,
            keys: KeyGauges::new(&make)?,
            of_connections: Connections::new(&make)?,
            servers: Servers::new(&make)?,
            handshake_failures: make.counter(
                "portcullis_tls_handshake_failures_total",
                "TLS handshakes with clients that failed.",
                &["listener"],
            )?,
            malformed: make.single(
                "portcullis_malformed_requests_total",
                "Requests that are not HTTP, answered 400 or 405 before anything else is known of them.",
            )?,
            connections: make.gauge("portcullis_connections", "Client connections that are open.")?,
            in_flight: make.gauge("portcullis_requests_in_flight", "Requests that are being served.")?,
            registry: make.0,
        })
    }

    /// A request was answered.
    pub fn answered(&self, location: &str, status: u16, duration: Duration) {
        self.requests.with_label_values(&[location, status_label(status).as_str()]).inc();
        self.durations.with_label_values(&[location]).observe(duration.as_secs_f64());
    }

    /// A request was decided.
    pub fn decided(&self, realm: &str, reason: &str) {
        self.decisions.all.with_label_values(&[realm, reason]).inc();
    }

    /// A realm in shadow would have refused a request.
    pub fn shadowed(&self, realm: &str, reason: &str) {
        self.decisions.shadowed.with_label_values(&[realm, reason]).inc();
    }

    /// A service was asked who may enter.
    pub fn service_took(&self, service: &str, took: Duration) {
        self.decisions.services.with_label_values(&[service]).observe(took.as_secs_f64());
    }

    /// A server could not be used.
    pub fn upstream_failed(&self, upstream: &str, reason: &str) {
        self.upstream_failures.with_label_values(&[upstream, reason]).inc();
    }

    /// The configuration was read again.
    pub fn reloaded(&self, result: ReloadResult) {
        let result = match result {
            ReloadResult::Loaded => "loaded",
            ReloadResult::Refused => "refused",
        };
        self.reloads.with_label_values(&[result]).inc();
    }

    /// A key source was read again.
    pub fn keys_refreshed(&self, source: &str, result: KeyRefresh) {
        self.key_refreshes.with_label_values(&[source, result.word()]).inc();
    }

    /// An endpoint was asked for keys.
    pub fn keys_fetched(&self, source: &str, result: KeyRefresh) {
        self.key_fetches.with_label_values(&[source, result.word()]).inc();
    }

    /// When an endpoint was last asked for keys, and how that went.
    pub fn keys_fetch_took(&self, source: &str, result: KeyRefresh, began: SystemTime, took: Duration) {
        let since_1970 = began.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.keys.success.with_label_values(&[source]).set(if result == KeyRefresh::Loaded { 1.0 } else { 0.0 });
        self.keys.fetched.with_label_values(&[source]).set(since_1970.as_secs_f64());
        self.keys.took.with_label_values(&[source]).set(took.as_secs_f64());
    }

    /// The keys of an endpoint that are in use. Without any, there is no age.
    pub fn keys_are(&self, source: &str, count: usize, age: Option<Duration>) {
        self.keys.count.with_label_values(&[source]).set(u32::try_from(count).unwrap_or(u32::MAX).into());
        match age {
            Some(age) => self.keys.age.with_label_values(&[source]).set(age.as_secs_f64()),
            None => drop(self.keys.age.remove_label_values(&[source])),
        }
    }

    /// Forgets the gauges of sources that no longer run.
    pub fn keep_only_key_sources<'s>(&self, names: impl Iterator<Item = &'s str>) {
        self.keys.keep_only(names.collect());
    }

    /// A client did not finish its TLS handshake.
    pub fn handshake_failed(&self, listener: &str) {
        self.handshake_failures.with_label_values(&[listener]).inc();
    }

    /// The Prometheus text format.
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            log::error!("metrics cannot be written: {error}");
        }
        text
    }
}

/// What was decided, and how long who was asked for it took.
#[derive(Debug, Clone)]
struct Decisions {
    all: IntCounterVec,
    shadowed: IntCounterVec,
    services: HistogramVec,
}

impl Decisions {
    fn new(make: &Maker) -> prometheus::Result<Self> {
        Ok(Self {
            all: make.counter(
                "portcullis_decisions_total",
                "Decisions on requests: granted, public, redirected or a reason code.",
                &["realm", "reason"],
            )?,
            shadowed: make.counter(
                "portcullis_shadowed_total",
                "Requests that a realm in shadow would have refused.",
                &["realm", "reason"],
            )?,
            services: make.durations(
                "portcullis_forward_auth_duration_seconds",
                "Time that forward_auth services took to answer, or not to.",
                &["service"],
            )?,
        })
    }
}

/// What is known of the keys of each endpoint.
#[derive(Debug, Clone)]
struct KeyGauges {
    age: GaugeVec,
    count: GaugeVec,
    fetched: GaugeVec,
    success: GaugeVec,
    took: GaugeVec,
}

impl KeyGauges {
    fn new(make: &Maker) -> prometheus::Result<Self> {
        Ok(Self {
            age: make.gauges("portcullis_keys_age_seconds", "Time since the keys in use were fetched.", &["source"])?,
            count: make.gauges("portcullis_keys", "Keys in use.", &["source"])?,
            fetched: make.gauges("portcullis_keys_last_fetch_timestamp_seconds", "Last fetch.", &["source"])?,
            success: make.gauges(
                "portcullis_keys_last_fetch_success",
                "1 if the last fetch gave keys.",
                &["source"],
            )?,
            took: make.gauges("portcullis_keys_last_fetch_duration_seconds", "What it took.", &["source"])?,
        })
    }

    fn keep_only(&self, names: Vec<&str>) {
        for gauges in [&self.age, &self.count, &self.fetched, &self.success, &self.took] {
            for family in gauges.collect() {
                let labels = family.get_metric().iter().flat_map(|metric| metric.get_label());
                for gone in labels.map(|label| label.value()).filter(|label| !names.contains(label)) {
                    drop(gauges.remove_label_values(&[gone]));
                }
            }
        }
    }
}

impl CacheObserver for Metrics {
    fn looked_up(&self, realm: &str, lookup: Lookup) {
        let result = match lookup {
            Lookup::Hit => "hit",
            Lookup::Miss => "miss",
        };
        self.cache.with_label_values(&[realm, result]).inc();
    }
}

/// Three digits without an allocation.
struct StatusLabel([u8; 3]);

fn status_label(status: u16) -> StatusLabel {
    let digit = |place: u16| b'0' + u8::try_from(status / place % 10).unwrap_or(0);
    StatusLabel([digit(100), digit(10), digit(1)])
}

impl StatusLabel {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("000")
    }
}
