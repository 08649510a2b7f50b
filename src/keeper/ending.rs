//! The end of a gateway: its last words, its group, and what the end means.
//!
//! Decides nothing about what follows.

use super::drive::Keeper;
use super::hands::CleanExit;
use crate::life::event::Event;
use crate::life::phase::{Drain, Phase};
use crate::openclaw::exits::{self, Exit, Stage};
use crate::os::reap;
use crate::wire::LastExit;

impl Keeper {
    /// The gateway has ended: its last words are read and its group is signalled while its pid is still its own.
    pub(super) fn ended(&mut self, incarnation: u64) -> Vec<Event> {
        let Some(running) = self.hands.running.as_ref().filter(|running| running.incarnation == incarnation) else {
            return Vec::new();
        };
        let exit = match reap::peek(&running.pidfd) {
            Ok(Some(exit)) => exit,
            Ok(None) => return Vec::new(),
            Err(error) => {
                tracing::error!(%error, pid = running.pid, "the gateway's end could not be read");
                return Vec::new();
            }
        };
        let pid = running.pid;
        let left = match self.life.phase() {
            // Whoever was to be killed anyway has lost no drain.
            Phase::Stopping { drain: Drain::Killed, .. } => None,
            Phase::Stopping { .. } => self.hands.notice_left_behind(incarnation),
            Phase::Starting { .. }
            | Phase::Up { .. }
            | Phase::Down { .. }
            | Phase::Sweeping { .. }
            | Phase::Waiting { .. } => {
                if exit.code == Some(0) {
                    self.hands.notice_left_behind(incarnation);
                }
                None
            }
        };
        self.hands.broom.name_group(pid);
        if let Err(error) = crate::os::signals::kill_group(pid, libc::SIGKILL) {
            tracing::warn!(%error, pid, "the gateway's group could not be signalled");
        }
        self.hands.logbook.drain();
        if let Err(error) = reap::reap(pid) {
            tracing::error!(%error, pid, "the gateway could not be reaped");
        }
        self.hands.running = None;
        if exit.code == Some(0) {
            let at = self.hands.clock.now();
            self.hands.clean = Some(CleanExit { incarnation, pid, at, asked_again: 0 });
        }
        self.hands.known.pid = None;
        vec![self.judge(incarnation, exit, left)]
    }

    /// The end of an incarnation, with its meaning.
    fn judge(&mut self, incarnation: u64, ended: reap::Exit, cut: Option<String>) -> Event {
        let exit = match (ended.code, ended.signal) {
            (Some(code), _) => Exit::Code(code),
            (None, Some(libc::SIGKILL)) => self.hands.killer(),
            (None, Some(signal)) => Exit::Signal(signal),
            (None, None) => Exit::Code(-1),
        };
        let stage = match self.life.phase() {
            Phase::Stopping { .. } => Stage::Stopping,
            Phase::Up { .. } => Stage::Up,
            Phase::Starting { .. } | Phase::Down { .. } | Phase::Sweeping { .. } | Phase::Waiting { .. } => {
                Stage::Starting
            }
        };
        let contract = self.hands.sealed.plane.contract;
        let meaning = exits::meaning(contract, exit, stage, &self.hands.logbook.tail());
        let mut meant = self.life.end_in_words(meaning);
        if let Some(cut) = cut {
            meant.push_str(&format!(", but {cut}, which listened, was killed without its drain"));
        }
        self.hands.logbook.note(&format!("incarnation {incarnation} ended: {exit}, {meant}"));
        self.hands.known.last_exit =
            Some(LastExit { code: ended.code, signal: ended.signal, at: self.hands.clock.stamp(), meaning: meant });
        self.hands.known.live = false;
        // They were about a process that is no more.
        self.hands.known.notes.clear();
        self.hands.known.left_to_drain = None;
        self.hands.known.safe_restart = None;
        self.hands.known.readiness = super::input::Readiness::default();
        Event::Exited { incarnation, exit, meaning }
    }
}
