//! Drives every wish from one answer to its next question.
//!
//! Prints nothing and judges no plane: that is the goal's.

use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use super::silence::{self, Behind, Silence};
use super::task::{Keeper, Missing, Stage, Task, Then};
use super::{Begin, Fate, Patience, Reached, Wish};
use crate::cli::ask::{REDIAL, out_of_turn, request};
use crate::cli::goal::{Goal, Verdict};
use crate::cli::interrupt::Interrupt;
use crate::cli::outcome::Failure;
use crate::cli::status::nobody;
use crate::cli::target::Target;
use crate::cli::trouble;
use crate::plane::PlaneName;
use crate::socket::{CallError, CallFailure, CallId, Calls, Next};
use crate::wire::{Answer, Ask, PlaneStatus, Refusal, RefusalKind};

/// How long an answer to an ask may take: before it a keeper may have OpenClaw validate a config.
const ANSWER: Duration = Duration::from_secs(120);

/// How long a keeper may be away while it is made, or replaced.
pub(super) const AWAY: Duration = Duration::from_secs(20);

/// How long a gateway may take to begin its own safe restart: it waits five minutes for its work, then drains as for a stop.
const SAFELY: Duration = Duration::from_secs(660);

/// What waiting brought.
#[derive(PartialEq, Eq)]
pub enum Heard {
    /// News, or the passing of time.
    Something,
    /// Ctrl-C.
    Interrupt,
}

/// All wishes with their conversations.
pub struct Party<'a> {
    pub(super) target: &'a Target,
    calls: Calls,
    /// The task of each call.
    callers: Vec<usize>,
    pub(super) tasks: Vec<Task>,
    patience: Patience,
}

impl<'a> Party<'a> {
    /// With everything asked that is to be asked.
    pub fn new(target: &'a Target, wishes: Vec<Wish>, patience: Patience) -> Self {
        let mut party = Self { target, calls: Calls::new(), callers: Vec::new(), tasks: Vec::new(), patience };
        let away_until = Instant::now() + AWAY;
        for (at, wish) in wishes.into_iter().enumerate() {
            let begin = wish.begin;
            party.tasks.push(Task::new(wish));
            match begin {
                Begin::Asking => party.place_ask(at, away_until, Keeper::MayBeAbsent),
                Begin::Watching => party.place_follow(at, away_until),
            }
        }
        party
    }

    /// The planes as last told.
    pub fn statuses(&self) -> impl Iterator<Item = &PlaneStatus> {
        self.tasks.iter().filter_map(|task| task.status.as_ref())
    }

    /// Whether every wish has its fate.
    pub fn is_over(&self) -> bool {
        self.tasks.iter().all(|task| matches!(task.stage, Stage::Over(_)))
    }

    /// What became of the wishes.
    pub fn fates(self) -> Vec<Fate> {
        self.tasks.into_iter().filter_map(Task::fate).collect()
    }

    /// The planes whose asks were accepted, and what has failed already.
    pub fn so_far(self) -> (Vec<PlaneName>, Vec<(PlaneName, Failure)>) {
        let standing =
            self.tasks.iter().filter(|task| task.is_accepted()).map(|task| task.wish.plane.clone()).collect();
        let failed = self.fates().into_iter().filter_map(|fate| Some((fate.plane, fate.end.err()?))).collect();
        (standing, failed)
    }

    /// Wait for the next answer, the next moment to do something, or `tick`.
    pub fn wait(&mut self, interrupt: &Interrupt, tick: Option<Duration>) -> Result<Heard, Failure> {
        let failed = |error| Failure::failed(format!("cannot wait: {error}"), "");
        let tick = tick.map(|tick| Instant::now() + tick);
        let until = self.tasks.iter().filter_map(Task::next_look).chain(tick).min();
        match self.calls.next(until, Some(interrupt.as_fd())).map_err(failed)? {
            Next::Answer(call, answer) => self.hear(call, answer),
            Next::Woken => return Ok(Heard::Interrupt),
            Next::Late => {}
            Next::Over => {
                let left = until.map_or(REDIAL, |until| until.saturating_duration_since(Instant::now()));
                if interrupt.wait(left).map_err(failed)? {
                    return Ok(Heard::Interrupt);
                }
            }
        }
        self.look_at_clock(Instant::now());
        Ok(Heard::Something)
    }

