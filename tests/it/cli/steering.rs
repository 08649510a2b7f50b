//! `start`, `stop`, `restart`, `reload`, `down`: what is asked comes about, once, whoever leaves meanwhile.

use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use gateward::wire::State;
use rustix::process::Signal;

use super::transcript::{outcome, transcript};
use super::{quiet, slow};
use crate::support::{Gateward, TestPlane, eventually, processes};

const SOON: Duration = Duration::from_secs(30);

#[test]
fn each_verb_reaches_its_state_and_may_be_repeated() {
    let mut gateward = Gateward::new("verbs", vec![quiet("main"), quiet("rescue")]);
    gateward.up();
    let rescue = gateward.until_ready("rescue");
    gateward.until_ready("main");

    insta::assert_snapshot!("stop", outcome(&gateward, &["stop", "main"]));
    insta::assert_snapshot!("stop_again", outcome(&gateward, &["stop", "main"]));
    assert_eq!(gateward.run(&["status", "-q", "main"]).code, 3);
    insta::assert_snapshot!("start", outcome(&gateward, &["start", "main"]));
    let started = gateward.plane("main");
    insta::assert_snapshot!("start_again", outcome(&gateward, &["start", "main"]));
    assert_eq!(gateward.plane("main").pid, started.pid, "a start of what is up changed something");
    insta::assert_snapshot!("restart", outcome(&gateward, &["restart", "main"]));
    let restarted = gateward.plane("main");
    assert_eq!(restarted.incarnation, started.incarnation + 1);
    assert_eq!(gateward.run(&["status", "-q", "main"]).code, 0);
    assert_eq!(gateward.plane("rescue").pid, rescue.pid, "rescue was touched");
}

#[test]
fn json_tells_each_plane_its_fate() {
    // Up once it answers: without a url a process is up as soon as it runs, be it for a moment.
    let broken = TestPlane::plain("broken", &["/bin/false"]);
    let url = format!("url = \"http://127.0.0.1:{}/\"", broken.base());
    let broken = broken.table("health", &url);
    let mut gateward = Gateward::new("verbs-json", vec![quiet("main"), broken]);
    gateward.up();
    gateward.until_ready("main");
    let said = gateward.run(&["restart", "all", "--json"]).code(1);
    let fates = said.json()["planes"].clone();
    assert_eq!(fates[0]["name"], "main");
    assert_eq!(fates[0]["result"], "done");
    assert_eq!(fates[0]["replaces"], 1);
    assert_eq!(fates[0]["status"]["incarnation"], 2);
    assert_eq!(fates[1]["name"], "broken");
    assert_eq!(fates[1]["result"], "failed");
    assert_eq!(fates[1]["code"], 1);
    assert!(said.err.contains("error: broken: it did not come up"), "{}", said.err);
}

#[test]
fn all_planes_stop_at_once_and_not_one_after_another() {
    let mut gateward = Gateward::new("verbs-all", vec![slow("one"), slow("two"), slow("three")]);
    gateward.up();
    for plane in ["one", "two", "three"] {
        gateward.until_ready(plane);
        said_here(&gateward, plane);
    }
    let begun = Instant::now();
    gateward.run(&["stop", "all"]).code(0);
    assert!(begun.elapsed() < Duration::from_secs(8), "three times three seconds: {:?}", begun.elapsed());
}

#[test]
fn ctrl_c_ends_the_waiting_and_not_the_stop() {
    let mut gateward = Gateward::new("verbs-int", vec![slow("main")]);
    gateward.up();
    gateward.until_ready("main");
    said_here(&gateward, "main");
    let mut asker = gateward.command(&["stop", "main"]);
    let mut asker = asker.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("our binary runs");
    gateward.until("main", SOON, "stopping", |plane| plane.state == State::Stopping);
    processes::kill(asker.id().cast_signed(), Signal::INT);
    assert_eq!(asker.wait().expect("our child").code(), Some(1));
    let mut err = String::new();
    asker.stderr.take().expect("a pipe").read_to_string(&mut err).expect("text");
    assert!(err.contains("the stop of main was accepted and goes on"), "{err}");
    gateward.until("main", SOON, "stopped", |plane| plane.state == State::Stopped);
}

