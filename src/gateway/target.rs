//! What does the request ask for, and of which host? Read once, in the form that everything after it uses.

use http::Version;
use http::header::HOST;
use pingora_http::RequestHeader;

use crate::auth::Reason;
use crate::path::NormalPath;

/// The target of a request.
#[derive(Debug, Clone)]
pub struct Target {
    /// Lower case, without port; empty if the client named none.
    pub host: String,
    /// As the client wrote it, with its port.
    pub authority: String,
    /// The path in normal form.
    pub path: NormalPath<'static>,
    /// The query as it came.
    pub query: Option<String>,
}

impl Target {
    /// Reads the target, or says why it cannot be served.
    pub fn of(head: &RequestHeader) -> Result<Self, Reason> {
        if !head.raw_path_is_utf8() {
            return Err(Reason::PathRefused);
        }
        let authority = authority(head)?;
        let host = host_of(&authority).ok_or(Reason::HostInvalid)?;
        if host.is_empty() && head.version == Version::HTTP_11 {
            return Err(Reason::HostInvalid);
        }
        let path = match head.uri.path() {
            "" => NormalPath::parse(b"/"),
            path => NormalPath::parse(path.as_bytes()),
        };
        let path = path.map_err(|_| Reason::PathRefused)?.into_owned();
        Ok(Self { host, authority, path, query: head.uri.query().map(str::to_owned) })
    }

    /// Path and query.
    pub fn uri(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path.as_str()),
            None => self.path.as_str().to_owned(),
        }
    }
}

/// What the client named as host: the one `Host` header, or the authority of HTTP/2.
fn authority(head: &RequestHeader) -> Result<String, Reason> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let written = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().map_err(|_| Reason::HostInvalid)?,
        (Some(_), Some(_)) => return Err(Reason::HostInvalid),
        (None, _) => head.uri.authority().map_or("", |authority| authority.as_str()),
    };
    Ok(written.trim().to_owned())
}

/// The host without port, in lower case, without the dot of the root; `None` if it is not a host (RFC 3986 §3.2.2).
fn host_of(authority: &str) -> Option<String> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            (authority.get(..address.len() + 2)?, after)
        }
        None => authority.find(':').map_or((authority, ""), |colon| authority.split_at(colon)),
    };
    let port_is_good = match port.strip_prefix(':') {
        Some(digits) => digits.len() <= 5 && digits.bytes().all(|octet| octet.is_ascii_digit()),
        None => port.is_empty(),
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_name = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
    let host_is_good = authority.starts_with('[') || host.bytes().all(is_name);
    let empty_is_good = !host.is_empty() || authority.is_empty();
    (port_is_good && host_is_good && empty_is_good && host.len() <= 255).then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_compared_in_one_form() {
        for (authority, host) in [
            ("Example.COM", Some("example.com")),
            ("example.com:8443", Some("example.com")),
            ("example.com.", Some("example.com")),
            ("127.0.0.1:80", Some("127.0.0.1")),
            ("[::1]:80", Some("[::1]")),
            ("", Some("")),
            (":80", None),
            ("a b", None),
            ("a/b", None),
            ("user@host", None),
            ("host:80:80", None),
            ("host:x", None),
            ("[::1", None),
            ("[zz]", None),
            ("[::1]x", None),
            ("a,b", None),
        ] {
            assert_eq!(host_of(authority).as_deref(), host, "{authority}");
        }
    }

    #[test]
    fn a_target_needs_a_host_in_http_1_1_and_a_safe_path() {
        let head = |path: &str, host: Option<&str>| {
            let mut head = RequestHeader::build("GET", path.as_bytes(), None).unwrap();
            if let Some(host) = host {
                head.insert_header("host", host.to_owned()).unwrap();
            }
            head
        };
        let target = Target::of(&head("/a/../b?x=1", Some("H:1"))).unwrap();
        assert_eq!((target.host.as_str(), target.uri().as_str()), ("h", "/b?x=1"));
        assert_eq!(Target::of(&head("/", None)).unwrap_err(), Reason::HostInvalid);
        assert_eq!(Target::of(&head("/%00", Some("h"))).unwrap_err(), Reason::PathRefused);
        let mut old = head("/", None);
        old.set_version(Version::HTTP_10);
        assert_eq!(Target::of(&old).unwrap().host, "");
        let mut two = head("/", Some("a"));
        two.append_header("host", "b").unwrap();
        assert_eq!(Target::of(&two).unwrap_err(), Reason::HostInvalid);
    }
}
