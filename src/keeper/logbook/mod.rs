//! The gateway's captured output: two pipes, read by the keeper, written by one thread into rotated files.
//!
//! A disk that is full, slow, read-only or gone never stops the gateway and never fails the keeper: lines are dropped,
//! counted, and the gap is written when writing works again. No line of a healthy disk is lost, split or mixed with another.
//!
//! ```text
//! gateway ─pipe─▶ desk (main thread) ─queue─▶ writer thread: lines ─▶ turns ─▶ page (stamps) ─▶ sink ─▶ gateway.log
//! ```

#![allow(
    clippy::disallowed_methods,
    reason = "lines are stamped as they come, and a full disk may hold the gateway up for so long only"
)]

mod desk;
mod lines;
mod loss;
mod page;
mod patience;
mod queue;
mod sink;
mod stamp;
mod tail;
mod turns;
mod writer;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use tokio::net::unix::pipe::Receiver;
use tokio::task::{AbortHandle, spawn_local};

pub use loss::Lost;
pub use queue::Closed;

use crate::os::pipe::capture;
use crate::plane::LogRules;
use crate::rundir::GATEWAY_LOG;
use desk::{Desk, PIPE, Source};
use queue::{Item, Stream};

/// What begins each line of gateward's own, after the stamp.
pub const MARK: &str = "gateward: ";

/// Whether more output can come from the present incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// All who could write are gone: this was all.
    All,
    /// Somebody still holds a pipe open: a descendant lives.
    SoFar,
}

/// The log of one plane, across its incarnations. Belongs to the keeper's main thread.
#[derive(Debug)]
pub struct Logbook {
    desk: Rc<Desk>,
    sources: RefCell<Vec<(Rc<Source>, AbortHandle)>>,
}

impl Logbook {
    /// The log in `folder`; nothing is made there before there is something to write.
    pub fn open(folder: &Path, rules: LogRules) -> Self {
        Self { desk: Rc::new(Desk::new(folder.join(GATEWAY_LOG), rules)), sources: RefCell::default() }
    }

    /// Goes by other rules from the next line on.
    pub fn adopt(&self, rules: LogRules) {
        self.desk.push(Item::Adopt(rules));
    }

    /// Makes the pipes of a new incarnation: its stdout and its stderr, to be closed here once it has them. What the one before
    /// has said is read to its end first; whoever still writes there from now on finds the pipe broken.
    ///
    /// To be called within a `LocalSet`, which reads them.
    pub fn attach(&self) -> io::Result<(OwnedFd, OwnedFd)> {
        self.drain();
        let (stdout, stderr) = (capture(PIPE)?, capture(PIPE)?);
        let sources = [(Stream::Stdout, stdout.read), (Stream::Stderr, stderr.read)]
            .map(|(stream, read)| io::Result::Ok(Rc::new(Source::new(stream, Receiver::from_owned_fd(read)?))));
        let [out, err] = sources;
        let (out, err) = (out?, err?);
        for (source, task) in self.sources.take() {
            self.desk.end(&source);
            task.abort();
        }
        self.desk.tail.borrow_mut().clear();
        let listen = |source: Rc<Source>| {
            let task = spawn_local(Rc::clone(&self.desk).listen(Rc::clone(&source)));
            (source, task.abort_handle())
        };
        *self.sources.borrow_mut() = vec![listen(out), listen(err)];
        Ok((stdout.write, stderr.write))
    }

    /// Reads all that is in the pipes now: after the gateway's exit, all that it has said.
    pub fn drain(&self) -> Heard {
        let sources = self.sources.borrow();
        for (source, _) in &*sources {
            self.desk.drain(source);
        }
        if sources.iter().all(|(source, _)| source.has_ended()) { Heard::All } else { Heard::SoFar }
    }

    /// Whether all who could write are gone: a living gateway that gave up both its streams.
    pub fn is_closed(&self) -> bool {
        let sources = self.sources.borrow();
        !sources.is_empty() && sources.iter().all(|(source, _)| source.has_ended())
    }

    /// The last 8 KiB of what the present incarnation has said, stdout and stderr as they came.
    pub fn tail(&self) -> String {
        self.desk.tail.borrow().text()
    }

    /// Writes a line of gateward's own, marked with [`MARK`].
    pub fn note(&self, text: &str) {
        let item = if self.desk.queue.has_room_for_last_words() {
            Item::Note(SystemTime::now(), text.to_owned())
        } else {
            Item::Lost(Lost { lines: 1, bytes: text.len() as u64 })
        };
        self.desk.push(item);
    }

    /// What was lost since the log was opened.
    pub fn lost(&self) -> Lost {
        self.desk.queue.counts.lost()
    }

    /// What is wrong with the log now, in words; `None` while it is written.
    pub fn trouble(&self) -> Option<String> {
        let trouble = self.desk.queue.counts.trouble()?;
        Some(format!("{}: {trouble}", self.desk.path().display()))
    }

    /// Reads what is in the pipes, has all of it written, and ends the writer; gives up after `budget`. Nothing said afterwards
    /// is written.
    pub fn close(&self, budget: Duration) -> Closed {
        self.drain();
        for (source, task) in self.sources.take() {
            self.desk.end(&source);
            task.abort();
        }
        if self.desk.has_writer() { self.desk.queue.close(budget) } else { Closed::Flushed }
    }
}
