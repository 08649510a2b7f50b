//! How many files a log ever had, as far as its writer kept count.
//!
//! Guesses nothing: a number that cannot be sure is none.

use std::path::Path;

use super::pieces::Piece;
use crate::os::ordinal;

/// What is known of the number of the newest file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// So many files there were, with it; 0 when there never was one.
    Known(u64),
    /// It was made just now.
    NotYet,
    /// Nobody counts, or the count could not be kept.
    Unknown,
}

impl Counted {
    /// The number, where it is known.
    pub fn number(self) -> Option<u64> {
        match self {
            Self::Known(number) => Some(number),
            Self::NotYet | Self::Unknown => None,
        }
    }
}

/// Counts up to the newest of the pieces of a log.
pub fn counted(path: &Path, pieces: &[Piece]) -> Counted {
    let Some(newest) = pieces.last() else {
        return Counted::Known(ordinal::read(path).map_or(0, |kept| kept.number));
    };
    // The inode of a file that is gone is used again, so the number that is kept may not yet be its own.
    if newest.file.metadata().is_ok_and(|found| found.len() == 0) {
        return Counted::NotYet;
    }
    match ordinal::read(path) {
        Some(kept) if kept.id == newest.id => Counted::Known(kept.number),
        Some(_) | None => Counted::Unknown,
    }
}
