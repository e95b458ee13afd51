//! How is one request served, step by step? Calls and applies; decides nothing itself.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::BytesMut;
use http::Method;
use ipnet::IpNet;
use pingora_core::connectors::http::Connector;
use pingora_core::protocols::Stream;
use pingora_core::{Error, ErrorSource, ErrorType, Result};
use pingora_proxy::Session;
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
use super::live::{Edition, Live};
use super::log_line::{self};
use super::metrics::Metrics;
use super::peer::Provenance;
use super::websocket;
use crate::auth::trace::NoTrace;

/// How long a client may keep us waiting while we write to it.
const CLIENT_WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long it may be silent within a body.
const CLIENT_READ_TIMEOUT: Duration = Duration::from_secs(60);

/// What requests are served with, by one worker.
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

/// Whether a request has its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// It has.
    Yes,
    /// Not yet.
    No,
}

impl Proxy {
    /// The state of a request whose head was just read.
    pub fn new_context(&self, edition: Arc<Edition>) -> RequestContext {
        RequestContext::new(edition, SystemTime::now(), &self.metrics)
    }

    /// Serves one request of HTTP/1, of which something was read, to the end of its answer. Gives back the connection, if another may come on it.
    /// The request belongs to the edition that runs when its head has come; if that one needs Pingora, to the one of before.
    pub async fn serve(&self, stream: Stream, begun: BytesMut, before: Arc<Edition>) -> Option<Stream> {
        let mut session = Session::new_h1(stream);
        session.set_pipelined_prefix(begun);
        // The stream itself keeps the time that a head may take.
        session.set_read_timeout(None);
        if !read_head(&mut session).await {
            session.as_mut().shutdown().await;
            return None;
        }
        session.set_read_timeout(Some(CLIENT_READ_TIMEOUT));
        let edition = Some(self.live.load_full()).filter(|edition| edition.is_http1_throughout).unwrap_or(before);
        let mut context = self.new_context(edition);
        self.begin(&mut session, &context);
        let error = self.answer(&mut session, &mut context).await.err();
        if let Some(error) = &error {
            Box::pin(self.fail(&mut session, error, &mut context)).await;
        }
        self.end(&mut session, error.as_deref(), &mut context).await;
        if error.is_some() {
            return None;
        }
        let ended = session.downstream_session.finish().await;
        ended.ok().flatten().map(|connection| connection.into_parts().0)
    }

    async fn answer(&self, session: &mut Session, context: &mut RequestContext) -> Result<()> {
        if self.decide(session, context).await? == Served::Yes || self.carry(session, context).await? == Served::Yes {
            return Ok(());
        }
        Err(Error::explain(ErrorType::InternalError, "a request for a server of HTTP/2 came where it cannot be served"))
    }

    /// How long its connection is kept. Pingora keeps an idle connection for ever once a request was read (docs/pingora.md, T3).
    /// Who asked to close still does.
    pub fn begin(&self, session: &mut Session, context: &RequestContext) {
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
    }

    /// Whether it may pass. Who may not is told.
    pub async fn decide(&self, session: &mut Session, context: &mut RequestContext) -> Result<Served> {
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
            None => Ok(Served::No),
            Some(answer) => Box::pin(answer.send(session)).await.map(|()| Served::Yes),
        }
    }

    /// Carries it to its server and the answer back: a WebSocket, and whatever is for a server of HTTP/1.
    pub async fn carry(&self, session: &mut Session, context: &mut RequestContext) -> Result<Served> {
        if websocket::is_asked_for(session.req_header()) {
            Box::pin(self.open_websocket(session, context)).await?;
        } else if Self::is_for_http1(context) {
            self.forward(session, context).await?;
        } else {
            return Ok(Served::No);
        }
        Ok(Served::Yes)
    }

    /// Tells the client of a failure, if it can still be told; the status that it got.
    pub async fn fail(&self, session: &mut Session, error: &Error, context: &mut RequestContext) -> u16 {
        if let Some(written) = session.response_written().filter(|head| is_final(head)) {
            return written.status.as_u16();
        }
        let client_is_gone = matches!(
            error.etype(),
            ErrorType::ReadError | ErrorType::WriteError | ErrorType::ConnectionClosed | ErrorType::WriteTimedout
        );
        if *error.esource() == ErrorSource::Downstream && client_is_gone {
            return 0;
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
        status
    }

    /// Writes its line, and leaves the connection ready for the next.
    pub async fn end(&self, session: &mut Session, error: Option<&Error>, context: &mut RequestContext) {
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

/// Reads the head of a request; `false` if there is none that can be served. Pingora answers these itself (docs/pingora.md, T13).
async fn read_head(session: &mut Session) -> bool {
    let told = match session.as_mut().read_request().await {
        // There is no way through us to anywhere else (RFC 9110 §9.3.6).
        Ok(true) if session.req_header().method == Method::CONNECT => Box::pin(session.respond_error(405)).await,
        Ok(is_there) => return is_there,
        Err(error) if *error.etype() == ErrorType::InvalidHTTPHeader => Box::pin(session.respond_error(400)).await,
        Err(error) => Err(error),
    };
    if let Err(error) = told {
        log::debug!("a client went away with its first word: {error}");
    }
    false
}
