//! The machine against a second, simpler model of the world, over random sequences; and a few readable transcripts.
//!
//! No processes and no clock.

use std::time::Duration;

use proptest::prelude::*;

use super::event::{Asking, Conflict, Event, Haste, Hope, Told};
use super::order::{Order, Reply, Want};
use super::phase::{Park, Phase, Rest, Wait};
use super::{Life, Rules};
use crate::openclaw::exits::{Exit, Meaning, Stage, meaning};
use crate::plane::{Contract, Health, Policy, Restart};

const S: fn(u64) -> Duration = Duration::from_secs;

fn rules(contract: Contract, policy: Policy) -> Rules {
    Rules { contract, stop_grace: S(330), restart: Restart { policy, ..Restart::default() }, health: Health::default() }
}

fn life() -> Life {
    Life::new(rules(Contract::Openclaw, Policy::Always), Want::Up, 0, 1)
}

/// The world as the orders leave it, checked at every step.
#[derive(Default)]
struct World {
    now: Duration,
    alive: Option<u64>,
    swept: bool,
    sweeping: bool,
    termed: Option<Duration>,
    haste: bool,
    latest: u64,
    remembered: Option<Want>,
    asks: u64,
}

impl World {
    fn obey(&mut self, life: &Life, orders: &[Order]) {
        for order in orders {
            match order {
                Order::Sweep => {
                    assert!(self.alive.is_none(), "a sweep beside a living gateway");
                    assert!(!self.sweeping, "two sweeps at once");
                    self.sweeping = true;
                }
                Order::Spawn { incarnation } => {
                    assert!(self.alive.is_none(), "two gateways");
                    assert!(self.swept, "a spawn that no clean sweep directly preceded");
                    assert_eq!(life.want(), Want::Up, "a spawn that nobody wants");
                    assert!(*incarnation > self.latest, "incarnations rise");
                    self.latest = *incarnation;
                    self.alive = Some(*incarnation);
                    (self.termed, self.haste) = (None, false);
                }
                Order::Terminate { incarnation } => {
                    assert_eq!(self.alive, Some(*incarnation), "SIGTERM to the living one only");
                    assert!(self.termed.is_none(), "SIGTERM twice");
                    self.termed = Some(self.now);
                }
                Order::Kill { incarnation } => {
                    assert_eq!(self.alive, Some(*incarnation), "SIGKILL to the living one only");
                    let graced = self.termed.is_some_and(|at| self.now >= at + super::HUNG_AFTER);
                    assert!(graced || self.haste, "SIGKILL before its time");
                }
                Order::Remember(want) => self.remembered = Some(*want),
                Order::Answer { .. }
                | Order::ConsumeHandoff { .. }
                | Order::RestartSafely { .. }
                | Order::Record(_)
                | Order::Leave => {}
            }
        }
        if let Some(want) = self.remembered {
            assert_eq!(want, life.want(), "what is remembered is what is wanted");
        }
    }

    fn tell(&mut self, life: &mut Life, event: Event) -> Vec<Order> {
        let asked = matches!(event, Event::Asked { .. });
        self.swept = matches!(&event, Event::Swept { conflicts, .. } if conflicts.is_empty() && self.alive.is_none());
        if matches!(event, Event::Swept { .. }) {
            self.sweeping = false;
        }
        let orders = life.handle(event, self.now);
        let answers = orders.iter().filter(|order| matches!(order, Order::Answer { .. })).count();
        assert_eq!(answers, usize::from(asked), "exactly one answer an ask");
        self.obey(life, &orders);
        self.swept = false;
        orders
    }
}

/// What the random driver may do next; turned into facts that can be true in the world.
#[derive(Clone, Debug)]
enum Move {
    Ask(Asking),
    SweptClear,
    SweptHeld,
    SpawnTold(bool),
    Progress,
    Started,
    Lived,
    Drained,
    Failed,
    Exit(i32, bool),
    Told(u8),
    Files,
    Deadline,
    Later(u64),
    Stale,
}

