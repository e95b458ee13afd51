//! Where does something listen?

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::super::place::quoted;
use super::host_name;

/// Where a server of an upstream listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ServerAddress {
    /// An IP address and a port.
    Inet(SocketAddr),
    /// A host name, resolved again and again.
    Name {
        /// Lower case.
        host: String,
        /// Not 0.
        port: u16,
    },
    /// A Unix-domain socket.
    Unix(PathBuf),
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => address.fmt(f),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// `127.0.0.1:80` or `[::1]:80`: where we listen ourselves.
///
/// # Errors
/// Words that say what is missing.
pub fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let shown = quoted(text);
        match text.rsplit_once(':') {
            _ if text.parse::<IpAddr>().is_ok() => missing_port(text),
            Some(("" | "*", port)) if is_port(port) => {
                format!(
                    "{shown} has no address: write 0.0.0.0:{port} for all of IPv4, [::]:{port} for all of IPv6 as well"
                )
            }
            None if is_port(text) => {
                format!(
                    "{shown} has no address: write 0.0.0.0:{text} for all of IPv4, 127.0.0.1:{text} for this machine"
                )
            }
            Some((name, port)) if host_name(name).is_ok() && is_port(port) => {
                format!("{shown} has a name where an IP address is needed, like 127.0.0.1:{port}")
            }
            _ => format!("expected an IP address and a port like 127.0.0.1:80 or [::1]:80, found {shown}"),
        }
    })
}

/// `127.0.0.1:5000`, `[::1]:5000`, `app.internal:5000` or `unix:/run/app.sock`. A relative socket stays relative.
///
/// # Errors
/// Words that say what is missing.
pub fn server_address(text: &str) -> Result<ServerAddress, String> {
    let shown = quoted(text);
    if let Some(path) = text.strip_prefix("unix:") {
        return match path {
            "" => Err(format!("{shown} names no socket: write unix:/run/app.sock")),
            _ if path.contains('\0') => Err(format!("{shown} holds a NUL character")),
            _ => Ok(ServerAddress::Unix(PathBuf::from(path))),
        };
    }
    if text.contains("://") {
        return Err(format!("{shown} has a scheme: write HOST:PORT, and \"tls\" in the upstream for https"));
    }
    let address = match text.parse::<SocketAddr>() {
        Ok(address) => ServerAddress::Inet(address),
        Err(_) => named_server(text)?,
    };
    match address {
        ServerAddress::Inet(inet) if inet.port() == 0 => Err(format!("{shown} has port 0, which nobody listens on")),
        ServerAddress::Inet(_) | ServerAddress::Name { .. } | ServerAddress::Unix(_) => Ok(address),
    }
}

fn named_server(text: &str) -> Result<ServerAddress, String> {
    let shown = quoted(text);
    if text.parse::<IpAddr>().is_ok() {
        return Err(missing_port(text));
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err(match host_name(text) {
            Ok(_) => missing_port(text),
            Err(_) => format!("expected HOST:PORT or unix:/path, found {shown}"),
        });
    };
    let host = host_name(host).map_err(|_| format!("expected HOST:PORT or unix:/path, found {shown}"))?;
    match port.parse() {
        Ok(number) if number > 0 && is_port(port) => Ok(ServerAddress::Name { host, port: number }),
        _ => Err(format!("{shown} has no port from 1 to 65535 after the last \":\"")),
    }
}

fn missing_port(address: &str) -> String {
    let bracketed = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    format!("{} has no port: write {}", quoted(address), quoted(&format!("{bracketed}:8080")))
}

fn is_port(text: &str) -> bool {
    super::number(text, 0..=u64::from(u16::MAX)).is_ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn socket_addresses_are_ip_and_port() {
        for text in ["127.0.0.1:80", "[::1]:80", "0.0.0.0:0"] {
            assert_eq!(socket_address(text).unwrap().to_string(), text);
        }
        for (text, words) in [
            (":80", "write 0.0.0.0:80"),
            ("*:80", "write 0.0.0.0:80"),
            ("80", "write 0.0.0.0:80"),
            ("localhost:80", "a name where an IP address is needed"),
            ("127.0.0.1", "write \"127.0.0.1:8080\""),
            ("::1", "write \"[::1]:8080\""),
            ("127.0.0.1:99999", "expected an IP address and a port"),
            ("", "expected an IP address and a port"),
        ] {
            assert!(socket_address(text).unwrap_err().contains(words), "{text}: {:?}", socket_address(text));
        }
    }

    #[test]
    fn servers_are_addresses_names_or_sockets() {
        for (text, shown) in [
            ("127.0.0.1:5000", "127.0.0.1:5000"),
            ("[::1]:5000", "[::1]:5000"),
            ("App-2.internal:5000", "app-2.internal:5000"),
            ("my_app:1", "my_app:1"),
            ("unix:/run/app.sock", "unix:/run/app.sock"),
        ] {
            assert_eq!(server_address(text).unwrap().to_string(), shown);
        }
        assert!(matches!(server_address("app:1"), Ok(ServerAddress::Name { port: 1, .. })));
    }

    #[test]
    fn what_is_no_server_is_explained() {
        for (text, words) in [
            ("app.internal", "write \"app.internal:8080\""),
            ("127.0.0.1", "write \"127.0.0.1:8080\""),
            ("::1", "write \"[::1]:8080\""),
            ("http://app:80", "has a scheme"),
            ("app:http", "no port from 1 to 65535"),
            ("app:0", "no port from 1 to 65535"),
            ("app:65536", "no port from 1 to 65535"),
            ("127.0.0.1:0", "port 0"),
            ("127.0.0.300:80", "expected HOST:PORT"),
            (":80", "expected HOST:PORT"),
            ("a b:80", "expected HOST:PORT"),
            ("unix:", "names no socket"),
            ("", "expected HOST:PORT"),
        ] {
            assert!(server_address(text).unwrap_err().contains(words), "{text}: {:?}", server_address(text));
        }
    }
}
