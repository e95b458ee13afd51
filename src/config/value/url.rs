//! Which URL is meant?

use http::Uri;

use super::super::place::quoted;
use super::{ServerAddress, host_name, server_address};

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

/// `https://app.example.com`: scheme, host and a port that is not the scheme's own (RFC 6454 §6.2), in lower case.
///
/// # Errors
/// Words that say what does not belong into it.
pub fn origin(text: &str) -> Result<String, String> {
    let shown = quoted(text);
    http_url(text)?;
    let url: Uri = text.parse().map_err(|_| format!("{shown} is no origin"))?;
    if url.path_and_query().is_some_and(|path| path != "/") || text.ends_with('/') {
        return Err(format!("{shown} is more than an origin: leave out the path"));
    }
    let default = if url.scheme_str() == Some("https") { 443 } else { 80 };
    let port = url.port_u16().filter(|port| *port != default).map_or_else(String::new, |port| format!(":{port}"));
    Ok(format!("{}://{}{port}", url.scheme_str().unwrap_or("https"), url.host().unwrap_or_default())
        .to_ascii_lowercase())
}

/// Where a service is, and what it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceUrl {
    /// Where it listens.
    pub address: ServerAddress,
    /// How it is spoken to.
    pub transport: ServiceTransport,
    /// `Host`.
    pub authority: String,
    /// Path and query.
    pub target: String,
}

/// How a service is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceTransport {
    /// In plaintext.
    Plain,
    /// Over TLS.
    Tls,
}

/// `http://127.0.0.1:5001/verify`, the same with https, or `unix:/run/verifier.sock:/verify`.
///
/// # Errors
/// Words that say what does not belong into it.
pub fn service_url(text: &str) -> Result<ServiceUrl, String> {
    if let Some(rest) = text.strip_prefix("unix:") {
        let (socket, target) = rest.rsplit_once(":/").unwrap_or((rest, ""));
        let target = format!("/{target}");
        let address = server_address(&format!("unix:{socket}"))?;
        target.parse::<Uri>().map_err(|_| format!("{} is no path", quoted(&target)))?;
        let authority = "localhost".to_owned();
        return Ok(ServiceUrl { address, transport: ServiceTransport::Plain, authority, target });
    }
    http_url(text)?;
    let url: Uri = text.parse().map_err(|_| format!("{} is no URL", quoted(text)))?;
    let (transport, port) = match url.scheme_str() {
        Some("https") => (ServiceTransport::Tls, 443),
        Some(_) | None => (ServiceTransport::Plain, 80),
    };
    let host = url.host().unwrap_or_default();
    let address = server_address(&format!("{host}:{}", url.port_u16().unwrap_or(port)))?;
    let authority = url.authority().map_or_else(String::new, ToString::to_string);
    let target = url.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    Ok(ServiceUrl { address, transport, authority, target })
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

    #[test]
    fn an_origin_is_what_browsers_write() {
        for (text, written) in [
            ("https://App.Example.com", "https://app.example.com"),
            ("https://app.example.com:443", "https://app.example.com"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("https://[2001:db8::1]", "https://[2001:db8::1]"),
        ] {
            assert_eq!(origin(text).as_deref(), Ok(written), "{text}");
        }
        for text in ["https://a/", "https://a/b", "https://a?b", "app.example.com", "null", "*", "ftp://a"] {
            assert!(origin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_service_is_at_a_url_or_at_a_socket() {
        for (url, address, transport, authority, target) in [
            ("http://127.0.0.1:5001/a/b?c=d", "127.0.0.1:5001", ServiceTransport::Plain, "127.0.0.1:5001", "/a/b?c=d"),
            ("https://Auth.example", "auth.example:443", ServiceTransport::Tls, "Auth.example", "/"),
            ("http://[::1]/x", "[::1]:80", ServiceTransport::Plain, "[::1]", "/x"),
            (
                "unix:/run/verifier.sock:/verify",
                "unix:/run/verifier.sock",
                ServiceTransport::Plain,
                "localhost",
                "/verify",
            ),
            ("unix:/run/verifier.sock", "unix:/run/verifier.sock", ServiceTransport::Plain, "localhost", "/"),
        ] {
            let service = service_url(url).unwrap();
            assert_eq!(service.address.to_string(), address, "{url}");
            assert_eq!((service.transport, service.authority.as_str()), (transport, authority), "{url}");
            assert_eq!(service.target, target, "{url}");
        }
        for (url, words) in [
            ("unix:", "names no socket"),
            ("ftp://a/b", "only http and https"),
            ("http://u:p@a/b", "user name"),
            ("verifier", "expected a URL"),
        ] {
            assert!(service_url(url).unwrap_err().contains(words), "{url}");
        }
    }
}
