//! Ends that turn out to be something else than they look, and what is said of a process once it has gone.

use gateward::wire::State;
use rustix::process::Signal;

use super::{SOON, journal, quick, told, up};
use crate::support::processes::{environ, is_alive, kill};
use crate::support::{Gateward, TestPlane, eventually, said};

const STAND_IN: &str = env!("CARGO_BIN_EXE_gateward");

/// A plane whose launcher is a shell with this script; `"$0"` is the stand-in's program.
fn launched(script: &str) -> TestPlane {
    TestPlane::command("main", &["/bin/sh", "-c", script, STAND_IN])
        .table("restart", "min_delay = \"50ms\"\nmax_delay = \"200ms\"\nstable = \"0s\"")
        .table("health", "interval = \"200ms\"\ntimeout = \"2s\"")
}

#[test]
fn a_restart_that_an_agent_asked_its_own_gateway_for_is_told_as_that() {
    let mut world = Gateward::new("renames", vec![TestPlane::practice("main"), TestPlane::practice("rescue")]);
    world.up();
    let first = world.until("main", SOON, "up", up);
    let pid = first.pid.expect("it runs");
    // The command line of the stand-in, with the environment of its gateway: it waits for the successor.
    let mut ask = std::process::Command::new(STAND_IN);
    ask.args(["practice", "gateway", "restart"]).env_clear().envs(environ(pid)).env_remove("GATEWARD_COOKIE");
    said(ask.output().expect("our binary runs")).code(0);
    let renamed = world.until("main", SOON, "the last end by its name", |plane| {
        plane.last_exit.as_ref().is_some_and(|exit| exit.meaning.starts_with("restarted itself (restart"))
    });
    assert_eq!((renamed.incarnation, renamed.restarts), (2, 0), "{renamed:#?}");
    assert!(told(&world, "main", "handoff", "no penalty"), "{:#?}", journal(&world, "main"));
    // An end that is none of the gateway's own wish keeps its name.
    kill(world.until("rescue", SOON, "up", up).pid.expect("it runs"), Signal::KILL);
    let killed = world.until("rescue", SOON, "its end", |plane| plane.last_exit.is_some());
    let meaning = killed.last_exit.expect("it ended").meaning;
    assert!(meaning.starts_with("was killed by a signal"), "{meaning}");
}

#[test]
fn a_safe_restart_ends_as_it_was_asked_to() {
    let mut world = Gateward::new("safely", vec![TestPlane::practice("main")]);
    world.up();
    world.until("main", SOON, "up", up);
    world.run(&["restart", "main", "--safe"]).code(0);
    let second = world.until("main", SOON, "the successor", |plane| up(plane) && plane.incarnation == 2);
    assert_eq!(second.last_exit.expect("it ended").meaning, "restarted as asked");
    eventually(SOON, "the handoff's answer", || told(&world, "main", "handoff", "no penalty"));
    let after = world.plane("main");
    assert_eq!(after.last_exit.expect("it ended").meaning, "restarted as asked", "the answer takes nothing back");
    assert_eq!(after.restarts, 0);
}

#[test]
fn a_stop_that_ends_the_launcher_alone_says_who_lost_its_drain() {
    // It neither executes the gateway nor passes SIGTERM on.
    let script = "\"$0\" practice \"$@\" & wait $!";
    let mut world = Gateward::new("cut-short", vec![launched(script)]);
    world.up();
    world.until("main", SOON, "up with a note", |plane| up(plane) && !plane.notes.is_empty());
    let gateway = *crate::support::processes::listeners(world.written("main").base(), &world.living())
        .first()
        .expect("somebody listens");
    world.run(&["stop", "main"]).code(0);
    let stopped = world.plane("main");
    assert_eq!(stopped.state, State::Stopped);
    let words = format!("but gateward (pid {gateway}), which listened, was killed without its drain");
    let meaning = stopped.last_exit.expect("it ended").meaning;
    assert!(meaning.ends_with(&words), "{meaning}");
    let leftovers = format!("outlived it: gateward (pid {gateway})");
    eventually(SOON, "its name among the leftovers", || match told(&world, "main", "leftovers", &leftovers) {
        true => Ok(()),
        false => Err(journal(&world, "main")),
    });
    // Who was to be killed at once has lost no drain.
    world.run(&["start", "main"]).code(0);
    world.until("main", SOON, "up with a note", |plane| up(plane) && !plane.notes.is_empty());
    world.run(&["stop", "main", "--now"]).code(0);
    let meaning = world.plane("main").last_exit.expect("it ended").meaning;
    assert!(!meaning.contains("without its drain"), "{meaning}");
}

#[test]
fn a_boot_that_gave_up_as_its_config_moved_is_told_as_that_and_tried_again() {
    let script = "case \"$*\" in *'gateway run'*) if [ ! -e moved ]; then touch moved; \
                  echo 'Refusing to run automatic gateway startup migrations because the selected config changed during \
                  startup' >&2; exit 1; fi;; esac; exec \"$0\" practice \"$@\"";
    let mut world = Gateward::new("config-moved", vec![launched(script)]);
    world.up();
    let second = world.until("main", SOON, "up at the second try", |plane| up(plane) && plane.incarnation == 2);
    let exit = second.last_exit.expect("it ended");
    assert_eq!((exit.code, exit.meaning.as_str()), (Some(1), "gave its start up, as its config changed meanwhile"));
    assert!(told(&world, "main", "exited", "as its config changed meanwhile"), "{:#?}", journal(&world, "main"));
}

#[test]
fn what_was_noted_of_a_process_goes_with_it() {
    let mut world = Gateward::new("notes", vec![quick("main").env("PRACTICE_CLOSE_STDOUT", "1")]);
    world.up();
    let first = world.until("main", SOON, "a note", |plane| up(plane) && !plane.notes.is_empty());
    world.scratch().write("main/state/practice.env", "PRACTICE_CLOSE_STDOUT=0\n");
    world.run(&["stop", "main"]).code(0);
    assert!(!is_alive(first.pid.expect("it ran")));
    assert_eq!(world.plane("main").notes, Vec::<String>::new(), "it was about one that is no more");
}
