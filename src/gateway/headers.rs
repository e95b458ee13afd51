//! Which headers does the upstream get? The identity-header firewall, and everything else that is set or stripped.
//!
//! Both halves stand here: what no client may say is stripped, and what we say ourselves is set after it.

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue};
use pingora_http::{RequestHeader, ResponseHeader};

use crate::auth::Grant;
use crate::auth::credential::TokenSource;
use crate::auth::expression::facts::Facts;
use crate::auth::request::argument_name;
use crate::snapshot::{HeaderEdit, IdentityNames, TokenRemoval};

/// What the upstream is told about the client's side of the connection.
#[derive(Debug)]
pub struct Forwarded<'f> {
    /// The client's address.
    pub client: Option<std::net::IpAddr>,
    /// The client, and the proxies that are trusted to have told of it.
    pub chain: Option<&'f str>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The host as the client wrote it.
    pub authority: &'f str,
    /// The id of this request.
    pub request_id: &'f str,
}

/// Who came before.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// How the client spoke.
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
/// The header that carries the id of a request.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Octets of a request's head, as HTTP/1.1 would write it.
pub fn size(head: &RequestHeader) -> usize {
    let fields = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    head.raw_path().len() + fields.sum::<usize>()
}

/// Strips what no client may say: identity headers in any spelling, and headers that stand for what a proxy has seen.
pub fn strip_client_claims(head: &mut RequestHeader, identity: &IdentityNames) {
    strip(head, |name| identity.contains(name) || is_proxy_word(name));
}

fn strip(head: &mut RequestHeader, forged: impl Fn(&str) -> bool) {
    let forged: Vec<HeaderName> = head.headers.keys().filter(|name| forged(name.as_str())).cloned().collect();
    for name in &forged {
        head.remove_header(name);
    }
}

/// `Forwarded`, `X-Forwarded-*`, `X-Original-*`, `X-Rewrite-URL`, `X-Real-IP`, `X-Request-ID`: nobody is trusted to say
/// them.
fn is_proxy_word(name: &str) -> bool {
    if !name.starts_with(['x', 'f']) {
        return false;
    }
    let name = name.replace('_', "-");
    name.starts_with("x-forwarded-")
        || name.starts_with("x-original-")
        || matches!(name.as_str(), "forwarded" | "x-rewrite-url" | "x-real-ip" | "x-request-id")
}

/// Strips what belongs to one connection only (RFC 9110 §7.6.1): what Pingora does for an upstream, for an echo.
pub fn strip_hop_by_hop(head: &mut RequestHeader) {
    for name in hop_by_hop(&head.headers) {
        head.remove_header(&name);
    }
}

/// The same for an answer.
pub fn strip_hop_by_hop_of_answer(head: &mut ResponseHeader) {
    for name in hop_by_hop(&head.headers) {
        head.remove_header(&name);
    }
}

fn hop_by_hop(headers: &HeaderMap) -> Vec<HeaderName> {
    const ALWAYS: [&str; 8] = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let said = headers.get_all(http::header::CONNECTION).into_iter().filter_map(|value| value.to_str().ok());
    let named =
        said.flat_map(|value| value.split(',')).filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok());
    named.chain(ALWAYS.into_iter().map(HeaderName::from_static)).collect()
}

/// Says what the client did not get to say.
pub fn set_forwarded(head: &mut RequestHeader, forwarded: &Forwarded<'_>) -> pingora_core::Result<()> {
    if let Some(client) = forwarded.client {
        head.insert_header(X_REAL_IP, client.to_string())?;
    }
    if let Some(chain) = forwarded.chain {
        head.insert_header(X_FORWARDED_FOR, chain)?;
    }
    head.insert_header(X_FORWARDED_PROTO, forwarded.scheme)?;
    if !forwarded.authority.is_empty() {
        head.insert_header(X_FORWARDED_HOST, forwarded.authority)?;
    }
    head.insert_header(X_REQUEST_ID, forwarded.request_id)
}

/// The trace that a request belongs to (W3C Trace Context §3.2) goes on; a request without one begins its own, which has the
/// request's id if that can be one.
pub fn set_trace(head: &mut RequestHeader, request_id: &str) -> pingora_core::Result<()> {
    let mut said = head.headers.get_all(&TRACEPARENT).iter();
    if let (Some(said), None) = (said.next(), said.next())
        && is_traceparent(said.as_bytes())
    {
        return Ok(());
    }
    head.remove_header(&TRACESTATE);
    let is_id = request_id.len() == 32 && request_id.bytes().all(is_lower_hex) && request_id.bytes().any(|o| o != b'0');
    let trace = if is_id { request_id.to_owned() } else { format!("{:032x}", fastrand::u128(1..)) };
    head.insert_header(TRACEPARENT, format!("00-{trace}-{:016x}-01", fastrand::u64(1..)))
}

