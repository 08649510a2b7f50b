//! Processes that the kernel holds: in a wait in which no SIGTERM is heard, and frozen so that not even SIGKILL does.

use std::path::PathBuf;

use gateward::os::process;
use gateward::wire::State;

use super::{SOON, journal, told, up};
use crate::support::processes::{is_alive, tree};
use crate::support::{Gateward, TestPlane, eventually, say, within};

/// Its parent waits in the kernel, in state D, until the child of a vfork has executed something: this one never does, and its handler of SIGTERM never runs.
#[cfg(target_arch = "x86_64")]
const VFORK: &str = "$SIG{TERM} = sub { exit 0 }; my $pid = syscall(58); sleep 1000000";

#[cfg(target_arch = "x86_64")]
#[test]
fn one_that_waits_in_the_kernel_is_ended_when_its_grace_is_over() {
    let plane = TestPlane::plain("main", &["/usr/bin/perl", "-e", VFORK]).key("stop_grace", "\"1s\"");
    let mut world = Gateward::new("state-d", vec![plane]);
    world.up();
    let pid = world.until("main", SOON, "up", up).pid.expect("it runs");
    eventually(SOON, "state D", || process::stat(pid).is_ok_and(|stat| stat.state == b'D'));
    let child = tree(pid);
    world.run(&["stop", "main"]).code(0);
    let stopped = world.plane("main");
    assert_eq!((stopped.state, stopped.last_exit.expect("it ended").signal), (State::Stopped, Some(9)));
    assert!(!child.into_iter().any(is_alive), "the child went with it");
}

#[test]
fn one_that_no_signal_reaches_is_named_and_holds_nobody_up() {
    let script = "setsid sleep 1000000 & echo left $!; exec sleep 1000000";
    let plane = TestPlane::plain("main", &["/bin/sh", "-c", script]);
    let mut world = Gateward::new("frozen-child", vec![plane]);
    let Some(ice) = Ice::new() else {
        say("SKIPPED: no cgroup of the freezer can be made here, so nothing was frozen");
        return;
    };
    world.up();
    world.until("main", SOON, "up", up);
    let left = eventually(SOON, "what it started", || {
        let said = world.run(&["logs", "main"]).out;
        said.lines().find_map(|line| line.split_once("left ")?.1.trim().parse::<i32>().ok())
    });
    eventually(SOON, "a session of its own", || process::stat(left).is_ok_and(|stat| stat.session == left));
    ice.freeze(left);
    world.run(&["restart", "main"]).code(0);
    let second = world.plane("main");
    assert_eq!((second.state, second.incarnation), (State::Up, 2), "{:#?}", journal(&world, "main"));
    assert!(is_alive(left), "not even SIGKILL ends it");
    assert!(told(&world, "main", "survivors", &format!("sleep (pid {left})")), "{:#?}", journal(&world, "main"));
    ice.thaw();
    eventually(SOON, "its end, once it runs again", || !is_alive(left));
    assert_eq!(world.plane("main").pid, second.pid);
}

/// A cgroup of the freezer, version 1, in which a signal waits until the thaw; thawed and gone when dropped.
struct Ice(PathBuf);

impl Ice {
    fn new() -> Option<Self> {
        let folder = PathBuf::from(format!("/sys/fs/cgroup/freezer/gateward-test-{}", std::process::id()));
        std::fs::create_dir(&folder).ok()?;
        Some(Self(folder))
    }

    #[track_caller]
    fn freeze(&self, pid: i32) {
        std::fs::write(self.0.join("cgroup.procs"), pid.to_string()).expect("moved");
        self.set("FROZEN");
    }

    #[track_caller]
    fn thaw(&self) {
        self.set("THAWED");
    }

    #[track_caller]
    fn set(&self, state: &str) {
        let file = self.0.join("freezer.state");
        std::fs::write(&file, state).expect("written");
        eventually(SOON, state, || std::fs::read_to_string(&file).is_ok_and(|now| now.trim() == state));
    }
}

impl Drop for Ice {
    fn drop(&mut self) {
        let _ = std::fs::write(self.0.join("freezer.state"), "THAWED");
        within(SOON, || std::fs::remove_dir(&self.0).is_ok());
    }
}
