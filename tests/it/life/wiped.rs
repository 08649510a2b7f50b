//! The supervisor's state dir is wiped: what lives goes on and is known again, and nothing is started twice.

use rustix::process::Signal;

use super::{SOON, quick, told, up};
use crate::support::processes::{is_alive, kill};
use crate::support::{Gateward, TestPlane, eventually};

/// Removes a folder while others may still write into it.
fn wipe(world: &Gateward, folder: &str) {
    let path = world.scratch().join(folder);
    eventually(SOON, "the folder is wiped", || std::fs::remove_dir_all(&path));
}

fn id(world: &Gateward) -> String {
    std::fs::read_to_string(world.scratch().join("state/id")).unwrap_or_default()
}

#[test]
fn a_wiped_state_dir_is_put_back_and_the_verbs_go_on() {
    let mut world = Gateward::new("state-wiped", vec![quick("main"), quick("rescue")]);
    world.up();
    let (main, rescue) = (world.until("main", SOON, "up", up), world.until("rescue", SOON, "up", up));
    let before = id(&world);
    world.run(&["restart", "main"]).code(0);
    let main = world.until("main", SOON, "up again", |plane| up(plane) && plane.pid != main.pid);
    wipe(&world, "state");
    eventually(SOON, "everybody has put back what is its own", || {
        let all = told(&world, "main", "state-lost", "was gone") && told(&world, "rescue", "state-lost", "was gone");
        all && id(&world) == before && world.run(&["events"]).out.contains("journals and logs from before are lost")
    });
    assert_eq!((world.plane("main").pid, world.plane("rescue").pid), (main.pid, rescue.pid));
    // Nobody takes the planes for a stranger's, and none begins to count anew.
    world.run(&["check"]).code(0);
    world.run(&["restart", "main"]).code(0);
    let again = world.until("main", SOON, "up again", |plane| up(plane) && plane.pid != main.pid);
    assert_eq!((main.incarnation, again.incarnation), (2, 3));
    assert!(world.run(&["logs", "main"]).code(0).out.contains("ready"));
    // The locks are there again: a second supervisor is refused, and the next one knows everybody.
    assert!(world.run(&["run"]).code(1).err.contains("another supervisor"));
    world.end_daemon(Signal::KILL, SOON);
    world.up();
    assert_eq!((world.plane("main").pid, world.plane("rescue").pid), (again.pid, rescue.pid));
    world.run(&["down"]).code(0);
    assert!(!is_alive(again.pid.expect("it ran")) && !is_alive(rescue.pid.expect("it ran")));
    world.ended();
}

#[test]
fn both_folders_wiped_without_a_supervisor_leave_one_gateway_a_plane() {
    let mut world = Gateward::new("all-wiped", vec![quick("main")]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    let before = id(&world);
    world.end_daemon(Signal::KILL, SOON);
    wipe(&world, "state");
    wipe(&world, "run");
    let lock = world.scratch().join("state/planes/main/keeper.lock");
    eventually(SOON, "the keeper has put back its lock and its socket", || {
        lock.exists() && world.scratch().join("run/planes/main.sock").exists()
    });
    world.up();
    let greeted = world.until("main", SOON, "it is greeted", up);
    assert_eq!((greeted.pid, greeted.keeper_pid), (main.pid, main.keeper_pid));
    assert_eq!(id(&world), before, "the gateway told the id");
    world.run(&["restart", "main"]).code(0);
}

#[test]
fn leftovers_are_known_again_when_nothing_but_them_is_left() {
    // A browser that outlives its gateway, in a session of its own.
    let script = "setsid sleep 3600 & echo ready; exec sleep 3600";
    let plane = TestPlane::plain("main", &["/bin/sh", "-c", script]);
    // Two planes start together, for which the supervisor looks at the host in their keepers' place.
    let mut world = Gateward::new("leftovers", vec![plane, quick("rescue")]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    let rescue = world.until("rescue", SOON, "up", up);
    let keepers = [&main, &rescue].map(|plane| plane.keeper_pid.expect("a keeper"));
    let cookie = format!("GATEWARD_COOKIE={}/main/", id(&world));
    let bearers = || gateward::os::sweep::find(cookie.as_bytes()).expect("a look");
    eventually(SOON, "both run", || bearers().len() == 2);
    let orphan = bearers().iter().find(|one| Some(one.pid) != main.pid).expect("a leftover").pid;
    world.end_daemon(Signal::KILL, SOON);
    // Together, so that nothing is put back.
    keepers.iter().for_each(|keeper| kill(*keeper, Signal::STOP));
    wipe(&world, "state");
    wipe(&world, "run");
    keepers.iter().for_each(|keeper| kill(*keeper, Signal::KILL));
    let pid = main.pid.expect("it ran");
    eventually(SOON, "the gateway went with its keeper", || !is_alive(pid));
    assert!(is_alive(orphan), "in a session of its own it outlives both");
    world.up();
    world.until("main", SOON, "up again", up);
    eventually(SOON, "the orphan was ended before", || !is_alive(orphan));
    assert_eq!(bearers().len(), 2, "one gateway, and its own browser");
}

#[test]
fn a_keeper_that_slept_through_a_wipe_leaves_the_plane_to_the_one_that_has_it_now() {
    let mut world = Gateward::new("woken", vec![quick("main")]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    let sleeper = main.keeper_pid.expect("a keeper");
    world.end_daemon(Signal::KILL, SOON);
    kill(sleeper, Signal::STOP);
    wipe(&world, "state");
    wipe(&world, "run");
    world.up();
    let now = world.until("main", SOON, "up under another keeper", up);
    assert_ne!(now.keeper_pid, main.keeper_pid);
    kill(sleeper, Signal::CONT);
    eventually(SOON, "the one that slept has left", || !is_alive(sleeper));
    let still = world.until("main", SOON, "up as before", up);
    assert_eq!((still.pid, still.keeper_pid), (now.pid, now.keeper_pid));
    // A keeper that does not own the socket has not taken it.
    world.run(&["restart", "main"]).code(0);
}

#[test]
fn folders_that_are_moved_away_are_made_again_as_wiped_ones_are() {
    let mut world = Gateward::new("moved-away", vec![quick("main")]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    for folder in ["run", "state"] {
        std::fs::rename(world.scratch().join(folder), world.scratch().join(&format!("{folder}.old"))).expect("moved");
    }
    let journal = world.scratch().join("state/planes/main/journal.jsonl");
    eventually(SOON, "the keeper writes where it is looked for", || journal.exists());
    let still = world.until("main", SOON, "up", up);
    assert_eq!((still.pid, still.keeper_pid), (main.pid, main.keeper_pid));
    assert!(world.run(&["events", "main"]).code(0).out.contains("state-lost"));
    world.run(&["restart", "main"]).code(0);
}

#[test]
fn without_a_supervisor_too_its_planes_are_known_for_its_own_after_a_wipe() {
    let mut world = Gateward::new("id-wiped", vec![quick("main")]);
    world.up();
    world.until("main", SOON, "up", up);
    let before = id(&world);
    world.end_daemon(Signal::KILL, SOON);
    wipe(&world, "state");
    wipe(&world, "run");
    let place = world.scratch().join("state/id");
    eventually(SOON, "the keeper has written the id again", || {
        std::fs::read_to_string(&place).is_ok_and(|id| id == before)
    });
    world.until("main", SOON, "it answers", up);
    world.run(&["restart", "main"]).code(0);
}
