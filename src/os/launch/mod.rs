//! Starts a program with exactly the world it was given: environment, descriptors, session, account, and a death tied to
//! its parent's.
//!
//! It never looks a program up on PATH, never inherits anything that was not named, and never allocates or locks between
//! clone and exec.
//!
//! Why not `std::process::Command`: its fast path can set no parent-death signal, and its slow one copies the page tables of
//! the parent. Here the child borrows the parent's memory (`CLONE_VM | CLONE_VFORK`), so that a spawn costs the same
//! however large the parent is, and its errors come back through that memory.
//!
//! **Hazard: the parent-death signal follows the parent's *thread*.** A child spawned from a worker thread is killed when
//! that worker ends. With [`Launch::parent_death`] a spawn is refused unless it is made on the process's main thread; run it
//! on a current-thread runtime that `main` itself blocks on. The kernel also clears the signal when the program is setuid,
//! setgid or has file capabilities.

mod child;
mod error;
mod stack;
#[cfg(test)]
mod tests;

use std::ffi::{CString, OsStr, OsString, c_char, c_int, c_void};
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::ptr;

use super::oom;
use child::{Carried, Errand, Image};
use stack::Stack;

pub use child::Step;
pub use error::{LaunchError, Limit, Shortfall};

/// What to execute.
#[derive(Debug)]
pub enum Program {
    /// An absolute path; PATH is never searched.
    Path(PathBuf),
    /// An open descriptor of the program itself (`O_PATH` suffices), which stays good when the file is replaced or removed.
    /// It must be a binary: the interpreter of a script could not open it again.
    Descriptor(OwnedFd),
}

/// The account of a child, as numbers. Taking it on needs root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    /// Real, effective and saved user id.
    pub uid: u32,
    /// Real, effective and saved group id.
    pub gid: u32,
    /// All supplementary groups.
    pub groups: Vec<u32>,
}

/// Everything about a child that stays the same from spawn to spawn. `None` inherits the caller's.
///
/// Holds secrets in `environ`; its `Debug` shows names only there.
pub struct Launch {
    /// What to execute.
    pub program: Program,
    /// All arguments, the zeroth included.
    pub argv: Vec<OsString>,
    /// The whole environment; nothing is added to it.
    pub environ: Vec<(OsString, OsString)>,
    /// Working folder, entered as the child's own account.
    pub cwd: Option<PathBuf>,
    /// File mode mask.
    pub umask: Option<u32>,
    /// Account to run as.
    pub account: Option<Ids>,
    /// SIGKILL for the child when the spawning thread ends; see the hazard above.
    pub parent_death: bool,
    /// A session and process group of its own.
    pub new_session: bool,
    /// RLIMIT_NOFILE, soft and hard.
    pub open_files: Option<u64>,
    /// Scheduling niceness, absolute.
    pub nice: Option<i32>,
    /// How early the kernel takes it when memory runs out; in force from its first moment. The caller's own score is that
    /// one while the child is born.
    pub oom_score_adj: Option<i32>,
}

impl fmt::Debug for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launch")
            .field("program", &self.program)
            .field("argv", &self.argv)
            .field("environ", &self.environ.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("cwd", &self.cwd)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl Launch {
    /// A launch of `program` with `argv`, an empty environment, a session of its own, and nothing else changed.
    pub fn new(program: Program, argv: Vec<OsString>) -> Self {
        Self {
            program,
            argv,
            environ: Vec::new(),
            cwd: None,
            umask: None,
            account: None,
            parent_death: false,
            new_session: true,
            open_files: None,
            nice: None,
            oom_score_adj: None,
        }
    }

    /// Makes all that a spawn needs beforehand; the result serves for many spawns.
    pub fn prepare(self) -> Result<Prepared, LaunchError> {
        let program = match self.program {
            Program::Path(path) if path.is_absolute() => {
                Ready::Path(c_string("the program's path", path.into_os_string())?)
            }
            Program::Path(path) => return Err(LaunchError::NotAbsolute(path)),
            Program::Descriptor(fd) => Ready::Descriptor(fd),
        };
        if self.argv.is_empty() {
            return Err(LaunchError::NoArguments);
        }
        let argv = self.argv.into_iter().map(|arg| c_string("an argument", arg)).collect::<Result<_, _>>()?;
        let mut environ = Vec::with_capacity(self.environ.len() + 1);
        for (name, value) in &self.environ {
            environ.push(variable(name, value)?);
        }
        let cwd = self.cwd.map(|cwd| c_string("the working folder", cwd.into_os_string())).transpose()?;
        let stack = Stack::new().map_err(LaunchError::Stack)?;
        Ok(Prepared {
            program,
            argv,
            environ,
            cwd,
            umask: self.umask,
            account: self.account,
            parent_death: self.parent_death,
            new_session: self.new_session,
            open_files: self.open_files,
            nice: self.nice,
            oom_score_adj: self.oom_score_adj,
            door: None,
            stack,
        })
    }
}

/// A [`Launch`] with its strings and its child's stack made. Its `Debug` shows no environment.
pub struct Prepared {
    program: Ready,
    argv: Vec<CString>,
    environ: Vec<CString>,
    cwd: Option<CString>,
    umask: Option<u32>,
    account: Option<Ids>,
    parent_death: bool,
    new_session: bool,
    open_files: Option<u64>,
    nice: Option<i32>,
    oom_score_adj: Option<i32>,
    door: Option<OwnedFd>,
    stack: Stack,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("program", &self.program).field("argv", &self.argv).finish_non_exhaustive()
    }
}

