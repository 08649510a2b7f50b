//! What is noticed of a gateway and changes nothing about its life: said in `status`, and once in the journal.
//!
//! Orders nothing; a launcher that forks, an output that was closed, a restart within the process, channels kept off.

use super::drive::Keeper;
use super::hands::{self, Hands};
use super::input::{Listener, Seen};
use super::proof;
use crate::journal::Entry;
use crate::life::event::Event;
use crate::life::order::Record;
use crate::life::pace::BREAKER_WINDOW;
use crate::life::phase::{Moment, Phase};
use crate::openclaw::exits;
use crate::os::reap;
use crate::wire::SafeState;

/// So many leftovers are told by name; a browser has dozens of processes.
const NAMED: usize = 4;

/// Beginnings of one generation differ by what a probe takes on a busy host, in milliseconds.
const SAME_BEGINNING: i64 = 4_000;

impl Keeper {
    /// Looks at what one round of probes brought along.
    pub(super) fn notice(&mut self, seen: &Seen, started: bool) {
        if started {
            self.notice_fork(seen);
        }
        self.notice_output();
        self.notice_breaker(started);
    }

    /// The same process, but with a later beginning than before: it has restarted within itself. The beginning is reckoned by
    /// the wall clock, as OpenClaw reckons its time up: set anew, it moves both.
    pub(super) fn notice_generation(&mut self, seen: &Seen) {
        let Some(uptime) = seen.ready.as_ref().and_then(|ready| ready.as_ref().ok()?.uptime_ms) else { return };
        let began = self.hands.clock.epoch_millisecond().saturating_sub_unsigned(uptime);
        let known = &mut self.hands.known;
        let before = known.began.replace(began);
        if before.is_none_or(|before| began - before < SAME_BEGINNING) {
            return;
        }
        known.generations += 1;
        if let Some(asked) = known.safe_restart.as_mut().filter(|asked| asked.state == SafeState::Asked) {
            asked.state = SafeState::Within;
        }
        let count = known.generations;
        self.hands.record(Record {
            incarnation: seen.incarnation,
            event: "generation",
            saw: "the same process counts its time up afresh: it has restarted within itself".into(),
            decided: "none".into(),
            follows: format!("counted apart from restarts: {count} so far in this incarnation"),
        });
    }

    /// The listener belongs to a child of what was spawned: SIGTERM goes to the launcher, and may end there.
    fn notice_fork(&mut self, seen: &Seen) {
        let Some(spawned) = self.hands.running.as_ref().map(|running| running.pid) else { return };
        let Listener::Own { pid } = seen.listener else { return };
        if pid == spawned {
            return;
        }
        let (launcher, gateway) = (proof::describe(spawned), proof::describe(pid));
        let saw = format!("the launcher {launcher} did not exec: its child {gateway} listens");
        self.hands.known.notes.push(format!(
            "{saw}; a stop reaches the launcher alone, so let it `exec` the gateway, or pass SIGTERM on and wait"
        ));
        let follows =
            "a stop is SIGTERM to the launcher; if that ends without waiting, the gateway is killed without its drain";
        self.hands.record(Record {
            incarnation: seen.incarnation,
            event: "launcher-forked",
            saw,
            decided: "left".into(),
            follows: follows.into(),
        });
    }

    /// Nothing more of it can be captured; it lives on all the same.
    fn notice_output(&mut self) {
        let known = &mut self.hands.known;
        let lives = self.hands.running.as_ref().is_some_and(|it| matches!(reap::peek(&it.pidfd), Ok(None)));
        let stays = matches!(self.life.phase(), Phase::Starting { .. } | Phase::Up { .. });
        if known.output_closed || !lives || !stays || !self.hands.logbook.is_closed() {
            return;
        }
        known.output_closed = true;
        known.notes.push("it has closed its stdout and stderr: `logs` shows nothing more of it".into());
        let incarnation = self.life.incarnation();
        self.hands.record(Record {
            incarnation,
            event: "output-closed",
            saw: "the gateway closed its stdout and stderr, and lives".into(),
            decided: "left".into(),
            follows: "nothing more of this incarnation is captured".into(),
        });
    }

    /// OpenClaw's breaker: up, but with every channel off. It says so only in its log, at the start and when it recovers.
    fn notice_breaker(&mut self, started: bool) {
        let known = &mut self.hands.known;
        let (saw, decided) = if started && self.hands.logbook.tail().contains(exits::BREAKER_TRIPPED) {
            let until = self.hands.clock.stamp_in(BREAKER_WINDOW);
            let words = format!("OpenClaw's crash-loop breaker keeps every channel off, until about {until}");
            known.suppressed = Some(words.clone());
            (words, "left")
        } else if known.suppressed.is_some() && self.hands.logbook.tail().contains(exits::BREAKER_RECOVERED) {
            known.suppressed = None;
            ("OpenClaw's crash-loop breaker lets the channels start again".to_owned(), "none")
        } else {
            return;
        };
        let incarnation = self.life.incarnation();
        self.hands.record(Record {
            incarnation,
            event: "breaker",
            saw,
            decided: decided.into(),
            follows: "the gateway is up all the while; OpenClaw starts its channels by itself".into(),
        });
    }
}

impl Hands {
    /// One look of the sweep under way; when it is over, what outlived the gateway and was ended stands in the journal.
    pub(super) fn sweep(&mut self, now: Moment) -> Option<Event> {
        let over = self.broom.look(&self.sealed.plane, &mut self.helpers, now)?;
        let ended = self.broom.ended();
        if !ended.is_empty() {
            let others = ended.len().saturating_sub(NAMED);
            let mut saw = format!("outlived it: {}", ended[..ended.len() - others].join(", "));
            if others > 0 {
                saw.push_str(&format!(" and {others} more"));
            }
            self.record(Record {
                incarnation: self.memory.last_incarnation(),
                event: "leftovers",
                saw,
                decided: "ended".into(),
                follows: "nothing is spawned before they are gone".into(),
            });
        }
        Some(over)
    }

    /// A launcher that forked and went: what it left behind is the gateway, and is ended like any leftover. Gives its name.
    pub(super) fn notice_left_behind(&mut self, incarnation: u64) -> Option<String> {
        let port = hands::spawned(self.ending.as_ref(), &self.sealed).port;
        let left = proof::describe(port.and_then(proof::left_listening)?);
        let saw = format!("what was spawned has ended, and left {left} listening on its port");
        self.record(Record {
            incarnation,
            event: "launcher-left",
            saw,
            decided: "ended".into(),
            follows: "a gateway is kept as a child: let its launcher `exec` it, or wait for it".into(),
        });
        Some(left)
    }

    /// Writes one decision, or one thing of note, into the keeper's log and the plane's journal.
    pub(super) fn record(&mut self, record: Record) {
        tracing::info!(
            incarnation = record.incarnation,
            event = record.event,
            saw = record.saw,
            decided = record.decided,
            follows = record.follows
        );
        self.journal.add(Entry {
            at: self.clock.stamp(),
            plane: Some(self.sealed.plane.name.clone()),
            incarnation: record.incarnation,
            event: record.event.into(),
            saw: record.saw,
            decided: record.decided,
            follows: record.follows,
            lost_before: 0,
        });
    }
}
