//! Stopping: the grace, its end, and who may shorten it.

use gateward::wire::State;
use rustix::process::Signal;

use super::{SOON, journal, quick, up};
use crate::support::processes::{is_alive, kill};
use crate::support::{Gateward, TestPlane, eventually};

#[test]
fn at_the_end_of_the_grace_comes_sigkill() {
    let plane = quick("main").env("PRACTICE_IGNORE_TERM", "1").key("stop_grace", "\"1s\"");
    let mut world = Gateward::new("deaf", vec![plane]);
    world.up();
    world.until("main", SOON, "up", up);
    world.run(&["stop", "main"]).code(0);
    let stopped = world.plane("main");
    assert_eq!((stopped.state, stopped.last_exit.expect("it ended").signal), (State::Stopped, Some(9)));
    assert_eq!(world.written("main").family().busy(), Vec::<u16>::new());
}

#[test]
fn a_drain_is_let_finish_and_now_cuts_it_short() {
    let mut world = Gateward::new("drain", vec![quick("main").env("PRACTICE_DRAIN_MS", "60000")]);
    world.up();
    let pid = world.until("main", SOON, "up", up).pid.expect("it runs");
    world.run(&["stop", "main", "--no-wait"]).code(0);
    let draining = world.until("main", SOON, "draining", |plane| plane.why.contains("draining"));
    assert_eq!(draining.state, State::Stopping);
    world.run(&["stop", "main", "--no-wait"]).code(0);
    assert!(is_alive(pid), "a second stop shortens nothing");
    world.run(&["stop", "main", "--now"]).code(0);
    assert!(!is_alive(pid));
}

#[test]
fn a_port_of_the_family_that_is_not_free_after_a_stop_is_told_with_its_holder() {
    let mut world = Gateward::new("held-after", vec![quick("main")]);
    world.up();
    world.until("main", SOON, "up", up);
    let port = world.written("main").base() + 40;
    let _holder = std::net::TcpListener::bind(("127.0.0.1", port)).expect("a port of the family");
    world.run(&["stop", "main"]).code(0);
    let words = format!("port {port} (base");
    eventually(SOON, "the holder in the journal", || {
        let told = journal(&world, "main").into_iter().find(|entry| entry["event"] == "held").ok_or("no entry")?;
        let text = told["saw"].as_str().unwrap_or_default().to_owned();
        if text.contains(&words) && text.contains(&format!("(pid {})", std::process::id())) {
            Ok(())
        } else {
            Err("other words")
        }
    });
}

#[test]
fn a_stop_holds_across_the_death_of_keeper_and_daemon() {
    let mut world = Gateward::new("stop-holds", vec![quick("main"), quick("rescue")]);
    world.up();
    world.until("main", SOON, "up", up);
    world.until("rescue", SOON, "up", up);
    world.run(&["stop", "main"]).code(0);
    let keeper = world.plane("main").keeper_pid.expect("a keeper");
    kill(keeper, Signal::KILL);
    let again = world.until("main", SOON, "another keeper", |plane| plane.keeper_pid.is_some_and(|pid| pid != keeper));
    assert_eq!((again.state, again.pid), (State::Stopped, None));
    world.end_daemon(Signal::KILL, SOON);
    let keeper = again.keeper_pid.expect("a keeper");
    kill(keeper, Signal::KILL);
    world.up();
    let again = world.until("main", SOON, "a third keeper", |plane| plane.keeper_pid.is_some_and(|pid| pid != keeper));
    assert_eq!((again.state, again.pid), (State::Stopped, None));
    assert!(up(&world.plane("rescue")));
}

#[test]
fn a_signal_to_the_foreground_supervisor_stops_every_plane_and_leaves_nothing() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut world = Gateward::new("ctrl-c", vec![quick("main"), quick("rescue")]);
        world.up();
        world.until("main", SOON, "up", up);
        world.until("rescue", SOON, "up", up);
        let ended = world.end_daemon(signal, SOON);
        assert!(ended.success(), "{ended}");
        eventually(SOON, "an empty world", || match world.living() {
            living if living.is_empty() => Ok(()),
            living => Err(living),
        });
        let run = world.scratch().join("run/planes");
        assert_eq!(std::fs::read_dir(&run).expect("the folder of sockets").count(), 0, "no socket is left");
    }
}

