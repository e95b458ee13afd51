//! Which hosts are meant?

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::place::quoted;

/// RFC 1035 §2.3.4, less the root's own octets.
const LONGEST_NAME: usize = 253;
/// RFC 1035 §2.3.4.
const LONGEST_LABEL: usize = 63;

/// Which hosts a location is for; lower case, without port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// This host.
    Exact(String),
    /// Every host with this end: `.example.com`, the dot included.
    Wildcard(String),
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => f.write_str(host),
            Self::Wildcard(end) => write!(f, "*{end}"),
        }
    }
}

/// `dify.example.com`, `*.example.com`, `192.0.2.1` or `[2001:db8::1]`.
///
/// # Errors
/// Words that say what does not belong into a host.
pub fn host_pattern(text: &str) -> Result<HostPattern, String> {
    let shown = quoted(text);
    if text == "*" {
        return Err("\"*\" is no host: leave \"host\" out to match every host".to_owned());
    }
    if text.contains('/') {
        return Err(format!("{shown} is more than a host: leave out the scheme and the path"));
    }
    if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = address.parse().map_err(|_| format!("{shown} is no IPv6 address"))?;
        return Ok(HostPattern::Exact(format!("[{address}]")));
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err(format!("an IPv6 address stands in brackets: write {}", quoted(&format!("[{text}]"))));
    }
    if text.contains(':') {
        return Err(format!("{shown} has a port: a host is matched without it (use \"listener\" to tell ports apart)"));
    }
    let (end, wildcard) = match text.strip_prefix("*.") {
        Some(end) => (end, Some(())),
        None => (text, None),
    };
    if end.contains('*') {
        return Err(format!("{shown}: \"*\" may only stand for the first labels, as in \"*.example.com\""));
    }
    let name = host_name(end.strip_suffix('.').unwrap_or(end))?;
    match wildcard {
        None => Ok(HostPattern::Exact(name)),
        Some(()) if name.parse::<Ipv4Addr>().is_ok() => Err(format!("{shown}: an IP address has no subdomains")),
        Some(()) => Ok(HostPattern::Wildcard(format!(".{name}"))),
    }
}

/// A DNS name or an IPv4 address, in lower case. `_` is allowed, since private networks use it.
///
/// # Errors
/// Words that say what does not belong into a name.
pub fn host_name(text: &str) -> Result<String, String> {
    let shown = quoted(text);
    if !text.is_ascii() {
        return Err(format!("{shown}: write the name in its ASCII form (xn--…)"));
    }
    let label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label of digits makes it an attempt at IPv4 (URL Standard, "ends in a number").
    let numeric = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    let valid =
        text.len() <= LONGEST_NAME && text.split('.').all(label) && (!numeric || text.parse::<Ipv4Addr>().is_ok());
    if valid { Ok(text.to_ascii_lowercase()) } else { Err(format!("{shown} is no host name")) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_exact_or_begin_with_a_wildcard() {
        for (text, pattern) in [
            ("Dify.Example.com", HostPattern::Exact("dify.example.com".to_owned())),
            ("dify.example.com.", HostPattern::Exact("dify.example.com".to_owned())),
            ("localhost", HostPattern::Exact("localhost".to_owned())),
            ("*.Example.com", HostPattern::Wildcard(".example.com".to_owned())),
            ("192.0.2.1", HostPattern::Exact("192.0.2.1".to_owned())),
            ("[2001:DB8::1]", HostPattern::Exact("[2001:db8::1]".to_owned())),
        ] {
            assert_eq!(host_pattern(text), Ok(pattern), "{text}");
        }
    }

    #[test]
    fn what_is_more_or_less_than_a_host_is_explained() {
        for (text, words) in [
            ("*", "leave \"host\" out"),
            ("*.", "no host name"),
            ("a.*.com", "first labels"),
            ("*a.com", "first labels"),
            ("*.*.com", "first labels"),
            ("a.com:80", "has a port"),
            ("https://a.com", "leave out the scheme"),
            ("::1", "write \"[::1]\""),
            ("[::1]:80", "has a port"),
            ("[nope]", "no IPv6 address"),
            ("1.2.3.400", "no host name"),
            ("*.1.2.3.4", "no subdomains"),
            ("münchen.de", "ASCII form"),
            ("a..b", "no host name"),
            ("-a.com", "no host name"),
            ("a b", "no host name"),
            ("", "no host name"),
        ] {
            assert!(host_pattern(text).unwrap_err().contains(words), "{text}: {:?}", host_pattern(text));
        }
        assert!(host_name(&"a.".repeat(200)).is_err());
        assert!(host_name(&"a".repeat(64)).is_err());
    }
}