fn moves() -> impl Strategy<Value = Move> {
    let haste = prop_oneof![Just(Haste::Graceful), Just(Haste::Now)];
    prop_oneof![
        2 => Just(Move::Ask(Asking::Start)),
        2 => haste.clone().prop_map(|haste| Move::Ask(Asking::Stop(haste))),
        2 => haste.prop_map(|haste| Move::Ask(Asking::Restart(haste))),
        1 => Just(Move::Ask(Asking::RestartSafely)),
        1 => Just(Move::Ask(Asking::Replace)),
        8 => Just(Move::SweptClear),
        2 => Just(Move::SweptHeld),
        6 => any::<bool>().prop_map(Move::SpawnTold),
        2 => Just(Move::Progress),
        6 => Just(Move::Started),
        2 => Just(Move::Lived),
        2 => Just(Move::Drained),
        3 => Just(Move::Failed),
        6 => (prop_oneof![Just(0), Just(1), Just(78), Just(9), Just(15)], any::<bool>()).prop_map(|(n, s)| Move::Exit(n, s)),
        2 => (0u8..3).prop_map(Move::Told),
        1 => Just(Move::Files),
        6 => Just(Move::Deadline),
        4 => (0u64..400).prop_map(Move::Later),
        2 => Just(Move::Stale),
    ]
}