/// `00-` trace `-` parent `-` flags; neither of the two is all zeros. Later versions may add to it.
fn is_traceparent(said: &[u8]) -> bool {
    let part = |from: usize, to: usize| said.get(from..to).unwrap_or_default();
    let is_hex = |octets: &[u8]| !octets.is_empty() && octets.iter().copied().all(is_lower_hex);
    let is_id = |octets: &[u8]| is_hex(octets) && octets.iter().any(|octet| *octet != b'0');
    let dashes = [2, 35, 52].iter().all(|place| said.get(*place) == Some(&b'-'));
    let is_whole = said.len() == 55 || (said.len() > 55 && part(0, 2) != b"00" && said.get(55) == Some(&b'-'));
    dashes
        && is_whole
        && is_hex(part(0, 2))
        && part(0, 2) != b"ff"
        && is_id(part(3, 35))
        && is_id(part(36, 52))
        && is_hex(part(53, 55))
}

fn is_lower_hex(octet: u8) -> bool {
    matches!(octet, b'0'..=b'9' | b'a'..=b'f')
}

/// Says who the caller is: the last word on these names, after every other edit.
pub fn set_identity(head: &mut RequestHeader, identity: &IdentityNames, grant: &Grant) -> pingora_core::Result<()> {
    strip(head, |name| identity.contains(name));
    for (name, value) in grant.identity_headers() {
        head.insert_header(name.clone(), value.clone())?;
    }
    Ok(())
}

/// Makes the edits of the configuration. A header whose value is not there is left out, also the client's own: what the
/// configuration sets, no client sets instead.
pub fn edit(head: &mut RequestHeader, edits: &[HeaderEdit], facts: &Facts<'_>) -> pingora_core::Result<()> {
    for change in edits {
        match &change.value {
            None => {
                head.remove_header(&change.name);
            }
            Some(template) => {
                head.remove_header(&change.name);
                if let Some(value) = rendered(template.render(facts).ok().flatten().as_deref()) {
                    head.insert_header(change.name.clone(), value)?;
                }
            }
        }
    }
    Ok(())
}

/// Text as a header value; `None` for what must not stand in one.
pub fn rendered(text: Option<&str>) -> Option<HeaderValue> {
    text.filter(|text| !text.contains(char::is_control)).and_then(|text| HeaderValue::from_bytes(text.as_bytes()).ok())
}

/// Takes tokens away that do not go on. A query is taken care of by [`query_without`].
pub fn remove_tokens(head: &mut RequestHeader, removals: &[TokenRemoval]) -> pingora_core::Result<()> {
    for TokenRemoval(source) in removals {
        match source {
            TokenSource::Bearer => remove_with_scheme(head, &AUTHORIZATION, "Bearer"),
            TokenSource::Header { name, scheme: Some(scheme) } => remove_with_scheme(head, name, scheme),
            TokenSource::Header { name, scheme: None } => {
                head.remove_header(name);
            }
            TokenSource::Cookie(name) => remove_cookie(head, name)?,
            TokenSource::Query(_) => {}
        }
    }
    Ok(())
}

fn remove_with_scheme(head: &mut RequestHeader, name: &HeaderName, scheme: &str) {
    let is_it = |value: &HeaderValue| {
        let word = value.as_bytes().split(|octet| octet.is_ascii_whitespace()).next().unwrap_or_default();
        word.eq_ignore_ascii_case(scheme.as_bytes())
    };
    if head.headers.get_all(name).iter().any(is_it) {
        head.remove_header(name);
    }
}

fn remove_cookie(head: &mut RequestHeader, name: &str) -> pingora_core::Result<()> {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for value in head.headers.get_all(COOKIE) {
        for pair in value.as_bytes().split(|octet| *octet == b';') {
            let key = pair.split(|octet| *octet == b'=').next().unwrap_or_default();
            if key.trim_ascii() != name.as_bytes() {
                kept.push(pair.trim_ascii().to_vec());
            }
        }
    }
    head.remove_header(&COOKIE);
    match kept.join(b"; ".as_slice()) {
        joined if joined.is_empty() => Ok(()),
        joined => head.insert_header(COOKIE, joined),
    }
}

