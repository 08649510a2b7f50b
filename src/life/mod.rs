//! One plane's life as a machine: facts in, orders out, time an argument. Spawns and signals nothing itself.
//!
//! ```text
//!            start                 swept, clear              started
//!   Down ───────────▶ Sweeping ─────────────────▶ Starting ──────────▶ Up
//!    ▲ ▲               ▲  ▲ │ swept, held             │                 │
//!    │ │ swept, then   │  │ └──────────▶ Waiting ◀──┐ │ stuck, asked    │ unhealthy, asked
//!    │ └───────────────┘  │   retry_at, │           │ ▼                 ▼
//!    │     down           └── start ────┘           │ Stopping ◀────────┘
//!    └──────────────── parked, stopped ── Sweeping ◀┴──┴── exited (from Starting, Up, Stopping)
//! ```
//!
//! Every end of an incarnation leads through `Sweeping`, and so does every wait that ends in a spawn: nothing is spawned
//! that a clean sweep did not directly precede. What is wanted ([`Want`]) and what is ([`Phase`]) are two fields.

pub mod due;
pub mod event;
pub mod order;
pub mod pace;
pub mod phase;

mod asked;
mod ended;
mod handed;
mod lived;
mod spawning;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::plane::{Contract, Health, Plane, Restart};
use event::{Conflict, Event};
use order::{Order, Record, Want};
use pace::Pace;
use phase::{Drain, Moment, Next, Phase, Rest, StopCause, Wait};

/// The wait between two looks at a conflict: short at first, since the holder is often just leaving.
const CONFLICT_WAITS: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(10)];

/// The parts of a plane's definition that its life depends on.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What is expected of the process.
    pub contract: Contract,
    /// SIGTERM to SIGKILL.
    pub stop_grace: Duration,
    /// The pace of restarts.
    pub restart: Restart,
    /// How liveness is judged.
    pub health: Health,
}

impl From<&Plane> for Rules {
    fn from(plane: &Plane) -> Self {
        Self {
            contract: plane.contract,
            stop_grace: plane.stop_grace,
            restart: plane.restart.clone(),
            health: plane.health.clone(),
        }
    }
}

/// What a machine takes over from one whose keeper died.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Respawns that nobody asked for; none when the host was started afresh since.
    pub restarts: Option<u64>,
    /// When OpenClaw's breaker counts an unclean end.
    pub unclean: Vec<Moment>,
}

/// Whether the keeper stays when the plane is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tenure {
    Stays,
    Leaves,
}

/// Whose wish a spawn is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// An operator's: respawns are counted afresh.
    Asked,
    /// Nobody's: a respawn.
    Own,
    /// The ended gateway's.
    Handoff,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Life {
    rules: Rules,
    want: Want,
    phase: Phase,
    tenure: Tenure,
    pace: Pace,
    /// The incarnation spawned last, or before this keeper.
    incarnation: u64,
    /// Respawns that no operator asked for, since the last that one did.
    restarts: u64,
    /// Whose wish the next spawn is.
    origin: Origin,
    waits: u32,
    /// Why no incarnation could be spawned lately, and how often in a row it was that.
    unlaunched: Option<(String, u32)>,
    /// When the incarnation spawned last came up; none before.
    up_since: Option<Moment>,
    /// A clean exit of which it is not known yet whether it was a handoff.
    handoff: Option<handed::Pending>,
    /// The incarnation that was told to restart itself safely.
    safely: Option<u64>,
    orders: Vec<Order>,
}

impl Life {
    /// A life that has not begun. `last_incarnation` is the number of the latest spawn by any keeper of this plane.
    pub fn new(rules: Rules, want: Want, last_incarnation: u64, seed: u64) -> Self {
        let pace = Pace::new(rules.restart.clone(), rules.contract, seed);
        Self {
            rules,
            want,
            phase: Phase::Down { because: Rest::Fresh },
            tenure: Tenure::Stays,
            pace,
            incarnation: last_incarnation,
            restarts: 0,
            origin: Origin::Asked,
            waits: 0,
            unlaunched: None,
            up_since: None,
            handoff: None,
            safely: None,
            orders: Vec::new(),
        }
    }

