//! Lets the members of a group read what is otherwise its owner's alone: folders and files, by their group and mode.
//!
//! Gives nobody the right to write, and decides about nobody: which group that is, is given.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, fchown};
use std::path::Path;

/// Opens a folder to the group: to be listed and passed through.
pub fn open_folder(folder: &Path, gid: u32) -> io::Result<()> {
    chown(folder, None, Some(gid))?;
    let mode = fs::metadata(folder)?.permissions().mode() & 0o7777;
    fs::set_permissions(folder, Permissions::from_mode(mode | 0o050))
}

/// Closes a folder of our own to everybody else again.
pub fn close_folder(folder: &Path) -> io::Result<()> {
    let mode = fs::metadata(folder)?.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 { Ok(()) } else { fs::set_permissions(folder, Permissions::from_mode(mode & 0o700)) }
}

/// Opens a file to the group, or, without one, closes it to every group. Leaves alone what is no plain file.
pub fn set(file: &File, group: Option<u32>) -> io::Result<()> {
    let found = file.metadata()?;
    if !found.is_file() {
        return Ok(());
    }
    let wanted = match group {
        Some(gid) => {
            if found.gid() != gid {
                fchown(file, None, Some(gid))?;
            }
            0o640
        }
        None => 0o600,
    };
    if found.mode() & 0o7777 == wanted { Ok(()) } else { file.set_permissions(Permissions::from_mode(wanted)) }
}

/// The group that may read what lies in a folder of ours.
pub fn of_folder(folder: &Path) -> io::Result<Option<u32>> {
    let found = fs::metadata(folder)?;
    Ok((found.mode() & 0o050 == 0o050).then_some(found.gid()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_opened_to_a_group_can_be_closed_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let gid = rustix::process::getegid().as_raw();
        let mode = |path: &Path| fs::metadata(path).expect("facts").mode() & 0o7777;
        let file = File::create(folder.path().join("journal")).expect("a file");
        let name = folder.path().join("journal");
        close_folder(folder.path()).expect("ours");
        set(&file, None).expect("ours");
        assert_eq!((mode(folder.path()), mode(&name)), (0o700, 0o600));
        assert_eq!(of_folder(folder.path()).expect("facts"), None);
        open_folder(folder.path(), gid).expect("ours");
        set(&file, of_folder(folder.path()).expect("facts")).expect("ours");
        assert_eq!((mode(folder.path()), mode(&name)), (0o750, 0o640));
        close_folder(folder.path()).expect("ours");
        set(&file, of_folder(folder.path()).expect("facts")).expect("ours");
        assert_eq!((mode(folder.path()), mode(&name)), (0o700, 0o600));
    }
}
