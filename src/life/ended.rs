//! What an end changes: the sweep comes first, then respawn, wait, or rest, by what the end meant.
//!
//! The only place that decides whether a death is followed by another spawn.

use super::order::Want;
use super::pace::Verdict;
use super::phase::{Moment, Next, Park, Phase, Rest, StopCause, Wait};
use super::{Life, Origin, Tenure};
use crate::openclaw::exits::{CONFIG_EXIT, Exit, Meaning};
use crate::plane::{Contract, Policy};

impl Life {
    pub(super) fn exited(&mut self, incarnation: u64, exit: Exit, meaning: Meaning, now: Moment) {
        if self.living() != Some(incarnation) {
            return;
        }
        if !matches!(self.phase, Phase::Stopping { .. }) {
            self.count_pending();
        }
        let saw = format!("{exit}: {}", self.end_in_words(meaning));
        let next = match &self.phase {
            Phase::Stopping { then, why, since, .. } => {
                let (then, why, since) = (then.clone(), why.clone(), *since);
                // To OpenClaw a gateway that was cut off did not end, whoever wanted it.
                if why == StopCause::Asked && was_cut_off(exit) && self.rules.contract == Contract::Openclaw {
                    self.pace.cut_off(since, now);
                }
                self.after_stop(then, &why, since, exit, now)
            }
            Phase::Starting { since, .. } => {
                let since = *since;
                let counted = match exit {
                    Exit::Code(_) => now,
                    Exit::Signal(_) | Exit::OutOfMemory | Exit::PerhapsOutOfMemory => since,
                };
                self.after_death(incarnation, meaning, exit, since, counted, now)
            }
            Phase::Up { since, .. } => {
                let since = *since;
                self.after_death(incarnation, meaning, exit, since, since, now)
            }
            Phase::Down { .. } | Phase::Sweeping { .. } | Phase::Waiting { .. } => return,
        };
        let follows = match (&next, meaning) {
            (Next::Spawn, Meaning::Clean) if self.handoff.is_some() => {
                "swept, then spawned at once; OpenClaw is asked afterwards whether it wanted a successor".to_owned()
            }
            (next, _) => consequence(next, now),
        };
        self.record("exited", saw, decision(&next), follows);
        self.sweep(next, now);
    }

    /// What an end means that comes now: what we brought about ourselves was asked for by nobody.
    pub fn end_in_words(&self, meaning: Meaning) -> String {
        if meaning == Meaning::Clean && self.safely.is_some() && self.safely == self.living() {
            return "restarted as asked".to_owned();
        }
        let ours = match &self.phase {
            Phase::Stopping { why, .. } => why.ours(),
            Phase::Down { .. }
            | Phase::Starting { .. }
            | Phase::Up { .. }
            | Phase::Sweeping { .. }
            | Phase::Waiting { .. } => None,
        };
        let Some(ours) = ours else { return meaning.sentence().to_owned() };
        match meaning {
            Meaning::Asked => ours,
            Meaning::Ended => format!("{ours}, by SIGKILL"),
            Meaning::AskedForced => format!("{ours}, with work cut off when its own drain ran out"),
            Meaning::AskedUnfinished => format!("{ours}, at its own deadline and with its shutdown unfinished"),
            Meaning::AskedFailed => format!("{ours}; its shutdown failed"),
            Meaning::Clean
            | Meaning::Config
            | Meaning::Conflict
            | Meaning::ConfigMoved
            | Meaning::Crash
            | Meaning::Killed
            | Meaning::OutOfMemory
            | Meaning::PerhapsOutOfMemory => format!("{ours}; it {}", meaning.sentence()),
        }
    }

    /// The end of an incarnation that we had asked to go.
    fn after_stop(&mut self, then: Next, why: &StopCause, since: Moment, exit: Exit, now: Moment) -> Next {
        match why {
            StopCause::Asked => then,
            StopCause::Unhealthy(_) | StopCause::Stuck(_) if then != Next::Spawn => then,
            StopCause::Unhealthy(how) | StopCause::Stuck(how) => {
                let unclean = was_cut_off(exit).then_some(since);
                let words = why.ours().unwrap_or_else(|| how.clone());
                let paced = self.paced(unclean, words, now);
                // An operator who asked for a spawn meanwhile insists on it.
                if self.origin == Origin::Asked { Next::Spawn } else { paced }
            }
        }
    }

