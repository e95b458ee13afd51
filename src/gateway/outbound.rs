//! What of a request does the upstream get?

use std::borrow::Cow;

use http::HeaderMap;
use http::header::{HOST, HeaderValue};
use pingora_core::{Error, ErrorType, Result};
use pingora_http::RequestHeader;

use super::context::{Progress, RequestContext};
use super::head;
use super::headers::{self, Forwarded};
use super::ids;
use super::judge::{self, Arrival};
use super::peer::Peer;
use super::target::Target;
use crate::snapshot::{Action, Location};

/// Headers that are set for every request.
const SET_ALWAYS: usize = 8;

/// Makes of the client's head what the upstream gets: again for every attempt, and the identity last of all. What no client
/// may say was stripped when the request came.
pub fn for_upstream(arrival: &Arrival<'_>, upstream: &mut RequestHeader, context: &RequestContext) -> Result<()> {
    let Progress::Granted { target, location, grant } = &context.progress else {
        return Err(Error::explain(ErrorType::InternalError, "a request without a grant was to be sent on"));
    };
    head::change(upstream, |headers| {
        headers.reserve(SET_ALWAYS + location.request_headers.len());
        headers::remove_tokens(headers, &location.removed_tokens);
        headers::join_cookies(headers);
        set_host(headers, target, location, context);
        let id = HeaderValue::from_str(&context.request_id).ok();
        let authority = authority(arrival.head, target);
        let told = Forwarded { request_id: id.as_ref(), ..forwarded(arrival, authority.as_deref(), context) };
        headers::set_forwarded(headers, &told);
        ids::set_trace(headers, &context.request_id);
        judge::with_facts(arrival, context, |facts| headers::edit(headers, &location.request_headers, facts));
        headers::set_identity(headers, &context.edition.snapshot.identity_names, grant);
    })?;
    let path = location.upstream_path(target.path.as_str());
    let query = headers::query_without(target.query.as_deref(), &location.removed_tokens);
    // A target of HTTP/2 also has an authority, and the upstream's is in `Host` alone.
    if upstream.uri.authority().is_none() && is_target(upstream.raw_path(), &path, query.as_deref()) {
        return Ok(());
    }
    match query {
        Some(query) => upstream.set_raw_path(format!("{path}?{query}").as_bytes()),
        None => upstream.set_raw_path(path.as_bytes()),
    }
}

fn is_target(written: &[u8], path: &str, query: Option<&str>) -> bool {
    match (written.strip_prefix(path.as_bytes()), query) {
        (Some(rest), None) => rest.is_empty(),
        (Some(rest), Some(query)) => rest.strip_prefix(b"?") == Some(query.as_bytes()),
        (None, _) => false,
    }
}

/// What anybody behind us may be told of the client.
pub fn forwarded<'f>(
    arrival: &Arrival<'_>,
    authority: Option<&'f HeaderValue>,
    context: &'f RequestContext,
) -> Forwarded<'f> {
    Forwarded {
        client: context.client.as_ref().map(Peer::text),
        chain: context.forwarded_for.as_ref(),
        scheme: arrival.scheme.as_str(),
        authority,
        request_id: None,
    }
}

/// The host as the client wrote it, if it named one.
pub fn authority<'h>(head: &'h RequestHeader, target: &Target) -> Option<Cow<'h, HeaderValue>> {
    let written = head.headers.get(HOST).filter(|host| host.as_bytes() == target.authority.as_bytes());
    match written {
        Some(host) => Some(Cow::Borrowed(host)),
        None => HeaderValue::from_str(&target.authority).ok().map(Cow::Owned),
    }
    .filter(|authority| !authority.is_empty())
}

/// The host of the upstream's configuration, else the client's, else the server's own name.
fn set_host(headers: &mut HeaderMap, target: &Target, location: &Location, context: &RequestContext) {
    let configured = match location.action {
        Action::Upstream(place) => context.edition.pools.get(place).and_then(|pool| pool.spec().host.as_deref()),
        Action::Respond { .. } | Action::Redirect(_) | Action::Echo => None,
    };
    let host = match (configured, target.authority.as_str()) {
        (Some(host), _) => Cow::Borrowed(host),
        (None, "") => {
            context.attempts.chosen.as_ref().map_or(Cow::Borrowed("localhost"), |server| server.host().into())
        }
        (None, authority) => Cow::Borrowed(authority),
    };
    if headers.get(HOST).is_some_and(|written| written.as_bytes() == host.as_bytes()) {
        return;
    }
    match HeaderValue::from_str(&host) {
        Ok(host) => drop(headers.insert(HOST, host)),
        Err(_) => drop(headers.remove(HOST)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_is_written_already_is_not_written_again() {
        assert!(is_target(b"/a?b=c", "/a", Some("b=c")));
        assert!(is_target(b"/a", "/a", None));
        for (written, path, query) in [
            ("/a", "/b", None),
            ("/a?", "/a", None),
            ("/a?b", "/a", None),
            ("/a", "/a", Some("")),
            ("/ab", "/a", Some("b")),
        ] {
            assert!(!is_target(written.as_bytes(), path, query), "{written}");
        }
    }
}
