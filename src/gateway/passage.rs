//! What is done to a request and to its answer on their way, whoever carries them: Pingora, or we ourselves.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::HeaderValue;
use pingora_core::{Error, ErrorSource, ErrorType, Result, RetryType};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;

use super::answer;
use super::compression;
use super::connection::listener_of;
use super::context::RequestContext;
use super::cors;
use super::failure::{ALL_DOWN, BODY_TOO_LARGE, TOKEN_ENDED, is_final, reason_of};
use super::head;
use super::headers::X_REQUEST_ID;
use super::judge;
use super::lifetime;
use super::outbound;
use super::pool::{Choice, Endpoint};
use super::proxy::Proxy;
use crate::snapshot::Coding;

impl Proxy {
    /// The server that a request is sent to next.
    pub fn next_endpoint(&self, session: &Session, context: &mut RequestContext) -> Result<Arc<Endpoint>> {
        match self.choose(session, context)? {
            Some(Choice::Endpoint(endpoint)) => {
                context.attempts.tried.push(endpoint.address().clone());
                context.attempts.load = Some(endpoint.condition().take());
                context.attempts.began = Some(Instant::now());
                context.attempts.chosen = Some(Arc::clone(&endpoint));
                Ok(endpoint)
            }
            Some(Choice::AllDown) => Err(Error::explain(ALL_DOWN, "every server of the upstream is down").into_up()),
            Some(Choice::Unknown) => {
                Err(Error::explain(ErrorType::ConnectNoRoute, "no server of the upstream has an address").into_up())
            }
            None => Err(Error::explain(ErrorType::InternalError, "a request without a grant was to be sent on")),
        }
    }

    /// How long its answer may be silent. A stream in which nothing comes any more ends in time as well.
    pub fn patience(&self, usual: Option<Duration>, context: &RequestContext) -> Option<Duration> {
        if !lifetime::is_limited(context) {
            return usual;
        }
        let remaining = lifetime::remaining(context, &self.live.load(), SystemTime::now());
        let least = Duration::from_millis(1);
        usual.map(|usual| remaining.map_or(usual, |remaining| usual.min(remaining.max(least))))
    }

    /// What the upstream gets.
    pub fn change_request(
        &self,
        session: &mut Session,
        upstream: &mut RequestHeader,
        context: &RequestContext,
    ) -> Result<()> {
        outbound::for_upstream(&self.arrival(session, context)?, upstream, context)?;
        let codings = context.progress.location().map_or(&[] as &[Coding], |location| &location.compress);
        compression::choose(codings, session, upstream)
    }

    /// Counts what was read of the request's body. A retry sends again what has been read: what was read is counted, not what is sent.
    pub fn limit_body(&self, session: &Session, context: &RequestContext) -> Result<()> {
        let most = listener_of(session, &context.edition).and_then(|listener| listener.limits.body_size);
        if most.is_some_and(|most| session.body_bytes_read() as u64 > most) {
            return Err(Error::explain(BODY_TOO_LARGE, "the body is larger than the listener's limit").into_down());
        }
        Ok(())
    }

    /// What is not to be compressed is left alone.
    pub fn spare_from_compression(session: &mut Session, response: &ResponseHeader, context: &RequestContext) {
        if context.progress.location().is_some_and(|location| !location.compress.is_empty()) {
            compression::spare(session, response);
        }
    }

    /// Takes note of what a server has answered.
    pub fn heed_answer(response: &ResponseHeader, context: &mut RequestContext) {
        if !is_final(response) {
            return;
        }
        if let Some(load) = &context.attempts.load {
            load.condition().succeeded();
        }
        context.attempts.status = Some(response.status.as_u16());
        context.attempts.took = context.attempts.began.map(|began| began.elapsed());
        context.attempts.failure = None;
    }

    /// What the client gets of the head of an answer.
    pub fn change_answer(
        &self,
        session: &Session,
        response: &mut ResponseHeader,
        context: &RequestContext,
    ) -> Result<()> {
        if let Ok(id) = HeaderValue::from_str(&context.request_id) {
            head::change_answer(response, |headers| drop(headers.insert(X_REQUEST_ID, id)))?;
        }
        let Some(location) = context.progress.location() else {
            return Ok(());
        };
        if let Some(grant) = context.progress.grant() {
            answer::add_words_of_services(response, grant)?;
        }
        if location.response_headers.edits().next().is_some() {
            judge::with_facts(&self.arrival(session, context)?, context, |facts| {
                answer::dress(response, &location.response_headers, facts)
            })?;
        }
        match &location.cors {
            Some(rules) => cors::dress(rules, session.req_header(), response),
            None => Ok(()),
        }
    }

    /// Nothing of an answer passes after its token has ended, where the location says so.
    pub fn may_go_on(&self, context: &RequestContext) -> Result<()> {
        if lifetime::is_limited(context) && lifetime::ended(context, &self.live.load(), SystemTime::now()).is_some() {
            return Err(Error::explain(TOKEN_ENDED, "the token that opened the stream holds no longer"));
        }
        Ok(())
    }

    /// No connection could be made. Says whether another server is tried.
    pub fn connecting_failed(&self, context: &mut RequestContext, mut error: Box<Error>) -> Box<Error> {
        self.upstream_failed(context, reason_of(&error), &error);
        let tried = &context.attempts.tried;
        let others = Self::pool(context)
            .is_some_and(|pool| tried.len() <= pool.spec().retries && pool.has_other(tried, Instant::now()));
        error.set_retry(others);
        error
    }

    /// A connection that was kept too long may be tried again, with the same server: only requests that can be repeated,
    /// only if none of the answer has come. What a server of HTTP/2 says it has not processed may go to another one, whatever
    /// the method (RFC 9113 §8.7).
    pub fn exchange_failed(
        &self,
        session: &mut Session,
        context: &mut RequestContext,
        mut error: Box<Error>,
        reused: bool,
    ) -> Box<Error> {
        let is_whole = !session.as_ref().retry_buffer_truncated() && session.response_written().is_none();
        if is_whole && *error.etype() == ErrorType::H2Error && matches!(error.retry, RetryType::Decided(true)) {
            return self.connecting_failed(context, error);
        }
        if !session.req_header().method.is_idempotent() || !is_whole {
            error.set_retry(false);
        } else {
            error.retry.decide_reuse(reused);
        }
        if *error.etype() == ErrorType::ReadTimedout && !session.as_mut().is_body_done() {
            // The server waits as we do: it is the client that sends nothing.
            error.as_down();
        }
        if let Some(reason) = lifetime::ended(context, &self.live.load(), SystemTime::now()) {
            error.set_retry(false);
            self.token_ended(reason, context);
        } else if error.retry() {
            context.attempts.tried.pop();
            context.attempts.again = context.attempts.chosen.take();
        } else if *error.esource() != ErrorSource::Downstream {
            self.upstream_failed(context, reason_of(&error), &error);
        }
        error
    }
}

/// A body that ends with an empty piece ends without it: Pingora would end it twice (docs/pingora.md, T2).
pub fn drop_empty_end(body: &mut Option<Bytes>, end_of_stream: bool) {
    if end_of_stream && body.as_ref().is_some_and(Bytes::is_empty) {
        *body = None;
    }
}
