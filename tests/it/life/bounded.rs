//! Verbs whose answer does not come: sockets that are gone, keepers that stand still, safe restarts that never happen. Each
//! ends by itself, and says what it met.

use std::process::{Command, Stdio};
use std::time::Duration;

use gateward::wire::{SafeState, State};
use rustix::process::Signal;

use super::{SOON, quick, told, up};
use crate::support::processes::{is_alive, kill};
use crate::support::wait::within;
use crate::support::{Gateward, Said, TestPlane, eventually, said};

const STAND_IN: &str = env!("CARGO_BIN_EXE_gateward");

/// Longer than the most patient of these waits, on a host at several times its load.
const BOUND: Duration = Duration::from_secs(90);

/// Runs a verb that must end by itself.
#[track_caller]
fn bounded(world: &Gateward, words: &[&str]) -> Said {
    let mut command: Command = world.command(words);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("our binary runs");
    if !within(BOUND, || child.try_wait().expect("our child").is_some()) {
        child.kill().expect("our child");
        let output = child.wait_with_output().expect("our child");
        panic!("{words:?} still waits after {BOUND:?}: {:#?}", said(output));
    }
    said(child.wait_with_output().expect("our child"))
}

#[test]
fn down_finds_a_supervisor_and_keepers_whose_sockets_were_taken_away() {
    let mut world = Gateward::new("no-sockets", vec![quick("main"), quick("rescue")]);
    world.up();
    let planes = ["main", "rescue"].map(|plane| world.until(plane, SOON, "up", up));
    // Held still, nobody can put anything back before the verb has begun.
    let daemon = world.daemon_pid();
    let everybody = [Some(daemon), planes[0].keeper_pid, planes[1].keeper_pid].map(|pid| pid.expect("it runs"));
    everybody.iter().for_each(|pid| kill(*pid, Signal::STOP));
    for socket in ["gateward.sock", "planes/main.sock", "planes/rescue.sock"] {
        std::fs::remove_file(world.scratch().join(&format!("run/{socket}"))).expect("removed");
    }
    let stopped = bounded(&world, &["down", "--now"]).code(5);
    assert!(stopped.err.contains(&format!("the supervisor (pid {daemon}) is there")), "{}", stopped.err);
    everybody.iter().rev().for_each(|pid| kill(*pid, Signal::CONT));
    bounded(&world, &["down", "--now"]).code(0);
    assert!(planes.iter().all(|plane| !is_alive(plane.pid.expect("it ran"))));
    world.ended();
}

#[test]
fn without_a_supervisor_keepers_are_known_by_their_locks() {
    let mut world = Gateward::new("no-socket-dead", vec![quick("main"), quick("rescue")]);
    world.up();
    let planes = ["main", "rescue"].map(|plane| world.until(plane, SOON, "up", up));
    let keepers = planes.each_ref().map(|plane| plane.keeper_pid.expect("a keeper"));
    world.end_daemon(Signal::KILL, SOON);
    keepers.iter().for_each(|keeper| kill(*keeper, Signal::STOP));
    std::fs::remove_dir_all(world.scratch().join("run")).expect("removed");
    let named = format!("the keeper of main (pid {}) does not answer, it is stopped (SIGSTOP)", keepers[0]);
    for verb in [&["down", "--now"][..], &["stop", "main", "--now"], &["restart", "main"]] {
        let said = bounded(&world, verb).code(5);
        assert!(said.err.contains(&named), "{verb:?}: {}", said.err);
    }
    let status = bounded(&world, &["status"]).code(5);
    assert!(status.out.contains(&format!("its keeper (pid {}) is stopped (SIGSTOP)", keepers[0])), "{}", status.out);
    assert!(!status.err.contains("start it with"), "who is there needs no start: {}", status.err);
    keepers.iter().for_each(|keeper| kill(*keeper, Signal::CONT));
    bounded(&world, &["down", "--now"]).code(0);
    assert!(planes.iter().all(|plane| !is_alive(plane.pid.expect("it ran"))));
}

