//! `after`, `autostart`, `stagger`, `[defaults]`: who starts when, and who waits for nobody.

use std::time::Duration;

use gateward::wire::State;
use rustix::process::Signal;

use super::{SOON, proc, sleeper, up};
use crate::support::{Gateward, TestPlane, eventually, processes};

fn slow(name: &str) -> TestPlane {
    TestPlane::practice(name)
        .table("restart", "min_delay = \"50ms\"\nmax_delay = \"200ms\"\nstable = \"0s\"")
        .table("health", "interval = \"200ms\"\ntimeout = \"400ms\"\nstartup = \"3s\"")
}

fn after(name: &str, others: &str) -> TestPlane {
    sleeper(name).key("after", others)
}

/// Clock ticks from boot to the start of a process.
fn started(pid: i32) -> u64 {
    gateward::os::process::start_time(pid).expect("it runs")
}

#[test]
fn nobody_waits_for_ever_for_a_plane_that_starts_for_ever() {
    // It listens and never becomes started, so it shows progress once and then none.
    let mut world =
        Gateward::new("after-stuck", vec![after("main", "[\"rescue\"]"), slow("rescue").env("PRACTICE_STALL", "1")]);
    world.up();
    world.until("rescue", SOON, "starting", |plane| plane.state == State::Starting && plane.pid.is_some());
    assert!(world.plane("main").pid.is_none(), "it waits");
    world.until("main", SOON, "up all the same", up);
    assert_ne!(world.plane("rescue").state, State::Up);
}

#[test]
fn a_plane_past_its_ceiling_is_told_of_and_holds_the_chain_no_longer() {
    // Its start always comes along, so it is never replaced; the bound of those who wait is what ends the wait.
    let busy = "i=0; while :; do i=$((i+1)); done";
    let stuck = TestPlane::command("rescue", &["/bin/sh", "-c", busy])
        .table("health", "interval = \"500ms\"\nstartup = \"4s\"");
    let planes = vec![after("main", "[\"rescue\"]"), after("staging", "[\"main\"]"), stuck];
    let mut world = Gateward::new("after-ceiling", planes);
    world.up();
    world.until("main", SOON, "up", up);
    world.until("staging", SOON, "up after main", up);
    let rescue = world.plane("rescue");
    assert_eq!((rescue.state, rescue.restarts), (State::Starting, 0), "{rescue:#?}");
    let events = world.run(&["events"]).code(0).out;
    assert!(events.contains("\"overdue\"") && events.contains("rescue did not become ready"), "{events}");
}

#[test]
fn the_bound_of_a_chain_runs_from_the_start_of_the_plane_that_is_waited_for() {
    // Each is ready well within its own time; all together take longer than the bound of any.
    let slow = |name: &str| {
        let limits = "interval = \"200ms\"\ntimeout = \"400ms\"\nstartup = \"20s\"";
        TestPlane::practice(name).table("health", limits).env("PRACTICE_BOOT_MS", "12000")
    };
    let chain = vec![after("staging", "[\"main\"]"), slow("main").key("after", "[\"rescue\"]"), slow("rescue")];
    let mut world = Gateward::with_supervisor("after-chain", "stagger = \"1s\"\n", chain);
    world.up();
    world.until("staging", SOON, "up", up);
    let starts = ["rescue", "main", "staging"].map(|name| started(world.plane(name).keeper_pid.expect("a keeper")));
    assert!(starts.is_sorted(), "{starts:?}");
    let events = world.run(&["events"]).code(0).out;
    assert!(!events.contains("\"overdue\""), "{events}");
}

#[test]
fn planes_that_are_not_started_cost_no_stagger() {
    let resting = ["one", "two", "three"].map(|name| sleeper(name).key("autostart", "false"));
    let planes = resting.into_iter().chain([sleeper("last")]).collect();
    let mut world = Gateward::with_supervisor("stagger-rest", "stagger = \"300s\"\n", planes);
    world.up();
    world.until("last", SOON, "up without one of three pauses of 300 s", up);
}

#[test]
fn a_dependency_that_is_up_and_lacks_a_channel_holds_nobody() {
    let rescue = slow("rescue").env("PRACTICE_READY_FAILING", "telegram").table("log", "keep = 1");
    let main = after("main", "[\"rescue\"]");
    let mut world = Gateward::new("after-unready", vec![main, rescue]);
    world.up();
    world.until("main", SOON, "up", up);
    assert!(!world.plane("rescue").ready);
}

#[test]
fn a_respawn_after_a_crash_waits_for_no_dependency_and_no_stagger() {
    let planes = vec![slow("rescue"), after("main", "[\"rescue\"]").table("restart", "min_delay = \"10ms\"")];
    let mut world = Gateward::with_supervisor("after-crash", "stagger = \"500ms\"\n", planes);
    world.up();
    let first = world.until("main", SOON, "up", up);
    world.run(&["stop", "rescue"]).code(0);
    world.end_daemon(Signal::KILL, SOON);
    processes::kill(first.pid.expect("it runs"), Signal::KILL);
    world.until("main", SOON, "another, with rescue stopped and nobody to order starts", |plane| {
        up(plane) && plane.incarnation == 2
    });
    assert_eq!(world.plane("rescue").state, State::Stopped);
}

