//! What is counted of the servers of upstreams?

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{GaugeVec, IntCounterVec};

use super::{Maker, Metrics};

/// How the servers of upstreams are.
#[derive(Debug, Clone)]
pub(super) struct Servers {
    pub(super) usable: GaugeVec,
    pub(super) load: GaugeVec,
    pub(super) ejections: IntCounterVec,
    pub(super) probes: IntCounterVec,
    pub(super) asked: Arc<Mutex<()>>,
}

impl Servers {
    pub(super) fn new(make: &Maker) -> prometheus::Result<Self> {
        let server = &["upstream", "server"];
        Ok(Self {
            asked: Arc::default(),
            usable: make.gauges(
                "portcullis_upstream_server_usable",
                "1: requests are sent to the server; 0: it is unhealthy, or rests after failures.",
                server,
            )?,
            load: make.gauges("portcullis_upstream_server_requests", "Requests that are with the server.", server)?,
            ejections: make.counter(
                "portcullis_upstream_ejections_total",
                "Times that a server was given a rest after failures in a row.",
                server,
            )?,
            probes: make.counter(
                "portcullis_upstream_health_checks_total",
                "Answers to health checks.",
                &["upstream", "server", "result"],
            )?,
        })
    }
}

impl Metrics {
    /// A server was asked how it is.
    pub fn probed(&self, upstream: &str, server: &str, is_well: bool) {
        let result = if is_well { "good" } else { "bad" };
        self.servers.probes.with_label_values(&[upstream, server, result]).inc();
    }

    /// A server failed so often that it rests.
    pub fn ejected(&self, upstream: &str, server: &str) {
        self.servers.ejections.with_label_values(&[upstream, server]).inc();
    }

    /// The Prometheus text format, with how the servers are now. Who asks at the same time waits: nobody reads a half.
    pub fn text_with(&self, servers: impl Iterator<Item = (String, String, bool, u32)>) -> Vec<u8> {
        let _alone = self.servers.asked.lock().unwrap_or_else(PoisonError::into_inner);
        self.servers.usable.reset();
        self.servers.load.reset();
        for (upstream, server, is_usable, load) in servers {
            self.servers.usable.with_label_values(&[&upstream, &server]).set(f64::from(u8::from(is_usable)));
            self.servers.load.with_label_values(&[&upstream, &server]).set(f64::from(load));
        }
        self.text()
    }
}
