//! Paths whose links lead in a circle: nobody can keep anything there.
//!
//! Compares no planes. Configs are left to their reader, which meets the circle itself.

use std::collections::HashSet;
use std::path::Path;

use super::claim::{Claims, PathRole};
use super::codes::Code;
use super::finding::Finding;
use super::surroundings::{Surroundings, Way};
use super::wording::{finding, shown};

/// One finding for each such path of each plane.
pub(super) fn findings(claims: &Claims, around: &Surroundings) -> Vec<Finding> {
    let mut told: HashSet<(usize, &Path)> = HashSet::new();
    let mut found = Vec::new();
    for claim in &claims.claims {
        let Some((role, path)) = claim.path() else { continue };
        let is_linked_anywhere = matches!(role, PathRole::StateLink | PathRole::WorkspaceLink);
        if is_linked_anywhere || matches!(role, PathRole::Config | PathRole::Include) {
            continue;
        }
        let is_circle = around.identity(path).is_some_and(|identity| identity.way == Way::Circle);
        // Roles are in order, the state dir first: what lies in it goes the same way.
        if !is_circle || path.ancestors().any(|above| told.contains(&(claim.by, above))) {
            continue;
        }
        told.insert((claim.by, path));
        let (name, surface) = (&claims.claimant(claim).name, shown(path));
        let message = format!("the {} of `{name}`, {surface}, cannot be used: its links lead in a circle", role.noun());
        let hint = format!("put a folder in place of the link, or name another path in `{}`", claim.key);
        found.push(finding(claims, Code::PathLinkLoop, surface, [claim]).saying(message).hinting(hint));
    }
    found
}
