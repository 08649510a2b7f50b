//! Orders that a keeper did not hear, as it was stopped when it was told: they are not lost.
//!
//! The keepers here were adopted: one that is a child of its supervisor is looked at the moment it stops.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use rustix::process::Signal;

use super::{SOON, quick, up};
use crate::support::processes::{is_alive, kill};
use crate::support::{Gateward, eventually};

/// A world with a keeper that its supervisor has met, and that holds still.
fn met(test: &str) -> (Gateward, i32) {
    let mut world = Gateward::new(test, vec![quick("main")]);
    world.up();
    world.until("main", SOON, "up", up);
    world.end_daemon(Signal::KILL, SOON);
    world.up();
    let keeper = world.until("main", SOON, "up", up).keeper_pid.expect("a keeper");
    // Once that is proved, the next glance at the keeper is half a minute away.
    world.run(&["reload"]).code(0);
    kill(keeper, Signal::STOP);
    (world, keeper)
}

/// Lets the keeper go on as soon as the supervisor has given up waiting for its answer.
fn goes_on(world: &Gateward, keeper: i32) {
    let log = world.scratch().join("state/gateward.log");
    eventually(SOON, "an order without an answer", || {
        std::fs::read_to_string(&log).unwrap_or_default().contains("its keeper gave no answer")
    });
    kill(keeper, Signal::CONT);
}

#[test]
fn a_definition_that_a_stopped_keeper_did_not_hear_is_handed_over_once_it_goes_on() {
    let (mut world, keeper) = met("unheard-change");
    world.rewrite(vec![quick("main").env("TEST_STEP", "two")]);
    kill(world.daemon_pid(), Signal::HUP);
    goes_on(&world, keeper);
    world.until("main", SOON, "it lives by the new definition", |plane| up(plane) && plane.incarnation == 2);
    // The supervisor acts on what is written next, too.
    world.rewrite(vec![quick("main").env("TEST_STEP", "three")]);
    world.run(&["reload"]).code(0);
    world.until("main", SOON, "it lives by the third definition", |plane| up(plane) && plane.incarnation == 3);
}

#[test]
fn a_keeper_that_was_stopped_when_everything_was_told_to_go_goes_once_it_goes_on() {
    let (mut world, keeper) = met("unheard-down");
    kill(world.daemon_pid(), Signal::TERM);
    goes_on(&world, keeper);
    world.ended();
    assert!(!is_alive(keeper), "its keeper was left");
}

#[test]
fn a_stop_that_was_refused_does_not_hold_back_a_plane_that_comes_later() {
    let mut world = Gateward::new("refused-stop", vec![quick("main")]);
    world.up();
    world.until("main", SOON, "up", up);
    let request = serde_json::json!({
        "v": gateward::wire::VERSION,
        "by": "a script",
        "ask": { "keep": { "plane": "later", "allow": [], "rests": true } },
    });
    let mut socket = UnixStream::connect(world.scratch().join("run/gateward.sock")).expect("its socket");
    writeln!(socket, "{request}").expect("asked");
    let mut answer = String::new();
    BufReader::new(socket).read_line(&mut answer).expect("an answer");
    assert!(answer.contains("there is no plane `later`"), "{answer}");
    world.rewrite(vec![quick("main"), quick("later")]);
    world.until("later", SOON, "it starts by itself", up);
}

#[test]
fn a_supervisor_whose_words_nobody_takes_lives_on() {
    let mut world = Gateward::new("full-terminal", vec![quick("main")]);
    world.up_under("sh", &["-c", "exec \"$@\" 2>/dev/full", "sh"]);
    let main = world.until("main", SOON, "up", up);
    let daemon = world.daemon_pid();
    world.run(&["restart", "main"]).code(0);
    let again = world.until("main", SOON, "up again", |plane| up(plane) && plane.pid != main.pid);
    assert_eq!(again.keeper_pid, main.keeper_pid);
    assert!(is_alive(daemon), "the supervisor");
    assert_eq!(world.status().supervisor["pid"], daemon);
}
