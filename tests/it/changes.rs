//! Edits of the manifest while planes live: nobody begins on what another still has, and a reload makes room first.

use std::time::Duration;

use gateward::wire::{PlaneStatus, State};
use rustix::process::Signal;
use serde_json::Value;

use crate::support::processes::is_alive;
use crate::support::{Gateward, TestPlane, eventually};

/// A stand-in boots in a tenth of a second; a busy machine stretches that.
const SOON: Duration = Duration::from_secs(60);

fn up(plane: &PlaneStatus) -> bool {
    plane.state == State::Up && plane.ready
}

/// A practice plane that drains for a while, so that its end is no accident of timing.
fn slow(name: &str) -> TestPlane {
    TestPlane::practice(name).env("PRACTICE_DRAIN_MS", "1500")
}

/// What the supervisor says of a plane that differs from the manifest.
fn change(world: &Gateward, plane: &str) -> Option<Value> {
    let status = world.status();
    let changes = status.supervisor["changes"].as_array().cloned().unwrap_or_default();
    changes.into_iter().find(|change| change["plane"] == plane)
}

/// Waits until the supervisor says that a plane is blocked by these codes, among others.
#[track_caller]
fn until_blocked(world: &Gateward, plane: &str, code: &str) -> Value {
    eventually(SOON, &format!("{plane} is blocked by {code}"), || match change(world, plane) {
        Some(change) if change["blocked_by"].as_array().is_some_and(|codes| codes.contains(&code.into())) => Ok(change),
        other => Err(other),
    })
}

/// `main` under another name: the same folders, config and port.
fn renamed(world: &Gateward, name: &str) -> TestPlane {
    let at = |what: &str| format!("\"{}\"", world.scratch().join(&format!("main/{what}")).display());
    TestPlane::practice(name)
        .key("state_dir", &at("state"))
        .key("config", &at("openclaw.json"))
        .key("workspace", &at("workspace"))
        .port(world.written("main").base())
}

