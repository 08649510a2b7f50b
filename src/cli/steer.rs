//! Carries asks to keepers and, if wanted, waits until each plane is where it was asked to be; all planes at once.
//!
//! A keeper that is not there is asked of the daemon first. An accepted ask stands whatever becomes of us: hanging up, a
//! Ctrl-C or a keeper's replacement end the waiting at most.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

use super::ask::{self, request};
use super::goal::{Goal, Verdict};
use super::interrupt::Interrupt;
use super::outcome::{Failure, Told};
use super::spectator::Spectator;
use super::status::nobody;
use super::target::Target;
use crate::plane::PlaneName;
use crate::socket::{CallError, CallId, Calls, Next};
use crate::wire::{Answer, Ask, PlaneStatus};

/// How long an answer to an ask may take: before it a keeper may have OpenClaw validate a config.
const ANSWER: Duration = Duration::from_secs(120);

/// How long a keeper may be away while it is made, or replaced.
const AWAY: Duration = Duration::from_secs(20);

/// How soon an absent keeper is called again; no event tells that a socket has come.
const REDIAL: Duration = Duration::from_millis(50);

/// How often a countdown on a terminal is redrawn.
const TICK: Duration = Duration::from_secs(1);

/// What is asked of one plane.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The plane.
    pub plane: PlaneName,
    /// What its keeper is asked.
    pub ask: Ask,
    /// Where that is to lead.
    pub goal: Goal,
    /// Codes of findings to go ahead in spite of, for the daemon.
    pub allow: Vec<String>,
}

/// Whether to wait for what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Until it is so.
    Wait,
    /// Until it is accepted.
    Leave,
}

/// What became of one wish.
#[derive(Debug)]
pub struct Fate {
    /// The plane.
    pub plane: PlaneName,
    /// What became of it.
    pub end: Result<Granted, Failure>,
}

/// A wish that was granted, or at least accepted.
#[derive(Clone, Debug, Serialize)]
pub struct Granted {
    /// How far it got.
    pub result: Reached,
    /// The incarnation that was alive at the ask and is replaced or ended.
    pub replaces: Option<u64>,
    /// What the keeper said to it.
    pub note: String,
    /// The plane as last told.
    pub status: Option<PlaneStatus>,
}

/// How far a wish got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    /// Accepted, and not waited for.
    Accepted,
    /// The plane is where it was asked to be.
    Done,
}

/// How the whole ended.
#[derive(Debug)]
pub enum Ended {
    /// Every wish has its fate.
    All(Vec<Fate>),
    /// Ctrl-C: these were accepted and go on, the others were not told yet.
    Interrupted {
        /// Whose asks stand.
        standing: Vec<PlaneName>,
    },
}

/// Carries out all wishes.
pub fn steer(
    target: &Target,
    wishes: Vec<Wish>,
    patience: Patience,
    spectator: &mut Spectator,
) -> Result<Ended, Failure> {
    let interrupt =
        Interrupt::new().map_err(|error| Failure::failed(format!("cannot watch for signals: {error}"), ""))?;
    let mut party = Party { target, calls: Calls::new(), callers: Vec::new(), tasks: Vec::new(), patience };
    for wish in wishes {
        party.tasks.push(Task { wish, replaces: None, note: String::new(), status: None, stage: Stage::Fresh });
        party.place_ask(party.tasks.len() - 1, Instant::now() + AWAY, Keeper::MayBeAbsent);
    }
    loop {
        spectator.show(party.tasks.iter().filter_map(|task| task.status.as_ref()), Timestamp::now());
        if party.tasks.iter().all(|task| matches!(task.stage, Stage::Over(_))) {
            spectator.clear();
            return Ok(Ended::All(party.tasks.into_iter().filter_map(Task::fate).collect()));
        }
        if party.wait(&interrupt, spectator.ticks())? == Heard::Interrupt {
            spectator.clear();
            let standing = party.tasks.into_iter().filter(Task::is_accepted).map(|task| task.wish.plane).collect();
            return Ok(Ended::Interrupted { standing });
        }
        party.look_at_clock(Instant::now());
    }
}

#[derive(PartialEq, Eq)]
enum Heard {
    Something,
    Interrupt,
}

