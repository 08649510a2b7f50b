//! The supervisor becomes another program in place: the one that is found where ours was, tried before it is trusted.
//!
//! Planes are not touched. Keepers of another release are asked to leave when their gateway ends by itself, and ours follow.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::core::{Daemon, End, refused};
use super::input::Input;
use super::keepers::{self, BUDGET};
use super::{applied, load};
use crate::os::pidfd::Pidfd;
use crate::plane::PlaneName;
use crate::rundir;
use crate::socket::{CallError, Caller, Reply};
use crate::wire::{Answer, Ask, PlaneStatus, RefusalKind};

/// How long a program may take to say its release.
const SAYS: Duration = Duration::from_secs(10);

/// The program that takes our place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Successor {
    /// Where it is.
    pub program: PathBuf,
    /// What it says of itself: `gateward 0.2.0`.
    pub says: String,
}

/// How far a keeper of another release is with leaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yielding {
    /// It was asked.
    Asked,
    /// Its plane is empty, and it leaves.
    Leaves,
}

impl Daemon {
    /// Has the program on disk tried, beside the loop.
    pub(super) fn try_successor(&mut self, reply: Option<Reply>) {
        let program = self.program.clone();
        let inputs = self.inputs.clone();
        let manifest = self.planes.supervisor.manifest.clone();
        self.lanes.tries.take(move || {
            let starts = || match load::read(&manifest) {
                Err(error) if applied::left_living(&manifest).is_none() => Err(error.to_string()),
                Ok(_) | Err(_) => Ok(()),
            };
            let outcome = starts().and_then(|()| says(&program));
            let outcome = outcome.map(|says| Successor { program: program.clone(), says });
            let outcome = outcome.map_err(|error| format!("{} cannot take over: {error}", program.display()));
            let _ = inputs.send(Input::Tried { outcome, reply });
        });
    }

    pub(super) fn tried(&mut self, outcome: Result<Successor, String>, reply: Option<Reply>) -> Option<End> {
        let answer = match &outcome {
            Err(why) => {
                self.voice.say(&format!("not replaced: {why}"));
                self.note(None, "not-replaced", why, "the supervisor stays as it is", "until it is asked again");
                refused(
                    RefusalKind::Failed,
                    why.clone(),
                    "the supervisor goes on as it was; install the program again, then ask again",
                )
            }
            Ok(_) if self.down.is_some() => {
                refused(RefusalKind::Leaving, "the supervisor is about to leave".into(), "start the new one")
            }
            Ok(successor) => {
                let line = format!("becoming `{}` in place; the planes live on", successor.says);
                self.voice.say(&line);
                self.voice.replaced();
                self.note(None, "replaced", &successor.says, "executed in place", "it greets the planes");
                Answer::Accepted { replaces: None, note: line }
            }
        };
        let goes = matches!(answer, Answer::Accepted { .. });
        if let Some(reply) = reply {
            reply.answer(answer);
        }
        outcome.ok().filter(|_| goes).map(|successor| End::Replaced { program: successor.program, passed: Vec::new() })
    }

    /// Asks a keeper of another release to leave when its gateway ends by itself.
    pub(super) fn want_another_release(&mut self, status: &PlaneStatus) {
        let ours = crate::wire::RELEASE;
        let is_known = self.seen.get(&status.name).is_some_and(|seen| seen.keeper_pid == status.keeper_pid);
        if is_known || status.keeper_version.as_deref().is_none_or(|release| release == ours) {
            return;
        }
        let path = rundir::keeper_socket(&self.planes.supervisor.run_dir, &status.name);
        self.yielding.insert(status.name.clone(), Yielding::Asked);
        let (plane, inputs) = (status.name.clone(), self.inputs.clone());
        tokio::task::spawn_local(async move {
            let word = match yields(&path, &plane).await {
                Ok(Answer::Accepted { .. }) => Some(Yielding::Leaves),
                // Older than this ask: it stays until an operator has it replaced.
                Ok(answer) => {
                    tracing::info!(%plane, ?answer, "its keeper, of another release, stays");
                    None
                }
                Err(error) => {
                    tracing::debug!(%plane, %error, "its keeper, of another release, has gone");
                    None
                }
            };
            let _ = inputs.send(Input::Yields { plane, word });
        });
    }
}

/// The keeper's word that it leaves, however long that takes.
async fn yields(path: &Path, plane: &PlaneName) -> Result<Answer, CallError> {
    let mut caller = Caller::connect(path, BUDGET).await?;
    tracing::info!(%plane, "its keeper is of another release: asked to leave at the plane's next start");
    caller.tell(&keepers::request(Ask::Yield { to: crate::wire::RELEASE.into() })).await?;
    caller.next().await
}

/// What a program says to `--version`, if it is one of us and says it in time.
#[allow(
    clippy::disallowed_methods,
    reason = "a bounded trial of our own next program, beside the loop; no plane is near it"
)]
fn says(program: &Path) -> Result<String, String> {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // A script's children would outlive it.
    command.process_group(0);
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let handle = Pidfd::open(child.id().cast_signed()).map_err(|error| error.to_string())?;
    if !handle.ends(std::time::Instant::now() + SAYS) {
        end_group(&mut child);
        return Err(format!("`--version` did not end within {} s", SAYS.as_secs()));
    }
    // Whoever is left of its group holds the pipe, and could hold us up for ever. Its leader is not reaped yet, so that the group's
    // number is nobody else's.
    signal_group(&child);
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && said.starts_with("gateward ") {
        Ok(said)
    } else {
        Err(format!("`--version` gave {} and said `{}`", output.status, said.escape_debug()))
    }
}

/// Ends it with all that it has begun, and reaps it.
fn end_group(child: &mut Child) {
    signal_group(child);
    let _ = child.wait();
}

fn signal_group(child: &Child) {
    // Empty is as good as ended.
    if let Err(error) = crate::os::signals::kill_group(child.id().cast_signed(), libc::SIGKILL) {
        tracing::warn!(%error, "what a program that was tried has begun may live on");
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_a_tried_program_has_begun_ends_with_the_trial() {
        let folder = tempfile::tempdir().expect("a folder");
        let (program, left) = (folder.path().join("gateward"), folder.path().join("pid"));
        // It keeps the pipe open, so that its words would never end.
        let script = format!("#!/bin/sh\nsleep 600 &\necho $! > {}\necho gateward 9.9.9\n", left.display());
        std::fs::write(&program, script).expect("a program");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("executable");
        assert_eq!(says(&program).expect("it says its release"), "gateward 9.9.9");
        let pid: i32 = std::fs::read_to_string(&left).expect("a child").trim().parse().expect("a number");
        // Killed before its words were read: whatever still has the number is on its way out, or another process.
        let state = crate::os::process::stat(pid).map(|stat| stat.is_leaving() || matches!(stat.state, b'Z' | b'X'));
        assert!(state.unwrap_or(true), "{pid} lives on");
    }
}