#[derive(Debug)]
enum Ready {
    Path(CString),
    Descriptor(OwnedFd),
}

/// The three standard descriptors of a child.
#[derive(Clone, Copy, Debug)]
pub struct Stdio<'fd> {
    /// Becomes 0.
    pub stdin: BorrowedFd<'fd>,
    /// Becomes 1.
    pub stdout: BorrowedFd<'fd>,
    /// Becomes 2.
    pub stderr: BorrowedFd<'fd>,
}

/// A started program. Dropping it ends nothing; whoever spawned it must reap `pid`.
#[derive(Debug)]
pub struct Child {
    /// Its process id, which stays its own until it is reaped.
    pub pid: i32,
    /// Readable once it has ended; close-on-exec.
    pub pidfd: OwnedFd,
    /// Limits that could not be had as asked. The child runs all the same.
    pub shortfalls: Vec<Shortfall>,
}

impl Prepared {
    /// Sets one variable of the environment, or replaces it.
    pub fn set_env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Result<(), LaunchError> {
        let name = name.as_ref();
        let entry = variable(name, value.as_ref())?;
        let same = |old: &CString| {
            old.as_bytes().strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'='))
        };
        match self.environ.iter_mut().find(|old| same(old)) {
            Some(old) => *old = entry,
            None => self.environ.push(entry),
        }
        Ok(())
    }

    /// Children enter this cgroup, by its `cgroup.procs` opened for writing, before anything else; `None`: they stay in ours.
    /// One that cannot be entered is a shortfall.
    pub fn enter(&mut self, door: Option<OwnedFd>) {
        self.door = door;
    }

    /// Starts the program; returns when it has been executed, or says which step failed.
    ///
    /// `stdio` becomes 0, 1 and 2; each of `keep` is there under its number, which must be 3 or above; every other
    /// descriptor is closed. On an error nothing of the child remains.
    pub fn spawn(&mut self, stdio: Stdio<'_>, keep: &[(BorrowedFd<'_>, RawFd)]) -> Result<Child, LaunchError> {
        if self.parent_death {
            assert_main_thread()?;
        }
        let argv = pointers(&self.argv);
        let environ = pointers(&self.environ);
        let mut carried = carried(stdio, keep)?;
        let mut errand = self.errand(&argv, &environ, &mut carried);
        let mut shortfalls = Vec::new();
        let lent = self.oom_score_adj.and_then(|value| {
            oom::lend(value)
                .map_err(|cause| shortfalls.push(Shortfall { limit: Limit::OomScoreAdj(value), cause }))
                .ok()
        });
        let born = vfork(&mut errand, &self.stack, self.account.is_some());
        drop(lent);
        let (pid, pidfd) = born.map_err(LaunchError::Clone)?;
        if let Some(failure) = errand.failure() {
            reap_failed(pid);
            return Err(self.explain(failure));
        }
        shortfalls.extend(errand.shortfalls());
        Ok(Child { pid, pidfd, shortfalls })
    }

    fn errand(&self, argv: &[*const c_char], environ: &[*const c_char], carried: &mut [Carried]) -> Errand {
        let image = match &self.program {
            Ready::Path(path) => Image::Path(path.as_ptr()),
            Ready::Descriptor(fd) => Image::Descriptor(fd.as_raw_fd()),
        };
        let floor = carried.iter().map(|one| one.target).max().unwrap_or(2) + 1;
        Errand::new(child::Wish {
            image,
            argv: argv.as_ptr(),
            environ: environ.as_ptr(),
            cwd: self.cwd.as_ref().map_or(ptr::null(), |cwd| cwd.as_ptr()),
            carried: carried.as_mut_ptr(),
            carried_len: carried.len(),
            floor,
            door: self.door.as_ref().map_or(-1, AsRawFd::as_raw_fd),
            new_session: self.new_session,
            open_files: self.open_files,
            nice: self.nice,
            umask: self.umask,
            account: self.account.as_ref().map(|ids| (ids.uid, ids.gid, ids.groups.as_ptr(), ids.groups.len())),
            parent: self.parent_death.then(|| std::process::id().cast_signed()),
        })
    }

    fn explain(&self, failure: child::Failure) -> LaunchError {
        let path = match (failure.step, &self.program) {
            (Step::Execute, Ready::Path(path)) => Some(path_of(path)),
            (Step::Cwd, _) => self.cwd.as_ref().map(path_of),
            _ => None,
        };
        LaunchError::Step { step: failure.step, path, cause: failure.cause }
    }
}

