//! Whether the users of planes may execute what they are to run. Looks with their rights; executes nothing.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD};

use super::launchers::executed;
use super::programs::Programs;
use crate::os::accounts::{groups_of, own_uid};
use crate::os::guise;
use crate::os::launch::Ids;
use crate::plane::{Account, PlaneName, Planes};

/// The planes whose user is kept from their program, with the outermost thing that is closed.
pub(super) fn forbidden(planes: &Planes, programs: &mut Programs) -> BTreeMap<PlaneName, PathBuf> {
    let mut found = BTreeMap::new();
    if own_uid() != 0 {
        return found;
    }
    for (plane, _) in &planes.planes {
        let Some(account) = &plane.account else { continue };
        let ids = ids(account);
        let closed = executed(plane, programs).into_iter().find_map(|program| closed(&program, &ids));
        found.extend(closed.map(|path| (plane.name.clone(), path)));
    }
    found
}

fn closed(program: &Path, ids: &Ids) -> Option<PathBuf> {
    // Links are followed as ourselves: the account may not even get as far as to see them.
    let real = std::fs::canonicalize(program).ok()?;
    let look = || outermost_closed(&real).or_else(|| (!may_execute(program)).then(|| program.to_owned()));
    guise::with(ids, look).ok()?
}

/// What processes of the account go by.
pub(super) fn ids(account: &Account) -> Ids {
    Ids { uid: account.uid, gid: account.gid, groups: groups_of(&account.name, account.gid) }
}

/// The outermost part of `path` that may not be executed, or entered, with the rights of this moment.
pub(super) fn outermost_closed(path: &Path) -> Option<PathBuf> {
    let mut all = path.ancestors().collect::<Vec<_>>().into_iter().rev();
    all.find(|path| !may_execute(path)).map(Path::to_owned)
}

/// Whether it may be executed, or entered, with the rights of this moment.
pub(super) fn may_execute(path: &Path) -> bool {
    match rustix::fs::accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS) {
        Ok(()) => true,
        // Anything else is no matter of rights, and is told of elsewhere.
        Err(error) => io::Error::from(error).kind() != io::ErrorKind::PermissionDenied,
    }
}

/// Whether a folder that is there may be written, with the rights of this moment.
pub(super) fn may_write(folder: &Path) -> bool {
    match rustix::fs::accessat(CWD, folder, Access::WRITE_OK, AtFlags::EACCESS) {
        Ok(()) => true,
        Err(rustix::io::Errno::ROFS) => false,
        Err(error) => io::Error::from(error).kind() != io::ErrorKind::PermissionDenied || !folder.is_dir(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_outermost_closed_folder_is_named() {
        if own_uid() != 0 {
            eprintln!("skipped: only root can look like somebody else");
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let set = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
        };
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).expect("a folder");
        let program = inner.join("program");
        std::fs::write(&program, "#!/bin/sh\n").expect("a file");
        let nobody = Ids { uid: 65_534, gid: 65_534, groups: vec![65_534] };
        set(&program, 0o755);
        set(&inner, 0o700);
        set(folder.path(), 0o711);
        let real = inner.canonicalize().expect("a path");
        assert_eq!(closed(&program, &nobody), Some(real.clone()));
        set(&inner, 0o711);
        assert_eq!(closed(&program, &nobody), None);
        set(&program, 0o700);
        assert_eq!(closed(&program, &nobody), Some(real.join("program")));
    }
}
