//! Several logs as one, by time.
//!
//! Keeps the lines of one log in their order whatever their times say: a clock may jump, a log does not. Lines that say no
//! time stand where their file was last written, which is the latest that they can be.

use std::io;

use super::source::{End, Line, Source};

/// Logs being merged.
#[derive(Debug)]
pub struct Merge {
    sources: Vec<Source>,
    /// The next line of each, when it has been read already.
    next: Vec<Option<Line>>,
    /// The source in the middle of a long line.
    held: Option<usize>,
}

impl Merge {
    /// Of these.
    pub fn new(sources: Vec<Source>) -> Self {
        let next = sources.iter().map(|_| None).collect();
        Self { sources, next, held: None }
    }

    /// The logs.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The logs, to be turned.
    pub fn sources_mut(&mut self) -> &mut [Source] {
        &mut self.sources
    }

    /// The oldest line that is there, and the number of its source.
    pub fn next(&mut self) -> io::Result<Option<(usize, Line)>> {
        for (source, next) in self.sources.iter_mut().zip(&mut self.next) {
            if next.is_none() {
                *next = source.next()?;
            }
        }
        let oldest = || {
            let there = self
                .next
                .iter()
                .enumerate()
                .filter_map(|(at, line)| line.as_ref().map(|line| (line.when.latest(), at)));
            there.min().map(|(_, at)| at)
        };
        let Some(at) = self.held.filter(|at| self.next[*at].is_some()).or_else(oldest) else { return Ok(None) };
        let Some(line) = self.next[at].take() else { return Ok(None) };
        self.held = (line.end == End::Part).then_some(at);
        Ok(Some((at, line)))
    }

    /// What is left without a newline: of all, as nothing more is to come.
    pub fn rest(&mut self) -> Vec<(usize, Line)> {
        let sources = self.sources.iter_mut().enumerate();
        sources.filter_map(|(at, source)| source.rest(End::Open).map(|line| (at, line))).collect()
    }

    /// How much there is of lines that have no end yet.
    pub fn rest_size(&self) -> usize {
        self.sources.iter().map(Source::rest_size).sum()
    }

    /// What there is of lines that have no end yet, and will be gone on with.
    pub fn begun(&mut self) -> Vec<(usize, Line)> {
        let sources = self.sources.iter_mut().enumerate();
        let begun: Vec<_> = sources.filter_map(|(at, source)| source.rest(End::Part).map(|line| (at, line))).collect();
        self.held = begun.last().map(|(at, _)| *at).or(self.held);
        begun
    }
}

#[cfg(test)]
mod tests {
    use super::super::times::Stamp;
    use super::*;

    #[test]
    fn lines_come_by_time_and_each_log_in_its_own_order() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let write = |name: &str, text: &str| -> Result<Source, Box<dyn std::error::Error>> {
            let path = folder.path().join(name);
            std::fs::write(&path, text)?;
            Ok(Source::open(name.to_owned(), &path, Stamp::FirstWord, None)?)
        };
        let main =
            write("main", "2026-03-01T12:00:01Z a\n more of a\n2026-03-01T12:00:04Z b\n2026-03-01T12:00:00Z back\n")?;
        let rescue = write("rescue", "2026-03-01T12:00:02Z c\n2026-03-01T12:00:05Z d\n")?;
        let mut merge = Merge::new(vec![main, rescue]);
        let mut order = Vec::new();
        while let Some((at, line)) = merge.next()? {
            order.push((at, String::from_utf8(line.bytes)?.split(' ').next_back().unwrap_or_default().to_owned()));
        }
        let words: Vec<(usize, &str)> = order.iter().map(|(at, word)| (*at, word.as_str())).collect();
        assert_eq!(words, [(0, "a"), (0, "a"), (1, "c"), (0, "b"), (0, "back"), (1, "d")]);
        Ok(())
    }
}
