//! The proof: what each plane claims, and which claims collide. Pure: the world is an argument.
//!
//! ```text
//! Planes + Declarations ─gather─▶ Claims ┐
//!                                        ├─check─▶ Findings, sorted
//!            Surroundings (the host) ────┘
//! ```
//!
//! `check` is symmetric and independent of order, and taking a plane away never adds a finding: planes that meet on one
//! surface stand in one finding, whose planes can only become fewer.

pub mod finding;
pub mod codes;
pub mod claim;
pub mod gather;
pub mod surroundings;
pub mod host;
pub mod held;
pub mod masking;
mod circles;
mod group;
mod identities;
mod keys;
mod paths;
mod outside;
mod own;
mod ports;
mod pins;
mod remedy;
mod suggest;
mod wording;
mod within;

use std::collections::{BTreeMap, HashMap};

use claim::Claims;
use finding::Finding;
use gather::Declarations;
use suggest::Suggest;
use surroundings::{Ephemeral, Surroundings};
pub use within::arguments::told as with_arguments;

use crate::openclaw::ports::DEFAULT_BASE;
use crate::plane::{PlaneName, Planes};

/// Everything that stands against `planes`, sorted: what their `claims` say to one another, what each plane's own
/// configuration says to its manifest entry, and what `around` shows.
pub fn prove(planes: &Planes, declared: &Declarations, claims: Claims, around: &Surroundings) -> Vec<Finding> {
    let (claims, mut suggest) = (in_order(claims), Suggest::new(around));
    let mut findings = collisions(&claims, around, &mut suggest);
    let by: BTreeMap<&PlaneName, usize> =
        claims.claimants.iter().enumerate().map(|(by, claimant)| (&claimant.name, by)).collect();
    for (plane, places) in &planes.planes {
        let Some(by) = by.get(&plane.name) else { continue };
        let claimed = within::Claimed { claims: &claims, by: *by, suggest: &suggest };
        findings.extend(within::findings(plane, places, declared.get(&plane.name), planes, &claimed));
    }
    capped(sorted(findings))
}

/// What OpenClaw's `answers` hold against the configs of `planes`.
pub fn judged(planes: &Planes, answers: BTreeMap<PlaneName, host::Validity>) -> Vec<Finding> {
    let live = host::Live { validity: answers, ..host::Live::default() };
    let around = Surroundings { live: Some(live), ..Surroundings::default() };
    planes.planes.iter().filter_map(|(plane, places)| within::judged(plane, places, &around)).collect()
}

/// Which of `claims` collide, with one another and with what runs, sorted.
pub fn check(claims: Claims, around: &Surroundings) -> Vec<Finding> {
    capped(sorted(collisions(&in_order(claims), around, &mut Suggest::new(around))))
}

/// Which of `claims` collide with one another, sorted.
fn across(claims: Claims, around: &Surroundings) -> Vec<Finding> {
    capped(sorted(between(&in_order(claims), around, &mut Suggest::new(around))))
}

/// Whatever picks "the first" must not depend on the order in which things were written.
fn in_order(mut claims: Claims) -> Claims {
    claims.claims.sort();
    claims
}

fn collisions(claims: &Claims, around: &Surroundings, suggest: &mut Suggest) -> Vec<Finding> {
    let mut findings = between(claims, around, suggest);
    findings.extend(host::findings(claims, around, suggest));
    findings
}

fn between(claims: &Claims, around: &Surroundings, suggest: &mut Suggest) -> Vec<Finding> {
    let mut findings = paths::findings(claims, around, suggest);
    if suggest.has_moved_files() {
        // Once more, now that it is known who leaves which files.
        findings = paths::findings(claims, around, suggest);
    }
    findings.extend(circles::findings(claims, around));
    findings.extend(outside::findings(claims, around, suggest));
    findings.extend(own::findings(claims, around, suggest));
    findings.extend(ports::findings(claims, around, suggest));
    findings.extend(pins::findings(claims, suggest));
    findings.extend(identities::findings(claims, around, suggest));
    findings
}

/// Up to `count` base ports for new planes: OpenClaw's default, and then each a thousand on, as its own documentation does,
/// or as near to that as is free. Free of `families`, which exist, of the ports of `listeners`, and of `ephemeral` ones.
pub fn free_bases(count: usize, families: &[u16], listeners: &[u16], ephemeral: Option<Ephemeral>) -> Vec<u16> {
    const STEP: u16 = 1000;
    let mut taken = suggest::Bases::new(families, listeners, ephemeral.as_ref());
    let mut near = DEFAULT_BASE;
    let mut free = Vec::new();
    while free.len() < count {
        let Some(base) = taken.take(near) else { break };
        free.push(base);
        near = base.checked_add(STEP).unwrap_or(DEFAULT_BASE);
    }
    free
}

/// In the order shown, each once.
pub fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort();
    findings.dedup();
    findings
}

/// The most findings of one code about the same planes. A config can be wrong in as many places as it has lines.
const MOST_ALIKE: usize = 50;

/// The first findings of each kind, the last of them with the number of those that follow. None goes that blocks another plane, or
/// for another reason, than one that stays.
fn capped(findings: Vec<Finding>) -> Vec<Finding> {
    if findings.len() <= MOST_ALIKE {
        return findings;
    }
    let mut kept: Vec<Finding> = Vec::new();
    // Of each kind how many there are, and where in `kept` the last one is.
    let mut kinds: HashMap<_, (usize, usize)> = HashMap::new();
    for finding in findings {
        let kind = (finding.code.clone(), finding.planes.clone(), finding.living.clone());
        let (count, last) = kinds.entry(kind).or_default();
        *count += 1;
        if *count <= MOST_ALIKE {
            *last = kept.len();
            kept.push(finding);
        }
    }
    for (count, last) in kinds.into_values().filter(|(count, _)| *count > MOST_ALIKE) {
        kept[last].message.push_str(&format!("; {} more findings like this one are not shown", count - MOST_ALIKE));
    }
    kept
}

#[cfg(test)]
mod tests;
