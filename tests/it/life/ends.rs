//! Every way in which a gateway may end by itself, and what follows.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use gateward::wire::State;
use rustix::process::Signal;

use super::{SOON, journal, quick, told, up};
use crate::support::processes::{copy_program, is_alive, kill, listeners};
use crate::support::{Family, Gateward, TestPlane, eventually};

#[test]
fn a_refused_config_parks_and_a_mended_one_starts_it_also_without_a_daemon() {
    let mut world = Gateward::new("parked", vec![quick("main")]);
    world.up();
    let first = world.until("main", SOON, "up", up);
    world.scratch().write("main/openclaw.json", "{ gateway: { mode: \"local\", }");
    kill(first.pid.expect("it runs"), Signal::KILL);
    let parked = world.until("main", SOON, "parked", |plane| plane.state == State::Parked);
    assert!(parked.why.contains("see `gateward logs main` and "), "{}", parked.why);
    assert_eq!(parked.last_exit.expect("it ended").code, Some(78));
    world.end_daemon(Signal::KILL, SOON);
    let port = world.written("main").base();
    world.scratch().write("main/openclaw.json", &format!("{{ gateway: {{ mode: \"local\", port: {port} }} }}"));
    world.until("main", SOON, "up after its config was mended", up);
    assert!(told(&world, "main", "files-changed", "try again"), "{:#?}", journal(&world, "main"));
}

#[test]
fn a_held_port_is_a_conflict_with_a_name_and_no_crash() {
    let plane = quick("main");
    let thief = TcpListener::bind(("127.0.0.1", plane.base() + 40)).expect("a port of the family");
    let mut world = Gateward::new("port-theft", vec![plane]);
    world.up();
    let waiting = world.until("main", SOON, "waiting for the holder", |plane| plane.why.contains("is held by"));
    assert_eq!(waiting.state, State::Backoff);
    assert!(waiting.why.contains(&std::process::id().to_string()), "it names us: {}", waiting.why);
    assert_eq!(waiting.incarnation, 0, "nothing was spawned into it");
    drop(thief);
    let after = world.until("main", SOON, "up once the port is free", up);
    assert_eq!((after.incarnation, after.restarts), (1, 0));
}

#[test]
fn a_state_dir_with_a_living_owner_is_waited_for() {
    let mut world = Gateward::new("state-theft", vec![quick("main")]);
    let lock = world.scratch().join("main/state/tmp/openclaw-0");
    std::fs::create_dir_all(&lock).expect("a folder");
    let us = std::process::id();
    std::fs::write(lock.join("gateway.state.lock"), format!("{{\"pid\":{us}}}")).expect("written");
    world.up();
    let waiting = world.until("main", SOON, "waiting for the owner", |plane| plane.why.contains("state dir"));
    assert!(waiting.why.contains(&us.to_string()), "{}", waiting.why);
    std::fs::remove_file(lock.join("gateway.state.lock")).expect("removed");
    world.until("main", SOON, "up once the owner is gone", up);
}

#[test]
fn a_handoff_is_no_death() {
    let mut world = Gateward::new("handoff", vec![TestPlane::practice("main")]);
    world.up();
    let first = world.until("main", SOON, "up", up);
    kill(first.pid.expect("it runs"), Signal::USR2);
    let second = world.until("main", SOON, "the successor", |plane| up(plane) && plane.incarnation == 2);
    eventually(SOON, "the handoff's answer", || told(&world, "main", "handoff", "no penalty"));
    assert_eq!(world.plane("main").restarts, 0, "{second:#?}");
}

#[test]
fn one_that_restarts_itself_at_each_boot_is_paced() {
    let restart = "min_delay = \"30s\"\nmax_delay = \"60s\"";
    let mut world = Gateward::new("restless", vec![TestPlane::practice("main").table("restart", restart)]);
    world.up();
    for _ in 0..8 {
        let moved = world.until("main", SOON, "up, or held back", |plane| up(plane) || plane.state == State::Backoff);
        let (State::Up, Some(pid)) = (moved.state, moved.pid) else { break };
        kill(pid, Signal::USR2);
        world.until("main", SOON, "its end", |plane| plane.pid != Some(pid));
    }
    let waiting = world.until("main", SOON, "held back", |plane| plane.why.contains("has itself restarted"));
    assert!((4..=6).contains(&waiting.incarnation), "{waiting:#?}");
    assert!(waiting.until.is_some(), "it tells until when: {waiting:#?}");
    assert!(told(&world, "main", "handoff", "again and again"), "{:#?}", journal(&world, "main"));
    world.run(&["start", "main"]).code(0);
}

