//! What askers and followers are shown: the state, with fresh numbers and notes.
//!
//! Reads, and changes nothing of the plane.

use super::asks::Often;
use super::drive::Keeper;
use super::hands::Hands;
use super::{origin, publish};
use crate::journal::Entry;
use crate::life::phase::{Moment, Phase};
use crate::socket::Reply;
use crate::wire::{Answer, PlaneStatus};

impl Keeper {
    /// Answers one who asks for the state, once or for as long as it listens.
    pub(super) fn show(&mut self, reply: Reply, often: Often) {
        match often {
            Often::Once => {
                self.sum_up();
                reply.answer(Answer::Plane(Box::new(self.status())));
            }
            Often::Always => {
                let status = self.status();
                self.followers.retain(|follower| !follower.has_hung_up());
                if reply.push(Answer::Plane(Box::new(status))).is_ok() {
                    self.followers.push(reply);
                }
            }
        }
    }

    pub(super) fn show_followers(&mut self, now: Moment) {
        if self.followers.is_empty() {
            return;
        }
        let status = self.told(now);
        if self.shown.as_ref().is_some_and(|shown| !publish::differs(shown, &status)) {
            return;
        }
        let answer = Answer::Plane(Box::new(status.clone()));
        self.followers.retain(|follower| follower.push(answer.clone()).is_ok());
        self.shown = Some(status);
    }

    /// Takes fresh sums over the plane's processes, for one who asks. A follower is told of changes, and sums are none.
    fn sum_up(&mut self) {
        let now = self.hands.clock.now();
        let since = match self.life.phase() {
            Phase::Starting { since, .. } | Phase::Up { since, .. } | Phase::Stopping { since, .. } => *since,
            Phase::Down { .. } | Phase::Sweeping { .. } | Phase::Waiting { .. } => now,
        };
        let sums =
            self.hands.running.as_ref().map(|running| running.pid).and_then(|pid| self.hands.usage.of(pid, since, now));
        self.hands.known.rss_bytes = sums.map(|sums| sums.rss_bytes);
        self.hands.known.cpu_percent = sums.map(|sums| sums.cpu_percent);
    }

    /// The state with fresh notes.
    fn status(&mut self) -> PlaneStatus {
        let now = self.hands.clock.now();
        self.look_at_origin();
        self.hands.known.felt = self.hands.confinement.felt();
        self.hands.known.log_lines_lost = self.hands.logbook.lost().lines;
        let trouble = self.hands.logbook.trouble();
        self.hands.known.unlogged =
            trouble.map(|trouble| format!("its output could not be written when it last said something: {trouble}"));
        self.told(now)
    }

    /// An upgrade underneath a living gateway: its modules are loaded one by one, so it may fail at any moment from then on.
    pub(super) fn look_at_origin(&mut self) {
        if self.hands.running.is_none() {
            return;
        }
        // The watch is read in any case, so that the kernel holds no notes for us.
        let module = self.hands.modules.changed();
        let Some(file) = self.hands.origin.changed().or(module) else { return };
        let plane = &self.hands.sealed.plane;
        let (saw, follows, advice) = if file.exists() {
            let saw = format!("{} has changed since this incarnation was started", file.display());
            (
                saw,
                "the next start takes what is there",
                format!("`gateward restart {}` starts what is there now", plane.name),
            )
        } else {
            let saw = format!("{} is gone, and this incarnation was started from it", file.display());
            (saw, "no start succeeds until it is there again", origin::remedy(&plane.launch))
        };
        let note = format!("{saw}; {advice}");
        if self.hands.known.exchanged.as_ref() == Some(&note) {
            return;
        }
        self.hands.known.exchanged = Some(note);
        self.hands.journal.add(Entry {
            at: self.hands.clock.stamp(),
            plane: Some(plane.name.clone()),
            incarnation: self.life.incarnation(),
            event: "runtime-changed".into(),
            saw,
            decided: "left as it is".into(),
            follows: follows.into(),
            lost_before: 0,
        });
    }

    /// The state by what is known.
    fn told(&self, now: Moment) -> PlaneStatus {
        let Hands { sealed, known, running, clock, .. } = &self.hands;
        let age = running.as_ref().map(|running| clock.elapsed().saturating_sub(running.spawned));
        publish::status(&sealed.plane, &self.life, known, age, self.until(now))
    }

    fn until(&self, now: Moment) -> Option<String> {
        let until = self.life.until()?;
        Some(self.hands.clock.stamp_in(until.saturating_sub(now)))
    }
}
