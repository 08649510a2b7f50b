//! Which of the claimed paths are one, and which links lead out of state dirs. Reads names and attributes only.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::identity::Resolver;
use crate::collision::claim::Claims;
use crate::collision::surroundings::Identity;

/// A state dir with more links than this is not OpenClaw's; the rest are not looked at.
const MOST_LINKS: usize = 64;

/// What is known of paths; each is looked at once.
pub(super) struct Paths {
    resolver: Resolver,
    known: HashMap<PathBuf, Identity>,
}

impl Paths {
    /// Nothing is known yet.
    pub(super) fn new() -> Self {
        Self { resolver: Resolver::new(), known: HashMap::new() }
    }

    /// Adds to `claims` the links inside state dirs, and looks at every claimed path.
    pub(super) fn look(&mut self, claims: &mut Claims) {
        let state_dirs: Vec<PathBuf> = claims.claimants.iter().map(|one| one.state_dir.clone()).collect();
        for (by, state_dir) in state_dirs.iter().enumerate() {
            links_in(state_dir).into_iter().for_each(|link| claims.add_state_link(by, link));
        }
        claims.claims.iter().filter_map(|claim| claim.path()).for_each(|(_, path)| self.add(path));
        claims.own.iter().for_each(|own| self.add(&own.path));
    }

    /// Looks at one more.
    pub(super) fn add(&mut self, path: &Path) {
        if !self.known.contains_key(path) {
            self.known.insert(path.to_owned(), self.resolver.identity(path));
        }
    }

    /// Where `path` really is, as far as it exists.
    pub(super) fn canonical(&mut self, path: &Path) -> PathBuf {
        self.add(path);
        self.known[path].canonical.clone()
    }

    /// All that was learned.
    pub(super) fn into_known(self) -> HashMap<PathBuf, Identity> {
        self.known
    }
}

/// The links directly inside `folder`, by name.
fn links_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let links = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        entry.file_type().is_ok_and(|kind| kind.is_symlink()).then(|| entry.path())
    });
    let mut links: Vec<PathBuf> = links.take(MOST_LINKS).collect();
    links.sort();
    links
}
