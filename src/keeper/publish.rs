//! A life as an operator is shown it: the wire's status, and the reason in words.
//!
//! Pure; the numbers are given.

use std::time::Duration;

use super::input::Readiness;
use crate::life::Life;
use crate::life::order::Want;
use crate::life::phase::{Drain, Next, Park, Phase, Rest, Signs, StopCause, Wait};
use crate::plane::{Contract, Launch, Plane};
use crate::wire::{LastExit, PlaneStatus, SafeRestart, State};

/// What the keeper knows beside the life itself.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The gateway.
    pub pid: Option<i32>,
    /// `/healthz` at the last round.
    pub live: bool,
    /// `/readyz` at the last round.
    pub readiness: Readiness,
    /// The last liveness failure.
    pub trouble: Option<String>,
    /// How the last incarnation ended.
    pub last_exit: Option<LastExit>,
    /// The definition in force.
    pub definition: String,
    /// Things of note.
    pub notes: Vec<String>,
    /// What it was started from is no longer what it was, in words.
    pub exchanged: Option<String>,
    /// What the operator wants stands nowhere, in words: a keeper that follows would not know it.
    pub unkept: Option<String>,
    /// The state dir takes nothing, in words.
    pub unwritable: Option<String>,
    /// Its output is not written, in words.
    pub unlogged: Option<String>,
    /// What its limits have done to it.
    pub felt: Vec<String>,
    /// OpenClaw's breaker keeps the channels off, in words.
    pub suppressed: Option<String>,
    /// The gateway has closed its stdout and stderr.
    pub output_closed: bool,
    /// What a draining gateway says that it still waits for.
    pub left_to_drain: Option<String>,
    /// In-process restarts of the living incarnation.
    pub generations: u64,
    /// When its present generation began, in milliseconds of the Unix epoch.
    pub began: Option<i64>,
    /// What became of the last safe restart that the living incarnation was asked for.
    pub safe_restart: Option<SafeRestart>,
    /// Lines of output that the disk did not take.
    pub log_lines_lost: u64,
    /// Resident bytes of the plane's processes.
    pub rss_bytes: Option<u64>,
    /// Their use of the processor; 100 is one core.
    pub cpu_percent: Option<f64>,
}

/// The status now. `age` is how long the gateway has been there, `until` the wall time of the life's deadline.
pub fn status(plane: &Plane, life: &Life, known: &Known, age: Option<Duration>, until: Option<String>) -> PlaneStatus {
    let lives = life.living().is_some();
    // What a gateway that has ended was started from concerns nobody: the next one takes what is there.
    let exchanged = known.exchanged.as_ref().filter(|_| lives);
    let up = matches!(life.phase(), Phase::Up { .. });
    PlaneStatus {
        name: plane.name.clone(),
        role: plane.role.as_str().into(),
        state: state(life.phase()),
        ready: up && (known.readiness.ready || unprobed(plane)),
        live: lives && (known.live || unprobed(plane)),
        pid: known.pid,
        keeper_pid: Some(std::process::id().cast_signed()),
        keeper_version: Some(crate::wire::RELEASE.into()),
        incarnation: life.incarnation(),
        restarts: life.restarts(),
        uptime_s: age.filter(|_| lives).map(|age| age.as_secs()),
        port: plane.port,
        rss_bytes: known.rss_bytes,
        cpu_percent: known.cpu_percent,
        last_exit: known.last_exit.clone(),
        why: why(life, known, plane),
        failing: if up { known.readiness.failing.clone() } else { Vec::new() },
        definition: known.definition.clone(),
        wanted: life.want() == Want::Up,
        leaving: life.leaves(),
        until,
        generations: known.generations,
        notes: known
            .notes
            .iter()
            .chain(exchanged)
            .chain(&known.unkept)
            .chain(&known.unwritable)
            .chain(&known.unlogged)
            .chain(&known.felt)
            .chain(&known.suppressed)
            .cloned()
            .collect(),
        exchanged: exchanged.cloned(),
        event_loop: known.readiness.event_loop.clone().filter(|_| up),
        safe_restart: known.safe_restart.clone(),
        log_lines_lost: known.log_lines_lost,
        #[cfg(feature = "next-wire")]
        tomorrow: Some("bright".into()),
    }
}

/// A process that nobody can ask is taken at its being there.
fn unprobed(plane: &Plane) -> bool {
    plane.contract == Contract::Plain && plane.health.url.is_none()
}

fn state(phase: &Phase) -> State {
    match phase {
        Phase::Down { because: Rest::Parked(_) } => State::Parked,
        Phase::Down { because: Rest::Asked | Rest::Fresh } => State::Stopped,
        Phase::Sweeping { then: Next::Spawn, .. } | Phase::Starting { .. } => State::Starting,
        Phase::Sweeping { then: Next::Down(_), .. } | Phase::Stopping { .. } => State::Stopping,
        Phase::Sweeping { then: Next::Wait { .. }, .. } | Phase::Waiting { .. } => State::Backoff,
        Phase::Up { .. } => State::Up,
    }
}

