//! What a living incarnation tells: progress, readiness, signs of life, a drain; and the want of them.
//!
//! Every one names its incarnation, and a stale one changes nothing.

use super::Life;
use super::due::HUNG_AFTER;
use super::ended::park;
use super::phase::{Drain, Moment, Next, Phase, StopCause};
use crate::plane::Policy;

impl Life {
    pub(super) fn progressed(&mut self, incarnation: u64, now_at: String, now: Moment) {
        if let Phase::Starting { incarnation: living, moved, reached, .. } = &mut self.phase
            && *living == incarnation
        {
            *moved = now;
            *reached = now_at;
        }
    }

    pub(super) fn started(&mut self, incarnation: u64, now: Moment) {
        let Phase::Starting { incarnation: living, since, .. } = &self.phase else { return };
        if *living != incarnation {
            return;
        }
        let took = now.saturating_sub(*since);
        self.phase = Phase::Up { incarnation, since: *since, failures: 0 };
        self.waits = 0;
        self.record("started", format!("started after {:.1} s", took.as_secs_f64()), "up", "liveness is watched");
        self.put_question();
    }

    pub(super) fn lived(&mut self, incarnation: u64) {
        if let Phase::Up { incarnation: living, failures, .. } = &mut self.phase
            && *living == incarnation
        {
            *failures = 0;
        }
    }

    pub(super) fn drained(&mut self, incarnation: u64) {
        if let Phase::Stopping { incarnation: living, drain: drain @ Drain::Unseen, .. } = &mut self.phase
            && *living == incarnation
        {
            *drain = Drain::Seen;
        }
    }

    pub(super) fn failed(&mut self, incarnation: u64, how: String, now: Moment) {
        let Phase::Up { incarnation: living, failures, since } = &mut self.phase else { return };
        if *living != incarnation {
            return;
        }
        *failures += 1;
        let (failures, since) = (*failures, *since);
        if failures < self.rules.health.failures {
            return;
        }
        let then = self.after_giving_up(format!("liveness failed {failures} times in a row: {how}"));
        self.record(
            "unhealthy",
            format!("no sign of life, {failures} times in a row: {how}"),
            fate(&then),
            format!("SIGTERM now; SIGKILL after {} s without a drain", HUNG_AFTER.as_secs()),
        );
        self.stop(incarnation, since, StopCause::Unhealthy(how), then, now);
    }

    /// What follows an end that we bring about ourselves: policy `never` means that nothing is started again, however it ended.
    pub(super) fn after_giving_up(&self, words: String) -> Next {
        match self.rules.restart.policy {
            Policy::Always | Policy::OnFailure => Next::Spawn,
            policy @ Policy::Never => park(words, policy),
        }
    }
}

/// What becomes of one that is given up, in the journal's words.
pub(super) fn fate(then: &Next) -> &'static str {
    match then {
        Next::Spawn | Next::Wait { .. } => "replaced",
        Next::Down(_) => "ended, then parked",
    }
}
