//! Which words of HTTP are meant?

use http::{HeaderName, HeaderValue, Method};

use super::super::place::quoted;

/// A header name (RFC 9110 §5.1), in any case.
///
/// # Errors
/// Words that quote it.
pub fn header_name(text: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(text.as_bytes()).map_err(|_| format!("{} is no header name (RFC 9110 §5.1)", quoted(text)))
}

/// A method (RFC 9110 §9.1), in upper case.
///
/// # Errors
/// Words that quote it; in lower case, the method that was probably meant.
pub fn method(text: &str) -> Result<Method, String> {
    let upper = text.to_ascii_uppercase();
    if upper != text {
        return Err(format!("methods are upper case: write {}, not {}", quoted(&upper), quoted(text)));
    }
    Method::from_bytes(text.as_bytes()).map_err(|_| format!("{} is no method (RFC 9110 §9.1)", quoted(text)))
}

/// The name of a cookie (RFC 6265 §4.1.1).
///
/// # Errors
/// Words that quote it.
pub fn cookie_name(text: &str) -> Result<String, String> {
    token(text).ok_or_else(|| format!("{} is no cookie name (RFC 6265 §4.1.1)", quoted(text)))
}

/// An authentication scheme (RFC 9110 §11.1).
///
/// # Errors
/// Words that quote it.
pub fn scheme(text: &str) -> Result<String, String> {
    token(text).ok_or_else(|| format!("{} is no authentication scheme (RFC 9110 §11.1)", quoted(text)))
}

/// A media type with its parameters (RFC 9110 §8.3.1), as it will stand in `Content-Type`.
///
/// # Errors
/// Words that quote it.
pub fn media_type(text: &str) -> Result<String, String> {
    let (essence, _) = text.split_once(';').unwrap_or((text, ""));
    let named = essence
        .trim_end()
        .split_once('/')
        .is_some_and(|(kind, subtype)| token(kind).is_some() && token(subtype).is_some());
    if named && HeaderValue::from_str(text).is_ok() {
        Ok(text.to_owned())
    } else {
        Err(format!("expected a media type like \"text/plain; charset=utf-8\", found {}", quoted(text)))
    }
}

/// RFC 9110 §5.6.2.
fn token(text: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (!text.is_empty() && text.bytes().all(allowed)).then(|| text.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn header_names_are_tokens_in_any_case() {
        assert_eq!(header_name("X-User-ID").unwrap(), "x-user-id");
        for text in ["", "a b", "a:", ":path", "é", "a\nb"] {
            assert!(header_name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn methods_are_upper_case_tokens() {
        assert_eq!(method("GET"), Ok(Method::GET));
        assert_eq!(method("PURGE").unwrap().as_str(), "PURGE");
        assert!(method("get").unwrap_err().contains("write \"GET\""));
        for text in ["", "G T", "GÉT"] {
            assert!(method(text).is_err(), "{text}");
        }
    }

    #[test]
    fn cookies_and_schemes_are_tokens() {
        assert_eq!(cookie_name("__Host-auth_token").as_deref(), Ok("__Host-auth_token"));
        assert_eq!(scheme("Token").as_deref(), Ok("Token"));
        for text in ["", "a b", "a=b", "a;b", "é"] {
            assert!(cookie_name(text).is_err() && scheme(text).is_err(), "{text}");
        }
    }

    #[test]
    fn media_types_are_type_and_subtype() {
        for text in ["text/plain", "text/html; charset=utf-8", "application/problem+json"] {
            assert_eq!(media_type(text).as_deref(), Ok(text));
        }
        for text in ["", "text", "/plain", "text/", "text/plain\r\nX: y", "te xt/plain"] {
            assert!(media_type(text).is_err(), "{text}");
        }
    }
}
