//! Gateways that behave oddly, and hosts that do: launchers that fork, output that is closed, time that stands still, memory
//! that runs out.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use gateward::wire::State;
use rustix::process::Signal;

use super::{SOON, journal, quick, told, up};
use crate::support::processes::{is_alive, kill};
use crate::support::wait::within;
use crate::support::{Gateward, TestPlane, eventually, say};

const STAND_IN: &str = env!("CARGO_BIN_EXE_gateward");

/// A plane whose launcher is a shell with this script; `"$0"` is the stand-in's program.
fn launched(script: &str, policy: &str) -> TestPlane {
    TestPlane::command("main", &["/bin/sh", "-c", script, STAND_IN])
        .table("restart", &format!("policy = \"{policy}\""))
        .table("health", "interval = \"200ms\"\ntimeout = \"400ms\"")
}

#[test]
fn a_launcher_that_forks_and_waits_is_a_note_and_an_event() {
    let script = "trap 'kill -TERM $child; wait $child' TERM; \"$0\" practice \"$@\" & child=$!; wait $child";
    let mut world = Gateward::new("forks", vec![launched(script, "always")]);
    world.up();
    let plane = world.until("main", SOON, "up with a note", |plane| up(plane) && !plane.notes.is_empty());
    assert!(plane.notes.iter().any(|note| note.contains("did not exec") && note.contains("gateward")), "{plane:#?}");
    assert!(told(&world, "main", "launcher-forked", "SIGTERM to the launcher"), "{:#?}", journal(&world, "main"));
    assert!(world.run(&["why", "main"]).code(0).out.contains("launcher-forked"));
    world.run(&["stop", "main"]).code(0);
    assert_eq!(world.written("main").family().busy(), Vec::<u16>::new());
}

#[test]
fn a_launcher_that_forks_and_leaves_is_named_and_what_it_left_is_ended() {
    let script =
        "case \"$*\" in *'gateway run'*) \"$0\" practice \"$@\" & sleep 1;; *) exec \"$0\" practice \"$@\";; esac";
    let mut world = Gateward::new("leaves", vec![launched(script, "on-failure")]);
    world.up();
    let parked = world.until("main", SOON, "parked", |plane| plane.state == State::Parked);
    assert_eq!(parked.incarnation, 1);
    assert!(told(&world, "main", "launcher-left", "let its launcher `exec` it"), "{:#?}", journal(&world, "main"));
    assert_eq!(world.written("main").family().busy(), Vec::<u16>::new(), "what it left behind was ended");
}

#[test]
fn output_that_is_closed_is_said_once() {
    let mut world = Gateward::new("closes", vec![quick("main").env("PRACTICE_CLOSE_STDOUT", "1")]);
    world.up();
    let plane = world.until("main", SOON, "a note of it", |plane| up(plane) && !plane.notes.is_empty());
    assert!(plane.notes.iter().any(|note| note.contains("closed its stdout")), "{plane:#?}");
    eventually(SOON, "several probes", || world.plane("main").uptime_s.is_some_and(|seconds| seconds >= 2));
    let entries = journal(&world, "main");
    assert_eq!(entries.iter().filter(|entry| entry["event"] == "output-closed").count(), 1, "{entries:#?}");
    assert_eq!(world.plane("main").incarnation, 1);
}

#[test]
fn a_stretch_in_which_nobody_ran_is_no_failure() {
    let plane = TestPlane::practice("main")
        // It may be frozen before its first instruction, and then has the whole of its boot still before it.
        .env("PRACTICE_BOOT_MS", "3000")
        .table("health", "interval = \"1s\"\ntimeout = \"400ms\"\nstartup = \"9s\"");
    let mut world = Gateward::new("frozen-host", vec![plane]);
    world.up();
    let starting = world.until("main", SOON, "starting", |plane| plane.state == State::Starting && plane.pid.is_some());
    let (gateway, keeper) = (starting.pid.expect("it runs"), starting.keeper_pid.expect("a keeper"));
    // Frozen as a paused machine freezes everybody: for longer than a whole start may take without progress.
    let everybody = [world.daemon_pid(), keeper, gateway];
    for signal in [Signal::STOP, Signal::CONT] {
        let mut order = everybody;
        if signal == Signal::CONT {
            // The daemon ends a keeper that it finds stopped.
            order.reverse();
        }
        for pid in order {
            kill(pid, signal);
        }
        if signal == Signal::STOP {
            let since = Instant::now();
            eventually(Duration::from_secs(60), "the time of three starts", || {
                since.elapsed() > Duration::from_secs(14)
            });
        }
    }
    let ready = world.until("main", SOON, "up", up);
    assert_eq!((ready.incarnation, ready.pid), (1, Some(gateway)), "{:#?}", journal(&world, "main"));
    assert!(ready.uptime_s.is_some_and(|seconds| seconds >= 14), "it was there all the while: {ready:#?}");
    for event in ["stuck", "unhealthy", "killed"] {
        assert!(!told(&world, "main", event, ""), "{:#?}", journal(&world, "main"));
    }
}

