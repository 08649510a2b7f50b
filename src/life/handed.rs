//! A clean exit that nobody asked for, and the question whether it was a restart handoff.
//!
//! The question is never put while a gateway boots: OpenClaw's answer needs the same store that the boot opens
//! (`docs/openclaw.md`). Under `always` the successor is spawned at once and the question is put when it has started; under
//! the other policies, and where a second clean exit comes before the first was answered, the answer is waited for.

use std::time::Duration;

use super::due::HANDOFF_WAIT;
use super::event::Told;
use super::order::Order;
use super::pace::{Came, Verdict};
use super::phase::{Moment, Next, Park, Phase, Rest, Wait};
use super::{Life, Origin};
use crate::plane::Policy;

/// A clean exit without its answer yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    incarnation: u64,
    since: Moment,
    ended: Moment,
    came: Came,
    /// When it came up; its end, where it never did.
    up_since: Moment,
    question: Question,
    count: Count,
}

/// Whether OpenClaw has been asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    /// A gateway boots.
    Held,
    /// Under way.
    Put,
}

/// Whether the exit stands among the early deaths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    /// Not unless the answer says that nobody wanted it.
    Open,
    /// Already, since its successor has ended as well.
    Done,
}

impl Life {
    /// What follows a clean exit of a gateway that speaks handoff.
    pub(super) fn after_clean_exit(&mut self, incarnation: u64, since: Moment, now: Moment) -> Next {
        let second = self.handoff.is_some();
        let came = match &self.phase {
            Phase::Starting { .. } => Came::Nowhere,
            Phase::Down { .. }
            | Phase::Sweeping { .. }
            | Phase::Up { .. }
            | Phase::Stopping { .. }
            | Phase::Waiting { .. } => Came::Up,
        };
        let paced =
            self.pace.would_give_up(now) || self.pace.is_restless(since, now, came) || self.pace.doubts(since, now);
        self.drop_question("its successor exited cleanly as well, and that exit is asked about instead");
        let at_once = self.rules.restart.policy == Policy::Always && !second && !paced;
        let up_since = self.up_since.unwrap_or(now);
        let question = if at_once { Question::Held } else { Question::Put };
        self.handoff = Some(Pending { incarnation, since, ended: now, came, up_since, question, count: Count::Open });
        if at_once {
            return Next::Spawn;
        }
        self.orders.push(Order::ConsumeHandoff { incarnation });
        Next::Wait { retry_at: now + HANDOFF_WAIT, attempt: 1, because: Wait::Handoff }
    }

    /// The successor has started: nothing boots, so the question can be put.
    pub(super) fn put_question(&mut self) {
        let Some(pending) = self.handoff.as_mut().filter(|pending| pending.question == Question::Held) else { return };
        pending.question = Question::Put;
        let incarnation = pending.incarnation;
        self.orders.push(Order::ConsumeHandoff { incarnation });
    }

    /// An exit that will not be asked about any more leaves a record of that.
    pub(super) fn drop_question(&mut self, why: &str) {
        let Some(pending) = self.handoff.take() else { return };
        let saw = format!("whether incarnation {} wanted a successor was never answered: {why}", pending.incarnation);
        let follows = match pending.count {
            Count::Open => "the exit counts for nothing",
            Count::Done => "the exit counts as a death",
        };
        self.record("handoff", saw, "none", follows);
    }

    /// A spawn ends a question under way; whoever comes up next has it put again.
    pub(super) fn hold_question(&mut self) {
        if let Some(pending) = &mut self.handoff {
            pending.question = Question::Held;
        }
    }

    /// The successor has ended too: the exit before it counts from now on, and is taken back if it was wanted.
    pub(super) fn count_pending(&mut self) {
        if let Some(pending) = self.handoff.as_mut().filter(|pending| pending.count == Count::Open) {
            pending.count = Count::Done;
            let (up_since, ended) = (pending.up_since, pending.ended);
            self.pace.died(up_since, ended, None);
        }
    }