#[test]
fn a_clean_exit_that_nobody_wanted_is_left_under_on_failure() {
    let plane = TestPlane::practice("main")
        .table("restart", "policy = \"on-failure\"")
        .env("PRACTICE_EXIT_CODE", "0")
        .env("PRACTICE_EXIT_AFTER_MS", "300");
    let mut world = Gateward::new("clean-exit", vec![plane]);
    world.up();
    let parked = world.until("main", SOON, "parked", |plane| plane.state == State::Parked);
    assert!(parked.why.contains("on-failure"), "{}", parked.why);
    assert_eq!(parked.incarnation, 1);
    world.run(&["start", "main", "--no-wait"]).code(0);
    world.until("main", SOON, "another incarnation, as asked", |plane| plane.incarnation == 2);
}

#[test]
fn policy_never_leaves_a_crash_and_max_deaths_gives_up() {
    let crash = |name| TestPlane::practice(name).env("PRACTICE_EXIT_CODE", "3").env("PRACTICE_EXIT_AFTER_MS", "150");
    let restart = "policy = \"always\"\nmin_delay = \"10ms\"\nmax_delay = \"20ms\"\nmax_deaths = 3";
    let never = crash("main").table("restart", "policy = \"never\"");
    let often = TestPlane::plain("rescue", &["/bin/sh", "-c", "sleep 0.05; exit 3"]).table("restart", restart);
    let mut world = Gateward::new("policies", vec![never, often]);
    world.up();
    let parked = world.until("main", SOON, "parked", |plane| plane.state == State::Parked);
    assert_eq!((parked.incarnation, parked.last_exit.expect("it ended").code), (1, Some(3)));
    let parked = world.until("rescue", SOON, "given up", |plane| plane.state == State::Parked);
    assert_eq!(parked.incarnation, 3);
    assert!(parked.why.contains("died 3 times"), "{}", parked.why);
}

#[test]
fn a_second_unclean_end_within_300_s_is_held_back_for_the_breakers_sake_and_start_insists() {
    let mut world = Gateward::new("breaker", vec![TestPlane::practice("main")]);
    world.up();
    for incarnation in 1..=2 {
        let plane = world.until("main", SOON, "up", |plane| up(plane) && plane.incarnation == incarnation);
        kill(plane.pid.expect("it runs"), Signal::KILL);
    }
    let held = world.until("main", SOON, "held back", |plane| plane.why.contains("held back"));
    assert_eq!(held.state, State::Backoff);
    assert!(held.until.is_some(), "status tells the minute: {held:#?}");
    world.run(&["start", "main"]).code(0);
    assert_eq!(world.until("main", SOON, "up", up).incarnation, 3);
}

#[test]
fn what_outlives_a_killed_gateway_is_ended_before_the_next_is_spawned_and_nobody_elses() {
    let browsing = |name| quick(name).env("PRACTICE_STRAGGLER", "browser").env("PRACTICE_STRAGGLER_MS", "600000");
    let mut world = Gateward::new("straggler", vec![browsing("main"), browsing("rescue")]);
    world.up();
    let first = world.until("main", SOON, "up", up);
    let rescue = world.until("rescue", SOON, "up", up);
    let browser = |name: &str| {
        eventually(SOON, &format!("a listener on the CDP port of {name}"), || {
            let everybody = gateward::os::process::all().expect("/proc");
            listeners(world.written(name).base() + 11, &everybody).first().copied()
        })
    };
    let (own, of_rescue) = (browser("main"), browser("rescue"));
    // The same program as the user runs it, beside every plane.
    let family = Family::lease();
    world.scratch().write("user/openclaw.json", "{ gateway: { mode: \"local\" } }");
    let mut users = Command::new(env!("CARGO_BIN_EXE_gateward"));
    users.args(["practice", "gateway", "run", "--port", &family.base().to_string()]).env_clear();
    users.env("HOME", world.scratch().join("user")).env("OPENCLAW_STATE_DIR", world.scratch().join("user"));
    let mut users = users.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
    let pid = users.id().cast_signed();
    eventually(SOON, "the user's own gateway", || listeners(family.base(), &[pid]) == [pid]);

    kill(first.pid.expect("it runs"), Signal::KILL);
    let second =
        world.until("main", SOON, "another incarnation", |plane| plane.incarnation == 2 && plane.pid.is_some());
    let words = format!("outlived it: gateward (pid {own})");
    assert!(told(&world, "main", "leftovers", &words), "{:#?}", journal(&world, "main"));
    assert!(!is_alive(own), "the straggler {own} lives beside {:?}", second.pid);
    assert!(is_alive(of_rescue), "another plane's browser is not touched");
    assert_eq!(world.plane("rescue").pid, rescue.pid);
    assert!(users.try_wait().expect("our child").is_none(), "nor what the user runs");
    users.kill().expect("our child");
    users.wait().expect("our child");
}

