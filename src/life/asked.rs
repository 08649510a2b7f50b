//! What an ask changes: reach this state. A repeat is harmless; each ask gets exactly one answer.
//!
//! Whether a config validates is asked by the keeper before a start or restart gets here.

use super::event::{AskId, Asking, Haste};
use super::order::{Order, Reply, Want};
use super::phase::{Drain, Moment, Next, Phase, Rest, StopCause};
use super::{Life, Origin, Tenure};
use crate::plane::Contract;

impl Life {
    pub(super) fn asked(&mut self, id: AskId, asking: Asking, by: &str, now: Moment) {
        let replaces = self.replaced_by(asking);
        let leaving = self.tenure == Tenure::Leaves;
        let note = match asking {
            Asking::Start | Asking::Restart(_) | Asking::RestartSafely | Asking::Replace if leaving => {
                return self.refuse(id, "the keeper of this plane is leaving", "ask again in a moment");
            }
            // A program that knows no such words would take them for its own, as a second copy of what runs.
            Asking::RestartSafely if self.rules.contract == Contract::Plain => {
                let message = "has no safe restart of its own: contract plain";
                return self.refuse(id, message, "`gateward restart` stops it gracefully and starts it again");
            }
            Asking::Start => self.ask_start(by, now),
            Asking::Stop(haste) => self.ask_stop(haste, by, now),
            Asking::Restart(haste) => self.ask_restart(haste, by, now),
            Asking::RestartSafely => match self.ask_safely(by) {
                Some(note) => note,
                None => {
                    let hint = "use `restart` without --safe";
                    return self.refuse(id, "a safe restart needs a gateway that is up", hint);
                }
            },
            Asking::Replace => self.ask_replace(by, now),
            Asking::Retire(haste) => self.ask_retire(haste, by, now),
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

    fn refuse(&mut self, id: AskId, message: &str, hint: &str) {
        let reply = Reply::Refused { message: message.into(), hint: hint.into() };
        self.orders.push(Order::Answer { id, reply });
    }

    fn ask_start(&mut self, by: &str, now: Moment) -> &'static str {
        self.wish(Want::Up);
        match &mut self.phase {
            Phase::Starting { .. } => "already starting",
            Phase::Up { .. } => "already up",
            Phase::Stopping { then, .. } => {
                *then = Next::Spawn;
                self.insist(by, "start", "spawned once the present one has gone")
            }
            Phase::Sweeping { .. } | Phase::Waiting { .. } | Phase::Down { .. } => {
                let note = self.insist(by, "start", "swept, then spawned");
                self.sweep(Next::Spawn, now);
                note
            }
        }
    }

    fn ask_restart(&mut self, haste: Haste, by: &str, now: Moment) -> &'static str {
        self.wish(Want::Up);
        match &mut self.phase {
            Phase::Starting { .. } | Phase::Up { .. } => {
                let note = self.insist(by, "restart", "stopped, swept, then spawned");
                self.end(haste, Next::Spawn, now);
                note
            }
            Phase::Stopping { then, .. } => {
                *then = Next::Spawn;
                let note = self.insist(by, "restart", "spawned once the present one has gone");
                self.hasten(haste, by, "restart");
                note
            }
            Phase::Sweeping { .. } | Phase::Waiting { .. } | Phase::Down { .. } => {
                let note = self.insist(by, "restart", "swept, then spawned");
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

    fn ask_replace(&mut self, by: &str, now: Moment) -> &'static str {
        match self.want {
            Want::Up => self.ask_restart(Haste::Graceful, by, now),
            Want::Down => "taken for the next start",
        }
    }

    fn ask_stop(&mut self, haste: Haste, by: &str, now: Moment) -> &'static str {
        self.wish(Want::Down);
        self.bring_down(haste, by, "stop", now)
    }

    fn ask_retire(&mut self, haste: Haste, by: &str, now: Moment) -> &'static str {
        self.tenure = Tenure::Leaves;
        self.bring_down(haste, by, "retire", now)
    }

    fn bring_down(&mut self, haste: Haste, by: &str, word: &'static str, now: Moment) -> &'static str {
        match &mut self.phase {
            Phase::Down { because } => {
                // A parked plane that is stopped is at rest because somebody wants it so.
                if word == "stop" {
                    *because = Rest::Asked;
                }
                "already down"
            }
            Phase::Sweeping { then, .. } => {
                *then = Next::Down(Rest::Asked);
                self.record("asked", format!("{word} by {by}"), "down", "nothing was running");
                "nothing was running"
            }
            Phase::Waiting { .. } => {
                self.record("asked", format!("{word} by {by}"), "down", "nothing was running");
                self.rest_quietly();
                "nothing was running"
            }
            Phase::Stopping { then, .. } => {
                *then = Next::Down(Rest::Asked);
                match haste {
                    Haste::Graceful => {
                        self.record("asked", format!("{word} by {by}"), "already stopping", "its grace stays as it is");
                    }
                    Haste::Now => self.hasten(haste, by, word),
                }
                "already stopping"
            }
            Phase::Starting { .. } | Phase::Up { .. } => {
                let (saw, follows) = match haste {
                    Haste::Graceful => (format!("{word} by {by}"), "SIGTERM, then its own drain"),
                    Haste::Now => (format!("{word} --now by {by}"), "SIGKILL, without a drain"),
                };
                self.record("asked", saw, "stopped", follows);
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
    fn hasten(&mut self, haste: Haste, by: &str, word: &'static str) {
        if let (Haste::Now, Phase::Stopping { incarnation, drain, .. }) = (haste, &mut self.phase)
            && *drain != Drain::Killed
        {
            *drain = Drain::Killed;
            let incarnation = *incarnation;
            self.record("asked", format!("{word} --now by {by}"), "SIGKILL", "the rest of its grace is skipped");
            self.orders.push(Order::Kill { incarnation });
        }
    }

    fn wish(&mut self, want: Want) {
        self.want = want;
        self.orders.push(Order::Remember(want));
    }

    fn insist(&mut self, by: &str, word: &'static str, follows: &'static str) -> &'static str {
        self.pace.insist();
        self.origin = Origin::Asked;
        self.waits = 0;
        self.handoff = None;
        self.record("asked", format!("{word} by {by}"), "accepted", follows);
        follows
    }

    fn rest_quietly(&mut self) {
        self.phase = Phase::Down { because: Rest::Asked };
        self.waits = 0;
        self.handoff = None;
    }

    fn leave_if_at_rest(&mut self) {
        if self.tenure == Tenure::Leaves && matches!(self.phase, Phase::Down { .. }) {
            self.orders.push(Order::Leave);
        }
    }
}