    /// The end of an incarnation that nobody had asked to go.
    fn after_death(
        &mut self,
        incarnation: u64,
        meaning: Meaning,
        exit: Exit,
        since: Moment,
        counted: Moment,
        now: Moment,
    ) -> Next {
        if self.want == Want::Down || self.tenure == Tenure::Leaves {
            return Next::Down(Rest::Asked);
        }
        let words = format!("{exit}: {}", meaning.sentence());
        let policy = self.rules.restart.policy;
        match meaning {
            Meaning::Config => Next::Down(Rest::Parked(Park::Config)),
            Meaning::Conflict => {
                // Code 78 comes before OpenClaw begins its own count.
                let counted = (exit != Exit::Code(CONFIG_EXIT)).then_some(counted);
                let (pause, attempt) = self.pace.refused(now, counted);
                let retry_at = now + pause.max(super::CONFLICT_WAITS[0]);
                Next::Wait { retry_at, attempt, because: Wait::Refused(words) }
            }
            Meaning::Clean if self.rules.contract == Contract::Openclaw => {
                self.after_clean_exit(incarnation, since, now)
            }
            Meaning::Clean if policy == Policy::OnFailure => park(words, policy),
            Meaning::Clean
            | Meaning::ConfigMoved
            | Meaning::Crash
            | Meaning::Killed
            | Meaning::OutOfMemory
            | Meaning::PerhapsOutOfMemory
            | Meaning::Asked
            | Meaning::AskedForced
            | Meaning::AskedUnfinished
            | Meaning::AskedFailed
            | Meaning::Ended => match policy {
                Policy::Never => park(words, policy),
                Policy::Always | Policy::OnFailure => self.paced(meaning.unclean().then_some(counted), words, now),
            },
        }
    }

    /// What a refused config was waiting for.
    pub(super) fn files_changed(&mut self, now: Moment) {
        if let Phase::Down { because: Rest::Parked(Park::Config) } = self.phase {
            self.record("files-changed", "config, an include or .env changed", "try again", "swept, then spawned");
            self.origin = Origin::Asked;
            self.sweep(Next::Spawn, now);
        }
    }

    /// Time that it only took to start was never up, and makes nothing stable.
    fn paced(&mut self, unclean: Option<Moment>, words: String, now: Moment) -> Next {
        let verdict = self.pace.died(self.up_since.unwrap_or(now), now, unclean);
        self.after_verdict(verdict, words, now)
    }

    pub(super) fn after_verdict(&self, verdict: Verdict, words: String, now: Moment) -> Next {
        match verdict {
            Verdict::AtOnce => Next::Spawn,
            Verdict::After(delay, attempt) => {
                Next::Wait { retry_at: now + delay, attempt, because: Wait::Backoff(words) }
            }
            Verdict::Breaker(retry_at) => Next::Wait { retry_at, attempt: 1, because: Wait::Breaker(words) },
            Verdict::GiveUp(count) => Next::Down(Rest::Parked(Park::Deaths { count, last: words })),
        }
    }
}

/// Whether an end that we brought about left OpenClaw no time to write it down. One that exits by itself, seen to drain or
/// not, has closed its store.
fn was_cut_off(exit: Exit) -> bool {
    match exit {
        Exit::Code(_) => false,
        Exit::Signal(_) | Exit::OutOfMemory | Exit::PerhapsOutOfMemory => true,
    }
}

pub(super) fn park(words: String, policy: Policy) -> Next {
    Next::Down(Rest::Parked(Park::Policy(format!("{words}, and restart.policy is `{policy}`"))))
}

pub(super) fn decision(next: &Next) -> &'static str {
    match next {
        Next::Spawn => "respawn",
        Next::Wait { because: Wait::Backoff(_), .. } => "back off",
        Next::Wait { because: Wait::Breaker(_), .. } => "hold back",
        Next::Wait { because: Wait::Handoff, .. } => "ask for a handoff",
        Next::Wait { because: Wait::Conflict(_) | Wait::Refused(_) | Wait::Launch(_), .. } => "wait",
        Next::Down(Rest::Parked(_)) => "park",
        Next::Down(Rest::Asked | Rest::Fresh) => "down",
    }
}

pub(super) fn consequence(next: &Next, now: Moment) -> String {
    match next {
        Next::Spawn => "swept, then spawned at once".into(),
        Next::Wait { retry_at, because, .. } => {
            let wait = retry_at.saturating_sub(now).as_secs_f64();
            match because {
                Wait::Breaker(_) => format!(
                    "spawned in {wait:.0} s: sooner, one more unclean end would make OpenClaw suppress every channel"
                ),
                Wait::Handoff => "its answer decides".into(),
                Wait::Refused(_) => {
                    format!("spawned once who holds it has left, or in {wait:.1} s where nobody is seen")
                }
                Wait::Backoff(_) | Wait::Conflict(_) | Wait::Launch(_) => {
                    format!("swept, then spawned in {wait:.1} s")
                }
            }
        }
        Next::Down(Rest::Parked(Park::Config)) => "left alone until config, include or .env change".into(),
        Next::Down(Rest::Parked(Park::Policy(_) | Park::Deaths { .. })) => "left alone until a start is asked".into(),
        Next::Down(Rest::Asked | Rest::Fresh) => "swept, then left down".into(),
    }
}
