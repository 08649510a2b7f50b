//! A lock that is a file held by `flock`: it lasts as long as any descriptor of this opening does, in whatever process.
//!
//! It waits for nobody but a holder that was killed and is not gone yet; it never writes into the file, and never removes it:
//! a removed lock file is two locks.
//!
//! An inherited copy of [`Lock::fd`] keeps the lock after its taker has died. So *held* proves that somebody is there;
//! *free* proves nothing about a process that may have closed its copy.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags};

use super::inherited::inherited_if;
use super::process;

/// How often a take is tried again when only a passing probe stood against it, or the file was exchanged under it. Each try
/// is a few system calls; a probe holds its shared lock for one.
const TRIES: usize = 64;

/// How long a holder that was killed may take to let go: its descriptors are closed when its last thread has ended.
const ENDING: Duration = Duration::from_secs(2);

/// The same for a holder that the kernel no longer names.
const PARTING: Duration = Duration::from_millis(250);

/// How long between two looks at such a holder: nothing announces when the last copy of a descriptor is closed.
const LOOK: Duration = Duration::from_millis(2);

/// An exclusive lock; given up when this and every inherited copy of its descriptor are closed.
#[derive(Debug)]
pub struct Lock {
    fd: OwnedFd,
    path: PathBuf,
}

/// Why a lock was not taken.
#[derive(Debug)]
pub enum NotTaken {
    /// Somebody has it.
    Held {
        /// The lock file.
        path: PathBuf,
        /// Who took it, as far as the kernel tells; it may be dead by now and have left the lock to a child. For people:
        /// never a pid to signal.
        holder: Option<i32>,
    },
    /// The file could not be opened or locked.
    Failed {
        /// The lock file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { path, holder: Some(pid) } => write!(f, "`{}` is held, taken by process {pid}", path.display()),
            Self::Held { path, holder: None } => write!(f, "`{}` is held by another process", path.display()),
            Self::Failed { path, cause } => write!(f, "cannot lock `{}`: {cause}", path.display()),
        }
    }
}

impl std::error::Error for NotTaken {}

impl Lock {
    /// Takes the lock, or says who has it. Makes the file (mode 0600) where there is none, and does with one that can only be read; a symlink in the last place, or
    /// anything that is not a plain file, is refused.
    pub fn take(path: &Path) -> Result<Self, NotTaken> {
        let failed = |cause: io::Error| NotTaken::Failed { path: path.to_owned(), cause };
        let begun = Instant::now();
        let mut tries = 0;
        while tries < TRIES {
            let fd = to_lock(path).map_err(failed)?;
            match rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if names(path, &fd).map_err(failed)? => return Ok(Self { fd, path: path.to_owned() }),
                // Removed or exchanged between open and lock: this lock would be nobody's.
                Ok(()) => tries += 1,
                Err(rustix::io::Errno::WOULDBLOCK) if only_probed(&fd) => {
                    tries += 1;
                    std::thread::yield_now();
                }
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    let holder = holder(&fd);
                    // Whoever the kernel no longer names is gone, and its last copies are being closed; or a child has one.
                    let patience = match holder {
                        None => PARTING,
                        Some(pid) if is_ending(pid) => ENDING,
                        Some(_) => Duration::ZERO,
                    };
                    if begun.elapsed() >= patience {
                        return Err(NotTaken::Held { path: path.to_owned(), holder });
                    }
                    std::thread::sleep(LOOK);
                }
                Err(cause) => return Err(failed(cause.into())),
            }
        }
        Err(failed(io::Error::new(io::ErrorKind::ResourceBusy, "the file does not come to rest")))
    }

    /// As [`Lock::take`]; but a lock that the program before us left open in `passed` is ours already, and was never free.
    pub fn take_or_keep(path: &Path, passed: &[RawFd]) -> Result<Self, NotTaken> {
        for fd in passed {
            // Whatever else has that number by now is not touched.
            if let Ok(fd) = inherited_if(*fd, |fd| names(path, fd).unwrap_or(false)) {
                let kept = Self { fd, path: path.to_owned() };
                if rustix::fs::flock(&kept.fd, FlockOperation::NonBlockingLockExclusive).is_ok() {
                    return Ok(kept);
                }
            }
        }
        Self::take(path)
    }

    /// Leaves the lock to the program that is executed in our place by [`give_way`](super::exe::give_way), under the number given;
    /// until then nobody gives it up. It stays close-on-exec: a child that is started meanwhile must not have it.
    pub fn pass_on(self) -> RawFd {
        self.fd.into_raw_fd()
    }

    /// The descriptor, to be inherited by a child that shall keep the lock held. It is close-on-exec itself.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The lock file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the path still leads to this lock. If somebody removed the file, another can take "the same" lock.
    pub fn still_named(&self) -> bool {
        names(&self.path, &self.fd).unwrap_or(false)
    }
}

