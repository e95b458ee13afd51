//! Where are requests sent on to?

use super::super::place::{Located, Place, quoted};
use super::super::schema::{Certificate, Server, Timeouts, Upstream, UpstreamTls, VerifyPeer};
use super::super::value::{ServerAddress, host_name, server_address};
use super::list::some;
use super::scalar::{boolean, count, duration, file, located, number, parsed};
use super::section::named;
use super::{Decoder, Section, Value};

/// Keys of an upstream that are part of the language and not built yet.
const NOT_BUILT: &[&str] = &["balance", "protocol", "health_check", "eject"];

/// Keys of a server that are part of the language and not built yet.
const SERVER_NOT_BUILT: &[&str] = &["backup"];

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
        upstream.host = section.optional("host", decoder, located(host));
        upstream.tls = section.optional("tls", decoder, tls);
        upstream.timeouts = section.optional("timeouts", decoder, timeouts).unwrap_or_default();
        upstream.retries = section.optional("retries", decoder, count(0..=MOST_RETRIES)).unwrap_or(upstream.retries);
        section.close(NOT_BUILT, decoder);
        upstream
    })
}

fn server(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Server> {
    if !value.is_mapping() {
        return Some(Server { address: address(value, decoder)?, weight: 1 });
    }
    let mut section = Section::open(value, decoder)?;
    let address = section.required("address", decoder, address);
    let weight = section.optional("weight", decoder, number(1..=HEAVIEST));
    section.close(SERVER_NOT_BUILT, decoder);
    let weight = weight.and_then(|weight| u32::try_from(weight).ok()).unwrap_or(1);
    Some(Server { address: address?, weight })
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
    section.close(&[], decoder);
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
    section.close(&[], decoder);
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
