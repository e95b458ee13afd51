//! What does the client have to show? `WWW-Authenticate` (RFC 9110 §11.6.1, RFC 6750 §3).

/// One challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The realm text.
    pub realm: String,
    /// What was wrong with the credential, if there was one.
    pub error: Option<BearerError>,
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
    pub fn to_header(&self) -> String {
        let mut value = String::from("Bearer realm=\"");
        for character in self.realm.chars().filter(|character| !character.is_control()) {
            if matches!(character, '"' | '\\') {
                value.push('\\');
            }
            value.push(character);
        }
        value.push('"');
        if let Some(error) = self.error {
            value.push_str(", error=\"");
            value.push_str(error.code());
            value.push('"');
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_realm_is_escaped() {
        let challenge = |realm: &str, error| Challenge { realm: realm.to_owned(), error }.to_header();
        assert_eq!(challenge("closed site", None), r#"Bearer realm="closed site""#);
        assert_eq!(challenge("a\"b\\c\r\nd", None), r#"Bearer realm="a\"b\\cd""#);
        let invalid = Some(BearerError::InvalidToken);
        assert_eq!(challenge("x", invalid), r#"Bearer realm="x", error="invalid_token""#);
        let scope = Some(BearerError::InsufficientScope);
        assert_eq!(challenge("x", scope), r#"Bearer realm="x", error="insufficient_scope""#);
    }
}
