//! Which server is tried next? Addresses, weights and turns of one upstream, and how each server is connected to.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use pingora_core::tls::pkey::PKey;
use pingora_core::tls::x509::X509;
use pingora_core::upstreams::peer::{HttpPeer, Peer};
use pingora_core::utils::tls::CertKey;

use super::balance::{Turns, Wanted};
use super::condition::Condition;
use crate::config::schema::{Protocol, Role, VerifyPeer};
use crate::config::value::ServerAddress;
use crate::config::{Place, Problem};
use crate::snapshot::{ServerSpec, TlsSpec, UpstreamSpec};

/// Idle connections to upstreams that a worker keeps, each for no longer than `timeouts.idle`. With more requests at once
/// than Pingora's 128, connections would be closed and made anew all the time.
pub const MOST_KEPT: usize = 4096;
/// Of the addresses of one name, no more than this many are used.
const MOST_ROUNDS: usize = 16;
/// Requests at once on one connection of HTTP/2.
const STREAMS_OF_A_CONNECTION: usize = 100;

/// The servers of one upstream, with what was learnt of them. It outlives reloads that do not change the upstream.
#[derive(Debug)]
pub struct Pool {
    spec: Arc<UpstreamSpec>,
    tls: Option<TlsMaterial>,
    turns: ArcSwap<Turns>,
    next: AtomicUsize,
    /// Whether somebody asks the servers how they are.
    is_checked: AtomicBool,
}

/// Who a request is sent to.
#[derive(Debug)]
pub enum Choice {
    /// This one.
    Endpoint(Arc<Endpoint>),
    /// Nobody: all that have not been tried are known to be down.
    AllDown,
    /// Nobody: no server has an address.
    Unknown,
}

/// One address of one server, ready to be connected to.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The place of its server in the upstream.
    server: usize,
    weight: u32,
    role: Role,
    address: EndpointAddress,
    condition: Arc<Condition>,
    peer: Box<HttpPeer>,
    key: u64,
}

/// Where an endpoint listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointAddress {
    /// TCP.
    Inet(SocketAddr),
    /// A Unix-domain socket.
    Unix(PathBuf),
}

impl std::fmt::Display for EndpointAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inet(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Endpoint {
    /// Where it listens.
    pub fn address(&self) -> &EndpointAddress {
        &self.address
    }

    /// What it is called in `Host` where nobody else says: a path is no name.
    pub fn host(&self) -> String {
        match &self.address {
            EndpointAddress::Inet(address) => address.to_string(),
            EndpointAddress::Unix(_) => "localhost".to_owned(),
        }
    }

    /// Its share.
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// When it is used.
    pub fn role(&self) -> Role {
        self.role
    }

    /// What is known of it.
    pub fn condition(&self) -> &Arc<Condition> {
        &self.condition
    }

    /// How it is connected to.
    pub fn peer(&self) -> &HttpPeer {
        &self.peer
    }

    /// What tells its connections from those of others.
    pub fn key(&self) -> u64 {
        self.key
    }
}

/// Certificates for TLS towards servers, parsed once.
#[derive(Clone)]
struct TlsMaterial {
    ca: Option<Arc<Box<[X509]>>>,
    client: Option<Arc<CertKey>>,
    verify: VerifyPeer,
    /// Pingora's pool tells connections apart by this, but neither by authority nor by key (docs/pingora.md, T8).
    group: u64,
}

impl std::fmt::Debug for TlsMaterial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsMaterial").field("verify", &self.verify).finish_non_exhaustive()
    }
}

impl Pool {
    /// Makes a pool. Servers with names have no address until [`Self::resolve`] has found one.
    pub fn new(spec: Arc<UpstreamSpec>) -> Result<Self, Problem> {
        let at = |what: String| {
            let place = Place { path: format!("upstreams.{}.tls", spec.name), ..Place::default() };
            Problem::new(place, what)
        };
        let tls = spec.tls.as_ref().map(TlsMaterial::of).transpose().map_err(at)?;
        let (turns, next) = (ArcSwap::default(), AtomicUsize::new(0));
        let pool = Self { tls, turns, next, is_checked: AtomicBool::new(false), spec };
        pool.use_addresses(&pool.fixed_addresses());
        Ok(pool)
    }

    /// What the pool was made of.
    pub fn spec(&self) -> &UpstreamSpec {
        &self.spec
    }

