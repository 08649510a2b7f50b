//! Single scenes of a life, each a rule that can be read.
//!
//! Sequences that nobody thought of are `model`'s.

use super::{S, died, life, rules, spawned, swept, up};
use crate::life::Life;
use crate::life::due::HUNG_AFTER;
use crate::life::event::{Asking, Conflict, Event, Haste, Told};
use crate::life::order::{Order, Reply, Want};
use crate::life::phase::{Park, Phase, Rest, Wait};
use crate::openclaw::exits::{Exit, Meaning};
use crate::plane::{Contract, Policy};

#[test]
fn a_kill_after_a_stable_time_is_followed_by_a_spawn_at_once() {
    let mut life = life();
    let first = up(&mut life, S(0));
    let orders = died(&mut life, first, Exit::Signal(9), Meaning::Killed, S(100));
    assert!(orders.contains(&Order::Sweep));
    let orders = life.handle(Event::Swept { survivors: vec![], conflicts: vec![] }, S(100));
    assert!(orders.contains(&Order::Spawn { incarnation: first + 1 }), "{orders:?}");
    assert_eq!(life.restarts(), 1);
}

#[test]
fn one_that_was_cut_off_when_asked_counts_for_openclaws_breaker_and_costs_no_pause() {
    let mut life = life();
    let first = up(&mut life, S(0));
    let asking = Asking::Restart(Haste::Now);
    life.handle(Event::Asked { id: 1, asking, by: "test".into() }, S(100));
    died(&mut life, first, Exit::Signal(9), Meaning::AskedForced, S(101));
    let second = up(&mut life, S(101));
    died(&mut life, second, Exit::Signal(9), Meaning::Killed, S(110));
    swept(&mut life, S(110));
    assert_eq!(life.deadline().expect("it waits").at, S(300), "a third boot before that would trip the breaker");
}

#[test]
fn exit_78_parks_until_a_file_changes() {
    let mut life = life();
    let first = up(&mut life, S(0));
    died(&mut life, first, Exit::Code(78), Meaning::Config, S(2));
    swept(&mut life, S(2));
    assert_eq!(life.phase(), &Phase::Down { because: Rest::Parked(Park::Config) });
    assert!(life.handle(Event::FilesChanged, S(50)).contains(&Order::Sweep));
}

#[test]
fn a_start_that_hangs_for_longer_than_a_stable_time_was_never_up_and_backs_off() {
    let mut life = life();
    life.begin(S(0));
    for attempt in 1..=2 {
        let begun = S(1000 * u64::from(attempt));
        life.handle(Event::DeadlinePassed, begun);
        let hung = spawned(&mut life, begun);
        let deadline = life.deadline().expect("a start has one").at;
        assert!(deadline >= begun + S(60), "longer than restart.stable");
        life.handle(Event::DeadlinePassed, deadline);
        life.handle(Event::Drained { incarnation: hung }, deadline);
        died(&mut life, hung, Exit::Signal(15), Meaning::Ended, deadline + S(1));
        swept(&mut life, deadline + S(1));
        let Phase::Waiting { because: Wait::Backoff(_), attempt: told, .. } = life.phase() else {
            panic!("{:?}", life.phase());
        };
        assert_eq!(*told, attempt);
    }
}

#[test]
fn the_time_that_a_start_took_does_not_make_what_died_right_after_it_stable() {
    let mut life = life();
    life.begin(S(0));
    let slow = spawned(&mut life, S(0));
    life.handle(Event::Started { incarnation: slow }, S(55));
    died(&mut life, slow, Exit::Code(1), Meaning::Crash, S(65));
    swept(&mut life, S(65));
    assert!(matches!(life.phase(), Phase::Waiting { attempt: 1, .. }), "up for 10 s: {:?}", life.phase());
}

