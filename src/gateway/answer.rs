//! How does the gateway answer for itself? Status, body and headers of everything that no upstream said.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
    SET_COOKIE, VARY, WWW_AUTHENTICATE,
};
use pingora_core::protocols::http::HttpTask;
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;

use super::cors;
use super::grpc;
use super::headers::{X_REQUEST_ID, rendered};
use super::page_load::{DEPENDS_ON, is_page_load, prefers_json};
use crate::auth::challenge::Challenge;
use crate::auth::expression::facts::Facts;
use crate::auth::forward_auth::ServiceAnswer;
use crate::auth::{Denial, Grant, Scheme};
use crate::snapshot::{Answers, Cors, CustomAnswer, Fixed, Rate, ResponseHeaders};

/// A refused request whose body is no longer than this keeps its connection.
const MOST_DRAINED: usize = 64 * 1024;
/// A client that sends its refused body more slowly than this loses its connection.
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// A complete answer, not sent yet.
#[derive(Debug)]
pub struct OwnAnswer {
    head: ResponseHeader,
    body: Bytes,
}

impl OwnAnswer {
    /// An answer with a body.
    pub fn new(status: u16, media_type: &str, body: Bytes) -> pingora_core::Result<Self> {
        let mut head = ResponseHeader::build(status, Some(8))?;
        // These have no body, whatever the configuration says (RFC 9110 §15.3.5, §15.4.5).
        if matches!(status, 204 | 304) {
            return Ok(Self { head, body: Bytes::new() });
        }
        head.insert_header(CONTENT_TYPE, media_type)?;
        head.insert_header(CONTENT_LENGTH, body.len())?;
        Ok(Self { head, body })
    }

    /// An answer that the configuration wrote down.
    pub fn fixed(status: u16, fixed: &Fixed) -> pingora_core::Result<Self> {
        Self::new(status, &fixed.media_type, fixed.octets.clone())
    }

    /// A redirect.
    pub fn redirect(status: u16, to: HeaderValue) -> pingora_core::Result<Self> {
        let mut answer = Self::new(status, "text/plain; charset=utf-8", Bytes::new())?;
        answer.head.insert_header(LOCATION, to)?;
        Ok(answer)
    }

    /// An answer that is a head alone.
    pub fn bodiless(head: ResponseHeader) -> Self {
        Self { head, body: Bytes::new() }
    }

    /// Says whose pages may read it.
    pub fn readable_by(mut self, rules: Option<&Cors>, request: &RequestHeader) -> pingora_core::Result<Self> {
        if let Some(rules) = rules {
            cors::dress(rules, request, &mut self.head)?;
        }
        Ok(self)
    }

    /// A refusal: as the configuration or a service says, else as a problem document or a line of text; never more than
    /// the reason. A browser that loads a page may be sent elsewhere instead.
    pub fn refusal(
        denial: &Denial,
        answers: &Answers,
        request: &RequestHeader,
        facts: &Facts<'_>,
    ) -> pingora_core::Result<Self> {
        if grpc::is_grpc(request) {
            return grpc::refusal(denial).map(Self::bodiless);
        }
        let custom = answers.get(denial.status);
        let configured = custom.and_then(|custom| custom.browser.as_ref());
        let said = denial.said.as_deref();
        let redirect = said.and_then(|said| said.redirect.clone());
        let sends_browsers_elsewhere = configured.is_some() || redirect.is_some();
        let mut answer = if sends_browsers_elsewhere && is_page_load(request) {
            let to = configured.map(|to| (302, rendered(to.render(facts).ok().flatten().as_deref())));
            match to.or_else(|| redirect.map(|(status, to)| (status, Some(to)))) {
                Some((status, Some(to))) => Self::redirect(status, to)?,
                Some((_, None)) | None => Self::challenging(denial, custom, request)?,
            }
        } else {
            Self::challenging(denial, custom, request)?
        };
        if sends_browsers_elsewhere {
            answer.head.insert_header(VARY, DEPENDS_ON)?;
        }
        answer.head.insert_header(CACHE_CONTROL, "no-store")?;
        for cookie in said.iter().flat_map(|said| &said.cookies) {
            answer.head.append_header(SET_COOKIE, cookie.clone())?;
        }
        Ok(answer)
    }

    /// A refusal that says what the client has to show.
    fn challenging(
        denial: &Denial,
        custom: Option<&CustomAnswer>,
        request: &RequestHeader,
    ) -> pingora_core::Result<Self> {
        if let Some(whole) = denial.said.as_deref().and_then(|said| said.whole.as_ref()) {
            return Self::passed_on(whole)?.with_challenges(denial);
        }
        match custom.and_then(|custom| custom.body.as_ref()) {
            Some(fixed) => Self::fixed(denial.status, fixed)?,
            None => default_refusal(denial, request)?,
        }
        .with_challenges(denial)
    }

    /// Adds the challenges that it does not have already.
    fn with_challenges(mut self, denial: &Denial) -> pingora_core::Result<Self> {
        for challenge in denial.challenges.iter().filter_map(Challenge::to_header) {
            if !self.head.headers.get_all(WWW_AUTHENTICATE).iter().any(|said| *said == challenge) {
                self.head.append_header(WWW_AUTHENTICATE, challenge)?;
            }
        }
        Ok(self)
    }

    /// The answer of a service, as it came, without what belongs to its connection.
    fn passed_on(whole: &ServiceAnswer) -> pingora_core::Result<Self> {
        let mut head = ResponseHeader::build(whole.status, Some(whole.headers.len()))?;
        for (name, value) in &whole.headers {
            if !is_of_the_connection(name) {
                head.append_header(name.clone(), value.clone())?;
            }
        }
        head.insert_header(CONTENT_LENGTH, whole.body.len())?;
        Ok(Self { head, body: whole.body.clone() })
    }

