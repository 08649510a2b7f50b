//! The death of a keeper or of the daemon: what dies with it, and what does not.

use gateward::wire::State;
use rustix::process::Signal;

use super::{SOON, journal, quick, told, up};
use crate::support::processes::{is_alive, kill};
use crate::support::{Gateward, TestPlane, eventually};

#[test]
fn a_killed_keeper_takes_its_gateway_along_and_only_that_plane_comes_back() {
    let mut world = Gateward::new("keeper-killed", vec![quick("main"), quick("rescue")]);
    world.up();
    let (main, rescue) = (world.until("main", SOON, "up", up), world.until("rescue", SOON, "up", up));
    kill(main.keeper_pid.expect("a keeper"), Signal::KILL);
    let pid = main.pid.expect("it runs");
    eventually(SOON, "the end of the gateway", || !is_alive(pid));
    let again =
        world.until("main", SOON, "another keeper and incarnation", |plane| up(plane) && plane.incarnation == 2);
    assert_ne!(again.keeper_pid, main.keeper_pid);
    let untouched = world.plane("rescue");
    assert_eq!((untouched.pid, untouched.keeper_pid), (rescue.pid, rescue.keeper_pid));
    assert_eq!((again.restarts, again.last_exit.as_ref().and_then(|exit| exit.signal)), (1, Some(9)), "{again:#?}");
    let events = world.run(&["events"]).code(0).out;
    assert!(events.contains("keeper-gone"), "{events}");
    let words = format!("(pid {}) died without a word, and incarnation 1", main.keeper_pid.expect("a keeper"));
    assert!(told(&world, "main", "keeper-lost", &words), "{:#?}", journal(&world, "main"));
    let why = world.run(&["why", "main"]).code(0).out;
    assert!(why.contains("keeper-lost") && why.contains("ended with its keeper"), "{why}");
}

#[test]
fn a_killed_daemon_is_a_non_event() {
    let mut world = Gateward::new("daemon-killed", vec![quick("main"), quick("rescue")]);
    world.up();
    let (main, rescue) = (world.until("main", SOON, "up", up), world.until("rescue", SOON, "up", up));
    world.end_daemon(Signal::KILL, SOON);
    // A crashed plane is still restarted, by its keeper.
    kill(main.pid.expect("it runs"), Signal::KILL);
    let again = world.until("main", SOON, "another incarnation", |plane| up(plane) && plane.incarnation == 2);
    assert_eq!(again.keeper_pid, main.keeper_pid);
    assert_eq!(again.last_exit.expect("it ended").signal, Some(9));
    world.run(&["restart", "rescue"]).code(0);
    let restarted = world.until("rescue", SOON, "up", up);
    assert_eq!(restarted.incarnation, 2);
    // It comes back, greets them, and touches nobody.
    world.up();
    let greeted = world.status();
    assert_eq!(greeted.supervisor["running"], true);
    assert_eq!(world.plane("main").pid, again.pid);
    assert_eq!(world.plane("rescue").pid, restarted.pid);
    assert_ne!(restarted.pid, rescue.pid);
}

