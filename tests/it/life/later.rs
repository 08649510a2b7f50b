//! A definition that waits for the next start, as only a program that speaks the wire can ask for one.

use std::path::Path;
use std::time::{Duration, Instant};

use gateward::socket::{Calls, Next};
use gateward::wire::{Answer, Ask, Request, VERSION};

use super::{SOON, journal, quick, up};
use crate::support::Gateward;

/// Asks a socket one thing.
#[track_caller]
fn ask(socket: &Path, ask: Ask) -> Answer {
    let mut calls = Calls::new();
    calls.place(socket, &Request { v: VERSION, ask, by: "a test".into() });
    match calls.next(Some(Instant::now() + Duration::from_secs(60)), None).expect("a wait") {
        Next::Answer(_, answer) => answer.expect("an answer"),
        other => panic!("{other:?} instead of an answer"),
    }
}

#[test]
fn a_definition_that_waits_for_the_next_start_is_told_in_the_journal_when_it_comes() {
    let mut world = Gateward::new("later", vec![quick("main")]);
    world.up();
    let before = world.until("main", SOON, "up", up);
    let socket = world.scratch().join("run/planes/main.sock");
    let Answer::Held { mut sealed, .. } = ask(&socket, Ask::Held) else { panic!("no definition") };
    sealed.environ.insert("PRACTICE_READY_FAILING".into(), "of-the-new-one".into());
    let later = |sealed| Ask::Replace { sealed, at_next_start: true };
    let answer = ask(&socket, later(sealed.clone()));
    assert!(
        matches!(&answer, Answer::Accepted { replaces: None, note } if note == "taken for the next start"),
        "{answer:?}"
    );
    let entries = journal(&world, "main");
    let of = |entries: &[serde_json::Value]| {
        entries.iter().filter(|entry| entry["decided"] == "taken for the next start").cloned().collect::<Vec<_>>()
    };
    let taken = of(&entries);
    let [one] = taken.as_slice() else { panic!("{entries:#?}") };
    assert_eq!((&one["event"], &one["incarnation"]), (&"asked".into(), &1.into()));
    assert!(one["saw"].as_str().is_some_and(|saw| saw.starts_with("a new definition by a test (uid ")), "{one}");
    assert_eq!(one["follows"], "incarnation 1 lives on as it was defined");
    assert_eq!((world.plane("main").pid, world.plane("main").failing), (before.pid, Vec::new()));
    world.run(&["stop", "main"]).code(0);
    // At rest there is nobody to live on.
    ask(&socket, later(sealed));
    let entries = journal(&world, "main");
    assert_eq!(of(&entries).last().expect("a record")["follows"], "nothing more", "{entries:#?}");
    assert_eq!(of(&entries).len(), 2);
    world.run(&["start", "main"]).code(0);
    let after = world.until("main", SOON, "the new definition", |plane| !plane.failing.is_empty());
    assert_eq!((after.failing, after.incarnation), (vec!["of-the-new-one".to_owned()], 2));
}
