//! What a living incarnation tells: progress, readiness, signs of life, a drain; and the want of them.
//!
//! Every one names its incarnation, and a stale one changes nothing.

use std::time::Duration;

use super::Life;
use super::due::{CEILING, HUNG_AFTER};
use super::ended::park;
use super::phase::{Drain, Moment, Next, Phase, Signs, StopCause};
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
        self.phase = Phase::Up { incarnation, since: *since, signs: Signs::Serving { failures: 0 } };
        self.waits = 0;
        self.up_since = Some(now);
        self.record("started", format!("started after {:.1} s", took.as_secs_f64()), "up", "liveness is watched");
        self.put_question();
    }

    pub(super) fn lived(&mut self, incarnation: u64) {
        if let Phase::Up { incarnation: living, signs, .. } = &mut self.phase
            && *living == incarnation
        {
            *signs = Signs::Serving { failures: 0 };
        }
    }

    /// No listener, but work: it is judged as a start is, by its progress and with a ceiling, not by the answers that it cannot
    /// give meanwhile.
    pub(super) fn worked(&mut self, incarnation: u64, now: Moment) {
        let Phase::Up { incarnation: living, signs, .. } = &mut self.phase else { return };
        if *living != incarnation {
            return;
        }
        let ceiling = self.rules.health.startup.saturating_mul(CEILING);
        let (since, begins) = match *signs {
            Signs::Serving { .. } => (now, true),
            Signs::Reopening { since, .. } => (since, false),
        };
        *signs = Signs::Reopening { since, failures: 0 };
        if begins {
            let follows = format!(
                "judged as a start: replaced after {} looks in a row without a sign of work, or after {} s",
                self.rules.health.failures,
                ceiling.as_secs()
            );
            self.record("reopening", "nothing listens on its port, and it works", "waited for", follows);
        } else if now.saturating_sub(since) >= ceiling {
            let how = format!("nothing listened on its port for {} s, though it worked", ceiling.as_secs());
            self.give_up(how.clone(), how.clone(), how, now);
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
        let Phase::Up { incarnation: living, signs, .. } = &mut self.phase else { return };
        if *living != incarnation {
            return;
        }
        match signs {
            Signs::Serving { failures } | Signs::Reopening { failures, .. } => *failures += 1,
        }
        let failures = signs.failures();
        if failures >= self.rules.health.failures {
            let saw = format!("no sign of life, {failures} times in a row: {how}");
            self.give_up(saw, format!("liveness failed {failures} times in a row: {how}"), how, now);
        }
    }

    /// `words` are those of a plane that is parked for it, `how` those of the stop.
    fn give_up(&mut self, saw: String, words: String, how: String, now: Moment) {
        let Phase::Up { incarnation, since, .. } = self.phase else { return };
        let then = self.after_giving_up(words);
        let follows = term_then_kill(self.rules.stop_grace);
        self.record("unhealthy", saw, fate(&then), follows);
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

/// What is done to a gateway that shows no sign of life, in the journal's words. A short grace is over before the time that
/// tells a hung one.
pub(super) fn term_then_kill(grace: Duration) -> String {
    if grace <= HUNG_AFTER {
        format!("SIGTERM now; SIGKILL after {} s", grace.as_secs_f64())
    } else {
        format!("SIGTERM now; SIGKILL after {} s without a drain", HUNG_AFTER.as_secs())
    }
}

/// What becomes of one that is given up, in the journal's words.
pub(super) fn fate(then: &Next) -> &'static str {
    match then {
        Next::Spawn | Next::Wait { .. } => "replaced",
        Next::Down(_) => "ended, then parked",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_grace_is_told_and_not_the_time_of_a_hung_gateway() {
        let told = |grace| term_then_kill(Duration::from_secs(grace));
        assert_eq!(told(1), "SIGTERM now; SIGKILL after 1 s");
        assert_eq!(told(345), "SIGTERM now; SIGKILL after 30 s without a drain");
    }
}
