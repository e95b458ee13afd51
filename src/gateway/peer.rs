//! Whom did the request come from, and by way of whom? Only trusted proxies are believed; by default there is none.

use std::net::IpAddr;

use http::header::{HeaderName, HeaderValue};
use ipnet::IpNet;
use pingora_http::RequestHeader;

use super::headers::{X_FORWARDED_FOR, X_FORWARDED_PROTO, X_REQUEST_ID};
use crate::auth::Scheme;

/// The longest id of a request that is taken over.
const LONGEST_ID: usize = 128;

/// Who speaks to us: known for as long as a connection, and written once for all of its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    address: IpAddr,
    text: HeaderValue,
}

impl Peer {
    /// Whoever has this address.
    pub fn at(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let text = HeaderValue::try_from(address.to_string());
        Self { address, text: text.unwrap_or_else(|_| HeaderValue::from_static("unknown")) }
    }

    /// The address; one of IPv4 is never written as IPv6.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The same, as headers say it.
    pub fn text(&self) -> &HeaderValue {
        &self.text
    }
}

/// What is believed of how a request came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The client's address; `None` if a trusted proxy says nothing that can be read.
    pub client: Option<Peer>,
    /// How the client spoke to the first trusted proxy, or to us.
    pub scheme: Scheme,
    /// The id that a trusted proxy gave the request.
    pub request_id: Option<String>,
    /// `X-Forwarded-For` for the upstream.
    pub forwarded_for: Option<HeaderValue>,
}

impl Provenance {
    /// Reads what the peer says, before it is stripped: all of it, if the peer is trusted, and nothing if not.
    pub fn of(head: &RequestHeader, peer: &Peer, scheme: Scheme, trusted: &[IpNet]) -> Self {
        let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
        if !is_trusted(peer.address) {
            let (client, forwarded_for) = (Some(peer.clone()), Some(peer.text.clone()));
            return Self { client, scheme, request_id: None, forwarded_for };
        }
        let said = values(head, &X_FORWARDED_FOR);
        let hops: Vec<&str> = said.iter().flat_map(|value| value.split(',')).map(str::trim).collect();
        let chain = said.iter().map(|value| value.trim()).filter(|value| !value.is_empty());
        let chain: Vec<&str> = chain.collect();
        let peer_text = peer.address.to_string();
        let chain = [chain.as_slice(), &[peer_text.as_str()]].concat().join(", ");
        Self {
            client: client_of(peer.address, &hops, is_trusted).map(Peer::at),
            scheme: scheme_of(head).unwrap_or(scheme),
            request_id: id_of(head),
            forwarded_for: HeaderValue::try_from(chain).ok(),
        }
    }
}

/// From the right: the first address that is no trusted proxy's. What stands to the left of it may be anybody's word. An
/// entry that is no address hides who came, and then nobody knows.
fn client_of(peer: IpAddr, hops: &[&str], is_trusted: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    let mut client = peer;
    for hop in hops.iter().rev().filter(|hop| !hop.is_empty()) {
        client = address_of(hop)?;
        if !is_trusted(client) {
            break;
        }
    }
    Some(client)
}

/// An address, perhaps with a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address_of(hop: &str) -> Option<IpAddr> {
    let plain = hop.parse::<IpAddr>().ok();
    let with_port = || hop.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).and_then(|hop| hop.parse().ok());
    plain.or_else(with_port).or_else(in_brackets).map(|address: IpAddr| address.to_canonical())
}

/// The last word of `X-Forwarded-Proto`, which the nearest proxy said.
fn scheme_of(head: &RequestHeader) -> Option<Scheme> {
    let said = values(head, &X_FORWARDED_PROTO);
    match said.last()?.rsplit(',').next()?.trim().to_ascii_lowercase().as_str() {
        "https" | "wss" => Some(Scheme::Https),
        "http" | "ws" => Some(Scheme::Http),
        _ => None,
    }
}

