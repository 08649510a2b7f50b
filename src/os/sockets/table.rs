//! The kernel's table of TCP sockets, as text.
//!
//! It keeps nothing and judges nothing.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;

pub(super) const TIME_WAIT: u8 = 0x06;
pub(super) const LISTEN: u8 = 0x0A;

/// One socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) state: u8,
    pub(super) uid: u32,
    pub(super) inode: u64,
}

/// Shows every socket whose local port is in `ports`, of both families.
pub(super) fn each(ports: &RangeInclusive<u16>, mut see: impl FnMut(Row)) -> io::Result<()> {
    for file in ["/proc/net/tcp", "/proc/net/tcp6"] {
        match std::fs::read_to_string(file) {
            Ok(text) => text.lines().skip(1).filter_map(|line| row(line, ports)).for_each(&mut see),
            // A kernel without IPv6.
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(io::Error::new(cause.kind(), format!("cannot read {file}: {cause}"))),
        }
    }
    Ok(())
}

/// `0: 0100007F:4965 00000000:0000 0A 00000000:00000000 00:00000000 00000000 1000 0 81812 1 …`
fn row(line: &str, ports: &RangeInclusive<u16>) -> Option<Row> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let local = words.next()?;
    // Most rows of a busy host are of other ports: look no further than needed.
    let port = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
    if !ports.contains(&port) {
        return None;
    }
    let (remote, state) = (words.next()?, words.next()?);
    Some(Row {
        local: address(local)?,
        remote: address(remote)?,
        state: u8::from_str_radix(state, 16).ok()?,
        uid: words.nth(3)?.parse().ok()?,
        inode: words.nth(1)?.parse().ok()?,
    })
}

/// Each word of the address is printed as a number of this machine, though its bytes are in network order.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let word = |at: usize| Some(u32::from_str_radix(ip.get(8 * at..8 * at + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (at, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(at)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_nonsense_is_passed_over() {
        let line =
            "   0: 0100007F:4965 0200007F:C001 01 00000000:00000000 00:00000000 00000000  1000        0 81812 1 0 100";
        let found = row(line, &(18789..=18789)).expect("a row");
        let expected = Row {
            local: "127.0.0.1:18789".parse().expect("an address"),
            remote: "127.0.0.2:49153".parse().expect("an address"),
            state: 1,
            uid: 1000,
            inode: 81812,
        };
        #[cfg(target_endian = "little")]
        assert_eq!(found, expected);
        assert_eq!(row(line, &(18790..=65535)), None);
        for broken in ["", "0:", "0: x", "0: 0100007F:ZZZZ", "0: 01:4965 0:0 0A", "0: é100007F:4965 0100007F:0 0A"] {
            assert_eq!(row(broken, &(0..=u16::MAX)), None, "{broken}");
        }
        #[cfg(target_endian = "little")]
        assert_eq!(address("00000000000000000000000001000000:0050"), "[::1]:80".parse().ok());
    }
}
