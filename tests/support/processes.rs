//! Processes as /proc shows them, and the end of those that a test left behind. Touches none that does not carry the test's folder.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Every process that has `scratch` in its environment, arguments or cwd, or has a file in it open; not ourselves.
///
/// The folder's name is random, so bearing it is proof enough. Chromium's helpers overwrite their environment and keep
/// their arguments; keepers have their locks open.
pub fn bearing(scratch: &Path) -> Vec<i32> {
    let mark = scratch.as_os_str().as_bytes();
    all().into_iter().filter(|pid| *pid != std::process::id().cast_signed() && bears(*pid, mark)).collect()
}

/// Kills what still bears `scratch`; gives their descriptions.
pub fn end_bearing(scratch: &Path) -> Vec<String> {
    let mark = scratch.as_os_str().as_bytes();
    let mut ended = Vec::new();
    for pid in bearing(scratch) {
        let Some(Ok(handle)) = Pid::from_raw(pid).map(|pid| pidfd_open(pid, PidfdFlags::empty())) else { continue };
        // Looked at once more, now that the number cannot be another process's.
        if bears(pid, mark) {
            ended.push(describe(pid));
            let _ = pidfd_send_signal(&handle, Signal::KILL);
        }
    }
    ended
}

/// Kills one process by number, which the caller must know to be alive and its own.
#[track_caller]
pub fn kill(pid: i32, signal: Signal) {
    let pid = Pid::from_raw(pid).expect("a process number");
    let handle = pidfd_open(pid, PidfdFlags::empty()).expect("a living process");
    pidfd_send_signal(&handle, signal).expect("the signal is sent");
}

/// Whether the process is there and not a zombie.
pub fn is_alive(pid: i32) -> bool {
    state(pid).is_some_and(|state| state != 'Z' && state != 'X')
}

/// The environment with which a process was started; empty when it is gone or has overwritten it.
pub fn environ(pid: i32) -> BTreeMap<String, String> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    String::from_utf8_lossy(&bytes)
        .split('\0')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The parent's number.
pub fn parent(pid: i32) -> Option<i32> {
    fields(pid)?.get(1)?.parse().ok()
}

/// A process and everything below it, now.
pub fn tree(root: i32) -> Vec<i32> {
    let parents: Vec<(i32, i32)> = all().into_iter().filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(above) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, parent)| *parent == above).map(|(pid, _)| *pid));
        next += 1;
    }
    found
}

/// Inodes of the sockets that a process has open.
fn sockets(pid: i32) -> Vec<String> {
    links(pid)
        .into_iter()
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned()))
        .collect()
}

/// The processes among `candidates` that listen on `port`.
pub fn listeners(port: u16, candidates: &[i32]) -> Vec<i32> {
    let wanted = format!(":{port:04X}");
    let mut inodes = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if fields.get(1).is_some_and(|local| local.ends_with(&wanted)) && fields.get(3) == Some(&"0A") {
                inodes.extend(fields.get(9).map(|inode| (*inode).to_owned()));
            }
        }
    }
    candidates.iter().copied().filter(|pid| sockets(*pid).iter().any(|inode| inodes.contains(inode))).collect()
}

/// One line for people.
pub fn describe(pid: i32) -> String {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut words = String::from_utf8_lossy(&arguments).replace('\0', " ");
    words.truncate(words.char_indices().nth(160).map_or(words.len(), |(at, _)| at));
    format!("{pid} (parent {}) {}", parent(pid).unwrap_or(0), words.trim())
}

/// Copies a program, mode and all. A child does it: written by ourselves, it would be busy for as long as what another test starts
/// just then has our descriptors.
#[track_caller]
pub fn copy_program(from: &Path, to: &Path) {
    let status = std::process::Command::new("cp").arg("--").arg(from).arg(to).status().expect("coreutils");
    assert!(status.success(), "cp {} {}: {status}", from.display(), to.display());
}

fn all() -> Vec<i32> {
    let entries = fs::read_dir("/proc").expect("/proc");
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn bears(pid: i32, mark: &[u8]) -> bool {
    let has = |bytes: &[u8]| bytes.windows(mark.len()).any(|window| window == mark);
    let inside = |path: &Path| path.starts_with(OsStr::from_bytes(mark));
    ["environ", "cmdline"].iter().any(|name| fs::read(format!("/proc/{pid}/{name}")).is_ok_and(|bytes| has(&bytes)))
        || fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| inside(&cwd))
        || links(pid).iter().any(|link| inside(link))
}

fn links(pid: i32) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok()).collect()
}

fn state(pid: i32) -> Option<char> {
    fields(pid)?.first()?.chars().next()
}

/// `/proc/PID/stat` from the third field on; the second may hold spaces and parentheses.
fn fields(pid: i32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}
