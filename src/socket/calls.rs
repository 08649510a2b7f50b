//! The asking side without a runtime: many conversations at once, one poll over all of them.
//!
//! Starts no thread and waits only in [`Calls::next`], up to the instant that it is given.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::call_error::{CallError, CallFailure};
use super::caller::{BACKLOG_FULL, dial};
use super::frame::{Frames, read_answer, write_request};
use crate::wire::{Answer, Request};

/// Names one conversation of a [`Calls`]; they count from 0 in the order they were placed.
pub type CallId = usize;

/// Conversations in progress.
#[derive(Debug, Default)]
pub struct Calls {
    calls: Vec<Call>,
}

/// What came of waiting.
#[derive(Debug)]
pub enum Next {
    /// One conversation has an answer, or has failed and is over.
    Answer(CallId, Result<Answer, CallError>),
    /// The descriptor given to wake us is readable.
    Woken,
    /// The instant has come.
    Late,
    /// Every conversation is over.
    Over,
}

#[derive(Debug)]
struct Call {
    path: PathBuf,
    line: Line,
    frames: Frames,
    /// What is still to be sent.
    unsent: Vec<u8>,
}

#[derive(Debug)]
enum Line {
    /// Not connected: to be tried (again).
    Dialing,
    Open(UnixStream),
    /// It failed before or while the request was sent; told by the next `next`.
    Failed(CallError),
    Over,
}

impl Calls {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a conversation with a request; whatever goes wrong is told by [`Calls::next`].
    pub fn place(&mut self, path: &Path, request: &Request) -> CallId {
        let mut call =
            Call { path: path.to_owned(), line: Line::Dialing, frames: Frames::default(), unsent: Vec::new() };
        match write_request(request) {
            Ok(frame) => {
                call.unsent = frame;
                call.go_on();
            }
            Err(error) => call.line = Line::Failed(CallError::frame(path, error)),
        }
        self.calls.push(call);
        self.calls.len() - 1
    }

    /// Sends a further request within a conversation.
    pub fn ask_again(&mut self, id: CallId, request: &Request) {
        let Some(call) = self.calls.get_mut(id) else { return };
        match write_request(request) {
            Ok(frame) => {
                call.unsent.extend(frame);
                call.go_on();
            }
            Err(error) => call.line = Line::Failed(CallError::frame(&call.path, error)),
        }
    }

    /// Ends one conversation.
    pub fn hang_up(&mut self, id: CallId) {
        if let Some(call) = self.calls.get_mut(id) {
            call.line = Line::Over;
        }
    }

    /// Fails every conversation that goes on, as too late; they are then told one by one.
    pub fn give_up(&mut self) {
        for call in &mut self.calls {
            match call.line {
                Line::Dialing | Line::Open(_) => {
                    call.line = Line::Failed(CallError::new(&call.path, CallFailure::Late))
                }
                Line::Failed(_) | Line::Over => {}
            }
        }
    }

    /// Waits for the next answer of any conversation, until `until` (for ever without), or until `wake` can be read.
    pub fn next(&mut self, until: Option<Instant>, wake: Option<BorrowedFd<'_>>) -> io::Result<Next> {
        loop {
            for (id, call) in self.calls.iter_mut().enumerate() {
                if let Some(answer) = call.told() {
                    return Ok(Next::Answer(id, answer));
                }
            }
            if self.calls.iter().all(|call| matches!(call.line, Line::Over)) {
                return Ok(Next::Over);
            }
            let now = Instant::now();
            if until.is_some_and(|until| until <= now) {
                return Ok(Next::Late);
            }
            if self.wait(until.map(|until| until - now), wake)? {
                return Ok(Next::Woken);
            }
        }
    }

    /// Waits for any descriptor to be ready and goes on with all; gives whether `wake` is.
    fn wait(&mut self, budget: Option<Duration>, wake: Option<BorrowedFd<'_>>) -> io::Result<bool> {
        let dialing = self.calls.iter().any(|call| matches!(call.line, Line::Dialing));
        let budget = if dialing { Some(budget.map_or(BACKLOG_FULL, |left| left.min(BACKLOG_FULL))) } else { budget };
        let mut fds: Vec<PollFd<'_>> = wake.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
        let woken_by = fds.len();
        let mut polled = Vec::with_capacity(self.calls.len());
        for (id, call) in self.calls.iter().enumerate() {
            if let Line::Open(stream) = &call.line {
                let flags = if call.unsent.is_empty() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
                fds.push(PollFd::from_borrowed_fd(stream.as_fd(), flags));
                polled.push(id);
            }
        }
        let budget = budget.map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        });
        match poll(&mut fds, budget.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let woken = fds[..woken_by].iter().any(|fd| !fd.revents().is_empty());
        // Only those with news: with many calls, trying all at every wake would grow with their square.
        let ready = fds[woken_by..].iter().zip(polled).filter(|(fd, _)| !fd.revents().is_empty());
        let ready: Vec<CallId> = ready.map(|(_, id)| id).collect();
        drop(fds);
        for id in ready {
            self.calls[id].go_on();
        }
        for call in self.calls.iter_mut().filter(|call| matches!(call.line, Line::Dialing)) {
            call.go_on();
        }
        Ok(woken)
    }
}

impl Call {
    /// Connects, sends and receives as far as that goes without waiting.
    fn go_on(&mut self) {
        if matches!(self.line, Line::Dialing) {
            match dial(&self.path) {
                Ok(stream) => self.line = Line::Open(stream),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => return self.line = Line::Failed(CallError::io(&self.path, error)),
            }
        }
        let Line::Open(stream) = &mut self.line else { return };
        let done = send(stream, &mut self.unsent).and_then(|()| receive(stream, &mut self.frames));
        match done {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => self.line = Line::Failed(CallError::io(&self.path, error)),
        }
    }

    /// What there is to tell, if anything: answers first, then how it ended.
    fn told(&mut self) -> Option<Result<Answer, CallError>> {
        match self.frames.take() {
            Ok(Some(frame)) => match read_answer(frame) {
                Ok(answer) => return Some(Ok(answer)),
                Err(error) => self.line = Line::Failed(CallError::frame(&self.path, error)),
            },
            Ok(None) => {}
            Err(error) => self.line = Line::Failed(CallError::frame(&self.path, error)),
        }
        match std::mem::replace(&mut self.line, Line::Over) {
            Line::Failed(error) => {
                self.frames = Frames::default();
                Some(Err(error))
            }
            line @ (Line::Dialing | Line::Open(_) | Line::Over) => {
                self.line = line;
                None
            }
        }
    }
}

fn send(stream: &mut UnixStream, unsent: &mut Vec<u8>) -> io::Result<()> {
    while !unsent.is_empty() {
        match stream.write(unsent) {
            Ok(count) => drop(unsent.drain(..count)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // It hung up on us, and what it said before that is still to be read.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => unsent.clear(),
            // Its answers can be read although it does not read ours.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn receive(stream: &mut UnixStream, frames: &mut Frames) -> io::Result<()> {
    loop {
        let room = frames.room();
        if room.is_empty() {
            return Ok(());
        }
        match stream.read(room) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => frames.filled(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
