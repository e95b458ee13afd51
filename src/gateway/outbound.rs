//! What of a request does the upstream get?

use pingora_core::{Error, ErrorType, Result};
use pingora_http::RequestHeader;

use super::context::{Progress, RequestContext};
use super::headers::{self, Forwarded};
use super::judge::{self, Arrival};
use super::target::Target;
use crate::snapshot::{Action, Location};

/// Makes of the client's head what the upstream gets: again for every attempt, and the identity last of all.
pub fn for_upstream(arrival: &Arrival<'_>, upstream: &mut RequestHeader, context: &RequestContext) -> Result<()> {
    let Progress::Granted { target, location, grant } = &context.progress else {
        return Err(Error::explain(ErrorType::InternalError, "a request without a grant was to be sent on"));
    };
    let names = &context.edition.snapshot.identity_names;
    headers::strip_client_claims(upstream, names);
    headers::remove_tokens(upstream, &location.removed_tokens)?;
    headers::join_cookies(upstream)?;
    let path = location.upstream_path(target.path.as_str());
    let uri = match headers::query_without(target.query.as_deref(), &location.removed_tokens) {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    upstream.set_raw_path(uri.as_bytes())?;
    set_host(upstream, target, location, context)?;
    let forwarded = Forwarded {
        client: context.client,
        chain: context.forwarded_for.as_deref(),
        scheme: arrival.scheme.as_str(),
        authority: &target.authority,
        request_id: &context.request_id,
    };
    headers::set_forwarded(upstream, &forwarded)?;
    headers::set_trace(upstream, &context.request_id)?;
    judge::with_facts(arrival, context, |facts| headers::edit(upstream, &location.request_headers, facts))?;
    headers::set_identity(upstream, names, grant)
}

/// The host of the upstream's configuration, else the client's, else the server's own name.
fn set_host(
    upstream: &mut RequestHeader,
    target: &Target,
    location: &Location,
    context: &RequestContext,
) -> Result<()> {
    let configured = match location.action {
        Action::Upstream(place) => context.edition.pools.get(place).and_then(|pool| pool.spec().host.clone()),
        Action::Respond { .. } | Action::Redirect(_) | Action::Echo => None,
    };
    let host = match (configured, target.authority.as_str()) {
        (Some(host), _) => host,
        (None, "") => context.attempts.chosen.as_ref().map_or_else(|| "localhost".to_owned(), |server| server.host()),
        (None, authority) => authority.to_owned(),
    };
    upstream.insert_header(http::header::HOST, host)
}
