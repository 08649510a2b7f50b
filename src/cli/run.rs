//! `gateward run`: the supervisor in the foreground.
//!
//! Refuses inside a plane: what runs there would die with it.

use std::io;
use std::time::Duration;

use super::inside;
use super::outcome::{Code, Failure, Outcome, Told};
use super::target::Scope;
use super::trouble;
use crate::daemon::{self, End, Manner, RunError};
use crate::os::signals;

/// How long a service that cannot run stays before it says so and is started again.
const BEFORE_ANOTHER_TRY: Duration = Duration::from_secs(3);

/// The words of `run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward run
  gateward -m /etc/gateward/supervisor.toml run

Ctrl-C stops every plane gracefully, then the supervisor, as `gateward down` does. If it is killed instead, its planes live \
on, and the next `gateward run` greets them.

Under systemd a SIGTERM is for the supervisor alone: it ends by that signal, and its planes live on.

Exit codes: 0 went down when asked; 1 another supervisor has this state dir, or the host refused something; 6 the manifest \
cannot be read or is invalid.")]
pub struct Args {}

/// Runs the supervisor until it is told to go.
pub fn run(_args: &Args, scope: &Scope) -> Outcome {
    inside::refuse("run")?;
    let manner = match std::env::var_os("NOTIFY_SOCKET") {
        Some(_) => Manner::Service,
        None => Manner::Foreground,
    };
    let outcome = supervise(scope, manner);
    if manner == Manner::Service && outcome.is_err() {
        // A unit's own pause before its next try must be short; while we wait, a stop of the unit is heard.
        std::thread::sleep(BEFORE_ANOTHER_TRY);
    }
    outcome
}

fn supervise(scope: &Scope, manner: Manner) -> Outcome {
    let manifest = daemon::load::find(scope.manifest.as_deref()).map_err(|error| trouble::manifest(&error))?;
    match daemon::run(&manifest, manner) {
        Ok(End::Down) => Ok(Code::Done),
        // A service manager starts it again, unless it was the one to stop it; an exit code of 0 would mean `down`.
        Ok(End::Left) if manner == Manner::Service => Err(ended_by_signal()),
        Ok(End::Left) => Ok(Code::Done),
        Ok(End::Replaced { program, passed }) => {
            let error = crate::os::exe::give_way(&program, &passed);
            let hint = "planes live on; start the supervisor again";
            Err(Failure::failed(format!("no program could take the supervisor's place: {error}"), hint))
        }
        Err(RunError::Manifest(error)) => Err(trouble::manifest(&error)),
        Err(error @ RunError::Second { .. }) => {
            Err(Failure::Failed(Told::new(error.to_string(), "`gateward status` shows what it keeps")))
        }
        Err(error @ RunError::Moved { .. }) => Err(Failure::Failed(Told::new(
            error.to_string(),
            "`gateward down` stops what lives there (it finds it by itself), then `gateward run` starts it in the new place",
        ))),
        Err(error @ RunError::Descriptors { .. }) => Err(Failure::failed(
            error.to_string(),
            format!(
                "`ulimit -n {}` in the shell that starts it allows more, or `LimitNOFILE=` in its unit",
                daemon::DESCRIPTORS
            ),
        )),
        Err(error @ RunError::Host { .. }) => Err(Failure::Failed(Told::new(error.to_string(), hint(&error)))),
    }
}

fn hint(error: &RunError) -> &'static str {
    match error {
        RunError::Host { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            "run it as the account that these folders belong to, or set others as run_dir and state_dir in [supervisor]"
        }
        RunError::Host { source, .. } if source.kind() == io::ErrorKind::ReadOnlyFilesystem => {
            "have that file system mounted for writing (`mount -o remount,rw`), or set another run_dir or state_dir in [supervisor]; a \
             first start must write, later ones go on with what they can read"
        }
        RunError::Host { .. } => "run_dir and state_dir are set in [supervisor]",
        RunError::Manifest(_) | RunError::Second { .. } | RunError::Moved { .. } | RunError::Descriptors { .. } => "",
    }
}

/// Ends as what SIGTERM ends; comes back only where that is not possible.
fn ended_by_signal() -> Failure {
    let error = signals::end_by(nix::libc::SIGTERM);
    Failure::failed(format!("cannot end by a signal: {error}"), "")
}
