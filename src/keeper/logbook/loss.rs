//! What of the output was lost, and what is wrong with the place it should be written to.
//!
//! Values, and the counters through which the writer tells them; nothing here is an effect.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

/// Output that is in no file: lines by their newlines, bytes without stamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Lines.
    pub lines: u64,
    /// Bytes, of lines that were begun too.
    pub bytes: u64,
}

impl Lost {
    /// Nothing.
    pub const NONE: Self = Self { lines: 0, bytes: 0 };

    /// The loss of `bytes`, in which each newline ends a line.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { lines: memchr::memchr_iter(b'\n', bytes).count() as u64, bytes: bytes.len() as u64 }
    }

    /// Both losses.
    pub(super) fn and(self, more: Self) -> Self {
        Self { lines: self.lines + more.lines, bytes: self.bytes + more.bytes }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count| if count == 1 { "" } else { "s" };
        write!(f, "{} line{} ({} byte{}) lost", self.lines, plural(self.lines), self.bytes, plural(self.bytes))
    }
}

/// What could not be done with the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Making its folder.
    Folder,
    /// Opening its file.
    Open,
    /// Writing.
    Write,
    /// Renaming a full file; lines go on into that file.
    Rotate,
}

/// A step that failed, and the system's reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// What failed.
    pub step: Step,
    /// The system's number for the reason; 0 for a write that took nothing.
    pub errno: i32,
}

impl Trouble {
    /// `cause`, which `step` met.
    pub(super) fn new(step: Step, cause: &io::Error) -> Self {
        Self { step, errno: cause.raw_os_error().unwrap_or(0) }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.step {
            Step::Folder => "the log's folder cannot be made: ",
            Step::Open => "the log cannot be opened: ",
            Step::Write => "the log cannot be written: ",
            Step::Rotate => "the full log cannot be renamed and grows: ",
        })?;
        match self.errno {
            0 => f.write_str("it takes nothing"),
            errno => io::Error::from_raw_os_error(errno).fmt(f),
        }
    }
}

/// Why lines were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The disk took less than the gateway said, for longer than the gateway can be kept waiting.
    Slow,
    /// The disk took nothing.
    Trouble(Trouble),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slow => f.write_str("the disk is too slow for them"),
            Self::Trouble(trouble) => trouble.fmt(f),
        }
    }
}

/// Counters that one side raises and the other reads.
#[derive(Debug, Default)]
pub(super) struct Counts {
    lines: AtomicU64,
    bytes: AtomicU64,
    written: AtomicU64,
    trouble: AtomicU64,
}

impl Counts {
    /// Adds a loss.
    pub(super) fn lose(&self, lost: Lost) {
        // Release, with the Acquire of `lost`: who reads a loss finds its trouble, which was said before.
        self.bytes.fetch_add(lost.bytes, Ordering::Release);
        self.lines.fetch_add(lost.lines, Ordering::Release);
    }

    /// All that was lost.
    pub(super) fn lost(&self) -> Lost {
        Lost { lines: self.lines.load(Ordering::Acquire), bytes: self.bytes.load(Ordering::Acquire) }
    }

    /// Adds bytes that the disk has taken.
    pub(super) fn write(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// All bytes that the disk has taken.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Says what is wrong now, or that nothing is.
    pub(super) fn set_trouble(&self, trouble: Option<Trouble>) {
        let packed = trouble.map_or(0, |Trouble { step, errno }| {
            let step = match step {
                Step::Folder => 1_u64,
                Step::Open => 2,
                Step::Write => 3,
                Step::Rotate => 4,
            };
            step << 32 | u64::from(errno.cast_unsigned())
        });
        self.trouble.store(packed, Ordering::Relaxed);
    }

    /// What is wrong now.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        let packed = self.trouble.load(Ordering::Relaxed);
        let step = match packed >> 32 {
            1 => Step::Folder,
            2 => Step::Open,
            3 => Step::Write,
            4 => Step::Rotate,
            _ => return None,
        };
        Some(Trouble { step, errno: (packed as u32).cast_signed() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_reads_as_a_sentence() {
        let why = Why::Trouble(Trouble { step: Step::Write, errno: libc::ENOSPC });
        let lost = Lost { lines: 1234, bytes: 56789 };
        assert_eq!(
            format!("{lost}: {why}"),
            "1234 lines (56789 bytes) lost: the log cannot be written: No space left on device (os error 28)"
        );
        assert_eq!(Lost::of(b"a").and(Lost { lines: 1, bytes: 0 }).to_string(), "1 line (1 byte) lost");
    }

    #[test]
    fn trouble_survives_the_way_through_a_counter() {
        let counts = Counts::default();
        assert_eq!(counts.trouble(), None);
        for step in [Step::Folder, Step::Open, Step::Write, Step::Rotate] {
            for errno in [0, libc::EROFS, -1] {
                counts.set_trouble(Some(Trouble { step, errno }));
                assert_eq!(counts.trouble(), Some(Trouble { step, errno }));
            }
        }
        counts.set_trouble(None);
        assert_eq!(counts.trouble(), None);
    }
}
