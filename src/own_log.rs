//! The log of a process of our own: for developers and for what has no plane. Bounded at each start; written on where a file of the
//! same name is made anew.
//!
//! What an operator must know is in a journal, not here.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The log is cut at this size when its process starts.
const CAP: u64 = 4 << 20;

/// Has all of `tracing` written to `path`, or to `spare` where that takes nothing; gives why it took nothing. One process must not
/// stand still because its words are lost: where neither takes them, they are.
pub fn log_to(path: &Path, spare: &Path) -> Option<io::Error> {
    let refused = log_into(path).err()?;
    let lost = log_into(spare).err();
    match lost {
        None => tracing::warn!(error = %refused, log = %path.display(), "logged here instead"),
        Some(error) => {
            let (path, spare) = (path.display(), spare.display());
            let _ = writeln!(io::stderr(), "warning: neither {path} nor {spare} takes a log: {error}");
        }
    }
    Some(refused)
}

/// A file that is too long becomes `.1` first. Fails when the file cannot be made.
fn log_into(path: &Path) -> io::Result<()> {
    if std::fs::metadata(path).is_ok_and(|meta| meta.len() > CAP) {
        std::fs::rename(path, path.with_extension("log.1"))?;
    }
    let log = OwnLog { file: open(path)?, path: path.to_owned() };
    let subscriber =
        tracing_subscriber::fmt().with_writer(Mutex::new(log)).with_ansi(false).with_target(false).finish();
    // Set already only where one process is several of ours: in tests, and in the demo.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

/// The file, made anew when it was removed.
struct OwnLog {
    path: PathBuf,
    file: File,
}

impl Write for OwnLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.file.metadata().is_ok_and(|meta| meta.nlink() == 0)
            && let Ok(file) = open(&self.path)
        {
            self.file = file;
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_was_removed_is_written_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.log");
        let mut log = OwnLog { file: open(&path).expect("made"), path: path.clone() };
        log.write_all(b"before\n").expect("written");
        std::fs::remove_file(&path).expect("removed");
        log.write_all(b"after\n").expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("a log"), "after\n");
    }
}
