//! Users and groups of this host, from passwd and group or whatever else answers for them, and what is closed to ours.
//!
//! Looks up by name or number; changes nobody's identity.

use std::io;
use std::path::{Path, PathBuf};

use nix::unistd::{Group, Uid, User, geteuid};

/// One account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Home folder.
    pub home: PathBuf,
    /// Login shell.
    pub shell: PathBuf,
}

/// Whether a file that is there, or may be, is not for us to read.
pub fn is_closed(path: &Path) -> bool {
    std::fs::File::open(path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// The account of that login name.
pub fn by_name(name: &str) -> io::Result<Option<Entry>> {
    Ok(User::from_name(name)?.map(entry))
}

/// The account of that user id.
pub fn by_uid(uid: u32) -> io::Result<Option<Entry>> {
    Ok(User::from_uid(Uid::from_raw(uid))?.map(entry))
}

/// All groups of that account; its primary one alone where the others cannot be read.
pub fn groups_of(name: &str, primary: u32) -> Vec<u32> {
    let name = std::ffi::CString::new(name).unwrap_or_default();
    let groups = nix::unistd::getgrouplist(&name, primary.into());
    groups.map_or_else(|_| vec![primary], |groups| groups.into_iter().map(nix::unistd::Gid::as_raw).collect())
}

/// Whether a group of that name exists.
pub fn group_exists(name: &str) -> io::Result<bool> {
    Ok(Group::from_name(name)?.is_some())
}

/// The name of that group.
pub fn group_name(gid: u32) -> Option<String> {
    Group::from_gid(gid.into()).ok().flatten().map(|group| group.name)
}

/// The user id that this process acts as.
pub fn own_uid() -> u32 {
    geteuid().as_raw()
}

fn entry(user: User) -> Entry {
    Entry { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw(), home: user.dir, shell: user.shell }
}

#[cfg(test)]
mod tests {
    use super::{by_name, by_uid, group_exists};

    #[test]
    fn root_is_known_and_nobody_else_of_a_made_up_name() {
        let root = by_name("root").unwrap().unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert_eq!(by_uid(0).unwrap(), Some(root));
        assert_eq!(by_name("no-such-user-here").unwrap(), None);
        assert!(group_exists("root").unwrap() && !group_exists("no-such-group-here").unwrap());
    }
}
