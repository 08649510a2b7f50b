//! The listeners of this host, asked of the kernel by `sock_diag`: it walks its short table of listeners alone.
//!
//! The text in /proc/net/tcp costs a walk over every bucket of the table of connections, milliseconds on a large host, and
//! a keeper asks at every probe. Where this cannot be asked (old kernels, sandboxes) `table` answers.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with};

use super::Listener;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const REQUEST_DUMP: u16 = 0x0001 | 0x0300;
const INTERRUPTED: u16 = 0x0010;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const TCP: u8 = 6;
const LISTEN: u32 = 10;
const HEADER: usize = 16;

/// A pseudo-state of the question alone: bound, and neither listening nor connected.
const BOUND_INACTIVE: u32 = 13;

/// All that listen on a port of `ports`, in no order. An error means: ask elsewhere.
pub(super) fn listeners(ports: &RangeInclusive<u16>) -> io::Result<Vec<Listener>> {
    asked(ports, LISTEN)
}

/// All that are bound to a port of `ports` and do nothing with it.
pub(super) fn bound(ports: &RangeInclusive<u16>) -> io::Result<Vec<Listener>> {
    asked(ports, BOUND_INACTIVE)
}

fn asked(ports: &RangeInclusive<u16>, state: u32) -> io::Result<Vec<Listener>> {
    let mut found = Vec::new();
    let socket =
        socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(netlink::SOCK_DIAG))?;
    for family in [AddressFamily::INET, AddressFamily::INET6] {
        send(&socket, &request(family.as_raw() as u8, state), SendFlags::empty())?;
        let mut buffer = vec![0; 32 << 10];
        // The answer to a dump comes as it is read and ends with DONE; the kernel never keeps a reader waiting.
        loop {
            let (length, _) = recv(&socket, buffer.as_mut_slice(), RecvFlags::empty())?;
            if take(&buffer[..length], ports, &mut found)? == Answer::Done {
                break;
            }
        }
    }
    Ok(found)
}

/// struct nlmsghdr, then struct inet_diag_req_v2 with an empty socket id: all of `family` in `state`.
fn request(family: u8, state: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(72);
    bytes.extend(72_u32.to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(REQUEST_DUMP.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([family, TCP, 0, 0]);
    bytes.extend((1_u32 << state).to_ne_bytes());
    bytes.extend([0; 48]);
    bytes
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    More,
    Done,
}

/// Reads one datagram: messages of 4-byte alignment, each a header and its body.
fn take(mut bytes: &[u8], ports: &RangeInclusive<u16>, found: &mut Vec<Listener>) -> io::Result<Answer> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "the kernel's list of sockets is not understood");
    if bytes.is_empty() {
        return Err(broken());
    }
    while !bytes.is_empty() {
        let length = word(bytes, 0).ok_or_else(broken)? as usize;
        let message = bytes.get(..length).filter(|message| message.len() >= HEADER).ok_or_else(broken)?;
        if half(message, 6).is_some_and(|flags| flags & INTERRUPTED != 0) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match half(message, 4).ok_or_else(broken)? {
            DONE => return Ok(Answer::Done),
            ERROR => {
                let errno = word(message, HEADER).ok_or_else(broken)?.cast_signed().wrapping_neg();
                return Err(io::Error::from_raw_os_error(errno));
            }
            SOCK_DIAG_BY_FAMILY => {
                let listener = listener(&message[HEADER..]).ok_or_else(broken)?;
                if ports.contains(&listener.address.port()) {
                    found.push(listener);
                }
            }
            _ => {}
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    Ok(Answer::More)
}

/// struct inet_diag_msg: family, state, timer, retrans; then the id (ports, addresses, interface, cookie), expires, two
/// queues, uid, inode. Ports and addresses are in network order.
fn listener(body: &[u8]) -> Option<Listener> {
    let port = u16::from_be_bytes([*body.get(4)?, *body.get(5)?]);
    let family = u16::from(*body.first()?);
    let ip = if family == AddressFamily::INET.as_raw() {
        IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(body.get(8..12)?).ok()?))
    } else if family == AddressFamily::INET6.as_raw() {
        IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(body.get(8..24)?).ok()?))
    } else {
        return None;
    };
    Some(Listener { address: SocketAddr::new(ip, port), uid: word(body, 64)?, inode: word(body, 68)?.into() })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_the_same_as_its_text() {
        let four = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
        let six = std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).expect("a listener");
        let wild = std::net::TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).expect("a listener");
        for socket in [&four, &six, &wild] {
            let address = socket.local_addr().expect("an address");
            let asked = listeners(&(address.port()..=address.port())).expect("asked");
            let mut read = super::super::listeners_in_text(&(address.port()..=address.port())).expect("read");
            read.retain(|one| one.address == address);
            assert_eq!(asked.iter().find(|one| one.address == address), read.first());
            assert_eq!(read.len(), 1);
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error_and_never_a_panic() {
        let ports = 0..=u16::MAX;
        let whole = {
            let mut bytes = request(2, LISTEN);
            bytes[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
            bytes[16] = 2;
            bytes.extend([0; 16]);
            bytes[..4].copy_from_slice(&88_u32.to_ne_bytes());
            bytes
        };
        assert_eq!(take(&whole, &ports, &mut Vec::new()).expect("understood"), Answer::More);
        for length in 0..whole.len() {
            assert!(take(&whole[..length], &ports, &mut Vec::new()).is_err(), "{length} bytes");
        }
        let mut short = whole.clone();
        short[..4].copy_from_slice(&3_u32.to_ne_bytes());
        assert!(take(&short, &ports, &mut Vec::new()).is_err(), "a message shorter than its header");
        let mut refused = whole;
        refused[4..6].copy_from_slice(&ERROR.to_ne_bytes());
        refused[16..20].copy_from_slice(&(-libc::ENOENT).to_ne_bytes());
        let error = take(&refused, &ports, &mut Vec::new()).expect_err("refused");
        assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
    }
}
