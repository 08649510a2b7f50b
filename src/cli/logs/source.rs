//! One log as a stream of lines with their times, through rotations, for as long as it grows.
//!
//! Waits for nothing: at the end of what is written it says so, and may be asked again.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::counted::{Counted, counted};
use super::pieces::{Left, Piece, current, keep_last, open_all};
use super::times::{Stamp, Times, When, begins, judged, time, written};

/// The longest run of bytes handled at once; a longer line comes in parts.
const PART: u64 = 1 << 20;

/// A line, or a part of one that is very long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was written.
    pub when: When,
    /// Without its newline.
    pub bytes: Vec<u8>,
    /// Whether it ends here.
    pub end: End,
}

/// How a [`Line`] ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a newline.
    Line,
    /// In the middle: the next one of this source goes on.
    Part,
    /// It has no end yet, and nobody waits for one.
    Open,
}

/// One log being read.
#[derive(Debug)]
pub struct Source {
    /// Whose it is: a plane's name, or `supervisor`.
    pub owner: String,
    path: PathBuf,
    stamp: Stamp,
    reader: Option<(BufReader<File>, (u64, u64))>,
    /// Whether the file that is read says times; one that was empty at first goes by the one before it.
    times: Times,
    /// When that file was last written.
    written: Timestamp,
    waiting: VecDeque<Piece>,
    /// A line without its newline yet.
    half: Vec<u8>,
    last_at: Option<Timestamp>,
    /// How many files there ever were, to the newest one known here.
    count: Option<u64>,
    /// Files that were removed before the oldest one that is to be read, where that is where reading begins.
    gone: u64,
}

/// What a look for newer files found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// Nothing new, or everything in order.
    Fully,
    /// So many files were removed by retention before they could be read.
    WithLoss(u64),
    /// The file that was being read is gone, and nobody counted those that came after it.
    PerhapsWithLoss,
}

impl Source {
    /// The log at `path` from its last `count` lines on; without a count from its beginning.
    pub fn open(owner: String, path: &Path, stamp: Stamp, count: Option<u64>) -> io::Result<Self> {
        let mut pieces = open_all(path)?;
        let counted = counted(path, &pieces);
        let kept = pieces.len() as u64;
        let left = match count {
            Some(count) => keep_last(&mut pieces, count)?,
            None => Left::All,
        };
        let gone = match (left, counted) {
            (Left::All, Counted::Known(number)) if kept > 0 => number.saturating_sub(kept),
            (Left::All | Left::AsMany, Counted::Known(_) | Counted::NotYet | Counted::Unknown) => 0,
        };
        Ok(Self {
            owner,
            path: path.to_owned(),
            stamp,
            reader: None,
            times: Times::Said,
            written: Timestamp::MIN,
            waiting: pieces.into(),
            half: Vec::new(),
            last_at: None,
            count: counted.number(),
            gone,
        })
    }

    /// How many files were removed before what is to be read, of what would have been read too; with a time, only when that could
    /// have held lines since then.
    pub fn gone(&self, since: Option<Timestamp>) -> io::Result<u64> {
        let (Some(since), Some(oldest)) = (since, self.waiting.front()) else { return Ok(self.gone) };
        let begins = begins(&oldest.file, self.stamp)?;
        Ok(if begins.is_some_and(|at| at > since) { self.gone } else { 0 })
    }

    /// The folder in which its files come and go.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// Whether there is a file at all.
    pub fn has_any(&self) -> bool {
        self.reader.is_some() || !self.waiting.is_empty()
    }

    /// Whether lines are to come that do not say when they were written.
    pub fn has_untimed(&self) -> io::Result<bool> {
        for piece in &self.waiting {
            if judged(&piece.file, self.stamp)? == Some(Times::Unsaid) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Files that are still to be read.
    pub fn waits(&self) -> usize {
        self.waiting.len()
    }

    /// The next line that is there.
    pub fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            if self.reader.is_none() {
                let Some(piece) = self.waiting.pop_front() else { return Ok(None) };
                self.times = judged(&piece.file, self.stamp)?.unwrap_or(self.times);
                self.reader = Some((BufReader::with_capacity(64 * 1024, piece.file), piece.id));
            }
            let Some((reader, _)) = &mut self.reader else { return Ok(None) };
            if reader.buffer().is_empty() {
                self.written = written(reader.get_ref())?;
            }
            let room = PART.saturating_sub(self.half.len() as u64);
            reader.by_ref().take(room).read_until(b'\n', &mut self.half)?;
            if self.half.last() == Some(&b'\n') {
                self.half.pop();
                return Ok(Some(self.give(End::Line)));
            }
            if self.half.len() as u64 >= PART {
                return Ok(Some(self.give(End::Part)));
            }
            if self.waiting.is_empty() {
                return Ok(None);
            }
            self.reader = None;
        }
    }

