//! Who holds what a spawn needs: the ports of the family, and whether a listener is the plane's own.
//!
//! Looks only. A listener is proved by its socket's inode among the descriptors of our own tree, never by an answer; where those are
//! closed to us, by its user and by nobody else being seen to have it.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::input::Listener;
use crate::life::event::Conflict;
use crate::openclaw::{environment, owner, ports};
use crate::os::accounts::own_uid;
use crate::os::{process, sockets, sweep};
use crate::plane::{Contract, Plane};

/// What others hold of what a spawn of `plane` needs: its base port, any port of its family that somebody listens on, and
/// its state dir.
/// A connection that passes through a child port is none: it will have gone when the port is needed.
pub fn conflicts(plane: &Plane) -> Vec<Conflict> {
    let mut conflicts = held_ports(plane);
    if plane.contract == Contract::Openclaw {
        conflicts.extend(state_dir_owner(&plane.state_dir));
    }
    conflicts
}

/// A living gateway that owns the state dir: spawning beside it would end with exit 78.
fn state_dir_owner(state_dir: &Path) -> Option<Conflict> {
    let folders = std::fs::read_dir(state_dir.join(owner::FOLDER)).ok()?;
    let locks = folders.filter_map(|folder| {
        let folder = folder.ok()?;
        folder.file_name().to_str()?.starts_with(owner::FOLDER_PREFIX).then(|| folder.path().join(owner::FILE))
    });
    let mut living = locks.filter_map(|lock| {
        let meta = std::fs::symlink_metadata(&lock).ok()?;
        let text =
            (meta.is_file() && meta.len() <= owner::MOST_BYTES).then(|| std::fs::read_to_string(&lock).ok())??;
        let owner = owner::owner(&text)?;
        let stat = process::stat(owner.pid).ok().filter(|stat| !stat.ended())?;
        owner.start.is_none_or(|start| start == stat.start).then_some(owner.pid)
    });
    let pid = living.next()?;
    Some(Conflict { what: format!("state dir {}", state_dir.display()), holder: describe(pid) })
}

fn held_ports(plane: &Plane) -> Vec<Conflict> {
    let Some(base) = plane.port else { return Vec::new() };
    let family = match plane.contract {
        Contract::Openclaw => base..=base.saturating_add(ports::SPAN),
        Contract::Plain => base..=base,
    };
    let busy = busy(family.clone());
    if busy.is_empty() {
        return Vec::new();
    }
    let listeners = sockets::listeners(family).unwrap_or_default();
    let listened = |port: u16| listeners.iter().find(|it| it.address.port() == port);
    busy.into_iter()
        .filter(|port| *port == base || listened(*port).is_some())
        .map(|port| Conflict { what: what(port, base), holder: listened(port).map_or_else(|| passing(port), holder) })
        .collect()
}

fn what(port: u16, base: u16) -> String {
    if port == base { format!("port {port}") } else { format!("port {port} (base {base} + {})", port - base) }
}

/// The ports of a range that cannot be bound on loopback, tried as the gateway binds.
fn busy(range: RangeInclusive<u16>) -> BTreeSet<u16> {
    let hosts = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    range
        .filter(|port| {
            hosts.iter().any(|host| match sockets::bindable(*host, *port) {
                Ok(()) => false,
                // A host without IPv6 has no ::1 to hold; only a port in use is a conflict.
                Err(error) => error.kind() == io::ErrorKind::AddrInUse,
            })
        })
        .collect()
}

fn holder(listener: &sockets::Listener) -> String {
    match sockets::holder_of(listener, environment::COOKIE) {
        Ok(holder) => holder.to_string(),
        Err(_) => format!("a process of user {} that cannot be looked at", listener.uid),
    }
}

/// A port that nobody listens on but that cannot be bound is in use by a connection.
fn passing(port: u16) -> String {
    match sockets::established_on(port).unwrap_or_default().first() {
        Some(connection) => {
            format!("a connection to {} of user {}, which will pass", connection.remote, connection.uid)
        }
        None => "a socket that does not listen".into(),
    }
}

/// A listening socket that was proved to be the plane's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proved {
    inode: u64,
    pid: i32,
}

/// Who listens on `port` of `plane`, given the gateway's pid and what was proved last. Also gives what is proved now.
pub fn listener(port: u16, pid: i32, plane: &Plane, proved: Option<Proved>) -> (Listener, Option<Proved>) {
    let listening = match sockets::listeners(port..=port) {
        Ok(listening) => listening,
        Err(error) => {
            tracing::warn!(port, %error, "listeners could not be read");
            return (Listener::Nobody, None);
        }
    };
    let Some(first) = listening.first() else { return (Listener::Nobody, None) };
    if let Some(proved) = proved.filter(|proved| listening.iter().any(|it| it.inode == proved.inode)) {
        return (Listener::Own { pid: proved.pid }, Some(proved));
    }
    let mut tree = vec![pid];
    tree.extend(sweep::tree(pid).unwrap_or_default());
    let inodes: Vec<u64> = listening.iter().map(|it| it.inode).collect();
    // A helper may have inherited the socket; the gateway itself comes first in the tree.
    let owner = sockets::owners(&inodes, &tree).into_iter().find_map(|(inode, pids)| Some((inode, *pids.first()?)));
    match owner.or_else(|| is_unseen(first, plane).then(|| Some((first.inode, closed(&tree)?))).flatten()) {
        Some((inode, pid)) => (Listener::Own { pid }, Some(Proved { inode, pid })),
        None => (Listener::Foreign(holder(first)), None),
    }
}

