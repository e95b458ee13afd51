//! What do operators ask the process? `/metrics`, `/live` and `/ready`, on an address of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use http::{Response, StatusCode, header};
use pingora_core::apps::http_app::ServeHttp;
use pingora_core::protocols::http::ServerSession;

use super::live::Live;
use super::metrics::Metrics;
use crate::keys::{KeySource, Needed};

/// How often a process that takes the place of another looks whether its keys have come.
const LOOK_FOR_KEYS_EVERY: std::time::Duration = std::time::Duration::from_millis(20);

/// Whether requests should be sent here.
#[derive(Debug, Default)]
pub struct Readiness(AtomicBool);

impl Readiness {
    /// From now on.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// No longer.
    pub fn end(&self) {
        self.0.store(false, Ordering::Release);
    }

    fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Answers operators.
#[derive(Debug)]
pub struct Admin {
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// What `/ready` says.
    pub readiness: Arc<Readiness>,
    /// Whose keys `/ready` waits for.
    pub live: Arc<Live>,
}

impl Admin {
    /// What is known of servers is looked up when somebody asks.
    fn text(&self) -> Vec<u8> {
        let (pools, now) = (self.live.load(), Instant::now());
        let servers = pools.pools.iter().flat_map(|pool| {
            let name = pool.spec().name.clone();
            pool.endpoints().into_iter().map(move |endpoint| {
                let condition = endpoint.condition();
                (name.clone(), endpoint.address().to_string(), condition.is_usable(now), condition.load())
            })
        });
        self.metrics.text_with(servers)
    }

    /// 503 while requests are not taken, or an endpoint of keys has never given any.
    fn ready(&self) -> Response<Vec<u8>> {
        let waiting = |body: String| answer(StatusCode::SERVICE_UNAVAILABLE, "text/plain", body.into_bytes());
        if !self.readiness.is_ready() {
            return waiting("not ready\n".to_owned());
        }
        let names = lacking(&self.live);
        if names.is_empty() {
            answer(StatusCode::OK, "text/plain", b"ready\n".to_vec())
        } else {
            waiting(format!("not ready: waiting for the first keys of {}\n", names.join(", ")))
        }
    }
}

/// The endpoints whose first keys are waited for.
fn lacking(live: &Live) -> Vec<String> {
    let running = live.load();
    let lacking = running.snapshot.key_sources.iter().filter(|source| lacks_first_keys(source));
    lacking.map(|source| source.name().to_string()).collect()
}

/// Waits for the first keys of all endpoints that are waited for.
pub async fn first_keys(live: &Live) {
    while !lacking(live).is_empty() {
        tokio::time::sleep(LOOK_FOR_KEYS_EVERY).await;
    }
}

fn lacks_first_keys(source: &KeySource) -> bool {
    source
        .remote()
        .is_some_and(|remote| remote.definition().needed == Needed::ForReadiness && !remote.has_been_loaded())
}

#[async_trait]
impl ServeHttp for Admin {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        match session.req_header().uri.path() {
            "/metrics" => answer(StatusCode::OK, "text/plain; version=0.0.4", self.text()),
            "/live" => answer(StatusCode::OK, "text/plain", b"live\n".to_vec()),
            "/ready" => self.ready(),
            _ => answer(StatusCode::NOT_FOUND, "text/plain", b"/metrics, /live, /ready\n".to_vec()),
        }
    }
}

fn answer(status: StatusCode, media_type: &'static str, body: Vec<u8>) -> Response<Vec<u8>> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let length = answer.body().len();
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(media_type));
    answer.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    answer
}
