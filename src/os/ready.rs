//! A descriptor that a task can wait for.
//!
//! The one place where the runtime is handed a raw descriptor; it reads and writes nothing.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::unix::AsyncFd;

/// `fd`, registered with the runtime that runs the caller. `EPERM` for what cannot be waited for, such as a plain file.
pub fn ready(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` always gives the same descriptor, which is open and stays open until it is dropped, and the
    // returned value owns it.
    unsafe { AsyncFd::register(fd) }.map_err(Into::into)
}
