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
    /// It hangs and cannot be ended.
    Unreachable {
        /// Why.
        why: String,
    },
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
        let is_stopped = is_stopped(keeper.pid());
        if begun.elapsed() >= if is_stopped { STOPPED } else { SILENT } {
            return end(&keeper, is_stopped);
        }
        sleep(AGAIN).await;
    }
}

/// Returns when the keeper's process has ended, its lock with it; or after a while, for one that does not get on with it.
pub async fn left(folder: &PlaneDir) {
    let ended = async {
        while let Some(keeper) = keeper_of(folder) {
            let handle = keeper.as_fd().try_clone_to_owned().and_then(ready)?;
            drop(handle.readable().await?);
        }
        Ok::<(), io::Error>(())
    };
    match tokio::time::timeout(STOPPED, ended).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the end of a keeper cannot be waited for"),
        Err(_) => tracing::warn!("a keeper has hung up and does not end"),
    }
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
