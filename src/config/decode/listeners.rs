//! Where do clients connect?

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::super::place::{Located, quoted};
use super::super::schema::{Limits, Listener, ProxyProtocol, RedirectToHttps};
use super::super::value::size as size_of;
use super::access::addresses;
use super::action::redirect_status;
use super::list::{list, some};
use super::scalar::{
    boolean, duration_from, located, located_text, number, parsed, port, request_path, size, socket_address,
};
use super::tls::tls;
use super::{Decoder, Section, Value};

/// `listeners`: at least one.
pub(super) fn listeners(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Vec<Listener>> {
    let listeners = some("at least one listener is required", value, decoder, listener)?;
    for (index, listener) in listeners.iter().enumerate() {
        for earlier in listeners.iter().take(index) {
            refuse_same(earlier, listener, decoder);
        }
    }
    Some(listeners)
}

fn refuse_same(earlier: &Listener, later: &Listener, decoder: &mut Decoder<'_>) {
    let taken = earlier.place.line;
    if let (Some(first), Some(second)) = (&earlier.name, &later.name)
        && first.value == second.value
    {
        let words = format!("the listener of line {taken} has the name {} already", quoted(second));
        decoder.problem(second.place.clone(), words);
    }
    // Port 0 is a new port each time.
    if earlier.address.value == later.address.value && later.address.port() != 0 {
        let words = format!("the listener of line {taken} has the address {} already", *later.address);
        decoder.problem(later.address.place.clone(), words);
    }
}

fn listener(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Listener> {
    let mut section = Section::open(value, decoder)?;
    let name = section.optional("name", decoder, located_text);
    let address = section.required("address", decoder, socket_address);
    let http2 = section.optional("http2", decoder, boolean);
    let redirect_to_https = section.optional("redirect_to_https", decoder, redirect_to_https);
    let tls = section.optional("tls", decoder, tls);
    let limits = section.optional("limits", decoder, limits).unwrap_or_default();
    let trusted_proxies = section.optional("trusted_proxies", decoder, addresses).unwrap_or_default();
    if let Some(all) = trusted_proxies.iter().find(|block| block.prefix() == 0) {
        let words = format!("{all} trusts everybody to say who they are");
        decoder.problem(section.place_of_key("trusted_proxies"), words);
    }
    if section.has("redirect_to_https") && section.has("tls") {
        let words = "a listener with \"tls\" cannot redirect to https: every answer would lead back to it";
        decoder.problem(section.place_of_key("redirect_to_https"), words);
    }
    let proxy_protocol = match section.optional("proxy_protocol", decoder, boolean) {
        Some(true) => ProxyProtocol::Required,
        Some(false) | None => ProxyProtocol::Off,
    };
    if proxy_protocol == ProxyProtocol::Required && trusted_proxies.is_empty() {
        let words = "\"proxy_protocol\" without \"trusted_proxies\": nobody would be believed";
        decoder.problem(section.place_of_key("proxy_protocol"), words);
    }
    let place = section.place();
    section.close(decoder);
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let address = address.unwrap_or_else(|| Located::new(nowhere, place.clone()));
    Some(Listener { place, name, address, http2, redirect_to_https, tls, trusted_proxies, proxy_protocol, limits })
}

fn limits(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Limits> {
    let mut section = Section::open(value, decoder)?;
    let usual = Limits::default();
    let requests = section.optional("requests_per_connection", decoder, number(1..=u64::from(u32::MAX)));
    let second = Duration::from_secs(1);
    let limits = Limits {
        header_size: section.optional("header_size", decoder, size).unwrap_or(usual.header_size),
        body_size: section.optional("body_size", decoder, body_size).unwrap_or(usual.body_size),
        header_timeout: section
            .optional("header_timeout", decoder, duration_from(Duration::from_millis(1)))
            .unwrap_or(usual.header_timeout),
        idle_timeout: section.optional("idle_timeout", decoder, duration_from(second)).unwrap_or(usual.idle_timeout),
        requests_per_connection: requests
            .and_then(|requests| u32::try_from(requests).ok())
            .unwrap_or(usual.requests_per_connection),
        token_size: section.optional("token_size", decoder, size).unwrap_or(usual.token_size),
    };
    section.close(decoder);
    Some(limits)
}

/// A size, or `unlimited`.
fn body_size(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Option<u64>> {
    parsed("a size or unlimited", value, decoder, |text| match text {
        "unlimited" => Ok(None),
        _ => size_of(text).map(Some),
    })
}

fn redirect_to_https(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<RedirectToHttps> {
    if !value.is_mapping() {
        let status = redirect_status(value, decoder)?;
        return Some(RedirectToHttps { status, port: 443, except: Vec::new() });
    }
    let mut section = Section::open(value, decoder)?;
    let status = section.optional("status", decoder, redirect_status);
    let port = section.optional("port", decoder, port);
    let except = section.optional("except", decoder, |value, decoder| {
        list(value, decoder, |item, decoder| located(request_path)(item, decoder))
    });
    section.close(decoder);
    Some(RedirectToHttps {
        status: status.unwrap_or(301),
        port: port.unwrap_or(443),
        except: except.unwrap_or_default(),
    })
}