#[test]
fn down_now_without_a_supervisor_ends_what_answers_and_names_what_does_not() {
    let mut world = Gateward::new("down-now", vec![quick("main"), quick("rescue")]);
    world.up();
    let (main, rescue) = (world.until("main", SOON, "up", up), world.until("rescue", SOON, "up", up));
    let keeper = main.keeper_pid.expect("a keeper");
    world.end_daemon(Signal::KILL, SOON);
    kill(keeper, Signal::STOP);
    let down = bounded(&world, &["down", "--now"]).code(5);
    assert!(down.err.contains(&format!("the keeper of main (pid {keeper}) does not answer")), "{}", down.err);
    assert!(down.err.contains(&format!("`kill -KILL {keeper}` ends it: its gateway ends with it")), "{}", down.err);
    assert!(!is_alive(rescue.pid.expect("it ran")), "the other is down");
    assert!(is_alive(main.pid.expect("it runs")));
    // What the hint says is so.
    kill(keeper, Signal::KILL);
    eventually(SOON, "the gateway goes with its keeper", || !is_alive(main.pid.expect("it ran")));
    // The kernel closes what the keeper had open a moment after its end; until then somebody seems to be there.
    let lock = world.scratch().join("state/planes/main/keeper.lock");
    eventually(SOON, "its lock is free", || !gateward::os::lock::held(&lock).expect("a look"));
    let nobody = bounded(&world, &["down", "--now"]).code(5);
    assert!(nobody.err.contains("neither supervisor nor keeper answers"), "{}", nobody.err);
}

#[test]
fn folders_that_are_edited_while_all_lives_do_not_hide_it_from_a_down() {
    for supervisor in [true, false] {
        let mut world = Gateward::new("edited-down", vec![quick("main")]);
        world.up();
        let main = world.until("main", SOON, "up", up);
        let text = std::fs::read_to_string(world.manifest()).expect("a manifest");
        if !supervisor {
            world.end_daemon(Signal::KILL, SOON);
        }
        let moved = text.replacen("/run\"", "/run-2\"", 1).replacen("/state\"", "/state-2\"", 1);
        world.scratch().write("supervisor.toml", &moved);
        bounded(&world, &["stop", "main", "--now"]).code(0);
        assert!(!is_alive(main.pid.expect("it ran")));
        bounded(&world, &["down", "--now"]).code(0);
        if supervisor {
            world.ended();
        }
        let gone = main.keeper_pid.expect("a keeper");
        eventually(SOON, "the keeper has gone", || !is_alive(gone));
        world.scratch().write("supervisor.toml", &text);
    }
}

#[test]
fn a_safe_restart_that_the_gateway_refuses_is_not_waited_for() {
    let script =
        "case \"$*\" in *'restart --safe'*) echo 'a channel is busy' >&2; exit 1;; esac; exec \"$0\" practice \"$@\"";
    let plane = TestPlane::command("main", &["/bin/sh", "-c", script, STAND_IN]);
    let mut world = Gateward::new("safe-refused", vec![plane]);
    world.up();
    let before = world.until("main", SOON, "up", up);
    let refused = bounded(&world, &["restart", "main", "--safe"]).code(1);
    let words = "the gateway did not take the safe restart, and lives on: a channel is busy";
    assert!(refused.err.contains(words), "{}", refused.err);
    let after = world.plane("main");
    assert_eq!((after.state, after.pid), (State::Up, before.pid));
    assert_eq!(after.safe_restart.map(|it| it.state), Some(SafeState::Refused));
    assert!(told(&world, "main", "safe-restart-refused", "a channel is busy"));
    // That it was refused once says nothing of a restart that needs nobody's consent.
    bounded(&world, &["restart", "main"]).code(0);
    let anew = world.plane("main");
    assert_eq!((anew.incarnation, anew.safe_restart), (2, None));
}

#[test]
fn a_safe_restart_within_the_process_is_one() {
    let plane = TestPlane::practice("main")
        .table("health", "interval = \"200ms\"\ntimeout = \"2s\"\nfailures = 2")
        .env("OPENCLAW_NO_RESPAWN", "1")
        .env("PRACTICE_BOOT_MS", "4500")
        .env("PRACTICE_BUSY", "1");
    let mut world = Gateward::new("safe-within", vec![plane]);
    world.up();
    let before = world.until("main", SOON, "up", up);
    let done = bounded(&world, &["restart", "main", "--safe"]).code(0);
    assert!(done.out.contains("(incarnation 1, restarted within its process)"), "{done:#?}");
    let after = world.plane("main");
    assert_eq!((after.pid, after.generations, after.ready), (before.pid, 1, true), "{after:#?}");
    assert_eq!(after.safe_restart.map(|it| it.state), Some(SafeState::Within));
}
