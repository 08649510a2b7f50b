//! Scenes of waiting: for whoever holds what a spawn needs, and by the pace of restarts that a gateway asks for itself.
//!
//! As `scenes`, each a rule that can be read.

use super::{S, died, life, spawned, swept, up};
use crate::life::event::{Conflict, Event, Told};
use crate::life::order::Order;
use crate::life::phase::{Next, Phase, Wait};
use crate::openclaw::exits::{Exit, Meaning};

#[test]
fn one_that_found_its_state_dir_taken_waits_for_whoever_has_it_by_name_and_not_for_the_breaker() {
    let mut life = life();
    let mut at = S(0);
    life.begin(at);
    for _ in 0..4 {
        let refused = spawned(&mut life, at);
        died(&mut life, refused, Exit::Code(78), Meaning::Conflict, at + S(1));
        life.handle(Event::Swept { survivors: vec![], conflicts: vec![conflict()] }, at + S(1));
        assert!(matches!(life.phase(), Phase::Waiting { because: Wait::Conflict(_), .. }), "{:?}", life.phase());
        at = life.deadline().expect("it looks again").at;
        assert!(life.handle(Event::DeadlinePassed, at).contains(&Order::Sweep));
    }
    assert!(
        swept(&mut life, at).iter().any(|order| matches!(order, Order::Spawn { .. })),
        "OpenClaw counts no such end"
    );
}

#[test]
fn one_that_found_its_port_taken_twice_is_held_back_once_the_port_is_free() {
    let mut life = life();
    life.begin(S(0));
    for at in [S(0), S(20)] {
        let refused = spawned(&mut life, at);
        died(&mut life, refused, Exit::Code(1), Meaning::Conflict, at + S(16));
        life.handle(Event::Swept { survivors: vec![], conflicts: vec![conflict()] }, at + S(16));
        life.handle(Event::DeadlinePassed, at + S(20));
    }
    let orders = swept(&mut life, S(40));
    let Phase::Waiting { retry_at, because: Wait::Breaker(words), .. } = life.phase() else {
        panic!("{:?}: {orders:?}", life.phase());
    };
    assert_eq!((*retry_at, words.contains("free by now")), (S(316), true), "{words}");
}

#[test]
fn one_that_found_something_taken_and_nobody_who_has_it_backs_off() {
    let mut life = life();
    life.begin(S(0));
    let mut waits = Vec::new();
    let mut at = S(0);
    for _ in 0..4 {
        let refused = spawned(&mut life, at);
        died(&mut life, refused, Exit::Code(78), Meaning::Conflict, at);
        swept(&mut life, at);
        assert!(matches!(life.phase(), Phase::Waiting { because: Wait::Refused(_), .. }), "{:?}", life.phase());
        let next = life.deadline().expect("it tries again").at;
        waits.push(next - at);
        at = next;
        life.handle(Event::DeadlinePassed, at);
    }
    assert!(waits.is_sorted() && waits[0] == S(1) && waits[3] >= S(6), "{waits:?}");
}

#[test]
fn one_that_has_itself_restarted_at_each_boot_is_paced_and_one_that_lived_is_not() {
    let mut life = life();
    life.begin(S(0));
    let (mut at, mut spawns) = (S(0), 0);
    while at < S(120) {
        let incarnation = spawned(&mut life, at);
        spawns += 1;
        if died(&mut life, incarnation, Exit::Code(0), Meaning::Clean, at)
            .contains(&Order::ConsumeHandoff { incarnation })
        {
            life.handle(Event::HandoffTold { incarnation, told: Told::Accepted("update".into()) }, at);
        }
        if let Phase::Sweeping { then: Next::Wait { retry_at, .. }, .. } = life.phase().clone() {
            swept(&mut life, at);
            at = retry_at;
            life.handle(Event::DeadlinePassed, at);
        }
    }
    assert!((3..=10).contains(&spawns), "{spawns} in two minutes");
    // An hour later it does so once more, and nothing is held against it.
    let incarnation = up(&mut life, at);
    let orders = died(&mut life, incarnation, Exit::Code(0), Meaning::Clean, at + S(3600));
    assert!(orders.contains(&Order::Sweep));
    assert!(swept(&mut life, at + S(3600)).contains(&Order::Spawn { incarnation: incarnation + 1 }));
}

#[test]
fn three_restarts_of_its_own_in_a_row_cost_nothing_and_the_fourth_a_pause() {
    let mut life = life();
    let mut incarnation = up(&mut life, S(0));
    let told = |incarnation| Event::HandoffTold { incarnation, told: Told::Accepted("edit".into()) };
    for at in [S(10), S(20), S(30)] {
        died(&mut life, incarnation, Exit::Code(0), Meaning::Clean, at);
        let successor = up(&mut life, at);
        assert_eq!(successor, incarnation + 1, "at once");
        life.handle(told(incarnation), at + S(2));
        incarnation = successor;
    }
    died(&mut life, incarnation, Exit::Code(0), Meaning::Clean, S(40));
    swept(&mut life, S(40));
    life.handle(told(incarnation), S(40));
    let Phase::Waiting { retry_at, because: Wait::Backoff(words), .. } = life.phase() else {
        panic!("{:?}", life.phase());
    };
    assert_eq!((*retry_at, words.contains("has itself restarted")), (S(41), true), "{words}");
}

#[test]
fn one_that_cannot_be_spawned_is_tried_again_by_growing_waits_and_told_once_for_each_reason() {
    let mut life = life();
    life.begin(S(0));
    let (mut at, mut told, mut waits) = (S(0), Vec::new(), Vec::new());
    let tries = std::iter::repeat_n("no such folder", 50).chain(["no such program"; 2]);
    for error in tries {
        let incarnation = life.incarnation() + 1;
        assert!(swept(&mut life, at).contains(&Order::Spawn { incarnation }));
        let orders = life.handle(Event::SpawnFailed { incarnation, error: error.into() }, at);
        told.extend(orders.into_iter().filter_map(|order| match order {
            Order::Record(record) if record.event == "spawn-failed" => Some(record.saw),
            _ => None,
        }));
        assert!(matches!(life.phase(), Phase::Waiting { because: Wait::Launch(_), .. }), "{:?}", life.phase());
        let next = life.deadline().expect("it tries again").at;
        waits.push(next - at);
        at = next;
        life.handle(Event::DeadlinePassed, at);
    }
    assert_eq!(told, ["no such folder", "no such program"]);
    assert!(waits.is_sorted() && waits[0] == S(1) && waits[51] == S(10), "{waits:?}");
    let incarnation = life.incarnation() + 1;
    swept(&mut life, at);
    let orders = life.handle(Event::Spawned { incarnation }, at);
    let told = orders.iter().any(|order| {
        matches!(order, Order::Record(record) if record.saw.ends_with("after 2 failures in a row: no such program"))
    });
    assert!(told, "{orders:?}");
}

fn conflict() -> Conflict {
    Conflict { what: "state dir /x".into(), holder: "openclaw-gateway (pid 7)".into() }
}
