//! What does Pingora ask of us, and when? Translates, calls, applies; decides nothing itself.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use ipnet::IpNet;
use pingora_core::connectors::http::Connector;
use pingora_core::modules::http::HttpModules;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorSource, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use tokio::sync::watch;

use super::access_log::LogSender;
use super::answer;
use super::connection::{Connection, Stage, listener_of};
use super::context::{Progress, RequestContext, Turn};
use super::failure::is_final;
use super::head;
use super::headers;
use super::inquiry::Inquirer;
use super::judge::{self, Arrival};
use super::keepalive::Keepalive;
use super::live::Live;
use super::log_line::{self};
use super::metrics::Metrics;
use super::passage;
use super::peer::Provenance;
use super::websocket;
use crate::auth::trace::NoTrace;

/// How long a client may keep us waiting while we write to it.
const CLIENT_WRITE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(60);

/// The gateway, as Pingora sees it.
pub struct Proxy {
    /// The edition that requests begin with.
    pub live: Arc<Live>,
    /// What operators see.
    pub metrics: Metrics,
    /// Finds out what decisions depend on.
    pub inquirer: Inquirer,
    /// Where lines of the access log go.
    pub log: LogSender,
    /// Connections to servers of HTTP/1.
    pub keepalive: Arc<Keepalive>,
    /// Makes connections for WebSockets, each its own.
    pub websockets: Connector,
    /// Becomes true when connections are to end with their next answer.
    pub closing: watch::Receiver<bool>,
    /// Becomes true when the process can wait for WebSockets no longer.
    pub leaving: watch::Receiver<bool>,
}

impl Proxy {
    /// How a request came in.
    pub fn arrival<'s>(&'s self, session: &'s Session, context: &RequestContext) -> Result<Arrival<'s>> {
        match Connection::of(session) {
            Some(connection) => Ok(Arrival {
                head: session.req_header(),
                scheme: context.scheme.unwrap_or(connection.scheme),
                listener: connection.listener,
                size: 0,
                certificate: connection.certificate.as_ref(),
                inquirer: &self.inquirer,
            }),
            None => Err(Error::explain(ErrorType::InternalError, "a request came in through no listener")),
        }
    }
}

#[async_trait]
impl ProxyHttp for Proxy {
    /// In a box: Pingora moves it from one state of a request to the next.
    type CTX = Box<RequestContext>;

    /// None: Pingora's own would compress for clients, which is done on the way from the upstream, and costs if it does nothing.
    fn init_downstream_modules(&self, _: &mut HttpModules) {}

    fn new_ctx(&self) -> Self::CTX {
        Box::new(RequestContext::new(self.live.load_full(), SystemTime::now(), &self.metrics))
    }

    /// Pingora keeps an idle connection for ever once a request was read (docs/pingora.md, T3). Who asked to close still does.
    async fn early_request_filter(&self, session: &mut Session, context: &mut Self::CTX) -> Result<()> {
        let connection = Connection::of(session).cloned();
        if let (Some(listener), Some(connection)) = (listener_of(session, &context.edition), connection) {
            connection.is_at(Stage::Request);
            let count = connection.count_request();
            let is_last = count >= listener.limits.requests_per_connection || *self.closing.borrow();
            if session.get_keepalive().is_some() {
                session.set_keepalive((!is_last).then_some(listener.limits.idle_timeout.as_secs()));
            }
        }
        session.set_write_timeout(Some(CLIENT_WRITE_TIMEOUT));
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, context: &mut Self::CTX) -> Result<bool> {
        let edition = Arc::clone(&context.edition);
        let trusted = listener_of(session, &edition).map_or(&[] as &[IpNet], |listener| &listener.trusted_proxies);
        if let Some(connection) = Connection::of(session) {
            context.came(Provenance::of(session.req_header(), &connection.peer, connection.scheme, trusted));
        }
        let size = headers::size(session.req_header());
        head::change(session.req_header_mut(), |headers| {
            headers::strip_client_claims(headers, &edition.snapshot.identity_names);
        })?;
        let arrival = Arrival { size, ..self.arrival(session, context)? };
        let answer = judge::judge(&arrival, context, &mut NoTrace).await?;
        self.count_decision(context);
        match answer {
            None => Ok(false),
            Some(answer) => {
                Box::pin(answer.send(session)).await?;
                Ok(true)
            }
        }
    }