    fn look_at_clock(&mut self, now: Instant) {
        for at in 0..self.tasks.len() {
            match self.tasks[at].stage {
                Stage::Asking { until, .. } | Stage::Keeping { until, .. } if until <= now => {
                    self.end(
                        at,
                        Err(Failure::failed(
                            "it took the ask and gave no answer",
                            "`gateward status` shows what it does",
                        )),
                    );
                }
                Stage::Redialing { at: when, away_until, then } if when <= now => match then {
                    Then::Ask(keeper) => self.place_ask(at, away_until, keeper),
                    Then::Follow => self.place_follow(at, away_until),
                },
                Stage::Following { .. } if self.tasks[at].is_overdue(now) => {
                    let why = "its gateway took the safe restart, and has not begun it";
                    let hint = "`gateward logs` shows what it waits for; `gateward restart` without --safe stops it";
                    self.end(at, Err(Failure::failed(why, hint)));
                }
                Stage::Asking { .. } | Stage::Keeping { .. } | Stage::Following { .. } => self.listen(at, now),
                Stage::Fresh | Stage::Redialing { .. } | Stage::Over(_) => {}
            }
        }
    }

    pub(super) fn place_keep(&mut self, at: usize, then: Then, missing: Missing) {
        let wish = &self.tasks[at].wish;
        let rests = match wish.goal {
            Goal::Down | Goal::Gone => true,
            Goal::Up | Goal::Anew { .. } => false,
        };
        let keep = Ask::Keep { plane: wish.plane.clone(), allow: wish.allow.clone(), rests };
        let daemon = self.target.daemon();
        self.place(at, &daemon, keep);
        self.tasks[at].stage = Stage::Keeping { until: Instant::now() + ANSWER, then, missing };
    }

    pub(super) fn call(&mut self, at: usize, path: &Path, ask: Ask) -> CallId {
        let call = self.calls.place(path, &request(ask));
        self.callers.resize(call + 1, at);
        call
    }

    fn place(&mut self, at: usize, path: &Path, ask: Ask) {
        self.call(at, path, ask);
        self.tasks[at].silence = Silence::Since(Instant::now());
    }

    pub(super) fn place_ask(&mut self, at: usize, away_until: Instant, keeper: Keeper) {
        let path = self.target.keeper(&self.tasks[at].wish.plane);
        let ask = self.tasks[at].wish.ask.clone();
        self.place(at, &path, ask);
        self.tasks[at].stage = Stage::Asking { until: Instant::now() + ANSWER, away_until, keeper };
    }

    fn place_follow(&mut self, at: usize, away_until: Instant) {
        let path = self.target.keeper(&self.tasks[at].wish.plane);
        self.place(at, &path, Ask::Follow);
        self.tasks[at].stage = Stage::Following { away_until };
    }

    fn redial(&mut self, at: usize, away_until: Instant, then: Then) {
        self.tasks[at].silence = Silence::Nobody;
        self.tasks[at].stage = Stage::Redialing { at: Instant::now() + REDIAL, away_until, then };
    }

    pub(super) fn end(&mut self, at: usize, end: Result<Reached, Failure>) {
        self.hang_up(at);
        self.tasks[at].silence = Silence::Nobody;
        self.tasks[at].stage = Stage::Over(end);
    }

    fn refused(&mut self, at: usize, refusal: Refusal) {
        let ask = &self.tasks[at].wish.ask;
        let verb = match ask {
            Ask::Restart(_) => "restart",
            Ask::Start(_)
            | Ask::Status
            | Ask::Follow
            | Ask::Stop(_)
            | Ask::Replace { .. }
            | Ask::Retire(_)
            | Ask::Reload(_)
            | Ask::Down(_)
            | Ask::Keep { .. }
            | Ask::Findings
            | Ask::Held
            | Ask::Sealed { .. }
            | Ask::Refused(_)
            | Ask::Environ { .. }
            | Ask::Yield { .. } => "start",
            #[cfg(feature = "next-wire")]
            Ask::Tomorrow => "start",
        };
        let failure = trouble::turned_down(refusal, self.target, verb, ask);
        self.end(at, Err(failure));
    }

