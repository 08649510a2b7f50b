//! What the world says, as far as a manifest's meaning depends on it. Looked up by `daemon::load`, never here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::plane::Account;

/// The facts that resolving is given.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Who the supervisor is.
    pub rank: Rank,
    /// The supervisor's user id.
    pub uid: u32,
    /// The home folder of the supervisor's user, absolute.
    pub home: Option<PathBuf>,
    /// The supervisor's own environment; what is not UTF-8 is left out.
    pub environ: BTreeMap<String, String>,
    /// Whether that is what it is.
    pub whose: Whose,
    /// The accounts that exist, of those that [`names`](crate::manifest::resolve::names) asks for.
    pub accounts: BTreeMap<String, Account>,
    /// The groups that exist, of those that it asks for.
    pub groups: BTreeSet<String>,
    /// The files that [`env_files`](crate::manifest::resolve::env_files) asks for.
    pub env_files: BTreeMap<PathBuf, EnvFile>,
}

/// Who the supervisor is, in this matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rank {
    /// May run planes as other users; its folders are the system's.
    Root,
    /// Anybody else.
    #[default]
    User,
}

/// Whose environment stands for the supervisor's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Whose {
    /// Its own.
    Supervisor,
    /// That of somebody who asks while none runs, or none that tells.
    #[default]
    Asker,
}

/// One `env_file` as it was found.
#[derive(Clone, Debug)]
pub struct EnvFile {
    /// Its text, or why it could not be had.
    pub text: Result<String, NoText>,
    /// Its permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
}

/// Why a file has no text.
#[derive(Clone, Debug)]
pub struct NoText {
    /// The end of a sentence that names the file.
    pub what: String,
    /// What to do.
    pub hint: String,
}

impl Given {
    /// An absolute folder from the environment; the XDG rules ignore others.
    pub fn folder(&self, variable: &str) -> Option<&Path> {
        self.environ.get(variable).map(Path::new).filter(|path| path.is_absolute())
    }
}
