//! What does a line of the access log say?

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use http::Version;
use pingora_http::RequestHeader;
use serde::Serialize;

use super::context::{Progress, RequestContext};
use crate::auth::access::Access;
use crate::auth::client_certificate::ClientCertificate;
use crate::auth::expression::facts::{Facts, Outcome};
use crate::auth::{Grant, Request, Scheme};
use crate::snapshot::LogFormat;

/// What only the connection knows of a request.
#[derive(Debug)]
pub struct Exchange<'e> {
    /// The request's head.
    pub head: &'e RequestHeader,
    /// How the client spoke to us.
    pub scheme: Scheme,
    /// What the client's certificate says.
    pub certificate: Option<&'e ClientCertificate>,
    /// The TLS version, if TLS was spoken.
    pub tls: Option<&'e str>,
    /// Status sent; 0 if none was.
    pub status: u16,
    /// Octets of the request's body.
    pub bytes_in: u64,
    /// Octets of the answer's body.
    pub bytes_out: u64,
    /// From the head of the request to the end of the answer.
    pub duration: Duration,
}

/// `auth_status` of a request.
pub fn auth_status(progress: &Progress) -> &'static str {
    match progress {
        Progress::Received | Progress::Turned { .. } => "none",
        Progress::Denied { .. } => "denied",
        Progress::Granted { location, .. } if matches!(location.gate.access, Access::Public) => "none",
        Progress::Granted { grant, .. } if grant.shadowed().is_some() => "shadowed",
        Progress::Granted { .. } => "granted",
    }
}

/// `auth_reason`: why it was refused, or why no upstream answered.
pub fn auth_reason(context: &RequestContext) -> Option<&'static str> {
    let denial = context.progress.denial().map(|denial| denial.reason);
    let shadowed = context.progress.grant().and_then(Grant::shadowed).map(|shadowed| shadowed.reason);
    denial.or(shadowed).or(context.attempts.failure).map(crate::auth::Reason::code)
}

/// The line for a request.
pub fn line(context: &RequestContext, exchange: &Exchange<'_>) -> String {
    match &context.edition.snapshot.log_format {
        LogFormat::Json => json(context, exchange),
        LogFormat::Template(template) => with_facts(context, exchange, |facts| template.render_log(facts)),
    }
}

/// Of a request that was refused before its target was read, which may be of any size, no more than this is written of
/// one field, in octets.
const MOST_OF_A_STRANGER: usize = 1024;

/// The beginning of a text that a log line has room for.
fn cut<'t>(text: &'t str, progress: &Progress) -> &'t str {
    if progress.target().is_some() || text.len() <= MOST_OF_A_STRANGER {
        return text;
    }
    // A character has four octets at most, and is not cut in two.
    (0..4).find_map(|back| text.get(..MOST_OF_A_STRANGER - back)).unwrap_or_default()
}

/// Tokens in the query are masked before anything can read them.
fn with_facts<R>(context: &RequestContext, exchange: &Exchange<'_>, use_facts: impl FnOnce(&Facts<'_>) -> R) -> R {
    let target = context.progress.target();
    let request = Request {
        head: exchange.head,
        path: target.map_or_else(|| cut(exchange.head.uri.path(), &context.progress), |target| target.path.as_str()),
        query: exchange.head.uri.query().map(|query| cut(query, &context.progress)),
        host: target.map_or("", |target| &target.host),
        scheme: exchange.scheme,
        client: context.client(),
        certificate: exchange.certificate,
        largest_token: 0,
        now: context.received,
        answered: &[],
    };
    let address = context.attempts.tried.last().map(ToString::to_string);
    let outcome = Outcome {
        status: exchange.status,
        bytes: exchange.bytes_out,
        auth_status: auth_status(&context.progress),
        auth_reason: auth_reason(context),
        upstream_address: address.as_deref(),
        upstream_status: context.attempts.status,
        upstream_time: context.attempts.took,
        secrets: &context.edition.snapshot.secrets,
    };
    let identity = context.progress.grant().and_then(|grant| grant.identity());
    use_facts(&Facts { request: &request, identity, service: None, outcome: Some(&outcome) })
}

