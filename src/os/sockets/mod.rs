//! TCP ports of this host: who listens, what passes, what can be bound, and who holds it.
//!
//! It connects to nobody, and nothing it binds ever listens. Everything is of this process's own network namespace.

mod diag;
mod holder;
mod table;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

pub use holder::{Holder, holder, holder_of, owners};

/// A socket that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where.
    pub address: SocketAddr,
    /// The socket's inode, which /proc/PID/fd names too.
    pub inode: u64,
    /// The user who made it.
    pub uid: u32,
}

/// A socket with a local port that does not listen: a connection in either direction, or an attempt at one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Our end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// The socket's inode; 0 when no process has it any more.
    pub inode: u64,
    /// The user who made it.
    pub uid: u32,
}

/// Why an address cannot be bound now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Somebody listens there.
    Listener(Listener),
    /// Nobody listens; connections use the port for the moment. It passes.
    Passing(Vec<Connection>),
    /// Nobody has it any more; a connection that ended keeps it for up to a minute (TIME_WAIT).
    Closing,
    /// A socket is bound there that neither listens nor is connected. Kernels before 6.8 do not tell whose it is.
    Bound(Option<Listener>),
}

/// All that listen on a port of `ports`, on any address of both families, by port. One question for a whole family.
pub fn listeners(ports: RangeInclusive<u16>) -> io::Result<Vec<Listener>> {
    let mut found = diag::listeners(&ports).or_else(|_| listeners_in_text(&ports))?;
    found.sort_by_key(|one| (one.address.port(), one.address));
    Ok(found)
}

fn listeners_in_text(ports: &RangeInclusive<u16>) -> io::Result<Vec<Listener>> {
    let mut found = Vec::new();
    table::each(ports, |row| {
        if row.state == table::LISTEN {
            found.push(Listener { address: row.local, inode: row.inode, uid: row.uid });
        }
    })?;
    Ok(found)
}

/// All that use `port` without listening, also half-open and half-closed. Not what only waits to be forgotten (TIME_WAIT):
/// that keeps nobody from binding.
pub fn established_on(port: u16) -> io::Result<Vec<Connection>> {
    connections(port..=port)
}

/// As [`established_on`], for all of `ports` with one read.
pub fn connections(ports: RangeInclusive<u16>) -> io::Result<Vec<Connection>> {
    let mut found = Vec::new();
    table::each(&ports, |row| {
        if row.state != table::LISTEN && row.state != table::TIME_WAIT {
            found.push(Connection { local: row.local, remote: row.remote, inode: row.inode, uid: row.uid });
        }
    })?;
    Ok(found)
}

/// Whether `address:port` could be bound now, as Node binds: with SO_REUSEADDR, without which everything in TIME_WAIT would
/// be a false conflict. `AddrInUse` when it is taken, `AddrNotAvailable` where the host has no such address (`::1` without
/// IPv6). The socket is closed at once and never listens.
pub fn bindable(address: IpAddr, port: u16) -> io::Result<()> {
    let family = match address {
        IpAddr::V4(_) => AddressFamily::INET,
        IpAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    Ok(bind(&socket, &SocketAddr::new(address, port))?)
}

/// What keeps `address:port` from being bound; `None` when it can be. Other errors than "in use" are given as they are.
pub fn obstacle(address: IpAddr, port: u16) -> io::Result<Option<Obstacle>> {
    match bindable(address, port) {
        Ok(()) => return Ok(None),
        Err(cause) if cause.kind() == io::ErrorKind::AddrInUse => {}
        Err(cause) => return Err(cause),
    }
    let listeners = listeners(port..=port)?;
    // A listener on an address of its own elsewhere does not stand in the way.
    if let Some(&one) = listeners.iter().find(|one| overlaps(one.address.ip(), address)) {
        return Ok(Some(Obstacle::Listener(one)));
    }
    let mut passing = established_on(port)?;
    passing.retain(|one| overlaps(one.local.ip(), address));
    if !passing.is_empty() {
        return Ok(Some(Obstacle::Passing(passing)));
    }
    let mut is_closing = false;
    table::each(&(port..=port), |row| {
        is_closing |= row.state == table::TIME_WAIT && overlaps(row.local.ip(), address);
    })?;
    if is_closing {
        return Ok(Some(Obstacle::Closing));
    }
    // An old kernel answers nothing to this question.
    let bound = diag::bound(&(port..=port)).unwrap_or_default();
    Ok(Some(Obstacle::Bound(bound.into_iter().find(|one| overlaps(one.address.ip(), address)))))
}

/// Whether one address stands in the way of another. A wildcard of either family does of every one; of IPv6 it may take IPv4
/// with it.
pub fn overlaps(one: IpAddr, other: IpAddr) -> bool {
    one.to_canonical() == other.to_canonical() || one.is_unspecified() || other.is_unspecified()
}
