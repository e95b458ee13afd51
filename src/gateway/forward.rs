//! How does a request come to a server of HTTP/1, and its answer to the client?
//!
//! Over Pingora's sessions on both sides, which read and write the messages and know where they end, but without its proxy between
//! them: that one lets two tasks talk over channels, and asks hooks that we do not have. Measured, ours costs a third less.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, HeaderValue, TRANSFER_ENCODING};
use http::{Method, StatusCode, Version};
use pingora_core::protocols::http::HttpTask;
use pingora_core::protocols::http::v1::client::HttpSession as UpstreamSession;
use pingora_core::{Error, ErrorType, Result, RetryType};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;

use super::at_once::at_once;
use super::context::RequestContext;
use super::headers;
use super::keepalive::{Connected, Wanted};
use super::passage;
use super::proxy::Proxy;
use crate::config::schema::Protocol;

/// A head and a body.
const USUAL_WORDS: usize = 2;
/// What is gathered for one write at most: words, however short, and octets of a body.
const MOST_WORDS: usize = 8;
const ENOUGH: usize = 16 * 1024;

/// An exchange with a server.
struct Exchange {
    upstream: UpstreamSession,
    /// Why not all of the request could be sent.
    unsent: Option<Box<Error>>,
}

impl Proxy {
    /// Whether a request is for a server of HTTP/1.
    pub fn is_for_http1(context: &RequestContext) -> bool {
        Self::pool(context).is_some_and(|pool| pool.spec().protocol == Protocol::Http1)
    }

    /// Sends a request to the next server that answers, and the client its answer.
    pub async fn forward(&self, session: &mut Session, context: &mut RequestContext) -> Result<()> {
        let mut wanted = Wanted::Any;
        loop {
            let endpoint = self.next_endpoint(session, context)?;
            let Connected { session: upstream, reused } = match self.keepalive.connect(&endpoint, wanted).await {
                Ok(connected) => connected,
                Err(error) => {
                    let error = self.connecting_failed(context, error.into_up()).into_up();
                    if error.retry() {
                        continue;
                    }
                    return Err(error);
                }
            };
            let mut exchange = Exchange { upstream, unsent: None };
            let options = &endpoint.peer().options;
            exchange.upstream.read_timeout = self.patience(options.read_timeout, context);
            exchange.upstream.write_timeout = options.write_timeout;
            match self.exchange(session, &mut exchange, context).await {
                Ok(()) if exchange.unsent.is_none() => {
                    self.keepalive.keep(&endpoint, exchange.upstream).await;
                    return Ok(());
                }
                Ok(()) => return Ok(()),
                Err(error) => {
                    let error = self.exchange_failed(session, context, error, reused);
                    if !error.retry() {
                        return Err(error);
                    }
                    wanted = Wanted::New;
                }
            }
        }
    }

    /// Sends the request, and passes the answer on, until both have ended.
    async fn exchange(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
        context: &mut RequestContext,
    ) -> Result<()> {
        let head = self.head_for_upstream(session, context)?;
        session.upstream_compression.request_filter(&head);
        let sent = exchange.upstream.write_request_header(Box::new(head)).await;
        sent.map_err(|error| of_kept_connection(error).into_up())?;
        session.as_mut().enable_retry_buffering();
        let mut is_sent = session.as_mut().is_body_done();
        if let Some(again) = session.as_ref().get_retry_buffer() {
            is_sent = self.send(session, exchange, Some(again), context).await?;
        } else if is_sent {
            exchange.send(None, true).await;
        }
        let mut is_answered = false;
        while !is_sent || !is_answered {
            // What a client of HTTP/1 still sends is no word after its request, if we are who stopped reading.
            let is_heard = exchange.unsent.is_none() || session.is_http2();
            tokio::select! {
                said = exchange.upstream.read_response_task(), if !is_answered => {
                    let said = said.map_err(|error| exchange.unsent.take().unwrap_or(error).into_up())?;
                    is_answered = self.pass_on(session, exchange, said, context).await?;
                }
                // The client's end is noticed here as well.
                piece = session.downstream_session.read_body_or_idle(is_sent), if is_heard => {
                    let piece = piece.map_err(|error| error.into_down())?;
                    is_sent = self.send(session, exchange, piece, context).await?;
                }
            }
        }
        Ok(())
    }