    /// Takes over from a machine whose keeper died, and its gateway with it.
    pub fn inherit(&mut self, past: Past) {
        if let Some(restarts) = past.restarts {
            self.restarts = restarts;
            self.origin = Origin::Own;
        }
        self.pace.inherit(past.unclean);
    }

    /// The first orders: a sweep, whatever is wanted, since a killed predecessor may have left processes behind.
    pub fn begin(&mut self, now: Moment) -> Vec<Order> {
        let then = match self.want {
            Want::Up => match self.pace.held_back(now) {
                Some(retry_at) => Next::Wait {
                    retry_at,
                    attempt: 1,
                    because: Wait::Breaker("its gateway died with its keeper".into()),
                },
                None => Next::Spawn,
            },
            Want::Down => Next::Down(Rest::Asked),
        };
        self.sweep(then, now);
        std::mem::take(&mut self.orders)
    }

    /// As `begin`, for a plane that is not started by itself: what is wanted is down until somebody asks.
    pub fn begin_at_rest(&mut self, now: Moment) -> Vec<Order> {
        self.want = Want::Down;
        self.sweep(Next::Down(Rest::Fresh), now);
        std::mem::take(&mut self.orders)
    }

    /// Takes a new definition's rules; they hold from now on, also for the living incarnation.
    pub fn adopt(&mut self, rules: Rules) {
        self.pace.adopt(rules.restart.clone(), rules.contract);
        self.rules = rules;
    }

    /// Where it stands.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Whether its keeper was told to leave.
    pub fn leaves(&self) -> bool {
        self.tenure == Tenure::Leaves
    }

    /// What is wanted.
    pub fn want(&self) -> Want {
        self.want
    }

    /// The incarnation spawned last.
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Respawns since an operator last started it.
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// When the living incarnation was spawned.
    pub fn since(&self) -> Option<Moment> {
        match &self.phase {
            Phase::Starting { since, .. } | Phase::Up { since, .. } | Phase::Stopping { since, .. } => Some(*since),
            Phase::Down { .. } | Phase::Sweeping { .. } | Phase::Waiting { .. } => None,
        }
    }

    /// What follows the sweep under way, in words.
    pub fn coming(&self, now: Moment) -> String {
        match &self.phase {
            Phase::Sweeping { then, .. } => ended::consequence(then, now),
            Phase::Down { .. }
            | Phase::Starting { .. }
            | Phase::Up { .. }
            | Phase::Stopping { .. }
            | Phase::Waiting { .. } => String::new(),
        }
    }

    /// The unclean ends that OpenClaw's breaker may still count.
    pub fn unclean(&self) -> &[Moment] {
        self.pace.unclean()
    }

    /// The living incarnation, if one lives.
    pub fn living(&self) -> Option<u64> {
        match &self.phase {
            Phase::Starting { incarnation, .. }
            | Phase::Up { incarnation, .. }
            | Phase::Stopping { incarnation, .. } => Some(*incarnation),
            Phase::Down { .. } | Phase::Sweeping { .. } | Phase::Waiting { .. } => None,
        }
    }

    /// Takes one fact; gives what is to be done about it, in order. A fact about another incarnation than the living one
    /// changes nothing.
    pub fn handle(&mut self, event: Event, now: Moment) -> Vec<Order> {
        match event {
            Event::Asked { id, asking, by } => self.asked(id, asking, &by, now),
            Event::Swept { survivors, conflicts } => self.swept(&survivors, conflicts, now),
            Event::Spawned { incarnation } => self.spawned(incarnation, now),
            Event::SpawnFailed { incarnation, error } => self.spawn_failed(incarnation, error, now),
            Event::Progressed { incarnation, reached } => self.progressed(incarnation, reached, now),
            Event::Started { incarnation } => self.started(incarnation, now),
            Event::Lived { incarnation } => self.lived(incarnation),
            Event::Worked { incarnation } => self.worked(incarnation, now),
            Event::Drained { incarnation } => self.drained(incarnation),
            Event::Failed { incarnation, how } => self.failed(incarnation, how, now),
            Event::Exited { incarnation, exit, meaning } => self.exited(incarnation, exit, meaning, now),
            Event::HandoffTold { incarnation, told } => self.handoff_told(incarnation, told, now),
            Event::FilesChanged => self.files_changed(now),
            Event::SafeRestartRefused { incarnation, why } => self.safely_refused(incarnation, why),
            Event::DeadlinePassed => self.deadline_passed(now),
        }
        std::mem::take(&mut self.orders)
    }

