//! Our own executable, held open from the start: the file on disk may be replaced while we run.
//!
//! It never looks the program up by name.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};

/// A close-on-exec descriptor on the program that this process executes, good for
/// [`Program::Descriptor`](super::launch::Program::Descriptor) also when its file was replaced or removed.
pub fn own() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open("/proc/self/exe", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn it_is_this_very_program() {
        let ours = rustix::fs::fstat(own().expect("a descriptor")).expect("facts");
        let file = std::fs::metadata(std::env::current_exe().expect("a path")).expect("facts");
        assert_eq!((ours.st_dev, ours.st_ino), (file.dev(), file.ino()));
    }
}
