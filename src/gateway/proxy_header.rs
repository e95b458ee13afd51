//! Who is it that a balancer passes a connection on for? The header of the PROXY protocol (HAProxy, versions 1 and 2), which
//! stands before everything else.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ppp::{HeaderResult, PartialResult, v1, v2};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Of version 1, with its line end.
const LONGEST_LINE: usize = 107;
/// Version 2 has 16 octets, up to 216 of addresses, and what a balancer likes to add.
const LONGEST: usize = 2048;
/// How long a header is waited for that has come in part, at first. The kernel does not say when more of it is there, so it
/// is looked for more and more seldom.
const REST_OF_THE_HEADER: Duration = Duration::from_millis(2);
/// And at last.
const REST_AT_LAST: Duration = Duration::from_millis(250);

/// Whom a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behalf {
    /// The balancer itself: its health checks.
    Own,
    /// This client.
    Client(SocketAddr),
    /// Somebody of whom the balancer knows no address.
    Unknown,
}

/// Takes the header off a connection.
///
/// # Errors
/// There is none, or none that can be read.
pub async fn take(stream: &mut TcpStream) -> io::Result<Behalf> {
    let mut buffer = [0_u8; LONGEST];
    let mut rest = REST_OF_THE_HEADER;
    loop {
        let length = stream.peek(&mut buffer).await?;
        let come = buffer.get(..length).unwrap_or_default();
        match read(come) {
            Some(Ok((header, client))) => {
                let header = buffer.get_mut(..header).unwrap_or_default();
                stream.read_exact(header).await?;
                return Ok(client);
            }
            None if length > 0 && length < LONGEST => {
                tokio::time::sleep(rest).await;
                rest = (rest * 2).min(REST_AT_LAST);
            }
            Some(Err(())) | None => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it does not begin with a PROXY header"));
            }
        }
    }
}

/// The length of a header, and whom it names; `None` if it is not all there.
fn read(octets: &[u8]) -> Option<Result<(usize, Behalf), ()>> {
    // What comes after a line need not be text.
    let end = octets.windows(2).position(|pair| pair == b"\r\n").map(|end| end + 2);
    let is_line = octets.starts_with(b"PROXY ");
    if is_line && end.is_none() && octets.len() < LONGEST_LINE {
        return None;
    }
    let line = end.unwrap_or(octets.len());
    let parsed = HeaderResult::parse(if is_line { octets.get(..line).unwrap_or_default() } else { octets });
    if parsed.is_incomplete() {
        // A line that has ended will not get better.
        return (is_line && end.is_some()).then_some(Err(()));
    }
    Some(match parsed {
        HeaderResult::V1(Ok(header)) => Ok((line, client_of_line(&header.addresses))),
        HeaderResult::V2(Ok(header)) => Ok((header.len(), client_of_octets(&header))),
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => Err(()),
    })
}

fn client_of_line(addresses: &v1::Addresses) -> Behalf {
    match addresses {
        v1::Addresses::Tcp4(of) => Behalf::Client((IpAddr::V4(of.source_address), of.source_port).into()),
        v1::Addresses::Tcp6(of) => Behalf::Client((IpAddr::V6(of.source_address), of.source_port).into()),
        v1::Addresses::Unknown => Behalf::Unknown,
    }
}

fn client_of_octets(header: &v2::Header<'_>) -> Behalf {
    let client = |address: IpAddr, port: u16| Behalf::Client((address, port).into());
    match (&header.command, &header.addresses) {
        (v2::Command::Local, _) => Behalf::Own,
        (v2::Command::Proxy, v2::Addresses::IPv4(of)) => client(IpAddr::V4(of.source_address), of.source_port),
        (v2::Command::Proxy, v2::Addresses::IPv6(of)) => client(IpAddr::V6(of.source_address), of.source_port),
        (v2::Command::Proxy, v2::Addresses::Unix(_) | v2::Addresses::Unspecified) => Behalf::Unknown,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_header_names_the_client_and_ends_where_it_ends() {
        let line = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";
        let client: SocketAddr = "192.0.2.7:4711".parse().unwrap();
        assert_eq!(read(line), Some(Ok((line.len(), Behalf::Client(client)))));
        let with_tls = [line.as_slice(), b"\x16\x03\x01\xff\xff\r\n"].concat();
        assert_eq!(read(&with_tls), Some(Ok((line.len(), Behalf::Client(client)))));
        assert_eq!(read(b"PROXY UNKNOWN\r\nGET /"), Some(Ok((15, Behalf::Unknown))));
        for length in 0..line.len() {
            assert_eq!(read(&line[..length]), None, "{length} octets");
        }
    }

    #[test]
    fn version_2_is_read_as_well() {
        let six = "[2001:db8::7]:4711".parse::<SocketAddr>().unwrap();
        let to = "[2001:db8::1]:443".parse::<SocketAddr>().unwrap();
        let header =
            v2::Builder::with_addresses(v2::Version::Two | v2::Command::Proxy, v2::Protocol::Stream, (six, to));
        let header = header.write_tlv(v2::Type::NoOp, b"more").unwrap().build().unwrap();
        assert_eq!(read(&[header.as_slice(), b"GET / "].concat()), Some(Ok((header.len(), Behalf::Client(six)))));
        for length in 0..header.len() {
            assert_eq!(read(&header[..length]), None, "{length} octets");
        }
        let own = v2::Builder::new(
            v2::Version::Two | v2::Command::Local,
            v2::AddressFamily::Unspecified | v2::Protocol::Unspecified,
        );
        assert_eq!(read(&own.build().unwrap()), Some(Ok((16, Behalf::Own))));
    }

    #[test]
    fn what_is_none_is_refused_at_once() {
        for octets in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            b"PROXY TCP4 x y 1 2\r\n",
            b"PROXY TCP4\r\n",
            b"PROXY \r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00",
        ] {
            assert_eq!(read(octets), Some(Err(())), "{octets:?}");
        }
    }
}
