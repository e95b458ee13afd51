//! What becomes of a request? From its head to an answer of ours, or to the permission to send it on.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http::HeaderValue;
use pingora_core::Result;
use pingora_http::RequestHeader;
use serde_json::json;

use super::answer::OwnAnswer;
use super::context::{Progress, RequestContext, Turn};
use super::cors;
use super::give_way::give_way;
use super::headers;
use super::inquiry::Inquirer;
use super::outbound;
use super::target::Target;
use super::websocket;
use crate::auth::client_certificate::ClientCertificate;
use crate::auth::expression::facts::Facts;
use crate::auth::trace::{Step, Trace};
use crate::auth::{Decision, Denial, Grant, Reason, Request, Scheme};
use crate::path::EncodedSeparators;
use crate::route::{Found, ListenerId};
use crate::snapshot::{
    Action, Allowance, Answers, Cors, EncodedSlash, Limits, Location, Rate, RedirectToHttps, ResponseHeaders, Snapshot,
    WebSocket,
};

/// A request, as it came in.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// Its head; what no client may say is stripped already.
    pub head: &'a RequestHeader,
    /// What was spoken.
    pub scheme: Scheme,
    /// Through which listener.
    pub listener: ListenerId,
    /// Octets of its head, before anything was stripped.
    pub size: usize,
    /// What the client's certificate says.
    pub certificate: Option<&'a ClientCertificate>,
    /// Finds out what the decision depends on.
    pub inquirer: &'a Inquirer,
}

/// Judges a request and notes in its context how far it came. `None`: it is to be sent on.
pub async fn judge<T: Trace>(
    arrival: &Arrival<'_>,
    context: &mut RequestContext,
    trace: &mut T,
) -> Result<Option<OwnAnswer>> {
    let edition = Arc::clone(&context.edition);
    let snapshot = &edition.snapshot;
    let listener = snapshot.listeners.get(arrival.listener);
    let target =
        match well_formed(arrival, listener.map(|listener| &listener.limits)).and_then(|()| Target::of(arrival.head)) {
            Ok(target) => target,
            Err(reason) => return turned(None, Denial::of(reason), arrival, context).map(Some),
        };
    if listener.and_then(|listener| listener.limits.body_size).is_some_and(|most| announced(arrival.head) > most) {
        return turned(Some(target), Denial::of(Reason::BodyTooLarge), arrival, context).map(Some);
    }
    let redirect = listener.and_then(|listener| listener.redirect.as_ref());
    if let Some(redirect) = redirect
        && arrival.scheme == Scheme::Http
        && !is_excepted(redirect, target.path.as_str())
    {
        return to_https(redirect, target, arrival, context).map(Some);
    }
    if let Some(asked) = cors::preflight_for(arrival.head)
        && let Found::Target(location) =
            snapshot.routes.find(arrival.listener, &target.host, target.path.as_str(), &asked)
        && let Some(rules) = &location.cors
    {
        return preflight(rules, location, target, arrival, context).map(Some);
    }
    match snapshot.routes.find(arrival.listener, &target.host, target.path.as_str(), &arrival.head.method) {
        Found::Nothing => turned(Some(target), Denial::of(Reason::NoLocation), arrival, context).map(Some),
        Found::MethodRefused(methods) => {
            let answer = turned(Some(target), Denial::of(Reason::MethodRefused), arrival, context)?;
            answer.allowing(&methods).map(Some)
        }
        Found::Target(location) => enter(location, target, arrival, context, trace).await,
    }
}

/// Any coding but `chunked` alone would be lost on the way: Pingora frames the body anew. A length that is said twice
/// would go on as it is, and not every server reads it as we do (RFC 9110 §8.6).
fn well_formed(arrival: &Arrival<'_>, limits: Option<&Limits>) -> std::result::Result<(), Reason> {
    let mut lengths = arrival.head.headers.get_all(http::header::CONTENT_LENGTH).iter();
    let mut codings = arrival.head.headers.get_all(http::header::TRANSFER_ENCODING).iter();
    let header_size = limits.map_or(0, |limits| limits.header_size);
    if arrival.size as u64 > header_size {
        Err(Reason::HeadersTooLarge)
    } else if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
        || !lengths.next().is_none_or(|length| length.as_bytes().iter().all(u8::is_ascii_digit))
        || lengths.next().is_some()
    {
        Err(Reason::RequestMalformed)
    } else {
        Ok(())
    }
}

