//! Puts complete lines, stamped where that is wanted, into few writes, and accounts for those that did not arrive.
//!
//! Knows nothing of streams or threads.

use std::sync::Arc;
use std::time::SystemTime;

use super::MARK;
use super::loss::{Lost, Trouble, Why};
use super::queue::Queue;
use super::sink::Sink;
use super::stamp::{Stamper, WIDTH, stamped};
use crate::plane::LogRules;

/// So many bytes make a write worth its while.
const BATCH: usize = 64 << 10;

/// From so many bytes on, lines that need no stamp are written from where they are.
const DIRECT: usize = 16 << 10;

/// A line up to this size is kept whole even in files that should be smaller; a longer one is broken when it is longer than a file.
const LONGEST: u64 = 16 << 20;

/// What happens to the rest of a long line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Long {
    /// There is none.
    None,
    /// It is written; so many bytes are.
    Written(u64),
    /// Its beginning was lost, so all of it is.
    Lost,
}

/// The lines that are on their way into the file.
#[derive(Debug)]
pub(super) struct Page {
    sink: Sink,
    queue: Arc<Queue>,
    stamper: Stamper,
    stamp: bool,
    longest: u64,
    out: Vec<u8>,
    long: Long,
    gap: Option<(Lost, Why)>,
    /// The time of the newest line, for the lines that say a gap.
    now: SystemTime,
}

impl Page {
    /// Nothing on its way.
    pub(super) fn new(sink: Sink, queue: Arc<Queue>, rules: &LogRules) -> Self {
        let mut page = Self {
            sink,
            queue,
            stamper: Stamper::new(),
            stamp: rules.stamp,
            longest: LONGEST,
            out: Vec::new(),
            long: Long::None,
            gap: None,
            now: SystemTime::UNIX_EPOCH,
        };
        page.adopt(rules);
        page
    }

    /// Goes by `rules` from the next line on.
    pub(super) fn adopt(&mut self, rules: &LogRules) {
        self.flush();
        self.stamp = rules.stamp;
        self.longest = rules.max_size.max(LONGEST);
        self.sink.adopt(rules.max_size, rules.keep);
    }

    /// Takes complete lines that were read at `at`.
    pub(super) fn lines(&mut self, mut lines: &[u8], at: SystemTime) {
        self.now = at;
        if self.stamp {
            while !lines.is_empty() {
                lines = stamped(lines, self.stamper.at(at), &mut self.out, BATCH);
                self.flush_from(BATCH);
            }
        } else if lines.len() >= DIRECT {
            self.flush_from(1);
            self.put(lines);
        } else {
            self.out.extend_from_slice(lines);
            self.flush_from(BATCH);
        }
    }

    /// Takes a line of gateward's own.
    pub(super) fn note(&mut self, text: &str, at: SystemTime) {
        let mut line = String::with_capacity(text.len() + 16);
        for text in text.lines() {
            line.push_str(MARK);
            line.push_str(text);
            line.push('\n');
        }
        self.lines(line.as_bytes(), at);
    }

    /// Begins a line that is too long to be taken whole.
    pub(super) fn begin(&mut self, part: &[u8], at: SystemTime) {
        self.now = at;
        self.flush_from(1);
        self.say_gap();
        let mut first = Vec::new();
        if self.stamp {
            first.extend_from_slice(self.stamper.at(at));
        }
        // One write, so that no stamp stands alone.
        first.extend_from_slice(part);
        match self.sink.begin(&first) {
            Ok(()) => {
                self.long = Long::Written(part.len() as u64);
                self.wrote(first.len());
            }
            Err(trouble) => {
                self.long = Long::Lost;
                self.lose(Lost { lines: 0, bytes: part.len() as u64 }, trouble);
            }
        }
    }

    /// Goes on with that line; a newline at the end of `part` ends it.
    pub(super) fn more(&mut self, part: &[u8], at: SystemTime) {
        let lines = u64::from(part.ends_with(b"\n"));
        match self.long {
            Long::Written(before) if before >= self.longest && lines == 0 => {
                self.more(b"\n", at);
                self.begin(part, at);
            }
            Long::Written(before) => match self.sink.more(part) {
                Ok(()) => {
                    self.long = Long::Written(before + part.len() as u64);
                    self.wrote(part.len());
                }
                Err(trouble) => {
                    self.long = Long::Lost;
                    self.lose(Lost { lines, bytes: before + part.len() as u64 }, trouble);
                }
            },
            Long::None | Long::Lost => {
                let lost = Lost { lines, bytes: part.len() as u64 };
                self.queue.counts.lose(lost);
                if let Some((gap, _)) = &mut self.gap {
                    *gap = gap.and(lost);
                }
            }
        }
        if lines > 0 {
            self.long = Long::None;
        }
    }

    /// Takes note of output that was lost on its way here, since there was no room for it.
    pub(super) fn missed(&mut self, lost: Lost) {
        self.flush_from(1);
        self.queue.counts.lose(lost);
        self.add_to_gap(lost, Why::Slow);
    }

    /// Writes what is on its way, and the gap before it.
    pub(super) fn flush(&mut self) {
        self.flush_from(1);
        // A gap that the disk made waits for the next line: right after a failure another one is all there is to be had.
        // Nor is it said within a line.
        if let (Some((_, Why::Slow)), Long::None) = (self.gap, self.long) {
            self.say_gap();
        }
        self.out.shrink_to(2 * BATCH);
    }

    /// As `flush`, and says every gap: nothing comes any more.
    pub(super) fn close(&mut self) {
        self.flush();
        self.say_gap();
    }

    fn flush_from(&mut self, enough: usize) {
        if self.out.len() >= enough {
            let mut out = std::mem::take(&mut self.out);
            self.put(&out);
            out.clear();
            self.out = out;
        }
    }

    /// Writes complete lines, after the gap that is before them.
    fn put(&mut self, lines: &[u8]) {
        if self.gap.is_some() {
            self.say_gap();
        }
        match self.sink.lines(lines) {
            Ok(()) => self.wrote(lines.len()),
            Err(stopped) => {
                self.queue.counts.write(stopped.kept);
                let mut lost = Lost::of(&lines[stopped.kept..]);
                if self.stamp {
                    lost.bytes -= lost.lines * WIDTH as u64;
                }
                self.lose(lost, stopped.trouble);
            }
        }
    }

    fn say_gap(&mut self) {
        let Some((lost, why)) = self.gap else { return };
        let mut line = Vec::new();
        if self.stamp {
            line.extend_from_slice(self.stamper.at(self.now));
        }
        line.extend_from_slice(format!("{MARK}{lost}: {why}\n").as_bytes());
        if self.sink.lines(&line).is_ok() {
            self.gap = None;
            self.wrote(line.len());
        }
    }

    fn wrote(&mut self, bytes: usize) {
        self.queue.counts.write(bytes);
        self.queue.counts.set_trouble(self.sink.grows);
    }

    fn lose(&mut self, lost: Lost, trouble: Trouble) {
        // The reason first: who sees the loss asks for it next.
        self.queue.counts.set_trouble(Some(trouble));
        self.queue.counts.lose(lost);
        self.add_to_gap(lost, Why::Trouble(trouble));
    }

    fn add_to_gap(&mut self, lost: Lost, why: Why) {
        let (before, why) = self.gap.unwrap_or((Lost::NONE, why));
        self.gap = Some((before.and(lost), why));
    }
}
