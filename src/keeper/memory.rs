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
    /// In the run dir, and in the state dir: either may be full, or gone.
    wants: [PathBuf; 2],
    /// In the state dir, and in the run dir for one that takes nothing.
    incarnations: [PathBuf; 2],
    boot: String,
    /// What the operator last wanted, as far as this keeper has heard.
    said: Option<Want>,
}

impl Memory {
    /// The files, and the present boot's id.
    pub fn new(wants: [PathBuf; 2], incarnations: [PathBuf; 2], boot: String) -> Self {
        let mut memory = Self { wants, incarnations, boot, said: None };
        memory.said = memory.wants.iter().find_map(|want| memory.written(want));
        memory
    }

    /// What the operator last wanted in this boot; `None` when he has said nothing.
    pub fn wanted(&self) -> Option<Want> {
        self.said
    }

    fn written(&self, want: &Path) -> Option<Want> {
        let text = std::fs::read_to_string(want).ok()?;
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
        let Some(said) = self.said else { return Ok(()) };
        let word = match said {
            Want::Up => "up",
            Want::Down => "down",
        };
        let text = format!("{word} {}\n", self.boot);
        let tries = self.wants.iter().filter(|want| self.written(want) != Some(said)).map(|want| {
            // One that is left as it was would speak against the other.
            replace(want, &text).inspect_err(|_| drop(std::fs::remove_file(want)))
        });
        let failed: Vec<io::Error> = tries.filter_map(Result::err).collect();
        match <[io::Error; 2]>::try_from(failed) {
            Ok([first, _]) => Err(first),
            Err(fewer) => {
                for error in fewer {
                    tracing::warn!(%error, "what the operator wants is kept in one of its two places");
                }
                Ok(())
            }
        }
    }

    /// The number of the last incarnation; 0 before the first.
    pub fn last_incarnation(&self) -> u64 {
        let number = |path| std::fs::read_to_string(path).ok()?.trim_end().parse().ok();
        self.incarnations.iter().filter_map(number).max().unwrap_or(0)
    }

    /// Keeps the number of the incarnation about to be spawned, in the second place when the first does not take it.
    pub fn begins(&self, incarnation: u64) -> io::Result<()> {
        let text = format!("{incarnation}\n");
        let [first, second] = &self.incarnations;
        replace(first, &text).or_else(|_| replace(second, &text))
    }
}

/// Writes beside, then renames over: a reader sees the old text or the new one. A full disk that has room for no other file is written
/// where it has the old text.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension("new");
    match std::fs::write(&beside, text) {
        Ok(()) => std::fs::rename(&beside, path),
        Err(cause) if matches!(cause.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT)) => {
            let _ = std::fs::remove_file(&beside);
            write_over(path, text).map_err(|_| cause)
        }
        Err(cause) => Err(cause),
    }
}

/// Blanks fill up what the old text was longer: cut off before or after, half of a new text would be taken for all of it.
fn write_over(path: &Path, text: &str) -> io::Result<()> {
    let file = std::fs::OpenOptions::new().write(true).open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    std::os::unix::fs::FileExt::write_all_at(&file, format!("{text:<length$}").as_bytes(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(folder: &Path, boot: &str) -> Memory {
        Memory::new(
            [folder.join("wants/main"), folder.join("main/want")],
            [folder.join("main/incarnation"), folder.join("wants/main.incarnation")],
            boot.into(),
        )
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
        assert_eq!(memory(folder.path(), "b").wanted(), Some(Want::Down), "the other place has it");
        std::fs::remove_file(folder.path().join("main/want")).expect("wiped");
        assert_eq!(memory(folder.path(), "b").wanted(), None);
        memory_of_it.restore().expect("written again");
        assert_eq!(memory(folder.path(), "b").wanted(), Some(Want::Down));
    }

    #[test]
    fn a_place_that_takes_nothing_is_made_up_for_by_the_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut before = memory(folder.path(), "b");
        before.remember(Want::Up).expect("written");
        // A file where a folder should be: nothing can be written below it.
        std::fs::remove_dir_all(folder.path().join("wants")).expect("removed");
        std::fs::write(folder.path().join("wants"), "").expect("in the way");
        before.remember(Want::Down).expect("written in one place");
        assert_eq!(memory(folder.path(), "b").wanted(), Some(Want::Down));
        std::fs::remove_dir_all(folder.path().join("main")).expect("removed");
        std::fs::write(folder.path().join("main"), "").expect("in the way");
        before.remember(Want::Up).expect_err("no place is left");
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