#[test]
fn a_stagger_lies_between_two_starts_and_an_asked_start_does_not_wait_for_it() {
    let names = ["one", "two", "three"];
    let planes = names.map(sleeper).into_iter().chain([sleeper("last").key("autostart", "false")]).collect();
    let mut world = Gateward::with_supervisor("stagger", "stagger = \"1500ms\"\n", planes);
    world.up();
    // The supervisor starts keepers; when each of them then gets to its gateway is another matter.
    let starts = names.map(|name| started(world.until(name, SOON, "up", up).keeper_pid.expect("a keeper")));
    let pause = rustix::param::clock_ticks_per_second() * 3 / 2;
    for pair in starts.windows(2) {
        assert!(pair[1].saturating_sub(pair[0]) + 1 >= pause, "{starts:?}, with a pause of {pause} ticks");
    }
    let last = world.until("last", SOON, "kept, and not started", |plane| plane.keeper_pid.is_some());
    assert_eq!((last.state, last.pid, last.incarnation), (State::Stopped, None, 0));
    world.run(&["start", "last"]).code(0);
    world.until("last", SOON, "up", up);
}

#[test]
fn a_plane_without_autostart_stays_down_until_it_is_asked_and_then_stays_up() {
    let mut world =
        Gateward::new("autostart", vec![sleeper("main").key("autostart", "false"), after("rescue", "[\"main\"]")]);
    world.up();
    world.until("rescue", SOON, "up: what is not started holds nobody", up);
    assert_eq!(world.plane("main").state, State::Stopped);
    // A reload that gives it a keeper does not start it, and says so beforehand and afterwards.
    let text = std::fs::read_to_string(world.manifest()).expect("a manifest");
    let more = text.replace("[planes.main]", "[planes.later]\nisolates = \"later\"\ncontract = \"plain\"\ncommand = [\"/bin/sleep\", \"3600\"]\nautostart = false\n\n[planes.main]");
    assert_ne!(text, more);
    world.scratch().write("supervisor.toml", &more);
    let beforehand = world.run(&["reload", "--dry-run"]).code(0).out;
    let done = world.run(&["reload"]).code(0).out;
    assert!(!beforehand.contains("would start") && beforehand.contains("later"), "{beforehand}");
    assert!(!done.contains("started") && done.contains("later"), "{done}");
    world.run(&["start", "main"]).code(0);
    let keeper = world.until("main", SOON, "up", up).keeper_pid.expect("a keeper");
    processes::kill(keeper, Signal::KILL);
    world.until("main", SOON, "up again: the start was wanted", |plane| up(plane) && plane.keeper_pid != Some(keeper));
}

#[test]
fn a_circle_is_an_invalid_manifest() {
    let world = Gateward::new("after-circle", vec![after("main", "[\"rescue\"]"), after("rescue", "[\"main\"]")]);
    let found = world.run(&["check", "--json"]).code(6).json();
    assert_eq!(found["findings"][0]["code"], "after-cycle", "{found:#}");
}

#[test]
fn defaults_hold_for_every_plane_and_a_plane_overrules_them_key_by_key() {
    let mut world =
        Gateward::new("defaults", vec![sleeper("main").env("OWN", "1"), sleeper("rescue").table("limits", "nice = 3")]);
    let text = std::fs::read_to_string(world.manifest()).expect("a manifest");
    let defaults =
        "[defaults]\numask = \"0011\"\nenv = { SHARED = \"both\" }\nlimits = { nice = 5, open_files = 333 }\n";
    world
        .scratch()
        .write("supervisor.toml", &text.replacen("[runtimes.pinned]", &format!("{defaults}\n[runtimes.pinned]"), 1));
    world.up();
    for (name, nice) in [("main", "5"), ("rescue", "3")] {
        let pid = world.until(name, SOON, "up", up).pid.expect("it runs");
        assert_eq!(super::field(pid, "Umask"), "0011");
        assert!(proc(pid, "environ").contains("SHARED=both"));
        assert_eq!(proc(pid, "environ").contains("OWN=1"), name == "main");
        let limits = proc(pid, "limits");
        assert!(limits.lines().any(|line| line.starts_with("Max open files") && line.contains(" 333 ")), "{limits}");
        let stat = proc(pid, "stat");
        assert_eq!(stat.rsplit_once(')').expect("a name").1.split_whitespace().nth(16), Some(nice));
    }
    eventually(Duration::from_secs(1), "both live", || world.living().len() >= 4);
}