/// Whether the daemon is to be asked for a keeper that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeper {
    MayBeAbsent,
    /// The daemon has made one.
    IsComing,
}

#[derive(Debug)]
enum Stage {
    Fresh,
    /// The keeper has the ask.
    Asking {
        until: Instant,
        away_until: Instant,
        keeper: Keeper,
    },
    /// The daemon was asked for a keeper.
    Keeping {
        until: Instant,
    },
    /// Accepted; the keeper tells how it goes.
    Following {
        away_until: Instant,
    },
    /// The keeper is called again at `at`.
    Redialing {
        at: Instant,
        away_until: Instant,
        then: Then,
    },
    Over(Result<Reached, Failure>),
}

#[derive(Clone, Copy, Debug)]
enum Then {
    Ask,
    Follow,
}

#[derive(Debug)]
struct Task {
    wish: Wish,
    replaces: Option<u64>,
    note: String,
    status: Option<PlaneStatus>,
    stage: Stage,
}

impl Task {
    fn is_accepted(&self) -> bool {
        match &self.stage {
            Stage::Following { .. } | Stage::Redialing { then: Then::Follow, .. } | Stage::Over(Ok(_)) => true,
            Stage::Fresh
            | Stage::Asking { .. }
            | Stage::Keeping { .. }
            | Stage::Redialing { then: Then::Ask, .. }
            | Stage::Over(Err(_)) => false,
        }
    }

    fn fate(self) -> Option<Fate> {
        let Stage::Over(end) = self.stage else { return None };
        let (replaces, note, status) = (self.replaces, self.note, self.status);
        Some(Fate { plane: self.wish.plane, end: end.map(|result| Granted { result, replaces, note, status }) })
    }

    /// The goal with what the acceptance told.
    fn goal(&self) -> Goal {
        match self.wish.goal {
            Goal::Up { .. } => Goal::Up { replaces: self.replaces },
            Goal::Down => Goal::Down,
            Goal::Gone => Goal::Gone,
        }
    }

    /// When this task wants to be looked at again.
    fn next_look(&self) -> Option<Instant> {
        match self.stage {
            Stage::Asking { until, .. } | Stage::Keeping { until } => Some(until),
            Stage::Redialing { at, .. } => Some(at),
            Stage::Fresh | Stage::Following { .. } | Stage::Over(_) => None,
        }
    }
}

struct Party<'a> {
    target: &'a Target,
    calls: Calls,
    /// The task of each call.
    callers: Vec<usize>,
    tasks: Vec<Task>,
    patience: Patience,
}

