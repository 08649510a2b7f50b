//! Why a call brought no answer. What that means for an operator is the caller's to say.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::frame::FrameError;

/// Why a call brought no answer.
#[derive(Debug)]
pub struct CallError {
    /// The socket that was called.
    pub path: PathBuf,
    /// What went wrong.
    pub kind: CallFailure,
}

/// The kinds of failure of a call.
#[derive(Debug)]
pub enum CallFailure {
    /// There is no such socket.
    Absent,
    /// The socket is there, and nobody listens: its process is gone.
    Deaf,
    /// The socket is not ours to open.
    NotAllowed,
    /// No answer within the budget: its process is stopped, hung or overwhelmed.
    Late,
    /// It hung up before it answered.
    HungUp,
    /// The answer cannot be understood.
    Garbled(FrameError),
    /// Something else failed.
    Io(io::Error),
}

impl CallError {
    /// Whether this says that no process of ours is behind the socket.
    pub fn is_nobody(&self) -> bool {
        match self.kind {
            CallFailure::Absent | CallFailure::Deaf => true,
            CallFailure::NotAllowed
            | CallFailure::Late
            | CallFailure::HungUp
            | CallFailure::Garbled(_)
            | CallFailure::Io(_) => false,
        }
    }

    pub(super) fn new(path: &Path, kind: CallFailure) -> Self {
        Self { path: path.to_owned(), kind }
    }

    pub(super) fn io(path: &Path, error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => CallFailure::Absent,
            io::ErrorKind::ConnectionRefused => CallFailure::Deaf,
            io::ErrorKind::PermissionDenied => CallFailure::NotAllowed,
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => CallFailure::Late,
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => {
                CallFailure::HungUp
            }
            _ => CallFailure::Io(error),
        };
        Self::new(path, kind)
    }

    pub(super) fn frame(path: &Path, error: FrameError) -> Self {
        match error {
            FrameError::Cut => Self::new(path, CallFailure::HungUp),
            FrameError::Io(error) => Self::io(path, error),
            FrameError::TooLong | FrameError::Garbled(_) | FrameError::Unknown(_) => {
                Self::new(path, CallFailure::Garbled(error))
            }
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            CallFailure::Absent => write!(f, "there is no socket {path}"),
            CallFailure::Deaf => write!(f, "nobody listens on {path}"),
            CallFailure::NotAllowed => write!(f, "no permission to use {path}"),
            CallFailure::Late => write!(f, "no answer in time on {path}"),
            CallFailure::HungUp => write!(f, "{path} hung up before it answered"),
            CallFailure::Garbled(error) => write!(f, "{path} gave an answer that cannot be understood: {error}"),
            CallFailure::Io(error) => write!(f, "{path} cannot be asked: {error}"),
        }
    }
}

impl std::error::Error for CallError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            CallFailure::Garbled(error) => Some(error),
            CallFailure::Io(error) => Some(error),
            CallFailure::Absent
            | CallFailure::Deaf
            | CallFailure::NotAllowed
            | CallFailure::Late
            | CallFailure::HungUp => None,
        }
    }
}
