//! What does a service say of this request? A request of our own to it, without a body, within its time.

use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue};
use pingora_core::connectors::http::Connector;
use pingora_core::protocols::http::client::HttpSession;
use pingora_core::{Error, ErrorType, OrErr, Result};
use pingora_http::RequestHeader;

use super::balance;
use super::context::RequestContext;
use super::head;
use super::headers;
use super::judge::Arrival;
use super::keepalive::{Keepalive, Wanted};
use super::outbound;
use super::pool::{Choice, Endpoint};
use super::target::Target;
use crate::auth::forward_auth::{ServiceAnswer, ServiceOutcome, VerifierService};
use crate::config::schema::Protocol;

/// Headers that are set for every call.
const SET_ALWAYS: usize = 10;
/// Octets of an answer's head, and of its body.
const MOST_OCTETS: usize = 64 * 1024;

const X_ORIGINAL_URI: HeaderName = HeaderName::from_static("x-original-uri");
const X_ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
const X_FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
const X_FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");

/// How services are spoken to.
pub struct Lines {
    /// Those of HTTP/1.
    pub http1: Arc<Keepalive>,
    /// Those of HTTP/2.
    pub http2: Connector,
}

impl Lines {
    /// A connection, and whether it was kept from another call.
    async fn connect(&self, endpoint: &Endpoint, protocol: Protocol, wanted: Wanted) -> Result<(HttpSession, bool)> {
        match protocol {
            Protocol::Http1 => {
                let connected = self.http1.connect(endpoint, wanted).await?;
                Ok((HttpSession::H1(connected.session), connected.reused))
            }
            Protocol::H2 | Protocol::H2c => Box::pin(self.http2.get_http_session(endpoint.peer())).await,
        }
    }

    async fn keep(&self, endpoint: &Endpoint, session: HttpSession) {
        match session {
            HttpSession::H1(session) => self.http1.keep(endpoint, session).await,
            session @ (HttpSession::H2(_) | HttpSession::Custom(_)) => {
                let peer = endpoint.peer();
                Box::pin(self.http2.release_http_session(session, peer, peer.options.idle_timeout)).await;
            }
        }
    }
}

/// Asks the service. Whatever goes wrong is logged in words that alone explain it.
pub async fn ask(
    service: &VerifierService,
    lines: &Lines,
    arrival: &Arrival<'_>,
    target: &Target,
    context: &RequestContext,
) -> ServiceOutcome {
    let failed = |error: &dyn std::fmt::Display| {
        log::error!("forward_auth {}: {error} (request {})", service.name, context.request_id);
        ServiceOutcome::Unavailable
    };
    let head = || head_of(service, arrival, target, context);
    let shown = match service.remembered.as_ref().map(|_| head()).transpose() {
        Ok(head) => head.as_ref().map(words_of),
        Err(error) => return failed(&error),
    };
    if let (Some(remembered), Some(shown)) = (&service.remembered, &shown)
        && let Some(answer) = remembered.find(shown, context.received)
    {
        return ServiceOutcome::Answered(answer);
    }
    let answered = tokio::time::timeout(service.call.timeout, call(service, lines, &head, context)).await;
    match answered {
        Ok(Ok(answer)) if answer.decides() => {
            let answer = Arc::new(answer);
            if let (Some(remembered), Some(shown)) = (&service.remembered, shown) {
                remembered.insert(shown, &answer, context.received);
            }
            ServiceOutcome::Answered(answer)
        }
        Ok(Ok(answer)) => failed(&format!("it answered {}, which neither admits nor denies", answer.status)),
        // The context of a head that cannot be read is that head, cookies included.
        Ok(Err(error)) if *error.etype() == ErrorType::InvalidHTTPHeader => {
            failed(&"its answer has no head that can be read")
        }
        Ok(Err(error)) => failed(&error),
        Err(_) => failed(&format!("no answer within {:?}", service.call.timeout)),
    }
}

