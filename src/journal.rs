//! The journal: one JSON object a line for every decision, bounded, never half a line.
//!
//! Each file has one writer (a plane's keeper, or the daemon for what is nobody's plane) and is read without it. Decides
//! nothing and reads no clock.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::os::rolled::Rolled;
use crate::plane::PlaneName;

/// One file holds so many bytes; the one before it is kept as `.1`.
const FILE_CAP: u64 = 1 << 20;

/// One line: what was seen, what was decided, what follows, when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// RFC 3339 UTC.
    pub at: String,
    /// The plane it is about; none for the supervisor itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plane: Option<PlaneName>,
    /// The incarnation it is about; 0 for none.
    pub incarnation: u64,
    /// One word for the kind: `asked`, `exited`, `spawned`, …
    pub event: String,
    /// What was seen.
    pub saw: String,
    /// What was decided.
    pub decided: String,
    /// What follows, and when.
    pub follows: String,
    /// Lines before this one that the disk did not take.
    #[serde(skip_serializing_if = "is_none")]
    pub lost_before: u64,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    file: Rolled,
    lost: u64,
}

impl Journal {
    /// Opens or makes the journal; one that cannot be opened is tried again with every line.
    pub fn open(path: &Path) -> Self {
        Self { file: Rolled::new(path, FILE_CAP), lost: 0 }
    }

    /// Lets the members of this group read it too.
    pub fn let_read(&mut self, group: Option<u32>) {
        self.file.let_read(group);
    }

    /// Adds one line. One that the disk does not take is counted in the next.
    pub fn add(&mut self, entry: Entry) {
        let line = Entry { lost_before: self.lost, ..entry };
        let written = serde_json::to_vec(&line).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            self.keep(&line)
        });
        match written {
            Ok(()) => self.lost = 0,
            Err(error) => {
                tracing::warn!(%error, journal = %self.file.path().display(), "a line could not be written");
                self.lost += 1;
            }
        }
    }

    /// Its folder may have been removed with all that was in it.
    fn keep(&mut self, line: &[u8]) -> io::Result<()> {
        match (self.file.add(line), self.file.path().parent()) {
            (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
                std::fs::create_dir_all(folder)?;
                self.file.add(line)
            }
            (done, _) => done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at: &str, saw: &str) -> Entry {
        Entry { at: at.into(), event: "exited".into(), saw: saw.into(), ..Entry::default() }
    }

    fn lines(path: &Path) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(path).expect("a journal");
        text.lines().map(|line| serde_json::from_str(line).expect("whole lines of JSON")).collect()
    }

    #[test]
    fn half_a_line_of_a_killed_predecessor_is_cut_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        std::fs::write(&path, "{\"at\":\"x\"}\n{\"at\":\"y").expect("written");
        let mut journal = Journal::open(&path);
        journal.add(entry("2026-01-01T00:00:00Z", "a\nb"));
        let lines = lines(&path);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["saw"], "a\nb");
    }

    #[test]
    fn it_stays_bounded_and_keeps_the_latest() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::open(&path);
        let long = "x".repeat(10_000);
        for n in 0..500 {
            journal.add(entry(&n.to_string(), &long));
        }
        let current = lines(&path);
        assert_eq!(current.last().expect("lines")["at"], "499");
        let all: u64 = [path.clone(), path.with_extension("jsonl.1")]
            .iter()
            .map(|path| path.metadata().expect("kept").len())
            .sum();
        assert!(all <= 2 * FILE_CAP, "{all}");
    }

    #[test]
    fn what_could_not_be_written_is_counted_in_the_next_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let blocked = folder.path().join("main");
        std::fs::write(&blocked, "a file where the folder belongs").expect("written");
        let path = blocked.join("journal.jsonl");
        let mut journal = Journal::open(&path);
        journal.add(entry("1", "lost"));
        std::fs::remove_file(&blocked).expect("removed");
        journal.add(entry("2", "kept"));
        assert_eq!(lines(&path)[0]["lost_before"], 1);
    }
}