#[test]
fn a_clean_exit_is_respawned_at_once_and_asked_about_when_the_successor_has_started() {
    let mut life = life();
    let first = up(&mut life, S(0));
    let orders = died(&mut life, first, Exit::Code(0), Meaning::Clean, S(5));
    assert!(!orders.contains(&Order::ConsumeHandoff { incarnation: first }), "not while the successor boots");
    let second = spawned(&mut life, S(5));
    let orders = life.handle(Event::Started { incarnation: second }, S(15));
    assert!(orders.contains(&Order::ConsumeHandoff { incarnation: first }), "{orders:?}");
    life.handle(Event::HandoffTold { incarnation: first, told: Told::Accepted("update".into()) }, S(20));
    assert_eq!(life.restarts(), 0, "a successor that was wanted is no restart");
    died(&mut life, second, Exit::Code(1), Meaning::Crash, S(30));
    swept(&mut life, S(30));
    assert!(matches!(life.phase(), Phase::Waiting { attempt: 1, .. }), "the first early death: {:?}", life.phase());
}

#[test]
fn a_clean_exit_that_was_no_handoff_counts_for_the_next_death() {
    let mut life = life();
    let first = up(&mut life, S(0));
    died(&mut life, first, Exit::Code(0), Meaning::Clean, S(5));
    let second = up(&mut life, S(6));
    life.handle(Event::HandoffTold { incarnation: first, told: Told::Nothing("missing".into()) }, S(10));
    assert_eq!(life.restarts(), 1);
    died(&mut life, second, Exit::Code(1), Meaning::Crash, S(30));
    swept(&mut life, S(30));
    assert!(matches!(life.phase(), Phase::Waiting { attempt: 2, .. }), "the second early death: {:?}", life.phase());
}

#[test]
fn a_second_clean_exit_before_the_first_was_answered_waits_for_its_own_answer() {
    let mut life = life();
    let first = up(&mut life, S(0));
    died(&mut life, first, Exit::Code(0), Meaning::Clean, S(5));
    let second = spawned(&mut life, S(5));
    let orders = died(&mut life, second, Exit::Code(0), Meaning::Clean, S(7));
    assert!(orders.contains(&Order::ConsumeHandoff { incarnation: second }), "nothing boots now: {orders:?}");
    swept(&mut life, S(7));
    assert!(matches!(life.phase(), Phase::Waiting { because: Wait::Handoff, .. }), "{:?}", life.phase());
    life.handle(Event::HandoffTold { incarnation: second, told: Told::Nothing("missing".into()) }, S(12));
    assert!(matches!(life.phase(), Phase::Waiting { because: Wait::Backoff(_), attempt: 2, .. }), "{:?}", life.phase());
}

#[test]
fn a_crash_of_the_successor_leaves_the_question_to_the_one_after_it() {
    let mut life = life();
    let first = up(&mut life, S(0));
    died(&mut life, first, Exit::Code(0), Meaning::Clean, S(5));
    let second = spawned(&mut life, S(5));
    died(&mut life, second, Exit::Code(1), Meaning::Crash, S(9));
    swept(&mut life, S(9));
    life.handle(Event::DeadlinePassed, S(20));
    let third = spawned(&mut life, S(20));
    let orders = life.handle(Event::Started { incarnation: third }, S(30));
    assert!(orders.contains(&Order::ConsumeHandoff { incarnation: first }), "{orders:?}");
}

#[test]
fn under_policy_on_failure_a_clean_exit_waits_for_the_answer_before_it_parks() {
    let mut life = Life::new(rules(Contract::Openclaw, Policy::OnFailure), Want::Up, 0, 1);
    let first = up(&mut life, S(0));
    died(&mut life, first, Exit::Code(0), Meaning::Clean, S(100));
    life.handle(Event::Swept { survivors: vec![], conflicts: vec![] }, S(100));
    assert!(matches!(life.phase(), Phase::Waiting { because: Wait::Handoff, .. }));
    life.handle(Event::HandoffTold { incarnation: first, told: Told::Nothing("missing".into()) }, S(105));
    assert!(matches!(life.phase(), Phase::Down { because: Rest::Parked(Park::Policy(_)) }), "{:?}", life.phase());
}

#[test]
fn a_frozen_gateway_costs_three_probes_and_thirty_seconds_not_the_whole_grace() {
    let mut life = life();
    let first = up(&mut life, S(0));
    for n in 1..=3 {
        life.handle(Event::Failed { incarnation: first, how: "timed out".into() }, S(100 + n));
    }
    let deadline = life.deadline().expect("a hung gateway has one");
    assert_eq!(deadline.at, S(103) + HUNG_AFTER);
    assert!(life.handle(Event::DeadlinePassed, deadline.at).contains(&Order::Kill { incarnation: first }));
}

