//! What the child does between clone and exec: one straight line of raw system calls.
//!
//! **Hazard: this code runs in the parent's memory**, on a stack of its own, while the parent's calling thread is suspended
//! and its other threads run on. So it never allocates, locks, panics, formats, or calls into the C library beyond
//! `syscall` and `errno`; it writes to its [`Errand`] and nowhere else. Descriptors, working folder, umask, signal
//! dispositions and credentials are the child's own from the start.

use std::ffi::{c_char, c_int, c_long, c_uint, c_void};
use std::io;
use std::os::fd::RawFd;
use std::ptr;

use super::error::{Limit, Shortfall};

/// What the child was about to do when it failed, in the order in which it does them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Not begun.
    Begin,
    /// Opening a session of its own.
    Session,
    /// Resetting signal dispositions.
    Signals,
    /// Moving the given descriptors out of the way of their numbers.
    Carry,
    /// Marking every other descriptor close-on-exec.
    CloseOthers,
    /// Putting the given descriptors at their numbers.
    Place,
    /// Setting limits and niceness.
    Limits,
    /// Setting supplementary groups.
    Groups,
    /// Setting the group id.
    Gid,
    /// Setting the user id.
    Uid,
    /// Entering the working folder.
    Cwd,
    /// Tying its life to the parent's.
    ParentDeath,
    /// Unblocking signals.
    Mask,
    /// Executing the program.
    Execute,
}

/// A descriptor on its way to its number in the child.
pub(super) struct Carried {
    pub(super) fd: RawFd,
    pub(super) target: RawFd,
}

/// What is executed, as the child needs it.
#[derive(Clone, Copy)]
pub(super) enum Image {
    Path(*const c_char),
    Descriptor(RawFd),
}

/// All that the child is to do. Every pointer is good until the parent's clone call returns.
pub(super) struct Wish {
    pub(super) image: Image,
    pub(super) argv: *const *const c_char,
    pub(super) environ: *const *const c_char,
    pub(super) cwd: *const c_char,
    pub(super) carried: *mut Carried,
    pub(super) carried_len: usize,
    /// Above every target.
    pub(super) floor: RawFd,
    /// The `cgroup.procs` to enter by; negative: none.
    pub(super) door: RawFd,
    pub(super) new_session: bool,
    pub(super) open_files: Option<u64>,
    pub(super) nice: Option<i32>,
    pub(super) umask: Option<u32>,
    pub(super) account: Option<(u32, u32, *const u32, usize)>,
    pub(super) parent: Option<i32>,
}

/// The memory over which parent and child speak: the wish, and how far the child came.
pub(super) struct Errand {
    wish: Wish,
    step: Step,
    errno: c_int,
    no_cgroup: c_int,
    no_open_files: c_int,
    no_nice: c_int,
}

/// Where and why the child ended before it became the program.
pub(super) struct Failure {
    pub(super) step: Step,
    pub(super) cause: io::Error,
}

impl Errand {
    pub(super) fn new(wish: Wish) -> Self {
        Self { wish, step: Step::Begin, errno: 0, no_cgroup: 0, no_open_files: 0, no_nice: 0 }
    }

    /// What the parent reads when clone has returned. No error and a step before the last one means that somebody killed the
    /// child on its way.
    pub(super) fn failure(&self) -> Option<Failure> {
        if self.errno != 0 {
            return Some(Failure { step: self.step, cause: io::Error::from_raw_os_error(self.errno) });
        }
        (self.step != Step::Execute)
            .then(|| Failure { step: self.step, cause: io::Error::new(io::ErrorKind::Interrupted, "it was killed") })
    }

    pub(super) fn shortfalls(&self) -> Vec<Shortfall> {
        let mut all = Vec::new();
        if self.no_cgroup > 0 {
            all.push(Shortfall { limit: Limit::Cgroup, cause: io::Error::from_raw_os_error(self.no_cgroup) });
        }
        if let (Some(value), errno @ 1..) = (self.wish.open_files, self.no_open_files) {
            all.push(Shortfall { limit: Limit::OpenFiles(value), cause: io::Error::from_raw_os_error(errno) });
        }
        if let (Some(value), errno @ 1..) = (self.wish.nice, self.no_nice) {
            all.push(Shortfall { limit: Limit::Nice(value), cause: io::Error::from_raw_os_error(errno) });
        }
        all
    }
}

/// The child's whole life before the program. Returns only to end the child.
pub(super) extern "C" fn main(errand: *mut c_void) -> c_int {
    // SAFETY: the parent gave a pointer to its `Errand`, which it does not touch until we have executed or ended.
    let errand = unsafe { &mut *errand.cast::<Errand>() };
    if let Err(errno) = go(errand) {
        errand.errno = errno;
    }
    // SAFETY: ends this process alone, without the C library's exit handlers, which belong to the parent.
    unsafe { libc::syscall(libc::SYS_exit_group, 127) };
    127
}