    /// What there is of a last line without a newline; whether more of it will be asked for is what `end` says.
    pub fn rest(&mut self, end: End) -> Option<Line> {
        (!self.half.is_empty()).then(|| self.give(end))
    }

    /// How long it is.
    pub fn rest_size(&self) -> usize {
        self.half.len()
    }

    /// Looks for files that have become the current one since; to be asked when there is no next line.
    pub fn turn(&mut self) -> io::Result<Turned> {
        let known = self.reader.as_ref().map(|(_, id)| *id);
        let now = current(&self.path)?;
        if now.is_none() || now == known {
            return Ok(Turned::Fully);
        }
        let pieces = open_all(&self.path)?;
        let read = known.and_then(|known| pieces.iter().position(|piece| piece.id == known));
        let counted = counted(&self.path, &pieces);
        let turned = match (read, self.count, counted) {
            (Some(_), _, _) => Turned::Fully,
            // Nothing is in it yet. We are woken when something is.
            (None, _, Counted::NotYet) => return Ok(Turned::Fully),
            (None, Some(seen), Counted::Known(number)) if number >= seen => {
                match (number - seen).saturating_sub(pieces.len() as u64) {
                    0 => Turned::Fully,
                    lost => Turned::WithLoss(lost),
                }
            }
            (None, _, Counted::Known(_) | Counted::Unknown) if known.is_none() => Turned::Fully,
            (None, _, Counted::Known(_) | Counted::Unknown) => Turned::PerhapsWithLoss,
        };
        self.count = counted.number();
        self.waiting.extend(pieces.into_iter().skip(read.map_or(0, |at| at + 1)));
        Ok(turned)
    }

    fn give(&mut self, end: End) -> Line {
        let bytes = std::mem::take(&mut self.half);
        let own = time(&bytes, self.stamp);
        self.last_at = own.or(self.last_at);
        let at = match self.times {
            Times::Said => self.last_at,
            // What the line before says may have been long ago.
            Times::Unsaid => own,
        };
        Line { when: at.map_or(When::By(self.written), When::At), bytes, end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::ordinal;
    use std::fs;
    use std::io::Write;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn source(path: &Path) -> Result<Source, Box<dyn std::error::Error>> {
        Ok(Source::open("main".to_owned(), path, Stamp::FirstWord, None)?)
    }

    fn all(source: &mut Source) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        while let Some(line) = source.next()? {
            lines.push(String::from_utf8_lossy(&line.bytes).into_owned());
        }
        Ok(lines)
    }

    fn append(path: &Path, text: &str) -> io::Result<()> {
        fs::OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes())
    }

    /// What the keeper does: every file one number on, then a new one.
    fn rotate(path: &Path, keep: u32) -> io::Result<()> {
        for number in (0..keep).rev() {
            let from =
                if number == 0 { path.to_owned() } else { PathBuf::from(format!("{}.{number}", path.display())) };
            if from.exists() {
                fs::rename(from, format!("{}.{}", path.display(), number + 1))?;
            }
        }
        Ok(())
    }

    #[test]
    fn a_line_waits_for_its_newline_across_a_rotation() -> Outcome {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("gateway.log");
        let mut source = source(&path)?;
        assert_eq!(source.turn()?, Turned::Fully);
        assert!(source.next()?.is_none());
        append(&path, "one\ntw")?;
        assert_eq!(source.turn()?, Turned::Fully);
        assert_eq!(all(&mut source)?, ["one"]);
        append(&path, "o\n")?;
        rotate(&path, 3)?;
        append(&path, "three\nfou")?;
        assert_eq!(source.turn()?, Turned::Fully);
        assert_eq!(all(&mut source)?, ["two", "three"]);
        assert_eq!(source.rest(End::Open).map(|line| line.bytes), Some(b"fou".to_vec()));
        Ok(())
    }

    #[test]
    fn several_rotations_between_two_looks_lose_nothing_that_is_kept() -> Outcome {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("gateway.log");
        append(&path, "0\n")?;
        let mut source = source(&path)?;
        assert_eq!(all(&mut source)?, ["0"]);
        for number in 1..4 {
            rotate(&path, 5)?;
            append(&path, &format!("{number}\n"))?;
        }
        assert_eq!(source.turn()?, Turned::Fully);
        assert_eq!(all(&mut source)?, ["1", "2", "3"]);
        for number in 4..12 {
            rotate(&path, 5)?;
            append(&path, &format!("{number}\n"))?;
        }
        assert_eq!(source.turn()?, Turned::PerhapsWithLoss);
        assert_eq!(all(&mut source)?, ["6", "7", "8", "9", "10", "11"]);
        Ok(())
    }

