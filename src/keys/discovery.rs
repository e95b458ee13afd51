//! Where does an OpenID provider publish its keys? (OpenID Connect Discovery 1.0 §4.)

use super::fetch::{FetchError, without_query};
use super::line::Line;
use crate::jose::Json;

/// The URL of a provider's keys, from the document that it publishes about itself.
pub(super) fn jwks_uri(line: &Line, issuer: &str) -> Result<String, FetchError> {
    let url = format!("{}/.well-known/openid-configuration", issuer.strip_suffix('/').unwrap_or(issuer));
    let fetched = line.get(&url)?;
    named_in(&fetched.body, issuer).map_err(|words| FetchError::Failed(format!("{url}: {words}")))
}

/// The document of another issuer would be that issuer's word for whose keys are good (§4.3).
fn named_in(document: &[u8], issuer: &str) -> Result<String, String> {
    let document = Json::parse(document).map_err(|error| format!("not a discovery document: {error}"))?;
    let text = |name| document.member(name).and_then(Json::as_str);
    match text("issuer") {
        Some(own) if own == issuer => {}
        Some(other) => return Err(format!("its issuer is {other:.200?} and not {issuer:?}")),
        None => return Err("it names no issuer".to_owned()),
    }
    let uri = text("jwks_uri").ok_or("it names no jwks_uri")?;
    let secure = uri.starts_with("https://");
    if !secure && (issuer.starts_with("https://") || !uri.starts_with("http://")) {
        return Err(format!("its jwks_uri is {:.200?}, which is not https", without_query(uri)));
    }
    Ok(uri.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn the_document_of_the_issuer_names_its_keys() {
        let document = br#"{"issuer":"https://id.example","jwks_uri":"https://keys.example/k?a=1","x":[]}"#;
        assert_eq!(named_in(document, "https://id.example").unwrap(), "https://keys.example/k?a=1");
    }

    #[test]
    fn class_06_another_issuer_or_another_scheme_is_refused() {
        for (document, words) in [
            (r#"{"issuer":"https://id.example/","jwks_uri":"https://k"}"#, "its issuer is"),
            (r#"{"issuer":"https://evil.example","jwks_uri":"https://k"}"#, "its issuer is"),
            (r#"{"issuer":1,"jwks_uri":"https://k"}"#, "names no issuer"),
            (r#"{"jwks_uri":"https://k"}"#, "names no issuer"),
            (r#"{"issuer":"https://id.example"}"#, "names no jwks_uri"),
            (r#"{"issuer":"https://id.example","jwks_uri":"http://k"}"#, "not https"),
            (r#"{"issuer":"https://id.example","jwks_uri":"file:///etc/passwd"}"#, "not https"),
            ("<html>", "not a discovery document"),
        ] {
            let error = named_in(document.as_bytes(), "https://id.example").unwrap_err();
            assert!(error.contains(words), "{document}: {error}");
        }
        let plain = br#"{"issuer":"http://127.0.0.1:1","jwks_uri":"gopher://k"}"#;
        assert!(named_in(plain, "http://127.0.0.1:1").is_err());
    }
}
