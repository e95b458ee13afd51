//! How is a WebSocket opened through us? The handshake with the upstream, and what it answers (RFC 6455 §4).

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use http::{Method, StatusCode, Version};
use pingora_core::protocols::http::client::HttpSession;
use pingora_core::protocols::http::v1::client::HttpSession as UpstreamSession;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;

use super::context::RequestContext;
use super::frames::Frames;
use super::headers;
use super::proxy::Proxy;
use super::tunnel::{Ending, Tunnel};
use crate::auth::Reason;

/// Whether a request asks for a WebSocket. Over HTTP/2 there is none: Pingora knows no extended CONNECT (RFC 8441).
pub fn is_asked_for(head: &RequestHeader) -> bool {
    let names = head.headers.get_all(UPGRADE).into_iter().filter_map(|value| value.to_str().ok());
    let mut names = names.flat_map(|value| value.split(','));
    head.version == Version::HTTP_11 && names.any(|name| name.trim().eq_ignore_ascii_case("websocket"))
}

impl Proxy {
    /// Opens a WebSocket to the upstream, and serves it to its end.
    pub async fn open_websocket(&self, session: &mut Session, context: &mut RequestContext) -> Result<()> {
        let head = session.req_header();
        let has_body = head.headers.contains_key(TRANSFER_ENCODING)
            || head.headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0");
        if head.method != Method::GET || has_body {
            return Err(Error::explain(ErrorType::InvalidHTTPHeader, "no handshake of a WebSocket").into_down());
        }
        let (peer, mut upstream) = self.connect_for_websocket(session, context).await?;
        match self.shake_hands(session, &mut upstream, &peer, context).await {
            Ok(head) if head.status == StatusCode::SWITCHING_PROTOCOLS => {
                self.serve_websocket(session, upstream, head, context).await
            }
            Ok(head) => self.pass_refusal_on(session, upstream, head, context).await,
            Err(error) => Err(self.exchange_failed(session, context, error, false)),
        }
    }

    /// A connection of its own, to the next server that can be reached.
    async fn connect_for_websocket(
        &self,
        session: &mut Session,
        context: &mut RequestContext,
    ) -> Result<(Box<HttpPeer>, UpstreamSession)> {
        loop {
            let mut peer = Box::new(self.next_endpoint(session, context)?.peer().clone());
            peer.options.read_timeout = self.patience(peer.options.read_timeout, context);
            peer.options.set_http_version(1, 1);
            let error = match self.websockets.get_http_session(&*peer).await {
                Ok((HttpSession::H1(upstream), _)) => return Ok((peer, upstream)),
                Ok(_) => return Err(Error::explain(ErrorType::InvalidHTTPHeader, "it speaks HTTP/2 only").into_up()),
                Err(error) => self.connecting_failed(context, error.into_up()),
            };
            if !error.retry() {
                return Err(error);
            }
        }
    }

    /// Sends the handshake on, and reads the head of the answer.
    async fn shake_hands(
        &self,
        session: &mut Session,
        upstream: &mut UpstreamSession,
        peer: &HttpPeer,
        context: &mut RequestContext,
    ) -> Result<Box<ResponseHeader>> {
        let mut head = session.req_header().clone();
        headers::strip_connection(&mut head)?;
        head.insert_header(CONNECTION, "Upgrade")?;
        head.insert_header(UPGRADE, "websocket")?;
        self.change_request(session, &mut head, context)?;
        upstream.read_timeout = peer.options.read_timeout;
        upstream.write_timeout = peer.options.write_timeout;
        upstream.write_request_header(Box::new(head)).await.map_err(|error| error.into_up())?;
        loop {
            let head = upstream.read_resp_header_parts().await.map_err(|error| error.into_up())?;
            if head.status == StatusCode::SWITCHING_PROTOCOLS && !is_websocket(&head) {
                let words = "it switches to another protocol than that of WebSockets";
                return Err(Error::explain(ErrorType::ReadError, words).into_up());
            }
            if head.status == StatusCode::SWITCHING_PROTOCOLS || !head.status.is_informational() {
                return Ok(head);
            }
        }
    }

    async fn serve_websocket(
        &self,
        session: &mut Session,
        mut upstream: UpstreamSession,
        mut head: Box<ResponseHeader>,
        context: &mut RequestContext,
    ) -> Result<()> {
        self.dress_answer(session, &mut head, context)?;
        head.insert_header(CONNECTION, HeaderValue::from_static("Upgrade"))?;
        head.insert_header(UPGRADE, HeaderValue::from_static("websocket"))?;
        let client = session.as_mut();
        client.write_response_header(head).await.map_err(|error| error.into_down())?;
        // From here on silence is measured by the tunnel.
        client.set_read_timeout(None);
        upstream.read_timeout = None;
        upstream.maybe_upgrade_body_writer();
        let idle = Self::pool(context).map_or_else(Default::default, |pool| pool.spec().websocket_idle);
        let open = self.metrics.websocket_opens();
        let leaving = self.leaving.clone();
        let (to_client, from_client) = (Frames::default(), Frames::default());
        let tunnel = Tunnel { client, upstream: &mut upstream, idle, leaving, to_client, from_client };
        let ending = tunnel.run(context, &self.live).await;
        drop(open);
        upstream.shutdown().await;
        match ending {
            Ok(Ending::Token(reason) | Ending::Cut(Some(reason))) => self.token_ended(reason, context),
            Ok(Ending::Closed | Ending::Idle | Ending::Leaving | Ending::Cut(None)) => {}
            // Who of the two went away without a word is nobody's failure.
            Err(error) => log::debug!("request {}: its WebSocket broke: {error}", context.request_id),
        }
        Ok(())
    }

    /// An upstream that opens no WebSocket has an answer like any other.
    async fn pass_refusal_on(
        &self,
        session: &mut Session,
        mut upstream: UpstreamSession,
        mut head: Box<ResponseHeader>,
        context: &mut RequestContext,
    ) -> Result<()> {
        self.dress_answer(session, &mut head, context)?;
        let client = session.as_mut();
        client.set_keepalive(None);
        client.write_response_header(head).await.map_err(|error| error.into_down())?;
        while let Some(piece) = upstream.read_body_bytes().await.map_err(|error| error.into_up())? {
            client.write_response_body(piece, false).await.map_err(|error| error.into_down())?;
        }
        client.write_response_body(bytes::Bytes::new(), true).await.map_err(|error| error.into_down())
    }

    fn dress_answer(
        &self,
        session: &mut Session,
        head: &mut ResponseHeader,
        context: &mut RequestContext,
    ) -> Result<()> {
        headers::strip_connection_of_answer(head);
        Self::heed_answer(head, context);
        self.change_answer(session, head, context)
    }

    /// A connection was ended because its token holds no longer.
    pub fn token_ended(&self, reason: Reason, context: &RequestContext) {
        self.metrics.ended_with_token(reason.code());
        log::info!("request {}: ended by the gateway: {}", context.request_id, reason.code());
    }
}

fn is_websocket(head: &ResponseHeader) -> bool {
    head.headers.get(UPGRADE).is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(b"websocket"))
}
