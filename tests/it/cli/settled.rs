//! Asks of planes that are where they are to be, or that nobody wants up: what is said of them is what is so.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use gateward::wire::State;

use super::quiet;
use crate::support::{Gateward, TestPlane, eventually};

const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_start_leaves_what_is_up_alone_whatever_stands_against_it() {
    let mut gateward = Gateward::new("settled-start", vec![quiet("main")]);
    gateward.up();
    let before = gateward.until_ready("main");
    // An error that concerns both: the new plane names main's own state dir.
    let state = format!("\"{}\"", gateward.scratch().join("main/state").display());
    gateward.rewrite(vec![quiet("main"), quiet("second").key("state_dir", &state)]);
    let found = gateward.run(&["check", "--json"]).code(7).json();
    let against: Vec<&serde_json::Value> = found["findings"].as_array().expect("a list").iter().collect();
    let both = serde_json::json!(["main", "second"]);
    assert!(against.iter().any(|one| one["severity"] == "error" && one["planes"] == both), "{found:#}");
    let said = gateward.run(&["start", "main"]).code(0);
    assert!(said.out.starts_with("main: up, pid "), "{said:#?}");
    let after = gateward.plane("main");
    assert_eq!((after.pid, after.incarnation), (before.pid, before.incarnation));
    // Whoever would have to be spawned is refused as ever.
    let mixed = gateward.run(&["start", "main", "second", "--json"]).code(7).json();
    let results: Vec<&str> =
        mixed["planes"].as_array().expect("a list").iter().filter_map(|fate| fate["result"].as_str()).collect();
    assert!(results.contains(&"done") && results.contains(&"failed"), "{mixed:#}");
    gateward.run(&["restart", "main"]).code(7);
    gateward.run(&["stop", "main"]).code(0);
    gateward.run(&["start", "main"]).code(7);
}

#[test]
fn what_is_new_about_a_stopped_plane_is_said_to_wait_for_its_next_start() {
    let planes = vec![quiet("main"), quiet("rescue")];
    let mut gateward = Gateward::with_supervisor("settled-reload", "watch = false\n", planes);
    gateward.up();
    gateward.until_ready("main");
    gateward.until_ready("rescue");
    gateward.run(&["stop", "rescue"]).code(0);
    let other = |name: &str| TestPlane::plain(name, &["/bin/sleep", "2000000"]);
    gateward.rewrite(vec![other("main"), other("rescue")]);
    let would = gateward.run(&["reload", "--dry-run"]).code(0);
    let words = "would replace  main\nwould take     rescue: stopped, for its next start\n";
    assert_eq!(would.out, words, "{would:#?}");
    // For programs the list is what it was: `replace` is all whose definition is another one.
    let both = serde_json::json!(["main", "rescue"]);
    assert_eq!(gateward.run(&["reload", "--dry-run", "--json"]).code(0).json()["replace"], both);
    let done = gateward.run(&["reload"]).code(0);
    assert_eq!(done.out, "replacing   main\ntaken       rescue: stopped, for its next start\n", "{done:#?}");
    gateward.until("main", SOON, "replaced", |plane| plane.incarnation == 2 && plane.ready);
    assert_eq!(gateward.plane("rescue").state, State::Stopped);
    gateward.run(&["start", "rescue"]).code(0);
    let pid = gateward.plane("rescue").pid.expect("it is up");
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).expect("it runs");
    assert_eq!(words, b"/bin/sleep\x002000000\0", "the new definition");
}

#[test]
fn a_watch_whose_reader_has_gone_ends_though_nothing_changes() {
    let mut gateward = Gateward::new("settled-watch", vec![quiet("main")]);
    gateward.up();
    gateward.until_ready("main");
    gateward.run(&["stop", "main"]).code(0);
    // Without a supervisor nothing ages, and so no line is ever written again.
    gateward.end_daemon(rustix::process::Signal::KILL, SOON);
    let mut watch = gateward.command(&["status", "--watch"]);
    let mut watch = watch.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("our binary runs");
    let mut lines = BufReader::new(watch.stdout.take().expect("a pipe")).lines();
    eventually(SOON, "the row of main", || {
        let line = lines.next().expect("a line").expect("text");
        if line.starts_with("main") { Ok(()) } else { Err(line) }
    });
    drop(lines);
    let ended = eventually(SOON, "its end", || watch.try_wait().expect("our child"));
    assert!(ended.code().is_some_and(|code| code <= 1), "{ended}");
}
