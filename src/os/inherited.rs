//! A descriptor that the parent put under an agreed number.
//!
//! Takes a copy and closes the number, so that nothing else of this process ever trips over it.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

/// The descriptor `number`, close-on-exec from now on. `EBADF` when the parent put nothing there.
pub fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    inherited_if(number, |_| true)
}

/// The same, when it is what the caller takes it for; `NotFound`, and left alone, when it is something else.
pub fn inherited_if(number: RawFd, is_it: impl FnOnce(BorrowedFd<'_>) -> bool) -> io::Result<OwnedFd> {
    // SAFETY: fcntl with F_GETFD reads one flag of a descriptor by number, and fails on one that is not open.
    if unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is open, as just seen, and nothing in this process owns that number: it came from the parent,
    // and this is called once, before any other thread exists. The borrow ends within this function.
    let there = unsafe { BorrowedFd::borrow_raw(number) };
    if !is_it(there) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let copy = there.try_clone_to_owned()?;
    // SAFETY: as above; closing it leaves only the copy.
    unsafe { libc::close(number) };
    Ok(copy)
}