/// The octets of body that a head announces; 0 if it does not say.
fn announced(head: &RequestHeader) -> u64 {
    let length = head.headers.get(http::header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    // It is of digits only; one that is not a number of ours is larger than any limit.
    length.map_or(0, |length| length.parse().unwrap_or(u64::MAX))
}

fn is_excepted(redirect: &RedirectToHttps, path: &str) -> bool {
    redirect.except.iter().any(|prefix| path.starts_with(prefix.as_str()))
}

/// The same host and path over TLS; the default port is not written (RFC 9110 §4.2.2).
fn to_https(
    redirect: &RedirectToHttps,
    target: Target,
    arrival: &Arrival<'_>,
    context: &mut RequestContext,
) -> Result<OwnAnswer> {
    if target.host.is_empty() {
        return turned(Some(target), Denial::of(Reason::HostInvalid), arrival, context);
    }
    let port = if redirect.port == 443 { String::new() } else { format!(":{}", redirect.port) };
    let to = format!("https://{}{port}{}", target.host, target.uri());
    context.progress = Progress::Turned { target: Some(target), turn: Turn::ToHttps };
    let answer = match HeaderValue::from_str(&to) {
        Ok(to) => OwnAnswer::redirect(redirect.status, to)?,
        Err(_) => return failure(arrival, context, &Denial::of(Reason::InternalError)),
    };
    dressed(answer, arrival, context)
}

/// What a page of another origin may do, which is asked before it does: no methods and no access are looked at.
fn preflight(
    rules: &Cors,
    location: &Arc<Location>,
    target: Target,
    arrival: &Arrival<'_>,
    context: &mut RequestContext,
) -> Result<OwnAnswer> {
    let Some(head) = cors::preflight(rules, arrival.head)? else {
        let denial = Denial::of(Reason::OriginRefused);
        let answer = failure_at(location, arrival, &target, context, &denial)?;
        context.progress = Progress::Turned { target: Some(target), turn: Turn::Refused(denial) };
        return Ok(answer);
    };
    let request = request_of(arrival, &target, context);
    let answer =
        OwnAnswer::bodiless(head).dressed(&location.response_headers, &Facts::of(&request), &context.request_id)?;
    let answer = answer.readable_by(Some(rules), arrival.head)?;
    context.progress = Progress::Turned { target: Some(target), turn: Turn::Preflight };
    Ok(answer)
}

/// A request that no location is asked about.
fn turned(
    target: Option<Target>,
    denial: Denial,
    arrival: &Arrival<'_>,
    context: &mut RequestContext,
) -> Result<OwnAnswer> {
    context.progress = Progress::Turned { target, turn: Turn::Refused(denial.clone()) };
    failure(arrival, context, &denial)
}

async fn enter<T: Trace>(
    location: &Arc<Location>,
    target: Target,
    arrival: &Arrival<'_>,
    context: &mut RequestContext,
    trace: &mut T,
) -> Result<Option<OwnAnswer>> {
    let refused = refused_by_form(location, &target, arrival.head);
    let decided = match refused {
        Some(reason) => Err(Denial::of(reason)),
        None => decide(location, &target, arrival, context, trace).await,
    };
    match decided {
        Err(denial) if refused.is_some() => {
            let answer = failure_at(location, arrival, &target, context, &denial)?;
            let answer = if denial.reason == Reason::MethodRefused {
                answer.allowing(location.methods.allowed())?
            } else {
                answer
            };
            context.progress = Progress::Turned { target: Some(target), turn: Turn::Refused(denial) };
            Ok(Some(answer))
        }
        Err(denial) => {
            let answer = failure_at(location, arrival, &target, context, &denial)?;
            context.progress = Progress::Denied { target, location: Arc::clone(location), denial };
            Ok(Some(answer))
        }
        Ok(grant) => {
            let allowance = count(location, &target, arrival, context, &grant);
            if let Some((rate, Allowance::TooSoon { wait })) = allowance {
                let denial = Denial::of(Reason::RateLimited);
                let answer = failure_at(location, arrival, &target, context, &denial)?.after(wait, rate)?;
                context.progress = Progress::Denied { target, location: Arc::clone(location), denial };
                return Ok(Some(answer));
            }
            context.progress = Progress::Granted { target, location: Arc::clone(location), grant };
            act(location, arrival, context)
        }
    }
}

/// Decides, and finds out what the decision depends on. No question is answered twice, so this ends.
async fn decide<T: Trace>(
    location: &Location,
    target: &Target,
    arrival: &Arrival<'_>,
    context: &RequestContext,
    trace: &mut T,
) -> std::result::Result<Grant, Denial> {
    let mut answered = Vec::new();
    loop {
        let mut request = Request { answered: &answered, ..request_of(arrival, target, context) };
        if !answered.is_empty() {
            // What expired while it waited has expired.
            request.now = context.received.checked_add(context.started.elapsed()).unwrap_or(context.received);
        }
        let began = Instant::now();
        let decision = location.gate.decide(&request, trace);
        give_way(began.elapsed()).await;
        match decision {
            Decision::Allow(grant) => return Ok(grant),
            Decision::Deny(denial) => return Err(denial),
            Decision::Ask(question) => {
                trace.note(Step::Asked(&question));
                // In a box: what few requests need takes no room in all of them.
                answered.push(Box::pin(arrival.inquirer.answer(question, arrival, target, context)).await);
            }
        }
    }
}

/// Counts a request that may pass. Who has no key is counted by address; a caller without address, with all such.
fn count<'l>(
    location: &'l Location,
    target: &Target,
    arrival: &Arrival<'_>,
    context: &RequestContext,
    grant: &Grant,
) -> Option<(&'l Rate, Allowance)> {
    let limit = location.limit.as_ref()?;
    let request = request_of(arrival, target, context);
    let facts = Facts { identity: grant.identity(), service: grant.service(), ..Facts::of(&request) };
    let key = limit.key.render(&facts).ok().flatten().filter(|key| !key.is_empty());
    let key = key.unwrap_or_else(|| context.client().map_or_else(String::new, |client| client.to_string()).into());
    let now = context.received.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Some((limit.counts.rate(), limit.counts.count(&key, now)))
}

