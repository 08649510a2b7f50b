//! The asking side inside a tokio program: one conversation, each step within a budget.
//!
//! Never waits without a bound unless the caller says so.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

use super::call_error::{CallError, CallFailure};
use super::frame::{Frames, read_answer, write_request};
use super::place::Address;
use crate::wire::{Answer, Request};

/// How soon a connect is tried again when the other side's backlog is full; the kernel tells of no better moment.
pub(super) const BACKLOG_FULL: Duration = Duration::from_millis(5);

/// A conversation with a keeper or the daemon.
#[derive(Debug)]
pub struct Caller {
    stream: UnixStream,
    frames: Frames,
    path: PathBuf,
}

impl Caller {
    /// Connects; waits only while the other side's backlog is full.
    pub async fn connect(path: &Path, budget: Duration) -> Result<Self, CallError> {
        let connected = async {
            loop {
                match dial(path).and_then(UnixStream::from_std) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(BACKLOG_FULL).await,
                    done => return done,
                }
            }
        };
        match timeout(budget, connected).await {
            Ok(Ok(stream)) => Ok(Self { stream, frames: Frames::default(), path: path.to_owned() }),
            Ok(Err(error)) => Err(CallError::io(path, error)),
            Err(_) => Err(CallError::new(path, CallFailure::Late)),
        }
    }

    /// Asks and gives the first answer.
    pub async fn ask(&mut self, request: &Request, budget: Duration) -> Result<Answer, CallError> {
        let asked = async {
            self.tell(request).await?;
            self.next().await
        };
        match timeout(budget, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(CallError::new(&self.path, CallFailure::Late)),
        }
    }

    /// Sends a request without waiting for its answer.
    pub async fn tell(&mut self, request: &Request) -> Result<(), CallError> {
        let frame = write_request(request).map_err(|error| CallError::frame(&self.path, error))?;
        match self.stream.write_all(&frame).await {
            Ok(()) => Ok(()),
            // It hung up on us, and what it said before that is still to be read.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(CallError::io(&self.path, error)),
        }
    }

    /// The next answer, however long it takes: further ones come to a `Follow`. May be dropped and called again.
    pub async fn next(&mut self) -> Result<Answer, CallError> {
        loop {
            match self.frames.take() {
                Ok(Some(frame)) => return read_answer(frame).map_err(|error| CallError::frame(&self.path, error)),
                Ok(None) => {}
                Err(error) => return Err(CallError::frame(&self.path, error)),
            }
            match self.stream.read(self.frames.room()).await {
                Ok(0) => return Err(CallError::new(&self.path, CallFailure::HungUp)),
                Ok(count) => self.frames.filled(count),
                Err(error) => return Err(CallError::io(&self.path, error)),
            }
        }
    }
}

/// A connected, non-blocking stream to `path`.
pub(super) fn dial(path: &Path) -> io::Result<std::os::unix::net::UnixStream> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType};
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &Address::of(path)?.unix)?;
    Ok(socket.into())
}