/// Joins the cookies that HTTP/2 clients may split (RFC 9113 §8.2.3).
pub fn join_cookies(head: &mut RequestHeader) -> pingora_core::Result<()> {
    let values: Vec<&[u8]> = head.headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if values.len() < 2 {
        return Ok(());
    }
    let joined = values.join(b"; ".as_slice());
    head.insert_header(COOKIE, joined)
}

/// The query without the arguments that held a token; the rest byte for byte.
pub fn query_without(query: Option<&str>, removals: &[TokenRemoval]) -> Option<String> {
    let query = query?;
    let removed = |argument: &str| {
        let name = argument_name(argument);
        removals.iter().any(|TokenRemoval(source)| matches!(source, TokenSource::Query(token) if *token == name))
    };
    if !removals.iter().any(|TokenRemoval(source)| matches!(source, TokenSource::Query(_))) {
        return Some(query.to_owned());
    }
    let kept: Vec<&str> = query.split('&').filter(|argument| !removed(argument)).collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn head(headers: &[(&str, &str)]) -> RequestHeader {
        let mut head = RequestHeader::build("GET", b"/", None).unwrap();
        for (name, value) in headers {
            head.append_header((*name).to_owned(), (*value).to_owned()).unwrap();
        }
        head
    }

    fn names(head: &RequestHeader) -> Vec<String> {
        let mut names: Vec<_> = head.headers.keys().map(|name| name.as_str().to_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn class_23_identity_headers_are_stripped_in_every_spelling() {
        let identity = IdentityNames::new(["x-user-id"].into_iter());
        let mut head = head(&[
            ("X-User-ID", "1"),
            ("x_user_id", "2"),
            ("X-User_Id", "3"),
            ("x-USER-id", "4"),
            ("x-user-idx", "kept"),
            ("x-user", "kept"),
        ]);
        strip_client_claims(&mut head, &identity);
        assert_eq!(names(&head), ["x-user", "x-user-idx"]);
    }

    #[test]
    fn class_25_nobody_is_trusted_to_say_what_a_proxy_has_seen() {
        let mut head = head(&[
            ("Forwarded", "for=1"),
            ("X-Forwarded-For", "1"),
            ("x_forwarded_proto", "https"),
            ("X-Forwarded-Anything", "1"),
            ("X-Original-URI", "/"),
            ("X-Rewrite-URL", "/"),
            ("X-Real-IP", "1"),
            ("X-Request-ID", "1"),
            ("X-Forward", "kept"),
        ]);
        strip_client_claims(&mut head, &IdentityNames::default());
        assert_eq!(names(&head), ["x-forward"]);
    }

    #[test]
    fn tokens_are_removed_and_nothing_else() {
        let cookie = TokenRemoval(TokenSource::Cookie("t".into()));
        let mut with_cookies = head(&[("cookie", "a=1; t=secret"), ("cookie", "b=2")]);
        remove_tokens(&mut with_cookies, &[cookie]).unwrap();
        assert_eq!(with_cookies.headers.get("cookie").unwrap(), "a=1; b=2");

        let mut basic = head(&[("authorization", "Basic abc")]);
        remove_tokens(&mut basic, &[TokenRemoval(TokenSource::Bearer)]).unwrap();
        assert_eq!(names(&basic), ["authorization"]);
        let mut bearer = head(&[("authorization", "bearer abc")]);
        remove_tokens(&mut bearer, &[TokenRemoval(TokenSource::Bearer)]).unwrap();
        assert!(names(&bearer).is_empty());

        let query = [TokenRemoval(TokenSource::Query("token".into()))];
        let without = |text: &str| query_without(Some(text), &query);
        assert_eq!(without("a=%20b&token=x&c=+"), Some("a=%20b&c=+".to_owned()));
        assert_eq!(without("%74oken=x"), None);
        assert_eq!(without("tokens=x&&y"), Some("tokens=x&&y".to_owned()));
        assert_eq!(query_without(None, &query), None);
    }

    #[test]
    fn cookies_that_came_in_several_headers_are_joined() {
        let mut head = head(&[("cookie", "a=1"), ("cookie", "b=2")]);
        join_cookies(&mut head).unwrap();
        assert_eq!(head.headers.get_all("cookie").iter().collect::<Vec<_>>(), ["a=1; b=2"]);
    }
}
