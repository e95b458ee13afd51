//! Which servers does each upstream of the file stand for?

use std::sync::Arc;

use super::{Compiler, read_file};
use crate::auth::expression::fields::Scope;
use crate::auth::expression::template::Template;
use crate::config::schema::{self, Balance, VerifyPeer};
use crate::config::value::ServerAddress;
use crate::config::{Located, Secret};
use crate::snapshot::{ClientIdentity, ServerSpec, TlsSpec, UpstreamSpec};

impl Compiler<'_> {
    /// One for each of the file, in its order, broken or not: locations name them by place.
    pub(super) fn upstreams(&mut self) -> Vec<Arc<UpstreamSpec>> {
        let config = self.config;
        config.upstreams.iter().map(|upstream| Arc::new(self.upstream(upstream))).collect()
    }

    /// What requests are told apart by where an upstream is chosen from by hash, by the place of the upstream.
    pub(super) fn balance_keys(&mut self) -> Vec<Option<Template>> {
        let config = self.config;
        let key = |upstream: &schema::Upstream| match &upstream.balance {
            Balance::Hash(key) => self.template(key, Scope::IDENTITY),
            Balance::RoundRobin | Balance::Random | Balance::LeastConnections => None,
        };
        config.upstreams.iter().map(key).collect()
    }

    fn upstream(&mut self, written: &schema::Upstream) -> UpstreamSpec {
        let tls = written.tls.as_ref().map(|tls| self.upstream_tls(tls));
        let servers = written.servers.iter().map(|server| ServerSpec {
            address: server.address.value.clone(),
            weight: server.weight,
            role: server.role,
            server_name: self.server_name(written, server),
        });
        UpstreamSpec {
            name: written.name.value.clone(),
            servers: servers.collect(),
            balance: written.balance.clone(),
            protocol: written.protocol,
            health_check: written.health_check.clone(),
            eject: written.eject.clone(),
            host: written.host.as_ref().map(|host| host.value.clone()),
            tls,
            connect_timeout: written.timeouts.connect,
            read_timeout: written.timeouts.read,
            write_timeout: written.timeouts.write,
            idle_timeout: written.timeouts.idle,
            websocket_idle: written.timeouts.websocket_idle,
            retries: written.retries,
        }
    }

    /// The name that a certificate is checked for. Pingora checks nothing where there is none.
    fn server_name(&mut self, upstream: &schema::Upstream, server: &schema::Server) -> String {
        let Some(tls) = &upstream.tls else { return String::new() };
        let written = tls.server_name.as_ref().or(upstream.host.as_ref());
        let name = match (written, &server.address.value) {
            (Some(name), _) => host_without_port(name).to_owned(),
            (None, ServerAddress::Name { host, .. }) => host.clone(),
            (None, ServerAddress::Inet(_) | ServerAddress::Unix(_)) => String::new(),
        };
        if name.is_empty() && tls.verify == VerifyPeer::Yes {
            let what = "this server has no name to check its certificate for: add tls.server_name";
            self.problem(&server.address.place, what);
        }
        name
    }

    pub(super) fn upstream_tls(&mut self, written: &schema::UpstreamTls) -> TlsSpec {
        let client = written.client.as_ref().and_then(|client| {
            let certificate = self.file(&client.certificate);
            let key = self.file(&client.key);
            Some(ClientIdentity { certificate: certificate?, key: Secret::new(key?) })
        });
        TlsSpec { ca: written.ca.as_ref().and_then(|path| self.file(path)), verify: written.verify, client }
    }

    pub(super) fn file(&mut self, path: &Located<std::path::PathBuf>) -> Option<Vec<u8>> {
        read_file(path).map_err(|why| self.problem(&path.place, why)).ok()
    }
}

fn host_without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) && !name.contains(':') => name,
        Some(_) | None => host,
    }
}
