//! Our own executable, held open from the start: the file on disk may be replaced while we run.
//!
//! Only a successor on disk is looked up, by the path that we were called by.

use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// A close-on-exec descriptor on the program that this process executes, good for
/// [`Program::Descriptor`](super::launch::Program::Descriptor) also when its file was replaced or removed.
pub fn own() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open("/proc/self/exe", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}

/// Our own program by the path that leads to its successor: the word we were called by, if that leads here, else the file itself.
#[allow(clippy::disallowed_methods, reason = "how we were called is in the arguments and PATH alone; read once")]
pub fn called_by() -> io::Result<PathBuf> {
    let file = std::env::current_exe()?;
    let word = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    let called = if word.components().count() > 1 {
        Some(std::path::absolute(&word)?)
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).map(|folder| folder.join(&word)).find(|program| program.is_file())
    };
    let leads_here = |called: &PathBuf| std::fs::canonicalize(called).is_ok_and(|found| found == file);
    Ok(called.filter(leads_here).unwrap_or(file))
}

/// Names the descriptors of locks that this program's predecessor left open for it, with commas.
pub const PASSED: &str = "GATEWARD_PASSED_LOCKS";

/// The numbers of [`PASSED`]; none for a program that took nobody's place.
#[allow(clippy::disallowed_methods, reason = "this room owns the variable, and reads it once")]
pub fn passed() -> Vec<RawFd> {
    let numbers = std::env::var(PASSED).unwrap_or_default();
    numbers.split(',').filter_map(|number| number.parse().ok()).collect()
}

/// Has `program` take the place of this process, with our own arguments and environment and the descriptors `passed`; failing that, our own file as it was
/// when we began. Returns only when neither can be executed. Signals stay held back in the new program until it lets them through.
pub fn give_way(program: &Path, passed: &[RawFd]) -> io::Error {
    super::signals::hold_back();
    for fd in passed {
        // SAFETY: numbers only; what the next program does not know for a lock of its own it does not touch.
        if unsafe { libc::fcntl(*fd, libc::F_SETFD, 0) } != 0 {
            tracing::warn!(error = %io::Error::last_os_error(), "a lock is not passed on, and is taken again");
        }
    }
    let numbers = passed.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let again = |program: &Path| {
        let mut words = std::env::args_os();
        let name = words.next().unwrap_or_else(|| program.into());
        std::process::Command::new(program).arg0(name).args(words).env(PASSED, &numbers).exec()
    };
    let error = again(program);
    tracing::error!(%error, program = %program.display(), "it cannot be executed; going on as before");
    again(Path::new("/proc/self/exe"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn it_is_this_very_program() {
        let ours = rustix::fs::fstat(own().expect("a descriptor")).expect("facts");
        let file = std::fs::metadata(std::env::current_exe().expect("a path")).expect("facts");
        assert_eq!((ours.st_dev, ours.st_ino), (file.dev(), file.ino()));
    }
}
