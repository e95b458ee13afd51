//! Where do clients connect?

use std::net::{Ipv4Addr, SocketAddr};

use super::super::place::{Located, quoted};
use super::super::schema::{Certificate, Limits, Listener, RedirectToHttps, Tls};
use super::access::addresses;
use super::action::redirect_status;
use super::list::{list, some};
use super::scalar::{boolean, duration, file, located, located_text, port, request_path, size, socket_address};
use super::{Decoder, Section, Value};

/// Keys of a listener that are part of the language and not built yet.
const NOT_BUILT: &[&str] = &["proxy_protocol"];

/// Keys of a listener's `limits` that are part of the language and not built yet.
const NOT_BUILT_LIMITS: &[&str] = &["body_size", "header_timeout", "requests_per_connection", "token_size"];

/// Keys of a listener's `tls` that are part of the language and not built yet.
const NOT_BUILT_TLS: &[&str] = &[
    "protocols",
    "ciphers",
    "ciphersuites",
    "prefer_server_ciphers",
    "session_cache",
    "session_timeout",
    "client_certificate",
];

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
    let place = section.place();
    section.close(NOT_BUILT, decoder);
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let address = address.unwrap_or_else(|| Located::new(nowhere, place.clone()));
    Some(Listener { place, name, address, http2, redirect_to_https, tls, trusted_proxies, limits })
}

fn limits(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Limits> {
    let mut section = Section::open(value, decoder)?;
    let default = Limits::default();
    let header_size = section.optional("header_size", decoder, size).unwrap_or(default.header_size);
    let idle_timeout = section.optional("idle_timeout", decoder, duration).unwrap_or(default.idle_timeout);
    if idle_timeout.as_secs() == 0 {
        let words = "a connection must be let idle for at least 1s";
        decoder.problem(section.place_of_key("idle_timeout"), words);
    }
    section.close(NOT_BUILT_LIMITS, decoder);
    Some(Limits { header_size, idle_timeout })
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
    section.close(&[], decoder);
    Some(RedirectToHttps {
        status: status.unwrap_or(301),
        port: port.unwrap_or(443),
        except: except.unwrap_or_default(),
    })
}

fn tls(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Tls> {
    let mut section = Section::open(value, decoder)?;
    let certificates = section.required("certificates", decoder, |value, decoder| {
        some("no client could connect", value, decoder, certificate)
    });
    section.close(NOT_BUILT_TLS, decoder);
    Some(Tls { certificates: certificates.unwrap_or_default() })
}

fn certificate(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Certificate> {
    let mut section = Section::open(value, decoder)?;
    let certificate = section.required("certificate", decoder, file);
    let key = section.required("key", decoder, file);
    section.close(&[], decoder);
    Some(Certificate { certificate: certificate?, key: key? })
}
