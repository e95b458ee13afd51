//! Where are requests sent on to?

use std::time::Duration;

use super::super::place::{Located, Place, quoted};
use super::super::schema::{
    Balance, Certificate, Eject, HealthCheck, Probe, Protocol, Role, Server, Timeouts, Upstream, UpstreamTls,
    VerifyPeer,
};
use super::super::value::{ServerAddress, host_name, server_address};
use super::list::some;
use super::scalar::{
    boolean, count, duration, duration_from, file, located, located_text, number, only_true, parsed, request_path, word,
};
use super::section::named;
use super::{Decoder, Section, Value};

const MOST_RETRIES: u64 = 10;
const HEAVIEST: u64 = 65_535;

/// `upstreams`. One keeps its name whatever is wrong with it.
pub(super) fn upstreams(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Vec<Upstream>> {
    named(value, decoder, |name, value, decoder| {
        let mut upstream = Upstream::new(name);
        let Some(mut section) = Section::open(value, decoder) else {
            return upstream;
        };
        let servers = section
            .required("servers", decoder, |value, decoder| some("no request could be sent on", value, decoder, server));
        upstream.servers = servers.unwrap_or_default();
        upstream.balance = section.optional("balance", decoder, balance).unwrap_or(Balance::RoundRobin);
        let protocols = [("http1", Protocol::Http1), ("h2", Protocol::H2), ("h2c", Protocol::H2c)];
        upstream.protocol = section.optional("protocol", decoder, word(&protocols)).unwrap_or(Protocol::Http1);
        upstream.health_check = section.optional("health_check", decoder, health_check);
        upstream.eject = section.optional("eject", decoder, eject);
        upstream.host = section.optional("host", decoder, located(host));
        upstream.tls = section.optional("tls", decoder, tls);
        upstream.timeouts = section.optional("timeouts", decoder, timeouts).unwrap_or_default();
        upstream.retries = section.optional("retries", decoder, count(0..=MOST_RETRIES)).unwrap_or(upstream.retries);
        refuse_protocol(&upstream, &section, decoder);
        refuse_only_backups(&upstream, &section, decoder);
        section.close(decoder);
        upstream
    })
}

fn server(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Server> {
    if !value.is_mapping() {
        return Some(Server { address: address(value, decoder)?, weight: 1, role: Role::Primary });
    }
    let mut section = Section::open(value, decoder)?;
    let address = section.required("address", decoder, address);
    let weight = section.optional("weight", decoder, number(1..=HEAVIEST));
    let role = match section.optional("backup", decoder, boolean) {
        Some(true) => Role::Backup,
        Some(false) | None => Role::Primary,
    };
    section.close(decoder);
    let weight = weight.and_then(|weight| u32::try_from(weight).ok()).unwrap_or(1);
    Some(Server { address: address?, weight, role })
}

/// HTTP/2 over TLS and in plaintext are begun differently, and neither falls back.
fn refuse_protocol(upstream: &Upstream, section: &Section<'_>, decoder: &mut Decoder<'_>) {
    let words = match (upstream.protocol, &upstream.tls) {
        (Protocol::H2, None) => "\"h2\" is HTTP/2 over TLS: add \"tls\", or write h2c for plaintext",
        (Protocol::H2c, Some(_)) => "\"h2c\" is HTTP/2 in plaintext: with \"tls\" write h2",
        (Protocol::Http1, _) | (Protocol::H2, Some(_)) | (Protocol::H2c, None) => return,
    };
    decoder.problem(section.place_of_key("protocol"), words);
}

fn refuse_only_backups(upstream: &Upstream, section: &Section<'_>, decoder: &mut Decoder<'_>) {
    if !upstream.servers.is_empty() && upstream.servers.iter().all(|server| server.role == Role::Backup) {
        decoder.problem(section.place_of_key("servers"), "every server is a backup: of which?");
    }
}

fn balance(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Balance> {
    if value.is_mapping() {
        let mut section = Section::open(value, decoder)?;
        let hash = section.required("hash", decoder, located_text);
        section.close(decoder);
        return hash.map(Balance::Hash);
    }
    let words = [("round_robin", 0), ("random", 1), ("least_connections", 2)];
    Some(match word(&words)(value, decoder)? {
        0 => Balance::RoundRobin,
        1 => Balance::Random,
        _ => Balance::LeastConnections,
    })
}

fn health_check(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<HealthCheck> {
    let mut section = Section::open(value, decoder)?;
    let probe = match section.one_of(&[("path", "path"), ("tcp", "tcp")], &[], decoder) {
        Some(("path", value)) => request_path(&value, decoder).map(Probe::Http),
        Some((_, value)) => only_true(&value, decoder).map(|()| Probe::Tcp),
        None => None,
    };
    let least = Duration::from_millis(10);
    let interval = section.optional("interval", decoder, duration_from(least)).unwrap_or(Duration::from_secs(5));
    let timeout = section.optional("timeout", decoder, duration_from(least)).unwrap_or(Duration::from_secs(1));
    let mut times = |name, usual| {
        let times = section.optional(name, decoder, number(1..=1000));
        times.and_then(|times| u32::try_from(times).ok()).unwrap_or(usual)
    };
    let (healthy_after, unhealthy_after) = (times("healthy_after", 1), times("unhealthy_after", 2));
    section.close(decoder);
    Some(HealthCheck { probe: probe?, interval, timeout, healthy_after, unhealthy_after })
}

fn eject(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Eject> {
    let mut section = Section::open(value, decoder)?;
    let after = section.required("after", decoder, number(1..=1_000_000));
    let pause = section.required("for", decoder, duration_from(Duration::from_millis(1)));
    section.close(decoder);
    Some(Eject { after: u32::try_from(after?).ok()?, pause: pause? })
}

fn address(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Located<ServerAddress>> {
    let address = match parsed("an address like 127.0.0.1:5000", value, decoder, server_address)? {
        ServerAddress::Unix(socket) => ServerAddress::Unix(decoder.base.join(socket)),
        address @ (ServerAddress::Inet(_) | ServerAddress::Name { .. }) => address,
    };
    Some(Located::new(address, value.place()))
}

/// What is sent in `Host`: a name or an address, perhaps with a port (RFC 9110 §7.2).
fn host(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<String> {
    parsed("a host", value, decoder, |text| {
        let authority = text.parse::<http::uri::Authority>().ok();
        match authority.filter(|_| !text.contains('@')) {
            Some(_) => Ok(text.to_owned()),
            None => Err(format!("expected a host like app.internal or app.internal:8080, found {}", quoted(text))),
        }
    })
}

fn timeouts(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Timeouts> {
    let mut section = Section::open(value, decoder)?;
    let usual = Timeouts::default();
    let timeouts = Timeouts {
        connect: section.optional("connect", decoder, duration).unwrap_or(usual.connect),
        read: section.optional("read", decoder, duration).unwrap_or(usual.read),
        write: section.optional("write", decoder, duration).unwrap_or(usual.write),
        idle: section.optional("idle", decoder, duration).unwrap_or(usual.idle),
        websocket_idle: section.optional("websocket_idle", decoder, duration).unwrap_or(usual.websocket_idle),
    };
    section.close(decoder);
    Some(timeouts)
}

pub(super) fn tls(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<UpstreamTls> {
    let mut section = Section::open(value, decoder)?;
    let server_name = section.optional(
        "server_name",
        decoder,
        located(|value: &Value<'_>, decoder: &mut Decoder<'_>| parsed("a host name", value, decoder, host_name)),
    );
    let ca = section.optional("ca", decoder, file);
    let verify = match section.optional("verify", decoder, boolean) {
        Some(false) => {
            let place = section.place_of_key("verify");
            decoder.warning(place, "\"verify: false\": anybody on the way can read and change these requests");
            VerifyPeer::No
        }
        Some(true) | None => VerifyPeer::Yes,
    };
    let client = client_certificate(&mut section, decoder);
    let place = section.place();
    section.close(decoder);
    Some(UpstreamTls { place, server_name, ca, verify, client })
}

/// `certificate` and `key`: both or none.
fn client_certificate(section: &mut Section<'_>, decoder: &mut Decoder<'_>) -> Option<Certificate> {
    let lonely = |place: Place, there: &str, missing: &str, decoder: &mut Decoder<'_>| {
        decoder.problem(place, format!("{there:?} without {missing:?}: a client certificate needs both"));
    };
    match (section.has("certificate"), section.has("key")) {
        (true, false) => lonely(section.place_of_key("certificate"), "certificate", "key", decoder),
        (false, true) => lonely(section.place_of_key("key"), "key", "certificate", decoder),
        (true, true) | (false, false) => {}
    }
    let certificate = section.optional("certificate", decoder, file);
    let key = section.optional("key", decoder, file);
    Some(Certificate { certificate: certificate?, key: key? })
}