    /// What the server gets: the client's head without what belongs to its connection, and with what we say.
    fn head_for_upstream(&self, session: &mut Session, context: &RequestContext) -> Result<RequestHeader> {
        let mut head = session.req_header().clone();
        head.set_version(Version::HTTP_11);
        headers::strip_connection(&mut head)?;
        self.change_request(session, &mut head, context)?;
        if !head.headers.contains_key(HOST) {
            head.insert_header(HOST, HeaderValue::from_static(""))?;
        }
        if !session.as_mut().is_body_empty() && !head.headers.contains_key(CONTENT_LENGTH) {
            head.insert_header(TRANSFER_ENCODING, HeaderValue::from_static("chunked"))?;
        }
        Ok(head)
    }

    /// Sends a piece of the body; true after the last.
    async fn send(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
        mut piece: Option<Bytes>,
        context: &RequestContext,
    ) -> Result<bool> {
        let is_last = piece.is_none() || session.as_mut().is_body_done();
        self.limit_body(session, context)?;
        passage::drop_empty_end(&mut piece, is_last);
        Ok(exchange.send(piece, is_last).await)
    }

    /// Passes on what the server has said, and what stands ready behind it in the same write; true after the last.
    async fn pass_on(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
        mut said: HttpTask,
        context: &mut RequestContext,
    ) -> Result<bool> {
        let mut words = Vec::with_capacity(USUAL_WORDS);
        let mut octets = 0;
        loop {
            let is_last = said.is_end();
            octets += body_of(&said);
            words.push(self.for_client(session, said, context)?);
            if is_last || octets >= ENOUGH || words.len() == MOST_WORDS {
                break;
            }
            match at_once(exchange.upstream.read_response_task()) {
                Some(Ok(next)) => said = next,
                Some(Err(error)) => {
                    words.push(HttpTask::Failed(exchange.unsent.take().unwrap_or(error).into_up()));
                    break;
                }
                None => break,
            }
        }
        session.as_mut().response_duplex_vec(words).await
    }

    /// What the client gets of what the server has said.
    fn for_client(&self, session: &mut Session, mut said: HttpTask, context: &mut RequestContext) -> Result<HttpTask> {
        if let HttpTask::Header(head, _) = &said {
            if head.status == StatusCode::SWITCHING_PROTOCOLS {
                let words = "it switches to a protocol that nobody has asked for";
                return Err(Error::explain(ErrorType::InvalidHTTPHeader, words).into_up());
            }
            Self::spare_from_compression(session, head, context);
        }
        session.upstream_compression.response_filter(&mut said);
        match &mut said {
            HttpTask::Header(head, is_last) => {
                Self::heed_answer(head, context);
                frame(session, head, *is_last)?;
                self.change_answer(session, head, context)?;
            }
            HttpTask::Body(_, false) => self.may_go_on(context)?,
            HttpTask::Body(..)
            | HttpTask::UpgradedBody(..)
            | HttpTask::Trailer(_)
            | HttpTask::Done
            | HttpTask::Failed(_) => {}
        }
        Ok(said)
    }
}

impl Exchange {
    /// Sends a piece of the body; true if there is nothing more to be sent. A server that takes no more may have answered already.
    async fn send(&mut self, piece: Option<Bytes>, is_last: bool) -> bool {
        let sent = async {
            if let Some(octets) = piece.filter(|octets| !octets.is_empty()) {
                self.upstream.write_body(&octets).await?;
            }
            if is_last {
                self.upstream.finish_body().await?;
            }
            Result::Ok(())
        };
        if let Err(error) = sent.await {
            self.unsent = Some(of_kept_connection(error));
        }
        is_last || self.unsent.is_some()
    }
}

/// Octets of the body in it.
fn body_of(said: &HttpTask) -> usize {
    if let HttpTask::Body(Some(octets), _) = said { octets.len() } else { 0 }
}

/// A server that closes a kept connection may be noticed by the write as well as by the read.
fn of_kept_connection(mut error: Box<Error>) -> Box<Error> {
    if *error.etype() == ErrorType::WriteError {
        error.retry = RetryType::ReusedOnly;
    }
    error
}

/// An answer that ends with its connection is sent in chunks, so that the client keeps its own.
fn frame(session: &Session, head: &mut ResponseHeader, is_last: bool) -> Result<()> {
    let is_bodiless = session.req_header().method == Method::HEAD
        || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || head.status.is_informational();
    let is_framed = head.headers.contains_key(TRANSFER_ENCODING) || head.headers.contains_key(CONTENT_LENGTH);
    if !is_bodiless && !is_framed && !is_last {
        head.set_version(Version::HTTP_11);
        head.insert_header(TRANSFER_ENCODING, HeaderValue::from_static("chunked"))?;
    }
    Ok(())
}
