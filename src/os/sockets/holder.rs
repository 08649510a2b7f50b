//! From a socket to the process that has it, and what there is to say of that process.
//!
//! What an unprivileged reader may not see is left empty, never guessed.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::Listener;
use crate::os::process;

/// Who listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Where it listens.
    pub address: SocketAddr,
    /// The user who opened the socket.
    pub uid: u32,
    /// The process: the oldest, when several have inherited the socket. `None` when it belongs to an account whose
    /// descriptors we may not see.
    pub pid: Option<i32>,
    /// Its name.
    pub comm: Option<String>,
    /// Its program.
    pub exe: Option<PathBuf>,
    /// Its arguments, which may hold secrets.
    pub cmdline: Vec<String>,
    /// The value of the cookie variable in its environment.
    pub cookie: Option<String>,
    /// The systemd unit it runs in.
    pub unit: Option<String>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.comm, self.pid) {
            (Some(comm), Some(pid)) => write!(f, "{comm} (pid {pid}")?,
            (None, Some(pid)) => write!(f, "a process (pid {pid}")?,
            (_, None) => write!(f, "a process (of user {}", self.uid)?,
        }
        if let Some(unit) = &self.unit {
            write!(f, ", {unit}")?;
        }
        write!(f, ") on {}", self.address)
    }
}

/// Who listens on `port`, on whatever address; `None` when nobody does. `cookie_name` is the variable to tell of.
pub fn holder(port: u16, cookie_name: &str) -> io::Result<Option<Holder>> {
    let Some(listener) = super::listeners(port..=port)?.into_iter().next() else { return Ok(None) };
    holder_of(&listener, cookie_name).map(Some)
}

/// Who has this listener.
pub fn holder_of(listener: &Listener, cookie_name: &str) -> io::Result<Holder> {
    let pids = owners(&[listener.inode], &process::all()?).remove(&listener.inode).unwrap_or_default();
    let pid = pids.into_iter().min_by_key(|&pid| (process::start_time(pid).unwrap_or(u64::MAX), pid));
    let cookie = pid.and_then(|pid| process::environ(pid).ok()).and_then(|environ| {
        let (_, value) = environ.into_iter().find(|(name, _)| name == cookie_name)?;
        Some(value.to_string_lossy().into_owned())
    });
    Ok(Holder {
        address: listener.address,
        uid: listener.uid,
        pid,
        comm: pid.and_then(|pid| process::stat(pid).ok()).map(|stat| stat.name()),
        exe: pid.and_then(|pid| process::exe(pid).ok()),
        cmdline: pid.and_then(|pid| process::cmdline(pid).ok()).unwrap_or_default(),
        cookie,
        unit: pid.and_then(process::unit),
    })
}

/// Which of `pids` have which of the sockets `inodes`. Look among a plane's own tree first: it costs a hundredth of a look at
/// the whole host. Processes whose descriptors we may not see, or that end meanwhile, have none.
pub fn owners(inodes: &[u64], pids: &[i32]) -> BTreeMap<u64, Vec<i32>> {
    let mut found: BTreeMap<u64, Vec<i32>> = BTreeMap::new();
    if inodes.is_empty() {
        return found;
    }
    for &pid in pids {
        let Ok(listing) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { continue };
        for fd in listing.flatten() {
            let Ok(target) = std::fs::read_link(fd.path()) else { continue };
            let Some(inode) = target.to_str().and_then(socket_inode).filter(|inode| inodes.contains(inode)) else {
                continue;
            };
            let pids = found.entry(inode).or_default();
            if !pids.contains(&pid) {
                pids.push(pid);
            }
        }
    }
    found
}

/// `socket:[81812]`
fn socket_inode(target: &str) -> Option<u64> {
    target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}