    /// Pingora ends a body twice that HTTP/2 ends with an empty frame, which confuses the next request on the upstream's
    /// connection (docs/pingora.md, T2).
    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        context: &mut Self::CTX,
    ) -> Result<()> {
        self.limit_body(session, context)?;
        passage::drop_empty_end(body, end_of_stream);
        Ok(())
    }

    /// A WebSocket is served by us, and so is whatever goes to a server of HTTP/1.
    async fn proxy_upstream_filter(&self, session: &mut Session, context: &mut Self::CTX) -> Result<bool> {
        if websocket::is_asked_for(session.req_header()) {
            Box::pin(self.open_websocket(session, context)).await.map(|()| false)
        } else if Self::is_for_http1(session, context) {
            self.forward(session, context).await.map(|()| false)
        } else {
            Ok(true)
        }
    }

    async fn upstream_peer(&self, session: &mut Session, context: &mut Self::CTX) -> Result<Box<HttpPeer>> {
        let endpoint = self.next_endpoint(session, context)?;
        let mut peer = Box::new(endpoint.peer().clone());
        peer.options.read_timeout = self.patience(peer.options.read_timeout, context);
        Ok(peer)
    }

    fn fail_to_connect(&self, _: &mut Session, _: &HttpPeer, context: &mut Self::CTX, error: Box<Error>) -> Box<Error> {
        self.connecting_failed(context, error)
    }

    fn error_while_proxy(
        &self,
        _: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        context: &mut Self::CTX,
        reused: bool,
    ) -> Box<Error> {
        self.exchange_failed(session, context, error, reused)
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream: &mut RequestHeader,
        context: &mut Self::CTX,
    ) -> Result<()> {
        self.change_request(session, upstream, context)
    }

    /// Before Pingora compresses, and sooner than any other hook sees the answer.
    async fn adjust_upstream_modules(
        &self,
        session: &mut Session,
        response: &ResponseHeader,
        _: bool,
        context: &mut Self::CTX,
    ) -> Result<()> {
        Self::spare_from_compression(session, response, context);
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        _: &mut Session,
        response: &mut ResponseHeader,
        context: &mut Self::CTX,
    ) -> Result<()> {
        Self::heed_answer(response, context);
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        context: &mut Self::CTX,
    ) -> Result<()> {
        self.change_answer(session, response, context)
    }

    fn response_body_filter(
        &self,
        _: &mut Session,
        _: &mut Option<Bytes>,
        end_of_stream: bool,
        context: &mut Self::CTX,
    ) -> Result<Option<std::time::Duration>> {
        if !end_of_stream {
            self.may_go_on(context)?;
        }
        Ok(None)
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, context: &mut Self::CTX) -> FailToProxy {
        let failed = |error_code| FailToProxy { error_code, can_reuse_downstream: false };
        if let Some(written) = session.response_written().filter(|head| is_final(head)) {
            return failed(written.status.as_u16());
        }
        let client_is_gone = matches!(
            error.etype(),
            ErrorType::ReadError | ErrorType::WriteError | ErrorType::ConnectionClosed | ErrorType::WriteTimedout
        );
        if *error.esource() == ErrorSource::Downstream && client_is_gone {
            return failed(0);
        }
        let denial = self.denial_of(error, context);
        let status = denial.status;
        context.attempts.failure = Some(denial.reason);
        session.set_keepalive(None);
        let answer = self.arrival(session, context).and_then(|arrival| judge::failure(&arrival, context, &denial));
        let sent = match answer {
            Ok(answer) => answer.send(session).await,
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            log::debug!("request {}: its failure could not be answered: {error}", context.request_id);
        }
        failed(status)
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, context: &mut Self::CTX) {
        if let Some(error) = error
            && *error.esource() == ErrorSource::Internal
        {
            log::error!("request {}: {error}", context.request_id);
        }
        self.log_request(session, context);
        if session.is_http2() {
            return;
        }
        // What is left of a request must not be taken for the next one.
        let is_over = error.is_none() && !session.as_mut().was_upgraded() && answer::is_drained(session).await;
        if !is_over {
            session.set_keepalive(None);
        }
        if let Some(connection) = Connection::of(session) {
            connection.is_at(Stage::Idle);
        }
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

impl Proxy {
    fn count_decision(&self, context: &RequestContext) {
        let (realm, reason) = match &context.progress {
            Progress::Received => return,
            Progress::Turned { turn, .. } => match turn {
                Turn::ToHttps => ("", "redirected"),
                Turn::Preflight => ("", "preflight"),
                Turn::Refused(denial) => ("", denial.reason.code()),
            },
            Progress::Denied { denial, .. } => (denial.realm.as_deref().unwrap_or_default(), denial.reason.code()),
            Progress::Granted { grant, .. } => {
                if let Some(shadowed) = grant.shadowed() {
                    self.metrics.shadowed(&shadowed.realm, shadowed.reason.code());
                }
                let realm = grant.identity().map_or("", |identity| identity.realm());
                (realm, if log_line::auth_status(&context.progress) == "none" { "public" } else { "granted" })
            }
        };
        self.metrics.decided(realm, reason);
    }
}
