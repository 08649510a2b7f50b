//! The log of a process of our own: for developers and for what has no plane. Bounded while it is written; written on where a file of
//! the same name is made anew.
//!
//! What an operator must know is in a journal, not here.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;

use crate::os::rolled::Rolled;

/// One file holds so many bytes; the one before it is kept as `.1`.
const CAP: u64 = 4 << 20;

/// Has all of `tracing` written to `path`, or to `spare` where that takes nothing; gives why it took nothing. One process must not
/// stand still because its words are lost: where neither takes them, they are. Only for who has the lock of its work: another's log
/// has another writer.
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

/// Fails when the file cannot be made.
fn log_into(path: &Path) -> io::Result<()> {
    let mut log = OwnLog(Rolled::new(path, CAP));
    log.0.open()?;
    let subscriber =
        tracing_subscriber::fmt().with_writer(Mutex::new(log)).with_ansi(false).with_target(false).finish();
    // Set already only where one process is several of ours: in tests, and in the demo.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

/// The file as `tracing` writes: one line at a time.
struct OwnLog(Rolled);

impl Write for OwnLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.add(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_was_removed_is_written_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.log");
        let mut log = OwnLog(Rolled::new(&path, CAP));
        log.write_all(b"before\n").expect("written");
        std::fs::remove_file(&path).expect("removed");
        log.write_all(b"after\n").expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("a log"), "after\n");
    }

    #[test]
    fn a_log_stays_bounded_while_it_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keeper.log");
        let mut log = OwnLog(Rolled::new(&path, 1000));
        for n in 0..500 {
            log.write_all(format!("line {n}\n").as_bytes()).expect("written");
        }
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("a log");
        let (before, now) = (read("keeper.log.1"), read("keeper.log"));
        assert!(before.len() <= 1000 && now.len() <= 1000, "{} {}", before.len(), now.len());
        assert!(now.ends_with("line 499\n") && now.starts_with("line ") && before.ends_with('\n'), "{now}");
    }
}