    /// Who a request is sent to next: the addresses that were tried are not tried again.
    pub fn next(&self, wanted: Wanted<'_>) -> Choice {
        let turns = self.turns.load();
        match turns.choose(&self.spec.balance, &self.next, wanted) {
            Some(endpoint) => Choice::Endpoint(Arc::clone(endpoint)),
            None if turns.endpoints.is_empty() => Choice::Unknown,
            None => Choice::AllDown,
        }
    }

    /// Whether there is somebody else to be tried.
    pub fn has_other(&self, tried: &[EndpointAddress], now: Instant) -> bool {
        self.turns.load().has_usable(Wanted { tried, key: None, now })
    }

    /// Every address of every server.
    pub fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        self.turns.load().endpoints.clone()
    }

    /// True for the first who asks: health checks of a pool are begun once.
    pub fn begin_checks(&self) -> bool {
        self.spec.health_check.is_some() && !self.is_checked.swap(true, Ordering::Relaxed)
    }

    /// Looks up the servers that have names. One that cannot be found keeps the addresses that it had.
    pub async fn resolve(&self) {
        if !self.spec.servers.iter().any(|server| matches!(server.address, ServerAddress::Name { .. })) {
            return;
        }
        let before = self.turns.load_full();
        let mut found = Vec::new();
        for (place, server) in self.spec.servers.iter().enumerate() {
            let addresses = match &server.address {
                ServerAddress::Inet(address) => vec![EndpointAddress::Inet(*address)],
                ServerAddress::Unix(path) => vec![EndpointAddress::Unix(path.clone())],
                ServerAddress::Name { host, port } => match tokio::net::lookup_host((host.as_str(), *port)).await {
                    Ok(addresses) => addresses.map(EndpointAddress::Inet).collect(),
                    Err(error) => {
                        log::warn!("upstream {}: {host} has no address: {error}", self.spec.name);
                        known(&before.endpoints, place)
                    }
                },
            };
            found.push(addresses);
        }
        self.use_addresses(&found);
    }

    fn fixed_addresses(&self) -> Vec<Vec<EndpointAddress>> {
        let addresses = self.spec.servers.iter().map(|server| match &server.address {
            ServerAddress::Inet(address) => vec![EndpointAddress::Inet(*address)],
            ServerAddress::Unix(path) => vec![EndpointAddress::Unix(path.clone())],
            ServerAddress::Name { .. } => Vec::new(),
        });
        addresses.collect()
    }

    /// Lays out the turns: each server as often as its weight says, spread evenly, its addresses one after another.
    fn use_addresses(&self, addresses: &[Vec<EndpointAddress>]) {
        let before = self.turns.load_full();
        let mut turns = Turns::default();
        turns.order = self.lay_out(Role::Primary, addresses, &before, &mut turns.endpoints);
        turns.backup_order = self.lay_out(Role::Backup, addresses, &before, &mut turns.endpoints);
        self.turns.store(Arc::new(turns));
    }

    /// The order of the servers of one role, whose endpoints are added.
    fn lay_out(
        &self,
        role: Role,
        addresses: &[Vec<EndpointAddress>],
        before: &Turns,
        endpoints: &mut Vec<Arc<Endpoint>>,
    ) -> Vec<usize> {
        let weight = |server: &ServerSpec| if server.role == role { server.weight } else { 0 };
        let weights: Vec<u32> = self.spec.servers.iter().map(weight).collect();
        let rounds = addresses.iter().map(Vec::len).max().unwrap_or(0).min(MOST_ROUNDS);
        let mut taken = vec![0_usize; weights.len()];
        let mut order = Vec::new();
        for server in std::iter::repeat_n(&spread(&weights), rounds).flatten().copied() {
            let (Some(of_server), Some(count)) = (addresses.get(server), taken.get_mut(server)) else { continue };
            if let Some(address) = of_server.get(*count % of_server.len().max(1)) {
                let is_it = |known: &Endpoint| known.server == server && known.address == *address;
                let place = endpoints.iter().position(|known| is_it(known)).unwrap_or(endpoints.len());
                if place == endpoints.len() {
                    let known = before.endpoints.iter().find(|known| is_it(known));
                    let condition = known.map(|known| Arc::clone(&known.condition));
                    let condition = condition.unwrap_or_else(|| Arc::new(Condition::new(Instant::now())));
                    endpoints.extend(self.endpoint(server, address.clone(), condition).map(Arc::new));
                }
                order.push(place);
            }
            *count += 1;
        }
        order
    }

    fn endpoint(&self, server: usize, address: EndpointAddress, condition: Arc<Condition>) -> Option<Endpoint> {
        let written = self.spec.servers.get(server)?;
        let server_name = &written.server_name;
        let with_tls = self.tls.is_some();
        // Never from a name: Pingora would look it up on the spot, and panic if it is not found (docs/pingora.md, T9).
        let mut peer = match &address {
            EndpointAddress::Inet(address) => HttpPeer::new(*address, with_tls, server_name.to_owned()),
            EndpointAddress::Unix(path) => HttpPeer::new_uds(path.to_str()?, with_tls, server_name.to_owned()).ok()?,
        };
        let options = &mut peer.options;
        options.connection_timeout = Some(self.spec.connect_timeout);
        options.total_connection_timeout = Some(self.spec.connect_timeout);
        options.read_timeout = Some(self.spec.read_timeout);
        options.write_timeout = Some(self.spec.write_timeout);
        options.idle_timeout = Some(self.spec.idle_timeout);
        if let Some(tls) = &self.tls {
            options.ca.clone_from(&tls.ca);
            options.verify_cert = tls.verify == VerifyPeer::Yes;
            options.verify_hostname = tls.verify == VerifyPeer::Yes;
            peer.client_cert_key.clone_from(&tls.client);
            peer.group_key = tls.group;
        }
        // An address may stand in two upstreams that speak differently.
        peer.group_key ^= self.spec.protocol as u64;
        if self.spec.protocol != Protocol::Http1 {
            peer.options.set_http_version(2, 2);
            peer.options.max_h2_streams = STREAMS_OF_A_CONNECTION;
        }
        let (weight, role) = (written.weight, written.role);
        let key = peer.reuse_hash();
        Some(Endpoint { server, weight, role, address, condition, peer: Box::new(peer), key })
    }
}

