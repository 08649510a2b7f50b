//! The main thread's side: reads what the gateway says and hands it to the writer, or, where there is no room, counts it.
//!
//! Never waits for the disk for longer than [`Patience`] allows, and gives way to the keeper's other tasks after every
//! stretch of a flood.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::net::unix::pipe::Receiver;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::loss::Lost;
use super::patience::Patience;
use super::queue::{CHUNK, COMFORT, Item, Queue, ROOM, Stream};
use super::tail::Tail;
use super::writer;
use crate::os::quiet;
use crate::plane::LogRules;

/// Chunks that are read before others have their turn.
const STRETCH: usize = 8;

/// Bytes that a pipe holds. More would be no faster, and an account other than root has only 64 MiB for all pipes of its planes.
pub(super) const PIPE: usize = 256 << 10;

/// A wait that is worth its while when the disk keeps up: it makes that memory is used again while it is in the cache.
const STUTTER: Duration = Duration::from_millis(2);

/// The writer's stack: it holds no buffers there.
const STACK: usize = 128 << 10;

/// One stream of one incarnation.
#[derive(Debug)]
pub(super) struct Source {
    stream: Stream,
    pipe: Receiver,
    state: Cell<State>,
}

/// How far a source has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// What came last was handed on.
    Heard,
    /// What came last was lost, to the end of a line.
    Missed,
    /// What came last was lost, and the rest of the line goes with it.
    Cut,
    /// Nothing comes any more.
    Ended,
}

/// What one read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    /// There may be more.
    Something,
    /// The pipe is empty now.
    Nothing,
    /// All who could write are gone.
    Ended,
}

/// Whether the queue takes a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Free,
    None,
}

impl Source {
    /// A source that reads from `pipe`.
    pub(super) fn new(stream: Stream, pipe: Receiver) -> Self {
        Self { stream, pipe, state: Cell::new(State::Heard) }
    }

    /// Whether all who could write are gone.
    pub(super) fn has_ended(&self) -> bool {
        self.state.get() == State::Ended
    }
}

/// What the queue shows of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disk {
    /// Little waits for it.
    KeepsUp,
    /// It makes a pause, or takes less than is said.
    Stutters,
}

/// What the main thread knows of the log.
#[derive(Debug)]
pub(super) struct Desk {
    /// The way to the writer.
    pub(super) queue: Arc<Queue>,
    /// The last words.
    pub(super) tail: RefCell<Tail>,
    buffer: RefCell<Vec<u8>>,
    patience: RefCell<Patience>,
    disk: Cell<Disk>,
    writer: Cell<Thread>,
    path: PathBuf,
    rules: LogRules,
}

/// Whether the writer was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thread {
    NotYet,
    Started,
}

impl Desk {
    /// A log at `path`, with nothing said yet.
    pub(super) fn new(path: PathBuf, rules: LogRules) -> Self {
        Self {
            queue: Arc::default(),
            tail: RefCell::default(),
            buffer: RefCell::default(),
            patience: RefCell::new(Patience::new()),
            disk: Cell::new(Disk::KeepsUp),
            writer: Cell::new(Thread::NotYet),
            path,
            rules,
        }
    }

    /// Hands `item` to the writer, which the first one starts.
    pub(super) fn push(&self, item: Item) {
        // Output may be followed by more at once; whoever reads it says when not.
        let waits_for_more = matches!(item, Item::Output(..));
        self.queue.push(item);
        if !waits_for_more {
            self.queue.wake();
        }
        if self.writer.get() == Thread::NotYet {
            let (queue, path, rules) = (Arc::clone(&self.queue), self.path.clone(), self.rules.clone());
            // Without a thread what was said waits in the queue, and the next word tries again.
            if quiet::thread("log", STACK, move || writer::run(&queue, path, &rules)).is_ok() {
                self.writer.set(Thread::Started);
            }
        }
    }

    /// The current file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a writer to wait for.
    pub(super) fn has_writer(&self) -> bool {
        self.writer.get() == Thread::Started
    }

    /// Reads `source` until it ends.
    pub(super) async fn listen(self: Rc<Self>, source: Rc<Source>) {
        loop {
            for _ in 0..STRETCH {
                // Fails only when the runtime is shutting down.
                let Ok(()) = source.pipe.readable().await else { return };
                let room = self.room().await;
                match self.read(&source, room, |buffer| source.pipe.try_read_buf(buffer)) {
                    Read::Something => {}
                    Read::Nothing => self.queue.wake(),
                    Read::Ended => return,
                }
            }
            self.queue.wake();
            yield_now().await;
        }
    }

