//! What does the client have to show? `WWW-Authenticate` (RFC 9110 §11.6.1, RFC 6750 §3).

use http::HeaderValue;

/// One challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// For a token (RFC 6750 §3).
    Bearer {
        /// The realm text.
        realm: String,
        /// What was wrong with the token, if there was one.
        error: Option<BearerError>,
    },
    /// For a user name and a password (RFC 7617 §2).
    Basic {
        /// The realm text.
        realm: String,
    },
    /// What a service said.
    Verbatim(HeaderValue),
}

/// The error codes of RFC 6750 §3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BearerError {
    /// The token is bad.
    InvalidToken,
    /// The token is good and not enough.
    InsufficientScope,
}

impl BearerError {
    fn code(self) -> &'static str {
        match self {
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
        }
    }
}

impl Challenge {
    /// The value of the header.
    pub fn to_header(&self) -> Option<HeaderValue> {
        let text = match self {
            Self::Verbatim(value) => return Some(value.clone()),
            Self::Bearer { realm, error: None } => format!("Bearer realm={}", quoted(realm)),
            Self::Bearer { realm, error: Some(error) } => {
                format!("Bearer realm={}, error=\"{}\"", quoted(realm), error.code())
            }
            Self::Basic { realm } => format!("Basic realm={}, charset=\"UTF-8\"", quoted(realm)),
        };
        HeaderValue::from_bytes(text.as_bytes()).ok()
    }
}

/// RFC 9110 §5.6.4.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars().filter(|character| !character.is_control()) {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn the_realm_is_escaped() {
        let challenge = |realm: &str, error| {
            let value = Challenge::Bearer { realm: realm.to_owned(), error }.to_header().unwrap();
            value.to_str().unwrap().to_owned()
        };
        assert_eq!(challenge("closed site", None), r#"Bearer realm="closed site""#);
        assert_eq!(challenge("a\"b\\c\r\nd", None), r#"Bearer realm="a\"b\\cd""#);
        let invalid = Some(BearerError::InvalidToken);
        assert_eq!(challenge("x", invalid), r#"Bearer realm="x", error="invalid_token""#);
        let scope = Some(BearerError::InsufficientScope);
        assert_eq!(challenge("x", scope), r#"Bearer realm="x", error="insufficient_scope""#);
    }
}
