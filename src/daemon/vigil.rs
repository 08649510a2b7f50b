//! Finds keepers that hang: asks them, looks at the process, and only then has it ended; its plane gets another one.
//!
//! A keeper that is merely starved is given time, and none is ended without proof that it is this plane's keeper. What makes us
//! look is in `core`: a child that was stopped, somebody who got no answer, a glance at those that are not our children.

use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::keepers;
use crate::os::lock::holder_of;
use crate::os::pidfd::Pidfd;
use crate::os::process;
use crate::os::ready::ready;
use crate::plane::PlaneName;
use crate::rundir::PlaneDir;
use crate::wire::{Answer, Ask};

/// How often adopted keepers are glanced at: no signal tells of those that are not our children.
pub const GLANCE: Duration = Duration::from_secs(30);

/// A keeper that was stopped (SIGSTOP, a freezer) may go on within this; past it, its gateway's full pipe may hold it up.
pub const STOPPED: Duration = Duration::from_secs(5);

/// A keeper that runs and does not answer within this hangs; a starved one has answered by then.
const SILENT: Duration = Duration::from_secs(30);

/// How soon one that has no socket is looked at again, after it was told to bind it.
const AGAIN: Duration = Duration::from_millis(200);

/// What a look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It answers.
    Well {
        /// The definition by which it keeps its plane.
        definition: String,
    },
    /// There is no keeper.
    Nobody,
    /// It hung, and has been ended.
    Ended {
        /// What was seen, for the journal.
        saw: String,
    },
    /// It is held up by the kernel, and was left.
    Waiting {
        /// What was seen.
        why: String,
    },
    /// It hangs and cannot be ended.
    Unreachable {
        /// Why.
        why: String,
    },
}

/// What is due to a keeper that does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// More time.
    Patience,
    /// To be left: it is held up by the kernel and not by itself, and its gateway may be well.
    Left,
    /// Its end.
    End,
}

/// What is due to a keeper whose process is in this state, after so long without an answer.
fn due(state: u8, silent: Duration) -> Due {
    match state {
        b'T' if silent >= STOPPED => Due::End,
        b'D' if silent >= SILENT => Due::Left,
        b'T' | b'D' => Due::Patience,
        _ if silent >= SILENT => Due::End,
        _ => Due::Patience,
    }
}

/// Looks after the keeper of `plane` until it answers or is known to hang; then ends it.
pub async fn look(run_dir: PathBuf, folder: PlaneDir, plane: PlaneName) -> Found {
    let begun = Instant::now();
    // One that has only begun, or binds its socket again by itself, has it at the second look.
    let mut alone = 0_u8;
    loop {
        let silence = match keepers::ask(&run_dir, &plane, Ask::Status).await {
            Ok(Answer::Plane(status)) => return Found::Well { definition: status.definition },
            // Of another release, and well enough to say something.
            Ok(_) => return Found::Well { definition: String::new() },
            Err(error) => error,
        };
        let Some(keeper) = keeper_of(&folder) else { return Found::Nobody };
        alone = alone.saturating_add(u8::from(silence.is_nobody()));
        if silence.is_nobody() && alone == 2 {
            tracing::warn!(%plane, pid = keeper.pid(), "its keeper lives and has no socket: told to bind it again");
            if let Err(error) = keeper.send(libc::SIGHUP) {
                tracing::warn!(%plane, %error, "it could not be told");
            }
        }
        let state = process::stat(keeper.pid()).map(|stat| stat.state).unwrap_or_default();
        match due(state, begun.elapsed()) {
            Due::Patience => sleep(AGAIN).await,
            Due::Left => {
                let why = format!(
                    "its keeper (pid {}) waits in the kernel, as for a disk that does not answer",
                    keeper.pid()
                );
                return Found::Waiting { why };
            }
            Due::End => return end(&keeper, state == b'T'),
        }
    }
}

/// Whether a keeper that has hung up has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Its process has, and its lock is free.
    Yes,
    /// Its process lives on and has its lock: it is still the plane's keeper.
    No,
}

/// Waits for the end of the keeper's process, and of its lock with it; no longer than a while, for one that has not left, or does
/// not get on with it.
pub async fn left(folder: &PlaneDir) -> Left {
    let ended = async {
        while let Some(keeper) = keeper_of(folder) {
            let handle = keeper.as_fd().try_clone_to_owned().and_then(ready)?;
            drop(handle.readable().await?);
        }
        Ok::<(), io::Error>(())
    };
    match tokio::time::timeout(STOPPED, ended).await {
        Ok(Ok(())) => return Left::Yes,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the end of a keeper cannot be waited for");
            sleep(STOPPED).await;
        }
        Err(_) => {}
    }
    if keeper_of(folder).is_none() { Left::Yes } else { Left::No }
}

/// Whether this process is stopped; a glance, not a proof.
pub fn is_stopped(pid: i32) -> bool {
    process::stat(pid).is_ok_and(|stat| stat.state == b'T')
}

/// The process that holds the keeper's lock. The lock is close-on-exec, so that its taker holds it; asked again after the handle
/// was opened, so that the handle is on that process and no later one of its number.
fn keeper_of(folder: &PlaneDir) -> Option<Pidfd> {
    let lock = folder.keeper_lock();
    let keeper = Pidfd::open(holder_of(&lock)?).ok()?;
    (holder_of(&lock) == Some(keeper.pid())).then_some(keeper)
}

fn end(keeper: &Pidfd, is_stopped: bool) -> Found {
    let pid = keeper.pid();
    let how = if is_stopped { "was stopped (SIGSTOP?) and did not go on" } else { "ran and did not answer" };
    let bound = if is_stopped { STOPPED } else { SILENT };
    let done: io::Result<_> = keeper.send(libc::SIGKILL);
    match done {
        Ok(_) => Found::Ended { saw: format!("its keeper (pid {pid}) {how} within {} s", bound.as_secs()) },
        Err(error) => Found::Unreachable { why: format!("its keeper (pid {pid}) {how}, and cannot be ended: {error}") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keeper_that_waits_for_a_disk_is_left_however_long_that_takes() {
        assert_eq!(due(b'T', STOPPED), Due::End);
        assert_eq!(due(b'T', STOPPED / 2), Due::Patience);
        for running in *b"SR" {
            assert_eq!(due(running, SILENT / 2), Due::Patience);
            assert_eq!(due(running, SILENT), Due::End);
        }
        assert_eq!(due(b'D', SILENT / 2), Due::Patience);
        assert_eq!(due(b'D', SILENT * 100), Due::Left);
    }
}
