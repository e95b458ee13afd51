//! Which services are asked who may enter, and how?

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};

use super::super::schema::{ForwardAuth, OnDenied};
use super::super::value::{self, header_name, service_url};
use super::headers::{self, not_for_a_service, not_from_a_service};
use super::list::some;
use super::scalar::{duration_from, located, parsed, word};
use super::section::named;
use super::upstreams::tls;
use super::{Decoder, Section, Value};

const SHORTEST_TIMEOUT: Duration = Duration::from_millis(1);
const SHORTEST_CACHE: Duration = Duration::from_millis(1);

const OUTCOMES: [(&str, OnDenied); 2] = [("status", OnDenied::Status), ("response", OnDenied::Response)];

/// `forward_auth`. A service keeps its name whatever is wrong with it.
pub(super) fn services(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Vec<ForwardAuth>> {
    named(value, decoder, |name, value, decoder| {
        let mut service = ForwardAuth::new(name);
        if let Some(mut section) = Section::open(value, decoder) {
            call(&mut service, &mut section, decoder);
            outcome(&mut service, &mut section, decoder);
            section.close(decoder);
        }
        service
    })
}

/// How it is asked.
fn call(service: &mut ForwardAuth, section: &mut Section<'_>, decoder: &mut Decoder<'_>) {
    let url = |value: &Value<'_>, decoder: &mut Decoder<'_>| {
        let mut url = parsed("a URL like http://127.0.0.1:5001/verify", value, decoder, service_url)?;
        if let value::ServerAddress::Unix(socket) = &url.address {
            url.address = value::ServerAddress::Unix(decoder.base.join(socket));
        }
        Some(url)
    };
    service.url = section.required("url", decoder, located(url));
    if let Some(method) = section.optional("method", decoder, method) {
        service.method = method;
    }
    let names = |value: &Value<'_>, decoder: &mut Decoder<'_>| names(not_for_a_service, value, decoder);
    if let Some(names) = section.optional("send_headers", decoder, names) {
        service.send_headers = names;
    }
    if let Some(timeout) = section.optional("timeout", decoder, duration_from(SHORTEST_TIMEOUT)) {
        service.timeout = timeout;
    }
    service.tls = section.optional("tls", decoder, tls);
    let over_tls = service.url.as_ref().is_none_or(|url| url.transport == value::ServiceTransport::Tls);
    if service.tls.is_some() && !over_tls {
        decoder.problem(section.place_of_key("tls"), "\"tls\" belongs to a URL with https");
    }
    service.cache = section.optional("cache", decoder, duration_from(SHORTEST_CACHE));
}

/// What follows from its answer.
fn outcome(service: &mut ForwardAuth, section: &mut Section<'_>, decoder: &mut Decoder<'_>) {
    service.identity_headers = section.optional("identity_headers", decoder, headers::identity).unwrap_or_default();
    let names = |value: &Value<'_>, decoder: &mut Decoder<'_>| names(not_from_a_service, value, decoder);
    service.response_headers = section.optional("response_headers", decoder, names).unwrap_or_default();
    let challenge = |value: &Value<'_>, decoder: &mut Decoder<'_>| {
        parsed("a challenge like Bearer or Basic realm=\"staff\"", value, decoder, |text| {
            HeaderValue::from_str(text).map_err(|_| "this cannot stand in a header".to_owned())
        })
    };
    if let Some(challenge) = section.optional("challenge", decoder, challenge) {
        service.challenge = challenge;
    }
    if let Some(on_denied) = section.optional("on_denied", decoder, word(&OUTCOMES)) {
        service.on_denied = on_denied;
    }
}

fn method(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Method> {
    let method = parsed("a method", value, decoder, value::method)?;
    if matches!(method, Method::CONNECT | Method::TRACE) {
        value.problem(format!("a service cannot be asked with {method}"), decoder);
        return None;
    }
    Some(method)
}

/// Names of headers, of which `refused` says why not.
fn names(
    refused: fn(&HeaderName) -> Option<&'static str>,
    value: &Value<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<Vec<HeaderName>> {
    some("leave it out, if it is to name no header", value, decoder, |item, decoder| {
        parsed("the name of a header", item, decoder, |text| {
            let name = header_name(text)?;
            match refused(&name) {
                Some(reason) => Err(format!("{text} cannot stand here: {reason}")),
                None => Ok(name),
            }
        })
    })
}