#[test]
fn one_that_drains_after_failing_its_probes_gets_the_whole_grace() {
    let mut life = life();
    let first = up(&mut life, S(0));
    for n in 1..=3 {
        life.handle(Event::Failed { incarnation: first, how: "timed out".into() }, S(100 + n));
    }
    life.handle(Event::Drained { incarnation: first }, S(110));
    assert_eq!(life.deadline().map(|deadline| deadline.at), Some(S(103 + 330)));
}

#[test]
fn a_held_port_is_waited_for_and_never_counts_as_a_death() {
    let mut life = life();
    life.begin(S(0));
    let held = || vec![Conflict { what: "port 21000".into(), holder: "python3 (pid 7)".into() }];
    for n in 0..5 {
        life.handle(Event::Swept { survivors: vec![], conflicts: held() }, S(n * 20));
        assert!(matches!(life.phase(), Phase::Waiting { because: Wait::Conflict(_), .. }));
        life.handle(Event::DeadlinePassed, S(n * 20 + 15));
    }
    let orders = life.handle(Event::Swept { survivors: vec![], conflicts: vec![] }, S(200));
    assert!(orders.contains(&Order::Spawn { incarnation: 1 }));
    assert_eq!(life.restarts(), 0);
}

#[test]
fn a_second_stop_does_not_shorten_the_grace_but_now_does() {
    let mut life = life();
    let first = up(&mut life, S(0));
    let ask = |id, haste| Event::Asked { id, asking: Asking::Stop(haste), by: "test".into() };
    life.handle(ask(1, Haste::Graceful), S(10));
    let before = life.deadline();
    let orders = life.handle(ask(2, Haste::Graceful), S(20));
    assert_eq!(life.deadline(), before);
    assert!(matches!(
        &orders[..],
        [Order::Remember(Want::Down), Order::Record(_), Order::Answer { id: 2, reply: Reply::Accepted { .. } }]
    ));
    assert!(life.handle(ask(3, Haste::Now), S(30)).contains(&Order::Kill { incarnation: first }));
}

#[test]
fn a_start_of_what_is_up_replaces_nothing_and_a_restart_names_what_it_replaces() {
    let mut life = life();
    let first = up(&mut life, S(0));
    let replaces = |orders: Vec<Order>| {
        orders.into_iter().find_map(|order| match order {
            Order::Answer { reply: Reply::Accepted { replaces, .. }, .. } => Some(replaces),
            _ => None,
        })
    };
    let ask = |id, asking| Event::Asked { id, asking, by: "test".into() };
    assert_eq!(replaces(life.handle(ask(1, Asking::Start), S(1))), Some(None));
    assert_eq!(replaces(life.handle(ask(2, Asking::Restart(Haste::Graceful)), S(2))), Some(Some(first)));
    assert_eq!(replaces(life.handle(ask(3, Asking::Start), S(3))), Some(Some(first)));
}

#[test]
fn a_safe_restart_of_a_plain_process_is_refused_and_orders_nothing() {
    let mut life = Life::new(rules(Contract::Plain, Policy::Always), Want::Up, 0, 1);
    life.begin(S(0));
    spawned(&mut life, S(0));
    let orders = life.handle(Event::Asked { id: 1, asking: Asking::RestartSafely, by: "test".into() }, S(5));
    let [Order::Record(record), Order::Answer { id: 1, reply: Reply::Refused { message, hint } }] = orders.as_slice()
    else {
        panic!("{orders:?}");
    };
    assert!(message.contains("contract plain") && hint.contains("gateward restart"), "{message}; {hint}");
    assert_eq!((record.event, record.follows.as_str()), ("refused", "what runs was left alone"));
    assert!(record.saw.starts_with("restart --safe by test: "), "{record:?}");
    assert!(matches!(life.phase(), Phase::Up { incarnation: 1, .. }), "{:?}", life.phase());
}

