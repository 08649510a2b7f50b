//! Orders that a keeper did not hear, as it was stopped when it was told: they are not lost.
//!
//! The keepers here were adopted: one that is a child of its supervisor is looked at the moment it stops.

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