fn id_of(head: &RequestHeader) -> Option<String> {
    let said = values(head, &X_REQUEST_ID);
    let [id] = said.as_slice() else { return None };
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.' | b':' | b'/' | b'+');
    ((1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(plain)).then(|| (*id).to_owned())
}

/// The values that can be read; of a header with one that cannot, there is one that is no value of anything.
fn values<'h>(head: &'h RequestHeader, name: &HeaderName) -> Vec<&'h str> {
    head.headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn of(peer: &str, headers: &[(&str, &str)]) -> Provenance {
        let mut head = RequestHeader::build("GET", b"/", None).unwrap();
        for (name, value) in headers {
            head.append_header((*name).to_owned(), (*value).to_owned()).unwrap();
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        Provenance::of(&head, &Peer::at(peer.parse().unwrap()), Scheme::Http, &trusted)
    }

    fn client(peer: &str, said: &[&str]) -> String {
        let headers: Vec<_> = said.iter().map(|value| ("x-forwarded-for", *value)).collect();
        of(peer, &headers).client.map_or_else(|| "unknown".to_owned(), |client| client.address.to_string())
    }

    #[test]
    fn class_25_nobody_but_a_trusted_proxy_is_believed() {
        let said = [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-proto", "https"), ("x-request-id", "a")];
        let stranger = of("192.0.2.9", &said);
        assert_eq!(stranger.client, Some(Peer::at("192.0.2.9".parse().unwrap())));
        assert_eq!((stranger.scheme, stranger.request_id), (Scheme::Http, None));
        assert_eq!(stranger.forwarded_for.unwrap(), "192.0.2.9");
        let proxy = of("10.1.1.1", &said);
        assert_eq!(proxy.client, Some(Peer::at("1.2.3.4".parse().unwrap())));
        assert_eq!((proxy.scheme, proxy.request_id.as_deref()), (Scheme::Https, Some("a")));
        assert_eq!(proxy.forwarded_for.unwrap(), "1.2.3.4, 10.1.1.1");
    }

    #[test]
    fn class_25_the_chain_is_read_from_the_right_and_what_is_left_of_a_stranger_is_anybodys_word() {
        for (said, expected) in [
            (vec!["1.2.3.4"], "1.2.3.4"),
            (vec!["9.9.9.9, 1.2.3.4, 10.2.2.2"], "1.2.3.4"),
            (vec!["9.9.9.9", "1.2.3.4", "10.2.2.2, 10.3.3.3"], "1.2.3.4"),
            (vec!["10.2.2.2"], "10.2.2.2"),
            (vec!["1.2.3.4:5678"], "1.2.3.4"),
            (vec!["[2001:db8::1]:80"], "2001:db8::1"),
            (vec!["::ffff:1.2.3.4"], "1.2.3.4"),
            (vec![], "10.1.1.1"),
            (vec![""], "10.1.1.1"),
            (vec!["unknown"], "unknown"),
            (vec!["1.2.3.4, nonsense, 10.2.2.2"], "unknown"),
            (vec!["nonsense, 1.2.3.4"], "1.2.3.4"),
        ] {
            assert_eq!(client("10.1.1.1", &said), expected, "{said:?}");
        }
        assert_eq!(client("::ffff:10.1.1.1", &["1.2.3.4"]), "1.2.3.4", "a mapped address is IPv4");
        assert_eq!(client("fd00::1", &["1.2.3.4"]), "1.2.3.4");
    }

    #[test]
    fn an_id_that_could_do_harm_is_not_taken_over() {
        for id in ["", "a b", "a\"b", "é", "{x}"] {
            assert_eq!(of("10.1.1.1", &[("x-request-id", id)]).request_id, None, "{id}");
        }
        assert_eq!(of("10.1.1.1", &[("x-request-id", &"a".repeat(129))]).request_id, None);
        assert_eq!(of("10.1.1.1", &[("x-request-id", "a"), ("x-request-id", "b")]).request_id, None);
    }
}
