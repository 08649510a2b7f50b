//! The stack of a child between clone and exec: mapped once, guarded below, used again for every spawn.
//!
//! It holds nothing from one spawn to the next.

use std::ffi::c_void;
use std::io;
use std::ptr;

/// The child needs a few hundred bytes and, on old kernels, one listing buffer; the rest is never touched, so never paid.
const SIZE: usize = 64 << 10;
/// As large as the largest page there is, so that it is a multiple of whatever this machine has.
const GUARD: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Stack(*mut c_void);

// SAFETY: the mapping belongs to this value alone and is tied to no thread.
unsafe impl Send for Stack {}

impl Stack {
    pub(super) fn new() -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice disturbs no memory in use.
        let base =
            unsafe { libc::mmap(ptr::null_mut(), GUARD + SIZE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let stack = Self(base);
        // SAFETY: the guard is the lower part of the mapping just made, which nothing points into yet.
        if unsafe { libc::mprotect(base, GUARD, libc::PROT_NONE) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(stack)
    }

    /// One past its highest byte: stacks grow downwards. Aligned to a page, hence to 16 bytes as the ABIs ask.
    pub(super) fn top(&self) -> *mut c_void {
        // SAFETY: the result is one past the end of the same mapping.
        unsafe { self.0.byte_add(GUARD + SIZE) }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `new` with this size, and no child uses it: each has executed or ended by the time
        // its spawn returned.
        unsafe { libc::munmap(self.0, GUARD + SIZE) };
    }
}
