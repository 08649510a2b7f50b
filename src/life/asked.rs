//! What an ask changes: reach this state. A repeat is harmless; each ask gets exactly one answer.
//!
//! Whether a config validates is asked by the keeper before a start or restart gets here.

use super::event::{AskId, Asking, Haste};
use super::order::{Order, Record, Reply, Want};
use super::phase::{Drain, Moment, Next, Phase, Rest, StopCause};
use super::{Life, Origin, Tenure};
use crate::plane::Contract;

impl Life {
    pub(super) fn asked(&mut self, id: AskId, asking: Asking, by: &str, now: Moment) {
        let replaces = self.replaced_by(asking);
        let leaving = self.tenure == Tenure::Leaves;
        let note = match asking {
            Asking::Start | Asking::Restart(_) | Asking::RestartSafely | Asking::Replace if leaving => {
                let message = "the keeper of this plane is leaving";
                return self.refuse(id, asking, by, message, "ask again in a moment");
            }
            // A program that knows no such words would take them for its own, as a second copy of what runs.
            Asking::RestartSafely if self.rules.contract == Contract::Plain => {
                let message = "has no safe restart of its own: contract plain";
                let hint = "`gateward restart` stops it gracefully and starts it again";
                return self.refuse(id, asking, by, message, hint);
            }
            Asking::Start => self.ask_start(by, now),
            Asking::Stop(haste) => {
                self.wish(Want::Down);
                self.bring_down(asking, haste, by, now)
            }
            Asking::Restart(haste) => self.ask_restart(asking, haste, by, now),
            Asking::RestartSafely => match self.ask_safely(by) {
                Some(note) => note,
                None => {
                    let hint = "wait until it is up, or use `restart` without --safe";
                    return self.refuse(id, asking, by, "a safe restart needs a gateway that is up", hint);
                }
            },
            Asking::Replace => self.ask_replace(by, now),
            Asking::Retire(haste) => {
                self.tenure = Tenure::Leaves;
                self.bring_down(asking, haste, by, now)
            }
        };
        self.orders.push(Order::Answer { id, reply: Reply::Accepted { replaces, note: note.to_owned() } });
        self.leave_if_at_rest();
    }

    /// The living incarnation, if the ask ends it or finds it ending.
    fn replaced_by(&self, asking: Asking) -> Option<u64> {
        let going = matches!(self.phase, Phase::Stopping { .. });
        match asking {
            Asking::Start if !going => None,
            Asking::Replace if self.want == Want::Down && !going => None,
            Asking::Start
            | Asking::Replace
            | Asking::Stop(_)
            | Asking::Restart(_)
            | Asking::RestartSafely
            | Asking::Retire(_) => self.living(),
        }
    }

    fn refuse(&mut self, id: AskId, asking: Asking, by: &str, message: &str, hint: &str) {
        self.orders.push(Order::Record(self.turned_away(asking, by, message)));
        let reply = Reply::Refused { message: message.into(), hint: hint.into() };
        self.orders.push(Order::Answer { id, reply });
    }

    /// What was asked and is not done leaves a record too, whoever decided so.
    pub fn turned_away(&self, asking: Asking, by: &str, message: &str) -> Record {
        let follows = match self.phase {
            Phase::Starting { .. } | Phase::Up { .. } | Phase::Stopping { .. } => "what runs was left alone",
            Phase::Down { .. } | Phase::Sweeping { .. } | Phase::Waiting { .. } => "nothing was started",
        };
        Record {
            incarnation: self.incarnation,
            event: "refused",
            saw: format!("{} by {by}: {message}", asking.words()),
            decided: "refused".into(),
            follows: follows.into(),
        }
    }

    /// A definition that waits for the next start leaves a record as one that is taken at once does.
    pub fn taken_for_later(&self, by: &str) -> Record {
        Record {
            incarnation: self.incarnation,
            event: "asked",
            saw: format!("{} by {by}", Asking::Replace.words()),
            decided: "taken for the next start".into(),
            follows: match self.living() {
                Some(incarnation) => format!("incarnation {incarnation} lives on as it was defined"),
                None => "nothing more".into(),
            },
        }
    }

