//! Which of the servers that can be used is the next one?

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::pool::{Endpoint, EndpointAddress};
use crate::config::schema::{Balance, Role};

/// The endpoints of an upstream, and the order in which they have their turns, by place.
#[derive(Debug, Default)]
pub struct Turns {
    /// Every address of every server.
    pub endpoints: Vec<Arc<Endpoint>>,
    /// Each primary one as often as its weight says.
    pub order: Vec<usize>,
    /// The same of the backups.
    pub backup_order: Vec<usize>,
}

/// Whom a request may be sent to.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'w> {
    /// Who was tried already.
    pub tried: &'w [EndpointAddress],
    /// What the request is told apart by.
    pub key: Option<&'w str>,
    /// When.
    pub now: Instant,
}

impl Wanted<'_> {
    fn fits(&self, endpoint: &Endpoint, role: Role) -> bool {
        endpoint.role() == role && !self.tried.contains(endpoint.address()) && endpoint.condition().is_usable(self.now)
    }
}

impl Turns {
    /// The next endpoint: a primary one if any can be used, else a backup.
    pub fn choose(&self, balance: &Balance, next: &AtomicUsize, wanted: Wanted<'_>) -> Option<&Arc<Endpoint>> {
        let start = match balance {
            // A retry stays in the turn of its request: if it took one of its own, two servers would never change places.
            Balance::RoundRobin if !wanted.tried.is_empty() => next.load(Ordering::Relaxed),
            Balance::RoundRobin | Balance::LeastConnections => next.fetch_add(1, Ordering::Relaxed),
            Balance::Random => fastrand::usize(..),
            Balance::Hash(_) => 0,
        };
        [Role::Primary, Role::Backup].into_iter().find_map(|role| {
            let fits = |endpoint: &&Arc<Endpoint>| wanted.fits(endpoint, role);
            match balance {
                Balance::RoundRobin | Balance::Random => {
                    self.in_turn(start, role, |endpoint| wanted.fits(endpoint, role))
                }
                Balance::LeastConnections => self.from(start).filter(fits).min_by(|one, other| busier(one, other)),
                Balance::Hash(_) => {
                    let key = wanted.key.unwrap_or_default();
                    let claims =
                        |one: &&Arc<Endpoint>, other: &&Arc<Endpoint>| claim(one, key).total_cmp(&claim(other, key));
                    self.from(start).filter(fits).max_by(claims)
                }
            }
        })
    }

    /// Whether anybody can be used.
    pub fn has_usable(&self, wanted: Wanted<'_>) -> bool {
        self.endpoints.iter().any(|endpoint| wanted.fits(endpoint, endpoint.role()))
    }

    /// Every endpoint once.
    fn from(&self, start: usize) -> impl Iterator<Item = &Arc<Endpoint>> {
        let (before, after) = self.endpoints.split_at(start % self.endpoints.len().max(1));
        after.iter().chain(before)
    }

    /// Whose turn it is; if it cannot be used, its turns go to the others in equal parts.
    fn in_turn(&self, start: usize, role: Role, fits: impl Fn(&Endpoint) -> bool) -> Option<&Arc<Endpoint>> {
        let order = match role {
            Role::Primary => &self.order,
            Role::Backup => &self.backup_order,
        };
        let at = |place: usize| order.get(place).and_then(|place| self.endpoints.get(*place));
        let due = at(start % order.len().max(1)).filter(|endpoint| fits(endpoint));
        due.or_else(|| {
            let usable = || (0..order.len()).filter_map(at).filter(|endpoint| fits(endpoint));
            let count = usable().count();
            // Not the number that has led to the one who cannot: its turns would all go to the same other one.
            let length = order.len().max(1);
            usable().nth((start / length).wrapping_add(start % length) % count.max(1))
        })
    }
}

/// Compares requests for each weight, the one that would come included.
fn busier(one: &Endpoint, other: &Endpoint) -> std::cmp::Ordering {
    let load = |endpoint: &Endpoint| u64::from(endpoint.condition().load()) + 1;
    (load(one) * u64::from(other.weight())).cmp(&(load(other) * u64::from(one.weight())))
}

/// How strong a server's claim to a key is: the strongest has it. Without a server only its own keys go to others, and each
/// gets its share by weight (rendezvous hashing, Thaler and Ravishankar 1998). The same on every edge.
fn claim(endpoint: &Endpoint, key: &str) -> f64 {
    let mut hasher = DefaultHasher::new();
    endpoint.address().to_string().hash(&mut hasher);
    key.hash(&mut hasher);
    #[allow(clippy::cast_precision_loss, reason = "53 bits are enough to tell servers apart")]
    let even = ((hasher.finish() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    -f64::from(endpoint.weight()) / even.ln()
}
