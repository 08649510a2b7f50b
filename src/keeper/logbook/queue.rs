//! Carries output from the keeper's main thread to the writer: in order, bounded, and without a wake-up while nothing is said.
//!
//! The lock is held for moving pointers only, never across a system call other than a wake-up, so neither side can keep the
//! other waiting.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;

use super::loss::{Counts, Lost};
use crate::os::memory::give_back;
use crate::plane::LogRules;

/// Bytes that may wait for a disk that stutters.
pub(super) const ROOM: usize = 8 << 20;

/// Bytes that wait for a disk that works: as few as fit into a processor's cache, or each byte is fetched from memory twice.
pub(super) const COMFORT: usize = 1 << 20;

/// Bytes beyond that for what is said once: last words, and gateward's own notes.
const MORE_ROOM: usize = 4 << 20;

/// Bytes that the writer takes at a time; what it has in hand no longer counts as waiting.
const HANDFUL: usize = 256 << 10;

/// Bytes that are worth a wake-up while more are being read.
const WORTH_WAKING: usize = 128 << 10;

/// What a waiting item costs beside its bytes.
const OVERHEAD: usize = 128;

/// The size of a read, and of the buffers that go round.
pub(super) const CHUNK: usize = 128 << 10;

/// Buffers that go round while the disk keeps up; more are left over from a stutter.
const SPARE: usize = 4;

/// One of the two streams of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// The other one.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Stdout => Self::Stderr,
            Self::Stderr => Self::Stdout,
        }
    }
}

/// What the main thread tells the writer.
#[derive(Debug)]
pub(super) enum Item {
    /// A chunk of a stream, and when it was read.
    Output(Stream, SystemTime, Vec<u8>),
    /// The stream has ended, or what comes next belongs to another process: a line under way is over.
    Ended(Stream),
    /// The rest of the line under way will not come: it is lost.
    Cut(Stream),
    /// Output that found no room here.
    Lost(Lost),
    /// A line of gateward's own.
    Note(SystemTime, String),
    /// New rules.
    Adopt(LogRules),
}

impl Item {
    fn cost(&self) -> usize {
        OVERHEAD
            + match self {
                Self::Output(_, _, bytes) => bytes.capacity(),
                Self::Note(_, text) => text.capacity(),
                Self::Ended(_) | Self::Cut(_) | Self::Lost(_) | Self::Adopt(_) => 0,
            }
    }
}

/// What the writer is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Write what was taken.
    Write,
    /// Nothing came until the given moment.
    Quiet,
    /// Nothing will come any more: end.
    End,
}

/// Whether everything was written when the time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// All that was taken is in the files or counted as lost.
    Flushed,
    /// The disk hangs; the writer is left to it.
    Abandoned,
}

#[derive(Debug, Default)]
struct Inner {
    items: VecDeque<Item>,
    cost: usize,
    spare: Vec<Vec<u8>>,
    writer_waits: bool,
    /// The reader waits for so little to be left.
    reader_waits: Option<usize>,
    closing: bool,
    closed: bool,
}

/// The way from the main thread to the writer.
#[derive(Debug, Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    filled: Condvar,
    over: Condvar,
    /// Tells the main thread that there is room again.
    pub(super) drained: Notify,
    /// What the writer tells.
    pub(super) counts: Counts,
}

impl Queue {
    /// Whether less than `most` bytes wait; when not, `drained` will tell.
    pub(super) fn is_below(&self, most: usize) -> bool {
        let mut inner = self.lock();
        let is_below = inner.cost < most;
        if !is_below {
            inner.reader_waits = inner.reader_waits.max(Some(most - HANDFUL));
        }
        is_below
    }

    /// Whether something that is said only once may be put in.
    pub(super) fn has_room_for_last_words(&self) -> bool {
        self.lock().cost < ROOM + MORE_ROOM
    }

    /// Puts an item in; a little is written when more follows or [`Self::wake`] is called. Room is asked for beforehand, so that
    /// what was read always has a place.
    pub(super) fn push(&self, item: Item) {
        let mut inner = self.lock();
        match (&item, inner.items.back_mut()) {
            (Item::Lost(more), Some(Item::Lost(lost))) => *lost = lost.and(*more),
            (Item::Output(..) | Item::Ended(_) | Item::Cut(_) | Item::Lost(_) | Item::Note(..) | Item::Adopt(_), _) => {
                inner.cost += item.cost();
                inner.items.push_back(item);
            }
        }
        self.wake_for(inner, WORTH_WAKING);
    }

    /// Has what is in here written, however little it is.
    pub(super) fn wake(&self) {
        self.wake_for(self.lock(), 1);
    }

    /// An empty buffer of [`CHUNK`] bytes.
    pub(super) fn buffer(&self) -> Vec<u8> {
        let spare = self.lock().spare.pop();
        spare.unwrap_or_else(|| Vec::with_capacity(CHUNK))
    }

    /// Waits for items, until `until` if that is given, and moves a handful of them into `hand`; takes back the buffers in `used`.
    pub(super) fn take(&self, hand: &mut Vec<Item>, used: &mut Vec<Vec<u8>>, until: Option<Instant>) -> Next {
        let mut inner = self.lock();
        inner.spare.append(used);
        while inner.items.is_empty() {
            if inner.closing {
                return Next::End;
            }
            if inner.spare.len() > SPARE {
                inner.spare.truncate(1);
                drop(inner);
                give_back();
                inner = self.lock();
                continue;
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                inner.writer_waits = false;
                return Next::Quiet;
            }
            inner.writer_waits = true;
            inner = match left {
                None => self.filled.wait(inner).unwrap_or_else(PoisonError::into_inner),
                Some(left) => self.filled.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        let mut taken = 0;
        while taken < HANDFUL {
            let Some(item) = inner.items.pop_front() else { break };
            taken += item.cost();
            hand.push(item);
        }
        inner.cost -= taken;
        let left = inner.cost;
        let wake = inner.reader_waits.take_if(|least| left <= *least).is_some();
        drop(inner);
        if wake {
            self.drained.notify_waiters();
        }
        Next::Write
    }

    /// Tells the writer to end once all is written, and waits for that.
    pub(super) fn close(&self, budget: Duration) -> Closed {
        let mut inner = self.lock();
        inner.closing = true;
        inner.writer_waits = false;
        self.filled.notify_one();
        let waited = self.over.wait_timeout_while(inner, budget, |inner| !inner.closed);
        let (inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if inner.closed { Closed::Flushed } else { Closed::Abandoned }
    }

    /// The writer has ended.
    pub(super) fn closed(&self) {
        self.lock().closed = true;
        self.over.notify_all();
    }

    fn wake_for(&self, mut inner: MutexGuard<'_, Inner>, least: usize) {
        let wake = inner.writer_waits && inner.cost >= least;
        inner.writer_waits &= !wake;
        drop(inner);
        if wake {
            self.filled.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here can be left half done by a panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