fn known(endpoints: &[Arc<Endpoint>], server: usize) -> Vec<EndpointAddress> {
    let of_server = endpoints.iter().filter(|endpoint| endpoint.server == server);
    of_server.map(|endpoint| endpoint.address.clone()).collect()
}

/// The places of the servers in one round of turns: weights 2 and 1 give 0, 1, 0 (nginx's smooth weighted round robin).
fn spread(weights: &[u32]) -> Vec<usize> {
    let total: i64 = weights.iter().map(|weight| i64::from(*weight)).sum();
    let divisor = weights.iter().fold(0, |divisor, weight| greatest_common_divisor(divisor, *weight)).max(1);
    let mut credit = vec![0_i64; weights.len()];
    let mut turns = Vec::new();
    for _ in 0..total / i64::from(divisor) {
        for (credit, weight) in credit.iter_mut().zip(weights) {
            *credit += i64::from(*weight);
        }
        let richest = credit.iter().enumerate().max_by_key(|(place, credit)| (**credit, std::cmp::Reverse(*place)));
        let Some((place, _)) = richest else { break };
        if let Some(credit) = credit.get_mut(place) {
            *credit -= total;
        }
        turns.push(place);
    }
    turns
}

fn greatest_common_divisor(one: u32, other: u32) -> u32 {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}

impl TlsMaterial {
    fn of(spec: &TlsSpec) -> Result<Self, String> {
        let ca = match &spec.ca {
            None => None,
            Some(pem) => match X509::stack_from_pem(pem) {
                Ok(authorities) if !authorities.is_empty() => Some(Arc::new(authorities.into_boxed_slice())),
                Ok(_) | Err(_) => return Err("the file of ca holds no certificate in PEM".to_owned()),
            },
        };
        let client = match &spec.client {
            None => None,
            Some(identity) => {
                let chain = X509::stack_from_pem(&identity.certificate).unwrap_or_default();
                let key = PKey::private_key_from_pem(identity.key.expose());
                let key = key.map_err(|_| "the file of key holds no private key in PEM".to_owned())?;
                if chain.is_empty() {
                    return Err("the file of certificate holds no certificate in PEM".to_owned());
                }
                Some(Arc::new(CertKey::new(chain, key)))
            }
        };
        Ok(Self { ca, client, verify: spec.verify, group: group_of(spec) })
    }
}

/// Connections are shared among those only who check the server in the same way and show it the same certificate.
fn group_of(spec: &TlsSpec) -> u64 {
    let mut hasher = DefaultHasher::new();
    spec.ca.hash(&mut hasher);
    (spec.verify == VerifyPeer::Yes).hash(&mut hasher);
    spec.client.as_ref().map(|client| &client.certificate).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
