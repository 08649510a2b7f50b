//! The little that must outlast a keeper: what the operator wants, and the last incarnation's number.
//!
//! Neither is trusted over the world: a want of another boot is forgotten, a lost number starts again from zero, and no
//! process is ever signalled by what stands here.

use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::life::order::Want;
use crate::os::process;
use crate::rundir::{self, Wanted};

/// Both files of one plane.
#[derive(Debug)]
pub struct Memory {
    /// In the run dir, and in the state dir: either may be full, or gone.
    wants: [PathBuf; 2],
    /// In the state dir, and in the run dir for one that takes nothing.
    incarnations: [PathBuf; 2],
    boot: String,
    /// What the operator last wanted, as far as this keeper has heard, and when: in nanoseconds since the boot.
    said: Option<(Want, u64)>,
}

impl Memory {
    /// The files, and the present boot's id.
    pub fn new(wants: [PathBuf; 2], incarnations: [PathBuf; 2], boot: String) -> Self {
        let mut memory = Self { wants, incarnations, boot, said: None };
        memory.said = memory.last_written();
        memory
    }

    /// What the operator last wanted in this boot; `None` when he has said nothing.
    pub fn wanted(&self) -> Option<Want> {
        self.said.map(|(want, _)| want)
    }

    fn last_written(&self) -> Option<(Want, u64)> {
        let texts = self.wants.each_ref().map(|want| std::fs::read_to_string(want).unwrap_or_default());
        let last = rundir::last_wanted(texts.iter().map(String::as_str), &self.boot)?;
        Some((if last.word == "up" { Want::Up } else { Want::Down }, last.at))
    }

    /// Keeps what the operator wants, as said later than whatever is written: one of both places may be left with that.
    pub fn remember(&mut self, want: Want) -> io::Result<()> {
        let now = u64::try_from(process::since_boot().as_nanos()).unwrap_or(u64::MAX);
        let before = [self.said, self.last_written()].into_iter().flatten().map(|(_, at)| at.saturating_add(1)).max();
        self.said = Some((want, before.map_or(now, |before| before.max(now))));
        self.restore()
    }

    /// Writes what the operator wants once more, where it is no longer written: the run dir may have been wiped.
    pub fn restore(&self) -> io::Result<()> {
        let Some((said, at)) = self.said else { return Ok(()) };
        let word = match said {
            Want::Up => "up",
            Want::Down => "down",
        };
        let text = rundir::want_text(Wanted { word, at }, &self.boot);
        let is_there =
            |want: &PathBuf| std::fs::read_to_string(want).is_ok_and(|there| there.trim_end() == text.trim_end());
        let tries = self.wants.iter().filter(|want| !is_there(want)).map(|want| {
            // One that is left as it was would speak against the other to an older release, which knows of no later one.
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

/// The kernel takes a write that ends within the first page whole or not at all, whatever becomes of the writer.
const AT_ONCE: usize = 4096;

/// Has `text` stand at `path`: a reader sees the old text or the new one. What has a file is written over, at once: to make one
/// and to rename it costs a spawn or a stop more than all the rest, and may fail on a full disk. What is too long, or no plain
/// file, is written beside and renamed over.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    match write_over(path, text) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
        Ok(Written::AtOnce) => return Ok(()),
        Ok(Written::Not) | Err(_) => return write_beside(path, text),
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    // One that holds nothing is read as none, and so is half of one.
    file.write_all(text.as_bytes()).inspect_err(|_| drop(std::fs::remove_file(path)))
}

enum Written {
    AtOnce,
    Not,
}

/// Blanks fill up what the old text was longer: cut off before or after, half of a new text would be taken for all of it.
fn write_over(path: &Path, text: &str) -> io::Result<Written> {
    let file = std::fs::OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    let before = file.metadata()?;
    let length = usize::try_from(before.len()).unwrap_or(usize::MAX);
    if !before.is_file() || length.max(text.len()) > AT_ONCE {
        return Ok(Written::Not);
    }
    let whole = format!("{text:<length$}");
    Ok(if file.write_at(whole.as_bytes(), 0)? == whole.len() { Written::AtOnce } else { Written::Not })
}

fn write_beside(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path)
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
    fn a_place_that_keeps_an_old_want_is_not_believed_against_the_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let places = [folder.path().join("wants/main"), folder.path().join("main/want")];
        for stale in [0, 1] {
            memory(folder.path(), "b").remember(Want::Up).expect("written");
            let old = std::fs::read_to_string(&places[stale]).expect("written");
            memory(folder.path(), "b").remember(Want::Down).expect("written");
            // As on a disk that took neither the writing nor the removal.
            std::fs::write(&places[stale], &old).expect("as it was");
            assert_eq!(memory(folder.path(), "b").wanted(), Some(Want::Down), "place {stale} is stale");
        }
    }

    #[test]
    fn a_want_is_later_than_what_is_written_whatever_the_clock_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("wants/main");
        memory(folder.path(), "b").remember(Want::Up).expect("written");
        std::fs::write(&place, rundir::want_text(Wanted { word: "up", at: u64::MAX - 1 }, "b")).expect("written");
        let stale = std::fs::read_to_string(&place).expect("written");
        memory(folder.path(), "b").remember(Want::Down).expect("written");
        std::fs::write(&place, stale).expect("as it was");
        assert_eq!(memory(folder.path(), "b").wanted(), Some(Want::Down));
    }

    #[test]
    fn a_want_of_an_older_release_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        memory(folder.path(), "b").remember(Want::Up).expect("written");
        for place in ["wants/main", "main/want"] {
            std::fs::write(folder.path().join(place), "down b\n").expect("written");
        }
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

    #[test]
    fn what_is_written_over_holds_the_new_text_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/file");
        let long = "x".repeat(2 * AT_ONCE);
        for text in ["a first text\n", "2\n", "longer than all of them before\n", &long, "short\n", ""] {
            replace(&path, text).expect("written");
            assert_eq!(std::fs::read_to_string(&path).expect("read").trim_end(), text.trim_end());
        }
        let left: Vec<_> = std::fs::read_dir(folder.path().join("deep")).expect("a folder").collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_link_is_replaced_and_what_it_leads_to_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, other) = (folder.path().join("file"), folder.path().join("other"));
        std::fs::write(&other, "theirs").expect("written");
        std::os::unix::fs::symlink(&other, &path).expect("linked");
        replace(&path, "ours").expect("written");
        assert_eq!(std::fs::read_to_string(&other).expect("read"), "theirs");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "ours");
        assert!(!path.is_symlink());
    }
}