fn go(errand: &mut Errand) -> Result<(), c_int> {
    cgroup(errand);
    errand.step = Step::Session;
    if errand.wish.new_session {
        // SAFETY: takes nothing.
        check(unsafe { libc::syscall(libc::SYS_setsid) })?;
    }
    errand.step = Step::Signals;
    reset_dispositions();
    descriptors(errand)?;
    errand.step = Step::Limits;
    limits(errand);
    if let Some(mask) = errand.wish.umask {
        // SAFETY: takes a number, cannot fail.
        unsafe { libc::syscall(libc::SYS_umask, mask as c_uint) };
    }
    account(errand)?;
    errand.step = Step::Cwd;
    if !errand.wish.cwd.is_null() {
        // SAFETY: a NUL-terminated string that the parent keeps until we have executed or ended.
        check(unsafe { libc::syscall(libc::SYS_chdir, errand.wish.cwd) })?;
    }
    errand.step = Step::ParentDeath;
    if let Some(parent) = errand.wish.parent {
        tie_to(parent)?;
    }
    errand.step = Step::Mask;
    let none = 0_u64;
    // SAFETY: the mask is 8 bytes, as the last argument says; no old mask is asked for.
    check(unsafe {
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const none, ptr::null_mut::<u64>(), 8_usize)
    })?;
    errand.step = Step::Execute;
    execute(errand)
}

/// First of all, while the account may still do it, and so that nothing of the child is counted elsewhere.
fn cgroup(errand: &mut Errand) {
    if errand.wish.door < 0 {
        return;
    }
    // SAFETY: one byte of a literal; `0` stands for whoever writes it.
    let done = unsafe { libc::syscall(libc::SYS_write, errand.wish.door, c"0".as_ptr(), 1_usize) };
    if let Err(errno) = check(done) {
        errand.no_cgroup = errno;
    }
}

/// An ignored signal stays ignored across exec, and Rust's runtime ignores SIGPIPE. Every disposition is reset while signals
/// are still blocked, so that no handler of the parent's can run here either.
fn reset_dispositions() {
    // All zero is SIG_DFL, no flags, empty mask in every layout of the kernel's struct, which is 32 bytes or smaller.
    let default = [0_u64; 4];
    for signal in 1..=64 {
        // SAFETY: `default` is at least as large as the kernel's struct; no old action is asked for. SIGKILL and SIGSTOP
        // refuse, which is of no matter.
        unsafe {
            libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), ptr::null_mut::<u64>(), 8_usize);
        }
    }
}

/// Sources first go above every target, so that no target can overwrite a source that is still to be placed.
fn descriptors(errand: &mut Errand) -> Result<(), c_int> {
    errand.step = Step::Carry;
    // SAFETY: the parent made this slice and leaves it alone until we have executed or ended.
    let carried = unsafe { std::slice::from_raw_parts_mut(errand.wish.carried, errand.wish.carried_len) };
    for one in carried.iter_mut() {
        one.fd = raise(one.fd, errand.wish.floor)?;
    }
    if let Image::Descriptor(fd) = errand.wish.image {
        errand.wish.image = Image::Descriptor(raise(fd, errand.wish.floor)?);
    }
    errand.step = Step::CloseOthers;
    close_others_on_exec()?;
    errand.step = Step::Place;
    for one in carried.iter() {
        // SAFETY: numbers only. The copy is not close-on-exec.
        check(unsafe { libc::syscall(libc::SYS_dup3, one.fd, one.target, 0) })?;
    }
    Ok(())
}

fn raise(fd: RawFd, floor: RawFd) -> Result<RawFd, c_int> {
    // SAFETY: numbers only.
    check(unsafe { libc::syscall(libc::SYS_fcntl, fd, libc::F_DUPFD_CLOEXEC, floor) }).map(|fd| fd as RawFd)
}

fn close_others_on_exec() -> Result<(), c_int> {
    // SAFETY: numbers only.
    let done = unsafe { libc::syscall(libc::SYS_close_range, 3, c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    match check(done) {
        Ok(_) => Ok(()),
        // No such call before Linux 5.9, no such flag before 5.11, and some sandboxes forbid it.
        Err(libc::ENOSYS | libc::EINVAL | libc::EPERM) => close_listed_on_exec(),
        Err(errno) => Err(errno),
    }
}

/// The same by listing /proc/self/fd: a count up to the limit would miss what was opened before the limit was lowered.
pub(super) fn close_listed_on_exec() -> Result<(), c_int> {
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: a NUL-terminated literal.
    let listing = check(unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, c"/proc/self/fd".as_ptr(), flags) })?;
    let mut buffer = [0_u8; 4096];
    loop {
        // SAFETY: the buffer is ours and as long as we say.
        let got = check(unsafe { libc::syscall(libc::SYS_getdents64, listing, buffer.as_mut_ptr(), buffer.len()) })?;
        if got == 0 {
            return Ok(());
        }
        let mut rest = buffer.get(..got as usize).unwrap_or(&[]);
        // struct linux_dirent64: inode 8, offset 8, record length 2, type 1, then the name up to a NUL.
        while let (Some(&[low, high]), Some(name)) = (rest.get(16..18), rest.get(19..)) {
            if let Some(fd) = number(name)
                && fd > 2
            {
                // SAFETY: numbers only.
                check(unsafe { libc::syscall(libc::SYS_fcntl, fd, libc::F_SETFD, libc::FD_CLOEXEC) })?;
            }
            rest = rest.get(usize::from(u16::from_ne_bytes([low, high])).max(19)..).unwrap_or(&[]);
        }
    }
}

