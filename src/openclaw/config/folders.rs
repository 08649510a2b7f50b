//! How OpenClaw makes an absolute path of what is written: `~`, the working folder, `..`.
//!
//! By spelling alone; no link is followed and nothing is looked up.

use std::path::{Path, PathBuf};

use super::json5::is_blank;
use super::variables::Variables;
use crate::plane::spelled_out;

/// The folders that relative and `~` paths start from.
#[derive(Clone, Debug)]
pub(super) struct Folders {
    pub(super) state_dir: PathBuf,
    pub(super) cwd: PathBuf,
    /// OPENCLAW_HOME, else HOME.
    pub(super) home: PathBuf,
    decided: Decided,
}

/// What says where `~` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decided {
    /// HOME.
    ByHome,
    /// Something that stays when HOME changes.
    Otherwise,
}

impl Folders {
    pub(super) fn new(state_dir: &Path, cwd: &Path, variables: &Variables<'_>) -> Self {
        let cwd = spelled_out(cwd);
        let set = |name: &str| {
            let value = variables.text(name).map(|value| value.trim_matches(is_blank));
            value.filter(|value| !matches!(*value, "" | "undefined" | "null"))
        };
        let account =
            set("HOME").or_else(|| set("USERPROFILE")).map_or(cwd.clone(), |home| spelled_out(&cwd.join(home)));
        let (home, decided) = match set("OPENCLAW_HOME") {
            Some(own) if own.starts_with('~') => (spelled_out(&cwd.join(with_home(own, &account))), Decided::ByHome),
            Some(own) => (spelled_out(&cwd.join(own)), Decided::Otherwise),
            None => (account, Decided::ByHome),
        };
        Self { state_dir: state_dir.to_path_buf(), cwd, home, decided }
    }

    /// What stands for a path that begins with `~`, where that moves with HOME.
    pub(super) fn whole(&self, written: &str) -> Option<String> {
        let rest = written.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
        (self.decided == Decided::ByHome).then(|| format!("{}{rest}", self.home.display()))
    }

    /// A path that somebody wrote, as OpenClaw resolves it.
    pub(super) fn resolve(&self, written: &str) -> PathBuf {
        self.resolve_untrimmed(written.trim_matches(is_blank))
    }

    /// The same where OpenClaw takes blanks at the ends as part of the name.
    pub(super) fn resolve_untrimmed(&self, written: &str) -> PathBuf {
        let expanded = with_home(written, &self.home);
        spelled_out(&self.cwd.join(expanded.to_string_lossy().replace('\0', "")))
    }

    /// A path in a variable that OpenClaw hands straight to the system: no `~`.
    pub(super) fn absolute(&self, written: &str) -> PathBuf {
        spelled_out(&self.cwd.join(written.trim_matches(is_blank)))
    }
}

fn with_home(written: &str, home: &Path) -> PathBuf {
    match written.strip_prefix('~') {
        Some("") => home.to_path_buf(),
        Some(rest) if rest.starts_with(['/', '\\']) => PathBuf::from(format!("{}{rest}", home.display())),
        Some(_) | None => PathBuf::from(written),
    }
}
