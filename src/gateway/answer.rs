//! How does the gateway answer for itself? Status, body and headers of everything that no upstream said.

use bytes::Bytes;
use http::Method;
use http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderValue, LOCATION, VARY, WWW_AUTHENTICATE,
};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;

use super::headers::{X_REQUEST_ID, rendered};
use crate::auth::expression::facts::Facts;
use crate::auth::{Denial, Scheme};
use crate::snapshot::{Answer, Answers, Fixed, ResponseHeaders};

/// A refused request whose body is no longer than this keeps its connection.
const MOST_DRAINED: usize = 64 * 1024;
/// A client that sends its refused body more slowly than this loses its connection.
const DRAIN_TIME: std::time::Duration = std::time::Duration::from_secs(5);

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

    /// A refusal: as the configuration says, else as a problem document or a line of text; never more than the reason.
    pub fn refusal(denial: &Denial, answers: &Answers, request: &RequestHeader) -> pingora_core::Result<Self> {
        let mut answer = match answers.get(denial.status) {
            Answer::Custom(fixed) => Self::fixed(denial.status, fixed)?,
            Answer::Default => default_refusal(denial, request)?,
        };
        answer.head.insert_header(CACHE_CONTROL, "no-store")?;
        for challenge in &denial.challenges {
            answer.head.append_header(WWW_AUTHENTICATE, challenge.to_header())?;
        }
        Ok(answer)
    }

    /// Names the methods that would have been taken.
    pub fn allowing(mut self, methods: &[Method]) -> pingora_core::Result<Self> {
        let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
        self.head.insert_header(ALLOW, names.join(", "))?;
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
        let request_is_read = drain(session).await;
        if !request_is_read {
            session.set_keepalive(None);
        }
        let bodiless = session.req_header().method == Method::HEAD || self.body.is_empty();
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
    let mut answer = if prefers_json(request) {
        let status = denial.status;
        let body = format!(r#"{{"type":"about:blank","title":"{title}","status":{status},"reason":"{reason}"}}"#);
        OwnAnswer::new(denial.status, "application/problem+json", body.into())?
    } else {
        OwnAnswer::new(denial.status, "text/plain; charset=utf-8", format!("{title} ({reason})\n").into())?
    };
    answer.head.insert_header(VARY, "Accept")?;
    Ok(answer)
}

/// Whether `Accept` names JSON with more weight than text of any kind (RFC 9110 §12.5.1).
fn prefers_json(request: &RequestHeader) -> bool {
    let ranges = request.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (mut json, mut text) = (0.0_f32, 0.0_f32);
    for range in ranges.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        let quality =
            parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok()).unwrap_or(0.0);
        match media_type.as_str() {
            "application/json" | "application/problem+json" => json = json.max(quality),
            "text/html" | "text/plain" | "text/*" => text = text.max(quality),
            _ => {}
        }
    }
    json > text
}

/// Reads what is left of a refused request and drops it; `false` if that was too much, too slow, or not to be asked for.
async fn drain(session: &mut Session) -> bool {
    if session.as_mut().is_body_done() {
        return true;
    }
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
