//! Lets the users of planes through to what is theirs below the supervisor's own folder: installed releases, and the state of
//! plain planes. Through, and not in: nobody may list it, and whatever lies in it keeps its own rights.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use crate::plane::Planes;

/// Opens the state dir to be passed through, once a plane has a user of its own.
pub fn open(planes: &Planes) {
    let state_dir = &planes.supervisor.state_dir;
    if planes.planes.iter().all(|(plane, _)| plane.account.is_none()) {
        return;
    }
    let opened = std::fs::metadata(state_dir).and_then(|facts| {
        let mode = facts.permissions().mode() & 0o7777;
        if mode & 0o001 != 0 {
            Ok(())
        } else {
            std::fs::set_permissions(state_dir, Permissions::from_mode(mode | 0o011))
        }
    });
    if let Err(error) = opened {
        tracing::warn!(%error, folder = %state_dir.display(), "it could not be opened to the users of planes");
    }
}
