//! Memory that is no longer needed goes back to the system.

/// Has the allocator give back what it keeps for later, after much was freed. Takes a fraction of a millisecond.
pub fn give_back() {
    // SAFETY: takes a number, locks for itself, and touches nothing that is in use.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}
