//! How files come in: the reader names a path and a most size, the caller answers with text or with why not.
//!
//! Opens nothing. The caller must never block on what a path turns out to be; see `daemon::survey::configs`.

use std::path::{Path, PathBuf};

use super::json5::At;
use super::problem::{Problem, ProblemCode};
use crate::plane::Place;

/// The most bytes of the config itself. OpenClaw has no limit; no sane config comes near this one.
pub const MOST_CONFIG_BYTES: u64 = 8 << 20;

/// The most bytes OpenClaw takes of an included file.
pub const MOST_INCLUDE_BYTES: u64 = 2 << 20;

/// The most bytes OpenClaw takes of a file that holds one secret.
pub const MOST_SECRET_BYTES: u64 = 1 << 20;

/// The caller's answer for one path.
#[derive(Clone, PartialEq, Eq)]
pub enum Read {
    /// A regular file and all of its text.
    Text {
        /// Its text.
        text: String,
        /// Where it is after all links.
        real: PathBuf,
        /// How many names it has.
        links: u64,
    },
    /// A regular file that is not UTF-8.
    Lossy {
        /// Its text with U+FFFD for what is none, as Node makes it.
        text: String,
        /// So many bytes of it are UTF-8.
        good: usize,
        /// Where it is after all links.
        real: PathBuf,
    },
    /// Nothing has this name.
    Missing,
    /// Something has this name, but it cannot be read.
    Refused {
        /// Why.
        why: Refusal,
        /// Where it is after all links, when that could be told.
        real: Option<PathBuf>,
    },
}

/// Why a path that is there gives no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A folder.
    Directory,
    /// A FIFO, a socket or a device: reading one may never end.
    Special,
    /// Larger than was asked for.
    TooLarge,
    /// No right to read it, or to pass through a folder above it.
    Denied,
    /// The links lead in a circle.
    LinkLoop,
    /// The kernel refused for another reason, in its words.
    Failed(String),
}

impl Refusal {
    /// The problem that this is for `path`, asked for at most `limit` bytes and wanted at `at`.
    pub(super) fn problem(self, path: &Path, limit: u64, at: Place) -> Problem {
        let (code, why, hint) = match self {
            Self::Directory => (ProblemCode::ConfigUnreadable, "is a folder".to_owned(), "name a file"),
            Self::Special => (
                ProblemCode::ConfigUnreadable,
                "is no regular file: a gateway that opens it may wait for ever".to_owned(),
                "put a regular file there",
            ),
            Self::TooLarge => (
                ProblemCode::ConfigTooLarge,
                match limit {
                    MOST_CONFIG_BYTES => {
                        format!("is larger than the {} MiB that gateward reads of a config", limit >> 20)
                    }
                    _ => format!("is larger than the {} MiB that OpenClaw takes", limit >> 20),
                },
                match limit {
                    MOST_CONFIG_BYTES => "split it by `$include`, or take out what is no configuration",
                    _ => "split it, or take out what is no configuration",
                },
            ),
            Self::Denied => (
                ProblemCode::ConfigUnreadable,
                "cannot be read: permission denied".to_owned(),
                "let the supervisor's account read it, or run the supervisor as its owner",
            ),
            Self::LinkLoop => (
                ProblemCode::ConfigUnreadable,
                "cannot be read: its links lead in a circle".to_owned(),
                "mend the symbolic link",
            ),
            Self::Failed(reason) => {
                (ProblemCode::ConfigUnreadable, format!("cannot be read: {reason}"), "mend what the system says")
            }
        };
        Problem { code, message: format!("{} {why}", path.display()), hint: hint.to_owned(), at }
    }
}

/// The problem that a config is for `path` whose first `good` bytes alone are UTF-8.
pub(super) fn not_utf8(path: &Path, good: usize, at: Place) -> Problem {
    let why = "OpenClaw would read another text than is written";
    let message = format!("{} is not UTF-8 after its first {good} bytes: {why}", path.display());
    Problem { code: ProblemCode::ConfigEncoding, message, hint: "save it as UTF-8".to_owned(), at }
}

/// The files of one configuration by index, so that a place costs four numbers until somebody wants to see it.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(Vec<PathBuf>);

impl Names {
    /// The index of a file that is about to be read.
    pub(super) fn add(&mut self, path: &Path) -> u32 {
        self.0.push(path.to_path_buf());
        (self.0.len() - 1) as u32
    }

    /// The place to show.
    pub(super) fn place(&self, at: At) -> Place {
        Place { file: self.0[at.file as usize].clone(), line: at.line, column: at.column, width: at.width }
    }
}

/// The first character of a file.
pub(super) fn top(path: &Path) -> Place {
    Place { file: path.to_path_buf(), line: 1, column: 1, width: 1 }
}
