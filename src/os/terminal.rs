//! The terminal that this process was started on, and whether it is still there.
//!
//! Writes nothing on it, and never makes one ours.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;

/// The controlling terminal of this process (tty(4)), where it has one.
#[derive(Debug)]
pub struct Terminal {
    is_ours: bool,
}

impl Terminal {
    /// The one of this moment.
    pub fn of_this_process() -> Self {
        Self { is_ours: is_there() }
    }

    /// Whether there is one.
    pub fn is_ours(&self) -> bool {
        self.is_ours
    }

    /// Whether it was taken away since the last look. True once.
    ///
    /// A hang-up takes it from every process of the session before SIGHUP is sent to the leader and to those in front; the end of
    /// a leader takes it right after.
    pub fn was_lost(&mut self) -> bool {
        let had = std::mem::replace(&mut self.is_ours, is_there());
        had && !self.is_ours
    }
}

fn is_there() -> bool {
    let flags = libc::O_NOCTTY | libc::O_CLOEXEC | libc::O_NONBLOCK;
    File::options().read(true).custom_flags(flags).open("/dev/tty").is_ok()
}