impl Party<'_> {
    fn wait(&mut self, interrupt: &Interrupt, ticks: bool) -> Result<Heard, Failure> {
        let tick = ticks.then(|| Instant::now() + TICK);
        let until = self.tasks.iter().filter_map(Task::next_look).chain(tick).min();
        let failed = |error| Failure::failed(format!("cannot wait: {error}"), "");
        match self.calls.next(until, Some(std::os::fd::AsFd::as_fd(interrupt))).map_err(failed)? {
            Next::Answer(call, answer) => self.hear(call, answer),
            Next::Woken => return Ok(Heard::Interrupt),
            Next::Late => {}
            Next::Over => {
                let left = until.map_or(TICK, |until| until.saturating_duration_since(Instant::now()));
                if interrupt.wait(left).map_err(failed)? {
                    return Ok(Heard::Interrupt);
                }
            }
        }
        Ok(Heard::Something)
    }

    fn look_at_clock(&mut self, now: Instant) {
        for at in 0..self.tasks.len() {
            match self.tasks[at].stage {
                Stage::Asking { until, .. } | Stage::Keeping { until } if until <= now => {
                    self.end(
                        at,
                        Err(Failure::failed(
                            "it took the ask and gave no answer",
                            "`gateward status` shows what it does",
                        )),
                    );
                }
                Stage::Redialing { at: when, away_until, then } if when <= now => match then {
                    Then::Ask => self.place_ask(at, away_until, Keeper::IsComing),
                    Then::Follow => self.place_follow(at, away_until),
                },
                Stage::Fresh
                | Stage::Asking { .. }
                | Stage::Keeping { .. }
                | Stage::Following { .. }
                | Stage::Redialing { .. }
                | Stage::Over(_) => {}
            }
        }
    }

    fn place(&mut self, at: usize, path: &std::path::Path, ask: Ask) {
        let call = self.calls.place(path, &request(ask));
        self.callers.resize(call + 1, at);
    }

    fn place_ask(&mut self, at: usize, away_until: Instant, keeper: Keeper) {
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

    fn end(&mut self, at: usize, end: Result<Reached, Failure>) {
        for (call, task) in self.callers.iter().enumerate() {
            if *task == at {
                self.calls.hang_up(call);
            }
        }
        self.tasks[at].stage = Stage::Over(end);
    }

    fn hear(&mut self, call: CallId, answer: Result<Answer, CallError>) {
        let at = self.callers[call];
        match self.tasks[at].stage {
            Stage::Asking { away_until, keeper, .. } => {
                self.calls.hang_up(call);
                self.hear_keeper(at, answer, away_until, keeper);
            }
            Stage::Keeping { .. } => {
                self.calls.hang_up(call);
                self.hear_daemon(at, answer);
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
                match self.patience {
                    Patience::Wait => self.place_follow(at, Instant::now() + AWAY),
                    Patience::Leave => self.end(at, Ok(Reached::Accepted)),
                }
            }
            Ok(Answer::Refused(refusal)) => self.end(at, Err(Failure::Refused(refusal))),
            Ok(other) => self.end(at, Err(out_of_turn(&other))),
            Err(error) if !error.is_nobody() => self.end(at, Err(error.into())),
            Err(_) if self.tasks[at].wish.goal == Goal::Gone => self.end(at, Ok(Reached::Done)),
            Err(error) => match keeper {
                Keeper::MayBeAbsent => {
                    let keep = Ask::Keep {
                        plane: self.tasks[at].wish.plane.clone(),
                        allow: self.tasks[at].wish.allow.clone(),
                    };
                    let daemon = self.target.daemon();
                    self.place(at, &daemon, keep);
                    self.tasks[at].stage = Stage::Keeping { until: Instant::now() + ANSWER };
                }
                Keeper::IsComing if Instant::now() < away_until => {
                    self.tasks[at].stage =
                        Stage::Redialing { at: Instant::now() + REDIAL, away_until, then: Then::Ask };
                }
                Keeper::IsComing => self.end(at, Err(error.into())),
            },
        }
    }

    /// The daemon's answer to the wish for a keeper.
    fn hear_daemon(&mut self, at: usize, answer: Result<Answer, CallError>) {
        match answer {
            Ok(Answer::Accepted { .. }) => self.place_ask(at, Instant::now() + AWAY, Keeper::IsComing),
            Ok(Answer::Refused(refusal)) => self.end(at, Err(Failure::Refused(refusal))),
            Ok(other) => self.end(at, Err(out_of_turn(&other))),
            Err(error) if error.is_nobody() => self.end(at, Err(nobody(self.target))),
            Err(error) => self.end(at, Err(error.into())),
        }
    }

    /// One status of a plane that is on its way.
    fn hear_news(&mut self, at: usize, answer: Result<Answer, CallError>, away_until: Instant) {
        match answer {
            Ok(Answer::Plane(status)) => {
                let verdict = self.tasks[at].goal().judge(&status);
                self.tasks[at].status = Some(*status);
                match verdict {
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
            Ok(Answer::Refused(refusal)) => self.end(at, Err(Failure::Refused(refusal))),
            Ok(other) => self.end(at, Err(out_of_turn(&other))),
            Err(_) if self.tasks[at].wish.goal == Goal::Gone => self.end(at, Ok(Reached::Done)),
            Err(_) if Instant::now() < away_until => {
                self.tasks[at].stage = Stage::Redialing { at: Instant::now() + REDIAL, away_until, then: Then::Follow };
            }
            Err(error) => {
                let message = format!("the ask was accepted, but its keeper has gone: {error}");
                self.end(at, Err(Failure::failed(message, "`gateward status` shows whether the supervisor runs")));
            }
        }
    }
}

fn out_of_turn(answer: &Answer) -> Failure {
    let Told { message, hint } = ask::out_of_turn(answer);
    Failure::failed(message, hint)
}