    pub(super) fn handoff_told(&mut self, incarnation: u64, told: Told, now: Moment) {
        let Some(pending) = self.handoff.take_if(|pending| pending.incarnation == incarnation) else { return };
        match told {
            Told::Accepted(reason) => self.handed_off(&pending, reason, now),
            Told::Nothing(reason) | Told::Unknown(reason) => self.not_handed_off(&pending, reason, now),
        }
    }

    fn handed_off(&mut self, pending: &Pending, reason: String, now: Moment) {
        if pending.count == Count::Done {
            self.pace.forgive();
        }
        self.pace.trust();
        let pause = self.pace.handed_off(pending.since, pending.ended, pending.came);
        let awaited = self.is_awaiting_answer();
        if let (true, Some((pause, count))) = (awaited, pause) {
            return self.slow_down(pending, &reason, (pause, count), now);
        }
        let follows = if awaited { "the successor is spawned at once" } else { "its successor is no restart to count" };
        self.record("handoff", reason, "no penalty", follows);
        if awaited {
            self.origin = Origin::Handoff;
            self.sweep(Next::Spawn, now);
        } else {
            self.restarts = self.restarts.saturating_sub(1);
        }
    }

    /// A successor was wanted, as so often before: it comes, but not at once.
    fn slow_down(&mut self, pending: &Pending, reason: &str, (pause, count): (Duration, u32), now: Moment) {
        let words = "it has itself restarted again and again, each time within restart.stable of its start".to_owned();
        let because = Wait::Backoff(words.clone());
        let next = Next::Wait { retry_at: now.max(pending.ended + pause), attempt: count, because };
        let follows = format!("{words}: {}", super::ended::consequence(&next, now));
        self.record("handoff", reason, super::ended::decision(&next), follows);
        self.origin = Origin::Handoff;
        self.go_on_with(next, now);
    }

    /// Nobody asked for a successor: the policy decides. Where one was spawned already, the exit counts for the next.
    fn not_handed_off(&mut self, pending: &Pending, reason: String, now: Moment) {
        let policy = self.rules.restart.policy;
        let awaited = self.is_awaiting_answer();
        self.pace.doubt();
        let verdict = match pending.count {
            Count::Open => self.pace.died(pending.up_since, pending.ended, None),
            Count::Done => Verdict::AtOnce,
        };
        if !awaited {
            let follows = format!("restart.policy `{policy}` had a successor spawned; the exit counts as a death");
            return self.record("handoff", reason, "none", follows);
        }
        let next = match policy {
            Policy::Always => {
                let words = "exit code 0: exited cleanly though nobody asked".to_owned();
                self.after_verdict(verdict, words, now)
            }
            Policy::OnFailure | Policy::Never => {
                Next::Down(Rest::Parked(Park::Policy(format!("it exited cleanly and restart.policy is `{policy}`"))))
            }
        };
        let consequence = super::ended::consequence(&next, now);
        let follows = match &next {
            Next::Down(Rest::Parked(Park::Deaths { count, .. })) => {
                format!("death {count} within restart.window, of restart.max_deaths: {consequence}")
            }
            Next::Spawn | Next::Wait { .. } | Next::Down(_) => format!("restart.policy `{policy}`: {consequence}"),
        };
        self.record("handoff", reason, super::ended::decision(&next), follows);
        self.go_on_with(next, now);
    }

    fn is_awaiting_answer(&self) -> bool {
        matches!(
            self.phase,
            Phase::Waiting { because: Wait::Handoff, .. }
                | Phase::Sweeping { then: Next::Wait { because: Wait::Handoff, .. }, .. }
        )
    }

    /// From the wait for an answer to what the answer brought; a sweep under way ends first.
    fn go_on_with(&mut self, next: Next, now: Moment) {
        match (&mut self.phase, next) {
            (Phase::Sweeping { then, .. }, next) => *then = next,
            (_, Next::Spawn) => self.sweep(Next::Spawn, now),
            (_, Next::Wait { retry_at, attempt, because }) => {
                self.phase = Phase::Waiting { retry_at, attempt, because };
            }
            (_, Next::Down(rest)) => self.rest(rest),
        }
    }
}