#[test]
fn a_renamed_plane_begins_only_after_the_old_one_has_ended() {
    let mut world = Gateward::new("renamed", vec![slow("main")]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    let prod = renamed(&world, "prod");
    world.rewrite(vec![prod]);
    let blocked = until_blocked(&world, "prod", "state-dir-shared");
    let why = blocked["why"].as_str().expect("words");
    assert!(why.contains("`main` still lives") && why.contains("`gateward reload`"), "{why}");
    assert_eq!(change(&world, "main").expect("it is to be stopped")["step"], "stop");
    let said = world.run(&["start", "prod", "--json"]).code(7);
    let refused = said.json();
    let finding = &refused["findings"][0];
    assert_eq!(finding["living"], serde_json::json!(["main"]), "{refused:#}");
    assert!(said.err.contains("gateward reload"), "{}", said.err);
    let shown = world.run(&["status"]).out;
    assert!(shown.contains("state-dir-shared") && shown.contains("gateward reload"), "{shown}");
    assert!(is_alive(main.pid.expect("it runs")), "nobody was touched");
    assert_eq!(world.plane("main").incarnation, main.incarnation);

    let checked = world.run(&["check"]).code(0);
    assert!(
        checked.err.contains("note: prod cannot start yet") && checked.err.contains("gateward reload"),
        "{checked:#?}"
    );

    let would = world.run(&["reload", "--dry-run", "--json"]).code(0).json();
    assert_eq!((&would["stop"], &would["start"]), (&serde_json::json!(["main"]), &serde_json::json!(["prod"])));
    world.run(&["reload"]).code(0);
    let waits = change(&world, "prod").expect("it waits for the drain");
    assert!(waits["why"].as_str().is_some_and(|why| why.contains("once main has ended")), "{waits}");
    let prod = world.until("prod", SOON, "up", up);
    assert!(!is_alive(main.pid.expect("it ran")));
    assert_eq!((prod.incarnation, prod.restarts), (1, 0), "it was never started into a living owner: {prod:#?}");
    assert_eq!(change(&world, "prod"), None);
}

#[test]
fn a_supervisor_that_adopts_an_old_plane_starts_no_new_one_beside_it() {
    let mut world = Gateward::new("renamed-while-away", vec![slow("main")]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    world.end_daemon(Signal::KILL, SOON);
    let prod = renamed(&world, "prod");
    world.rewrite(vec![prod]);
    world.run(&["start", "prod"]).code(7);
    world.up();
    until_blocked(&world, "prod", "state-dir-shared");
    assert!(is_alive(main.pid.expect("it runs")));
    // The keeper of a plane that the manifest has no more is given back as it was.
    let keeper = world.plane("main").keeper_pid.expect("a keeper");
    crate::support::processes::kill(keeper, Signal::KILL);
    eventually(SOON, "another keeper of main, with main as it was", || {
        let status = world.status();
        let of = status.planes.iter().find(|plane| plane.name.as_str() == "main");
        if of.is_some_and(|plane| up(plane) && plane.keeper_pid != Some(keeper)) { Ok(()) } else { Err(status) }
    });
    until_blocked(&world, "prod", "state-dir-shared");
    world.run(&["reload"]).code(0);
    let prod = world.until("prod", SOON, "up", up);
    assert_eq!((prod.incarnation, prod.restarts), (1, 0));
}

#[test]
fn a_port_that_a_plane_is_to_leave_is_free_only_once_it_has_left() {
    let mut world = Gateward::new("port-reused", vec![slow("main")]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    let port = world.written("main").base();
    let lab = TestPlane::practice("lab").port(port);
    world.rewrite(vec![slow("main"), lab]);
    until_blocked(&world, "lab", "port-family-overlap");
    let pending = change(&world, "main").expect("it differs");
    assert_eq!((pending["step"].as_str(), pending["blocked_by"].as_array().map(Vec::len)), (Some("replace"), Some(0)));
    assert!(is_alive(main.pid.expect("it runs")));
    world.run(&["reload"]).code(0);
    let lab = world.until("lab", SOON, "up", up);
    let main = world.until("main", SOON, "up at its new port", |plane| up(plane) && plane.port != Some(port));
    assert_eq!((lab.port, lab.incarnation, lab.restarts), (Some(port), 1, 0));
    assert_eq!((main.incarnation, main.restarts), (2, 0));
}

#[test]
fn two_planes_swap_their_ports_through_a_reload() {
    let mut world = Gateward::new("swapped", vec![slow("main"), slow("rescue"), slow("lab")]);
    world.up();
    let [main, rescue, lab] = ["main", "rescue", "lab"].map(|name| world.until(name, SOON, "up", up));
    let swapped =
        [("main", &rescue), ("rescue", &main)].map(|(name, from)| slow(name).port(from.port.expect("a port")));
    let stays = slow("lab").port(lab.port.expect("a port"));
    world.rewrite(swapped.into_iter().chain([stays]).collect());
    eventually(SOON, "both differ", || change(&world, "main").is_some() && change(&world, "rescue").is_some());
    assert_eq!(world.plane("main").pid, main.pid);
    world.run(&["reload"]).code(0);
    for (name, from) in [("main", &rescue), ("rescue", &main)] {
        let now = world.until(name, SOON, "up in the other's place", |plane| up(plane) && plane.port == from.port);
        assert_eq!((now.incarnation, now.restarts), (2, 0), "{now:#?}");
    }
    assert_eq!(world.plane("lab").pid, lab.pid);
}

#[test]
fn what_drains_while_it_moves_starts_by_what_the_manifest_says() {
    let drains = || slow("main").env("PRACTICE_DRAIN_MS", "2000");
    let mut world = Gateward::new("swap-drain", vec![drains(), slow("rescue")]);
    world.up();
    let [main, rescue] = ["main", "rescue"].map(|name| world.until(name, SOON, "up", up));
    let swapped = [drains().port(rescue.port.expect("a port")), slow("rescue").port(main.port.expect("a port"))];
    world.rewrite(swapped.into_iter().collect());
    // At once: the edit itself is proved while main still drains and its keeper still holds what it had.
    world.run(&["reload"]).code(0);
    for (name, from) in [("main", &rescue), ("rescue", &main)] {
        let now = world.until(name, SOON, "up in the other's place", |plane| up(plane) && plane.port == from.port);
        assert_eq!((now.incarnation, now.restarts), (2, 0), "{now:#?}");
    }
}

#[test]
fn a_blocked_edit_is_told_with_its_codes_and_the_plane_lives_on() {
    let mut world = Gateward::new("blocked-edit", vec![slow("main"), slow("rescue")]);
    world.up();
    let [main, rescue] = ["main", "rescue"].map(|name| world.until(name, SOON, "up", up));
    let near = main.port.expect("a port") + 20;
    let stays = slow("main").port(main.port.expect("a port"));
    world.rewrite(vec![stays, slow("rescue").port(near)]);
    let blocked = until_blocked(&world, "rescue", "port-family-overlap");
    assert_eq!(blocked["step"], "replace");
    let shown = world.run(&["status"]).code(0).out;
    assert!(shown.contains("not replaced (port-family-overlap)"), "{shown}");
    let reload = world.run(&["reload"]).code(7);
    assert!(reload.err.contains("error[port-family-overlap]"), "{}", reload.err);
    assert!(reload.err.contains("`gateward check` shows all; `--allow port-family-overlap`"), "{}", reload.err);
    let reload = world.run(&["reload", "--json"]).code(7).json();
    assert_eq!(
        (&reload["blocked"][0], &reload["findings"][0]["code"]),
        (&"rescue".into(), &"port-family-overlap".into())
    );
    let said = std::fs::read_to_string(world.scratch().join("daemon.out")).expect("what it said");
    assert!(said.contains("rescue: its change is not applied: port-family-overlap; it lives on as it was"), "{said}");
    assert_eq!(world.plane("rescue").pid, rescue.pid);
}

#[test]
fn an_edit_that_nobody_watches_is_told_all_the_same() {
    let mut world = Gateward::with_supervisor("unwatched", "watch = false\n", vec![slow("main")]);
    world.up();
    world.until("main", SOON, "up", up);
    assert_eq!(world.status().supervisor["trouble"], "");
    let text = std::fs::read_to_string(world.manifest()).expect("a manifest");
    world.scratch().write("supervisor.toml", &(text + "\n# an edit\n"));
    let trouble = world.status().supervisor["trouble"].clone();
    assert!(trouble.as_str().is_some_and(|words| words.contains("`gateward reload` applies it")), "{trouble}");
    world.run(&["reload"]).code(0);
    assert_eq!(world.status().supervisor["trouble"], "");
}

#[test]
fn a_verb_that_comes_to_nothing_says_so_in_json_too() {
    let world = Gateward::new("json-failures", vec![slow("main")]);
    for verb in [&["status", "nobody"][..], &["start", "nobody"], &["card", "nobody"], &["why", "nobody"]] {
        let said = world.run(&[verb, &["--json"]].concat()).code(4).json();
        assert_eq!((&said["ok"], &said["error"]["code"]), (&false.into(), &4.into()), "{verb:?}");
    }
    world.scratch().write("supervisor.toml", "[planes.main]\nport = 0\nprot = 1\n");
    for verb in [&["status"][..], &["start", "main"], &["restart", "main"], &["reload"], &["card"], &["check"]] {
        let said = world.run(&[verb, &["--json"]].concat()).code(6).json();
        let codes = said["findings"].as_array().expect("a list").iter().map(|one| one["code"].as_str());
        let codes: Vec<Option<&str>> = codes.collect();
        assert!(codes.contains(&Some("unknown-key")) && codes.len() > 1, "{verb:?}: {codes:?}");
        assert_eq!(said["ok"], false);
    }
}

#[test]
fn a_plane_that_was_taken_out_and_is_put_back_is_another_one() {
    let (main, other) = (TestPlane::practice("main"), TestPlane::practice("other"));
    let mut world = Gateward::with_supervisor("put-back", "watch = false\n", vec![main, other]);
    world.up();
    world.until("main", SOON, "up", up);
    world.until("other", SOON, "up", up);
    let both = std::fs::read_to_string(world.manifest()).expect("a manifest");
    let (one, _) = both.split_once("[planes.other]").expect("the second plane");
    world.run(&["stop", "other"]).code(0);
    world.scratch().write("supervisor.toml", one);
    world.run(&["reload"]).code(0);
    eventually(SOON, "it is gone", || !world.run(&["status", "--json"]).out.contains("\"other\""));
    world.scratch().write("supervisor.toml", &both);
    let plan = world.run(&["reload", "--dry-run"]).code(0);
    assert!(plan.out.contains("would start    other"), "{plan:#?}");
    let done = world.run(&["reload"]).code(0);
    assert!(done.out.contains("started") && !done.out.contains("left    other"), "{done:#?}");
    world.until("other", SOON, "what the plan said is done", up);
}
