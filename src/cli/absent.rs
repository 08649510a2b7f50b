//! What is known of a supervisor that does not answer, from the lock that it holds and the note of what it applied.
//!
//! Signals nobody, and asks nobody.

use std::path::{Path, PathBuf};

use super::outcome::{Failure, Told};
use super::steer::silence::{self, Behind};
use super::target::Target;
use crate::daemon::applied::{self, is_same};
use crate::os::lock::{held, holder_of};
use crate::plane::shell::word;
use crate::render::status::SupervisorStatus;
use crate::rundir::{self, Applied};
use crate::socket::{CallError, CallFailure};

/// A supervisor that is there, and does not answer where it was asked.
pub struct There {
    /// Its process, as far as the kernel tells.
    pub pid: Option<i32>,
    /// How it is, and what to do.
    pub told: Told,
}

/// The supervisor that has the state dir of `target`, if there is one.
pub fn found(target: &Target, error: &CallError) -> Option<There> {
    let state_dir = &target.applied.state_dir;
    let lock = rundir::daemon_lock(state_dir);
    if !held(&lock).unwrap_or(false) {
        return None;
    }
    let pid = holder_of(&lock);
    let other = applied::read(&rundir::applied(state_dir)).map(|note| note.manifest);
    let told = match (other.filter(|other| !is_same(other, &target.applied.manifest)), &error.kind) {
        (Some(other), _) => Told::new(
            format!("the supervisor{} of {} has the state dir {}", by(pid), other.display(), state_dir.display()),
            format!(
                "`gateward -m {} status` shows what it keeps; two manifests cannot share one state dir",
                word(&other)
            ),
        ),
        (None, CallFailure::Absent | CallFailure::Deaf) => Told::new(
            format!("the supervisor{} is there, and has no socket in {}", by(pid), target.applied.run_dir.display()),
            "it only begins or ends, or binds a lost socket again: ask again in a moment",
        ),
        (
            None,
            CallFailure::Late
            | CallFailure::NotAllowed
            | CallFailure::HungUp
            | CallFailure::Garbled(_)
            | CallFailure::Io(_),
        ) => silence::hung("the supervisor", &lock, silence::PLANES_LIVE_ON).told(),
    };
    Some(There { pid, told })
}

/// Whether the supervisor of `target` lives, is not stopped, and may bind its socket at any moment.
pub fn is_binding(target: &Target) -> bool {
    let state_dir = &target.applied.state_dir;
    let of_another = || {
        applied::read(&rundir::applied(state_dir))
            .is_some_and(|note| !is_same(&note.manifest, &target.applied.manifest))
    };
    silence::behind(&rundir::daemon_lock(state_dir)) == Behind::Binding && !of_another()
}

/// What a supervisor told, with a word on it where it is another manifest's.
pub fn is_meant(target: &Target, told: SupervisorStatus) -> SupervisorStatus {
    let (own, other) = (&target.applied.manifest, PathBuf::from(&told.manifest));
    if is_same(own, &other) {
        return told;
    }
    SupervisorStatus { trouble: is_of(&other, own), ..told }
}

/// Refuses to act where another manifest's supervisor, or a keeper of it, lives in the run dir of `target`: its planes are not
/// those that were meant.
pub fn refuse_anothers(target: &Target) -> Result<(), Failure> {
    let Applied { run_dir, state_dir, manifest, .. } = &target.applied;
    let Some(note) = applied::read(&rundir::breadcrumb(run_dir)) else { return Ok(()) };
    // A manifest that was moved leaves nothing at its old path, and its planes where they were.
    let is_moved = !note.manifest.exists() && note.state_dir == *state_dir;
    if is_same(&note.manifest, manifest) || is_moved || !applied::lives(&note) {
        return Ok(());
    }
    let (run_dir, other) = (run_dir.display(), word(&note.manifest));
    Err(Failure::failed(
        format!("a supervisor, or a keeper that it left, has {run_dir}: {}", is_of(&note.manifest, manifest)),
        format!("`gateward -m {other}` steers what lives there; give {} a `run_dir` of its own", manifest.display()),
    ))
}

fn is_of(other: &Path, own: &Path) -> String {
    let (other, own) = (other.display(), own.display());
    format!("it is of {other}, and not of {own}, which names the same run dir: two manifests cannot share one")
}

fn by(pid: Option<i32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (pid {pid})"))
}
