//! Which headers does the operator set, and may they be set?

use http::HeaderName;

use super::super::place::{Located, Place, quoted};
use super::super::schema::HeaderTemplate;
use super::super::value::header_name;
use super::scalar::{text, text_or_empty};
use super::{Decoder, Value};

/// Headers that say who the user is. What decides about the connection, the body or other credentials cannot.
pub(super) fn identity(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Vec<HeaderTemplate>> {
    headers(value, decoder, identity_refused, text)
}

/// Headers set (or, with `""`, removed) in requests or answers.
pub(super) fn edits(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Vec<HeaderTemplate>> {
    headers(value, decoder, edit_refused, text_or_empty)
}

/// `refused` gives the reason why a header of this name may not be written.
fn headers(
    value: &Value<'_>,
    decoder: &mut Decoder<'_>,
    refused: fn(&HeaderName) -> Option<&'static str>,
    read: fn(&Value<'_>, &mut Decoder<'_>) -> Option<String>,
) -> Option<Vec<HeaderTemplate>> {
    let mut headers: Vec<HeaderTemplate> = Vec::new();
    for (key, node) in value.entries("a mapping of headers (\"Name: value\")", decoder)? {
        let entry = Value::of_key(value.path(), key, node);
        let place = Place { path: entry.path().to_owned(), line: key.line, column: key.column };
        let text = read(&entry, decoder);
        let name = header_name(&key.text).and_then(|name| match refused(&name) {
            Some(reason) => Err(format!("{} cannot be set here: {reason}", quoted(&key.text))),
            None if headers.iter().any(|header| *header.name == name) => {
                Err(format!("{} stands here already; case makes no difference in header names", quoted(&key.text)))
            }
            None => Ok(name),
        });
        match (name, text) {
            (Err(words), _) => decoder.problem(place, words),
            (Ok(name), Some(text)) => headers
                .push(HeaderTemplate { name: Located::new(name, place), value: Located::new(text, entry.place()) }),
            (Ok(_), None) => {}
        }
    }
    Some(headers)
}

/// Judged with `_` as `-`: many servers behind us do not tell the two apart.
fn identity_refused(name: &HeaderName) -> Option<&'static str> {
    let name = name.as_str().replace('_', "-");
    if let Some(reason) = hop_by_hop(&name) {
        return Some(reason);
    }
    match name.as_str() {
        "host" => Some("it names the host, not a user"),
        "authorization" | "cookie" => Some("it carries the client's own credentials"),
        content if content.starts_with("content-") => Some("it describes the body"),
        _ => None,
    }
}

fn edit_refused(name: &HeaderName) -> Option<&'static str> {
    match name.as_str() {
        "host" => Some("\"host\" of the upstream does that"),
        "content-length" => Some("it follows from the body"),
        other => hop_by_hop(other),
    }
}

/// Headers of a client that a service cannot be shown: it gets no body, and is told of the request in our own words.
pub(super) fn not_for_a_service(name: &HeaderName) -> Option<&'static str> {
    match name.as_str() {
        "host" => Some("the service has a host of its own; the client's is in X-Forwarded-Host"),
        "expect" => Some("the service gets no body"),
        content if content.starts_with("content-") => Some("the service gets no body"),
        other => hop_by_hop(other),
    }
}

/// Headers of a service's answer that are not for a client.
pub(super) fn not_from_a_service(name: &HeaderName) -> Option<&'static str> {
    match name.as_str() {
        content if content.starts_with("content-") => Some("it describes the body of another answer"),
        other => hop_by_hop(other),
    }
}

/// RFC 9110 §7.6.1.
fn hop_by_hop(name: &str) -> Option<&'static str> {
    let listed =
        matches!(name, "connection" | "keep-alive" | "te" | "trailer" | "trailers" | "transfer-encoding" | "upgrade");
    (listed || name.starts_with("proxy-")).then_some("it belongs to one connection only (RFC 9110 §7.6.1)")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_never_carried_by_headers_with_another_meaning() {
        for name in [
            "Connection",
            "Keep-Alive",
            "Proxy-Authorization",
            "TE",
            "Trailer",
            "Transfer-Encoding",
            "Upgrade",
            "Host",
            "Content-Type",
            "Content-Length",
            "Authorization",
            "Cookie",
            "Content_Length",
            "proxy_authorization",
        ] {
            assert!(identity_refused(&header_name(name).unwrap()).is_some(), "{name}");
        }
        for name in ["X-User-ID", "Remote-User", "X-Content-Owner", "X_User"] {
            assert!(identity_refused(&header_name(name).unwrap()).is_none(), "{name}");
        }
    }

    #[test]
    fn edits_leave_framing_and_host_alone() {
        for name in ["Host", "Content-Length", "Transfer-Encoding", "Connection", "Proxy-Connection", "TE"] {
            assert!(edit_refused(&header_name(name).unwrap()).is_some(), "{name}");
        }
        for name in ["Authorization", "Cookie", "Content-Type", "X-Env", "Strict-Transport-Security"] {
            assert!(edit_refused(&header_name(name).unwrap()).is_none(), "{name}");
        }
    }
}
