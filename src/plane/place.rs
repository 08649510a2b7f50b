//! Places in text files, to point at. Reads no file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A place in a text file, to point at. Lines and columns count from 1; columns count characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The file, absolute.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// How many characters to underline; at least 1.
    #[serde(default = "one")]
    pub width: u32,
}

fn one() -> u32 {
    1
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// Where each key of one plane was written in the manifest; keys are dotted (`port`, `restart.policy`).
///
/// The key `""` is the plane's own table header, and answers for every key that was defaulted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Key to place.
    pub keys: BTreeMap<String, Place>,
    /// Those of the keys that are written for all planes, in `[defaults]`, and not in the plane's own table.
    pub inherited: BTreeSet<String>,
}

impl Places {
    /// The place of `key`, else that of the plane's header.
    pub fn of(&self, key: &str) -> Option<&Place> {
        self.keys.get(key).or_else(|| self.keys.get(""))
    }
}
