//! Host and port of a URL, so normalised that two spellings of one end are equal.
//!
//! Looks up no name. Not a URL library: what a browser would refuse may pass here, what it takes is read as it reads it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::declared::{Endpoint, LOOPBACK};
use super::json5::is_blank;

/// Host and port of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) host: String,
    /// The port, where one is written.
    pub(super) written_port: Option<u16>,
    /// The port that the scheme implies.
    pub(super) scheme_port: u16,
    /// Whether the URL names one browser's own WebSocket.
    pub(super) is_browser_socket: bool,
}

impl Target {
    /// Reads an `http`, `https`, `ws` or `wss` URL.
    pub(super) fn read(url: &str) -> Option<Self> {
        let url = url.trim_matches(is_blank).replace(['\t', '\n', '\r'], "");
        let (scheme, rest) = url.split_once(':')?;
        let scheme = scheme.to_ascii_lowercase();
        let scheme_port = match scheme.as_str() {
            "http" | "ws" => 80,
            "https" | "wss" => 443,
            _ => return None,
        };
        let rest = rest.trim_start_matches(['/', '\\']);
        let (authority, path) = rest.split_at(rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len()));
        let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, rest)| rest);
        let (host, port) = match host_and_port.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                (host.parse::<Ipv6Addr>().ok()?.to_string(), rest.strip_prefix(':').or(rest.is_empty().then_some(""))?)
            }
            None => {
                let (host, port) = host_and_port.split_once(':').unwrap_or((host_and_port, ""));
                (in_ascii(host)?, port)
            }
        };
        let written_port = match port {
            "" => None,
            digits if digits.bytes().all(|digit| digit.is_ascii_digit()) => Some(digits.parse().ok()?),
            _ => return None,
        };
        let host = host_name(&host)?;
        let is_browser_socket = scheme.starts_with("ws") && path.to_ascii_lowercase().contains("/devtools/browser/");
        Some(Self { host, written_port, scheme_port, is_browser_socket })
    }

    /// The end it names; `port`, where given, stands in for one that is not written.
    pub(super) fn endpoint(&self, port: Option<u16>) -> Endpoint {
        let port = match port {
            Some(port) if self.is_browser_socket => port,
            Some(port) => self.written_port.unwrap_or(port),
            None => self.written_port.unwrap_or(self.scheme_port),
        };
        Endpoint { host: self.host.clone(), port }
    }
}

/// A host in lower case and in ASCII, as a URL's parser makes it of escapes, wide letters and dots of other scripts. Nothing for
/// what would need the tables of internationalised names: it can be written in ASCII.
fn in_ascii(written: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = written.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.filter(|_| first == b'%').map(|digits| u8::from_str_radix(digits, 16)) {
            Some(Ok(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            Some(Err(_)) | None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    let narrow = |c: char| match c {
        '\u{3002}' | '\u{ff0e}' | '\u{ff61}' => '.',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    };
    let host: String = String::from_utf8(bytes).ok()?.chars().map(narrow).flat_map(char::to_lowercase).collect();
    host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)).then_some(host)
}

/// A host as it is compared; nothing for an empty one.
fn host_name(written: &str) -> Option<String> {
    let host = written.strip_suffix('.').unwrap_or(written);
    if host.is_empty() {
        return None;
    }
    let address = host.parse::<Ipv6Addr>().map(IpAddr::V6).ok().or_else(|| ipv4(host).map(IpAddr::V4));
    let is_here = match address {
        Some(address) => {
            // Other addresses of 127/8 are ends of their own.
            let address = address.to_canonical();
            let is_loopback = address == IpAddr::V4(Ipv4Addr::LOCALHOST) || address == IpAddr::V6(Ipv6Addr::LOCALHOST);
            is_loopback || address.is_unspecified()
        }
        None => matches!(host, "localhost" | "ip6-localhost" | "ip6-loopback") || host.ends_with(".localhost"),
    };
    if is_here {
        return Some(LOOPBACK.to_owned());
    }
    Some(address.map_or_else(|| host.to_owned(), |address| address.to_canonical().to_string()))
}

/// An address as browsers read it: one to four numbers, also octal and hexadecimal, the last one filling the rest.
fn ipv4(host: &str) -> Option<Ipv4Addr> {
    let parts = host.split('.').map(number).collect::<Option<Vec<u64>>>()?;
    let (last, first) = parts.split_last()?;
    if first.len() > 3 || first.iter().any(|part| *part > 255) || *last >= 1 << (8 * (4 - first.len())) {
        return None;
    }
    let high = first.iter().enumerate().map(|(index, part)| part << (24 - 8 * index)).sum::<u64>();
    u32::try_from(high + last).ok().map(Ipv4Addr::from)
}

fn number(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some("") => return Some(0),
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    let fits = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    fits.then(|| u64::from_str_radix(digits, radix).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::Target;

    fn end(url: &str) -> Option<String> {
        Some(Target::read(url)?.endpoint(None).to_string())
    }

    #[test]
    fn every_spelling_of_this_host_is_one() {
        for url in [
            "http://127.0.0.1:9222",
            " HTTP://LocalHost:9222/json ",
            "ws://[::1]:9222/devtools/browser/x",
            "http://[::ffff:127.0.0.1]:9222",
            "http://user:pass@127.1:9222",
            "http://0x7f000001:9222",
            "http://0.0.0.0:9222",
            "http://x.localhost.:9222",
            "http:127.0.0.1:9222",
            "http://ip6-localhost:9222",
            "http://127\u{3002}0\u{ff0e}0\u{ff61}1:9222",
            "http://\u{ff11}\u{ff12}\u{ff17}.0.0.1:9222",
            "http://%6cocalhos%54:9222",
            "http://local\thost:92\n22",
        ] {
            assert_eq!(end(url).as_deref(), Some("127.0.0.1:9222"), "{url}");
        }
    }

    #[test]
    fn other_hosts_keep_their_names_and_schemes_their_ports() {
        assert_eq!(end("wss://Browser.Example?token=x").as_deref(), Some("browser.example:443"));
        assert_eq!(end("http://127.0.0.2:9222").as_deref(), Some("127.0.0.2:9222"));
        assert_eq!(end("http://10.0.0.5").as_deref(), Some("10.0.0.5:80"));
        assert_eq!(end("http://[2001:DB8::0:1]:1").as_deref(), Some("[2001:db8::1]:1"));
        for wrong in [
            "http://a%2fb",
            "http://%zz",
            "http://%ff",
            "http://a b",
            "ftp://x",
            "http://",
            "x",
            "http://a:b",
            "http://a:70000",
            "http://[::1",
            "http://[x]:1",
        ] {
            assert_eq!(end(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_port_key_stands_in_for_an_unwritten_port() {
        let port = |url: &str| Target::read(url).unwrap().endpoint(Some(5)).port;
        assert_eq!(port("http://h"), 5);
        assert_eq!(port("http://h:9"), 9);
        assert_eq!(port("ws://h:9/devtools/browser/id"), 5);
    }
}
