//! Which of the claimed paths are one, and what is linked or mounted inside state dirs and workspaces. Reads names and attributes only.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::identity::Resolver;
use super::inside;
use crate::collision::claim::Claims;
use crate::collision::surroundings::Identity;

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

    /// Adds to `claims` what is linked or mounted inside state dirs and workspaces, and looks at every claimed path.
    pub(super) fn look(&mut self, claims: &mut Claims) {
        for (by, role, path) in inside::seen(claims, &mut self.resolver) {
            claims.add_inner(by, role, path);
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
