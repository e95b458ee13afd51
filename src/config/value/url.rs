//! Which URL is meant?

use http::Uri;

use super::super::place::quoted;
use super::host_name;

/// What may be said of a URL of http or https before anything is fetched from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Nobody on the way can read or change what is sent.
    Protected,
    /// It is sent in plaintext, and does not leave this machine.
    Loopback,
    /// It is sent in plaintext.
    Plaintext,
}

impl Transport {
    /// What there is to say of keys that are fetched so.
    pub fn warning(self) -> Option<&'static str> {
        match self {
            Self::Protected | Self::Loopback => None,
            Self::Plaintext => Some("keys over plain http: anybody on the way can put others in their place"),
        }
    }
}

/// `https://id.example.com/jwks.json`, or with `http`.
///
/// # Errors
/// Words that say what does not belong into it.
pub fn http_url(text: &str) -> Result<Transport, String> {
    let shown = quoted(text);
    let expected = || format!("expected a URL like https://id.example.com/jwks.json, found {shown}");
    if text.contains('#') {
        return Err(format!("{shown}: a fragment (\"#…\") is never sent; leave it out"));
    }
    let url: Uri = text.parse().map_err(|_| expected())?;
    let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else {
        return Err(expected());
    };
    if authority.as_str().contains('@') {
        return Err("a URL with a user name or password: these do not belong into a configuration".to_owned());
    }
    let host = authority.host();
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let address = address.parse::<std::net::IpAddr>().ok();
    if address.is_none() {
        host_name(host)?;
    }
    match scheme {
        "https" => Ok(Transport::Protected),
        "http" if address.is_some_and(|address| address.is_loopback()) || host.eq_ignore_ascii_case("localhost") => {
            Ok(Transport::Loopback)
        }
        "http" => Ok(Transport::Plaintext),
        _ => Err(format!("{shown}: only http and https are spoken")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_protected_or_not() {
        for (url, transport) in [
            ("https://id.example.com/jwks.json?a=b", Transport::Protected),
            ("https://[2001:db8::1]:8443", Transport::Protected),
            ("http://127.0.0.1:9/x", Transport::Loopback),
            ("http://[::1]/x", Transport::Loopback),
            ("http://LocalHost/x", Transport::Loopback),
            ("http://keys.internal/x", Transport::Plaintext),
            ("http://127.0.0.1.example.com/x", Transport::Plaintext),
        ] {
            assert_eq!(http_url(url), Ok(transport), "{url}");
        }
    }

    #[test]
    fn class_06_other_schemes_and_odd_urls_are_explained() {
        for (url, words) in [
            ("file:///etc/passwd", "expected a URL"),
            ("ftp://id.example/x", "only http and https"),
            ("gopher://id.example/x", "only http and https"),
            ("https://user:secret@id.example/x", "user name or password"),
            ("https://id.example/x#y", "fragment"),
            ("/jwks.json", "expected a URL"),
            ("id.example/jwks.json", "expected a URL"),
            ("https://", "expected a URL"),
            ("https://a b/x", "expected a URL"),
            ("https://1.2.3.400/x", "no host name"),
            ("", "expected a URL"),
        ] {
            let error = http_url(url).unwrap_err();
            assert!(error.contains(words) && !error.contains("secret"), "{url}: {error}");
        }
    }
}
