//! Which of the claimed paths are one, and which links lead out of state dirs. Reads names and attributes only.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::identity::Resolver;
use crate::collision::claim::Claims;
use crate::collision::surroundings::Identity;

/// A state dir with more links than this is not OpenClaw's; the rest are not looked at.
const MOST_LINKS: usize = 64;

/// Adds to `claims` what links inside state dirs lead to, and says what every claimed path, and every one of `others`, is.
pub(super) fn look<'a>(claims: &mut Claims, others: impl Iterator<Item = &'a Path>) -> HashMap<PathBuf, Identity> {
    let mut resolver = Resolver::new();
    let mut known = HashMap::new();
    for (by, state_dir) in claims.claimants.iter().map(|one| one.state_dir.clone()).enumerate().collect::<Vec<_>>() {
        links_in(&state_dir).into_iter().for_each(|link| claims.add_state_link(by, link));
    }
    let mut add = |path: &Path| {
        if !known.contains_key(path) {
            known.insert(path.to_owned(), resolver.identity(path));
        }
    };
    claims.claims.iter().filter_map(|claim| claim.path()).for_each(|(_, path)| add(path));
    claims.own.iter().for_each(|own| add(&own.path));
    others.for_each(add);
    known
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
