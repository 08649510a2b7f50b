//! The last lines of several logs: of those whose lines say their times together, of every other one by itself.
//!
//! A log without times is not cut for another's sake: nobody knows which of its lines are the later ones.

use std::collections::VecDeque;

use super::source::Line;
use super::times::When;

/// Keeps the last so many.
#[derive(Debug)]
pub struct Last {
    count: usize,
    seen: u64,
    /// First those that say their times, then each log's that do not.
    kept: Vec<VecDeque<(u64, usize, Line)>>,
}

impl Last {
    /// Of so many logs.
    pub fn new(count: u64, logs: usize) -> Self {
        let kept = (0..=logs).map(|_| VecDeque::new()).collect();
        Self { count: usize::try_from(count).unwrap_or(usize::MAX), seen: 0, kept }
    }

    /// One more line of the log with this number.
    pub fn push(&mut self, log: usize, line: Line) {
        let group = match line.when {
            When::At(_) => 0,
            When::By(_) => log + 1,
        };
        let kept = &mut self.kept[group];
        kept.push_back((self.seen, log, line));
        self.seen += 1;
        if kept.len() > self.count {
            kept.pop_front();
        }
    }

    /// What is left, in the order in which it came.
    pub fn into_lines(self) -> impl Iterator<Item = (usize, Line)> {
        let mut lines: Vec<_> = self.kept.into_iter().flatten().collect();
        lines.sort_by_key(|(number, _, _)| *number);
        lines.into_iter().map(|(_, log, line)| (log, line))
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::End;
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
}
