//! When a line of a log was written: what it says itself, or the latest that it can be.
//!
//! Reads ends of files and moves no position in them; invents no time that nobody wrote down.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use jiff::Timestamp;

/// How a line says its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// In its first word.
    FirstWord,
    /// As the `at` of a JSON object.
    Journal,
}

/// When a line was written, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// By its own word, or that of the line that it goes on from.
    At(Timestamp),
    /// It says nothing: its file was last written then.
    By(Timestamp),
}

impl When {
    /// The latest that it can be: where the line stands among those of other logs.
    pub fn latest(self) -> Timestamp {
        let (Self::At(at) | Self::By(at)) = self;
        at
    }
}

/// Whether the lines of a file say when they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// At least some, and those between go on from them.
    Said,
    /// None.
    Unsaid,
}

/// How much of a file's end is looked at.
const TAIL: u64 = 64 * 1024;

/// What the end of a file shows; nothing when it is empty.
pub fn judged(file: &File, stamp: Stamp) -> io::Result<Option<Times>> {
    let size = file.metadata()?.len();
    let start = size.saturating_sub(TAIL);
    let mut tail = vec![0; usize::try_from(size - start).unwrap_or(0)];
    let read = file.read_at(&mut tail, start)?;
    tail.truncate(read);
    if tail.is_empty() {
        return Ok(None);
    }
    let said = tail.split(|byte| *byte == b'\n').any(|line| time(line, stamp).is_some());
    Ok(Some(if said { Times::Said } else { Times::Unsaid }))
}

/// When a file was last written.
pub fn written(file: &File) -> io::Result<Timestamp> {
    // Past what a calendar holds there is no log.
    Ok(Timestamp::try_from(file.metadata()?.modified()?).unwrap_or(Timestamp::MAX))
}

/// The time that a line says.
pub fn time(line: &[u8], stamp: Stamp) -> Option<Timestamp> {
    match stamp {
        Stamp::FirstWord => {
            let word = line.split(|byte| *byte == b' ').next()?;
            // The shortest is `2026-03-01T12:00:00Z`; a longer word than any is not worth the parsing.
            if !(20..=40).contains(&word.len()) || !word[0].is_ascii_digit() {
                return None;
            }
            std::str::from_utf8(word).ok()?.parse().ok()
        }
        Stamp::Journal => {
            #[derive(serde::Deserialize)]
            struct At {
                at: String,
            }
            serde_json::from_slice::<At>(line).ok()?.at.parse().ok()
        }
    }
}
