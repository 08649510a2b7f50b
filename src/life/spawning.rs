//! From a proved plane to an incarnation that starts, or to a wait where none could be spawned.
//!
//! Proves nothing: whoever comes here has swept.

use super::ended;
use super::order::Order;
use super::phase::{Moment, Next, Phase, Wait};
use super::{Life, Origin};
use crate::plane::Contract;

impl Life {
    /// What was waited for has gone. Where a gateway ran into it meanwhile, OpenClaw's breaker may have counted that.
    pub(super) fn spawn_unless_held_back(&mut self, now: Moment) {
        let waited = self.waits > 0 && self.origin == Origin::Own;
        match self.pace.held_back(now).filter(|_| waited) {
            Some(retry_at) => {
                let words = "what it waited for is free by now".to_owned();
                let because = Wait::Breaker(words.clone());
                let next = Next::Wait { retry_at, attempt: 1, because: because.clone() };
                self.record("conflict-gone", words, ended::decision(&next), ended::consequence(&next, now));
                self.phase = Phase::Waiting { retry_at, attempt: 1, because };
            }
            None => self.spawn(now),
        }
    }

    fn spawn(&mut self, now: Moment) {
        self.incarnation += 1;
        self.up_since = None;
        self.hold_question();
        let incarnation = self.incarnation;
        match std::mem::replace(&mut self.origin, Origin::Own) {
            Origin::Asked => self.restarts = 0,
            Origin::Own => self.restarts += 1,
            Origin::Handoff => {}
        }
        self.phase = Phase::Starting { incarnation, since: now, moved: now, reached: "spawned".into() };
        self.orders.push(Order::Spawn { incarnation });
    }

    pub(super) fn spawned(&mut self, incarnation: u64, now: Moment) {
        let Phase::Starting { incarnation: living, since, moved, .. } = &mut self.phase else { return };
        if *living != incarnation {
            return;
        }
        (*since, *moved) = (now, now);
        let mut saw = "an empty plane and free ports".to_owned();
        if let Some((error, times)) = self.unlaunched.take().filter(|(_, times)| *times > 1) {
            saw.push_str(&format!(", after {times} failures in a row: {error}"));
        }
        self.record("spawned", saw, "spawned", format!("incarnation {incarnation} starts"));
        if self.rules.contract == Contract::Plain && self.rules.health.url.is_none() {
            self.started(incarnation, now);
        }
    }

    /// Tried again whatever it was: a program is exchanged, a disk is mounted, a folder is given back. The same reason again is
    /// counted, not told: the journal is bounded, and what it holds of before is worth more.
    pub(super) fn spawn_failed(&mut self, incarnation: u64, error: String, now: Moment) {
        if self.living() != Some(incarnation) {
            return;
        }
        match &mut self.unlaunched {
            Some((before, times)) if *before == error => *times = times.saturating_add(1),
            Some(_) | None => {
                self.unlaunched = Some((error.clone(), 1));
                let follows = "swept, then spawned after a short wait; the same failure again is counted, not told";
                self.record("spawn-failed", error.clone(), "try again", follows);
            }
        }
        self.wait_for_holders(Wait::Launch(error), now);
    }
}
