//! Signals: their names, and the one way to reach a whole process group.
//!
//! Single processes are signalled through [`pidfd`](super::pidfd) alone.

use std::io;

use super::pidfd::Sent;

/// Sends `signal` to the process group that `leader` leads.
///
/// **Hazard: a group is signalled by number.** The number is safe only while its leader is unreaped, so this refuses unless
/// `leader` is a child of ours that was not reaped yet (it may have ended) and still leads a group of its own. Signal the
/// group first, reap the leader afterwards. Members that moved to another group are not reached.
pub fn kill_group(leader: i32, signal: i32) -> io::Result<Sent> {
    let refused = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, format!("group {leader}: {why}")));
    // SAFETY: takes nothing.
    if leader <= 1 || leader == unsafe { libc::getpgrp() } {
        return refused("not a group to be signalled as a whole");
    }
    // SAFETY: all zero is a valid siginfo.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let look = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
    // SAFETY: `info` is ours; WNOWAIT takes nothing.
    if unsafe { libc::waitid(libc::P_PID, leader.cast_unsigned(), &raw mut info, look) } != 0 {
        return refused("its leader is not an unreaped child of this process");
    }
    // SAFETY: numbers only.
    if unsafe { libc::getpgid(leader) } != leader {
        return refused("its would-be leader is in another group");
    }
    // SAFETY: numbers only; the number is the group's own, as shown above, and stays so since only we can reap its leader.
    if unsafe { libc::kill(-leader, signal) } == 0 {
        return Ok(Sent::Delivered);
    }
    let cause = io::Error::last_os_error();
    if cause.raw_os_error() == Some(libc::ESRCH) { Ok(Sent::Gone) } else { Err(cause) }
}

/// Takes back what a parent may have ignored for us (`nohup` ignores SIGHUP): each of `signals` acts by default again.
pub fn restore(signals: &[i32]) {
    for signal in signals {
        // SAFETY: SIG_DFL runs no code of ours. An unknown number is refused and changes nothing.
        unsafe { libc::signal(*signal, libc::SIG_DFL) };
    }
}

/// Ends this process by `signal`, as if it had never been handled, so that whoever waits for us sees it. Comes back only
/// with an error. No destructor runs.
pub fn end_by(signal: i32) -> io::Error {
    restore(&[signal]);
    // SAFETY: numbers only; the signal's own action is the default one now.
    if unsafe { libc::raise(signal) } != 0 {
        return io::Error::last_os_error();
    }
    io::Error::other("the signal is blocked or ignored")
}

/// Holds every signal back from this thread, so that none is lost while another program takes our place.
pub fn hold_back() {
    if let Err(error) = nix::sys::signal::SigSet::all().thread_block() {
        tracing::warn!(%error, "signals are not held back");
    }
}

/// Lets every signal through to this thread again.
pub fn let_through() {
    if let Err(error) = nix::sys::signal::SigSet::all().thread_unblock() {
        tracing::warn!(%error, "signals stay held back");
    }
}

/// The name of a signal, `SIGKILL`; of a realtime one `SIGRTMIN+3`.
pub fn name(signal: i32) -> String {
    if let Ok(named) = nix::sys::signal::Signal::try_from(signal) {
        return named.as_str().to_owned();
    }
    match signal - libc::SIGRTMIN() {
        0 => "SIGRTMIN".to_owned(),
        above if above > 0 && signal <= libc::SIGRTMAX() => format!("SIGRTMIN+{above}"),
        _ => format!("signal {signal}"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::*;
    use crate::os::pidfd::Pidfd;
    use crate::os::testing::{BUDGET, readable_within};

    #[test]
    fn a_group_is_reached_even_after_its_leader_has_ended() {
        // The leader leaves a member behind, tells its pid and ends.
        let mut leader = Command::new("/bin/sh")
            .args(["-c", "sleep 60 >/dev/null & echo $!"])
            .process_group(0)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("a leader");
        let pid = leader.id().cast_signed();
        let mut line = String::new();
        std::io::Read::read_to_string(leader.stdout.as_mut().expect("a pipe"), &mut line).expect("its words");
        let member = Pidfd::open(line.trim().parse().expect("a pid")).expect("a member");
        assert!(readable_within(&Pidfd::open(pid).expect("a leader"), BUDGET));
        assert_eq!(kill_group(pid, libc::SIGKILL).expect("sent"), Sent::Delivered);
        assert!(readable_within(&member, BUDGET), "the member is reached");
        leader.wait().expect("reaped");
        assert_eq!(kill_group(pid, libc::SIGKILL).expect_err("reaped").kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn what_is_not_a_childs_own_group_is_refused() {
        let mut child = Command::new("/bin/sleep").arg("60").spawn().expect("a child");
        let same_group = child.id().cast_signed();
        // SAFETY: takes nothing.
        let ours = unsafe { libc::getpgrp() };
        for leader in [-1, 0, 1, ours, same_group] {
            assert_eq!(kill_group(leader, 0).expect_err("refused").kind(), io::ErrorKind::InvalidInput, "{leader}");
        }
        child.kill().expect("ended");
        child.wait().expect("reaped");
    }

    #[test]
    fn signals_have_names() {
        assert_eq!(name(libc::SIGKILL), "SIGKILL");
        assert_eq!(name(libc::SIGRTMIN()), "SIGRTMIN");
        assert_eq!(name(libc::SIGRTMIN() + 3), "SIGRTMIN+3");
        assert_eq!(name(33), "signal 33");
        assert_eq!(name(99), "signal 99");
    }
}