    pub(super) fn hang_up(&mut self, at: usize) {
        for (call, task) in self.callers.iter().enumerate() {
            if *task == at {
                self.calls.hang_up(call);
            }
        }
    }

    fn hear(&mut self, call: CallId, answer: Result<Answer, CallError>) {
        let at = self.callers[call];
        let was_ping = matches!(self.tasks[at].silence, Silence::Pinged { call: ping, .. } if ping == call);
        if !matches!(self.tasks[at].silence, Silence::Nobody) {
            self.tasks[at].silence = Silence::Since(Instant::now());
        }
        if was_ping {
            // Whatever it said: it speaks. If it has gone, the conversation that matters says so.
            self.calls.hang_up(call);
            if let Ok(Answer::Plane(status)) = answer
                && self.tasks[at].is_forgotten(&status)
            {
                self.ask_instead(at);
            }
            return;
        }
        match self.tasks[at].stage {
            Stage::Asking { away_until, keeper, .. } => {
                self.calls.hang_up(call);
                self.hear_keeper(at, answer, away_until, keeper);
            }
            Stage::Keeping { then, missing, .. } => {
                self.calls.hang_up(call);
                self.hear_daemon(at, answer, then, missing);
            }
            Stage::Following { away_until } => self.hear_news(at, answer, away_until),
            // Words of a conversation that was ended.
            Stage::Fresh | Stage::Redialing { .. } | Stage::Over(_) => {}
        }
    }

    /// The keeper's answer to the ask.
    fn hear_keeper(&mut self, at: usize, answer: Result<Answer, CallError>, away_until: Instant, keeper: Keeper) {
        match answer {
            Ok(Answer::Accepted { replaces, note }) => {
                self.tasks[at].replaces = replaces;
                self.tasks[at].note = note;
                if matches!(&self.tasks[at].wish.ask, Ask::Restart(restart) if restart.safe) {
                    self.tasks[at].begins_by = Some(Instant::now() + SAFELY);
                }
                match self.patience {
                    Patience::Wait => self.place_follow(at, Instant::now() + AWAY),
                    Patience::Leave => self.end(at, Ok(Reached::Accepted)),
                }
            }
            Ok(Answer::Refused(refusal)) if refusal.kind == RefusalKind::Leaving => match self.tasks[at].wish.goal {
                Goal::Gone => self.end(at, Ok(Reached::Done)),
                // Once it has left, the daemon is asked for its successor.
                Goal::Up | Goal::Anew { .. } | Goal::Down if Instant::now() < away_until => {
                    self.redial(at, away_until, Then::Ask(Keeper::MayBeAbsent));
                }
                Goal::Up | Goal::Anew { .. } | Goal::Down => self.refused(at, refusal),
            },
            Ok(Answer::Refused(refusal)) => self.refused(at, refusal),
            Ok(other) => self.end(at, Err(Failure::Failed(out_of_turn(&other)))),
            // It died with the ask, which nobody else has.
            Err(error) if matches!(error.kind, CallFailure::HungUp) && Instant::now() < away_until => {
                self.redial(at, away_until, Then::Ask(keeper));
            }
            Err(error) if !error.is_nobody() => self.end(at, Err(error.into())),
            Err(_) if self.tasks[at].wish.goal == Goal::Gone => match self.behind(at) {
                Behind::Nobody => self.end(at, Ok(Reached::Done)),
                Behind::Binding if Instant::now() < away_until => self.redial(at, away_until, Then::Ask(keeper)),
                Behind::Binding => self.end_as_unheard(at),
                Behind::Stopped => self.end_as_hung(at),
            },
            Err(error) => match (keeper, self.behind(at)) {
                (Keeper::MayBeAbsent, _) => self.place_keep(at, Then::Ask(Keeper::IsComing), Missing::Absent),
                (Keeper::IsComing, Behind::Nobody | Behind::Binding) if Instant::now() < away_until => {
                    self.redial(at, away_until, Then::Ask(Keeper::IsComing));
                }
                (Keeper::IsComing, Behind::Nobody) => self.end(at, Err(self.never_came(at, error))),
                (Keeper::IsComing, Behind::Binding) => self.end_as_unheard(at),
                (Keeper::IsComing, Behind::Stopped) => self.end_as_hung(at),
            },
        }
    }