/// What a location refuses before it asks who is calling.
fn refused_by_form(location: &Location, target: &Target, head: &RequestHeader) -> Option<Reason> {
    if target.path.separators() == EncodedSeparators::Present && location.encoded_slash == EncodedSlash::Refuse {
        return Some(Reason::PathRefused);
    }
    if location.websocket == WebSocket::Refuse && websocket::is_asked_for(head) {
        return Some(Reason::UpgradeRefused);
    }
    (!location.methods.take(&head.method)).then_some(Reason::MethodRefused)
}

fn act(location: &Location, arrival: &Arrival<'_>, context: &RequestContext) -> Result<Option<OwnAnswer>> {
    let answer = match &location.action {
        Action::Upstream(_) => return Ok(None),
        Action::Respond { status, body } => OwnAnswer::fixed(*status, body)?,
        Action::Echo => echo(arrival, context)?,
        Action::Redirect(redirect) => {
            let to = with_facts(arrival, context, |facts| {
                headers::rendered(redirect.to.render(facts).ok().flatten().as_deref())
            });
            match to {
                Some(to) => OwnAnswer::redirect(redirect.status, to)?,
                None => return failure(arrival, context, &Denial::of(Reason::InternalError)).map(Some),
            }
        }
    };
    let answer = match context.progress.grant() {
        Some(grant) => answer.with_words_of_services(grant)?,
        None => answer,
    };
    dressed(answer, arrival, context).map(Some)
}

/// Shows what an upstream would get.
fn echo(arrival: &Arrival<'_>, context: &RequestContext) -> Result<OwnAnswer> {
    let mut sent = arrival.head.clone();
    headers::strip_connection(&mut sent)?;
    outbound::for_upstream(arrival, &mut sent, context)?;
    let mut shown = serde_json::Map::new();
    for name in sent.headers.keys() {
        let values: Vec<_> =
            sent.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        shown.insert(name.as_str().to_owned(), values.join(", ").into());
    }
    let uri = String::from_utf8_lossy(sent.raw_path());
    let text = json!({ "method": sent.method.as_str(), "uri": uri, "headers": shown });
    let text = serde_json::to_vec_pretty(&text).unwrap_or_default();
    OwnAnswer::new(200, "application/json", Bytes::from([text.as_slice(), b"\n"].concat()))
}

