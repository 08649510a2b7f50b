//! Reads a small text file that may be anything: a folder, a device, a pipe nobody writes to, a loop of links, a disk image.
//!
//! Never blocks and never reads more than the cap; knows nothing of what the text means.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::manifest::error::{Code, Mistake};
use crate::plane::Place;
use crate::plane::shell::word;

/// The most bytes that are read. The largest manifest that makes sense has some hundred planes and a tenth of this.
pub const CAP: u64 = 1 << 20;

/// A file's bytes, and who may see them.
#[derive(Debug)]
pub struct Slurped {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Type and permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
}

/// Why a file could not be read; `what` continues a sentence that names it.
#[derive(Debug)]
pub struct Fault {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub hint: String,
}

impl Fault {
    fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }
}

/// Reads a regular file of bearable size.
pub fn slurp(path: &Path) -> Result<Slurped, Fault> {
    // Looked at before it is opened: opening is what makes some devices act.
    let seen = fs::metadata(path).map_err(|error| refused(path, &error))?;
    fits(path, &seen)?;
    // Between the two looks it may have been replaced by a pipe: O_NONBLOCK opens one without a writer.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC)
        .open(path)
        .map_err(|error| refused(path, &error))?;
    let opened = file.metadata().map_err(|error| refused(path, &error))?;
    fits(path, &opened)?;
    let bytes = capped(file).map_err(|error| refused(path, &error))?;
    if bytes.len() as u64 > CAP {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(Slurped { bytes, mode: opened.mode(), uid: opened.uid() })
}

/// The content as text without a byte order mark, or where it stops being text.
pub fn text(path: &Path, mut bytes: Vec<u8>) -> Result<String, Box<Mistake>> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        let message = format!("the manifest `{}` is UTF-16", path.display());
        return Err(Box::new(Mistake::new(Code::NotText, message, "save it as UTF-8")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let (at, bytes) = (error.utf8_error().valid_up_to(), error.as_bytes());
        let before = String::from_utf8_lossy(&bytes[..at]).into_owned();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        let place = Place { file: path.to_owned(), line: line as u32, column: column as u32, width: 1 };
        let binary = bytes.iter().take(4096).filter(|byte| matches!(byte, 0..=8)).count() > 0;
        let (what, hint) = if binary {
            ("is a binary file", "name a TOML file; `file` tells what this one is")
        } else {
            ("is not UTF-8", "save it as UTF-8")
        };
        let message = format!(
            "the manifest `{}` {what}: byte {at} (0x{:02x}, line {line}) is no part of a UTF-8 character",
            path.display(),
            bytes.get(at).copied().unwrap_or(0)
        );
        Box::new(Mistake::new(Code::NotText, message, hint).at(place, ""))
    })
}

fn capped(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(CAP + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn fits(path: &Path, seen: &fs::Metadata) -> Result<(), Fault> {
    let kind = seen.file_type();
    let what = if kind.is_file() {
        return if seen.len() > CAP { Err(too_large(seen.len())) } else { Ok(()) };
    } else if kind.is_dir() {
        let inside = path.join("supervisor.toml");
        let hint = if inside.exists() {
            format!("name the file in it: `{}`", inside.display())
        } else {
            "name a file in it".to_owned()
        };
        return Err(Fault::new("is a folder", hint));
    } else if kind.is_fifo() {
        "is a named pipe"
    } else if kind.is_socket() {
        "is a socket"
    } else {
        "is a device"
    };
    Err(Fault::new(what, "name a regular file: it is read again whenever it matters"))
}

fn too_large(size: u64) -> Fault {
    let shown = if size.is_multiple_of(1 << 20) { format!("{} MiB", size >> 20) } else { format!("{size} bytes") };
    Fault::new(
        format!("is too large: {shown}, and at most 1 MiB ({CAP} bytes) is read"),
        "name another file: nothing that is meant for this is that large",
    )
}

fn refused(path: &Path, error: &io::Error) -> Fault {
    if error.raw_os_error() == Some(libc::ELOOP) {
        return Fault::new(
            "is a loop of symbolic links",
            format!("look at where it points to: `ls -l {}`", word(path)),
        );
    }
    match error.kind() {
        io::ErrorKind::NotFound => match fs::read_link(path) {
            Ok(target) => Fault::new(
                format!("is a symbolic link to `{}`, which does not exist", target.display()),
                "restore what it points to, or let it point elsewhere",
            ),
            Err(_) => Fault::new("does not exist", "make it, or name a file that is there"),
        },
        io::ErrorKind::PermissionDenied => Fault::new(
            "may not be read by this user (permission denied)",
            "run as its owner, or let this user read it and enter its folders",
        ),
        io::ErrorKind::NotADirectory => {
            Fault::new("does not exist: a part of its path is no folder", "name a file that is there")
        }
        _ => Fault::new(format!("cannot be read: {error}"), "see to the disk, or name another file"),
    }
}
