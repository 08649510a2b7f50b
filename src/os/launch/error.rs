//! Why a program could not be started, and which of its limits could not be had.
//!
//! Sentences only; what follows from them is the caller's.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::path::PathBuf;

use super::Step;

/// Why a program could not be started. Nothing of it remains.
#[derive(Debug)]
pub enum LaunchError {
    /// A text with a NUL byte, which no program can be given.
    Nul(&'static str),
    /// A program path that depends on the working folder.
    NotAbsolute(PathBuf),
    /// No zeroth argument.
    NoArguments,
    /// A variable that cannot stand in an environment.
    BadVariable(OsString),
    /// A descriptor number that is a standard one or given twice.
    BadNumber(RawFd),
    /// A child whose life hangs on a thread that may end before its process.
    NotMainThread,
    /// No memory for the child's stack.
    Stack(io::Error),
    /// The kernel made no process.
    Clone(io::Error),
    /// The child failed on its way to the program.
    Step {
        /// At what.
        step: Step,
        /// On which path, where one is concerned.
        path: Option<PathBuf>,
        /// Why.
        cause: io::Error,
    },
}

impl LaunchError {
    /// The system's error number, where the system refused.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Stack(cause) | Self::Clone(cause) | Self::Step { cause, .. } => cause.raw_os_error(),
            Self::Nul(_)
            | Self::NotAbsolute(_)
            | Self::NoArguments
            | Self::BadVariable(_)
            | Self::BadNumber(_)
            | Self::NotMainThread => None,
        }
    }
}

impl fmt::Display for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nul(what) => write!(f, "{what} has a NUL byte in it"),
            Self::NotAbsolute(path) => write!(f, "the program `{}` is not an absolute path", path.display()),
            Self::NoArguments => f.write_str("the argument list is empty: the program's own name is missing"),
            Self::BadVariable(name) => write!(
                f,
                "the variable `{}` cannot be set: its name is empty or has `=` in it, or a NUL byte stands in name or value",
                name.display()
            ),
            Self::BadNumber(number) => {
                write!(f, "descriptor {number} cannot be kept: it is a standard one or was asked for twice")
            }
            Self::NotMainThread => f.write_str(
                "a child that dies with its parent can only be spawned on the main thread: the kernel ties it to the thread",
            ),
            Self::Stack(cause) => write!(f, "cannot map a stack for the child: {cause}"),
            Self::Clone(cause) => write!(f, "cannot create a process: {cause}"),
            Self::Step { step, path: Some(path), cause } => {
                write!(f, "{} `{}`: {cause}", step.cannot(), path.display())?;
                f.write_str(missing_interpreter(*step, path, cause))
            }
            Self::Step { step, path: None, cause } => write!(f, "{}: {cause}", step.cannot()),
        }
    }
}

impl std::error::Error for LaunchError {}

/// The kernel says "no such file" of a script whose interpreter is missing, which misleads at 3 a.m.
fn missing_interpreter(step: Step, path: &std::path::Path, cause: &io::Error) -> &'static str {
    if step == Step::Execute && cause.kind() == io::ErrorKind::NotFound && path.exists() {
        " (the file is there: the interpreter or loader that it names is not)"
    } else {
        ""
    }
}

impl Step {
    /// The step as the beginning of a complaint.
    fn cannot(self) -> &'static str {
        match self {
            Self::Begin => "the child did not begin",
            Self::Session => "cannot open a session for the child",
            Self::Signals => "cannot reset the child's signal dispositions",
            Self::Carry => "cannot carry the child's descriptors over",
            Self::CloseOthers => "cannot close the child's other descriptors",
            Self::Place => "cannot put the child's descriptors at their numbers",
            Self::Limits => "cannot set the child's limits",
            Self::Groups => "cannot set the child's supplementary groups",
            Self::Gid => "cannot set the child's group id",
            Self::Uid => "cannot set the child's user id",
            Self::Cwd => "cannot enter the working folder",
            Self::ParentDeath => "cannot tie the child's life to its parent's",
            Self::Mask => "cannot unblock the child's signals",
            Self::Execute => "cannot execute",
        }
    }
}

/// A limit that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The cgroup to enter.
    Cgroup,
    /// RLIMIT_NOFILE.
    OpenFiles(u64),
    /// Niceness.
    Nice(i32),
    /// Preference of the out-of-memory killer.
    OomScoreAdj(i32),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cgroup => f.write_str("its cgroup, and with it memory_high, memory_max and pids_max,"),
            Self::OpenFiles(value) => write!(f, "open_files = {value}"),
            Self::Nice(value) => write!(f, "nice = {value}"),
            Self::OomScoreAdj(value) => write!(f, "oom_score_adj = {value}"),
        }
    }
}

impl Limit {
    /// What passes the bound that it may have run into.
    fn needs(self) -> Option<&'static str> {
        match self {
            Self::Cgroup => None,
            Self::OpenFiles(_) => {
                Some("the supervisor's own hard limit is the most without CAP_SYS_RESOURCE, and fs.nr_open with it")
            }
            Self::Nice(_) => Some("the supervisor lacks CAP_SYS_NICE, so its own niceness is the least"),
            Self::OomScoreAdj(_) => {
                Some("the supervisor lacks CAP_SYS_RESOURCE, so what it was started with is the least")
            }
        }
    }
}

/// A limit that could not be had; the program runs without it.
#[derive(Debug)]
pub struct Shortfall {
    /// Which.
    pub limit: Limit,
    /// Why.
    pub cause: io::Error,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} could not be had: ", self.limit)?;
        match self.limit.needs().filter(|_| self.cause.kind() == io::ErrorKind::PermissionDenied) {
            Some(needs) => write!(f, "{needs}"),
            None => write!(f, "{}", self.cause),
        }
    }
}