    fn ask_start(&mut self, by: &str, now: Moment) -> &'static str {
        self.wish(Want::Up);
        match &mut self.phase {
            Phase::Starting { .. } => self.noted(by, Asking::Start, "already starting"),
            Phase::Up { .. } => self.noted(by, Asking::Start, "already up"),
            Phase::Stopping { then, .. } => {
                *then = Next::Spawn;
                self.insist(by, Asking::Start, "spawned once the present one has gone")
            }
            Phase::Sweeping { .. } | Phase::Waiting { .. } | Phase::Down { .. } => {
                let note = self.insist(by, Asking::Start, "swept, then spawned");
                self.sweep(Next::Spawn, now);
                note
            }
        }
    }

    fn ask_restart(&mut self, asking: Asking, haste: Haste, by: &str, now: Moment) -> &'static str {
        self.wish(Want::Up);
        match &mut self.phase {
            Phase::Starting { .. } | Phase::Up { .. } => {
                let follows = match haste {
                    Haste::Graceful => "stopped, swept, then spawned",
                    Haste::Now => "killed without a drain, swept, then spawned",
                };
                let note = self.insist(by, asking, follows);
                self.end(haste, Next::Spawn, now);
                note
            }
            Phase::Stopping { then, .. } => {
                *then = Next::Spawn;
                match self.hasten(haste) {
                    Hastened::Yes => {
                        self.insist(by, asking, "the rest of its grace is skipped, then another is spawned")
                    }
                    Hastened::Before | Hastened::No => self.insist(by, asking, "spawned once the present one has gone"),
                }
            }
            Phase::Sweeping { .. } | Phase::Waiting { .. } | Phase::Down { .. } => {
                let note = self.insist(by, asking, "swept, then spawned");
                self.sweep(Next::Spawn, now);
                note
            }
        }
    }

    fn ask_safely(&mut self, by: &str) -> Option<&'static str> {
        match self.phase {
            Phase::Up { incarnation, .. } => {
                self.wish(Want::Up);
                self.record("asked", format!("restart --safe by {by}"), "passed on", "the gateway restarts itself");
                self.safely = Some(incarnation);
                self.orders.push(Order::RestartSafely { incarnation });
                Some("passed on to the gateway, which restarts once its work has drained")
            }
            Phase::Down { .. }
            | Phase::Sweeping { .. }
            | Phase::Starting { .. }
            | Phase::Stopping { .. }
            | Phase::Waiting { .. } => None,
        }
    }

    /// The gateway would not restart itself: an end that comes now is no longer one that was asked for.
    pub(super) fn safely_refused(&mut self, incarnation: u64, why: String) {
        self.safely.take_if(|told| *told == incarnation);
        self.record("safe-restart-refused", why, "nothing", format!("incarnation {incarnation} lives on"));
    }

    fn ask_replace(&mut self, by: &str, now: Moment) -> &'static str {
        match self.want {
            Want::Up => self.ask_restart(Asking::Replace, Haste::Graceful, by, now),
            Want::Down => self.noted(by, Asking::Replace, "taken for the next start"),
        }
    }

    fn bring_down(&mut self, asking: Asking, haste: Haste, by: &str, now: Moment) -> &'static str {
        let words = asking.words();
        match &mut self.phase {
            Phase::Down { because } => {
                // A parked plane that is stopped is at rest because somebody wants it so.
                if matches!(asking, Asking::Stop(_)) {
                    *because = Rest::Asked;
                }
                self.noted(by, asking, "already down")
            }
            Phase::Sweeping { then, .. } => {
                *then = Next::Down(Rest::Asked);
                self.record("asked", format!("{words} by {by}"), "down", "nothing was running");
                "nothing was running"
            }
            Phase::Waiting { .. } => {
                self.record("asked", format!("{words} by {by}"), "down", "nothing was running");
                self.rest_quietly();
                "nothing was running"
            }
            Phase::Stopping { then, .. } => {
                let before = std::mem::replace(then, Next::Down(Rest::Asked));
                let was_going_down = matches!(before, Next::Down(_));
                let (decided, follows) = match (self.hasten(haste), was_going_down) {
                    (Hastened::Yes, true) => ("SIGKILL", "the rest of its grace is skipped"),
                    (Hastened::Yes, false) => ("SIGKILL", "the rest of its grace is skipped, and no other is spawned"),
                    (Hastened::Before, true) => ("already stopping", "SIGKILL was sent before"),
                    (Hastened::Before, false) => ("down", "SIGKILL was sent before, and no other is spawned"),
                    (Hastened::No, true) => ("already stopping", "its grace stays as it is"),
                    (Hastened::No, false) => ("down", "its grace stays as it is, and no other is spawned"),
                };
                self.record("asked", format!("{words} by {by}"), decided, follows);
                "already stopping"
            }
            Phase::Starting { .. } | Phase::Up { .. } => {
                let follows = match haste {
                    Haste::Graceful => "SIGTERM, then its own drain",
                    Haste::Now => "SIGKILL, without a drain",
                };
                self.record("asked", format!("{words} by {by}"), "stopped", follows);
                self.end(haste, Next::Down(Rest::Asked), now);
                "stopping"
            }
        }
    }

    /// Begins the end of the living incarnation.
    fn end(&mut self, haste: Haste, then: Next, now: Moment) {
        let (Phase::Starting { incarnation, since, .. } | Phase::Up { incarnation, since, .. }) = self.phase else {
            return;
        };
        match haste {
            Haste::Graceful => self.stop(incarnation, since, StopCause::Asked, then, now),
            Haste::Now => {
                let (why, drain) = (StopCause::Asked, Drain::Killed);
                self.phase = Phase::Stopping { incarnation, since, why, then, termed: None, kill_at: now, drain };
                self.orders.push(Order::Kill { incarnation });
            }
        }
    }

    /// `--now` cuts a running grace short; a second graceful ask does not.
    fn hasten(&mut self, haste: Haste) -> Hastened {
        match (haste, &mut self.phase) {
            (Haste::Now, Phase::Stopping { incarnation, drain, .. }) if *drain != Drain::Killed => {
                *drain = Drain::Killed;
                self.orders.push(Order::Kill { incarnation: *incarnation });
                Hastened::Yes
            }
            (_, Phase::Stopping { drain: Drain::Killed, .. }) => Hastened::Before,
            (Haste::Now | Haste::Graceful, _) => Hastened::No,
        }
    }

    /// An ask that finds the plane where it is to be.
    fn noted(&mut self, by: &str, asking: Asking, note: &'static str) -> &'static str {
        self.record("asked", format!("{} by {by}", asking.words()), note, "nothing more");
        note
    }

    fn wish(&mut self, want: Want) {
        self.want = want;
        self.orders.push(Order::Remember(want));
    }

    fn insist(&mut self, by: &str, asking: Asking, follows: &'static str) -> &'static str {
        self.pace.insist();
        self.origin = Origin::Asked;
        self.waits = 0;
        self.unlaunched = None;
        self.record("asked", format!("{} by {by}", asking.words()), "accepted", follows);
        self.drop_question("an operator asked for a spawn");
        follows
    }

    fn rest_quietly(&mut self) {
        self.phase = Phase::Down { because: Rest::Asked };
        self.waits = 0;
        self.drop_question("the plane is down");
    }

    fn leave_if_at_rest(&mut self) {
        if self.tenure == Tenure::Leaves && matches!(self.phase, Phase::Down { .. }) {
            self.orders.push(Order::Leave);
        }
    }
}

/// Whether a grace was cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hastened {
    Yes,
    Before,
    No,
}
