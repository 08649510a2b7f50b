//! Ctrl-C as something to wait for, where a verb has a word to say before it ends.
//!
//! Takes the signal for the rest of the process; verbs with nothing to say leave it alone.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A descriptor that becomes readable at Ctrl-C, or when the process is asked to end.
#[derive(Debug)]
pub struct Interrupt(SignalFd);

impl Interrupt {
    /// From now on.
    pub fn new() -> io::Result<Self> {
        let mut signals = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            signals.add(signal);
        }
        signals.thread_block()?;
        Ok(Self(SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?))
    }

    /// Waits at most that long for it; whether it came.
    pub fn wait(&self, budget: Duration) -> io::Result<bool> {
        let mut fds = [PollFd::new(self, PollFlags::IN)];
        let budget = Timespec {
            tv_sec: i64::try_from(budget.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(budget.subsec_nanos()),
        };
        match poll(&mut fds, Some(&budget)) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Forgets what has come so far, so that the next one is heard.
    pub fn forget(&self) -> io::Result<()> {
        while self.0.read_signal()?.is_some() {}
        Ok(())
    }
}

impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
