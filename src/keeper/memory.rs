//! The little that must outlast a keeper: what the operator wants, and the last incarnation's number.
//!
//! Neither is trusted over the world: a want of another boot is forgotten, a lost number starts again from zero, and no
//! process is ever signalled by what stands here.

use std::io;
use std::path::{Path, PathBuf};

use crate::life::order::Want;

/// Both files of one plane.
#[derive(Debug)]
pub struct Memory {
    want: PathBuf,
    incarnation: PathBuf,
    boot: String,
    /// What the operator last wanted, as far as this keeper has heard.
    said: Option<Want>,
}

impl Memory {
    /// The files, and the present boot's id.
    pub fn new(want: PathBuf, incarnation: PathBuf, boot: String) -> Self {
        let mut memory = Self { want, incarnation, boot, said: None };
        memory.said = memory.written();
        memory
    }

    /// What the operator last wanted in this boot; `None` when he has said nothing.
    pub fn wanted(&self) -> Option<Want> {
        self.said
    }

    fn written(&self) -> Option<Want> {
        let text = std::fs::read_to_string(&self.want).ok()?;
        let (word, boot) = text.trim_end().split_once(' ')?;
        match word {
            "up" if boot == self.boot => Some(Want::Up),
            "down" if boot == self.boot => Some(Want::Down),
            _ => None,
        }
    }

    /// Keeps what the operator wants.
    pub fn remember(&mut self, want: Want) -> io::Result<()> {
        self.said = Some(want);
        self.restore()
    }

    /// Writes what the operator wants once more, where it is no longer written: the run dir may have been wiped.
    pub fn restore(&self) -> io::Result<()> {
        let Some(want) = self.said.filter(|want| self.written() != Some(*want)) else { return Ok(()) };
        let word = match want {
            Want::Up => "up",
            Want::Down => "down",
        };
        replace(&self.want, &format!("{word} {}\n", self.boot))
    }

    /// The number of the last incarnation; 0 before the first.
    pub fn last_incarnation(&self) -> u64 {
        std::fs::read_to_string(&self.incarnation).ok().and_then(|text| text.trim_end().parse().ok()).unwrap_or(0)
    }

    /// Keeps the number of the incarnation about to be spawned.
    pub fn begins(&self, incarnation: u64) -> io::Result<()> {
        replace(&self.incarnation, &format!("{incarnation}\n"))
    }
}

/// Writes beside, then renames over: a reader sees the old text or the new one.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension("new");
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(folder: &Path, boot: &str) -> Memory {
        Memory::new(folder.join("wants/main"), folder.join("main/incarnation"), boot.into())
    }

    #[test]
    fn a_want_holds_until_the_next_boot() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut before = memory(folder.path(), "boot-1");
        assert_eq!(before.wanted(), None);
        before.remember(Want::Down).expect("written");
        assert_eq!(memory(folder.path(), "boot-1").wanted(), Some(Want::Down));
        assert_eq!(memory(folder.path(), "boot-2").wanted(), None);
    }

    #[test]
    fn a_want_that_was_wiped_is_written_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut memory_of_it = memory(folder.path(), "b");
        memory_of_it.restore().expect("nothing to write");
        assert_eq!(memory(folder.path(), "b").wanted(), None, "nothing was said");
        memory_of_it.remember(Want::Down).expect("written");
        std::fs::remove_dir_all(folder.path().join("wants")).expect("wiped");
        assert_eq!(memory(folder.path(), "b").wanted(), None);
        memory_of_it.restore().expect("written again");
        assert_eq!(memory(folder.path(), "b").wanted(), Some(Want::Down));
    }

    #[test]
    fn incarnations_go_on_counting_and_garbage_counts_from_zero() {
        let folder = tempfile::tempdir().expect("a folder");
        let memory = memory(folder.path(), "b");
        assert_eq!(memory.last_incarnation(), 0);
        memory.begins(41).expect("written");
        assert_eq!(memory.last_incarnation(), 41);
        std::fs::write(folder.path().join("main/incarnation"), "\0x").expect("written");
        assert_eq!(memory.last_incarnation(), 0);
    }
}
