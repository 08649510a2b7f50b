//! The writer: one thread that puts what it is told into the file, so that a disk that hangs holds up nobody but itself.
//!
//! Decides nothing about pipes or room: what reaches it is to be written.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::lines::{HOLD, Splitter};
use super::loss::Lost;
use super::page::Page;
use super::queue::{CHUNK, Item, Next, Queue, Stream};
use super::sink::Sink;
use super::turns::Turns;
use crate::plane::LogRules;

/// What the thread has in hand.
#[derive(Debug)]
struct Writer {
    stdout: Splitter,
    stderr: Splitter,
    turns: Turns,
    /// When the newest output was read.
    now: SystemTime,
}

/// Writes what comes through `queue` until it is closed.
pub(super) fn run(queue: &Arc<Queue>, path: PathBuf, rules: &LogRules) {
    let mut writer = Writer {
        stdout: Splitter::new(HOLD),
        stderr: Splitter::new(HOLD),
        turns: Turns::new(Page::new(Sink::new(path), Arc::clone(queue), rules)),
        now: SystemTime::UNIX_EPOCH,
    };
    let (mut hand, mut used) = (Vec::new(), Vec::new());
    while queue.take(&mut hand, &mut used) == Next::Write {
        for item in hand.drain(..) {
            used.extend(writer.item(item));
        }
        writer.turns.page.flush();
    }
    writer.end(Stream::Stdout);
    writer.end(Stream::Stderr);
    writer.turns.page.close();
    queue.closed();
}

impl Writer {
    /// Does what the item says; gives back a buffer that can be used again.
    fn item(&mut self, item: Item) -> Option<Vec<u8>> {
        match item {
            Item::Output(stream, at, mut bytes) => {
                self.now = at;
                let (splitter, turns) = self.of(stream);
                splitter.take(&bytes, |piece| turns.piece(stream, piece, at));
                bytes.clear();
                return (bytes.capacity() == CHUNK).then_some(bytes);
            }
            Item::Ended(stream) => self.end(stream),
            Item::Cut(stream) => {
                let bytes = self.of(stream).0.forget() as u64;
                self.turns.page.missed(Lost { lines: 0, bytes });
                self.end(stream);
            }
            Item::Lost(lost) => self.turns.page.missed(lost),
            Item::Note(at, text) => self.turns.note(&text, at),
            Item::Adopt(rules) => self.turns.page.adopt(&rules),
        }
        None
    }

    /// Ends the line that is under way in `stream`.
    fn end(&mut self, stream: Stream) {
        let now = self.now;
        let (splitter, turns) = self.of(stream);
        splitter.end(|piece| turns.piece(stream, piece, now));
    }

    fn of(&mut self, stream: Stream) -> (&mut Splitter, &mut Turns) {
        match stream {
            Stream::Stdout => (&mut self.stdout, &mut self.turns),
            Stream::Stderr => (&mut self.stderr, &mut self.turns),
        }
    }
}