/// Whether the socket is of the plane's account and nobody can be seen to have it.
fn is_unseen(listener: &sockets::Listener, plane: &Plane) -> bool {
    let own_uid = plane.account.as_ref().map_or_else(own_uid, |account| account.uid);
    let seen = || sockets::holder_of(listener, environment::COOKIE).is_ok_and(|holder| holder.pid.is_some());
    listener.uid == own_uid && !seen()
}

/// The first of the plane's own processes that may not be looked into: a program with capabilities is closed to its own user.
fn closed(tree: &[i32]) -> Option<i32> {
    let refused = |pid: i32| {
        std::fs::read_dir(format!("/proc/{pid}/fd")).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    };
    tree.iter().copied().find(|pid| refused(*pid))
}

/// Who answers at `address`, as far as that can be told: the port of a plain plane's `health.url`. One of another host, or which
/// nobody of this one is seen to listen on, proves nothing either way.
pub fn answerer(address: SocketAddr, plane: &Plane, proved: Option<Proved>) -> (Listener, Option<Proved>) {
    let is_ours = sockets::bindable(address.ip(), 0).is_ok();
    let mut listening = sockets::listeners(address.port()..=address.port()).unwrap_or_default();
    listening.retain(|one| sockets::overlaps(one.address.ip(), address.ip()));
    let Some(first) = listening.first().filter(|_| is_ours) else { return (Listener::NotExpected, None) };
    if let Some(proved) = proved.filter(|proved| listening.iter().any(|it| it.inode == proved.inode)) {
        return (Listener::Own { pid: proved.pid }, Some(proved));
    }
    // It may have gone on without the process that was spawned, so whoever is below its keeper is its own.
    let tree = sweep::tree(std::process::id().cast_signed()).unwrap_or_default();
    let inodes: Vec<u64> = listening.iter().map(|it| it.inode).collect();
    let owner = sockets::owners(&inodes, &tree).into_iter().find_map(|(inode, pids)| Some((inode, *pids.first()?)));
    match owner {
        Some((inode, pid)) => (Listener::Own { pid }, Some(Proved { inode, pid })),
        None if is_unseen(first, plane) => (Listener::NotExpected, None),
        None => (Listener::Foreign(holder(first)), None),
    }
}

/// The child of this keeper, or a process below one, that listens on `port` although the gateway has ended.
pub fn left_listening(port: u16) -> Option<i32> {
    let listening = sockets::listeners(port..=port).ok()?;
    let inodes: Vec<u64> = listening.iter().map(|it| it.inode).collect();
    let ours = sweep::tree(std::process::id().cast_signed()).ok()?;
    sockets::owners(&inodes, &ours).into_values().flatten().next()
}

/// A process in words: its name and number.
pub fn describe(pid: i32) -> String {
    match process::stat(pid) {
        Ok(stat) => format!("{} (pid {pid})", stat.name()),
        Err(_) => format!("process {pid}"),
    }
}

/// Processor time of one process so far.
pub fn own_cpu_time(pid: i32) -> Duration {
    process::stat(pid).map_or(Duration::ZERO, |stat| stat.cpu_time())
}

/// Processor time of the gateway and its descendants so far.
pub fn cpu_time(pid: i32) -> Duration {
    let tree = sweep::tree(pid).unwrap_or_default();
    tree.into_iter().chain([pid]).filter_map(|pid| process::stat(pid).ok()).map(|stat| stat.cpu_time()).sum()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test starts a process of its own and waits for it")]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::fs::PermissionsExt;

    use rustix::thread::{Uid, set_thread_res_uid};

    use super::*;
    use crate::os::testing::{eventually, in_process};

    #[test]
    fn a_listener_that_is_closed_to_its_own_user_is_no_foreign_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let mode =
            |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("ours");
        mode(folder.path(), 0o755);
        // What its user may execute and not read is closed to him while it runs, as one with capabilities is.
        let program = folder.path().join("closed");
        std::fs::copy("/bin/sleep", &program).expect("a copy");
        mode(&program, 0o111);
        in_process(|| {
            if rustix::process::geteuid().is_root() {
                let nobody = Uid::from_raw(65_533);
                set_thread_res_uid(nobody, nobody, nobody).expect("as root");
            }
            let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            let port = socket.local_addr().expect("bound").port();
            rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::empty()).expect("our own");
            let spawn = |program: &Path| std::process::Command::new(program).arg("600").spawn().expect("sleep");
            let mut gateway = spawn(&program);
            drop(socket);
            let pid = gateway.id().cast_signed();
            let plane = crate::plane::testing::sealed("main").plane;
            let own = listener(port, pid, &plane, None).0;
            let again =
                listener(port, pid, &plane, None).1.and_then(|proved| listener(port, pid, &plane, Some(proved)).1);
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let plain = answerer(address, &plane, None).0;
            // Beside a gateway that can be looked into, whoever has its port is another.
            let mut open = spawn(Path::new("/bin/sleep"));
            // For a moment, while it is being executed, it is closed as well.
            eventually("a process that is open to its user", || closed(&[open.id().cast_signed()]).is_none());
            let foreign = listener(port, open.id().cast_signed(), &plane, None).0;
            for child in [&mut gateway, &mut open] {
                child.kill().expect("our own child");
                child.wait().expect("reaped");
            }
            assert_eq!((own, again.map(|proved| proved.pid)), (Listener::Own { pid }, Some(pid)));
            assert_eq!(plain, Listener::NotExpected);
            assert!(matches!(foreign, Listener::Foreign(_)), "{foreign:?}");
        });
    }
}