#[test]
fn verbs_work_while_the_supervisor_is_dead() {
    let mut gateward = Gateward::new("verbs-dead", vec![quiet("main"), quiet("rescue")]);
    gateward.up();
    let before = gateward.until_ready("main");
    gateward.until_ready("rescue");
    gateward.end_daemon(Signal::KILL, SOON);
    let status = gateward.run(&["status"]).code(0);
    assert!(status.out.contains("supervisor  not running"), "{}", status.out);
    gateward.run(&["restart", "main"]).code(0);
    assert_eq!(gateward.plane("main").incarnation, before.incarnation + 1);
    gateward.run(&["stop", "rescue"]).code(0);
    gateward.run(&["logs", "main"]).code(0);
    insta::assert_snapshot!("reload_without_supervisor", transcript(&gateward, &["reload"]));
    gateward.run(&["down"]).code(0);
    // A keeper has said that it leaves, and is perhaps still on its way out.
    eventually(SOON, "nobody there", || gateward.living().is_empty());
}

#[test]
fn no_wait_returns_before_it_is_so() {
    let mut gateward = Gateward::new("verbs-nowait", vec![slow("main")]);
    gateward.up();
    gateward.until_ready("main");
    said_here(&gateward, "main");
    let said = gateward.run(&["stop", "main", "--no-wait"]).code(0);
    assert!(said.out.starts_with("main: stop accepted (incarnation 1)"), "{}", said.out);
    assert_eq!(gateward.plane("main").state, State::Stopping);
    gateward.until("main", SOON, "stopped", |plane| plane.state == State::Stopped);
}

#[test]
fn now_skips_the_grace() {
    let mut gateward = Gateward::new("verbs-now", vec![slow("main")]);
    gateward.up();
    gateward.until_ready("main");
    said_here(&gateward, "main");
    gateward.run(&["stop", "main", "--no-wait"]).code(0);
    let begun = Instant::now();
    gateward.run(&["stop", "main", "--now"]).code(0);
    assert!(begun.elapsed() < Duration::from_millis(2500), "it drained: {:?}", begun.elapsed());
}

#[test]
fn what_reload_says_beforehand_is_what_it_does() {
    // Unwatched, or the edit itself would start the new plane at a moment of its own.
    let planes = vec![quiet("main"), quiet("rescue"), quiet("old")];
    let mut gateward = Gateward::with_supervisor("verbs-reload", "watch = false\n", planes);
    gateward.up();
    let [main, rescue] = ["main", "rescue"].map(|plane| gateward.until_ready(plane));
    gateward.until_ready("old");
    let other = TestPlane::plain("main", &["/bin/sleep", "2000000"]);
    gateward.rewrite(vec![other, quiet("rescue"), quiet("fresh")]);
    let would = gateward.run(&["reload", "--dry-run", "--json"]).code(0).json();
    insta::assert_snapshot!("reload_dry", transcript(&gateward, &["reload", "--dry-run"]));
    let did = gateward.run(&["reload", "--json"]).code(0).json();
    assert_eq!(would["replace"], did["replace"]);
    assert_eq!(would["stop"], did["stop"]);
    assert_eq!(did["replace"], serde_json::json!(["main"]));
    gateward.until("main", SOON, "replaced", |plane| plane.incarnation > main.incarnation && plane.ready);
    gateward.until_ready("fresh");
    assert_eq!(gateward.plane("rescue").pid, rescue.pid);
    eventually(SOON, "old gone", || {
        let status = gateward.status();
        if status.planes.iter().all(|plane| plane.name.as_str() != "old") { Ok(()) } else { Err(status) }
    });
}

#[test]
fn down_leaves_nothing_and_says_so() {
    let mut gateward = Gateward::new("verbs-down", vec![slow("main"), quiet("rescue")]);
    gateward.up();
    gateward.until_ready("main");
    said_here(&gateward, "main");
    gateward.until_ready("rescue");
    let said = gateward.run(&["down"]).code(0);
    assert_eq!(said.out, "down: every plane is stopped and the supervisor is gone\n");
    assert!(said.err.contains("main: stopping"), "the drain is shown: {}", said.err);
    // Only the daemon, our own child, may still be a zombie.
    assert!(gateward.living().iter().all(|pid| *pid == gateward.daemon_pid()));
    // Its lock is free at once: the next one starts.
    gateward.up();
    gateward.until_ready("rescue");
}

/// Waits until the plane has said its first line, so that its shell has its trap.
fn said_here(gateward: &Gateward, plane: &str) {
    eventually(SOON, "its first line", || {
        let said = gateward.run(&["logs", plane]);
        if said.out.contains("here") { Ok(()) } else { Err(said) }
    });
}
