//! Supplies the files of the gateways' own configurations to `openclaw::config`.
//!
//! Opens nothing that is not a regular file, whatever lies at a path, and reads no more than it is asked for. Writes
//! nothing, runs nothing.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::openclaw::config::declared::Declared;
use crate::openclaw::config::files::{Read, Refusal};
use crate::openclaw::config::{self, Subject};
use crate::plane::{Contract, Plane, PlaneName};

/// What the configuration of every OpenClaw plane declares; `environ` gives the environment that the plane's gateway is
/// started with. Planes of contract "plain" have no such configuration.
pub fn declared<'p>(
    planes: impl IntoIterator<Item = &'p Plane>,
    mut environ: impl FnMut(&Plane) -> BTreeMap<String, String>,
) -> BTreeMap<PlaneName, Declared> {
    let openclaw = planes.into_iter().filter(|plane| plane.contract == Contract::Openclaw);
    openclaw.map(|plane| (plane.name.clone(), of_plane(plane, &environ(plane)))).collect()
}

/// What the configuration of one plane declares.
pub fn of_plane(plane: &Plane, environ: &BTreeMap<String, String>) -> Declared {
    let subject = Subject {
        config: &plane.config,
        state_dir: &plane.state_dir,
        cwd: &plane.cwd,
        profile: &plane.profile,
        environ,
    };
    config::declared(&subject, &mut read)
}

/// Reads a regular file of at most `limit` bytes.
pub fn read(path: &Path, limit: u64) -> Read {
    // A name alone, without opening what it names: opening is what makes some devices act and some pipes wait.
    let named = match OpenOptions::new().read(true).custom_flags(libc::O_PATH | libc::O_CLOEXEC).open(path) {
        Ok(named) => named,
        Err(error) => return refused(&error, None),
    };
    let by_descriptor = PathBuf::from(format!("/proc/self/fd/{}", named.as_raw_fd()));
    let real = fs::read_link(&by_descriptor).ok();
    let seen = match named.metadata() {
        Ok(seen) => seen,
        Err(error) => return refused(&error, real),
    };
    let why = if seen.is_dir() {
        Some(Refusal::Directory)
    } else if !seen.is_file() {
        Some(Refusal::Special)
    } else if seen.len() > limit {
        Some(Refusal::TooLarge)
    } else {
        None
    };
    if let Some(why) = why {
        return Read::Refused { why, real };
    }
    match content(&by_descriptor, seen.len(), limit) {
        Ok(bytes) if bytes.len() as u64 > limit => Read::Refused { why: Refusal::TooLarge, real },
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Read::Text { text, real: real.unwrap_or_else(|| path.to_path_buf()), links: seen.nlink() },
            Err(error) => Read::Lossy {
                good: error.utf8_error().valid_up_to(),
                text: String::from_utf8_lossy(error.as_bytes()).into_owned(),
                real: real.unwrap_or_else(|| path.to_path_buf()),
            },
        },
        Err(error) => refused(&error, real),
    }
}

/// One byte more than `limit` tells a file that grew, or that never ends, as some of the kernel's own do.
fn content(by_descriptor: &Path, size: u64, limit: u64) -> io::Result<Vec<u8>> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    let file: File = OpenOptions::new().read(true).custom_flags(flags).open(by_descriptor)?;
    let mut bytes = Vec::with_capacity(size as usize + 1);
    file.take(limit + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn refused(error: &io::Error, real: Option<PathBuf>) -> Read {
    let why = match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENOTDIR) => return Read::Missing,
        Some(libc::EACCES | libc::EPERM) => Refusal::Denied,
        Some(libc::ELOOP) => Refusal::LinkLoop,
        _ => Refusal::Failed(error.to_string()),
    };
    Read::Refused { why, real }
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::openclaw::config::files::{Read, Refusal};
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    fn why(path: &Path, limit: u64) -> Refusal {
        match read(path, limit) {
            Read::Refused { why, .. } => why,
            Read::Text { .. } | Read::Lossy { .. } | Read::Missing => panic!("{} was not refused", path.display()),
        }
    }

    #[test]
    fn only_regular_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        nix::unistd::mkfifo(&at("fifo"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        symlink(at("loop"), at("loop")).unwrap();
        symlink("/dev/zero", at("device")).unwrap();
        fs::write(at("latin1"), b"ab\xe4").unwrap();
        fs::write(at("long"), b"abcd").unwrap();
        assert_eq!(why(folder.path(), 9), Refusal::Directory);
        for name in ["fifo", "socket", "device"] {
            assert_eq!(why(&at(name), 9), Refusal::Special, "{name}");
        }
        assert_eq!(why(&at("loop"), 9), Refusal::LinkLoop);
        assert!(
            matches!(read(&at("latin1"), 9), Read::Lossy { text, good: 2, .. } if text == "ab\u{fffd}"),
            "what is no UTF-8 is told apart"
        );
        assert_eq!(why(&at("long"), 3), Refusal::TooLarge);
        assert!(matches!(read(&at("none"), 9), Read::Missing));
        assert!(matches!(read(&at("long").join("below"), 9), Read::Missing));
    }

    #[test]
    fn a_file_of_the_kernel_that_never_tells_its_size_is_capped() {
        assert_eq!(why(Path::new("/proc/self/maps"), 100), Refusal::TooLarge);
    }

    #[test]
    fn a_text_comes_with_its_real_place_and_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        fs::write(folder.join("a"), "text").unwrap();
        fs::hard_link(folder.join("a"), folder.join("b")).unwrap();
        symlink("b", folder.join("c")).unwrap();
        let expected = Read::Text { text: "text".to_owned(), real: folder.join("b"), links: 2 };
        assert!(read(&folder.join("c"), 4) == expected);
    }
}