#[test]
fn an_ask_is_told_as_it_was_made() {
    let mut life = life();
    up(&mut life, S(0));
    let mut told = |asking, at| {
        let orders = life.handle(Event::Asked { id: 1, asking, by: "test".into() }, at);
        let record = orders.into_iter().find_map(|order| match order {
            Order::Record(record) if record.event == "asked" => Some(record),
            _ => None,
        });
        let record = record.expect("a record");
        format!("{} → {}; {}", record.saw, record.decided, record.follows)
    };
    assert_eq!(told(Asking::Start, S(1)), "start by test → already up; nothing more");
    let killed = "restart --now by test → accepted; killed without a drain, swept, then spawned";
    assert_eq!(told(Asking::Restart(Haste::Now), S(2)), killed);
    assert_eq!(
        told(Asking::Stop(Haste::Now), S(3)),
        "stop --now by test → down; SIGKILL was sent before, and no other is spawned"
    );
}

/// Up, then failing until it is told to go; gives its incarnation.
fn frozen(life: &mut Life) -> u64 {
    let first = up(life, S(0));
    for n in 1..=3 {
        life.handle(Event::Failed { incarnation: first, how: "timed out".into() }, S(100 + n));
    }
    assert!(matches!(life.phase(), Phase::Stopping { .. }), "{:?}", life.phase());
    first
}

#[test]
fn under_policy_never_one_that_fails_its_probes_is_ended_and_parked_with_the_reason() {
    let mut life = Life::new(rules(Contract::Openclaw, Policy::Never), Want::Up, 0, 1);
    let first = frozen(&mut life);
    died(&mut life, first, Exit::Signal(9), Meaning::Killed, S(140));
    assert!(!swept(&mut life, S(140)).iter().any(|order| matches!(order, Order::Spawn { .. })));
    let Phase::Down { because: Rest::Parked(Park::Policy(words)) } = life.phase() else {
        panic!("{:?}", life.phase());
    };
    assert_eq!(words, "liveness failed 3 times in a row: timed out, and restart.policy is `never`");
}

#[test]
fn under_policy_never_a_start_without_progress_is_ended_and_parked_too() {
    let mut life = Life::new(rules(Contract::Openclaw, Policy::Never), Want::Up, 0, 1);
    life.begin(S(0));
    let first = spawned(&mut life, S(0));
    let deadline = life.deadline().expect("a start has one").at;
    life.handle(Event::DeadlinePassed, deadline);
    died(&mut life, first, Exit::Signal(15), Meaning::Ended, deadline + S(1));
    swept(&mut life, deadline + S(1));
    assert!(matches!(life.phase(), Phase::Down { because: Rest::Parked(Park::Policy(_)) }), "{:?}", life.phase());
}

#[test]
fn under_policy_never_a_start_that_is_asked_while_a_frozen_one_goes_is_carried_out() {
    let mut life = Life::new(rules(Contract::Openclaw, Policy::Never), Want::Up, 0, 1);
    let first = frozen(&mut life);
    life.handle(Event::Asked { id: 1, asking: Asking::Start, by: "test".into() }, S(110));
    died(&mut life, first, Exit::Signal(9), Meaning::Killed, S(140));
    assert!(swept(&mut life, S(140)).contains(&Order::Spawn { incarnation: first + 1 }), "{:?}", life.phase());
}

#[test]
fn an_operator_who_asks_while_a_frozen_one_is_replaced_is_not_held_back_by_the_breaker() {
    for asking in [Asking::Start, Asking::Restart(Haste::Graceful)] {
        let mut life = Life::new(rules(Contract::Openclaw, Policy::Always), Want::Up, 0, 1);
        let first = up(&mut life, S(0));
        died(&mut life, first, Exit::Signal(9), Meaning::Killed, S(50));
        swept(&mut life, S(50));
        life.handle(Event::DeadlinePassed, S(60));
        let second = up(&mut life, S(61));
        for n in 1..=3 {
            life.handle(Event::Failed { incarnation: second, how: "timed out".into() }, S(100 + n));
        }
        life.handle(Event::Asked { id: 1, asking, by: "test".into() }, S(110));
        died(&mut life, second, Exit::Signal(9), Meaning::Killed, S(140));
        assert!(swept(&mut life, S(140)).contains(&Order::Spawn { incarnation: second + 1 }), "{:?}", life.phase());
        // That end counts all the same: the next one that nobody asks for is held back.
        let third = up(&mut life, S(141));
        died(&mut life, third, Exit::Signal(9), Meaning::Killed, S(150));
        swept(&mut life, S(150));
        let because = |phase: &Phase| match phase {
            Phase::Waiting { because, .. } => Some(because.clone()),
            _ => None,
        };
        assert!(matches!(because(life.phase()), Some(Wait::Breaker(_))), "{:?}", life.phase());
    }
}

