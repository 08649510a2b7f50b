//! A helper thread that no signal is ever delivered to.
//!
//! Decides nothing about what the thread does.

use std::io;
use std::thread::{Builder, JoinHandle};

use nix::sys::signal::SigSet;

/// Runs `body` on a thread of its own on which every signal is blocked, so that handlers run on the main thread only, and a
/// write past a file size limit is an error (EFBIG) instead of the end of the process (SIGXFSZ).
pub fn thread(name: &str, stack: usize, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).stack_size(stack).spawn(move || {
        // Fails only for arguments that are not a set of signals.
        let _ = SigSet::all().thread_block();
        body();
    })
}
