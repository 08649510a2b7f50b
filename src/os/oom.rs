//! How early the kernel takes this process, and its children, when memory runs out.
//!
//! Only this process's own score is ever written. A child gets another by inheritance: the score is lent to us for the
//! moment of its birth. To write it from outside would race with the child's exec, and is refused to an account other than
//! root while the child still shares the memory of a parent that is not dumpable.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

const PATH: &str = "/proc/self/oom_score_adj";

/// Opened before this process was hardened, after which its /proc files are root's.
static HELD: OnceLock<File> = OnceLock::new();

/// Keeps the file open, so that the score can be written also when this process is no longer dumpable.
pub fn hold() -> io::Result<()> {
    let file = open()?;
    // Held already: the same file.
    let _ = HELD.set(file);
    Ok(())
}

/// The present score: -1000 (never taken) … 1000.
pub fn score() -> io::Result<i32> {
    let mut text = [0; 16];
    let length = with(|file| file.read_at(&mut text, 0))?;
    let number = std::str::from_utf8(&text[..length]).ok().and_then(|text| text.trim().parse().ok());
    number.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("{PATH} holds no number")))
}

/// Sets the score. Raising it is free; below what a privileged process last set needs privilege: `PermissionDenied` says so
/// and changes nothing. Children inherit it.
pub fn set(score: i32) -> io::Result<()> {
    let text = score.to_string();
    with(|file| file.write_at(text.as_bytes(), 0)).map(drop)
}

/// Another score, until dropped.
#[derive(Debug)]
pub(super) struct Lent {
    before: i32,
}

/// Takes on `score` for as long as the result lives.
pub(super) fn lend(score: i32) -> io::Result<Lent> {
    let before = self::score()?;
    set(score)?;
    Ok(Lent { before })
}

impl Drop for Lent {
    fn drop(&mut self) {
        // What was allowed before is allowed again: the kernel compares with the floor, which only privilege moves.
        let _ = set(self.before);
    }
}

fn with<T>(act: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
    match HELD.get() {
        Some(file) => act(file),
        None => act(&open()?),
    }
}

fn open() -> io::Result<File> {
    File::options().read(true).write(true).open(PATH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::testing::in_process;

    #[test]
    fn a_lent_score_is_given_back() {
        in_process(|| {
            let before = score().expect("a score");
            let lent = lend(before + 5).expect("worse is always allowed");
            assert_eq!(score().expect("a score"), before + 5);
            drop(lent);
            assert_eq!(score().expect("a score"), before);
            assert!(lend(1001).is_err(), "out of range");
            assert_eq!(score().expect("a score"), before);
        });
    }
}
