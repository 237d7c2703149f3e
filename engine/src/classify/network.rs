//! Address ranges in CIDR notation (RFC 4632, RFC 4291).
//!
//! Must not go here: which address counts as the sender's (`request`).

use std::net::IpAddr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// Reads `10.0.0.0/8`, `2001:db8::/32` or a single address.
    pub fn parse(text: &str) -> Result<Network, &'static str> {
        let expected = "expected a range such as `10.0.0.0/8` or `2001:db8::/32`";
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| expected)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), str::parse).map_err(|_| expected)?;
        let network = Network { address, prefix };
        match prefix <= longest {
            true if masked(address, prefix) == address => Ok(network),
            true => Err("the address has bits beyond the prefix"),
            false => Err(expected),
        }
    }

    /// An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.prefix) == self.address
    }
}

fn masked(address: IpAddr, prefix: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32u32.saturating_sub(prefix)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128u32.saturating_sub(prefix)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn ranges_contain_their_addresses() {
        for (range, yes, no) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::a00:1"),
            ("192.168.1.4", "192.168.1.4", "192.168.1.5"),
            ("192.168.1.4/31", "192.168.1.5", "192.168.1.6"),
            ("0.0.0.0/0", "8.8.8.8", "::1"),
            ("2001:db8::/32", "2001:db8:1::1", "2001:db9::1"),
            ("::/0", "2001:db8::1", "1.2.3.4"),
        ] {
            let range = Network::parse(range).unwrap();
            assert!(range.contains(yes.parse().unwrap()), "{range:?} {yes}");
            assert!(!range.contains(no.parse().unwrap()), "{range:?} {no}");
        }
        for text in ["", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/", "10.0/8", "2001:db8::/129", "a/8"] {
            assert!(Network::parse(text).is_err(), "{text}");
        }
    }
}
