//! Which services does the file ask who may enter, and where are they?

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::Compiler;
use crate::auth::expression::fields::Scope;
use crate::auth::forward_auth::{OnDenied, ServiceCall, VerifierService};
use crate::auth::service_cache::ServiceCache;
use crate::config::schema::{self, VerifyPeer};
use crate::config::value::{ServerAddress, ServiceTransport, ServiceUrl};
use crate::snapshot::{ServerSpec, TlsSpec, UpstreamSpec};

/// How long a connection to a service is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

impl<'c> Compiler<'c> {
    /// Compiles every service. Their servers are added to the upstreams, where no location finds them by name.
    pub(super) fn services(&mut self, upstreams: &mut Vec<Arc<UpstreamSpec>>) {
        let config = self.config;
        let mut services = HashMap::new();
        for written in &config.forward_auth {
            let before = self.problems.len();
            let service = self.service(written, upstreams);
            let whole = service.filter(|_| self.problems.len() == before);
            services.insert(written.name.as_str(), whole.map(Arc::new));
        }
        self.services = services;
    }

    fn service(
        &mut self,
        written: &schema::ForwardAuth,
        upstreams: &mut Vec<Arc<UpstreamSpec>>,
    ) -> Option<VerifierService> {
        let identity_headers = self.identity_headers(&written.identity_headers, Scope::SERVICE);
        let url = &written.url.as_ref()?.value;
        let spec = self.service_server(written, url);
        upstreams.push(Arc::new(spec));
        Some(VerifierService {
            name: written.name.as_str().into(),
            call: ServiceCall {
                upstream: upstreams.len().saturating_sub(1),
                method: written.method.clone(),
                target: url.target.clone(),
                host: url.authority.clone(),
                send_headers: written.send_headers.clone(),
                timeout: written.timeout,
            },
            remembered: written.cache.map(ServiceCache::new),
            identity_headers,
            response_headers: written.response_headers.clone(),
            challenge: written.challenge.clone(),
            on_denied: match written.on_denied {
                schema::OnDenied::Status => OnDenied::Status,
                schema::OnDenied::Response => OnDenied::PassOn,
            },
        })
    }

    /// The server of a service. How long all of a call may take is for the call to see to.
    fn service_server(&mut self, written: &schema::ForwardAuth, url: &ServiceUrl) -> UpstreamSpec {
        let tls = (url.transport == ServiceTransport::Tls).then(|| match &written.tls {
            Some(tls) => self.upstream_tls(tls),
            None => TlsSpec { ca: None, verify: VerifyPeer::Yes, client: None },
        });
        let server_name = tls.as_ref().map_or_else(String::new, |_| {
            let named = written.tls.as_ref().and_then(|tls| tls.server_name.as_ref()).map(|name| name.value.clone());
            named.unwrap_or_else(|| host_of(&url.address))
        });
        if server_name.is_empty() && tls.as_ref().is_some_and(|tls| tls.verify == VerifyPeer::Yes) {
            let place = written.url.as_ref().map_or(&written.name.place, |url| &url.place);
            self.problem(place, "this service has no name to check its certificate for: add tls.server_name");
        }
        UpstreamSpec {
            name: format!("forward_auth {}", written.name.value),
            servers: vec![ServerSpec {
                address: url.address.clone(),
                weight: 1,
                role: schema::Role::Primary,
                server_name,
            }],
            balance: schema::Balance::RoundRobin,
            protocol: schema::Protocol::Http1,
            health_check: None,
            eject: None,
            host: None,
            tls,
            connect_timeout: written.timeout,
            read_timeout: written.timeout,
            write_timeout: written.timeout,
            idle_timeout: IDLE_TIMEOUT,
            websocket_idle: written.timeout,
            retries: 0,
        }
    }
}

fn host_of(address: &ServerAddress) -> String {
    match address {
        ServerAddress::Name { host, .. } => host.clone(),
        ServerAddress::Inet(_) | ServerAddress::Unix(_) => String::new(),
    }
}