fn why(life: &Life, known: &Known, plane: &Plane) -> String {
    match life.phase() {
        Phase::Down { because } => rest(because, plane),
        Phase::Sweeping { then: Next::Spawn, .. } => "proving that nothing of it is left and its ports are free".into(),
        Phase::Sweeping { then: Next::Down(because), .. } => match because {
            Rest::Parked(_) => rest(because, plane),
            Rest::Asked | Rest::Fresh => "ending what is left of it".into(),
        },
        Phase::Sweeping { then: Next::Wait { because, .. }, .. } | Phase::Waiting { because, .. } => waiting(because),
        Phase::Starting { reached, .. } => match &known.trouble {
            Some(trouble) if trouble.contains("answered by") => trouble.clone(),
            Some(_) | None => reached.clone(),
        },
        Phase::Up { signs, .. } if signs.failures() > 0 => {
            let how = known.trouble.as_deref().unwrap_or("no answer");
            match signs.failures() {
                1 => format!("no sign of life: {how}"),
                failures => format!("no sign of life {failures} times in a row: {how}"),
            }
        }
        Phase::Up { signs: Signs::Reopening { .. }, .. } => {
            "nothing listens on its port, and it works: judged as a start until it listens again".into()
        }
        Phase::Up { .. } if !known.readiness.failing.is_empty() => {
            format!("not ready: {}", known.readiness.failing.join(", "))
        }
        Phase::Up { .. } => String::new(),
        Phase::Stopping { why, then, drain, .. } => stopping(why, then, *drain, known.left_to_drain.as_deref()),
    }
}

/// Who says what is wrong with a config.
pub fn physician(plane: &Plane) -> String {
    match plane.launch {
        // The stand-in has no `openclaw` beside it.
        Launch::Practice => format!("`gateward logs {}` and {}", plane.name, plane.config.display()),
        Launch::OnPath | Launch::Runtime { .. } | Launch::Command(_) => {
            format!("`gateward exec {} -- openclaw doctor`", plane.name)
        }
    }
}

fn rest(because: &Rest, plane: &Plane) -> String {
    let name = &plane.name;
    match because {
        Rest::Fresh => format!("not started; `gateward start {name}` starts it"),
        Rest::Asked => "stopped by an operator".into(),
        Rest::Parked(Park::Config) => {
            format!("its gateway refuses its config; see {}; a change of the files starts it again", physician(plane))
        }
        Rest::Parked(Park::Policy(words)) => words.clone(),
        Rest::Parked(Park::Deaths { count: 1, last }) => {
            format!("died once, and restart.max_deaths is 1: {last}; `gateward start {name}` tries again")
        }
        Rest::Parked(Park::Deaths { count, last }) => {
            format!("died {count} times within restart.window, last: {last}; `gateward start {name}` tries again")
        }
    }
}

/// Without the time left: `until` tells that, and words that change by the clock alone would be news all the time.
fn waiting(because: &Wait) -> String {
    match because {
        Wait::Backoff(words) | Wait::Refused(words) => words.clone(),
        Wait::Breaker(words) => {
            format!("{words}; held back, or OpenClaw would suppress its channels after one more; `start` insists")
        }
        Wait::Conflict(conflicts) => conflicts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        Wait::Handoff => "exited cleanly; asking OpenClaw whether it wanted a successor".into(),
        Wait::Launch(error) => error.clone(),
    }
}

fn stopping(why: &StopCause, then: &Next, drain: Drain, left: Option<&str>) -> String {
    let fate = if matches!(then, Next::Down(_)) { "ended" } else { "replaced" };
    let cause = match why {
        StopCause::Asked if matches!(then, Next::Down(_)) => "asked to stop".to_owned(),
        StopCause::Asked => "asked to restart".to_owned(),
        StopCause::Unhealthy(how) => format!("{fate}, as it gave no sign of life ({how})"),
        StopCause::Stuck(saw) => format!("{fate}, as its start made {saw}"),
    };
    match drain {
        Drain::Unseen => format!("{cause}; SIGTERM sent"),
        Drain::Seen => match left {
            Some(left) => format!("{cause}; draining its work: {left}"),
            None => format!("{cause}; draining its work"),
        },
        Drain::Killed => format!("{cause}; SIGKILL sent"),
    }
}

/// Whether two states differ in what an operator would notice; running numbers are not.
pub fn differs(before: &PlaneStatus, now: &PlaneStatus) -> bool {
    let still = |status: &PlaneStatus| PlaneStatus {
        uptime_s: None,
        rss_bytes: None,
        cpu_percent: None,
        event_loop: None,
        why: String::new(),
        until: None,
        ..status.clone()
    };
    let spoken = |status: &PlaneStatus| status.why.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    still(before) != still(now) || spoken(before) != spoken(now)
}