/// Says whether the calling thread is the process's main thread, whose end is the process's end.
pub fn assert_main_thread() -> Result<(), LaunchError> {
    // SAFETY: both calls take nothing and cannot fail.
    let main = unsafe { libc::syscall(libc::SYS_gettid) == libc::syscall(libc::SYS_getpid) };
    if main { Ok(()) } else { Err(LaunchError::NotMainThread) }
}

/// Runs the child up to its exec or its failure, with the caller suspended and every signal held back.
fn vfork(errand: &mut Errand, stack: &Stack, changes_account: bool) -> io::Result<(i32, OwnedFd)> {
    let mut pidfd: c_int = -1;
    let all = u64::MAX;
    let mut before = 0_u64;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    // A handler of ours must not run in the child, on our memory and in our name. The raw call also holds back the two
    // signals that the C library keeps for itself, one of which would carry another thread's account change into the child.
    // SAFETY: both masks are 8 bytes, as the last argument says, and live until the call returns.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const all, &raw mut before, 8_usize) };
    // SAFETY: prctl with these arguments reads and writes one flag of this process and no memory.
    let dumpable = unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) };
    if changes_account {
        // The child borrows our memory while it already has the other account: nobody of that account may trace it then.
        // SAFETY: as above.
        unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
    }
    // SAFETY: the stack is mapped, aligned, used by no one else (`spawn` takes `&mut self`) and outlives the child's use of
    // it, since CLONE_VFORK suspends us until the child has executed or ended. `child::main` makes only raw system calls and
    // touches only `errand` and what it points to, all of which outlives the call. CLONE_PIDFD writes to `pidfd`.
    let pid =
        unsafe { libc::clone(child::main, stack.top(), flags, ptr::from_mut(errand).cast::<c_void>(), &raw mut pidfd) };
    let outcome = if pid < 0 { Err(io::Error::last_os_error()) } else { Ok(pid) };
    if changes_account && dumpable == 1 {
        // SAFETY: as above. The child's account change also cleared the flag, on the memory that it shared with us.
        unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) };
    }
    // SAFETY: as for the first call; a null pointer asks for no old mask.
    unsafe {
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const before, ptr::null_mut::<u64>(), 8_usize)
    };
    // SAFETY: a successful clone with CLONE_PIDFD has made this descriptor, and nobody else has it.
    outcome.map(|pid| (pid, unsafe { OwnedFd::from_raw_fd(pidfd) }))
}

/// Takes the exit of a child that never became the program, so that no zombie and no false exit event remains.
fn reap_failed(pid: i32) {
    loop {
        // SAFETY: waitpid with a null status writes nothing; `pid` is our own unreaped child.
        let done = unsafe { libc::waitpid(pid, ptr::null_mut(), libc::__WALL) };
        if done == pid || io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
            return;
        }
    }
}

fn carried(stdio: Stdio<'_>, keep: &[(BorrowedFd<'_>, RawFd)]) -> Result<Vec<Carried>, LaunchError> {
    let mut all = Vec::with_capacity(3 + keep.len());
    for (fd, target) in [(stdio.stdin, 0), (stdio.stdout, 1), (stdio.stderr, 2)] {
        all.push(Carried { fd: fd.as_raw_fd(), target });
    }
    for &(fd, target) in keep {
        if target < 3 || all.iter().any(|one| one.target == target) {
            return Err(LaunchError::BadNumber(target));
        }
        all.push(Carried { fd: fd.as_raw_fd(), target });
    }
    Ok(all)
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|one| one.as_ptr()).chain([ptr::null()]).collect()
}

fn variable(name: &OsStr, value: &OsStr) -> Result<CString, LaunchError> {
    if name.is_empty() || name.as_bytes().contains(&b'=') {
        return Err(LaunchError::BadVariable(name.to_owned()));
    }
    let mut entry = OsString::with_capacity(name.len() + value.len() + 2);
    entry.push(name);
    entry.push("=");
    entry.push(value);
    CString::new(entry.into_vec()).map_err(|_| LaunchError::BadVariable(name.to_owned()))
}

fn c_string(what: &'static str, text: OsString) -> Result<CString, LaunchError> {
    CString::new(text.into_vec()).map_err(|_| LaunchError::Nul(what))
}

fn path_of(text: &CString) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(text.as_bytes()))
}
