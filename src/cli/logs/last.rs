//! The last lines of several logs: of those whose lines say their times together, of every other one by itself.
//!
//! A log without times is not cut for another's sake: nobody knows which of its lines are the later ones.

use std::collections::VecDeque;

use super::source::{End, Line};
use super::times::When;

/// Keeps the last so many.
#[derive(Debug)]
pub struct Last {
    count: usize,
    seen: u64,
    /// First those that say their times, then each log's that do not.
    kept: Vec<VecDeque<Entry>>,
    /// In which group each log's line is that has not ended yet.
    begun: Vec<Option<usize>>,
}

/// A line with all of its parts, as the number so many that was seen of the log so many.
type Entry = (u64, usize, Vec<Line>);

impl Last {
    /// Of so many logs.
    pub fn new(count: u64, logs: usize) -> Self {
        let kept = (0..=logs).map(|_| VecDeque::new()).collect();
        Self { count: usize::try_from(count).unwrap_or(usize::MAX), seen: 0, kept, begun: vec![None; logs] }
    }

    /// One more line of the log with this number, or the next part of one.
    pub fn push(&mut self, log: usize, line: Line) {
        let goes_on = line.end == End::Part;
        let begun = if goes_on { self.begun[log] } else { self.begun[log].take() };
        if let Some(group) = begun {
            // Its beginning may have been one too many already.
            if let Some((_, _, parts)) = self.kept[group].iter_mut().rev().find(|(_, of, _)| *of == log) {
                parts.push(line);
            }
            return;
        }
        let group = match line.when {
            When::At(_) => 0,
            When::By(_) => log + 1,
        };
        self.begun[log] = goes_on.then_some(group);
        let kept = &mut self.kept[group];
        kept.push_back((self.seen, log, vec![line]));
        self.seen += 1;
        if kept.len() > self.count {
            kept.pop_front();
        }
    }

    /// What is left, in the order in which it came.
    pub fn into_lines(self) -> impl Iterator<Item = (usize, Line)> {
        let mut lines: Vec<_> = self.kept.into_iter().flatten().collect();
        lines.sort_by_key(|(number, _, _)| *number);
        lines.into_iter().flat_map(|(_, log, parts)| parts.into_iter().map(move |part| (log, part)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_without_times_keeps_its_own_last_lines() {
        let line = |text: &str, when| Line { when, bytes: text.as_bytes().to_vec(), end: End::Line };
        let early = "2026-03-01T12:00:00Z".parse().expect("a time");
        let mut last = Last::new(2, 3);
        for (log, text) in [(0, "a"), (1, "b"), (0, "c"), (1, "d")] {
            last.push(log, line(text, When::At(early)));
        }
        for text in ["x", "y", "z"] {
            last.push(2, line(text, When::By(early)));
        }
        let left: Vec<_> = last.into_lines().map(|(log, line)| (log, String::from_utf8(line.bytes))).collect();
        let text = |text: &str| Ok(text.to_owned());
        assert_eq!(left, [(0, text("c")), (1, text("d")), (2, text("y")), (2, text("z"))]);
    }

    #[test]
    fn a_line_in_parts_is_one_line() {
        let at = When::At("2026-03-01T12:00:00Z".parse().expect("a time"));
        let mut last = Last::new(2, 2);
        let mut push =
            |log: usize, text: &str, end| last.push(log, Line { when: at, bytes: text.as_bytes().to_vec(), end });
        push(0, "early", End::Line);
        push(0, "long ", End::Part);
        push(0, "and ", End::Part);
        push(1, "other", End::Line);
        push(0, "wide", End::Line);
        let left: Vec<_> = last.into_lines().map(|(log, line)| (log, String::from_utf8(line.bytes))).collect();
        let part = |log: usize, text: &str| (log, Ok(text.to_owned()));
        assert_eq!(left, [part(0, "long "), part(0, "and "), part(0, "wide"), part(1, "other")]);
    }
}