    /// Reads what is in the pipe now without waiting for anything. Last words may go beyond the room that there is for others.
    pub(super) fn drain(&self, source: &Source) {
        for _ in 0..=PIPE / CHUNK {
            let room = if self.queue.has_room_for_last_words() { Room::Free } else { Room::None };
            // The runtime has not looked at the pipe since, so it is not asked.
            match self.read(source, room, |buffer| read_now(source.pipe.as_fd(), buffer)) {
                Read::Something => {}
                Read::Nothing | Read::Ended => break,
            }
        }
        self.queue.wake();
    }

    /// Ends `source`, whoever may still write there.
    pub(super) fn end(&self, source: &Source) {
        match source.state.replace(State::Ended) {
            State::Ended => {}
            State::Heard | State::Missed => self.push(Item::Ended(source.stream)),
            // Its newline would have counted it.
            State::Cut => self.push(Item::Lost(Lost { lines: 1, bytes: 0 })),
        }
    }

    /// Waits for room, within our patience.
    async fn room(&self) -> Room {
        if self.queue.is_below(COMFORT) {
            self.disk.set(Disk::KeepsUp);
            return Room::Free;
        }
        match self.disk.get() {
            Disk::KeepsUp => {
                if !self.is_drained(COMFORT, STUTTER).await {
                    self.disk.set(Disk::Stutters);
                }
                Room::Free
            }
            Disk::Stutters if self.queue.is_below(ROOM) => Room::Free,
            Disk::Stutters => {
                let left = self.patience.borrow_mut().left(self.queue.counts.written());
                let since = Instant::now();
                let is_drained = self.is_drained(ROOM, left).await;
                self.patience.borrow_mut().spend(since.elapsed());
                if is_drained { Room::Free } else { Room::None }
            }
        }
    }

    /// Waits up to `longest` until less than `most` bytes wait for the writer.
    async fn is_drained(&self, most: usize, longest: Duration) -> bool {
        let mut drained = pin!(self.queue.drained.notified());
        // From here on a word from the writer is not missed.
        drained.as_mut().enable();
        self.queue.is_below(most) || (!longest.is_zero() && timeout(longest, drained).await.is_ok())
    }

    /// Reads one chunk and hands it on, or counts it.
    fn read(&self, source: &Source, room: Room, read: impl FnOnce(&mut Vec<u8>) -> io::Result<usize>) -> Read {
        if source.has_ended() {
            return Read::Ended;
        }
        let mut buffer = self.buffer.borrow_mut();
        if buffer.capacity() < CHUNK {
            *buffer = self.queue.buffer();
        }
        buffer.clear();
        match read(&mut buffer) {
            Err(cause) if matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Read::Nothing,
            // A pipe that cannot be read will not become better.
            Ok(0) | Err(_) => {
                self.end(source);
                Read::Ended
            }
            Ok(_) => {
                self.tail.borrow_mut().push(source.stream, &buffer);
                self.hand_on(source, room, &mut buffer);
                Read::Something
            }
        }
    }

    /// Hands what was read to the writer, or counts it.
    fn hand_on(&self, source: &Source, room: Room, read: &mut Vec<u8>) {
        let lost = match (room, source.state.get()) {
            (Room::Free, State::Heard | State::Missed | State::Ended) => 0,
            (Room::Free, State::Cut) => memchr::memchr(b'\n', read).map_or(read.len(), |end| end + 1),
            (Room::None, State::Missed | State::Cut | State::Ended) => read.len(),
            (Room::None, State::Heard) => {
                self.push(Item::Cut(source.stream));
                read.len()
            }
        };
        if lost > 0 {
            self.push(Item::Lost(Lost::of(&read[..lost])));
            source.state.set(if read[lost - 1] == b'\n' { State::Missed } else { State::Cut });
        }
        if lost == read.len() {
            return;
        }
        source.state.set(State::Heard);
        // A little text does not hold a large buffer while it waits.
        let bytes =
            if read.len() - lost < CHUNK / 2 || lost > 0 { read[lost..].to_vec() } else { std::mem::take(read) };
        self.push(Item::Output(source.stream, SystemTime::now(), bytes));
    }
}

/// Reads what is there into the spare room of `buffer`.
fn read_now(pipe: BorrowedFd<'_>, buffer: &mut Vec<u8>) -> io::Result<usize> {
    Ok(rustix::io::retry_on_intr(|| rustix::io::read(pipe, rustix::buffer::spare_capacity(buffer)))?)
}
