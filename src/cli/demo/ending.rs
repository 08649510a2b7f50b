//! The end of a demo: everything asked to stop, waited for, and then proved gone. Kills nothing by itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::super::ask;
use super::super::interrupt::Interrupt;
use super::super::outcome::Failure;
use super::super::spectator::Spectator;
use super::super::terminal::say;
use super::ground::{PLANES, Scene};
use super::supervisor::Supervisor;
use super::{GLANCE, wait};
use crate::daemon::{identity, keepers};
use crate::openclaw::{environment, ports};
use crate::os::lock::{Lock, NotTaken};
use crate::os::{sockets, sweep};
use crate::plane::PlaneName;
use crate::rundir::{self, PlaneDir};
use crate::wire::{Answer, Ask, PlaneStatus, Stop};

/// Longer than the longest drain of a gateway with its kill, sweep and reports.
const DRAIN: Duration = Duration::from_secs(400);

/// The same when the grace was skipped.
const HURRIED: Duration = Duration::from_secs(60);

/// A gateway's helpers end within two seconds of it, on a busy host somewhat later.
const HELPERS: Duration = Duration::from_secs(30);

/// Where a demo's processes are asked.
#[derive(Clone, Copy)]
pub struct Rooms<'a> {
    /// The supervisor's run dir.
    pub run_dir: &'a Path,
    /// The supervisor's state dir.
    pub state_dir: &'a Path,
}

/// Stops everything and proves that nothing is left. A Ctrl-C meanwhile skips the grace.
pub fn end(scene: &Scene, supervisor: &mut Supervisor, interrupt: &Interrupt) -> Result<(), Failure> {
    say("\nStopping both, each with its own drain. Ctrl-C again skips that.\n");
    let rooms = scene.rooms();
    ask_to_go(rooms, &Stop { now: false })?;
    let mut until = Instant::now() + DRAIN;
    let mut spectator = Spectator::of_stderr();
    loop {
        let planes = living(rooms)?;
        let is_gone = supervisor.ended()?.is_some();
        if is_gone && planes.is_empty() {
            spectator.clear();
            break;
        }
        spectator.show(planes.values().flatten(), Timestamp::now());
        if Instant::now() > until {
            spectator.clear();
            return Err(stuck(rooms, &planes));
        }
        if is_gone {
            // It died while it led: then we do.
            ask_keepers(rooms, &planes, &Stop { now: false })?;
        }
        if wait(interrupt, GLANCE)? {
            spectator.clear();
            say("Skipping the grace.\n");
            ask_to_go(rooms, &Stop { now: true })?;
            until = Instant::now() + HURRIED;
        }
    }
    prove(scene)
}

/// Ends what an earlier demo, killed before it could, left running in these folders.
pub fn end_earlier(rooms: Rooms<'_>) -> Result<(), Failure> {
    if living(rooms)?.is_empty() && !is_supervised(rooms)? {
        return Ok(());
    }
    say("An earlier demo was killed and its gateways live on; stopping them first.\n");
    ask_to_go(rooms, &Stop { now: true })?;
    let until = Instant::now() + HURRIED;
    loop {
        let planes = living(rooms)?;
        if planes.is_empty() && !is_supervised(rooms)? {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(stuck(rooms, &planes));
        }
        // Who is behind a socket is not told by any event; the other end may be a supervisor or a keeper.
        std::thread::sleep(GLANCE);
    }
}

/// The supervisor leads where it answers; otherwise each keeper is told.
fn ask_to_go(rooms: Rooms<'_>, stop: &Stop) -> Result<(), Failure> {
    let led = ask::one(rundir::daemon_socket(rooms.run_dir), Ask::Down(stop.clone()), ask::BUDGET);
    match led {
        Ok(Answer::Accepted { .. }) => Ok(()),
        Ok(_) | Err(_) => ask_keepers(rooms, &living(rooms)?, stop),
    }
}

fn ask_keepers(rooms: Rooms<'_>, planes: &Living, stop: &Stop) -> Result<(), Failure> {
    let socket = |plane| rundir::keeper_socket(rooms.run_dir, plane);
    let asks = planes.keys().map(|plane| (socket(plane), Ask::Retire(stop.clone()))).collect();
    // Whether they go is seen by looking.
    ask::all(asks, ask::BUDGET).map(drop)
}