    fn swept(&mut self, survivors: &[String], conflicts: Vec<Conflict>, now: Moment) {
        let Phase::Sweeping { then, .. } = &self.phase else { return };
        let then = then.clone();
        if !survivors.is_empty() {
            self.record("survivors", survivors.join(", "), "left", "they hold nothing that the plane needs");
        }
        match then {
            Next::Spawn if conflicts.is_empty() => self.spawn_unless_held_back(now),
            Next::Spawn => self.wait_for_holders(Wait::Conflict(conflicts), now),
            Next::Wait { because: Wait::Refused(_), .. } if !conflicts.is_empty() => {
                self.pace.excuse();
                self.waits = 0;
                self.wait_for_holders(Wait::Conflict(conflicts), now);
            }
            Next::Wait { retry_at, attempt, because: Wait::Refused(words) } => {
                self.phase = match self.pace.held_back(now).filter(|at| *at > retry_at) {
                    Some(retry_at) => Phase::Waiting { retry_at, attempt, because: Wait::Breaker(words) },
                    None => Phase::Waiting { retry_at, attempt, because: Wait::Refused(words) },
                };
            }
            Next::Wait { retry_at, attempt, because } => self.phase = Phase::Waiting { retry_at, attempt, because },
            Next::Down(rest) => {
                for conflict in &conflicts {
                    self.record("held", conflict.to_string(), "left", "nothing that this plane may end");
                }
                self.rest(rest);
            }
        }
    }

    /// SIGTERM now, SIGKILL at the end of the grace.
    fn stop(&mut self, incarnation: u64, since: Moment, why: StopCause, then: Next, now: Moment) {
        let kill_at = now + self.rules.stop_grace;
        let drain = Drain::Unseen;
        self.phase = Phase::Stopping { incarnation, since, why, then, termed: Some(now), kill_at, drain };
        self.orders.push(Order::Terminate { incarnation });
    }

    fn sweep(&mut self, then: Next, now: Moment) {
        if let Phase::Sweeping { then: planned, .. } = &mut self.phase {
            *planned = then;
            return;
        }
        self.phase = Phase::Sweeping { then, since: now };
        self.orders.push(Order::Sweep);
    }

    fn wait_for_holders(&mut self, because: Wait, now: Moment) {
        if self.waits == 0
            && let Wait::Conflict(conflicts) = &because
        {
            let saw = conflicts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            self.record("conflict", saw, "wait", "until the holder leaves; spawning into it would fail");
        }
        let wait = CONFLICT_WAITS[(self.waits as usize).min(CONFLICT_WAITS.len() - 1)];
        self.waits = self.waits.saturating_add(1);
        self.phase = Phase::Waiting { retry_at: now + wait, attempt: self.waits, because };
    }

    fn rest(&mut self, because: Rest) {
        self.phase = Phase::Down { because };
        self.waits = 0;
        self.drop_question("the plane is down");
        if self.tenure == Tenure::Leaves {
            self.orders.push(Order::Leave);
        }
    }

    fn record(
        &mut self,
        event: &'static str,
        saw: impl Into<String>,
        decided: impl Into<String>,
        follows: impl Into<String>,
    ) {
        self.orders.push(Order::Record(Record {
            incarnation: self.incarnation,
            event,
            saw: saw.into(),
            decided: decided.into(),
            follows: follows.into(),
        }));
    }
}
