//! What the tests of this folder share: a process of one's own to test in, and waiting for facts.
//!
//! Compiled for tests only.

use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// The longest wait for any fact; a busy machine needs milliseconds.
pub(crate) const BUDGET: Duration = Duration::from_secs(20);

/// Whether this is a forked process, whose panics are told by its parent. The hook is set beforehand: a thread that panics
/// while another forks holds the hook's lock for reading, and the forked process could never set one.
static FORKED: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// Runs `body` in a forked process, whose main thread it is: children, descriptors, subreaper and dispositions are its own.
///
/// The C library makes its allocator usable after a fork; `body` must not print, read the environment, or bring descriptors.
pub(crate) fn in_process(body: impl FnOnce()) {
    HOOK.call_once(|| {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !FORKED.load(Ordering::Relaxed) {
                told(info);
            }
        }));
    });
    let (mut said, mut say) = std::io::pipe().expect("a pipe");
    // SAFETY: the child runs only the code below and ends without returning into the test harness.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "cannot fork");
    if pid == 0 {
        // SAFETY: sets one flag: an interrupted test must not leave this process behind.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) };
        FORKED.store(true, Ordering::Relaxed);
        close_others(say.as_raw_fd());
        let outcome = catch_unwind(AssertUnwindSafe(body));
        if let Err(panic) = &outcome {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("panicked");
            let _ = say.write_all(text.as_bytes());
        }
        // SAFETY: ends this process without running the harness's exit handlers.
        unsafe { libc::_exit(i32::from(outcome.is_err())) }
    }
    drop(say);
    let mut text = String::new();
    // Read before the wait: a long complaint must not block the child. Grandchildren may hold the pipe, so the end of the
    // child counts, not the end of the pipe.
    let pidfd = pidfd(pid);
    assert!(readable_within(&pidfd, BUDGET * 2), "the process of this test does not end");
    let mut status = 0;
    // SAFETY: `pid` is our own unreaped child, `status` is ours.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    if status != 0 {
        let _ = said.read_to_string(&mut text);
    }
    assert_eq!((status, text.as_str()), (0, ""), "in the process of this test");
}

/// The forked process holds copies of what other tests have open; they wait for its end of their pipes and ports.
fn close_others(kept: std::os::fd::RawFd) {
    let kept = kept.cast_unsigned();
    // SAFETY: numbers only. Whoever owned these descriptors runs in the parent; nothing of it is dropped here.
    unsafe {
        if kept > 3 {
            libc::syscall(libc::SYS_close_range, 3, kept - 1, 0);
        }
        libc::syscall(libc::SYS_close_range, kept + 1, u32::MAX, 0);
    }
}

/// Waits until `fd` is readable or hung up; of a pidfd: until its process has ended.
pub(crate) fn readable_within(fd: &impl AsFd, budget: Duration) -> bool {
    let until = Instant::now() + budget;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&timeout)) {
            Ok(ready) => return ready > 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(cause) => panic!("cannot poll: {cause}"),
        }
    }
}

/// Asks until `fact` holds, for facts that the kernel announces to nobody.
pub(crate) fn eventually(what: &str, mut fact: impl FnMut() -> bool) {
    let until = Instant::now() + BUDGET;
    while !fact() {
        assert!(Instant::now() < until, "not within the budget: {what}");
        std::thread::yield_now();
    }
}

/// /dev/null, for both directions.
pub(crate) fn null() -> OwnedFd {
    std::fs::File::options().read(true).write(true).open("/dev/null").expect("/dev/null").into()
}

/// A handle on an unreaped child of the caller.
pub(crate) fn pidfd(pid: i32) -> OwnedFd {
    let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).expect("a pidfd")
}
