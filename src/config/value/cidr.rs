//! Which addresses does a CIDR block hold?

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::place::quoted;

/// A block of addresses (RFC 4632 §3.1). IPv4-mapped IPv6 counts as IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr {
    network: IpAddr,
    /// At most 32 or 128.
    prefix: u8,
}

impl Cidr {
    /// The first address of the block.
    pub fn network(&self) -> IpAddr {
        self.network
    }

    /// How many leading bits are fixed.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether `address` lies in the block. An address of the other family never does.
    pub fn contains(&self, address: IpAddr) -> bool {
        masked(address.to_canonical(), self.prefix) == self.network
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

/// `10.0.0.0/8`, `2001:db8::/32`, or a single address.
///
/// # Errors
/// Words that say what is wrong; with bits set after the prefix, the block that was probably meant.
pub fn cidr(text: &str) -> Result<Cidr, String> {
    let expected =
        || format!("expected an address or a block like 10.0.0.0/8 or 2001:db8::/32, found {}", quoted(text));
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| expected())?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => bits,
        Some(digits) => u8::try_from(super::number(digits, 0..=u64::from(bits)).map_err(|_| {
            format!("expected a prefix length from 0 to {bits} after the \"/\", found {}", quoted(text))
        })?)
        .map_err(|_| expected())?,
    };
    let network = masked(address, prefix);
    if network != address {
        return Err(format!("{} has bits set after its prefix; did you mean {network}/{prefix}?", quoted(text)));
    }
    Ok(canonical(network, prefix))
}

/// `::ffff:10.0.0.0/104` is `10.0.0.0/8`: clients are compared as IPv4.
fn canonical(network: IpAddr, prefix: u8) -> Cidr {
    match (network.to_canonical(), network, prefix.checked_sub(96)) {
        (v4 @ IpAddr::V4(_), IpAddr::V6(_), Some(prefix)) => Cidr { network: v4, prefix },
        _ => Cidr { network, prefix },
    }
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(prefix)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(prefix)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_single_addresses_are_read() {
        for (text, shown) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("2001:DB8::/32", "2001:db8::/32"),
            ("::1", "::1/128"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ] {
            assert_eq!(cidr(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_block_is_explained() {
        for (text, words) in [
            ("10.0.0.1/8", "did you mean 10.0.0.0/8?"),
            ("2001:db8::1/32", "did you mean 2001:db8::/32?"),
            ("10.0.0.0/33", "from 0 to 32"),
            ("::/129", "from 0 to 128"),
            ("10.0.0.0/", "from 0 to 32"),
            ("10.0.0/8", "expected an address"),
            ("010.0.0.1", "expected an address"),
            ("localhost", "expected an address"),
            ("", "expected an address"),
        ] {
            assert!(cidr(text).unwrap_err().contains(words), "{text}: {:?}", cidr(text));
        }
    }

    #[test]
    fn a_block_holds_its_addresses_in_either_notation_and_no_others() {
        let inside = |block: &str, address: &str| cidr(block).unwrap().contains(address.parse().unwrap());
        assert!(inside("10.0.0.0/8", "10.255.0.1"));
        assert!(inside("10.0.0.0/8", "::ffff:10.255.0.1"));
        assert!(!inside("10.0.0.0/8", "11.0.0.0"));
        assert!(inside("0.0.0.0/0", "255.255.255.255"));
        assert!(!inside("0.0.0.0/0", "::1"));
        assert!(!inside("::/0", "10.0.0.1"));
        assert!(inside("::1", "::1"));
        assert!(!inside("::1", "::2"));
    }
}
