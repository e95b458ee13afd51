//! Which request goes where, and who may send it?

use super::super::schema::{Access, CloseAtExpiry, Coding, EncodedSlash, Location, Match, PathMatch, WebSocket};
use super::access::access;
use super::action::action;
use super::cors::cors;
use super::headers;
use super::limit::limit;
use super::list::{list, methods, some};
use super::matcher::matcher;
use super::responses::responses;
use super::scalar::{boolean, located, request_path, word};
use super::{Decoder, Section, Value};

const NOBODY_NAMED: &str = "every location says who may enter: add \"access: public\" or a realm";

/// What a file without locations does.
pub(super) const NOTHING_SERVED: &str = "no locations: every request is answered 404";

/// `locations`.
pub(super) fn locations(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Vec<Location>> {
    if value.items("a list", decoder)?.is_empty() {
        decoder.warning(value.place(), NOTHING_SERVED);
    }
    list(value, decoder, location)
}

fn location(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Location> {
    let mut section = Section::open(value, decoder)?;
    let matcher = section.required("match", decoder, matcher);
    let access = section.required_or("access", NOBODY_NAMED, decoder, |value, decoder| Some(access(value, decoder)));
    let action = action(&mut section, decoder);
    let methods = section.optional("methods", decoder, methods);
    let identity_headers = section.optional("identity_headers", decoder, headers::identity);
    let request_headers = section.optional("request_headers", decoder, headers::edits);
    let response_headers = section.optional("response_headers", decoder, headers::edits);
    let replace_prefix = section.optional("replace_prefix", decoder, |value, decoder| {
        refuse_without_prefix(value, matcher.as_ref(), decoder);
        located(request_path)(value, decoder)
    });
    let slashes = [("keep", EncodedSlash::Keep), ("refuse", EncodedSlash::Refuse)];
    let encoded_slash = section.optional("encoded_slash", decoder, word(&slashes));
    let cors = section.optional("cors", decoder, cors);
    let limit = section.optional("limit", decoder, limit);
    let websocket = match section.optional("websocket", decoder, boolean) {
        Some(false) => WebSocket::Refuse,
        Some(true) | None => WebSocket::Allow,
    };
    let close_at_expiry = match section.optional("close_at_expiry", decoder, boolean) {
        Some(true) => CloseAtExpiry::Yes,
        Some(false) | None => CloseAtExpiry::No,
    };
    let responses = section.optional("responses", decoder, responses);
    let compress = section.optional("compress", decoder, compress).unwrap_or_default();
    let place = section.place();
    section.close(decoder);
    let matcher = matcher.unwrap_or_else(|| Match::broken(place.clone()));
    Some(Location {
        place,
        matcher,
        access: access.unwrap_or(Access::Broken),
        methods,
        action,
        identity_headers: identity_headers.unwrap_or_default(),
        request_headers: request_headers.unwrap_or_default(),
        response_headers: response_headers.unwrap_or_default(),
        replace_prefix,
        encoded_slash: encoded_slash.unwrap_or(EncodedSlash::Refuse),
        cors,
        limit,
        compress,
        websocket,
        close_at_expiry,
        responses: responses.unwrap_or_default(),
    })
}

/// `off`, or the codings in the order of preference.
fn compress(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Vec<Coding>> {
    if value.scalar() == Some("off") {
        return Some(Vec::new());
    }
    let codings = [("zstd", Coding::Zstd), ("br", Coding::Brotli), ("gzip", Coding::Gzip)];
    some("write \"off\" to compress nothing", value, decoder, |value, decoder| word(&codings)(value, decoder))
}

fn refuse_without_prefix(value: &Value<'_>, matcher: Option<&Match>, decoder: &mut Decoder<'_>) {
    match matcher.map(|matcher| &matcher.path.value) {
        Some(PathMatch::Exact(_) | PathMatch::Regex(_)) => {
            value.problem("\"replace_prefix\" needs a match by \"prefix\"", decoder);
        }
        Some(PathMatch::Prefix(_) | PathMatch::Broken) | None => {}
    }
}