#[derive(Serialize)]
struct JsonLine<'l> {
    time: String,
    client: Option<String>,
    method: &'l str,
    host: &'l str,
    path: &'l str,
    query: Option<&'l str>,
    status: u16,
    bytes_in: u64,
    bytes_out: u64,
    duration_ms: f64,
    upstream: Option<String>,
    upstream_ms: Option<f64>,
    upstream_status: Option<u16>,
    location: Option<&'l str>,
    realm: Option<&'l str>,
    auth_status: &'static str,
    auth_reason: Option<&'static str>,
    subject: Option<&'l str>,
    token_id: Option<&'l str>,
    kid: Option<&'l str>,
    algorithm: Option<&'static str>,
    request_id: &'l str,
    protocol: &'static str,
    tls: Option<&'l str>,
    referer: Option<&'l str>,
    user_agent: Option<&'l str>,
}

fn json(context: &RequestContext, exchange: &Exchange<'_>) -> String {
    let secrets = &context.edition.snapshot.secrets;
    let target = context.progress.target();
    let identity = context.progress.grant().and_then(|grant| grant.identity());
    let shadowed_by = context.progress.grant().and_then(Grant::shadowed).map(|shadowed| &*shadowed.realm);
    let denied_by = context.progress.denial().and_then(|denial| denial.realm.as_deref()).or(shadowed_by);
    let header = |name| exchange.head.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let query = exchange.head.uri.query().map(|query| secrets.mask_query(cut(query, &context.progress)));
    let referer = header(http::header::REFERER);
    let referer = referer.as_deref().map(|referer| secrets.mask_uri(referer));
    let user_agent = header(http::header::USER_AGENT);
    let line = JsonLine {
        time: DateTime::<Utc>::from(context.received).to_rfc3339_opts(SecondsFormat::Millis, true),
        client: context.client().map(|client| client.to_string()),
        method: exchange.head.method.as_str(),
        host: target.map_or("", |target| &target.host),
        path: target.map_or_else(|| cut(exchange.head.uri.path(), &context.progress), |target| target.path.as_str()),
        query: query.as_deref(),
        status: exchange.status,
        bytes_in: exchange.bytes_in,
        bytes_out: exchange.bytes_out,
        duration_ms: milliseconds(exchange.duration),
        upstream: context.attempts.tried.last().map(ToString::to_string),
        upstream_ms: context.attempts.took.map(milliseconds),
        upstream_status: context.attempts.status,
        location: context.progress.location().map(|location| &*location.name),
        realm: identity.map(|identity| identity.realm()).or(denied_by),
        auth_status: auth_status(&context.progress),
        auth_reason: auth_reason(context),
        subject: identity.and_then(|identity| identity.subject()),
        token_id: identity.and_then(|identity| identity.token_id()),
        kid: identity.and_then(|identity| identity.key_id()),
        algorithm: identity.map(|identity| identity.algorithm()),
        request_id: &context.request_id,
        protocol: protocol(exchange.head.version),
        tls: exchange.tls,
        referer: referer.as_deref().map(|referer| cut(referer, &context.progress)),
        user_agent: user_agent.as_deref().map(|agent| cut(agent, &context.progress)),
    };
    escaped(serde_json::to_string(&line).unwrap_or_default())
}

/// JSON leaves DEL and the controls after it as they are; terminals do not.
fn escaped(line: String) -> String {
    if !line.contains(char::is_control) {
        return line;
    }
    let escape = |character: char| match character {
        control if control.is_control() => format!("\\u{:04x}", u32::from(control)),
        other => other.to_string(),
    };
    line.chars().map(escape).collect()
}

/// To the microsecond.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// How the log names a version of HTTP.
pub fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_11 => "HTTP/1.1",
        Version::HTTP_2 => "HTTP/2",
        _ => "HTTP",
    }
}
