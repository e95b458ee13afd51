//! Do servers take turns as the balance says, and is nobody asked who is down?
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::config::schema::{Balance, Eject};
use std::time::Duration;

fn pool(weights: &[u32]) -> Pool {
    pool_with(Balance::RoundRobin, weights, 0)
}

/// The last ones are backups.
fn pool_with(balance: Balance, weights: &[u32], backups: usize) -> Pool {
    let servers = weights.iter().enumerate().map(|(index, weight)| ServerSpec {
        address: ServerAddress::Inet(SocketAddr::from(([127, 0, 0, 1], 1000 + index as u16))),
        weight: *weight,
        server_name: String::new(),
        role: if index + backups < weights.len() { Role::Primary } else { Role::Backup },
    });
    let second = Duration::from_secs(1);
    Pool::new(Arc::new(UpstreamSpec {
        name: "u".into(),
        servers: servers.collect(),
        balance,
        protocol: Protocol::Http1,
        health_check: None,
        eject: None,
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
    (0..count).map(|_| port(&next(pool, &[]).unwrap())).collect()
}

fn port(endpoint: &Endpoint) -> u16 {
    match endpoint.address {
        EndpointAddress::Inet(address) => address.port(),
        EndpointAddress::Unix(_) => 0,
    }
}

fn next(pool: &Pool, tried: &[EndpointAddress]) -> Option<Arc<Endpoint>> {
    for_key(pool, tried, None)
}

fn for_key(pool: &Pool, tried: &[EndpointAddress], key: Option<&str>) -> Option<Arc<Endpoint>> {
    match pool.next(Wanted { tried, key, now: Instant::now() }) {
        Choice::Endpoint(endpoint) => Some(endpoint),
        Choice::AllDown | Choice::Unknown => None,
    }
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
    let first = next(&pool, &[]).unwrap();
    let second = next(&pool, std::slice::from_ref(&first.address)).unwrap();
    assert_ne!(first.address, second.address);
    assert!(next(&pool, &[first.address.clone(), second.address.clone()]).is_none());
}

#[test]
fn a_retry_does_not_take_the_turn_of_the_next_request() {
    let pool = pool(&[1, 1]);
    for _ in 0..4 {
        let first = next(&pool, &[]).unwrap();
        assert!(next(&pool, std::slice::from_ref(&first.address)).is_some());
    }
    let (one, other) = (next(&pool, &[]).unwrap(), next(&pool, &[]).unwrap());
    assert_ne!(one.address, other.address);
    next(&pool, std::slice::from_ref(&other.address)).unwrap();
    assert_eq!(next(&pool, &[]).unwrap().address, one.address);
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

fn take_down(pool: &Pool, port_of: u16) {
    let endpoint = pool.endpoints().into_iter().find(|endpoint| port(endpoint) == port_of).unwrap();
    endpoint.condition().failed(&Eject { after: 1, pause: Duration::from_secs(60) }, Instant::now()).unwrap();
}

#[test]
fn a_server_that_is_down_is_passed_over_and_a_backup_stands_in_for_the_last() {
    let pool = pool_with(Balance::RoundRobin, &[1, 1, 1], 1);
    assert_eq!(ports(&pool, 4), [1000, 1001, 1000, 1001]);
    take_down(&pool, 1000);
    assert_eq!(ports(&pool, 2), [1001, 1001]);
    take_down(&pool, 1001);
    assert_eq!(ports(&pool, 2), [1002, 1002]);
    assert!(pool.has_other(&[], Instant::now()));
    take_down(&pool, 1002);
    let choice = pool.next(Wanted { tried: &[], key: None, now: Instant::now() });
    assert!(matches!(choice, Choice::AllDown));
    assert!(!pool.has_other(&[], Instant::now()));
    pool.use_addresses(&pool.fixed_addresses());
    assert!(next(&pool, &[]).is_none(), "what is known outlives a look-up");
}

#[test]
fn the_server_with_the_fewest_requests_for_its_weight_is_next() {
    let pool = pool_with(Balance::LeastConnections, &[2, 1], 0);
    let loads: Vec<_> = (0..6).map(|_| next(&pool, &[]).unwrap().condition().take()).collect();
    let counts: Vec<_> = pool.endpoints().iter().map(|endpoint| endpoint.condition().load()).collect();
    assert_eq!(counts, [4, 2]);
    drop(loads);
    let first = next(&pool, &[]).unwrap();
    let _busy = first.condition().take();
    let _busier = first.condition().take();
    assert_ne!(next(&pool, &[]).unwrap().address, first.address);
}

#[test]
fn a_key_stays_with_its_server_and_only_keys_of_a_lost_one_move() {
    let pool = pool_with(Balance::Hash(crate::config::Located::new(String::new(), Place::default())), &[1, 1, 2], 0);
    let keys: Vec<String> = (0..4000).map(|key| format!("user-{key}")).collect();
    let owners = || keys.iter().map(|key| port(&for_key(&pool, &[], Some(key)).unwrap())).collect::<Vec<_>>();
    let before = owners();
    assert_eq!(before, owners());
    let share = |port: u16| before.iter().filter(|owner| **owner == port).count();
    assert!((800..1200).contains(&share(1000)) && (1800..2200).contains(&share(1002)), "{}", share(1002));
    take_down(&pool, 1001);
    for (was, is) in before.iter().zip(owners()) {
        assert!(*was == is || *was == 1001, "{was} {is}");
    }
}

#[test]
fn random_goes_everywhere() {
    let pool = pool_with(Balance::Random, &[1, 3], 0);
    let ports = ports(&pool, 4000);
    let first = ports.iter().filter(|port| **port == 1000).count();
    assert!((800..1200).contains(&first), "{first}");
}

#[test]
fn the_turns_of_a_server_that_is_down_go_to_the_others_in_equal_parts() {
    for balance in [Balance::RoundRobin, Balance::Random] {
        let pool = pool_with(balance, &[2, 1, 1], 0);
        take_down(&pool, 1000);
        let ports = ports(&pool, 4000);
        let first = ports.iter().filter(|port| **port == 1001).count();
        assert!((1800..2200).contains(&first), "{first}");
    }
}