#[test]
fn a_frozen_gateway_is_replaced_in_seconds_and_not_after_the_whole_grace() {
    let mut world = Gateward::new("frozen", vec![quick("main").env("PRACTICE_HANG_AFTER_MS", "1500")]);
    world.up();
    world.until("main", SOON, "up", up);
    let frozen = world.until("main", SOON, "told to go", |plane| plane.state == State::Stopping);
    assert!(frozen.why.contains("no sign of life"), "{}", frozen.why);
    // Three probes, then SIGTERM, then 30 s in which it shows no drain.
    world.until("main", Duration::from_secs(60), "another incarnation", |plane| plane.incarnation == 2);
    assert!(told(&world, "main", "killed", "does not answer"), "{:#?}", journal(&world, "main"));
}

/// Without a listener for fifteen of its probes whenever it restarts within itself.
fn renewing(busy: &str) -> TestPlane {
    TestPlane::practice("main")
        .table("health", "interval = \"200ms\"\ntimeout = \"2s\"\nfailures = 2")
        .env("OPENCLAW_NO_RESPAWN", "1")
        .env("PRACTICE_BOOT_MS", "4500")
        .env("PRACTICE_BUSY", busy)
}

#[test]
fn a_restart_in_place_that_works_is_waited_for_as_a_start_is() {
    let mut world = Gateward::new("renewed", vec![renewing("1")]);
    world.up();
    let first = world.until("main", SOON, "up", up);
    let pid = first.pid.expect("it runs");
    kill(pid, Signal::USR2);
    let within = world.until("main", SOON, "no listener", |plane| plane.why.contains("judged as a start"));
    assert_eq!((within.state, within.ready, within.live), (State::Up, false, false), "{within:#?}");
    let again = world.until("main", SOON, "another generation", |plane| plane.generations == 1 && plane.ready);
    assert_eq!((again.pid, again.incarnation, again.restarts), (Some(pid), 1, 0), "{:#?}", journal(&world, "main"));
    assert!(told(&world, "main", "reopening", "waited for"), "{:#?}", journal(&world, "main"));
    assert!(!told(&world, "main", "unhealthy", ""), "{:#?}", journal(&world, "main"));
}

#[test]
fn one_without_a_listener_that_does_nothing_about_it_is_replaced() {
    let mut world = Gateward::new("not-renewed", vec![renewing("0")]);
    world.up();
    let first = world.until("main", SOON, "up", up);
    kill(first.pid.expect("it runs"), Signal::USR2);
    let second = world.until("main", SOON, "another incarnation", |plane| up(plane) && plane.incarnation == 2);
    assert_ne!(second.pid, first.pid);
    let words = "no sign of life, 2 times in a row: nothing listens on its port";
    assert!(told(&world, "main", "unhealthy", words), "{:#?}", journal(&world, "main"));
}

#[test]
fn what_is_not_ready_is_reported_and_never_restarted_for_it() {
    let mut world = Gateward::new("unready", vec![quick("main").env("PRACTICE_READY_FAILING", "telegram")]);
    world.up();
    let unready = world.until("main", SOON, "up with what is failing", |plane| !plane.failing.is_empty());
    assert_eq!((unready.state, unready.ready, unready.failing), (State::Up, false, vec!["telegram".to_owned()]));
    assert!(unready.why.contains("telegram"), "{}", unready.why);
    let numbers = unready.event_loop.expect("the event loop's own numbers");
    assert!(numbers["delayP99Ms"].is_number(), "{numbers:#}");
    let why = world.run(&["why", "main"]).code(0).out;
    assert!(why.contains("event loop  ") && why.contains("delayP99Ms "), "{why}");
    // Ten probes later it is the same one.
    eventually(SOON, "ten probes", || world.plane("main").uptime_s.is_some_and(|seconds| seconds >= 3));
    assert_eq!(world.plane("main").incarnation, 1);
}

#[test]
fn a_program_that_is_exchanged_while_its_gateway_dies_is_spawned_once_it_is_there() {
    let scratch = crate::support::Scratch::new("exchanged");
    let (program, aside) = (scratch.join("daemon"), scratch.join("aside"));
    copy_program(Path::new("/bin/sleep"), &program);
    let plane = TestPlane::plain("main", &[program.to_str().expect("a name"), "1000000"])
        .table("restart", "min_delay = \"10ms\"\nmax_delay = \"50ms\"\nstable = \"0s\"");
    let mut world = Gateward::new("exchanged-world", vec![plane]);
    world.up();
    let first = world.until("main", SOON, "up", up);
    std::fs::rename(&program, &aside).expect("moved");
    kill(first.pid.expect("it runs"), Signal::KILL);
    let waits = world.until("main", SOON, "waiting for its program", |plane| plane.state == State::Backoff);
    assert!(waits.why.contains("daemon"), "{}", waits.why);
    std::fs::rename(&aside, &program).expect("moved back");
    world.until("main", SOON, "up without a word of anybody", |plane| up(plane) && plane.pid != first.pid);
    // One that was asked for is told at once, and not tried for ever.
    world.run(&["stop", "main"]).code(0);
    std::fs::rename(&program, &aside).expect("moved");
    let refused = world.run(&["start", "main"]);
    assert_ne!(refused.code, 0, "{refused:#?}");
}
