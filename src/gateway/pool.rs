//! Which server is tried next? Addresses, weights and turns of one upstream, and how each server is connected to.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use pingora_core::tls::pkey::PKey;
use pingora_core::tls::x509::X509;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::utils::tls::CertKey;

use crate::config::schema::VerifyPeer;
use crate::config::value::ServerAddress;
use crate::config::{Place, Problem};
use crate::snapshot::{TlsSpec, UpstreamSpec};

/// Of the addresses of one name, no more than this many are used.
const MOST_ROUNDS: usize = 16;

/// The servers of one upstream, with what was learnt of them. It outlives reloads that do not change the upstream.
#[derive(Debug)]
pub struct Pool {
    spec: Arc<UpstreamSpec>,
    tls: Option<TlsMaterial>,
    turns: ArcSwap<Turns>,
    next: AtomicUsize,
}

/// The endpoints, and the order in which they have their turns, by place.
#[derive(Debug, Default)]
struct Turns {
    endpoints: Vec<Endpoint>,
    order: Vec<usize>,
}

/// One address of one server, ready to be connected to.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The place of its server in the upstream.
    server: usize,
    address: EndpointAddress,
    peer: Box<HttpPeer>,
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

    /// How Pingora connects to it.
    pub fn peer(&self) -> Box<HttpPeer> {
        self.peer.clone()
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
        let pool = Self { tls, turns: ArcSwap::default(), next: AtomicUsize::new(0), spec };
        pool.use_addresses(&pool.fixed_addresses());
        Ok(pool)
    }

    /// What the pool was made of.
    pub fn spec(&self) -> &UpstreamSpec {
        &self.spec
    }

    /// The next server in turn that has not been tried for this request.
    pub fn next(&self, tried: &[EndpointAddress]) -> Option<Endpoint> {
        let turns = self.turns.load();
        // A retry stays in the turn of its request: if it took one of its own, two servers would never change places.
        let start = if tried.is_empty() {
            self.next.fetch_add(1, Ordering::Relaxed)
        } else {
            self.next.load(Ordering::Relaxed)
        };
        let Turns { endpoints, order } = &**turns;
        let in_turn = (0..order.len()).filter_map(|offset| order.get(start.wrapping_add(offset) % order.len()));
        let endpoint = in_turn.filter_map(|place| endpoints.get(*place));
        endpoint.into_iter().find(|endpoint| !tried.contains(&endpoint.address)).cloned()
    }

    /// How many different servers there are.
    pub fn size(&self) -> usize {
        self.turns.load().endpoints.len()
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
        let weights: Vec<u32> = self.spec.servers.iter().map(|server| server.weight).collect();
        let rounds = addresses.iter().map(Vec::len).max().unwrap_or(0).min(MOST_ROUNDS);
        let order = spread(&weights);
        let mut taken = vec![0_usize; weights.len()];
        let mut turns = Turns::default();
        for server in std::iter::repeat_n(&order, rounds).flatten().copied() {
            let (Some(of_server), Some(count)) = (addresses.get(server), taken.get_mut(server)) else { continue };
            if let Some(address) = of_server.get(*count % of_server.len().max(1)) {
                let known =
                    turns.endpoints.iter().position(|known| known.server == server && known.address == *address);
                let place = known.unwrap_or(turns.endpoints.len());
                if known.is_none() {
                    turns.endpoints.extend(self.endpoint(server, address.clone()));
                }
                turns.order.push(place);
            }
            *count += 1;
        }
        self.turns.store(Arc::new(turns));
    }

    fn endpoint(&self, server: usize, address: EndpointAddress) -> Option<Endpoint> {
        let server_name = &self.spec.servers.get(server)?.server_name;
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
        Some(Endpoint { server, address, peer: Box::new(peer) })
    }
}

fn known(endpoints: &[Endpoint], server: usize) -> Vec<EndpointAddress> {
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
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::snapshot::ServerSpec;
    use std::time::Duration;

    fn pool(weights: &[u32]) -> Pool {
        let servers = weights.iter().enumerate().map(|(index, weight)| ServerSpec {
            address: ServerAddress::Inet(SocketAddr::from(([127, 0, 0, 1], 1000 + index as u16))),
            weight: *weight,
            server_name: String::new(),
        });
        let second = Duration::from_secs(1);
        Pool::new(Arc::new(UpstreamSpec {
            name: "u".into(),
            servers: servers.collect(),
            host: None,
            tls: None,
            connect_timeout: second,
            read_timeout: second,
            write_timeout: second,
            idle_timeout: second,
            websocket_idle: second,
            retries: 1,
        }))
        .unwrap()
    }

    fn ports(pool: &Pool, count: usize) -> Vec<u16> {
        let port = |_| match pool.next(&[]).unwrap().address {
            EndpointAddress::Inet(address) => address.port(),
            EndpointAddress::Unix(_) => 0,
        };
        (0..count).map(port).collect()
    }

    #[test]
    fn servers_take_turns_by_weight() {
        assert_eq!(ports(&pool(&[1, 1]), 4), [1000, 1001, 1000, 1001]);
        assert_eq!(ports(&pool(&[2, 1]), 6), [1000, 1001, 1000, 1000, 1001, 1000]);
        assert_eq!(ports(&pool(&[30_000, 10_000]), 4), [1000, 1000, 1001, 1000]);
    }

    #[test]
    fn a_name_with_several_addresses_gets_no_larger_share() {
        let pool = pool(&[1, 1]);
        let at = |port: u16| EndpointAddress::Inet(SocketAddr::from(([127, 0, 0, 2], port)));
        pool.use_addresses(&[vec![at(1), at(2)], vec![at(3)]]);
        assert_eq!(ports(&pool, 4), [1, 3, 2, 3]);
        assert_eq!(known(&pool.turns.load().endpoints, 0), [at(1), at(2)]);
        pool.use_addresses(&[vec![], vec![at(3)]]);
        assert_eq!(ports(&pool, 2), [3, 3]);
    }

    #[test]
    fn a_server_is_not_tried_twice() {
        let pool = pool(&[3, 1]);
        let first = pool.next(&[]).unwrap();
        let second = pool.next(std::slice::from_ref(&first.address)).unwrap();
        assert_ne!(first.address, second.address);
        assert!(pool.next(&[first.address, second.address]).is_none());
        assert_eq!(pool.size(), 2);
    }

    #[test]
    fn a_retry_does_not_take_the_turn_of_the_next_request() {
        let pool = pool(&[1, 1]);
        for _ in 0..4 {
            let first = pool.next(&[]).unwrap();
            assert!(pool.next(std::slice::from_ref(&first.address)).is_some());
        }
        let (one, other) = (pool.next(&[]).unwrap(), pool.next(&[]).unwrap());
        assert_ne!(one.address, other.address);
        pool.next(std::slice::from_ref(&other.address)).unwrap();
        assert_eq!(pool.next(&[]).unwrap().address, one.address);
    }

    #[test]
    fn t8_connections_are_not_shared_between_different_authorities() {
        let spec = |ca: Option<&[u8]>| TlsSpec { ca: ca.map(<[u8]>::to_vec), verify: VerifyPeer::Yes, client: None };
        assert_eq!(group_of(&spec(Some(b"a"))), group_of(&spec(Some(b"a"))));
        assert_ne!(group_of(&spec(Some(b"a"))), group_of(&spec(Some(b"b"))));
        assert_ne!(group_of(&spec(Some(b"a"))), group_of(&spec(None)));
        let unchecked = TlsSpec { verify: VerifyPeer::No, ..spec(None) };
        assert_ne!(group_of(&unchecked), group_of(&spec(None)));
    }
}