#[test]
fn a_gateway_that_the_kernel_took_for_want_of_memory_is_told_from_one_that_was_killed() {
    let Some(group) = MemoryGroup::new("shared") else {
        say("SKIPPED: no memory cgroup can be made here, so no kill for want of memory was provoked");
        return;
    };
    let never = "policy = \"never\"";
    let plane = TestPlane::plain("main", &["/usr/bin/tail", "/dev/zero"]).table("restart", never);
    let other =
        TestPlane::practice("other").table("restart", never).table("health", "interval = \"200ms\"\ntimeout = \"2s\"");
    let mut world = Gateward::new("out-of-memory", vec![plane.key("autostart", "false"), other]);
    world.up();
    world.until("other", SOON, "up", up);
    let keeper = world.plane("main").keeper_pid.expect("a keeper");
    for pid in [keeper, world.plane("other").pid.expect("it runs")] {
        std::fs::write(group.0.join("cgroup.procs"), pid.to_string()).expect("moved");
    }
    world.run(&["start", "main", "--no-wait"]).code(0);
    let parked = world.until("main", SOON, "parked", |plane| plane.state == State::Parked);
    let exit = parked.last_exit.expect("it ended");
    assert_eq!((exit.signal, exit.meaning.contains("want of memory")), (Some(9), true), "{exit:#?}");
    assert!(told(&world, "main", "exited", "out of memory"), "{:#?}", journal(&world, "main"));
    // A kill in the same cgroup afterwards is an operator's: the count has been looked at since.
    let then = world.plane("other").uptime_s.expect("it runs");
    let pid =
        world.until("other", SOON, "several probes", |plane| plane.uptime_s > Some(then + 1)).pid.expect("it runs");
    kill(pid, Signal::KILL);
    let parked = world.until("other", SOON, "parked", |plane| plane.state == State::Parked);
    assert!(parked.last_exit.expect("it ended").meaning.contains("killed by a signal that gateward did not send"));
    assert!(!is_alive(pid));
}

#[test]
fn a_gateway_that_was_taken_in_a_cgroup_that_it_moved_to_is_not_said_to_be_killed_by_somebody() {
    let Some(group) = MemoryGroup::new("moved") else {
        say("SKIPPED: no memory cgroup can be made here, so no kill for want of memory was provoked");
        return;
    };
    // Moved by itself and never probed, so nobody has looked where it is since its start.
    let script = format!("echo $$ > {}/cgroup.procs && exec tail /dev/zero", group.0.display());
    let plane = TestPlane::plain("main", &["/bin/sh", "-c", &script]).table("restart", "policy = \"never\"");
    let mut world = Gateward::new("out-of-memory-moved", vec![plane]);
    world.up();
    let parked = world.until("main", SOON, "parked", |plane| plane.state == State::Parked);
    let exit = parked.last_exit.expect("it ended");
    assert_eq!((exit.signal, exit.meaning.contains("want of memory")), (Some(9), true), "{exit:#?}");
}

/// A cgroup of 96 MiB, of either version; gone when dropped.
struct MemoryGroup(PathBuf);

impl MemoryGroup {
    fn new(name: &str) -> Option<Self> {
        let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
        let below = |root: &str, path: &str| PathBuf::from(format!("{root}{path}"));
        let limits = [("memory.limit_in_bytes", ":memory:"), ("memory.max", "0::")];
        limits.into_iter().find_map(|(limit, mark)| {
            let path = own.lines().find_map(|line| Some(line.split_once(mark)?.1.to_owned()))?;
            let root = if mark == "0::" { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/memory" };
            let folder = below(root, &path).join(format!("gateward-test-{}-{name}", std::process::id()));
            std::fs::create_dir(&folder).ok()?;
            let group = Self(folder);
            std::fs::write(group.0.join(limit), (96 << 20).to_string()).ok()?;
            Some(group)
        })
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // Its last process may still be on its way out.
        within(SOON, || std::fs::remove_dir(&self.0).is_ok());
    }
}
