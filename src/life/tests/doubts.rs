//! Ends that are not what they look like: clean exits that nobody wanted, restarts that were asked for, starts that were cut off.
//!
//! Scenes of single lives; what holds for all is `model.rs`'s.

use super::{S, died, life, rules, spawned, swept, up};
use crate::life::Life;
use crate::life::event::{Asking, Event, Told};
use crate::life::order::{Order, Want};
use crate::life::phase::{Phase, Wait};
use crate::openclaw::exits::{Exit, Meaning};
use crate::plane::{Contract, Policy};

#[test]
fn clean_exits_that_nobody_wanted_are_asked_about_before_the_next_spawn_and_paced_from_the_second_on() {
    let mut life = life();
    let mut at = S(0);
    for attempt in 1..=4 {
        let one = up(&mut life, at);
        let orders = died(&mut life, one, Exit::Code(0), Meaning::Clean, at + S(9));
        swept(&mut life, at + S(9));
        let told = Event::HandoffTold { incarnation: one, told: Told::Nothing("missing".into()) };
        if attempt == 1 {
            assert!(!orders.contains(&Order::ConsumeHandoff { incarnation: one }), "at once: {orders:?}");
            at += S(10);
            let second = up(&mut life, at);
            life.handle(told, at + S(8));
            died(&mut life, second, Exit::Code(0), Meaning::Clean, at + S(9));
            swept(&mut life, at + S(9));
            let told = Event::HandoffTold { incarnation: second, told: Told::Nothing("missing".into()) };
            life.handle(told, at + S(12));
        } else {
            assert!(orders.contains(&Order::ConsumeHandoff { incarnation: one }), "asked first: {orders:?}");
            life.handle(told, at + S(12));
        }
        let Phase::Waiting { because: Wait::Backoff(_), attempt: nth, retry_at } = *life.phase() else {
            panic!("it pauses: {:?}", life.phase())
        };
        assert_eq!(nth, attempt + 1);
        at = retry_at;
        life.handle(Event::DeadlinePassed, at);
    }
}

#[test]
fn an_answer_that_a_successor_was_wanted_ends_the_doubt() {
    let mut life = life();
    let first = up(&mut life, S(0));
    died(&mut life, first, Exit::Code(0), Meaning::Clean, S(5));
    let second = up(&mut life, S(6));
    life.handle(Event::HandoffTold { incarnation: first, told: Told::Nothing("missing".into()) }, S(14));
    died(&mut life, second, Exit::Code(0), Meaning::Clean, S(20));
    swept(&mut life, S(20));
    assert!(matches!(life.phase(), Phase::Waiting { because: Wait::Handoff, .. }), "{:?}", life.phase());
    life.handle(Event::HandoffTold { incarnation: second, told: Told::Accepted("update".into()) }, S(25));
    let third = up(&mut life, S(25));
    let orders = died(&mut life, third, Exit::Code(0), Meaning::Clean, S(40));
    assert!(!orders.contains(&Order::ConsumeHandoff { incarnation: third }), "spawned at once: {orders:?}");
}

#[test]
fn one_that_was_told_to_restart_itself_safely_ends_as_asked() {
    let mut life = life();
    up(&mut life, S(0));
    assert_eq!(life.end_in_words(Meaning::Clean), Meaning::Clean.sentence());
    life.handle(Event::Asked { id: 1, asking: Asking::RestartSafely, by: "a test".into() }, S(10));
    assert_eq!(life.end_in_words(Meaning::Clean), "restarted as asked");
    assert_eq!(life.end_in_words(Meaning::Crash), Meaning::Crash.sentence());
}

#[test]
fn a_start_that_was_stuck_counts_for_the_breaker_when_it_was_cut_off_and_only_then() {
    for (exit, counted) in [(Exit::PerhapsOutOfMemory, 1), (Exit::Signal(15), 1), (Exit::Code(0), 0)] {
        let mut rules = rules(Contract::Openclaw, Policy::Always);
        rules.health.startup = S(30);
        let mut life = Life::new(rules, Want::Up, 0, 1);
        life.begin(S(0));
        let stuck = spawned(&mut life, S(0));
        let due = life.deadline().expect("a start has one").at;
        life.handle(Event::DeadlinePassed, due);
        life.handle(Event::Drained { incarnation: stuck }, due + S(1));
        died(&mut life, stuck, exit, Meaning::Asked, due + S(2));
        assert_eq!(life.unclean().len(), counted, "{exit}");
    }
}

#[test]
fn a_clean_exit_too_many_is_parked_for_its_number_and_not_for_the_policy() {
    let mut rules = rules(Contract::Openclaw, Policy::Always);
    rules.restart.max_deaths = 1;
    let mut life = Life::new(rules, Want::Up, 0, 1);
    life.begin(S(0));
    let one = up(&mut life, S(0));
    died(&mut life, one, Exit::Code(0), Meaning::Clean, S(9));
    swept(&mut life, S(9));
    let told = Event::HandoffTold { incarnation: one, told: Told::Nothing("missing".into()) };
    let orders = life.handle(told, S(12));
    let said = orders.iter().find_map(|order| match order {
        Order::Record(record) => Some(record.follows.clone()),
        _ => None,
    });
    let said = said.expect("a record");
    assert!(said.starts_with("death 1 within restart.window"), "{said}");
}
