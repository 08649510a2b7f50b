//! Whose line may be written: lines of the two streams never mix.
//!
//! Complete lines pass in the order in which they come. Only a line too long to be held takes the floor until it ends, or
//! until too much of the other stream waits for it; one that pauses has it for as long as nobody else speaks. Touches no file
//! itself.

use std::time::SystemTime;

use memchr::memrchr;

use super::lines::Piece;
use super::page::Page;
use super::queue::Stream;

/// How much of one stream waits for the end of a long line of the other before that line is broken in two.
const PATIENCE: usize = 512 << 10;

/// Who may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Floor {
    /// Whoever has a line.
    Free,
    /// The stream whose long line is under way.
    Of(Stream),
    /// The stream whose line pauses: whoever speaks next may have it.
    Lent(Stream),
}

/// The page and its order of speakers.
#[derive(Debug)]
pub(super) struct Turns {
    /// Where the lines go.
    pub(super) page: Page,
    floor: Floor,
    /// What the stream without the floor has said meanwhile, and when it last did.
    waiting: Vec<u8>,
    waiting_at: SystemTime,
}

impl Turns {
    /// Nobody has the floor.
    pub(super) fn new(page: Page) -> Self {
        Self { page, floor: Floor::Free, waiting: Vec::new(), waiting_at: SystemTime::UNIX_EPOCH }
    }

    /// Takes a piece of `stream` that was complete at `at`.
    pub(super) fn piece(&mut self, stream: Stream, piece: Piece<'_>, at: SystemTime) {
        if self.floor == Floor::Lent(stream.other()) {
            self.interrupt();
        }
        match (self.floor, piece) {
            // A last piece without the floor: the line was broken, and this is the rest, if there is one.
            (Floor::Free, Piece::Last(b"\n")) => {}
            (Floor::Free, Piece::Lines(lines) | Piece::Last(lines)) => self.page.lines(lines, at),
            (Floor::Free, Piece::Part(part)) => {
                self.page.begin(part, at);
                self.floor = Floor::Of(stream);
            }
            (Floor::Of(holder) | Floor::Lent(holder), Piece::Part(part)) if holder == stream => {
                self.page.more(part, at)
            }
            (Floor::Of(holder) | Floor::Lent(holder), Piece::Last(last) | Piece::Lines(last)) if holder == stream => {
                self.page.more(last, at);
                self.pass_on();
            }
            (Floor::Of(_) | Floor::Lent(_), Piece::Lines(bytes) | Piece::Part(bytes) | Piece::Last(bytes)) => {
                self.waiting.extend_from_slice(bytes);
                self.waiting_at = at;
                if self.waiting.len() > PATIENCE {
                    self.interrupt();
                }
            }
        }
    }

    /// Takes the beginning of a line of `stream` that pauses. It is shown as far as it has come, and ends where the other stream
    /// goes on.
    pub(super) fn pause(&mut self, stream: Stream, begun: &[u8], at: SystemTime) {
        self.piece(stream, Piece::Part(begun), at);
        if self.floor == Floor::Of(stream) {
            self.floor = Floor::Lent(stream);
        }
    }

    /// A line of gateward's own: it waits for nobody.
    pub(super) fn note(&mut self, text: &str, at: SystemTime) {
        while self.floor != Floor::Free {
            self.interrupt();
        }
        self.page.note(text, at);
    }

    /// Breaks the long line that is under way.
    fn interrupt(&mut self) {
        self.page.more(b"\n", self.waiting_at);
        self.pass_on();
    }

    /// Lets the other stream say what it has waiting; the long line that this may end with has the floor next.
    fn pass_on(&mut self) {
        let (Floor::Of(holder) | Floor::Lent(holder)) = self.floor else { return };
        self.floor = Floor::Free;
        let waiting = std::mem::take(&mut self.waiting);
        let (lines, begun) = waiting.split_at(memrchr(b'\n', &waiting).map_or(0, |last| last + 1));
        if !lines.is_empty() {
            self.page.lines(lines, self.waiting_at);
        }
        if !begun.is_empty() {
            self.page.begin(begun, self.waiting_at);
            self.floor = Floor::Of(holder.other());
        }
    }
}