/// Planes whose keeper is there, and what it says, if it says anything.
type Living = BTreeMap<PlaneName, Option<PlaneStatus>>;

fn living(rooms: Rooms<'_>) -> Result<Living, Failure> {
    let names = keepers::named(rooms.run_dir);
    let asks = names.iter().map(|plane| (rundir::keeper_socket(rooms.run_dir, plane), Ask::Status)).collect();
    let mut living = Living::new();
    for (plane, answer) in names.into_iter().zip(ask::all(asks, ask::BUDGET)?) {
        match answer {
            Ok(Answer::Plane(status)) => drop(living.insert(plane, Some(*status))),
            Err(error) if error.is_nobody() => {}
            Ok(_) | Err(_) => drop(living.insert(plane, None)),
        }
    }
    Ok(living)
}

fn is_supervised(rooms: Rooms<'_>) -> Result<bool, Failure> {
    let answers = ask::all(vec![(rundir::daemon_socket(rooms.run_dir), Ask::Status)], ask::BUDGET)?;
    Ok(answers.iter().any(|answer| !answer.as_ref().is_err_and(crate::socket::CallError::is_nobody)))
}

fn stuck(rooms: Rooms<'_>, planes: &Living) -> Failure {
    let names: Vec<&str> = planes.keys().map(PlaneName::as_str).collect();
    let who =
        if names.is_empty() { "the supervisor".to_owned() } else { format!("the keeper of {}", names.join(", ")) };
    Failure::failed(
        format!("{who} has not left in time"),
        format!("its log below {} tells what holds it; `gateward demo` tries again", rooms.state_dir.display()),
    )
}

/// Looks for everything that could be left: processes with the demo's cookie, keepers' locks, listeners.
fn prove(scene: &Scene) -> Result<(), Failure> {
    let until = Instant::now() + HELPERS;
    loop {
        let left = left(scene)?;
        if left.is_empty() {
            break;
        }
        if Instant::now() > until {
            let message = format!("something is left of the demo:\n{}", left.join("\n"));
            return Err(Failure::failed(message, "`gateward demo` ends it when it starts again"));
        }
        // An end that we are not parent of is announced to nobody.
        std::thread::sleep(GLANCE);
    }
    let ports = scene.bases.len() * (usize::from(ports::SPAN) + 1);
    say(&format!(
        "Everything is stopped, and nothing is left running: no process of main or rescue, no keeper, no supervisor;\n\
         nobody listens on any of their {ports} ports. Configs and logs are kept in {}\n",
        scene.folder.display()
    ));
    Ok(())
}

fn left(scene: &Scene) -> Result<Vec<String>, Failure> {
    let failed = |error: std::io::Error| Failure::failed(format!("cannot look for what is left: {error}"), "");
    let mut left = Vec::new();
    let id = identity::known(&scene.state_dir, &scene.run_dir);
    for (name, base) in PLANES.iter().map(|plane| plane.0).zip(&scene.bases) {
        if let Some(id) = &id {
            let cookie = format!("{}={}", environment::COOKIE, environment::cookie_prefix(id, name));
            let found = sweep::find(cookie.as_bytes()).map_err(failed)?;
            left.extend(found.iter().map(|one| format!("{name}: {one}")));
        }
        let lock = PlaneName::new(name).map(|plane| PlaneDir::under(&scene.state_dir, &plane).keeper_lock());
        if let Ok(lock) = lock
            && let Err(held @ NotTaken::Held { .. }) = Lock::take(&lock)
        {
            left.push(format!("{name}: its keeper: {held}"));
        }
        for listener in sockets::listeners(*base..=*base + ports::SPAN).map_err(failed)? {
            left.push(format!("{name}: somebody listens on {}", listener.address));
        }
    }
    let daemon: PathBuf = rundir::daemon_lock(&scene.state_dir);
    if let Err(held @ NotTaken::Held { .. }) = Lock::take(&daemon) {
        left.push(format!("the supervisor: {held}"));
    }
    Ok(left)
}
