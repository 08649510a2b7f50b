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
mod group;
mod identities;
mod keys;
mod paths;
mod outside;
mod own;
mod ports;
mod pins;
mod suggest;
mod wording;
mod within;

use claim::Claims;
use finding::Finding;
use gather::Declarations;
use suggest::Suggest;
use surroundings::{Ephemeral, Surroundings};

use crate::openclaw::ports::DEFAULT_BASE;
use crate::plane::Planes;

/// Everything that stands against `planes`, sorted: what their `claims` say to one another, what each plane's own
/// configuration says to its manifest entry, and what `around` shows.
pub fn prove(planes: &Planes, declared: &Declarations, claims: Claims, around: &Surroundings) -> Vec<Finding> {
    let mut findings = check(claims, around);
    for (plane, places) in &planes.planes {
        findings.extend(within::findings(plane, places, declared.get(&plane.name), planes, around));
    }
    sorted(findings)
}

/// Which of `claims` collide, with one another and with what runs, sorted.
pub fn check(mut claims: Claims, around: &Surroundings) -> Vec<Finding> {
    // Whatever picks "the first" below must not depend on the order in which things were written.
    claims.claims.sort();
    let mut suggest = Suggest::new(around);
    let mut findings = between(&claims, around, &mut suggest);
    findings.extend(host::findings(&claims, around, &mut suggest));
    sorted(findings)
}

/// Which of `claims` collide with one another, sorted.
fn across(mut claims: Claims, around: &Surroundings) -> Vec<Finding> {
    claims.claims.sort();
    sorted(between(&claims, around, &mut Suggest::new(around)))
}

fn between(claims: &Claims, around: &Surroundings, suggest: &mut Suggest) -> Vec<Finding> {
    let mut findings = paths::findings(claims, around, suggest);
    findings.extend(outside::findings(claims, around));
    findings.extend(own::findings(claims, around, suggest));
    findings.extend(ports::findings(claims, around, suggest));
    findings.extend(pins::findings(claims));
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

#[cfg(test)]
mod tests;