    /// Adds what services told of the client whom they admitted.
    pub fn with_words_of_services(mut self, grant: &Grant) -> pingora_core::Result<Self> {
        add_words_of_services(&mut self.head, grant)?;
        Ok(self)
    }

    /// Names the methods that would have been taken.
    pub fn allowing(mut self, methods: &[Method]) -> pingora_core::Result<Self> {
        let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
        self.head.insert_header(ALLOW, names.join(", "))?;
        Ok(self)
    }

    /// Says when to come again (RFC 9110 §10.2.3), and how often (draft-ietf-httpapi-ratelimit-headers-10).
    pub fn after(mut self, wait: Duration, rate: &Rate) -> pingora_core::Result<Self> {
        let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
        self.head.insert_header(RETRY_AFTER, seconds)?;
        let policy = format!("\"default\";q={};w={}", rate.requests, rate.per.as_secs());
        self.head.insert_header("RateLimit-Policy", policy)?;
        self.head.insert_header("RateLimit", format!("\"default\";r=0;t={seconds}"))?;
        Ok(self)
    }

    /// Makes the edits that every answer gets.
    pub fn dressed(
        mut self,
        headers: &ResponseHeaders,
        facts: &Facts<'_>,
        request_id: &str,
    ) -> pingora_core::Result<Self> {
        dress(&mut self.head, headers, facts)?;
        self.head.insert_header(X_REQUEST_ID, request_id)?;
        Ok(self)
    }

    /// Sends it. The client keeps its connection if its request is complete, or nearly.
    pub async fn send(self, session: &mut Session) -> pingora_core::Result<()> {
        let request_is_read = is_drained(session).await;
        if !request_is_read {
            session.set_keepalive(None);
        }
        let bodiless = session.req_header().method == Method::HEAD || self.body.is_empty();
        if bodiless && session.is_http2() {
            // The stream ends with the head: clients of gRPC take no empty frame after trailers.
            let head = HttpTask::Header(Box::new(self.head), true);
            return session.as_mut().response_duplex_vec(vec![head]).await.map(drop);
        }
        session.write_response_header(Box::new(self.head), bodiless).await?;
        if !bodiless {
            session.write_response_body(Some(self.body), true).await?;
        }
        Ok(())
    }
}

/// Makes the edits of the configuration in the head of any answer. HSTS is for TLS only (RFC 6797 §7.2).
pub fn dress(head: &mut ResponseHeader, headers: &ResponseHeaders, facts: &Facts<'_>) -> pingora_core::Result<()> {
    for edit in headers.edits() {
        if edit.name == http::header::STRICT_TRANSPORT_SECURITY && facts.request.scheme == Scheme::Http {
            continue;
        }
        match &edit.value {
            None => {
                head.remove_header(&edit.name);
            }
            Some(template) => {
                head.remove_header(&edit.name);
                if let Some(value) = rendered(template.render(facts).ok().flatten().as_deref()) {
                    head.insert_header(edit.name.clone(), value)?;
                }
            }
        }
    }
    Ok(())
}

/// RFC 9457 for a client that prefers JSON, a line of text for all others.
fn default_refusal(denial: &Denial, request: &RequestHeader) -> pingora_core::Result<OwnAnswer> {
    let title = http::StatusCode::from_u16(denial.status).ok().and_then(|status| status.canonical_reason());
    let (title, reason) = (title.unwrap_or("Error"), denial.reason.code());
    let mut answer = if prefers_json(&request.headers) {
        let status = denial.status;
        let body = format!(r#"{{"type":"about:blank","title":"{title}","status":{status},"reason":"{reason}"}}"#);
        OwnAnswer::new(denial.status, "application/problem+json", body.into())?
    } else {
        OwnAnswer::new(denial.status, "text/plain; charset=utf-8", format!("{title} ({reason})\n").into())?
    };
    answer.head.insert_header(VARY, "Accept")?;
    Ok(answer)
}

/// Headers that belong to the connection of a service, and not to its answer (RFC 9110 §7.6.1).
fn is_of_the_connection(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection" | "keep-alive" | "proxy-connection" | "te" | "trailer" | "transfer-encoding" | "upgrade"
    ) || *name == CONTENT_LENGTH
}

/// What services have to tell the client, such as a renewed session: their cookies beside those of the upstream, of other
/// headers theirs alone.
pub fn add_words_of_services(head: &mut ResponseHeader, grant: &Grant) -> pingora_core::Result<()> {
    for (name, _) in grant.response_headers().iter().filter(|(name, _)| *name != SET_COOKIE) {
        head.remove_header(name);
    }
    for (name, value) in grant.response_headers() {
        head.append_header(name.clone(), value.clone())?;
    }
    Ok(())
}

/// Reads what is left of a request that was answered, and drops it; `false` if that was too much, too slow, or not to be asked for.
pub async fn is_drained(session: &mut Session) -> bool {
    session.as_mut().is_body_done() || Box::pin(drain(session)).await
}

async fn drain(session: &mut Session) -> bool {
    let request = session.req_header();
    // The client waits for a word before it sends; the answer is that word (RFC 9110 §10.1.1).
    if request.headers.contains_key(EXPECT) {
        return false;
    }
    let length = request.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > MOST_DRAINED) {
        return false;
    }
    tokio::time::timeout(DRAIN_TIME, drop_body(session)).await.unwrap_or(false)
}

async fn drop_body(session: &mut Session) -> bool {
    let mut dropped = 0_usize;
    loop {
        match session.read_request_body().await {
            Ok(Some(chunk)) => dropped = dropped.saturating_add(chunk.len()),
            Ok(None) => return true,
            Err(_) => return false,
        }
        if dropped > MOST_DRAINED {
            return false;
        }
    }
}
