//! A handle on one process that never comes to mean another.
//!
//! It never signals by number. The proof is the start time: read from /proc after the handle was opened, it can only be that
//! of the process the handle is for, or of a later one under the same number, which then differs.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::process;

/// One process. Its descriptor turns readable when the process has ended, so tokio's `AsyncFd` can wait on it.
#[derive(Debug)]
pub struct Pidfd {
    fd: OwnedFd,
    pid: i32,
    start: u64,
}

/// What became of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The kernel took it.
    Delivered,
    /// The process has ended and was reaped.
    Gone,
}

impl Pidfd {
    /// A handle on whatever process has this number now. `NotFound` when there is none.
    pub fn open(pid: i32) -> io::Result<Self> {
        let before = process::start_time(pid)?;
        Self::open_if(pid, before)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// A handle on the process with this number *and* this start time, or none when it is gone.
    pub fn open_if(pid: i32, start: u64) -> io::Result<Option<Self>> {
        let Some(raw) = (pid > 0).then(|| Pid::from_raw(pid)).flatten() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{pid} is not the id of one process")));
        };
        let fd = match pidfd_open(raw, PidfdFlags::empty()) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            Err(cause) => return Err(cause.into()),
        };
        match process::start_time(pid) {
            Ok(now) => Ok((now == start).then_some(Self { fd, pid, start })),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(cause),
        }
    }

    /// Its number, good for showing.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Clock ticks from boot to its start.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Sends a signal to this process alone.
    pub fn send(&self, signal: i32) -> io::Result<Sent> {
        send(&self.fd, signal)
    }

    /// Whether it has ended, reaped or not.
    pub fn ended(&self) -> bool {
        ended(&self.fd)
    }

    /// Waits for its end; false when `until` comes first. Blocks the thread.
    pub fn ends(&self, until: Instant) -> bool {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let timeout = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
            match poll(&mut [PollFd::new(&self.fd, PollFlags::IN)], Some(&timeout)) {
                Ok(ready) => return ready > 0,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }
}

impl AsFd for Pidfd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Pidfd {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// Sends a signal through a pidfd, as one comes from a spawn. Signal 0 only asks.
pub fn send(pidfd: impl AsFd, signal: i32) -> io::Result<Sent> {
    let fd = pidfd.as_fd().as_raw_fd();
    let info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: numbers and a null pointer, which means a plain signal from us. Raw, because realtime signals have no names
    // in the wrappers.
    let done = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, info, 0) };
    if done == 0 {
        return Ok(Sent::Delivered);
    }
    let cause = io::Error::last_os_error();
    if cause.raw_os_error() == Some(libc::ESRCH) { Ok(Sent::Gone) } else { Err(cause) }
}

/// Whether the process of a pidfd has ended, reaped or not.
pub fn ended(pidfd: impl AsFd) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&now)).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::*;
    use crate::os::testing::BUDGET;

    #[test]
    fn it_reaches_its_own_process_and_no_other() {
        let mut child = Command::new("/bin/sleep").arg("60").spawn().expect("a child");
        let pid = child.id().cast_signed();
        let handle = Pidfd::open(pid).expect("a handle");
        assert_eq!((handle.pid(), handle.start()), (pid, process::start_time(pid).expect("a start")));
        assert!(Pidfd::open_if(pid, handle.start() + 1).expect("a look").is_none(), "another process of that number");
        assert!(!handle.ended());
        assert_eq!(handle.send(0).expect("asked"), Sent::Delivered);
        assert!(!handle.ends(Instant::now() + Duration::from_millis(1)));
        assert_eq!(handle.send(libc::SIGKILL).expect("sent"), Sent::Delivered);
        assert!(handle.ends(Instant::now() + BUDGET));
        assert!(handle.ended());
        child.wait().expect("reaped");
        assert_eq!(handle.send(libc::SIGKILL).expect("sent"), Sent::Gone);
        assert!(Pidfd::open_if(pid, handle.start()).expect("a look").is_none());
        assert_eq!(Pidfd::open(pid).expect_err("nobody").kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn groups_and_nobody_are_refused() {
        for pid in [0, -1, -7] {
            assert_eq!(Pidfd::open_if(pid, 0).expect_err("no process").kind(), io::ErrorKind::InvalidInput);
        }
    }
}
