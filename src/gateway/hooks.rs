//! What does Pingora ask of us, and when? For requests that it carries: all of HTTP/2, and those to servers of HTTP/2.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pingora_core::modules::http::HttpModules;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};

use super::context::RequestContext;
use super::passage;
use super::proxy::{Proxy, Served};

/// The gateway, as Pingora sees it.
pub struct Hooks(pub Arc<Proxy>);

#[async_trait]
impl ProxyHttp for Hooks {
    /// In a box: Pingora moves it from one state of a request to the next.
    type CTX = Box<RequestContext>;

    /// None: Pingora's own would compress for clients, which is done on the way from the upstream, and costs if it does nothing.
    fn init_downstream_modules(&self, _: &mut HttpModules) {}

    fn new_ctx(&self) -> Self::CTX {
        Box::new(self.0.new_context(self.0.live.load_full()))
    }

    async fn early_request_filter(&self, session: &mut Session, context: &mut Self::CTX) -> Result<()> {
        self.0.begin(session, context);
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, context: &mut Self::CTX) -> Result<bool> {
        Ok(self.0.decide(session, context).await? == Served::Yes)
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        context: &mut Self::CTX,
    ) -> Result<()> {
        self.0.limit_body(session, context)?;
        passage::drop_empty_end(body, end_of_stream);
        Ok(())
    }

    async fn proxy_upstream_filter(&self, session: &mut Session, context: &mut Self::CTX) -> Result<bool> {
        Ok(self.0.carry(session, context).await? == Served::No)
    }

    async fn upstream_peer(&self, session: &mut Session, context: &mut Self::CTX) -> Result<Box<HttpPeer>> {
        let endpoint = self.0.next_endpoint(session, context)?;
        let mut peer = Box::new(endpoint.peer().clone());
        peer.options.read_timeout = self.0.patience(peer.options.read_timeout, context);
        Ok(peer)
    }

    fn fail_to_connect(&self, _: &mut Session, _: &HttpPeer, context: &mut Self::CTX, error: Box<Error>) -> Box<Error> {
        self.0.connecting_failed(context, error)
    }

    fn error_while_proxy(
        &self,
        _: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        context: &mut Self::CTX,
        reused: bool,
    ) -> Box<Error> {
        self.0.exchange_failed(session, context, error, reused)
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream: &mut RequestHeader,
        context: &mut Self::CTX,
    ) -> Result<()> {
        self.0.change_request(session, upstream, context)
    }

    /// Before Pingora compresses, and sooner than any other hook sees the answer.
    async fn adjust_upstream_modules(
        &self,
        session: &mut Session,
        response: &ResponseHeader,
        _: bool,
        context: &mut Self::CTX,
    ) -> Result<()> {
        Proxy::spare_from_compression(session, response, context);
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        _: &mut Session,
        response: &mut ResponseHeader,
        context: &mut Self::CTX,
    ) -> Result<()> {
        Proxy::heed_answer(response, context);
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        context: &mut Self::CTX,
    ) -> Result<()> {
        self.0.change_answer(session, response, context)
    }

    fn response_body_filter(
        &self,
        _: &mut Session,
        _: &mut Option<Bytes>,
        end_of_stream: bool,
        context: &mut Self::CTX,
    ) -> Result<Option<Duration>> {
        if !end_of_stream {
            self.0.may_go_on(context)?;
        }
        Ok(None)
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, context: &mut Self::CTX) -> FailToProxy {
        let error_code = self.0.fail(session, error, context).await;
        FailToProxy { error_code, can_reuse_downstream: false }
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, context: &mut Self::CTX) {
        self.0.end(session, error, context).await;
    }

    /// Every failure has its line already, in our words.
    fn suppress_error_log(&self, _: &Session, _: &Self::CTX, _: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(&self, _: &Session, _: &Self::CTX, _: &Error, _: ProxyWarnLogContext) -> bool {
        true
    }

    /// Pingora's own summary would show the query, and a token in it.
    fn request_summary(&self, session: &Session, context: &Self::CTX) -> String {
        format!("{} request {}", session.req_header().method, context.request_id)
    }
}
