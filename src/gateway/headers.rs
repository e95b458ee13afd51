//! Which headers does the upstream get? The identity-header firewall, and everything else that is set or stripped.
//!
//! Both halves stand here: what no client may say is stripped, and what we say ourselves is set after it.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::{AUTHORIZATION, CONNECTION, COOKIE, HeaderName, HeaderValue};
use pingora_core::{Error, ErrorType, Result};
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
    pub client: Option<&'f HeaderValue>,
    /// The client, and the proxies that are trusted to have told of it.
    pub chain: Option<&'f HeaderValue>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The host as the client wrote it.
    pub authority: Option<&'f HeaderValue>,
    /// The id of this request, for those who may be told.
    pub request_id: Option<&'f HeaderValue>,
}

/// `Connection` names fewer headers than this.
const MOST_NOMINATED: usize = 10;

/// Who came before.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// How the client spoke.
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
/// The header that carries the id of a request.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Octets of a request's head, as HTTP/1.1 would write it.
pub fn size(head: &RequestHeader) -> usize {
    let fields = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    head.raw_path().len() + fields.sum::<usize>()
}

/// Strips what no client may say: identity headers in any spelling, and headers that stand for what a proxy has seen.
pub fn strip_client_claims(headers: &mut HeaderMap, identity: &IdentityNames) {
    strip(headers, |name| identity.contains(name) || is_proxy_word(name));
}

