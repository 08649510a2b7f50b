//! Takes on another account for good, for a program that is about to be executed in our place.
//!
//! Only ever steps down: it works as root, and there is no way back.

use std::ffi::CString;
use std::io;

use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, initgroups, setgid, setuid};

/// Becomes `name`: all of its groups, then its group, then its user, as each step needs the rights of the one before.
pub fn account(name: &str, uid: u32, gid: u32) -> io::Result<()> {
    let name = CString::new(name)?;
    let gid = Gid::from_raw(gid);
    initgroups(&name, gid)?;
    setgid(gid)?;
    setuid(Uid::from_raw(uid))?;
    Ok(())
}

/// The file mode mask from now on.
pub fn file_mode_mask(mask: u32) {
    umask(Mode::from_bits_truncate(mask));
}
