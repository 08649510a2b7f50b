//! Custody by parenthood: orphans of our tree become our children, exits are looked at before they are taken, and having no
//! child left is a fact that the kernel vouches for.
//!
//! Nothing here signals, and nothing here waits.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use super::process;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code, when it exited.
    pub code: Option<i32>,
    /// The signal that ended it, when one did.
    pub signal: Option<i32>,
    /// Whether a core was dumped.
    pub core: bool,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exit {code}"),
            (None, Some(signal)) => write!(f, "signal {signal}"),
            (None, None) => f.write_str("unknown end"),
        }
    }
}

/// Makes this process the parent of every orphan among its descendants, also of those that left its session. Lasts until
/// its end; is not inherited by children, and exec keeps it.
pub fn become_subreaper() -> io::Result<()> {
    // SAFETY: prctl with these arguments sets one flag and touches no memory.
    let done = unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The end of a child, if it has ended, without taking it: its pid and its process group stay its own until [`reap`].
pub fn peek(pidfd: impl AsFd) -> io::Result<Option<Exit>> {
    let fd = pidfd.as_fd().as_raw_fd().cast_unsigned();
    wait(libc::P_PIDFD, fd, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT).map(|end| end.map(|(_, exit)| exit))
}

/// Takes the end of a child, if it has ended. From then on its pid may name another process.
pub fn reap(pid: i32) -> io::Result<Option<Exit>> {
    if pid <= 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not the id of one process"));
    }
    let flags = libc::WEXITED | libc::WNOHANG | libc::__WALL;
    wait(libc::P_PID, pid.cast_unsigned(), flags).map(|end| end.map(|(_, exit)| exit))
}

/// Whether a child was stopped by a signal since this was last asked; it may go on by now.
pub fn stopped(pid: i32) -> io::Result<bool> {
    if pid <= 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not the id of one process"));
    }
    // SAFETY: all zero is a valid siginfo.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = libc::WSTOPPED | libc::WNOHANG | libc::__WALL;
    // SAFETY: `info` is ours; without WEXITED no end of a child is taken.
    if unsafe { libc::waitid(libc::P_PID, pid.cast_unsigned(), &raw mut info, flags) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a siginfo of waitid, or all zero when there was nothing to tell.
    Ok(unsafe { info.si_pid() } == pid)
}