/// What expressions see of a request that has a target.
fn request_of<'r>(arrival: &Arrival<'r>, target: &'r Target, context: &RequestContext) -> Request<'r> {
    Request {
        head: arrival.head,
        path: target.path.as_str(),
        query: target.query.as_deref(),
        host: &target.host,
        scheme: arrival.scheme,
        client: context.client(),
        certificate: arrival.certificate,
        largest_token: largest_token(arrival, context),
        now: context.received,
        answered: &[],
    }
}

fn largest_token(arrival: &Arrival<'_>, context: &RequestContext) -> usize {
    let listener = context.edition.snapshot.listeners.get(arrival.listener);
    listener.map_or(0, |listener| usize::try_from(listener.limits.token_size).unwrap_or(usize::MAX))
}

/// Gives what is known of a request to whoever evaluates expressions.
pub fn with_facts<R>(arrival: &Arrival<'_>, context: &RequestContext, use_facts: impl FnOnce(&Facts<'_>) -> R) -> R {
    let grant = context.progress.grant();
    let (identity, service) = (grant.and_then(Grant::identity), grant.and_then(Grant::service));
    let request = match context.progress.target() {
        Some(target) => request_of(arrival, target, context),
        None => Request {
            head: arrival.head,
            path: "/",
            query: None,
            host: "",
            scheme: arrival.scheme,
            client: context.client(),
            certificate: arrival.certificate,
            largest_token: largest_token(arrival, context),
            now: context.received,
            answered: &[],
        },
    };
    use_facts(&Facts { request: &request, identity, service, outcome: None })
}

fn dressed(answer: OwnAnswer, arrival: &Arrival<'_>, context: &RequestContext) -> Result<OwnAnswer> {
    let (_, edits) = manners(context.progress.location(), &context.edition.snapshot);
    let answer = with_facts(arrival, context, |facts| answer.dressed(edits, facts, &context.request_id))?;
    answer.readable_by(cors_of(context.progress.location()), arrival.head)
}

fn cors_of(location: Option<&Arc<Location>>) -> Option<&Cors> {
    location.and_then(|location| location.cors.as_ref())
}

/// The answer to a request that failed where it is now.
pub fn failure(arrival: &Arrival<'_>, context: &RequestContext, denial: &Denial) -> Result<OwnAnswer> {
    let (answers, edits) = manners(context.progress.location(), &context.edition.snapshot);
    let answer = with_facts(arrival, context, |facts| {
        let mut answer = OwnAnswer::refusal(denial, answers, arrival.head, facts)?;
        // A session that a service renewed is renewed, whatever became of the request after it.
        if let Some(grant) = context.progress.grant() {
            answer = answer.with_words_of_services(grant)?;
        }
        answer.dressed(edits, facts, &context.request_id)
    })?;
    answer.readable_by(cors_of(context.progress.location()), arrival.head)
}

fn failure_at(
    location: &Arc<Location>,
    arrival: &Arrival<'_>,
    target: &Target,
    context: &RequestContext,
    denial: &Denial,
) -> Result<OwnAnswer> {
    let (answers, edits) = manners(Some(location), &context.edition.snapshot);
    let request = request_of(arrival, target, context);
    let facts = Facts::of(&request);
    let answer = OwnAnswer::refusal(denial, answers, arrival.head, &facts)?;
    answer.dressed(edits, &facts, &context.request_id)?.readable_by(location.cors.as_ref(), arrival.head)
}

/// How answers look: at a location, or where none is known.
fn manners<'m>(location: Option<&'m Arc<Location>>, snapshot: &'m Snapshot) -> (&'m Answers, &'m ResponseHeaders) {
    match location {
        Some(location) => (&location.answers, &location.response_headers),
        None => (&snapshot.answers, &snapshot.response_headers),
    }
}
