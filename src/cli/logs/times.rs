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

/// How much of a file is looked at at once, from its end on.
const BLOCK: u64 = 64 * 1024;

/// More than any word that is a time.
const WORD: u64 = 64;

/// The most of a line that is looked at for its time; one of a journal says it in its first words too.
const HEAD: u64 = 16 * 1024;

/// What the last lines of a file show; nothing when it is empty.
pub fn judged(file: &File, stamp: Stamp) -> io::Result<Option<Times>> {
    let mut end = file.metadata()?.len();
    if end == 0 {
        return Ok(None);
    }
    // A block may lie within one long line: its beginning is in an earlier one.
    loop {
        let start = end.saturating_sub(BLOCK);
        let block = read(file, start, end)?;
        // Where it is not the file's first one, its first line may have begun before it.
        let lines = block.split(|byte| *byte == b'\n').skip(usize::from(start > 0));
        let mut begun = lines.filter(|line| !line.is_empty()).peekable();
        if start == 0 || begun.peek().is_some() {
            let said = begun.any(|line| time(line, stamp).is_some());
            return Ok(Some(if said { Times::Said } else { Times::Unsaid }));
        }
        // The first word of that line is to be whole in the next block.
        end = start + WORD;
    }
}

/// When the first line of a file was written, by its own word.
pub fn begins(file: &File, stamp: Stamp) -> io::Result<Option<Timestamp>> {
    let head = read(file, 0, HEAD)?;
    Ok(head.split(|byte| *byte == b'\n').next().and_then(|line| time(line, stamp)))
}

/// The bytes of a file between two places, as far as there are any.
fn read(file: &File, start: u64, end: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(end - start).unwrap_or(0)];
    let read = file.read_at(&mut bytes, start)?;
    bytes.truncate(read);
    Ok(bytes)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_longer_than_any_block_says_its_time_at_its_beginning() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("gateway.log");
        let judge = |text: String| {
            std::fs::write(&path, text)?;
            judged(&File::open(&path)?, Stamp::FirstWord)
        };
        for long in [10, 60_000, 65_480, 65_500, 65_536, 131_000, 131_072, 1_000_000] {
            let long = "x".repeat(long);
            let stamped = "2026-03-01T12:00:00.123Z";
            assert_eq!(judge(format!("{stamped} {long}\n"))?, Some(Times::Said));
            assert_eq!(judge(format!("{stamped} {long}"))?, Some(Times::Said));
            assert_eq!(judge(format!("bare\n{stamped} {long}\n"))?, Some(Times::Said));
            assert_eq!(judge(format!("bare {long}\n"))?, Some(Times::Unsaid));
        }
        assert_eq!(judge(String::new())?, None);
        Ok(())
    }
}
