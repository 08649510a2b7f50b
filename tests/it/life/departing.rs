//! Keepers that were told to leave by a supervisor that died before they had: the next one knows them for what they are.

use std::process::Stdio;

use gateward::wire::State;
use rustix::process::Signal;

use super::{SOON, journal, quick, up};
use crate::support::{Gateward, TestPlane, eventually};

/// A plane whose drain outlasts a supervisor's death and the next one's start.
fn slow(name: &str) -> TestPlane {
    quick(name).env("PRACTICE_DRAIN_MS", "4000")
}

fn spawns(world: &Gateward, plane: &str) -> usize {
    journal(world, plane).iter().filter(|entry| entry["event"] == "spawned").count()
}

#[test]
fn a_plane_that_was_taken_out_stays_down_though_the_supervisor_dies_in_its_drain() {
    let mut world = Gateward::new("taken-out", vec![slow("main"), quick("rescue")]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    world.until("rescue", SOON, "up", up);
    let rescue = quick("rescue").port(world.written("rescue").base());
    world.rewrite(vec![rescue]);
    world.run(&["reload"]).code(0);
    // What is accepted is on its way; here it has come.
    world.until("main", SOON, "stopping", |plane| plane.state == State::Stopping);
    world.end_daemon(Signal::KILL, SOON);
    world.up();
    eventually(SOON, "main is gone", || {
        let status = world.status();
        let is_there = status.planes.iter().any(|plane| plane.name.as_str() == "main");
        if is_there || status.supervisor["running"] != true { Err(status) } else { Ok(()) }
    });
    assert_eq!(spawns(&world, "main"), usize::try_from(main.incarnation).expect("few"), "nothing was spawned again");
    let told = world.run(&["events"]).code(0).out;
    assert!(!told.contains("and its gateway with it"), "{told}");
}

#[test]
fn a_down_that_a_new_supervisor_undoes_says_so_and_nobody_died() {
    let mut world = Gateward::new("down-undone", vec![slow("main"), quick("rescue")]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    world.until("rescue", SOON, "up", up);
    let down = world.command(&["down"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    world.until("main", SOON, "stopping", |plane| plane.state == State::Stopping);
    world.end_daemon(Signal::KILL, SOON);
    world.up();
    let said = down.wait_with_output().expect("it ends");
    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(1), "{words}");
    assert!(words.contains("has left, and another (pid") && words.contains("`gateward down` again"), "{words}");
    let again = world.until("main", SOON, "up again", up);
    assert_eq!(again.incarnation, main.incarnation + 1);
    let told = world.run(&["events"]).code(0).out;
    assert!(told.contains("keeper-left") && !told.contains("and its gateway with it"), "{told}");
}
