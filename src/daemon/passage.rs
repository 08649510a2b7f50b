//! Lets the users of planes through to what is theirs below the supervisor's own folder: installed releases, and the state of
//! plain planes. Through, and not in: nobody may list it, and whatever lies in it keeps its own rights.

use std::fs::{DirBuilder, Metadata, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use crate::os::accounts::own_uid;
use crate::plane::Planes;

/// Opens the state dir, and the folder of plain planes in it, to be passed through, once a plane has a user of its own.
pub fn open(planes: &Planes) {
    if planes.planes.iter().all(|(plane, _)| plane.account.is_none()) {
        return;
    }
    let state_dir = &planes.supervisor.state_dir;
    through(state_dir);
    let plain = state_dir.join("plain");
    // Made before any keeper works, which would all make it at once, and some as theirs alone. One that cannot be made is told by
    // the keeper that needs it.
    if planes.planes.iter().any(|(plane, _)| plane.state_dir.starts_with(&plain)) {
        let _ = DirBuilder::new().mode(0o711).create(&plain);
    }
    let is_own = |facts: Metadata| facts.is_dir() && facts.uid() == own_uid();
    // A keeper of an earlier release, or somebody's narrow mask, may have closed it.
    if std::fs::symlink_metadata(&plain).is_ok_and(is_own) {
        through(&plain);
    }
}

/// Opens one folder to be passed through.
pub fn through(folder: &Path) {
    let opened = std::fs::metadata(folder).and_then(|facts| {
        let mode = facts.permissions().mode() & 0o7777;
        if mode & 0o001 != 0 { Ok(()) } else { std::fs::set_permissions(folder, Permissions::from_mode(mode | 0o011)) }
    });
    if let Err(error) = opened {
        tracing::warn!(%error, folder = %folder.display(), "it could not be opened to the users of planes");
    }
}