/// Whether somebody holds the lock, without disturbing it. No file is no lock.
///
/// The probe has a shared lock for the length of one system call. Probes do not see one another, and [`Lock::take`] tells a
/// probe from a holder; a foreign `flock` that takes the file just then may find it busy. The answer is of the past when it
/// arrives: it serves people and surveys, and only a take decides.
pub fn held(path: &Path) -> io::Result<bool> {
    match open(path, OFlags::RDONLY) {
        Ok(fd) => Ok(!only_probed(&fd)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// The process that took the lock, where the kernel tells. Of the past when it arrives, as [`held`] is.
pub fn holder_of(path: &Path) -> Option<i32> {
    holder(&open(path, OFlags::RDONLY).ok()?)
}

/// Whether another process than this one took the lock, where the kernel tells. Of the past when it arrives, as [`held`] is.
pub fn is_anothers(path: &Path) -> bool {
    holder_of(path).is_some_and(|pid| pid != std::process::id().cast_signed())
}

/// Whether this process has been killed, and is only not gone yet.
fn is_ending(pid: i32) -> bool {
    match process::stat(pid) {
        Ok(stat) => stat.is_leaving() || matches!(stat.state, b'Z' | b'X' | b'x') || has_kill(pid),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Whether a SIGKILL waits for it that it cannot escape.
fn has_kill(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let pending = |key: &str| {
        let mask = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        u64::from_str_radix(mask.trim(), 16).unwrap_or(0)
    };
    (pending("SigPnd:") | pending("ShdPnd:")) & (1 << (libc::SIGKILL - 1)) != 0
}

/// True when nobody has an exclusive lock.
fn only_probed(fd: &OwnedFd) -> bool {
    let free = rustix::fs::flock(fd, FlockOperation::NonBlockingLockShared).is_ok();
    if free {
        // Cannot fail on a lock that was just taken; closing would end it all the same.
        let _ = rustix::fs::flock(fd, FlockOperation::Unlock);
    }
    free
}

/// Opened for writing, which nobody does: so a file that is there serves as well where its disk takes no writing.
fn to_lock(path: &Path) -> io::Result<OwnedFd> {
    open(path, OFlags::RDWR | OFlags::CREATE).or_else(|cause| {
        let is_unwritable = matches!(cause.raw_os_error(), Some(libc::EROFS | libc::EPERM));
        // Why it cannot be made says more than that it is not there.
        if is_unwritable { open(path, OFlags::RDONLY).map_err(|_| cause) } else { Err(cause) }
    })
}

fn open(path: &Path, how: OFlags) -> io::Result<OwnedFd> {
    // NONBLOCK: opening a FIFO that somebody put here must not hang.
    let flags = how | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let fd = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?;
    let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode);
    if kind.is_file() { Ok(fd) } else { Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file")) }
}

fn names(path: &Path, fd: impl AsFd) -> io::Result<bool> {
    let ours = rustix::fs::fstat(fd)?;
    match std::fs::symlink_metadata(path) {
        Ok(there) => Ok(there.ino() == ours.st_ino && there.dev() == ours.st_dev),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// Who took the exclusive lock, from the kernel's list: `1: FLOCK  ADVISORY  WRITE 812 fe:01:4231 0 EOF`.
fn holder(fd: &OwnedFd) -> Option<i32> {
    let stat = rustix::fs::fstat(fd).ok()?;
    let (major, minor) = (rustix::fs::major(stat.st_dev), rustix::fs::minor(stat.st_dev));
    let file = format!("{major:02x}:{minor:02x}:{}", stat.st_ino);
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (kind, _, how) = (words.next()?, words.next()?, words.next()?);
        let (pid, place) = (words.next()?.parse().ok()?, words.next()?);
        (kind == "FLOCK" && how == "WRITE" && place == file && pid > 0).then_some(pid)
    })
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::os::testing::in_process;

    #[test]
    fn one_has_it_until_it_is_dropped() {
        in_process(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("lock");
            assert!(!held(&path).expect("a look"), "no file is no lock");
            let lock = Lock::take(&path).expect("taken");
            assert!(held(&path).expect("a look"));
            match Lock::take(&path) {
                Err(NotTaken::Held { holder, .. }) => assert_eq!(holder, Some(std::process::id().cast_signed())),
                other => panic!("taken twice: {other:?}"),
            }
            drop(lock);
            assert!(!held(&path).expect("a look"));
            Lock::take(&path).expect("taken again");
        });
    }

    #[test]
    fn it_is_a_private_plain_file_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        let lock = Lock::take(&path).expect("taken");
        assert_eq!(std::fs::metadata(&path).expect("facts").permissions().mode() & 0o777, 0o600);
        // SAFETY: numbers only.
        assert_eq!(unsafe { libc::fcntl(lock.fd().as_raw_fd(), libc::F_GETFD) }, libc::FD_CLOEXEC);

        let link = folder.path().join("link");
        symlink(folder.path().join("elsewhere"), &link).expect("linked");
        assert!(matches!(Lock::take(&link), Err(NotTaken::Failed { .. })));
        assert!(!folder.path().join("elsewhere").exists(), "made through a link");
        assert!(matches!(Lock::take(folder.path()), Err(NotTaken::Failed { .. })));

        let fifo = folder.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a fifo");
        assert!(matches!(Lock::take(&fifo), Err(NotTaken::Failed { .. })));
        assert!(held(&fifo).is_err());
    }

    #[test]
    fn an_inherited_copy_holds_it_after_the_taker_is_gone() {
        in_process(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("lock");
            let lock = Lock::take(&path).expect("taken");
            let copy = lock.fd().try_clone_to_owned().expect("a copy");
            drop(lock);
            assert!(held(&path).expect("a look"));
            drop(copy);
            assert!(!held(&path).expect("a look"));
        });
    }

    #[test]
    fn a_removed_file_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        let lock = Lock::take(&path).expect("taken");
        assert!(lock.still_named());
        std::fs::remove_file(&path).expect("removed");
        assert!(!lock.still_named());
        let second = Lock::take(&path).expect("another file");
        assert!(!lock.still_named() && second.still_named());
    }

    #[test]
    fn probes_do_not_keep_anybody_from_taking_it() {
        in_process(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("lock");
            drop(Lock::take(&path).expect("made"));
            let stop = std::sync::atomic::AtomicBool::new(false);
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                            let _ = held(&path);
                        }
                    });
                }
                let takes: Vec<_> = (0..500).map(|_| Lock::take(&path).map(drop)).collect();
                stop.store(true, std::sync::atomic::Ordering::Relaxed);
                for take in takes {
                    take.expect("taken in spite of probes");
                }
            });
        });
    }
}
