//! The machine against a second, simpler model of the world, over random sequences.
//!
//! The model knows only what lives, what was swept, who asked for haste and what the gateway showed; every order is held
//! against it.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::{S, rules};
use crate::life::Life;
use crate::life::due::{CEILING, HUNG_AFTER};
use crate::life::event::{Asking, Conflict, Event, Haste, Told};
use crate::life::order::{Order, Want};
use crate::life::phase::{Drain, Phase};
use crate::openclaw::exits::{Exit, Meaning, Stage, meaning};
use crate::plane::{Contract, Health, Policy};

/// The grace of the model's planes.
const GRACE: Duration = Duration::from_secs(330);

/// Whether OpenClaw was asked about a clean exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// Not yet, or a spawn has ended the question before its answer: it is put again once that one has started.
    NotYet,
    /// It was, and nothing was heard since.
    Yes,
    /// It was, and the answer came.
    Answered,
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
    /// It failed its probes or its start, and has shown no drain since.
    hung: bool,
    /// Looks in a row without a sign of life or of work.
    silent: u32,
    /// Since when it has worked without a listener.
    reopening: Option<Duration>,
    /// Incarnations that ended with code 0 though nobody had asked, and whether OpenClaw was asked about them.
    clean: BTreeMap<u64, Asked>,
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
                    let ended = |asked: &mut Asked| {
                        if *asked == Asked::Yes {
                            *asked = Asked::NotYet;
                        }
                    };
                    self.clean.values_mut().for_each(ended);
                    self.alive = Some(*incarnation);
                    (self.termed, self.haste, self.hung) = (None, false, false);
                    (self.silent, self.reopening) = (0, None);
                }
                Order::Terminate { incarnation } => {
                    assert_eq!(self.alive, Some(*incarnation), "SIGTERM to the living one only");
                    assert!(self.termed.is_none(), "SIGTERM twice");
                    self.termed = Some(self.now);
                }
                Order::Kill { incarnation } => {
                    assert_eq!(self.alive, Some(*incarnation), "SIGKILL to the living one only");
                    let since = self.termed.map(|at| self.now.saturating_sub(at));
                    let graced = since.is_some_and(|since| since >= GRACE || self.hung && since >= HUNG_AFTER);
                    assert!(graced || self.haste, "SIGKILL before its time: {since:?} after SIGTERM");
                }
                Order::ConsumeHandoff { incarnation } => {
                    assert!(!matches!(life.phase(), Phase::Starting { .. }), "a question beside a booting gateway");
                    let before = self.clean.insert(*incarnation, Asked::Yes);
                    assert_eq!(before, Some(Asked::NotYet), "one question for each clean exit of {incarnation}");
                }
                Order::Remember(want) => self.remembered = Some(*want),
                Order::Answer { .. } | Order::RestartSafely { .. } | Order::Record(_) | Order::Leave => {}
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
        let serving = matches!(life.phase(), Phase::Up { .. });
        let orders = life.handle(event, self.now);
        if serving && !asked && orders.iter().any(|order| matches!(order, Order::Terminate { .. })) {
            let health = Health::default();
            let worked = self.reopening.map(|since| self.now.saturating_sub(since));
            let too_long = worked.is_some_and(|worked| worked >= health.startup * CEILING);
            assert!(self.silent >= health.failures || too_long, "given up after {} looks, {worked:?}", self.silent);
        }
        let answers = orders.iter().filter(|order| matches!(order, Order::Answer { .. })).count();
        assert_eq!(answers, usize::from(asked), "exactly one answer an ask");
        let of_asks = |order: &&Order| matches!(order, Order::Record(it) if matches!(it.event, "asked" | "refused"));
        assert_eq!(orders.iter().filter(of_asks).count(), usize::from(asked), "exactly one record an ask: {orders:?}");
        self.obey(life, &orders);
        self.swept = false;
        self.check_deadline(life);
        orders
    }

    /// A deadline is missing only where something else moves the plane: nobody (Down), the broom (Sweeping), the probes (Up),
    /// or the kernel, after SIGKILL.
    fn check_deadline(&self, life: &Life) {
        let moved_by_others = match life.phase() {
            Phase::Down { .. } | Phase::Sweeping { .. } | Phase::Up { .. } => true,
            Phase::Stopping { drain, .. } => *drain == Drain::Killed,
            Phase::Starting { .. } | Phase::Waiting { .. } => false,
        };
        assert_eq!(life.deadline().is_none(), moved_by_others, "{:?}", life.phase());
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
    Worked,
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
        3 => Just(Move::Worked),
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
            Event::SpawnFailed { incarnation, error: "EAGAIN".into() }
        }
        (Move::Progress, Some(incarnation)) => Event::Progressed { incarnation, reached: "listening".into() },
        (Move::Started, Some(incarnation)) => Event::Started { incarnation },
        (Move::Lived, Some(incarnation)) => {
            (world.silent, world.reopening) = (0, None);
            Event::Lived { incarnation }
        }
        (Move::Worked, Some(incarnation)) => {
            if matches!(life.phase(), Phase::Up { .. }) {
                world.silent = 0;
                world.reopening = world.reopening.or(Some(world.now));
                world.hung |= world.termed.is_none();
            }
            Event::Worked { incarnation }
        }
        (Move::Drained, Some(incarnation)) => {
            // Heard only of one that was told to go.
            world.hung &= world.termed.is_none();
            Event::Drained { incarnation }
        }
        (Move::Failed, Some(incarnation)) => {
            let serving = matches!(life.phase(), Phase::Up { .. });
            world.hung |= world.termed.is_none() && serving;
            world.silent += u32::from(serving);
            Event::Failed { incarnation, how: "timed out".into() }
        }
        (Move::Exit(number, signal), Some(incarnation)) => {
            world.alive = None;
            let asked = matches!(life.phase(), Phase::Stopping { .. });
            if number == 0 && !signal && !asked {
                world.clean.insert(incarnation, Asked::NotYet);
            }
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
            if let Some(asked @ Asked::Yes) = world.clean.get_mut(&world.latest) {
                *asked = Asked::Answered;
            }
            Event::HandoffTold { incarnation: world.latest, told }
        }
        (Move::Files, _) => Event::FilesChanged,
        (Move::Deadline, _) => {
            let Some(deadline) = life.deadline() else { return };
            world.now = world.now.max(deadline.at);
            world.hung |= matches!(life.phase(), Phase::Starting { .. });
            world.tell(life, Event::DeadlinePassed);
            assert_ne!(life.deadline(), Some(deadline), "a deadline that was met is over");
            return;
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
                Event::Worked { incarnation: stale },
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
