//! Asks keepers and the daemon, all at once, within one budget.
//!
//! Starts no runtime and no thread, so that `status` costs little more than the process it runs in.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::absent;
use super::inside::inside;
use super::outcome::{Failure, Told};
use super::steer::silence;
use super::target::Target;
use crate::rundir;
use crate::socket::{CallError, CallFailure, Calls, Next};
use crate::wire::{Answer, Ask, Request, VERSION};

/// How long a living keeper or daemon may take to answer a question.
pub const BUDGET: Duration = Duration::from_secs(3);

/// How soon one who has no socket is called again; no event tells that it has come.
pub const REDIAL: Duration = Duration::from_millis(50);

/// A request in this program's name. What is kept in a journal says from inside which plane it was asked; a look at how things
/// are does not, and costs no look at who is above us.
pub fn request(ask: Ask) -> Request {
    let around = if matches!(ask, Ask::Status | Ask::Follow) { None } else { inside() };
    let by = match around {
        Some(around) => format!("plane {}", around.plane),
        None => "cli".to_owned(),
    };
    Request { v: VERSION, ask, by }
}

/// Asks each socket its question; the answers stand in the order of the questions.
pub fn all(questions: Vec<(PathBuf, Ask)>, budget: Duration) -> Result<Vec<Result<Answer, CallError>>, Failure> {
    let mut calls = Calls::new();
    for (path, ask) in &questions {
        calls.place(path, &request(ask.clone()));
    }
    let mut answers: Vec<Option<Result<Answer, CallError>>> = questions.iter().map(|_| None).collect();
    let until = Instant::now() + budget;
    loop {
        match calls.next(Some(until), None).map_err(|error| Failure::failed(format!("cannot wait: {error}"), ""))? {
            Next::Answer(id, answer) => {
                calls.hang_up(id);
                answers[id].get_or_insert(answer);
            }
            Next::Late => calls.give_up(),
            Next::Woken => {}
            Next::Over => break,
        }
    }
    let told = answers.into_iter().zip(questions);
    Ok(told.map(|(answer, (path, _))| answer.unwrap_or(Err(CallError { path, kind: CallFailure::HungUp }))).collect())
}

/// Asks one socket one question.
pub fn one(path: PathBuf, ask: Ask, budget: Duration) -> Result<Answer, Failure> {
    match all(vec![(path, ask)], budget)?.pop() {
        Some(answer) => Ok(answer?),
        None => Err(Failure::failed("there was no question", "")),
    }
}

/// Asks the supervisor one question that it may think about for as long as `budget`; one that hangs is told of much earlier.
/// One that lives and has no socket for the moment is waited for.
pub fn supervisor(target: &Target, ask: Ask, budget: Duration) -> Result<Answer, Failure> {
    let binds_by = Instant::now() + silence::BINDING.min(budget);
    loop {
        match supervisor_once(target, ask.clone(), budget) {
            Err(Failure::Call(error)) if error.is_nobody() => {
                if absent::is_binding(target) && Instant::now() < binds_by {
                    std::thread::sleep(REDIAL);
                    continue;
                }
                let there = absent::found(target, &error);
                return Err(there.map_or(Failure::Call(error), |there| Failure::NobodyAnswers(there.told)));
            }
            done => return done,
        }
    }
}

fn supervisor_once(target: &Target, ask: Ask, budget: Duration) -> Result<Answer, Failure> {
    let failed = |error| Failure::failed(format!("cannot wait: {error}"), "");
    let hung = || {
        let lock = rundir::daemon_lock(&target.applied.state_dir);
        silence::hung("the supervisor", &lock, silence::PLANES_LIVE_ON)
    };
    let mut calls = Calls::new();
    let asked = calls.place(&target.daemon(), &request(ask));
    let until = Instant::now() + budget;
    let mut speaks_by = Instant::now() + silence::QUIET;
    let mut ping = None;
    loop {
        match calls.next(Some(until.min(speaks_by)), None).map_err(failed)? {
            Next::Answer(id, answer) if id == asked => return Ok(answer?),
            Next::Answer(id, _) => {
                calls.hang_up(id);
                (ping, speaks_by) = (None, Instant::now() + silence::QUIET);
            }
            Next::Late if Instant::now() >= until || ping.is_some() => return Err(hung()),
            Next::Late => {
                ping = Some(calls.place(&target.daemon(), &request(Ask::Status)));
                speaks_by = Instant::now() + silence::PING;
            }
            Next::Woken => {}
            Next::Over => return Err(hung()),
        }
    }
}

/// That an answer does not fit its question.
pub fn out_of_turn(answer: &Answer) -> Told {
    let word = match answer {
        Answer::Plane(_) => "a plane's state",
        Answer::Daemon(_) => "the daemon's state",
        Answer::Accepted { .. } => "an acceptance",
        Answer::Refused(refusal) => return Told::new(&refusal.message, &refusal.hint),
        Answer::Plan(_) => "a plan",
        Answer::Findings(_) => "findings",
        Answer::Sealed(_) | Answer::Held { .. } => "a definition",
        Answer::Environ(_) => "an environment",
        Answer::AtRest => "a stop",
    };
    Told::new(
        format!("it answered with {word}, which is no answer to what was asked"),
        "compare `gateward --version` with `keeper_version` in `gateward status --json`",
    )
}
