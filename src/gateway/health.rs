//! Are the servers well? Those of an upstream with `health_check` are asked again and again, for as long as it runs.

use std::sync::{Arc, Weak};

use http::Method;
use http::header::{HOST, USER_AGENT};
use pingora_core::connectors::http::Connector;
use pingora_core::{Error, ErrorType, OrErr, Result};
use pingora_http::RequestHeader;
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::condition::Change;
use super::metrics::Metrics;
use super::pool::{Endpoint, EndpointAddress, Pool};
use crate::config::schema::{HealthCheck, Probe, Protocol};

/// Begins to ask the servers of pools that are new.
pub fn begin(pools: &[Arc<Pool>], metrics: &Metrics) {
    for pool in pools.iter().filter(|pool| pool.begin_checks()) {
        tokio::spawn(watch(Arc::downgrade(pool), metrics.clone()));
    }
}

/// Asks until nobody uses the pool any more.
async fn watch(pool: Weak<Pool>, metrics: Metrics) {
    let connector = Arc::new(Connector::new(None));
    loop {
        let interval = {
            let Some(pool) = pool.upgrade() else { return };
            let Some(check) = pool.spec().health_check.clone() else { return };
            let mut probes = JoinSet::new();
            for endpoint in pool.endpoints() {
                let (pool, connector, check) = (Arc::clone(&pool), Arc::clone(&connector), check.clone());
                let metrics = metrics.clone();
                probes.spawn(async move { look_after(&pool, &endpoint, &connector, &check, &metrics).await });
            }
            while probes.join_next().await.is_some() {}
            check.interval
        };
        // Many edges must not ask at the same moment.
        sleep(interval.mul_f64(0.9 + 0.2 * fastrand::f64())).await;
    }
}

async fn look_after(pool: &Pool, endpoint: &Endpoint, connector: &Connector, check: &HealthCheck, metrics: &Metrics) {
    let asked = timeout(check.timeout, ask(pool, endpoint, connector, &check.probe)).await;
    let failure = match asked {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no answer within {:?}", check.timeout)),
    };
    let server = endpoint.address();
    let name = &pool.spec().name;
    match endpoint.condition().probed(failure.is_none(), check) {
        Some(Change::Healthy) => log::info!("upstream {name}: server {server} is healthy again"),
        Some(Change::Unhealthy | Change::Ejected) => {
            log::error!("upstream {name}: server {server} is unhealthy: {}", failure.as_deref().unwrap_or_default());
        }
        None => {}
    }
    metrics.probed(name, &server.to_string(), failure.is_none());
}

async fn ask(pool: &Pool, endpoint: &Endpoint, connector: &Connector, probe: &Probe) -> Result<()> {
    let path = match probe {
        Probe::Tcp => return connect(endpoint.address()).await,
        Probe::Http(path) => path,
    };
    let address = endpoint.host();
    let host = pool.spec().host.as_deref().unwrap_or(&address);
    let mut head = RequestHeader::build(Method::GET, path.as_bytes(), None)?;
    if pool.spec().protocol == Protocol::Http1 {
        head.insert_header(HOST, host)?;
    } else {
        // HTTP/2 has these in its own place (RFC 9113 §8.3.1).
        let scheme = if pool.spec().tls.is_some() { "https" } else { "http" };
        head.set_uri(format!("{scheme}://{host}{path}").parse().or_err(ErrorType::InvalidHTTPHeader, "its address")?);
    }
    head.insert_header(USER_AGENT, "portcullis health check")?;
    let peer = endpoint.peer();
    let (mut session, _) = connector.get_http_session(peer).await?;
    session.write_request_header(Box::new(head)).await?;
    session.finish_request_body().await?;
    session.read_response_header().await?;
    let status = session.response_header().map_or(0, |head| head.status.as_u16());
    session.shutdown().await;
    match status {
        200..=399 => Ok(()),
        _ => Err(Error::explain(ErrorType::HTTPStatus(status), "its answer to the health check")),
    }
}

async fn connect(address: &EndpointAddress) -> Result<()> {
    let connected = match address {
        EndpointAddress::Inet(address) => TcpStream::connect(address).await.map(drop),
        EndpointAddress::Unix(path) => UnixStream::connect(path).await.map(drop),
    };
    connected.map_err(|error| Error::because(ErrorType::ConnectError, "it takes no connection", error))
}