    /// The daemon's answer to the wish for a keeper.
    fn hear_daemon(&mut self, at: usize, answer: Result<Answer, CallError>, then: Then, missing: Missing) {
        match (answer, missing) {
            (Ok(Answer::Accepted { .. }), _) => match then {
                Then::Ask(keeper) => self.place_ask(at, Instant::now() + AWAY, keeper),
                Then::Follow => self.place_follow(at, Instant::now() + AWAY),
            },
            (Ok(Answer::AtRest), _) if self.tasks[at].wish.goal.is_reached_without_keeper() => {
                self.end(at, Ok(Reached::Done));
            }
            (Ok(Answer::Refused(refusal)), _) => self.refused(at, refusal),
            (Ok(other), _) => self.end(at, Err(Failure::Failed(out_of_turn(&other)))),
            (Err(error), Missing::Absent) if error.is_nobody() => match self.behind(at) {
                Behind::Nobody => self.end(at, Err(nobody(self.target))),
                Behind::Binding => {
                    self.redial(at, Instant::now() + silence::BINDING, Then::Ask(Keeper::IsComing));
                }
                Behind::Stopped => self.end_as_hung(at),
            },
            (Err(error), Missing::Hung) if error.is_nobody() => self.end_as_hung(at),
            (Err(error), Missing::Absent | Missing::Hung) => self.end(at, Err(error.into())),
        }
    }

    /// One status of a plane that is on its way.
    fn hear_news(&mut self, at: usize, answer: Result<Answer, CallError>, away_until: Instant) {
        match answer {
            Ok(Answer::Plane(status)) => {
                let verdict = self.tasks[at].goal().judge(&status);
                let is_forgotten = self.tasks[at].is_forgotten(&status);
                self.tasks[at].status = Some(*status);
                match verdict {
                    Verdict::Going if is_forgotten => self.ask_instead(at),
                    Verdict::Going => self.tasks[at].stage = Stage::Following { away_until: Instant::now() + AWAY },
                    Verdict::Reached => self.end(at, Ok(Reached::Done)),
                    Verdict::Failed(why) => {
                        let plane = &self.tasks[at].wish.plane;
                        let hint = format!(
                            "`gateward why {plane}` tells the whole chain, `gateward logs {plane}` what it said"
                        );
                        self.end(at, Err(Failure::failed(why, hint)));
                    }
                }
            }
            Ok(Answer::Refused(refusal))
                if refusal.kind == RefusalKind::Leaving && self.tasks[at].wish.goal.is_reached_without_keeper() =>
            {
                self.end(at, Ok(Reached::Done));
            }
            Ok(Answer::Refused(refusal)) if refusal.kind == RefusalKind::Leaving && Instant::now() < away_until => {
                self.redial(at, away_until, Then::Follow);
            }
            Ok(Answer::Refused(refusal)) => self.refused(at, refusal),
            Ok(other) => self.end(at, Err(Failure::Failed(out_of_turn(&other)))),
            Err(_) if self.tasks[at].wish.goal.is_reached_without_keeper() => self.end(at, Ok(Reached::Done)),
            Err(_) if Instant::now() < away_until => {
                self.redial(at, away_until, Then::Follow);
            }
            Err(error) => {
                let message = format!("the ask was accepted, but its keeper has gone: {error}");
                self.end(at, Err(Failure::failed(message, "`gateward status` shows whether the supervisor runs")));
            }
        }
    }
}
