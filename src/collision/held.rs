//! The proof of a change: what the manifest wants, against what planes that still live hold by an earlier definition.
//!
//! A plane is never held against itself. What the manifest says by itself is `check`'s, and not repeated here.

use std::collections::{BTreeMap, BTreeSet};

use super::claim::{Claim, Claimant, Claims, Source};
use super::finding::{Finding, Severity};
use super::surroundings::Surroundings;
use super::wording::listed;
use crate::plane::PlaneName;

/// What stands between the manifest's claims and those of each definition in `held`.
pub fn check(wanted: &Claims, held: &[Claims], around: &Surroundings) -> Vec<Finding> {
    if held.is_empty() {
        return Vec::new();
    }
    in_the_way(super::across(joined(wanted, held), around))
}

/// The claims of the manifest together with those of `held`, definitions that differ from it or that it no longer has. A
/// plane that is in both claims what either says.
fn joined(wanted: &Claims, held: &[Claims]) -> Claims {
    let mut all: BTreeMap<PlaneName, Claimant> = BTreeMap::new();
    for claimant in wanted.claimants.iter().chain(held.iter().flat_map(|one| &one.claimants)) {
        all.entry(claimant.name.clone()).or_insert_with(|| claimant.clone());
    }
    let place: BTreeMap<PlaneName, usize> = all.keys().enumerate().map(|(at, name)| (name.clone(), at)).collect();
    let moved = |from: &Claims, claim: &Claim| Claim { by: place[&from.claimants[claim.by].name], ..claim.clone() };
    let mut claims: Vec<Claim> = wanted.claims.iter().map(|claim| moved(wanted, claim)).collect();
    let said: BTreeSet<_> = claims.iter().map(|claim| (claim.by, claim.surface.clone())).collect();
    let living = held.iter().flat_map(|one| one.claims.iter().map(|claim| moved(one, claim)));
    let living: Vec<Claim> = living.filter(|claim| !said.contains(&(claim.by, claim.surface.clone()))).collect();
    claims.extend(living.into_iter().map(|claim| Claim { source: Source::Living, place: None, ..claim }));
    Claims { claimants: all.into_values().collect(), claims, own: Vec::new() }
}

/// The errors among `found` that only stand because somebody still lives, told as such.
fn in_the_way(found: Vec<Finding>) -> Vec<Finding> {
    let stands = |finding: &Finding| {
        finding.severity == Severity::Error && !finding.living.is_empty() && finding.living.len() < finding.planes.len()
    };
    found.into_iter().filter(stands).map(told).collect()
}

fn told(finding: Finding) -> Finding {
    let quoted = |names: &mut dyn Iterator<Item = &PlaneName>| {
        listed(&names.map(|name| format!("`{name}`")).collect::<Vec<_>>())
    };
    let living = quoted(&mut finding.living.iter());
    let newcomers = quoted(&mut finding.planes.iter().filter(|name| !finding.living.contains(name)));
    let (lives, has) = if finding.living.len() == 1 { ("lives", "has") } else { ("live", "have") };
    let message = format!("{}; {living} still {lives} by an earlier definition", finding.message);
    let hint = format!("`gateward reload` ends {living} first, and gives {newcomers} the place once that {has} ended");
    finding.saying(message).hinting(hint)
}

/// Who must have ended before each plane may take its new place, but for findings that are allowed by code.
pub fn holders(found: &[Finding], allow: &[String]) -> BTreeMap<PlaneName, BTreeSet<PlaneName>> {
    let mut holders: BTreeMap<PlaneName, BTreeSet<PlaneName>> = BTreeMap::new();
    for finding in found.iter().filter(|finding| !allow.contains(&finding.code)) {
        for plane in finding.planes.iter().filter(|plane| finding.blocks(plane)) {
            holders.entry(plane.clone()).or_default().extend(finding.living.iter().cloned());
        }
    }
    holders
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collision::gather::{Declarations, claims};
    use crate::collision::tests::{manifest, plane};
    use crate::plane::Plane;

    fn found(wanted: Vec<Plane>, held: Vec<Plane>) -> Vec<Finding> {
        let of = |planes| claims(&manifest(planes), &Declarations::new(), &[0; 32]);
        check(&of(wanted), &held.into_iter().map(|one| of(vec![one])).collect::<Vec<_>>(), &Surroundings::default())
    }

    fn name(text: &str) -> PlaneName {
        PlaneName::new(text).expect("a name")
    }

    #[test]
    fn a_plane_is_never_held_against_itself_or_against_what_it_already_is() {
        assert_eq!(found(vec![plane("main", 18789)], vec![plane("main", 18800)]), []);
        assert_eq!(found(vec![plane("main", 18789), plane("lab", 18909)], vec![plane("lab", 18909)]), []);
    }

    #[test]
    fn a_newcomer_is_blocked_and_who_lives_there_is_not() {
        let found = found(vec![plane("main", 18789), plane("lab", 18909)], vec![plane("main", 18900)]);
        let [one] = found.as_slice() else { panic!("{found:#?}") };
        assert_eq!((one.code.as_str(), &one.living), ("port-family-overlap", &vec![name("main")]));
        assert!(one.blocks(&name("lab")) && !one.blocks(&name("main")));
        assert!(one.message.ends_with("; `main` still lives by an earlier definition"), "{}", one.message);
        assert_eq!(holders(&found, &[]), [(name("lab"), [name("main")].into())].into());
        assert_eq!(holders(&found, &["port-family-overlap".to_owned()]), BTreeMap::new());
    }
}