/// Takes the end of every child that has ended, but for `kept` (`None`, `Some(pid)`, a list), whose ends shall stay to be
/// looked at by others.
///
/// Asks each child by its id: a wait for "any" would give a kept one over and over and starve the others.
pub fn reap_all_but(kept: impl IntoIterator<Item = i32>) -> io::Result<Vec<(i32, Exit)>> {
    let kept: Vec<i32> = kept.into_iter().collect();
    let mut ended = Vec::new();
    // One call instead of the dozen that a list takes.
    if matches!(childless(), Ok(true)) {
        return Ok(ended);
    }
    for pid in children()? {
        if kept.contains(&pid) {
            continue;
        }
        match reap(pid) {
            Ok(Some(exit)) => ended.push((pid, exit)),
            Ok(None) => {}
            // Taken by someone else of this process since the list was read.
            Err(cause) if cause.raw_os_error() == Some(libc::ECHILD) => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(ended)
}

/// All children of this process, of every thread, with those that have ended but were not reaped.
///
/// A child born or adopted during the reading may be missing: that nothing is left is [`childless`]'s to say.
pub fn children() -> io::Result<Vec<i32>> {
    process::children(std::process::id().cast_signed()).or_else(|_| children_by_scan())
}

/// For kernels that keep no lists of children.
fn children_by_scan() -> io::Result<Vec<i32>> {
    let me = std::process::id().cast_signed();
    let mut all = process::all()?;
    all.retain(|&pid| process::stat(pid).is_ok_and(|stat| stat.ppid == me));
    Ok(all)
}

/// Whether this process has no child at all, neither living nor unreaped. For a subreaper that proves its tree empty.
pub fn childless() -> io::Result<bool> {
    match wait(libc::P_ALL, 0, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL) {
        Ok(_) => Ok(false),
        Err(cause) if cause.raw_os_error() == Some(libc::ECHILD) => Ok(true),
        Err(cause) => Err(cause),
    }
}

fn wait(kind: libc::idtype_t, id: libc::id_t, flags: i32) -> io::Result<Option<(i32, Exit)>> {
    loop {
        // SAFETY: all zero is a valid siginfo; waitid leaves it so when nobody has ended.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: `info` is ours and lives through the call.
        if unsafe { libc::waitid(kind, id, &raw mut info, flags) } == 0 {
            // SAFETY: waitid fills in the fields of SIGCHLD, or leaves zeroes.
            let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
            return Ok((pid != 0).then(|| (pid, exit(info.si_code, status))));
        }
        let cause = io::Error::last_os_error();
        if cause.raw_os_error() != Some(libc::EINTR) {
            return Err(cause);
        }
    }
}

fn exit(code: i32, status: i32) -> Exit {
    match code {
        libc::CLD_EXITED => Exit { code: Some(status), signal: None, core: false },
        libc::CLD_DUMPED => Exit { code: None, signal: Some(status), core: true },
        _ => Exit { code: None, signal: Some(status), core: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::testing::{BUDGET, eventually, in_process, readable_within};

    fn forked(body: impl FnOnce() -> i32) -> i32 {
        // SAFETY: the child runs `body` alone and ends without returning into the harness.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "cannot fork");
        if pid == 0 {
            let code = body();
            // SAFETY: ends the child.
            unsafe { libc::_exit(code) };
        }
        pid
    }

    fn paused() -> i32 {
        forked(|| {
            // SAFETY: an alarm bounds the life of a process that a failed test leaves behind; pause waits for a signal.
            unsafe {
                libc::alarm(60);
                libc::pause()
            }
        })
    }

    #[test]
    fn ends_are_seen_before_they_are_taken() {
        in_process(|| {
            let pid = forked(|| 7);
            let pidfd = crate::os::testing::pidfd(pid);
            assert!(readable_within(&pidfd, BUDGET));
            let seven = Exit { code: Some(7), signal: None, core: false };
            assert_eq!(peek(&pidfd).expect("a look"), Some(seven));
            assert_eq!(peek(&pidfd).expect("a second look"), Some(seven));
            assert_eq!(children().expect("a list"), [pid]);
            assert_eq!(reap(pid).expect("a wait"), Some(seven));
            assert_eq!(reap(pid).expect_err("nobody").raw_os_error(), Some(libc::ECHILD));
            assert!(reap(0).is_err() && reap(-1).is_err(), "not a wait for a group");
        });
    }

    #[test]
    fn a_signal_is_told_also_a_realtime_one() {
        in_process(|| {
            for signal in [libc::SIGTERM, libc::SIGRTMIN() + 3] {
                let pid = paused();
                let pidfd = crate::os::testing::pidfd(pid);
                assert_eq!(peek(&pidfd).expect("a look"), None);
                assert_eq!(reap(pid).expect("a wait"), None);
                // SAFETY: our own unreaped child.
                assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
                assert!(readable_within(&pidfd, BUDGET));
                assert_eq!(reap(pid).expect("a wait"), Some(Exit { code: None, signal: Some(signal), core: false }));
            }
        });
    }

    #[test]
    fn a_kept_end_does_not_starve_the_others() {
        in_process(|| {
            assert!(childless().expect("a look"));
            let kept = forked(|| 1);
            let others: Vec<i32> = (0..5).map(|_| forked(|| 2)).collect();
            let living = paused();
            for pid in others.iter().chain([&kept]) {
                assert!(readable_within(&crate::os::testing::pidfd(*pid), BUDGET));
            }
            let mut ended: Vec<i32> =
                reap_all_but(Some(kept)).expect("reaped").into_iter().map(|(pid, _)| pid).collect();
            ended.sort_unstable();
            assert_eq!(ended, others);
            assert!(!childless().expect("a look"));
            assert_eq!(children().expect("a list"), [kept, living]);
            assert_eq!(children_by_scan().expect("a list"), [kept, living]);
            // SAFETY: our own unreaped child.
            unsafe { libc::kill(living, libc::SIGKILL) };
            assert!(readable_within(&crate::os::testing::pidfd(living), BUDGET));
            assert!(!childless().expect("a look"), "an unreaped end is a child");
            assert_eq!(reap_all_but(None).expect("reaped").len(), 2);
            assert!(childless().expect("a look"));
        });
    }

    #[test]
    fn an_orphan_that_left_its_session_becomes_ours() {
        in_process(|| {
            become_subreaper().expect("a subreaper");
            let between = forked(|| {
                forked(|| {
                    // SAFETY: numbers only; the alarm bounds its life.
                    unsafe {
                        libc::setsid();
                        libc::alarm(60);
                        libc::pause()
                    }
                });
                0
            });
            eventually("the one between ends", || reap(between).expect("a wait").is_some());
            let orphans = children().expect("a list");
            assert_eq!(orphans.len(), 1);
            assert!(!childless().expect("a look"));
            // SAFETY: our own unreaped child by adoption.
            unsafe { libc::kill(orphans[0], libc::SIGKILL) };
            eventually("the orphan ends", || !reap_all_but(None).expect("reaped").is_empty());
            assert!(childless().expect("a look"));
        });
    }
}
