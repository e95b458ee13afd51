//! What is counted of connections, besides requests?

use prometheus::{GaugeVec, IntCounter, IntCounterVec, IntGauge};

use super::{KeyRefresh, Maker, Metrics};
use crate::gateway::context::InFlight;

/// What happens to connections, besides requests.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    pub(super) no_proxy_header: IntCounterVec,
    pub(super) late_heads: IntCounter,
    pub(super) certificates: GaugeVec,
    pub(super) renewals: IntCounterVec,
    pub(super) websockets: IntGauge,
    pub(super) ended: IntCounterVec,
}

impl Connections {
    pub(super) fn new(make: &Maker) -> prometheus::Result<Self> {
        Ok(Self {
            no_proxy_header: make.counter(
                "portcullis_proxy_header_failures_total",
                "Connections that did not begin with a PROXY header where one is required.",
                &["listener"],
            )?,
            late_heads: make.single(
                "portcullis_late_heads_total",
                "Connections that were closed because the head of a request did not come in time.",
            )?,
            certificates: make.gauges(
                "portcullis_certificate_expiry_timestamp_seconds",
                "When a certificate that clients are shown ends.",
                &["certificate"],
            )?,
            renewals: make.counter(
                "portcullis_certificate_renewals_total",
                "Times that changed files of certificates were read again.",
                &["listener", "result"],
            )?,
            websockets: make.gauge("portcullis_websockets", "WebSockets that are open.")?,
            ended: make.counter(
                "portcullis_ended_with_token_total",
                "WebSockets and streams that were ended because their token holds no longer.",
                &["reason"],
            )?,
        })
    }
}

impl Metrics {
    /// Counts a WebSocket that is open for as long as this lives.
    pub fn websocket_opens(&self) -> InFlight {
        InFlight::begin(&self.of_connections.websockets)
    }

    /// A connection was ended with its token.
    pub fn ended_with_token(&self, reason: &str) {
        self.of_connections.ended.with_label_values(&[reason]).inc();
    }

    /// A connection did not begin with a PROXY header.
    pub fn proxy_header_failed(&self, listener: &str) {
        self.of_connections.no_proxy_header.with_label_values(&[listener]).inc();
    }

    /// A client took too long for the head of a request.
    pub fn late_head(&self) {
        self.of_connections.late_heads.inc();
    }

    /// When a certificate that clients are shown ends, in seconds since 1970.
    pub fn certificate_ends(&self, file: &str, at: i64) {
        #[allow(clippy::cast_precision_loss, reason = "seconds are exact for millions of years")]
        self.of_connections.certificates.with_label_values(&[file]).set(at as f64);
    }

    /// The files of a listener's certificates were read again.
    pub fn certificates_renewed(&self, listener: &str, result: KeyRefresh) {
        self.of_connections.renewals.with_label_values(&[listener, result.word()]).inc();
    }
}
