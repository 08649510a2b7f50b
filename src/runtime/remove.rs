//! Takes an installed release away, unless a plane lives on it or is to be started on it. Asks nobody: both are given.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::PathBuf;

use super::install::{InstallError, remove_partials, unused};
use super::lock::Lock;
use super::{Installed, Runtimes};

/// Why a release is still there.
#[derive(Debug)]
pub enum RemoveError {
    /// There is none of that version.
    NotHere {
        /// As asked.
        version: String,
        /// Where it was looked for.
        root: PathBuf,
    },
    /// It is claimed.
    Claimed {
        /// The release.
        version: String,
        /// By whom.
        by: Claims,
    },
    /// The folder could not be taken away.
    File(InstallError),
}

/// Names of planes that a release belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// They run on it now. A process of no plane is among them, by its number.
    pub living: Vec<String>,
    /// Their keepers would start them on it.
    pub kept: Vec<String>,
    /// The manifest gives it to them.
    pub given: Vec<String>,
}

impl Claims {
    /// What makes all of them let go of it.
    fn way_out(&self) -> String {
        let of_no_plane = |name: &&String| name.starts_with("process ");
        let moving: Vec<&str> =
            self.living.iter().chain(&self.kept).filter(|name| !of_no_plane(name)).map(String::as_str).collect();
        let moves: BTreeSet<&str> =
            moving.into_iter().filter(|name| self.given.iter().all(|given| given != name)).collect();
        let processes: Vec<&str> = self.living.iter().filter(of_no_plane).map(String::as_str).collect();
        let mut ways = Vec::new();
        if !self.given.is_empty() {
            let reload = if self.living.is_empty() && self.kept.is_empty() { "" } else { ", then `gateward reload`" };
            ways.push(format!("give {} another runtime in the manifest{reload}", self.given.join(", ")));
        }
        if !moves.is_empty() {
            let names = moves.into_iter().collect::<Vec<_>>();
            ways.push(format!(
                "`gateward reload` moves {} to what the manifest says now, `gateward stop {}` ends what runs on it",
                names.join(", "),
                names.join(" ")
            ));
        }
        if !processes.is_empty() {
            ways.push(format!("end {}", processes.join(", ")));
        }
        ways.join("; ")
    }
}

impl RemoveError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NotHere { .. } => "`gateward runtime list` shows what is here".to_owned(),
            Self::Claimed { by, .. } => by.way_out(),
            Self::File(error) => error.hint(),
        }
    }
}

impl fmt::Display for RemoveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHere { version, root } => {
                write!(f, "there is no OpenClaw `{}` in {}", version.escape_debug(), root.display())
            }
            Self::Claimed { version, by: Claims { living, kept, given } } => {
                let names = |names: &[String]| names.join(", ");
                match (living.as_slice(), given.as_slice(), kept.as_slice()) {
                    ([], [], kept) => write!(f, "the keeper of {} still has it, OpenClaw {version}", names(kept)),
                    ([], given, _) => write!(f, "the manifest gives OpenClaw {version} to {}", names(given)),
                    (living, _, _) => write!(f, "OpenClaw {version} is in use by {}", names(living)),
                }
            }
            Self::File(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RemoveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(error) => error.source(),
            Self::NotHere { .. } | Self::Claimed { .. } => None,
        }
    }
}

impl Runtimes {
    /// Removes the release of that version, unless somebody claims it: `by` now, or `again` when it was waited for whoever else
    /// installs or removes.
    ///
    /// It loses its name in one step before anything in it is touched, so nobody starts on half of it.
    pub async fn remove(
        &self,
        version: &str,
        by: Claims,
        again: &dyn Fn() -> Claims,
    ) -> Result<Installed, RemoveError> {
        let not_here = || RemoveError::NotHere { version: version.to_owned(), root: self.root().to_owned() };
        let failed = |doing, path: PathBuf| move |source| RemoveError::File(InstallError::File { doing, path, source });
        self.get(version).ok_or_else(not_here)?;
        let unclaimed = |by: Claims| {
            let claimed = |by| RemoveError::Claimed { version: version.to_owned(), by };
            if by == Claims::default() { Ok(()) } else { Err(claimed(by)) }
        };
        unclaimed(by)?;
        let root = self.root();
        let _lock = Lock::take(root, || ()).await.map_err(failed("lock the folder", root.to_owned()))?;
        unclaimed(again())?;
        let installed = self.get(version).ok_or_else(not_here)?;
        fs::rename(&installed.root, unused(root)).map_err(failed("move aside", installed.root.clone()))?;
        remove_partials(root).map_err(RemoveError::File)?;
        Ok(installed)
    }
}