#[allow(clippy::too_many_lines, reason = "one row a move: a table reads best whole")]
fn apply(world: &mut World, life: &mut Life, step: Move) {
    let living = world.alive;
    let event = match (step, living) {
        (Move::Ask(asking), _) => {
            world.asks += 1;
            if let Asking::Stop(Haste::Now) | Asking::Restart(Haste::Now) | Asking::Retire(Haste::Now) = asking {
                world.haste = true;
            }
            Event::Asked { id: world.asks, asking, by: "test".into() }
        }
        (Move::SweptClear, None) if world.sweeping => Event::Swept { survivors: vec![], conflicts: vec![] },
        (Move::SweptHeld, None) if world.sweeping => Event::Swept {
            survivors: vec!["node 7".into()],
            conflicts: vec![Conflict { what: "port 21000".into(), holder: "nc 8".into() }],
        },
        (Move::SpawnTold(true), Some(incarnation)) => Event::Spawned { incarnation },
        (Move::SpawnTold(false), Some(incarnation)) if matches!(life.phase(), Phase::Starting { .. }) => {
            world.alive = None;
            Event::SpawnFailed { incarnation, error: "EAGAIN".into(), hope: Hope::Some }
        }
        (Move::Progress, Some(incarnation)) => Event::Progressed { incarnation, reached: "listening".into() },
        (Move::Started, Some(incarnation)) => Event::Started { incarnation },
        (Move::Lived, Some(incarnation)) => Event::Lived { incarnation },
        (Move::Drained, Some(incarnation)) => Event::Drained { incarnation },
        (Move::Failed, Some(incarnation)) => Event::Failed { incarnation, how: "timed out".into() },
        (Move::Exit(number, signal), Some(incarnation)) => {
            world.alive = None;
            let exit = if signal { Exit::Signal(number.max(1)) } else { Exit::Code(number) };
            let stage = match life.phase() {
                Phase::Stopping { .. } => Stage::Stopping,
                Phase::Up { .. } => Stage::Up,
                _ => Stage::Starting,
            };
            Event::Exited { incarnation, exit, meaning: meaning(Contract::Openclaw, exit, stage, "") }
        }
        (Move::Told(which), _) => {
            let told = match which {
                0 => Told::Accepted("update".into()),
                1 => Told::Nothing("missing".into()),
                _ => Told::Unknown("store unavailable".into()),
            };
            Event::HandoffTold { incarnation: world.latest, told }
        }
        (Move::Files, _) => Event::FilesChanged,
        (Move::Deadline, _) => {
            let Some(deadline) = life.deadline() else { return };
            world.now = world.now.max(deadline.at);
            Event::DeadlinePassed
        }
        (Move::Later(seconds), _) => {
            world.now += S(seconds);
            return;
        }
        (Move::Stale, _) => {
            let stale = world.latest + 1;
            let before = (life.phase().clone(), life.want());
            for event in [
                Event::Started { incarnation: stale },
                Event::Failed { incarnation: stale, how: String::new() },
                Event::Exited { incarnation: stale, exit: Exit::Code(1), meaning: Meaning::Crash },
                Event::HandoffTold { incarnation: stale, told: Told::Accepted(String::new()) },
            ] {
                world.tell(life, event);
            }
            assert_eq!(before, (life.phase().clone(), life.want()), "a stale fact changes nothing");
            return;
        }
        _ => return,
    };
    world.tell(life, event);
    assert_eq!(
        life.living().is_some(),
        world.alive.is_some(),
        "the machine knows whether a gateway lives: {:?}",
        life.phase()
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_breaks_the_promises(
        steps in prop::collection::vec(moves(), 1..120),
        policy in prop_oneof![Just(Policy::Always), Just(Policy::OnFailure), Just(Policy::Never)],
        plain: bool,
        fresh_down: bool,
    ) {
        let contract = if plain { Contract::Plain } else { Contract::Openclaw };
        let mut life = Life::new(rules(contract, policy), Want::Up, 0, 3);
        let mut world = World::default();
        let orders = if fresh_down { life.begin_at_rest(world.now) } else { life.begin(world.now) };
        world.obey(&life, &orders);
        for step in steps {
            apply(&mut world, &mut life, step);
        }
        // From anywhere: stop, exit, swept reaches Down.
        apply(&mut world, &mut life, Move::Ask(Asking::Stop(Haste::Graceful)));
        apply(&mut world, &mut life, Move::Exit(0, false));
        apply(&mut world, &mut life, Move::SweptClear);
        prop_assert!(matches!(life.phase(), Phase::Down { .. }), "{:?}", life.phase());
        // And from there a retirement lets the keeper leave.
        let orders = world.tell(&mut life, Event::Asked { id: 0, asking: Asking::Retire(Haste::Graceful), by: "t".into() });
        prop_assert!(orders.contains(&Order::Leave));
    }
}

fn up(life: &mut Life, at: Duration) -> u64 {
    if life.phase() == &(Phase::Down { because: Rest::Fresh }) {
        life.begin(at);
    }
    life.handle(Event::Swept { survivors: vec![], conflicts: vec![] }, at);
    let incarnation = life.living().expect("spawned");
    life.handle(Event::Spawned { incarnation }, at);
    life.handle(Event::Started { incarnation }, at);
    assert!(matches!(life.phase(), Phase::Up { .. }));
    incarnation
}

fn died(life: &mut Life, incarnation: u64, exit: Exit, meaning: Meaning, at: Duration) -> Vec<Order> {
    life.handle(Event::Exited { incarnation, exit, meaning }, at)
}

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
fn exit_78_parks_until_a_file_changes() {
    let mut life = life();
    let first = up(&mut life, S(0));
    died(&mut life, first, Exit::Code(78), Meaning::Config, S(2));
    life.handle(Event::Swept { survivors: vec![], conflicts: vec![] }, S(2));
    assert_eq!(life.phase(), &Phase::Down { because: Rest::Parked(Park::Config) });
    assert!(life.handle(Event::FilesChanged, S(50)).contains(&Order::Sweep));
}

#[test]
fn a_clean_exit_is_respawned_beside_the_question_whether_it_was_a_handoff() {
    let mut life = life();
    let first = up(&mut life, S(0));
    let orders = died(&mut life, first, Exit::Code(0), Meaning::Clean, S(5));
    assert!(orders.contains(&Order::ConsumeHandoff { incarnation: first }));
    life.handle(Event::Swept { survivors: vec![], conflicts: vec![] }, S(5));
    assert!(matches!(life.phase(), Phase::Waiting { because: Wait::Backoff(_), .. }));
    let orders = life.handle(Event::HandoffTold { incarnation: first, told: Told::Accepted("update".into()) }, S(6));
    assert!(orders.contains(&Order::Sweep), "an accepted handoff ends the wait: {orders:?}");
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
    assert_eq!(deadline.at, S(103) + super::HUNG_AFTER);
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
        [Order::Remember(Want::Down), Order::Answer { id: 2, reply: Reply::Accepted { .. } }]
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
