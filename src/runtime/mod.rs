//! Installed OpenClaw releases: each with the Node it needs, fetched through npm, whole or not there at all. Starts no gateway.
//!
//! A release is a folder `<root>/<version>` with `node_modules/.bin/{node,openclaw}` and a [`Record`]. A folder without a
//! record that names its own version was never finished, and nothing here takes it for a release.

#![allow(
    clippy::disallowed_methods,
    reason = "npm and what it installs are run here; where releases are is said by the environment"
)]

mod install;
mod lock;
mod npm;
mod place;
mod progress;
mod record;
mod remove;
mod users;
mod verify;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use install::InstallError;
pub use npm::NpmFailure;
pub use progress::{Bar, News, Phase};
pub use record::Record;
pub use remove::{Claims, RemoveError};
pub use verify::Unfit;

/// The release that the demo and the tests of record run.
pub const PINNED: &str = "2026.9.6";

/// The folder that holds installed releases, one subfolder each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtimes {
    root: PathBuf,
}

/// One whole release on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Its folder.
    pub root: PathBuf,
    /// What was written down when it was installed.
    pub record: Record,
}

impl Installed {
    /// The folder that has `node` and `openclaw`, to be put first on a PATH.
    pub fn bin(&self) -> PathBuf {
        bin_of(&self.root)
    }
}

impl Runtimes {
    /// Those of this host and user: `$GATEWARD_RUNTIMES_DIR`, else as root `/var/lib/gateward/runtimes`, else
    /// `$XDG_DATA_HOME/gateward/runtimes`, else `~/.local/share/gateward/runtimes`.
    pub fn of_host() -> Self {
        Self { root: place::of_host() }
    }

    /// Those that a supervisor of this user with this environment finds.
    pub fn in_environ(environ: &BTreeMap<String, String>) -> Self {
        Self { root: place::in_environ(environ) }
    }

    /// Those under `root`, an absolute folder that need not exist yet.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The folder of all releases.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The whole release of that version, if it is here.
    pub fn get(&self, version: &str) -> Option<Installed> {
        if !is_version(version) {
            return None;
        }
        let root = self.root.join(version);
        let record = Record::read(&root)?;
        (record.version == version).then_some(Installed { root, record })
    }

    /// The folder with `node` and `openclaw` of that release, if it is here and whole.
    pub fn bin(&self, version: &str) -> Option<PathBuf> {
        self.get(version).map(|installed| installed.bin())
    }

    /// Every whole release, sorted by version as text; an unreadable folder has none.
    pub fn installed(&self) -> Vec<Installed> {
        let Ok(entries) = std::fs::read_dir(&self.root) else { return Vec::new() };
        let mut found: Vec<Installed> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|version| self.get(&version))
            .collect();
        found.sort_by(|a, b| a.record.version.cmp(&b.record.version));
        found
    }
}

/// Whether `text` is one release as npm numbers them, and so also safe as a folder name and in an npm package spec.
pub fn is_version(text: &str) -> bool {
    let mut numbers = text.splitn(3, '.');
    let plain = |part: Option<&str>| {
        part.is_some_and(|part| !part.is_empty() && part.len() <= 10 && part.bytes().all(|b| b.is_ascii_digit()))
    };
    plain(numbers.next())
        && plain(numbers.next())
        && numbers.next().is_some_and(|rest| {
            rest.starts_with(|c: char| c.is_ascii_digit())
                && rest.len() <= 60
                && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
        })
}

fn bin_of(root: &Path) -> PathBuf {
    root.join("node_modules").join(".bin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_one_release_and_never_a_path_or_a_tag() {
        for good in ["2026.9.6", "1.2.3-beta.1", "2026.10.0-1"] {
            assert!(is_version(good), "{good}");
        }
        for bad in
            ["", "latest", "2026.9", "^2026.9.6", "2026.9.6/../x", "../x", "2026.9.x", "2026..6", "1.2.3 4", "1.2.é"]
        {
            assert!(!is_version(bad), "{bad}");
        }
    }

    #[test]
    fn a_folder_without_its_own_record_is_not_a_release() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let runtimes = Runtimes::at(dir.path());
        assert_eq!(runtimes.installed(), Vec::new());
        std::fs::create_dir_all(bin_of(&dir.path().join("1.2.3"))).expect("a folder");
        assert_eq!(runtimes.bin("1.2.3"), None, "no record");
        let record = Record { version: "1.2.3".into(), ..Record::sample() };
        record.write(&dir.path().join("1.2.3")).expect("written");
        assert_eq!(runtimes.bin("1.2.3"), Some(bin_of(&dir.path().join("1.2.3"))));
        std::fs::rename(dir.path().join("1.2.3"), dir.path().join("1.2.4")).expect("renamed");
        assert_eq!(runtimes.bin("1.2.4"), None, "the record of another version");
        assert_eq!(runtimes.installed(), Vec::new());
    }
}