fn strip(headers: &mut HeaderMap, forged: impl Fn(&str) -> bool) {
    let forged: Vec<HeaderName> = headers.keys().filter(|name| forged(name.as_str())).cloned().collect();
    for name in &forged {
        headers.remove(name);
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

/// Strips what belongs to the client's connection only (RFC 9110 §7.6.1), as Pingora does for what it carries itself: what `Connection`
/// names is bounded, and is nothing that others rely on.
///
/// # Errors
/// What is wrong with `Connection`.
pub fn strip_connection(head: &mut RequestHeader) -> Result<()> {
    let named = nominated(&head.headers)
        .map_err(|problem| Error::explain(ErrorType::InvalidHTTPHeader, problem).into_down())?;
    for name in of_connection(&head.headers).chain(named).collect::<Vec<_>>() {
        head.remove_header(&name);
    }
    Ok(())
}

/// The same of an answer, whose `Connection` may name what it likes.
pub fn strip_connection_of_answer(head: &mut ResponseHeader) {
    let named = tokens_of_connection(&head.headers).filter_map(|token| HeaderName::from_bytes(token).ok());
    for name in of_connection(&head.headers).chain(named).collect::<Vec<_>>() {
        head.remove_header(&name);
    }
}

fn of_connection(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    headers.keys().filter(|name| is_of_connection(name.as_str())).cloned()
}

fn tokens_of_connection(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let said = headers.get_all(CONNECTION).into_iter().flat_map(|value| value.as_bytes().split(|octet| *octet == b','));
    said.map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

fn is_of_connection(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "http2-settings"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// The headers that `Connection` names.
fn nominated(headers: &HeaderMap) -> std::result::Result<Vec<HeaderName>, &'static str> {
    let mut named = Vec::new();
    for token in tokens_of_connection(headers) {
        if named.len() + 1 >= MOST_NOMINATED {
            return Err("Connection names too many headers");
        }
        let is_token = token.iter().all(|octet| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet));
        let name = HeaderName::from_bytes(token).ok().filter(|_| is_token);
        let name = name.ok_or("Connection names what is no header")?;
        if matches!(name.as_str(), "host" | "x-forwarded-for" | "x-forwarded-host" | "x-forwarded-proto") {
            return Err("Connection names a header that others rely on");
        }
        named.push(name);
    }
    Ok(named)
}

/// Says what the client did not get to say.
pub fn set_forwarded(headers: &mut HeaderMap, forwarded: &Forwarded<'_>) {
    if let Some(client) = forwarded.client {
        headers.insert(X_REAL_IP, client.clone());
    }
    if let Some(chain) = forwarded.chain {
        headers.insert(X_FORWARDED_FOR, chain.clone());
    }
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(forwarded.scheme));
    if let Some(authority) = forwarded.authority {
        headers.insert(X_FORWARDED_HOST, authority.clone());
    }
    if let Some(id) = forwarded.request_id {
        headers.insert(X_REQUEST_ID, id.clone());
    }
}

/// Says who the caller is: the last word on these names, after every other edit.
pub fn set_identity(headers: &mut HeaderMap, identity: &IdentityNames, grant: &Grant) {
    strip(headers, |name| identity.contains(name));
    for (name, value) in grant.identity_headers() {
        headers.insert(name.clone(), value.clone());
    }
}

/// Makes the edits of the configuration. A header whose value is not there is left out, also the client's own: what the
/// configuration sets, no client sets instead.
pub fn edit(headers: &mut HeaderMap, edits: &[HeaderEdit], facts: &Facts<'_>) {
    for change in edits {
        headers.remove(&change.name);
        let text = change.value.as_ref().and_then(|template| template.render(facts).ok().flatten());
        if let Some(value) = rendered(text.as_deref()) {
            headers.insert(change.name.clone(), value);
        }
    }
}

/// Text as a header value; `None` for what must not stand in one.
pub fn rendered(text: Option<&str>) -> Option<HeaderValue> {
    text.filter(|text| !text.contains(char::is_control)).and_then(|text| HeaderValue::from_bytes(text.as_bytes()).ok())
}

/// Takes tokens away that do not go on. A query is taken care of by [`query_without`].
pub fn remove_tokens(headers: &mut HeaderMap, removals: &[TokenRemoval]) {
    for TokenRemoval(source) in removals {
        match source {
            TokenSource::Bearer => remove_with_scheme(headers, &AUTHORIZATION, "Bearer"),
            TokenSource::Header { name, scheme: Some(scheme) } => remove_with_scheme(headers, name, scheme),
            TokenSource::Header { name, scheme: None } => {
                headers.remove(name);
            }
            TokenSource::Cookie(name) => remove_cookie(headers, name),
            TokenSource::Query(_) => {}
        }
    }
}

fn remove_with_scheme(headers: &mut HeaderMap, name: &HeaderName, scheme: &str) {
    let is_it = |value: &HeaderValue| {
        let word = value.as_bytes().split(|octet| octet.is_ascii_whitespace()).next().unwrap_or_default();
        word.eq_ignore_ascii_case(scheme.as_bytes())
    };
    if headers.get_all(name).iter().any(is_it) {
        headers.remove(name);
    }
}

fn remove_cookie(headers: &mut HeaderMap, name: &str) {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for value in headers.get_all(COOKIE) {
        for pair in value.as_bytes().split(|octet| *octet == b';') {
            let key = pair.split(|octet| *octet == b'=').next().unwrap_or_default();
            if key.trim_ascii() != name.as_bytes() {
                kept.push(pair.trim_ascii().to_vec());
            }
        }
    }
    headers.remove(COOKIE);
    set_cookies(headers, &kept);
}

/// Joins the cookies that HTTP/2 clients may split (RFC 9113 §8.2.3).
pub fn join_cookies(headers: &mut HeaderMap) {
    let values: Vec<Vec<u8>> = headers.get_all(COOKIE).iter().map(|value| value.as_bytes().to_vec()).collect();
    if values.len() > 1 {
        set_cookies(headers, &values);
    }
}

/// Parts of header values make a header value again.
fn set_cookies(headers: &mut HeaderMap, cookies: &[Vec<u8>]) {
    let joined = HeaderValue::from_bytes(&cookies.join(b"; ".as_slice()));
    if let Some(joined) = joined.ok().filter(|joined| !joined.is_empty()) {
        headers.insert(COOKIE, joined);
    }
}

/// The query without the arguments that held a token; the rest byte for byte.
pub fn query_without<'q>(query: Option<&'q str>, removals: &[TokenRemoval]) -> Option<Cow<'q, str>> {
    let query = query?;
    let removed = |argument: &str| {
        let name = argument_name(argument);
        removals.iter().any(|TokenRemoval(source)| matches!(source, TokenSource::Query(token) if *token == name))
    };
    if !removals.iter().any(|TokenRemoval(source)| matches!(source, TokenSource::Query(_))) {
        return Some(query.into());
    }
    let kept: Vec<&str> = query.split('&').filter(|argument| !removed(argument)).collect();
    (!kept.is_empty()).then(|| kept.join("&").into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_a_connection_is_stripped_and_nothing_that_others_rely_on_can_be_named() {
        let with = |connection: &str| {
            let mut head = RequestHeader::build("GET", b"/", None).unwrap();
            for (name, value) in [("Connection", connection), ("TE", "trailers"), ("X-Named", "1"), ("X-Kept", "2")] {
                head.insert_header(name, value.to_owned()).unwrap();
            }
            let stripped = strip_connection(&mut head);
            stripped.map(|()| head.headers.keys().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(with("keep-alive, x-named").unwrap(), ["x-kept"]);
        for bad in ["host", "X-Forwarded-For", "a b", ":authority", "a,b,c,d,e,f,g,h,i,j"] {
            assert!(with(bad).is_err(), "{bad}");
        }
    }

    fn head(headers: &[(&str, &str)]) -> HeaderMap {
        let of = |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        let mut head = HeaderMap::new();
        for (name, value) in headers.iter().map(of) {
            head.append(name, value);
        }
        head
    }

    fn names(head: &HeaderMap) -> Vec<String> {
        let mut names: Vec<_> = head.keys().map(|name| name.as_str().to_owned()).collect();
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
        remove_tokens(&mut with_cookies, &[cookie]);
        assert_eq!(with_cookies.get("cookie").unwrap(), "a=1; b=2");

        let mut basic = head(&[("authorization", "Basic abc")]);
        remove_tokens(&mut basic, &[TokenRemoval(TokenSource::Bearer)]);
        assert_eq!(names(&basic), ["authorization"]);
        let mut bearer = head(&[("authorization", "bearer abc")]);
        remove_tokens(&mut bearer, &[TokenRemoval(TokenSource::Bearer)]);
        assert!(names(&bearer).is_empty());

        let query = [TokenRemoval(TokenSource::Query("token".into()))];
        let without = |text: &'static str| query_without(Some(text), &query);
        assert_eq!(without("a=%20b&token=x&c=+").as_deref(), Some("a=%20b&c=+"));
        assert_eq!(without("%74oken=x"), None);
        assert_eq!(without("tokens=x&&y").as_deref(), Some("tokens=x&&y"));
        assert_eq!(query_without(None, &query), None);
    }

    #[test]
    fn cookies_that_came_in_several_headers_are_joined() {
        let mut head = head(&[("cookie", "a=1"), ("cookie", "b=2")]);
        join_cookies(&mut head);
        assert_eq!(head.get_all("cookie").iter().collect::<Vec<_>>(), ["a=1; b=2"]);
    }
}
