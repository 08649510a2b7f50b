//! When a life has to be looked at again, why, and what happens when nothing else came before.
//!
//! Reads no clock: the keeper sleeps until the deadline and says that it has passed.

use std::time::Duration;

use super::Life;
use super::event::Told;
use super::lived::fate;
use super::order::Order;
use super::phase::{Drain, Moment, Next, Phase, StopCause, Wait};

/// A gateway that was sent SIGTERM because it did not answer, and shows no drain for so long, is hung (contract: an idle
/// gateway leaves within 2 s, a busy one says `draining` at once).
pub const HUNG_AFTER: Duration = Duration::from_secs(30);

/// The longest start, as a multiple of the longest time without progress: a process that burns CPU for ever makes
/// "progress" for ever.
pub(super) const CEILING: u32 = 3;

/// How long the answer about a handoff may take before it counts as none (13 s seen, 60 s allowed by the contract).
pub const HANDOFF_WAIT: Duration = Duration::from_secs(60);

/// A moment at which `handle(Event::DeadlinePassed, …)` is due, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// When.
    pub at: Moment,
    /// Why.
    pub why: DeadlineReason,
}

/// Why a deadline is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadlineReason {
    /// A start without progress.
    Startup,
    /// The grace of a stop ends.
    Grace,
    /// A hung gateway shows no drain.
    Hung,
    /// The next attempt is due.
    Retry,
}

impl Life {
    /// When `DeadlinePassed` is due. None in `Down`, `Up` and `Sweeping`, which others move.
    pub fn deadline(&self) -> Option<Deadline> {
        match &self.phase {
            Phase::Down { .. } | Phase::Up { .. } | Phase::Sweeping { .. } => None,
            Phase::Starting { since, moved, .. } => {
                let quiet = *moved + self.rules.health.startup;
                let ceiling = *since + self.rules.health.startup.saturating_mul(CEILING);
                Some(Deadline { at: quiet.min(ceiling), why: DeadlineReason::Startup })
            }
            Phase::Stopping { why, termed, kill_at, drain, .. } => match (drain, why, termed) {
                (Drain::Killed, _, _) => None,
                (Drain::Unseen, StopCause::Unhealthy(_) | StopCause::Stuck(_), Some(at)) => {
                    let hung = Deadline { at: *at + HUNG_AFTER, why: DeadlineReason::Hung };
                    let grace = Deadline { at: *kill_at, why: DeadlineReason::Grace };
                    Some(if hung.at < grace.at { hung } else { grace })
                }
                (Drain::Unseen | Drain::Seen, _, _) => Some(Deadline { at: *kill_at, why: DeadlineReason::Grace }),
            },
            Phase::Waiting { retry_at, .. } => Some(Deadline { at: *retry_at, why: DeadlineReason::Retry }),
        }
    }

    /// Until when the present wait or grace lasts, for people: also while a sweep comes before the wait.
    pub fn until(&self) -> Option<Moment> {
        match &self.phase {
            Phase::Sweeping { then: Next::Wait { retry_at, .. }, .. } => Some(*retry_at),
            Phase::Sweeping { then: Next::Spawn | Next::Down(_), .. }
            | Phase::Down { .. }
            | Phase::Starting { .. }
            | Phase::Up { .. }
            | Phase::Stopping { .. }
            | Phase::Waiting { .. } => self.deadline().map(|deadline| deadline.at),
        }
    }

    pub(super) fn deadline_passed(&mut self, now: Moment) {
        let Some(deadline) = self.deadline() else { return };
        if now < deadline.at {
            return;
        }
        match &mut self.phase {
            Phase::Down { .. } | Phase::Up { .. } | Phase::Sweeping { .. } => {}
            Phase::Starting { incarnation, since, reached, .. } => {
                let (incarnation, since, reached) = (*incarnation, *since, reached.clone());
                let saw = format!("no progress past `{reached}`");
                let then = self.after_giving_up(format!("its start made {saw}"));
                self.record("stuck", saw.clone(), fate(&then), "SIGTERM, then SIGKILL");
                self.stop(incarnation, since, StopCause::Stuck(saw), then, now);
            }
            Phase::Stopping { incarnation, drain, .. } => {
                *drain = Drain::Killed;
                let incarnation = *incarnation;
                let saw = match deadline.why {
                    DeadlineReason::Hung => "no drain after SIGTERM from a gateway that does not answer",
                    DeadlineReason::Grace | DeadlineReason::Startup | DeadlineReason::Retry => "the grace ran out",
                };
                self.record("killed", saw, "SIGKILL", "to the gateway, then its group, then every child left");
                self.orders.push(Order::Kill { incarnation });
            }
            Phase::Waiting { because: Wait::Handoff, .. } => {
                let told = Told::Unknown(format!("no answer within {} s", HANDOFF_WAIT.as_secs()));
                self.handoff_told(self.incarnation, told, now);
            }
            Phase::Waiting { .. } => self.sweep(Next::Spawn, now),
        }
    }
}
