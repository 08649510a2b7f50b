//! What probes mean as facts for the machine, and what of them an operator is shown.
//!
//! Decides nothing about what follows.

use super::drive::Keeper;
use super::hands::{self, Hands};
use super::input::{Listener, Seen, Startup};
use crate::life::event::Event;
use crate::life::phase::{Moment, Phase};
use crate::openclaw::exits;

/// A process that starts comes along while it uses at least this share of a core between two looks: an idle Node process
/// uses about 1 % (contract), a booting one most of a core.
const BOOTING_SHARE: f64 = 0.05;

impl Keeper {
    /// Takes the results of one round.
    pub(super) fn seen(&mut self, seen: &Seen, now: Moment) -> Vec<Event> {
        let living = self.life.living() == Some(seen.incarnation);
        let events = if living { self.facts(seen, now) } else { Vec::new() };
        if living {
            self.look_at_origin();
            if let Some(pid) = self.hands.running.as_ref().map(|running| running.pid) {
                self.hands.count_memory_kills(pid);
            }
            let started = events.iter().any(|event| matches!(event, Event::Started { .. }));
            self.notice(seen, started);
        }
        let coming = self.hands.known.live && !self.hands.known.readiness.ready;
        let Hands { watcher, sealed, ending, .. } = &mut self.hands;
        watcher.seen(self.life.phase(), hands::spawned(ending.as_ref(), sealed), coming, now);
        events
    }

    fn facts(&mut self, seen: &Seen, now: Moment) -> Vec<Event> {
        let incarnation = seen.incarnation;
        self.notice_generation(seen);
        let works = self.works(seen, now);
        let known = &mut self.hands.known;
        match &seen.ready {
            Some(Ok(readiness)) => {
                known.readiness = readiness.clone();
            }
            Some(Err(error)) => {
                known.readiness.ready = false;
                known.readiness.failing = vec![error.clone()];
            }
            None => {}
        }
        if let Some(live) = &seen.live {
            known.live = live.is_ok();
            known.trouble = live.as_ref().err().cloned();
            // Who does not answer is not ready either, and was not asked.
            if seen.ready.is_none() {
                known.readiness.ready &= live.is_ok();
            }
        }
        match self.life.phase() {
            Phase::Starting { reached, .. } => {
                let reached = reached.clone();
                coming_along(seen, &reached, works)
            }
            Phase::Up { .. } => match (&seen.live, &seen.listener) {
                (Some(Ok(())), _) => vec![Event::Lived { incarnation }],
                (Some(Err(_)), Listener::Nobody) if works => vec![Event::Worked { incarnation }],
                (Some(Err(how)), _) => vec![Event::Failed { incarnation, how: how.clone() }],
                (None, _) => Vec::new(),
            },
            Phase::Stopping { .. } => match seen.startup {
                Some(Ok(Startup::Draining)) => {
                    known.left_to_drain = exits::left_to_drain(&self.hands.logbook.tail());
                    vec![Event::Drained { incarnation }]
                }
                Some(_) | None => Vec::new(),
            },
            Phase::Down { .. } | Phase::Sweeping { .. } | Phase::Waiting { .. } => Vec::new(),
        }
    }

    /// Whether it has used the processor since the last look as one does that starts.
    fn works(&mut self, seen: &Seen, now: Moment) -> bool {
        let (then, before) = std::mem::replace(&mut self.hands.looked_at, (now, seen.cpu));
        seen.cpu.saturating_sub(before).as_secs_f64() >= BOOTING_SHARE * now.saturating_sub(then).as_secs_f64()
    }
}

fn coming_along(seen: &Seen, reached: &str, works: bool) -> Vec<Event> {
    let incarnation = seen.incarnation;
    let now_at = match (&seen.startup, &seen.listener) {
        (Some(Ok(Startup::Started)), _) => return vec![Event::Started { incarnation }],
        (Some(Ok(Startup::Starting(reason))), _) => format!("listening; waits for {reason}"),
        (Some(Ok(Startup::Draining)), _) => "listening; draining".into(),
        (Some(Err(error)), _) => format!("listening; {error}"),
        (None, Listener::Foreign(holder)) => format!("its port is answered by {holder}"),
        (None, Listener::Own { .. } | Listener::Nobody | Listener::NotExpected) => "booting; not listening yet".into(),
    };
    if works || now_at != reached {
        return vec![Event::Progressed { incarnation, reached: now_at }];
    }
    Vec::new()
}