fn number(name: &[u8]) -> Option<c_long> {
    let mut value: c_long = 0;
    let mut digits = 0;
    for &byte in name {
        match byte {
            0 => break,
            b'0'..=b'9' => value = value.checked_mul(10)?.checked_add(c_long::from(byte - b'0'))?,
            _ => return None,
        }
        digits += 1;
    }
    (digits > 0).then_some(value)
}

/// Before the account change, while there may still be a privilege to raise them. What cannot be had is reported, and the
/// program runs without: a gateway with fewer descriptors is better than none.
fn limits(errand: &mut Errand) {
    if let Some(value) = errand.wish.open_files {
        // The kernel's struct rlimit64: soft, hard.
        let asked = [value, value];
        let (no_old, no_new) = (ptr::null_mut::<u64>(), ptr::null::<u64>());
        // SAFETY: the new limit lives on this stack, no old one is asked for.
        let done = unsafe { libc::syscall(libc::SYS_prlimit64, 0, libc::RLIMIT_NOFILE, asked.as_ptr(), no_old) };
        if let Err(errno) = check(done) {
            errand.no_open_files = errno;
            let mut most = [0_u64; 2];
            // SAFETY: as above, with the roles exchanged; the second call only runs when the first has filled `most`.
            unsafe {
                if libc::syscall(libc::SYS_prlimit64, 0, libc::RLIMIT_NOFILE, no_new, most.as_mut_ptr()) == 0 {
                    most[0] = most[1];
                    libc::syscall(libc::SYS_prlimit64, 0, libc::RLIMIT_NOFILE, most.as_ptr(), no_old);
                }
            }
        }
    }
    if let Some(nice) = errand.wish.nice {
        // SAFETY: numbers only.
        let done = unsafe { libc::syscall(libc::SYS_setpriority, libc::PRIO_PROCESS, 0, nice) };
        if let Err(errno) = check(done) {
            errand.no_nice = errno;
        }
    }
}

/// Raw calls change this process alone; the C library's own would carry the change to the parent's other threads.
fn account(errand: &mut Errand) -> Result<(), c_int> {
    let Some((uid, gid, groups, count)) = errand.wish.account else { return Ok(()) };
    errand.step = Step::Groups;
    // SAFETY: the parent keeps the list until we have executed or ended.
    check(unsafe { libc::syscall(libc::SYS_setgroups, count, groups) })?;
    errand.step = Step::Gid;
    // SAFETY: numbers only.
    check(unsafe { libc::syscall(libc::SYS_setresgid, gid, gid, gid) })?;
    errand.step = Step::Uid;
    // SAFETY: numbers only.
    check(unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) })?;
    // SAFETY: numbers only. A host with fs.suid_dumpable = 1 has just made the parent's memory, which we share, traceable.
    unsafe { libc::syscall(libc::SYS_prctl, libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
    Ok(())
}

/// After the account change, which clears the signal; and the parent may have died before it was set.
fn tie_to(parent: i32) -> Result<(), c_int> {
    // SAFETY: numbers only.
    check(unsafe { libc::syscall(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) })?;
    // SAFETY: takes nothing.
    if unsafe { libc::syscall(libc::SYS_getppid) } == c_long::from(parent) { Ok(()) } else { Err(libc::ESRCH) }
}

fn execute(errand: &Errand) -> Result<(), c_int> {
    let Wish { image, argv, environ, .. } = errand.wish;
    // SAFETY: path, argv and environ are NUL-terminated, the arrays null-terminated, and the parent keeps them all until we
    // have executed or ended.
    let done = unsafe {
        match image {
            Image::Path(path) => libc::syscall(libc::SYS_execve, path, argv, environ),
            Image::Descriptor(fd) => {
                libc::syscall(libc::SYS_execveat, fd, c"".as_ptr(), argv, environ, libc::AT_EMPTY_PATH)
            }
        }
    };
    check(done).map(|_| ())
}

fn check(result: c_long) -> Result<c_long, c_int> {
    // SAFETY: the C library's errno of the suspended parent thread, which is ours to use meanwhile.
    if result == -1 { Err(unsafe { *libc::__errno_location() }) } else { Ok(result) }
}