#[test]
fn an_edit_on_the_way_down_starts_nothing() {
    let planes = vec![quick("main").env("PRACTICE_DRAIN_MS", "5000"), quick("rescue")];
    let mut world = Gateward::new("down-edit", planes);
    world.up();
    world.until("main", SOON, "up", up);
    let keeper = world.until("rescue", SOON, "up", up).keeper_pid.expect("a keeper");
    let mut down = world.command(&["down"]).stdout(std::process::Stdio::null()).spawn().expect("our binary runs");
    eventually(SOON, "the end of rescue's keeper", || !is_alive(keeper));
    let manifest = std::fs::read_to_string(world.manifest()).expect("the manifest");
    world.scratch().write("supervisor.toml", &format!("{manifest}\n# edited\n"));
    let refused = world.run(&["reload"]).code(1);
    assert!(refused.err.contains("on its way down"), "{refused:?}");
    assert!(down.wait().expect("our child").success());
    let spawned = super::journal(&world, "rescue").iter().filter(|entry| entry["event"] == "spawned").count();
    assert_eq!(spawned, 1, "rescue was started again while main drained");
}

#[test]
fn down_reaches_keepers_that_have_only_begun() {
    // Of so many some are met before their socket is there.
    let planes =
        (0..16).map(|number| TestPlane::plain(&format!("plane-{number}"), &["/bin/sleep", "1000000"])).collect();
    let mut world = Gateward::new("down-early", planes);
    world.up();
    world.run(&["down", "--now"]).code(0);
    world.ended();
    assert_eq!(world.living(), Vec::<i32>::new());
}

#[test]
fn a_drain_that_outlasts_the_grace_is_cut_at_its_end_and_not_before() {
    let plane = quick("main").env("PRACTICE_DRAIN_MS", "600000").key("stop_grace", "\"4s\"");
    let mut world = Gateward::new("outlasted", vec![plane]);
    world.up();
    let pid = world.until("main", SOON, "up", up).pid.expect("it runs");
    world.run(&["stop", "main"]).code(0);
    assert!(!is_alive(pid));
    let stopped = world.plane("main");
    let exit = stopped.last_exit.expect("it ended");
    assert_eq!((stopped.state, exit.signal), (State::Stopped, Some(9)), "{exit:#?}");
    let entries = journal(&world, "main");
    let at = |event: &str, words: &str| {
        let found = entries.iter().find(|entry| entry["event"] == event && entry.to_string().contains(words));
        let stamp = found.unwrap_or_else(|| panic!("no {event}: {entries:#?}"))["at"].as_str().expect("a time");
        stamp.parse::<jiff::Timestamp>().expect("a time")
    };
    let took = at("killed", "the grace ran out").duration_since(at("asked", "stop by")).as_millis();
    crate::support::say(&format!("a grace of 4 s ended after {took} ms"));
    // Stamps are of the wall clock, in whole milliseconds.
    assert!((3_998..34_000).contains(&took), "{took} ms");
}

#[test]
fn a_plane_that_can_have_no_keeper_is_stopped_and_stays_so() {
    let gone = TestPlane::command("rescue", &["/nowhere/at/all"]);
    let mut world = Gateward::new("stop-keeperless", vec![quick("main"), gone]);
    world.up();
    world.until("main", SOON, "up", up);
    let started = world.run(&["start", "rescue"]);
    assert_ne!(started.code, 0, "{started:?}");
    assert!(started.err.contains("program-missing") && !started.err.contains("--allow"), "{started:?}");
    let stopped = world.run(&["stop", "all"]).code(0);
    assert!(!stopped.err.contains("error"), "{stopped:?}");
    world.run(&["stop", "rescue"]).code(0);
    let want = std::fs::read_to_string(world.scratch().join("run/wants/rescue")).expect("what is wanted");
    assert!(want.starts_with("down "), "{want}");
    // In spite of its finding it can be given no keeper either: its name is said once.
    let allowed = world.run(&["start", "rescue", "--allow", "program-missing"]).code(1);
    assert!(!allowed.err.contains("rescue: rescue"), "{allowed:?}");
}
