//! The file system as another account sees it, for a moment and for this thread alone.
//!
//! For root, who works in folders that an account may rearrange underneath it: what that account may not do is not done for
//! it by mistake. It changes nobody's identity for good, and no other thread's at all.

use std::io;

use super::launch::Ids;

/// Does `act` with the rights of `ids` on files, and with nobody else's. Works as root.
///
/// The capabilities over files go and come back with the file system's user id; the raw calls, unlike the C library's, change
/// the calling thread alone.
pub fn with<T>(ids: &Ids, act: impl FnOnce() -> T) -> io::Result<T> {
    let guise = Guise::take(ids)?;
    let done = act();
    drop(guise);
    Ok(done)
}

/// What is put back.
struct Guise {
    groups: Vec<u32>,
    uid: u32,
    gid: u32,
    dumpable: libc::c_int,
}

impl Guise {
    fn take(ids: &Ids) -> io::Result<Self> {
        let mut groups = vec![0_u32; 65_536];
        // SAFETY: the buffer has the length that is told, in the kernel's own unit for groups.
        let count = unsafe { libc::syscall(libc::SYS_getgroups, groups.len(), groups.as_mut_ptr()) };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        groups.truncate(count);
        // SAFETY: reads one flag of this process.
        let dumpable = unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) };
        set_groups(&ids.groups)?;
        // From here on dropping puts everything back.
        let guise = Self { groups, uid: set_user(ids.uid), gid: set_group(ids.gid), dumpable };
        if (user(), group()) == (ids.uid, ids.gid) { Ok(guise) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }
}

impl Drop for Guise {
    fn drop(&mut self) {
        set_user(self.uid);
        set_group(self.gid);
        // Nothing better is known than to go on with fewer groups; as root it does not fail.
        let _ = set_groups(&self.groups);
        // Every change of the file system's user makes the process as dumpable as the host says for setuid programs.
        if let 0 | 1 = self.dumpable {
            // SAFETY: sets one flag of this process to what it was.
            unsafe { libc::prctl(libc::PR_SET_DUMPABLE, self.dumpable, 0, 0, 0) };
        }
    }
}

fn set_groups(groups: &[u32]) -> io::Result<()> {
    // SAFETY: the list has the length that is told, and the kernel only reads it.
    let done = unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Gives the one before; the kernel never tells whether it was taken.
fn set_user(uid: u32) -> u32 {
    // SAFETY: numbers only.
    unsafe { libc::syscall(libc::SYS_setfsuid, uid) as u32 }
}

fn set_group(gid: u32) -> u32 {
    // SAFETY: numbers only.
    unsafe { libc::syscall(libc::SYS_setfsgid, gid) as u32 }
}

/// An id that nobody has is never taken, and the present one is given all the same.
fn user() -> u32 {
    set_user(u32::MAX)
}

fn group() -> u32 {
    set_group(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    #[test]
    fn what_root_may_the_guise_may_not_and_afterwards_root_may_again() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only root can look like somebody else");
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let closed = folder.path().join("closed");
        std::fs::create_dir(&closed).expect("a folder");
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).expect("a mode");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).expect("a mode");
        let ids = Ids { uid: 65_534, gid: 65_534, groups: vec![65_534] };
        let (refused, made) =
            with(&ids, || (std::fs::create_dir(closed.join("in")), std::fs::create_dir(folder.path().join("own"))))
                .expect("as root");
        assert_eq!(refused.expect_err("it is root's").kind(), io::ErrorKind::PermissionDenied);
        made.expect("anybody may there");
        let own = std::fs::metadata(folder.path().join("own")).expect("facts");
        assert_eq!((own.uid(), own.gid()), (65_534, 65_534));
        std::fs::create_dir(closed.join("in")).expect("root may");
        assert_eq!(std::fs::metadata(closed.join("in")).expect("facts").uid(), 0);
        assert_eq!((user(), group()), (0, 0));
    }
}
