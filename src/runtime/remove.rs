//! Takes an installed release away, unless a plane lives on it or is to be started on it. Asks nobody: both are given.

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
    /// Planes live on it.
    InUse {
        /// The release.
        version: String,
        /// Their names.
        by: Vec<String>,
    },
    /// The manifest gives it to planes that do not live.
    Given {
        /// The release.
        version: String,
        /// Their names.
        to: Vec<String>,
    },
    /// The folder could not be taken away.
    File(InstallError),
}

impl RemoveError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NotHere { .. } => "`gateward runtime list` shows what is here".to_owned(),
            Self::InUse { by, .. } => {
                format!("`gateward stop {}` first, or give them another runtime", by.join(" "))
            }
            Self::Given { to, .. } => {
                format!("give {} another runtime in the manifest first, or take it out there", to.join(", "))
            }
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
            Self::InUse { version, by } => write!(f, "OpenClaw {version} is in use by {}", by.join(", ")),
            Self::Given { version, to } => {
                write!(f, "the manifest gives OpenClaw {version} to {}", to.join(", "))
            }
            Self::File(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RemoveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(error) => error.source(),
            Self::NotHere { .. } | Self::InUse { .. } | Self::Given { .. } => None,
        }
    }
}

impl Runtimes {
    /// Removes the release of that version; `living` names the planes that run on it now, `given` those that are to.
    ///
    /// It loses its name in one step before anything in it is touched, so nobody starts on half of it.
    pub async fn remove(&self, version: &str, living: &[String], given: &[String]) -> Result<Installed, RemoveError> {
        let not_here = || RemoveError::NotHere { version: version.to_owned(), root: self.root().to_owned() };
        let failed = |doing, path: PathBuf| move |source| RemoveError::File(InstallError::File { doing, path, source });
        self.get(version).ok_or_else(not_here)?;
        if !living.is_empty() {
            return Err(RemoveError::InUse { version: version.to_owned(), by: living.to_vec() });
        }
        if !given.is_empty() {
            return Err(RemoveError::Given { version: version.to_owned(), to: given.to_vec() });
        }
        let root = self.root();
        let _lock = Lock::take(root, || ()).await.map_err(failed("lock the folder", root.to_owned()))?;
        let installed = self.get(version).ok_or_else(not_here)?;
        fs::rename(&installed.root, unused(root)).map_err(failed("move aside", installed.root.clone()))?;
        remove_partials(root).map_err(RemoveError::File)?;
        Ok(installed)
    }
}