/// A connection that was kept too long is tried once more, if nothing was read of an answer.
async fn call(
    service: &VerifierService,
    lines: &Lines,
    head: &(dyn Fn() -> Result<RequestHeader> + Sync),
    context: &RequestContext,
) -> Result<ServiceAnswer> {
    let pool = context.edition.pools.get(service.call.upstream);
    let next = balance::Wanted { tried: &[], key: None, now: Instant::now() };
    let Some((pool, Choice::Endpoint(endpoint))) = pool.map(|pool| (pool, pool.next(next))) else {
        return Err(Error::explain(ErrorType::ConnectNoRoute, "its server has no address"));
    };
    let mut wanted = Wanted::Any;
    loop {
        let (mut session, reused) = lines.connect(&endpoint, pool.spec().protocol, wanted).await?;
        match exchange(&mut session, head()?).await {
            Ok(()) => return finish(session, lines, &endpoint).await,
            Err(_) if reused && wanted == Wanted::Any && session.response_header().is_none() => wanted = Wanted::New,
            Err(error) => return Err(error),
        }
    }
}

/// Sends the request, and reads the head of the answer.
async fn exchange(session: &mut HttpSession, head: RequestHeader) -> Result<()> {
    session.write_request_header(Box::new(head)).await?;
    session.finish_request_body().await?;
    loop {
        session.read_response_header().await?;
        if session.response_header().is_some_and(|head| !head.status.is_informational()) {
            return Ok(());
        }
    }
}

/// Reads the rest: an answer that is cut is none.
async fn finish(mut session: HttpSession, lines: &Lines, endpoint: &Endpoint) -> Result<ServiceAnswer> {
    let too_large = || Error::explain(ErrorType::ReadError, "its answer is larger than 64 KiB");
    let Some(head) = session.response_header() else {
        return Err(Error::explain(ErrorType::ReadError, "its answer has no head"));
    };
    let (status, headers) = (head.status.as_u16(), head.headers.clone());
    let octets = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    if octets.sum::<usize>() > MOST_OCTETS {
        session.shutdown().await;
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(piece) = session.read_response_body().await? {
        body.extend_from_slice(&piece);
        if body.len() > MOST_OCTETS {
            session.shutdown().await;
            return Err(too_large());
        }
    }
    lines.keep(endpoint, session).await;
    // Only a refusal is passed on whole.
    let body = if matches!(status, 200..=299) { Bytes::new() } else { body.freeze() };
    Ok(ServiceAnswer { status, headers, body })
}

/// What the service is shown: the headers that the configuration names, and what we know of the request ourselves.
fn head_of(
    service: &VerifierService,
    arrival: &Arrival<'_>,
    target: &Target,
    context: &RequestContext,
) -> Result<RequestHeader> {
    let call = &service.call;
    let host = HeaderValue::from_str(&call.host).or_err(ErrorType::InvalidHTTPHeader, "its host")?;
    // Octets beyond ASCII may stand in a query, and go on as they are.
    let uri = HeaderValue::from_bytes(target.uri().as_bytes()).or_err(ErrorType::InvalidHTTPHeader, "its URI")?;
    let method =
        HeaderValue::from_str(arrival.head.method.as_str()).or_err(ErrorType::InvalidHTTPHeader, "its method")?;
    let authority = outbound::authority(arrival.head, target);
    let mut head = RequestHeader::build_no_case(call.method.clone(), call.target.as_bytes(), None)?;
    head::change(&mut head, |headers| {
        headers.reserve(SET_ALWAYS + call.send_headers.len());
        headers.insert(HOST, host);
        for name in &call.send_headers {
            for value in arrival.head.headers.get_all(name) {
                headers.append(name.clone(), value.clone());
            }
        }
        headers::join_cookies(headers);
        headers.insert(X_ORIGINAL_URI, uri.clone());
        headers.insert(X_ORIGINAL_METHOD, method.clone());
        headers.insert(X_FORWARDED_URI, uri);
        headers.insert(X_FORWARDED_METHOD, method);
        // Without an id: another one each time would make every request another one.
        headers::set_forwarded(headers, &outbound::forwarded(arrival, authority.as_deref(), context));
        if call.method != http::Method::GET && call.method != http::Method::HEAD {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
    })?;
    Ok(head)
}

/// Every octet that the service is shown.
fn words_of(head: &RequestHeader) -> Vec<u8> {
    let mut words = Bytes::copy_from_slice(head.raw_path()).to_vec();
    for (name, value) in &head.headers {
        words.extend_from_slice(b"\n");
        words.extend_from_slice(name.as_str().as_bytes());
        words.extend_from_slice(b":");
        words.extend_from_slice(value.as_bytes());
    }
    words
}
