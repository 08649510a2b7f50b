//! The little that must outlast a keeper: what the operator wants, and the last incarnation's number.
//!
//! Neither is trusted over the world: a want of another boot is forgotten, a lost number starts again from zero, and no
//! process is ever signalled by what stands here.

use std::io;
use std::path::PathBuf;

use crate::life::order::Want;
use crate::os::small::replace;
use crate::rundir::Word;
use crate::wants::Wants;

/// What one plane's keeper remembers.
#[derive(Debug)]
pub struct Memory {
    wants: Wants,
    /// In the state dir, and in the run dir for one that takes nothing.
    incarnations: [PathBuf; 2],
}

impl Memory {
    /// The plane's files.
    pub fn new(wants: Wants, incarnations: [PathBuf; 2]) -> Self {
        Self { wants, incarnations }
    }

    /// What the operator last wanted in this boot; `None` when he has said nothing.
    pub fn wanted(&self) -> Option<Want> {
        self.wants.last().map(|word| match word {
            Word::Up => Want::Up,
            Word::Down => Want::Down,
        })
    }

    /// Keeps what the operator wants.
    pub fn remember(&mut self, want: Want) -> io::Result<()> {
        self.wants.say(match want {
            Want::Up => Word::Up,
            Want::Down => Word::Down,
        })
    }

    /// Writes what the operator wants once more, where it is no longer written.
    pub fn restore(&self) -> io::Result<()> {
        self.wants.restore()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::PlaneName;
    use crate::rundir::PlaneDir;

    #[test]
    fn incarnations_go_on_counting_and_garbage_counts_from_zero() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = PlaneName::new("main").expect("a name");
        let plane = PlaneDir::under(&folder.path().join("state"), &name);
        let wants = Wants::of(&folder.path().join("run"), &plane, &name, "b".into());
        let places = ["main/incarnation", "spare/main"].map(|place| folder.path().join(place));
        let memory = Memory::new(wants, places);
        assert_eq!(memory.last_incarnation(), 0);
        memory.begins(41).expect("written");
        assert_eq!(memory.last_incarnation(), 41);
        std::fs::write(folder.path().join("main/incarnation"), "\0x").expect("written");
        assert_eq!(memory.last_incarnation(), 0);
    }
}
