//! The descendants of one process by the kernel's own lists of children: costs what the tree has, not what the host has.
//!
//! Reads, and signals nobody.

use std::collections::BTreeSet;
use std::io;

use crate::os::process;

/// All living descendants of `pid`, without itself; `None` where the kernel keeps no such lists (`CONFIG_PROC_CHILDREN`).
///
/// Who is adopted by another during the walk may be missing: proofs of emptiness ask elsewhere.
pub(super) fn below(pid: i32) -> Option<BTreeSet<i32>> {
    let mut found = BTreeSet::new();
    let mut open = vec![pid];
    while let Some(parent) = open.pop() {
        match process::children(parent) {
            Ok(children) => open.extend(children.into_iter().filter(|&child| found.insert(child))),
            Err(cause) if cause.kind() == io::ErrorKind::Unsupported => return None,
            // It has ended meanwhile.
            Err(_) => {}
        }
    }
    found.retain(|pid| process::stat(*pid).is_ok_and(|stat| !stat.ended()));
    Some(found)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn children_and_theirs_are_found_and_strangers_are_not() {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "sh -c 'sleep 60 & echo $$ $!; wait' & wait"]).stdout(Stdio::piped());
        let mut shell = shell.spawn().expect("a shell");
        let root = shell.id().cast_signed();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().expect("a pipe")).read_line(&mut line).expect("its word");
        let told: BTreeSet<i32> = line.split_whitespace().map(|pid| pid.parse().expect("a pid")).collect();
        assert_eq!(below(root), Some(told.clone()));
        for pid in told.iter().chain([&root]) {
            let pid = rustix::process::Pid::from_raw(*pid).expect("a pid");
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("our own child's");
        }
        shell.wait().expect("reaped");
        assert_eq!(below(root), Some(BTreeSet::new()));
    }
}
