//! The names and addresses of this host, so that a browser that is attached to by one of them is known to be here.
//!
//! Reads files; asks no name server, which could wait, and whose answer is not this host's to give.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;

use crate::collision::claim::{Claims, Pin, Surface};
use crate::openclaw::config::declared::Endpoint;

/// Takes every browser that is on this host for what it is: a port of this host.
pub(super) fn localize(claims: &mut Claims) {
    let is_named = |surface: &Surface| matches!(surface, Surface::Browser(_));
    if !claims.claims.iter().any(|claim| is_named(&claim.surface)) {
        return;
    }
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let mut own = Own::read(&text("/etc/hosts"), &text("/proc/net/fib_trie"), &text("/proc/net/if_inet6"));
    let name = text("/proc/sys/kernel/hostname").trim().to_lowercase();
    if !name.is_empty() {
        own.names.entry(name).or_insert(std::net::Ipv4Addr::LOCALHOST.into());
    }
    for claim in &mut claims.claims {
        if let Surface::Browser(end) = &claim.surface {
            claim.surface = own.surface(end);
        }
    }
}

/// What this host is called, and where it can be reached.
struct Own {
    names: BTreeMap<String, IpAddr>,
    addresses: Vec<IpAddr>,
}

impl Own {
    /// From the host's table of names, and the kernel's tables of its addresses.
    fn read(hosts: &str, ipv4: &str, ipv6: &str) -> Self {
        let mut names = BTreeMap::new();
        for line in hosts.lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let Some(address) = words.next().and_then(|word| word.parse::<IpAddr>().ok()) else { continue };
            for name in words {
                // The first line of a name counts.
                names.entry(name.to_lowercase()).or_insert(address.to_canonical());
            }
        }
        let mut addresses = Vec::new();
        let mut last = None;
        for line in ipv4.lines() {
            match line.trim().strip_prefix("|-- ") {
                Some(address) => last = address.parse::<IpAddr>().ok(),
                None if line.contains("/32 host LOCAL") => addresses.extend(last),
                None => {}
            }
        }
        let digits = ipv6.lines().filter_map(|line| line.split_whitespace().next());
        let whole = digits.filter_map(|digits| u128::from_str_radix(digits, 16).ok());
        addresses.extend(whole.map(|bits| IpAddr::from(std::net::Ipv6Addr::from_bits(bits))));
        Self { names, addresses }
    }

    /// What attaching to `end` is. Other addresses of 127/8 are ends of their own: a browser listens on 127.0.0.1 alone.
    fn surface(&self, end: &Endpoint) -> Surface {
        let address = self.names.get(&end.host).copied().or_else(|| end.host.parse::<IpAddr>().ok());
        let Some(address) = address else { return Surface::Browser(end.clone()) };
        let is_loopback = address == IpAddr::from(std::net::Ipv4Addr::LOCALHOST)
            || address == IpAddr::from(std::net::Ipv6Addr::LOCALHOST);
        let is_own = !address.is_loopback() && self.addresses.contains(&address);
        if is_loopback || is_own {
            return Surface::Pin(Pin::Attaches, end.port);
        }
        Surface::Browser(Endpoint { host: address.to_string(), port: end.port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_of_this_host_lead_to_its_ports() {
        let hosts =
            "127.0.0.1 localhost # this\n::1 ip6-localhost\n127.0.1.1 Box box.lan\n10.0.0.9 farm\n10.0.0.5 nas\n";
        let ipv4 = "  |-- 10.0.0.0\n     /24 link UNICAST\n  |-- 10.0.0.5\n     /32 host LOCAL\n";
        let own = Own::read(hosts, ipv4, "fe800000000000000000000000000001 02 40 20 80 eth0\n");
        let of = |host: &str| own.surface(&Endpoint { host: host.to_owned(), port: 9222 });
        for here in ["ip6-localhost", "10.0.0.5", "nas", "fe80::1"] {
            assert_eq!(of(here), Surface::Pin(Pin::Attaches, 9222), "{here}");
        }
        for (name, address) in [("box", "127.0.1.1"), ("127.0.0.2", "127.0.0.2"), ("farm", "10.0.0.9")] {
            assert_eq!(of(name), Surface::Browser(Endpoint { host: address.to_owned(), port: 9222 }), "{name}");
        }
        assert_eq!(of("other"), Surface::Browser(Endpoint { host: "other".to_owned(), port: 9222 }));
    }
}
