//! What a keeper and the daemon do to themselves at start, so that planes cannot read their memory and the kernel takes
//! them last.
//!
//! RLIMIT_CORE is left alone: children would inherit it, and a process that is not dumpable leaves no core anyway.

use std::io;

use super::oom;

/// Makes this process untraceable and coreless, and its /proc files root's. Lasts until exec; children made by
/// [`launch`](super::launch) are dumpable again once they have executed.
pub fn undumpable() -> io::Result<()> {
    // Its own score stays writable through the open file. Without one, children cannot be given another than ours, and
    // each spawn says so.
    let _ = oom::hold();
    // SAFETY: prctl with these arguments clears one flag and touches no memory.
    let done = unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Tells the kernel's out-of-memory killer how early to take this process: -1000 (never) … 1000. Going below what was
/// inherited needs privilege; `PermissionDenied` says so and changes nothing. Children inherit it, unless their launch
/// says otherwise.
pub fn prefer_others_for_oom(score: i32) -> io::Result<()> {
    oom::set(score)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::os::launch::{Launch, Program, Stdio};
    use crate::os::testing::{BUDGET, in_process, null, readable_within};
    use crate::os::{reap, sweep};

    #[test]
    fn an_unprivileged_hardened_keeper_can_still_do_its_work() {
        in_process(|| {
            if rustix::process::geteuid().is_root() {
                // SAFETY: numbers only; the process of this test has one thread.
                assert_eq!(unsafe { libc::setresgid(65534, 65534, 65534) | libc::setresuid(65534, 65534, 65534) }, 0);
                // SAFETY: as above. The change of account has cleared the flag, and a keeper begins with it.
                assert_eq!(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) }, 0);
            }
            reap::become_subreaper().expect("a subreaper");
            let ours = oom::score().expect("a score");
            undumpable().expect("hardened");
            // SAFETY: reads one flag.
            assert_eq!(unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) }, 0);
            let own = std::fs::write("/proc/self/oom_score_adj", "0").expect_err("root's now");
            assert_eq!(own.kind(), io::ErrorKind::PermissionDenied);

            let mut launch = Launch::new(Program::Path("/bin/sleep".into()), vec!["sleep".into(), "60".into()]);
            launch.environ = vec![("HARDEN_COOKIE".into(), format!("{}/main/1", std::process::id()).into())];
            launch.parent_death = true;
            launch.oom_score_adj = Some(777);
            launch.nice = Some(-20);
            let null = null();
            let stdio = Stdio { stdin: null.as_fd(), stdout: null.as_fd(), stderr: null.as_fd() };
            let child = launch.prepare().expect("prepared").spawn(stdio, &[]).expect("a child");
            let told: Vec<String> = child.shortfalls.iter().map(ToString::to_string).collect();
            assert!(
                matches!(told.as_slice(), [one] if one.starts_with("nice = -20 could not be had: the supervisor lacks CAP_SYS_NICE")),
                "{told:?}"
            );
            let score = std::fs::read_to_string(format!("/proc/{}/oom_score_adj", child.pid)).expect("a score");
            assert_eq!((score.trim(), oom::score().expect("a score")), ("777", ours));

            assert_eq!(reap::children().expect("a list"), [child.pid]);
            // Until its exec is through, the kernel lets nobody but root look into it.
            let prefix = format!("HARDEN_COOKIE={}/main/", std::process::id());
            crate::os::testing::eventually("it is found by its cookie", || {
                let found = sweep::find(prefix.as_bytes()).expect("a look");
                found.iter().map(|one| one.pid).collect::<Vec<_>>() == [child.pid]
            });
            assert_eq!(sweep::kill_children(&[]).expect("killed").len(), 1);
            assert!(readable_within(&child.pidfd, BUDGET));
            assert_eq!(reap::reap_all_but(None).expect("reaped").len(), 1);
            assert!(reap::childless().expect("a look"));
        });
    }
}
