//! `down`: every plane stopped gracefully, its keeper gone, then the supervisor.
//!
//! With the supervisor dead the keepers are asked one by one.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::ask;
use super::goal::Goal;
use super::outcome::{Code, Failure, Outcome};
use super::spectator::Spectator;
use super::status::nobody;
use super::steer::{Begin, Ended, Patience, Wish, steer};
use super::target::{Scope, Target};
use super::terminal::{print, say};
use crate::os::lock::{held, holder_of};
use crate::plane::PlaneName;
use crate::rundir;
use crate::wire::{Answer, Ask, Stop};

/// How long the supervisor may take to accept.
const ASKED: Duration = Duration::from_secs(30);

/// How long a keeper may take to leave once its plane is down, and the supervisor once the last keeper has.
const LEAVING: Duration = Duration::from_secs(30);

/// How often its lock is tried meanwhile: a wait for the lock itself would take it from the next one.
const GLANCE: Duration = Duration::from_millis(20);

/// The words of `down`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward down          every gateway finishes what it does, within its stop_grace
  gateward down --now    work in flight is lost

What the operator wanted of each plane is kept: the next `gateward run` starts those that were not stopped by hand.

Exit codes: 0 everything is down; 1 something is not, or the waiting was ended; 5 neither supervisor nor keeper answers; \
6 the manifest cannot be read and was never applied.")]
pub struct Args {
    /// Skip the grace: kill what has not ended yet
    #[arg(long)]
    now: bool,
}

impl Args {
    /// With every plane's own grace.
    pub fn graceful() -> Self {
        Self { now: false }
    }
}

/// Runs `down`.
pub fn run(args: &Args, scope: &Scope) -> Outcome {
    let target = Target::to_steer(scope)?;
    let stop = Stop { now: args.now };
    let supervisor = Leaving::of(rundir::daemon_lock(&target.applied.state_dir), "the supervisor".to_owned());
    let led = match ask::supervisor(&target, Ask::Down(stop.clone()), ASKED) {
        Ok(Answer::Accepted { note, .. }) => {
            if !note.is_empty() {
                say(&format!("{note}\n"));
            }
            true
        }
        Ok(Answer::Refused(refusal)) => return Err(Failure::Refused(refusal)),
        Ok(other) => return Err(Failure::Failed(ask::out_of_turn(&other))),
        Err(Failure::Call(error)) if error.is_nobody() => false,
        Err(failure) => return Err(failure),
    };
    let planes = target.kept();
    let leaving: Vec<Leaving> = planes.iter().map(|plane| Leaving::keeper(&target, plane)).collect();
    if !led && !anybody(&target, &planes)? {
        return Err(nobody(&target));
    }
    if target.own_plane().is_some() {
        say("asked from inside a plane, which ends with this: not waiting\n");
    }
    let wish = |plane: &PlaneName| Wish {
        plane: plane.clone(),
        ask: Ask::Retire(stop.clone()),
        goal: Goal::Gone,
        begin: if led { Begin::Watching } else { Begin::Asking },
        allow: Vec::new(),
    };
    let patience = if target.own_plane().is_some() { Patience::Leave } else { Patience::Wait };
    if led && patience == Patience::Leave {
        return Ok(Code::Done);
    }
    match steer(&target, planes.iter().map(wish).collect(), patience, &mut Spectator::of_stderr())? {
        Ended::Interrupted { .. } => {
            let hint = "`gateward status --watch` shows how it goes; `gateward down --now` would skip the grace";
            return Err(Failure::failed("no longer waiting; everything goes on stopping", hint));
        }
        Ended::All(fates) => {
            let failed: Vec<_> = fates.into_iter().filter_map(|fate| Some((fate.plane, fate.end.err()?))).collect();
            if !failed.is_empty() {
                return Err(Failure::Planes(failed));
            }
        }
    }
    if patience == Patience::Leave {
        return Ok(Code::Done);
    }
    for one in &leaving {
        one.see_off()?;
    }
    if led {
        supervisor.see_off()?;
    }
    print("down: every plane is stopped and the supervisor is gone\n")?;
    Ok(Code::Done)
}

/// Whether any of the keepers is there, with a socket or without: a socket may outlive its keeper, and be lost before.
fn anybody(target: &Target, planes: &[PlaneName]) -> Result<bool, Failure> {
    let has_lock = |plane: &PlaneName| held(&target.folder(plane).keeper_lock()).unwrap_or(false);
    if planes.iter().any(has_lock) {
        return Ok(true);
    }
    let questions = planes.iter().map(|plane| (target.keeper(plane), Ask::Status)).collect();
    Ok(ask::all(questions, ask::BUDGET)?.iter().any(|answer| match answer {
        Ok(_) => true,
        Err(error) => !error.is_nobody(),
    }))
}

/// A process that is to leave, by its lock: that goes with its end.
struct Leaving {
    lock: PathBuf,
    /// For people.
    who: String,
    /// Who had the lock when it was asked, where the kernel tells.
    pid: Option<i32>,
}

impl Leaving {
    fn of(lock: PathBuf, who: String) -> Self {
        Self { pid: holder_of(&lock), lock, who }
    }

    fn keeper(target: &Target, plane: &PlaneName) -> Self {
        Self::of(target.folder(plane).keeper_lock(), format!("the keeper of {plane}"))
    }

    /// Waits until it has let its lock go, so that the next one can start at once.
    fn see_off(&self) -> Result<(), Failure> {
        let until = Instant::now() + LEAVING;
        // A lock that cannot be asked about is not ours to wait for.
        while held(&self.lock).unwrap_or(false) {
            if let (Some(before), Some(now)) = (self.pid, holder_of(&self.lock))
                && before != now
            {
                let message = format!("{} (pid {before}) has left, and another (pid {now}) is there by now", self.who);
                let hint =
                    "a supervisor was started meanwhile, and starts what the manifest says: `gateward down` again";
                return Err(Failure::failed(message, hint));
            }
            if Instant::now() >= until {
                let hint = "its log in the state dir tells what holds it; `gateward status` shows whether it is there";
                return Err(Failure::failed(format!("every plane is stopped, but {} has not left", self.who), hint));
            }
            std::thread::sleep(GLANCE);
        }
        Ok(())
    }
}