#[test]
fn a_keeper_that_died_before_the_supervisor_began_is_not_said_to_have_failed() {
    let mut world = Gateward::new("keeper-before", vec![quick("main")]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    world.end_daemon(Signal::KILL, SOON);
    let (keeper, pid) = (main.keeper_pid.expect("a keeper"), main.pid.expect("it runs"));
    kill(keeper, Signal::KILL);
    eventually(SOON, "the end of both", || !is_alive(keeper) && !is_alive(pid));
    world.up();
    world.until("main", SOON, "up again", |plane| up(plane) && plane.incarnation == 2);
    let said = std::fs::read_to_string(world.scratch().join("daemon.out")).expect("a log");
    assert!(!said.contains("did not begin"), "{said}");
    assert!(said.contains("had died before this supervisor began"), "{said}");
}

#[test]
fn two_keepers_killed_within_300_s_hold_the_third_incarnation_back_for_the_breakers_sake() {
    let mut world = Gateward::new("keepers-breaker", vec![TestPlane::practice("main")]);
    world.up();
    for incarnation in 1..=2 {
        let plane = world.until("main", SOON, "up", |plane| up(plane) && plane.incarnation == incarnation);
        kill(plane.keeper_pid.expect("a keeper"), Signal::KILL);
        let pid = plane.pid.expect("it runs");
        eventually(SOON, "the end of the gateway", || !is_alive(pid));
    }
    let held = world.until("main", SOON, "held back", |plane| plane.why.contains("held back"));
    assert_eq!((held.state, held.incarnation), (State::Backoff, 2));
    world.run(&["start", "main"]).code(0);
    assert_eq!(world.until("main", SOON, "up", up).incarnation, 3);
}

#[test]
fn of_two_supervisors_one_wins_and_the_other_says_so() {
    let mut world = Gateward::new("second", vec![quick("main")]);
    world.up();
    let said = world.run(&["run"]).code(1);
    assert!(said.err.contains(&world.daemon_pid().to_string()), "it names the first: {}", said.err);
    world.until("main", SOON, "up", up);
}

#[test]
fn a_second_supervisor_on_the_same_run_dir_is_turned_away_whatever_its_state_dir() {
    let mut world = Gateward::new("second-run-dir", vec![quick("main")]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    let text = std::fs::read_to_string(world.manifest()).expect("a manifest");
    let state = world.scratch().join("state").display().to_string();
    let other = world.scratch().write("other.toml", &text.replace(&format!("\"{state}\""), &format!("\"{state}-2\"")));
    let mut second = std::process::Command::new(env!("CARGO_BIN_EXE_gateward"));
    second.arg("-m").arg(&other).arg("run").env_clear().env("HOME", world.scratch().join("home"));
    let said = crate::support::said(second.output().expect("our binary runs")).code(1);
    assert!(said.err.contains("another supervisor"), "{}", said.err);
    assert_eq!(world.plane("main").pid, main.pid);
}

#[test]
fn a_new_plane_starts_on_an_edit_and_a_vanished_one_lives_until_reload() {
    let mut world = Gateward::new("edited", vec![quick("main"), quick("rescue")]);
    world.up();
    world.until("main", SOON, "up", up);
    let rescue = world.until("rescue", SOON, "up", up);
    // Half a file is valid TOML that lacks a plane: nobody may die of it.
    let text = std::fs::read_to_string(world.manifest()).expect("a manifest");
    let half = text.split("[planes.rescue]").next().expect("its first half").to_owned();
    world.scratch().write("supervisor.toml", &half);
    eventually(SOON, "the daemon has seen it", || {
        std::fs::read_to_string(world.scratch().join("daemon.out"))
            .unwrap_or_default()
            .contains("rescue: is no longer in the manifest")
    });
    assert_eq!(world.run(&["status", "--json"]).json()["planes"].as_array().map(Vec::len), Some(2));
    assert!(is_alive(rescue.pid.expect("it runs")));
    world.scratch().write("supervisor.toml", &text);
    world.run(&["reload"]).code(0);
    assert_eq!(world.plane("rescue").pid, rescue.pid);
}

#[test]
fn a_broken_manifest_changes_nothing_and_is_told() {
    let mut world = Gateward::new("broken", vec![quick("main")]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    let text = std::fs::read_to_string(world.manifest()).expect("a manifest");
    world.scratch().write("supervisor.toml", "this is not TOML");
    world.run(&["reload"]).code(6);
    let restarted = world.run(&["restart", "main"]).code(0);
    assert!(restarted.err.contains("supervisor.toml"), "it says that the manifest cannot be read: {}", restarted.err);
    let again = world.until("main", SOON, "up", up);
    assert_eq!(again.incarnation, main.incarnation + 1);
    world.scratch().write("supervisor.toml", &text);
    world.run(&["reload"]).code(0);
    assert_eq!(world.plane("main").pid, again.pid);
}

#[test]
fn planes_come_after_the_ones_they_name_and_a_parked_one_holds_nobody() {
    let rescue = quick("rescue").env("PRACTICE_BOOT_MS", "800");
    let main = quick("main").key("after", "[\"rescue\"]");
    let broken = quick("staging").env("PRACTICE_EXIT_CODE", "78");
    let last = TestPlane::practice("last").key("after", "[\"staging\"]");
    let mut world = Gateward::new("after", vec![main, rescue, broken, last]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    let rescue = world.plane("rescue");
    assert!(up(&rescue), "{rescue:#?}");
    assert!(rescue.uptime_s >= main.uptime_s, "{rescue:#?} {main:#?}");
    world.until("last", SOON, "up though what it comes after is parked", up);
    assert_eq!(world.plane("staging").state, State::Parked);
}

#[test]
fn a_plane_that_waits_says_for_whom_in_text_and_json() {
    let rescue = quick("rescue").env("PRACTICE_STALL", "1");
    let mut world = Gateward::new("waits", vec![quick("main").key("after", "[\"rescue\"]"), rescue]);
    world.up();
    world.until("rescue", SOON, "listening, and never started", |plane| plane.why.contains("listening"));
    let main = world.plane("main");
    let words = "waits until rescue is ready, as it comes after it";
    assert_eq!((main.state, main.wanted, main.why.as_str()), (State::Stopped, true, words));
    let changes = &world.status().supervisor["changes"];
    assert_eq!((&changes[0]["plane"], &changes[0]["waits_for"]), (&"main".into(), &serde_json::json!(["rescue"])));
    assert_eq!(world.run(&["status"]).code(0).out.matches(words).count(), 1);
    assert!(world.run(&["why", "main"]).code(3).out.contains(words));
    // Whoever asks for it does not have to wait.
    world.run(&["start", "main"]).code(0);
    assert!(up(&world.plane("main")));
}

#[test]
fn what_left_everything_but_the_planes_lock_is_ended_by_the_next_keeper() {
    // Its own session, nobody's child, an empty environment: only the descriptor that it has inherited tells.
    let script = "setsid sh -c 'env -i sleep 3600 & echo orphan $!'; exec sleep 3600";
    let mut world = Gateward::new("lock-holder", vec![TestPlane::plain("main", &["/bin/sh", "-c", script])]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    let orphan: i32 = eventually(SOON, "its number", || {
        let said = world.run(&["logs", "main"]).out;
        said.lines().find_map(|line| line.split_once("orphan ")?.1.trim().parse().ok())
    });
    kill(main.keeper_pid.expect("a keeper"), Signal::KILL);
    let again = world.until("main", SOON, "up again", |plane| up(plane) && plane.incarnation == 2);
    assert_ne!(again.keeper_pid, main.keeper_pid);
    assert!(!is_alive(orphan), "the orphan {orphan} lives beside {:?}", again.pid);
}

#[test]
fn a_stopped_keeper_is_called_stopped_and_not_absent() {
    let mut world = Gateward::new("keeper-stopped", vec![quick("main")]);
    world.up();
    let keeper = world.until("main", SOON, "up", up).keeper_pid.expect("a keeper");
    world.end_daemon(Signal::KILL, SOON);
    kill(keeper, Signal::STOP);
    for verb in ["why", "status"] {
        let said = world.run(&[verb, "main"]);
        assert_eq!(said.code, 5, "{said:#?}");
        assert!(said.out.contains(&format!("(pid {keeper}) is stopped (SIGSTOP)")), "{said:#?}");
        assert!(said.out.contains(&format!("`kill -CONT {keeper}`")), "{said:#?}");
        assert!(
            !said.err.contains("gateward run") && !said.err.contains(" run`"),
            "nothing is to be started: {said:#?}"
        );
    }
    kill(keeper, Signal::CONT);
    world.until("main", SOON, "its answer", up);
}