#[test]
fn a_stop_that_calls_a_restart_off_says_so() {
    let mut life = life();
    let first = up(&mut life, S(0));
    life.handle(Event::Asked { id: 1, asking: Asking::Restart(Haste::Graceful), by: "test".into() }, S(10));
    let orders = life.handle(Event::Asked { id: 2, asking: Asking::Stop(Haste::Graceful), by: "test".into() }, S(11));
    let record = orders.iter().find_map(|order| match order {
        Order::Record(record) => Some(record),
        _ => None,
    });
    let record = record.expect("a record");
    assert_eq!(
        (record.decided.as_str(), record.follows.as_str()),
        ("down", "its grace stays as it is, and no other is spawned")
    );
    died(&mut life, first, Exit::Code(0), Meaning::Asked, S(12));
    assert!(!swept(&mut life, S(12)).iter().any(|order| matches!(order, Order::Spawn { .. })));
}

#[test]
fn under_policy_on_failure_one_that_fails_its_probes_is_replaced() {
    let mut life = Life::new(rules(Contract::Openclaw, Policy::OnFailure), Want::Up, 0, 1);
    let first = frozen(&mut life);
    died(&mut life, first, Exit::Signal(9), Meaning::Killed, S(140));
    assert!(swept(&mut life, S(140)).contains(&Order::Spawn { incarnation: first + 1 }), "{:?}", life.phase());
}

#[test]
fn one_that_works_without_a_listener_is_judged_as_a_start_and_not_by_its_silence() {
    let mut life = life();
    let first = up(&mut life, S(0));
    let failed = || Event::Failed { incarnation: first, how: "nothing listens on its port".into() };
    for n in 0..60 {
        // Of three looks two find no work, which is never three in a row.
        life.handle(Event::Worked { incarnation: first }, S(100 + 30 * n));
        life.handle(failed(), S(110 + 30 * n));
        life.handle(failed(), S(120 + 30 * n));
        assert!(matches!(life.phase(), Phase::Up { .. }), "after {} s: {:?}", 20 + 30 * n, life.phase());
    }
    // Three times the longest time without progress is the end of any start.
    let orders = life.handle(Event::Worked { incarnation: first }, S(100 + 1800));
    assert!(orders.contains(&Order::Terminate { incarnation: first }), "{orders:?}");
}

#[test]
fn one_without_a_listener_that_does_not_work_is_replaced_and_an_answer_starts_the_count_afresh() {
    let mut life = life();
    let first = up(&mut life, S(0));
    let failed = || Event::Failed { incarnation: first, how: "nothing listens on its port".into() };
    life.handle(Event::Worked { incarnation: first }, S(100));
    life.handle(Event::Lived { incarnation: first }, S(110));
    life.handle(Event::Worked { incarnation: first }, S(2000));
    for n in 1..=2 {
        assert!(life.handle(failed(), S(2000 + 10 * n)).is_empty());
    }
    assert!(life.handle(failed(), S(2030)).contains(&Order::Terminate { incarnation: first }));
}

#[test]
fn one_that_died_too_often_is_parked_with_its_last_cause() {
    let mut rules = rules(Contract::Plain, Policy::Always);
    rules.restart.max_deaths = 2;
    let mut life = Life::new(rules, Want::Up, 0, 1);
    life.begin(S(0));
    for (at, code) in [(0, 4), (100, 3)] {
        let one = spawned(&mut life, S(at));
        died(&mut life, one, Exit::Code(code), Meaning::Crash, S(at + 1));
        swept(&mut life, S(at + 1));
        life.handle(Event::DeadlinePassed, S(at + 100));
    }
    let last = "exit code 3: crashed".to_owned();
    assert_eq!(life.phase(), &Phase::Down { because: Rest::Parked(Park::Deaths { count: 2, last }) });
}
