//! Listens to one keeper for as long as it lives, and says when it is gone.
//!
//! Its end is the only sign of a keeper's death that an adopted one can give: it is not our child.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use super::input::{Input, Met};
use super::keepers::{self, BUDGET};
use super::vigil::{self, Left};
use crate::plane::{CANNOT, PlaneName};
use crate::rundir::{self, PlaneDir};
use crate::socket::{CallError, Caller};
use crate::wire::{Answer, Ask};

/// The longest such reason that is read, in bytes.
const LONGEST_WHY: usize = 1024;

/// How a keeper is met.
#[derive(Debug)]
pub enum Meeting {
    /// It has been found by its socket.
    Found,
    /// It has been found by its lock, and has no socket.
    Unheard,
    /// We have just started it; this says when it answers.
    Begun(OwnedFd),
}

/// Follows the keeper of `plane` until it is gone.
pub async fn follow(
    run_dir: PathBuf,
    folder: PlaneDir,
    plane: PlaneName,
    meeting: Meeting,
    inputs: mpsc::UnboundedSender<Input>,
) {
    let met = match meeting {
        Meeting::Begun(announcement) => {
            if let Some(why) = announced(announcement).await {
                let _ = inputs.send(Input::CannotBegin { plane: plane.clone(), why });
            }
            Met::Begun
        }
        Meeting::Found => Met::Found,
        Meeting::Unheard => {
            let found = vigil::look(run_dir.clone(), folder.clone(), plane.clone()).await;
            let _ = inputs.send(Input::Looked { plane: plane.clone(), found, reply: None });
            Met::Unheard
        }
    };
    let path = rundir::keeper_socket(&run_dir, &plane);
    loop {
        if let Err(error) = hear(&path, &plane, &inputs).await {
            tracing::info!(%plane, %error, "its keeper is no longer heard");
        }
        // One that leaves in order hangs up first: another would find its lock held.
        if vigil::left(&folder).await == Left::Yes {
            break;
        }
        // A connection has ended and no keeper: its gateway lives, and nobody else may have the plane.
        let error = "it has hung up, and lives".to_owned();
        if inputs.send(Input::Unanswered { plane: plane.clone(), order: None, error }).is_err() {
            return;
        }
    }
    // The loop is gone only when the daemon leaves.
    let _ = inputs.send(Input::Gone { plane, met });
}

/// Passes on what the keeper says, until it hangs up.
async fn hear(path: &Path, plane: &PlaneName, inputs: &mpsc::UnboundedSender<Input>) -> Result<(), CallError> {
    let mut caller = Caller::connect(path, BUDGET).await?;
    caller.tell(&keepers::request(Ask::Follow)).await?;
    match tokio::time::timeout(BUDGET, caller.next()).await {
        Ok(answer) => {
            if let Answer::Plane(status) = answer? {
                let _ = inputs.send(Input::Said(status));
            }
        }
        Err(_) => {
            let error = format!("nothing within {} s", BUDGET.as_secs());
            let _ = inputs.send(Input::Unanswered { plane: plane.clone(), order: None, error });
        }
    }
    loop {
        if let Answer::Plane(status) = caller.next().await?
            && inputs.send(Input::Said(status)).is_err()
        {
            return Ok(());
        }
    }
}

/// Waits for the keeper's first word, or for its end; gives why it could not begin, where it says so. Either way the socket is
/// tried: another keeper may have the plane.
async fn announced(announcement: OwnedFd) -> Option<String> {
    let waited = async {
        rustix::io::ioctl_fionbio(&announcement, true)?;
        let announcement = crate::os::ready::ready(announcement)?;
        announcement.readable().await.map(drop)?;
        let mut word = [0_u8; LONGEST_WHY];
        let length = rustix::io::read(&announcement, &mut word)?;
        io::Result::Ok(String::from_utf8_lossy(&word[..length]).into_owned())
    };
    match waited.await {
        Ok(word) => word.strip_prefix(CANNOT).map(str::to_owned),
        Err(error) => {
            tracing::warn!(%error, "a keeper's first word cannot be waited for");
            None
        }
    }
}
