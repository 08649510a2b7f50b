//! Whether planes can be put into their working folders. Looks with the rights of each plane's user; makes nothing.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::accounts;
use crate::collision::surroundings::NoCwd;
use crate::os::accounts::own_uid;
use crate::os::guise;
use crate::plane::{Contract, Plane, PlaneName, Planes};

/// The planes whose working folder is none for them.
pub(super) fn unusable(planes: &Planes) -> BTreeMap<PlaneName, NoCwd> {
    let each = planes.planes.iter().map(|(plane, _)| plane);
    let found = each.filter_map(|plane| Some((plane.name.clone(), of_plane(plane)?)));
    found.filter(|(_, found)| !is_opened(found, &planes.supervisor.state_dir)).collect()
}

fn of_plane(plane: &Plane) -> Option<NoCwd> {
    let found = match &plane.account {
        None => look_at(plane),
        Some(account) if own_uid() == 0 => guise::with(&accounts::ids(account), || look_at(plane)).ok()?,
        // With whose rights the gateway would go there cannot be tried.
        Some(_) => None,
    };
    // The keeper makes the state dir, and nothing else.
    found.filter(|found| *found != NoCwd::Missing || plane.cwd != plane.state_dir)
}

/// Whether the supervisor lets users of planes through what is closed, once it runs.
fn is_opened(found: &NoCwd, state_dir: &Path) -> bool {
    match found {
        NoCwd::Closed(closed) => *closed == state_dir || *closed == state_dir.join("plain"),
        NoCwd::Missing | NoCwd::NoFolder | NoCwd::ReadOnly => false,
    }
}

fn look_at(plane: &Plane) -> Option<NoCwd> {
    // What a plain process does with its folder is its own affair.
    let writes = plane.contract == Contract::Openclaw;
    look(&plane.cwd).or_else(|| (writes && !accounts::may_write(&plane.state_dir)).then_some(NoCwd::ReadOnly))
}

fn look(cwd: &Path) -> Option<NoCwd> {
    match std::fs::metadata(cwd) {
        Ok(found) if !found.is_dir() => Some(NoCwd::NoFolder),
        Ok(_) if accounts::may_execute(cwd) => None,
        Ok(_) => Some(closed(cwd)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Some(closed(cwd)),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Some(NoCwd::NoFolder),
        // A link that leads nowhere, or round and round, is no folder to be in either.
        Err(_) => Some(NoCwd::Missing),
    }
}

fn closed(cwd: &Path) -> NoCwd {
    NoCwd::Closed(accounts::outermost_closed(cwd).unwrap_or_else(|| cwd.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    use super::*;
    use crate::os::launch::Ids;

    #[test]
    fn what_is_no_folder_to_be_in_is_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |inside: &str| folder.path().join(inside);
        std::fs::write(at("file"), "").expect("a file");
        symlink("nowhere", at("dangling")).expect("a link");
        symlink(folder.path(), at("good")).expect("a link");
        assert_eq!(look(folder.path()), None);
        assert_eq!(look(&at("good")), None);
        assert_eq!(look(&at("gone")), Some(NoCwd::Missing));
        assert_eq!(look(&at("dangling")), Some(NoCwd::Missing));
        assert_eq!(look(&at("file")), Some(NoCwd::NoFolder));
        assert_eq!(look(&at("file/in")), Some(NoCwd::NoFolder));
    }

    #[test]
    fn the_outermost_closed_folder_is_named_to_whom_it_is_closed() {
        if own_uid() != 0 {
            eprintln!("skipped: only root can look like somebody else");
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let closed = folder.path().join("closed");
        std::fs::create_dir_all(closed.join("in")).expect("a folder");
        let set = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
        };
        set(folder.path(), 0o711);
        set(&closed, 0o700);
        let nobody = || Ids { uid: 65_534, gid: 65_534, groups: vec![65_534] };
        let seen = |path: PathBuf| guise::with(&nobody(), || look(&path)).expect("as root");
        assert_eq!(seen(closed.clone()), Some(NoCwd::Closed(closed.clone())));
        assert_eq!(seen(closed.join("in")), Some(NoCwd::Closed(closed.clone())));
        set(&closed, 0o711);
        assert_eq!(seen(closed.join("in")), None);
    }
}