    /// What the keeper does with `keep = 0`.
    fn replace(path: &Path, number: &mut u64) -> io::Result<()> {
        if path.exists() {
            // The inode of a file that nobody has open is used again.
            fs::remove_file(path)?;
        }
        append(path, "")?;
        let id = current(path)?.expect("just made");
        *number = ordinal::next(path, id, *number);
        append(path, &format!("{number}\n"))
    }

    #[test]
    fn files_that_are_gone_are_counted_where_they_are_numbered() -> Outcome {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("gateway.log");
        let mut number = 0;
        let mut early = source(&path)?;
        replace(&path, &mut number)?;
        let mut source = source(&path)?;
        assert_eq!((all(&mut source)?, source.gone(None)?), (vec!["1".to_owned()], 0));
        replace(&path, &mut number)?;
        assert_eq!(source.turn()?, Turned::Fully, "the one before was read to its end");
        assert_eq!(all(&mut source)?, ["2"]);
        replace(&path, &mut number)?;
        replace(&path, &mut number)?;
        assert_eq!(source.turn()?, Turned::WithLoss(1));
        assert_eq!(all(&mut source)?, ["4"]);
        assert_eq!(early.turn()?, Turned::WithLoss(3));
        assert_eq!(super::Source::open("main".to_owned(), &path, Stamp::FirstWord, None)?.gone(None)?, 3);
        assert_eq!(super::Source::open("main".to_owned(), &path, Stamp::FirstWord, Some(2))?.gone(None)?, 3);
        assert_eq!(super::Source::open("main".to_owned(), &path, Stamp::FirstWord, Some(1))?.gone(None)?, 0);
        // A file that has no line yet is looked at later, when its number is there.
        fs::remove_file(&path)?;
        append(&path, "")?;
        assert_eq!(source.turn()?, Turned::Fully);
        replace(&path, &mut number)?;
        assert_eq!((source.turn()?, all(&mut source)?), (Turned::Fully, vec!["5".to_owned()]));
        Ok(())
    }

    #[test]
    fn times_are_read_where_they_are_and_carried_on() -> Outcome {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("gateway.log");
        append(&path, "at first\n2026-03-01T12:00:00.123Z hello\n  more of it\n2026-03-01T12:00:01+00:00 x\n")?;
        let mut source = source(&path)?;
        let mut times = Vec::new();
        while let Some(line) = source.next()? {
            times.push(match line.when {
                When::At(at) => at.to_string(),
                When::By(_) => "unsaid".to_owned(),
            });
        }
        assert_eq!(times, ["unsaid", "2026-03-01T12:00:00.123Z", "2026-03-01T12:00:00.123Z", "2026-03-01T12:00:01Z"]);
        let journal = br#"{"at":"2026-03-01T12:00:00Z","plane":"main"}"#;
        assert_eq!(time(journal, Stamp::Journal).map(|at| at.to_string()), Some("2026-03-01T12:00:00Z".to_owned()));
        Ok(())
    }

    #[test]
    fn a_file_that_says_no_times_is_as_late_as_its_last_write() -> Outcome {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("gateway.log");
        append(&path, "2026-03-01T12:00:00Z stamped\n  more of it\n")?;
        rotate(&path, 3)?;
        append(&path, "bare\n  more\n")?;
        let late: Timestamp = "2026-03-01T15:00:00Z".parse()?;
        fs::File::options().append(true).open(&path)?.set_modified(late.into())?;
        let mut source = source(&path)?;
        assert!(source.has_untimed()?);
        let mut times = Vec::new();
        while let Some(line) = source.next()? {
            times.push(line.when);
        }
        let at = When::At("2026-03-01T12:00:00Z".parse()?);
        assert_eq!(times, [at, at, When::By(late), When::By(late)]);
        // Goes by the file before it, as long as it is empty itself.
        rotate(&path, 3)?;
        append(&path, "")?;
        source.turn()?;
        assert!(source.next()?.is_none());
        append(&path, "new\n")?;
        assert!(matches!(source.next()?.ok_or("a line")?.when, When::By(_)));
        Ok(())
    }

    #[test]
    fn a_huge_line_comes_in_parts() -> Outcome {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("gateway.log");
        append(&path, &("x".repeat(5 << 19) + "\nend\n"))?;
        let mut source = source(&path)?;
        let mut parts = Vec::new();
        while let Some(line) = source.next()? {
            parts.push((line.bytes.len(), line.end));
        }
        assert_eq!(parts, [(1 << 20, End::Part), (1 << 20, End::Part), (1 << 19, End::Line), (3, End::Line)]);
        Ok(())
    }
}
