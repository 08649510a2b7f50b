//! Which file of a rotated log the current one is: a count beside it, so that whoever reads knows what it missed.
//!
//! Counts files only, and is worth no line: a count that cannot be kept is no failure of the log.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::readers;

/// The number of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ordinal {
    /// 1 for the first that there ever was.
    pub number: u64,
    /// Its device and inode.
    pub id: (u64, u64),
}

/// The number of the file that was the current one last. It is kept before the file's first line is, so one that has lines and
/// another identity than this is not known.
pub fn read(log: &Path) -> Option<Ordinal> {
    let text = std::fs::read_to_string(beside(log)).ok()?;
    let mut words = text.split_whitespace().map(str::parse);
    let mut next = || words.next()?.ok();
    Some(Ordinal { number: next()?, id: (next()?, next()?) })
}

/// The number of a current file that was made after the one with number `before`; kept from now on.
pub fn next(log: &Path, id: (u64, u64), before: u64) -> u64 {
    let number = read(log).map_or(0, |kept| kept.number).max(before).saturating_add(1);
    // Without it a reader says that it does not know.
    let _ = keep(log, Ordinal { number, id });
    number
}

/// The number of a current file that a predecessor may have left. That it is another one with the inode of the file before it
/// is not seen, so whoever made it asks for the next number.
pub fn resume(log: &Path, id: (u64, u64)) -> u64 {
    match read(log) {
        Some(kept) if kept.id == id => kept.number,
        Some(_) | None => next(log, id, 0),
    }
}

fn keep(log: &Path, ordinal: Ordinal) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(beside(log))?;
    if let Some(folder) = log.parent() {
        let _ = readers::of_folder(folder).and_then(|group| readers::set(&file, group));
    }
    // As long each time, so that a full disk takes it too.
    let Ordinal { number, id: (device, inode) } = ordinal;
    file.write_all_at(format!("{number:020} {device:020} {inode:020}\n").as_bytes(), 0)
}

/// Hidden, as it is no text for whoever reads all of a folder.
fn beside(log: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(log.file_name().unwrap_or_default());
    name.push("-number");
    log.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_the_next_number_and_keeps_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("gateway.log");
        assert_eq!(read(&log), None);
        assert_eq!(resume(&log, (1, 10)), 1);
        assert_eq!(next(&log, (1, 11), 1), 2);
        assert_eq!(next(&log, (1, 11), 2), 3, "an inode is used again");
        assert_eq!(read(&log), Some(Ordinal { number: 3, id: (1, 11) }));
        // The next keeper, to the same file and to another one.
        assert_eq!(resume(&log, (1, 11)), 3);
        assert_eq!(resume(&log, (2, 7)), 4);
        std::fs::write(folder.path().join(".gateway.log-number"), "no numbers").expect("a file");
        assert_eq!(read(&log), None);
        assert_eq!(next(&log, (2, 8), 4), 5);
    }
}
