//! The writer: one thread that puts what it is told into the file, so that a disk that hangs holds up nobody but itself.
//!
//! Decides nothing about pipes or room: what reaches it is to be written.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::lines::{HOLD, Holds, Piece, Splitter};
use super::loss::Lost;
use super::page::Page;
use super::queue::{CHUNK, Item, Next, Queue, Stream};
use super::sink::Sink;
use super::turns::Turns;
use crate::plane::LogRules;

/// So long the beginning of a line waits for its end before it is written without: a question that is asked on it, say.
const PAUSE: Duration = Duration::from_secs(1);

/// One stream on its way to lines.
#[derive(Debug)]
struct Under {
    splitter: Splitter,
    /// Since when the beginning of a line waits for its end.
    since: Option<Instant>,
}

impl Under {
    fn new() -> Self {
        Self { splitter: Splitter::new(HOLD), since: None }
    }

    /// Takes note of what is held after a chunk in which a line `begun`, or none did.
    fn note(&mut self, begun: bool) {
        self.since = match (self.splitter.holds(), self.since) {
            (Holds::Nothing, _) => None,
            (Holds::Something, Some(since)) if !begun => Some(since),
            (Holds::Something, _) => Some(Instant::now()),
        };
    }
}

/// What the thread has in hand.
#[derive(Debug)]
struct Writer {
    stdout: Under,
    stderr: Under,
    turns: Turns,
    /// When the newest output was read.
    now: SystemTime,
}

/// Writes what comes through `queue` until it is closed.
pub(super) fn run(queue: &Arc<Queue>, path: PathBuf, rules: &LogRules) {
    let mut writer = Writer {
        stdout: Under::new(),
        stderr: Under::new(),
        turns: Turns::new(Page::new(Sink::new(path), Arc::clone(queue), rules)),
        now: SystemTime::UNIX_EPOCH,
    };
    let (mut hand, mut used) = (Vec::new(), Vec::new());
    loop {
        match queue.take(&mut hand, &mut used, writer.pauses_at()) {
            Next::Write => {
                for item in hand.drain(..) {
                    used.extend(writer.item(item));
                }
            }
            Next::Quiet => writer.pause(PAUSE),
            Next::End => break,
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
                let begun = memchr::memrchr(b'\n', &bytes).is_some();
                let (under, turns) = self.of(stream);
                under.splitter.take(&bytes, |piece| turns.piece(stream, piece, at));
                under.note(begun);
                bytes.clear();
                return (bytes.capacity() == CHUNK).then_some(bytes);
            }
            Item::Ended(stream) => self.end(stream),
            Item::Cut(stream) => {
                let bytes = self.of(stream).0.splitter.forget() as u64;
                self.turns.page.missed(Lost { lines: 0, bytes });
                self.end(stream);
            }
            Item::Lost(lost) => self.turns.page.missed(lost),
            Item::Note(at, text) => {
                // What was begun before comes before it.
                self.pause(Duration::ZERO);
                self.turns.note(&text, at);
            }
            Item::Adopt(rules) => self.turns.page.adopt(&rules),
        }
        None
    }

    /// When the beginning of a line will have waited for long enough.
    fn pauses_at(&self) -> Option<Instant> {
        let since = [self.stdout.since, self.stderr.since].into_iter().flatten().min()?;
        since.checked_add(PAUSE)
    }

    /// Writes the beginnings of lines that have waited for so long.
    fn pause(&mut self, waited: Duration) {
        let now = self.now;
        for stream in [Stream::Stdout, Stream::Stderr] {
            let (under, turns) = self.of(stream);
            if under.since.is_some_and(|since| since.elapsed() >= waited) {
                under.splitter.pass_on(|piece| match piece {
                    Piece::Part(begun) => turns.pause(stream, begun, now),
                    Piece::Lines(_) | Piece::Last(_) => turns.piece(stream, piece, now),
                });
                under.since = None;
            }
        }
    }

    /// Ends the line that is under way in `stream`.
    fn end(&mut self, stream: Stream) {
        let now = self.now;
        let (under, turns) = self.of(stream);
        under.splitter.end(|piece| turns.piece(stream, piece, now));
        under.since = None;
    }

    fn of(&mut self, stream: Stream) -> (&mut Under, &mut Turns) {
        match stream {
            Stream::Stdout => (&mut self.stdout, &mut self.turns),
            Stream::Stderr => (&mut self.stderr, &mut self.turns),
        }
    }
}
