//! What an operator wants of a plane, kept in the run dir and in the state dir, as either may be full, gone or read-only.
//!
//! A plane's keeper says it; the supervisor where no keeper can. A want of another boot is none, and none is trusted over the world.

use std::io;
use std::path::{Path, PathBuf};

use crate::os::process;
use crate::os::small::replace;
use crate::plane::PlaneName;
use crate::rundir::{self, PlaneDir, Wanted, Word};

/// Both files of one plane.
#[derive(Debug)]
pub struct Wants {
    places: [PathBuf; 2],
    boot: String,
    /// What was said last, as far as is known here.
    said: Option<Wanted>,
}

impl Wants {
    /// The plane's files, read; `boot` is the present boot's id.
    pub fn of(run_dir: &Path, folder: &PlaneDir, plane: &PlaneName, boot: String) -> Self {
        let mut wants = Self { places: [rundir::want(run_dir, plane), folder.want()], boot, said: None };
        wants.said = wants.written();
        wants
    }

    /// What the operator last wanted in this boot; `None` when he has said nothing.
    pub fn last(&self) -> Option<Word> {
        self.said.map(|said| said.word)
    }

    fn written(&self) -> Option<Wanted> {
        let texts = self.places.each_ref().map(|place| std::fs::read_to_string(place).unwrap_or_default());
        rundir::last_wanted(texts.iter().map(String::as_str), &self.boot)
    }

    /// Keeps what the operator wants, as said later than whatever is written: one of both places may be left with that. An error
    /// when neither takes it.
    pub fn say(&mut self, word: Word) -> io::Result<()> {
        let now = u64::try_from(process::since_boot().as_nanos()).unwrap_or(u64::MAX);
        let before = [self.said, self.written()].into_iter().flatten().map(|said| said.at.saturating_add(1)).max();
        let said = Wanted { word, at: before.map_or(now, |before| before.max(now)) };
        self.said = Some(said);
        // Later than whatever is there, so that it stands nowhere yet.
        write(self.places.iter(), &rundir::want_text(said, &self.boot))
    }

    /// Writes what was said once more, where it is no longer written: the run dir may have been wiped.
    pub fn restore(&self) -> io::Result<()> {
        let Some(said) = self.said else { return Ok(()) };
        let text = rundir::want_text(said, &self.boot);
        let is_there =
            |place: &PathBuf| std::fs::read_to_string(place).is_ok_and(|there| there.trim_end() == text.trim_end());
        write(self.places.iter().filter(|place| !is_there(place)), &text)
    }

    /// Has nothing said: written in the manifest again, the plane is another one.
    pub fn forget(&mut self) -> io::Result<()> {
        self.said = None;
        let gone = |place: &PathBuf| match std::fs::remove_file(place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        };
        let [first, second] = self.places.each_ref().map(gone);
        first.and(second)
    }
}

fn write<'a>(places: impl Iterator<Item = &'a PathBuf>, text: &str) -> io::Result<()> {
    let tries = places.map(|place| {
        // One that is left as it was would speak against the other to an older release, which knows of no later one.
        replace(place, text).inspect_err(|_| drop(std::fs::remove_file(place)))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(folder: &Path, boot: &str) -> Wants {
        let name = PlaneName::new("main").expect("a name");
        let plane = PlaneDir::under(&folder.join("state"), &name);
        Wants::of(&folder.join("run"), &plane, &name, boot.into())
    }

    #[test]
    fn a_want_holds_until_the_next_boot() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut before = wants(folder.path(), "boot-1");
        assert_eq!(before.last(), None);
        before.say(Word::Down).expect("written");
        assert_eq!(wants(folder.path(), "boot-1").last(), Some(Word::Down));
        assert_eq!(wants(folder.path(), "boot-2").last(), None);
    }

    #[test]
    fn a_want_that_was_wiped_is_written_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut keeper = wants(folder.path(), "b");
        keeper.restore().expect("nothing to write");
        assert_eq!(wants(folder.path(), "b").last(), None, "nothing was said");
        keeper.say(Word::Down).expect("written");
        std::fs::remove_dir_all(folder.path().join("run/wants")).expect("wiped");
        assert_eq!(wants(folder.path(), "b").last(), Some(Word::Down), "the other place has it");
        std::fs::remove_file(folder.path().join("state/planes/main/want")).expect("wiped");
        assert_eq!(wants(folder.path(), "b").last(), None);
        keeper.restore().expect("written again");
        assert_eq!(wants(folder.path(), "b").last(), Some(Word::Down));
    }

    #[test]
    fn a_place_that_takes_nothing_is_made_up_for_by_the_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut before = wants(folder.path(), "b");
        before.say(Word::Up).expect("written");
        // A file where a folder should be: nothing can be written below it.
        std::fs::remove_dir_all(folder.path().join("run/wants")).expect("removed");
        std::fs::write(folder.path().join("run/wants"), "").expect("in the way");
        before.say(Word::Down).expect("written in one place");
        assert_eq!(wants(folder.path(), "b").last(), Some(Word::Down));
        std::fs::remove_dir_all(folder.path().join("state/planes/main")).expect("removed");
        std::fs::write(folder.path().join("state/planes/main"), "").expect("in the way");
        before.say(Word::Up).expect_err("no place is left");
    }

    #[test]
    fn a_place_that_keeps_an_old_want_is_not_believed_against_the_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let places = [folder.path().join("run/wants/main"), folder.path().join("state/planes/main/want")];
        for stale in [0, 1] {
            wants(folder.path(), "b").say(Word::Up).expect("written");
            let old = std::fs::read_to_string(&places[stale]).expect("written");
            wants(folder.path(), "b").say(Word::Down).expect("written");
            // As on a disk that took neither the writing nor the removal.
            std::fs::write(&places[stale], &old).expect("as it was");
            assert_eq!(wants(folder.path(), "b").last(), Some(Word::Down), "place {stale} is stale");
        }
    }

    #[test]
    fn a_want_is_later_than_what_is_written_whatever_the_clock_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("run/wants/main");
        wants(folder.path(), "b").say(Word::Up).expect("written");
        std::fs::write(&place, rundir::want_text(Wanted { word: Word::Up, at: u64::MAX - 1 }, "b")).expect("written");
        let stale = std::fs::read_to_string(&place).expect("written");
        wants(folder.path(), "b").say(Word::Down).expect("written");
        std::fs::write(&place, stale).expect("as it was");
        assert_eq!(wants(folder.path(), "b").last(), Some(Word::Down));
    }

    #[test]
    fn a_want_of_an_older_release_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        wants(folder.path(), "b").say(Word::Up).expect("written");
        for place in ["run/wants/main", "state/planes/main/want"] {
            std::fs::write(folder.path().join(place), "down b\n").expect("written");
        }
        assert_eq!(wants(folder.path(), "b").last(), Some(Word::Down));
    }

    #[test]
    fn what_is_forgotten_was_never_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut before = wants(folder.path(), "b");
        before.forget().expect("nothing was there");
        before.say(Word::Down).expect("written");
        before.forget().expect("removed");
        assert_eq!((before.last(), wants(folder.path(), "b").last()), (None, None));
    }
}
