//! Which base ports and which single ports are still to be had.
//!
//! Compares no paths and offers nothing by itself.

use std::collections::BTreeSet;

use crate::collision::claim::{Claims, Surface};
use crate::collision::surroundings::{Ephemeral, Surroundings};
use crate::openclaw::ports::{ADVISED_SPACING, DEFAULT_BASE, Family, HIGHEST_BASE, SPAN};

/// The lowest port that is offered: those below need rights.
const LOWEST: u16 = 1024;

/// Every port that somebody has, as claimed, as listened on, as offered.
pub(super) struct Ports {
    bases: Bases,
    families: Vec<(u16, usize)>,
    single: BTreeSet<u16>,
    ephemeral: Option<Ephemeral>,
}

impl Ports {
    pub(super) fn new(claims: &Claims, around: &Surroundings) -> Self {
        let (mut families, mut single) = (Vec::new(), BTreeSet::new());
        for claim in &claims.claims {
            match &claim.surface {
                Surface::Family(base) => families.push((*base, claim.by)),
                Surface::Pin(_, port) => {
                    single.insert(*port);
                }
                Surface::Path(..)
                | Surface::Browser(_)
                | Surface::Credential(..)
                | Surface::Profile(_)
                | Surface::Runtime(_)
                | Surface::Container(_) => {}
            }
        }
        single.extend(around.live.iter().flat_map(|live| live.listeners.iter().map(|at| at.port)));
        families.sort_unstable();
        let all: Vec<u16> = families.iter().map(|(base, _)| *base).collect();
        let pinned: Vec<u16> = single.iter().copied().collect();
        let bases = Bases::new(&all, &pinned, around.ephemeral.as_ref());
        Self { bases, families, single, ephemeral: around.ephemeral.clone() }
    }

    /// Gives out a base port for a plane.
    pub(super) fn base(&mut self, by: usize, near: u16) -> Option<u16> {
        let base = self.bases.take(near)?;
        // Whoever moves may not have done so yet: its old family stays its own.
        let at = self.families.partition_point(|(other, _)| *other < base);
        self.families.insert(at, (base, by));
        Some(base)
    }

    /// Gives out a port for a browser in the family of `base`: none that OpenClaw gives to a browser by itself at first.
    pub(super) fn cdp(&mut self, by: usize, base: u16) -> Option<u16> {
        let mut cdp = Family::new(base).ok()?.cdp().skip(1);
        let port = cdp.find(|port| !self.single.contains(port) && !self.is_in_family(*port, Some(by)))?;
        self.give(port);
        Some(port)
    }

    /// Gives out a port in no family: the next above `near`, else the lowest.
    pub(super) fn single(&mut self, near: u16) -> Option<u16> {
        let near = near.max(LOWEST);
        let passing = |port: u16| self.ephemeral.as_ref().is_some_and(|range| range.touches(port, port).is_some());
        let is_free = |port: &u16| !self.single.contains(port) && !self.is_in_family(*port, None) && !passing(*port);
        let port = (near..=u16::MAX).find(is_free).or_else(|| (LOWEST..near).find(is_free))?;
        self.give(port);
        Some(port)
    }

    /// Whether a family holds `port`, other than those of `by`.
    fn is_in_family(&self, port: u16, by: Option<usize>) -> bool {
        let start = self.families.partition_point(|(base, _)| *base < port.saturating_sub(SPAN));
        let holding = self.families[start..].iter().take_while(|(base, _)| *base <= port);
        holding.into_iter().any(|(_, owner)| Some(*owner) != by)
    }

    fn give(&mut self, port: u16) {
        self.single.insert(port);
        self.bases.bar(port);
    }
}

/// Base ports that may not be given out any more: ranges, merged and rising.
pub(in crate::collision) struct Bases(Vec<(u16, u16)>);

impl Bases {
    /// All but those that would meet a family, a single port, or an ephemeral one.
    pub(in crate::collision) fn new(families: &[u16], single: &[u16], ephemeral: Option<&Ephemeral>) -> Self {
        let holds = |first: u16, last: u16| (first.saturating_sub(SPAN), last);
        let families = families.iter().map(|base| beside(*base));
        let single = single.iter().map(|port| holds(*port, *port));
        let ephemeral = ephemeral.map(|of| holds(*of.range.start(), *of.range.end()));
        Self(merged(families.chain(single).chain(ephemeral).collect()))
    }

    /// Keeps `port` out of every family that is given out from now on.
    fn bar(&mut self, port: u16) {
        self.0.push((port.saturating_sub(SPAN), port));
        self.0 = merged(std::mem::take(&mut self.0));
    }

    /// Gives out the next one from `near` on, else the lowest.
    pub(in crate::collision) fn take(&mut self, near: u16) -> Option<u16> {
        let base = next_free(&self.0, near.max(LOWEST)).or_else(|| next_free(&self.0, LOWEST))?;
        self.0.push(beside(base));
        self.0 = merged(std::mem::take(&mut self.0));
        Some(base)
    }
}

/// The base ports that are too near to `base`.
fn beside(base: u16) -> (u16, u16) {
    (base.saturating_sub(ADVISED_SPACING - 1), base.saturating_add(ADVISED_SPACING - 1))
}

fn merged(mut ranges: Vec<(u16, u16)>) -> Vec<(u16, u16)> {
    ranges.sort_unstable();
    let mut out: Vec<(u16, u16)> = Vec::new();
    for (first, last) in ranges {
        match out.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = (*end).max(last),
            _ => out.push((first, last)),
        }
    }
    out
}

/// The first base port from `from` on that lies in none of the merged ranges.
fn next_free(taken: &[(u16, u16)], from: u16) -> Option<u16> {
    let after = taken.partition_point(|(_, last)| *last < from);
    let base = match taken.get(after) {
        Some((first, last)) if *first <= from => last.checked_add(1)?,
        _ => from,
    };
    (base <= HIGHEST_BASE).then_some(base)
}

/// The base port near which a plane is offered another: its own, or OpenClaw's default for one below all that may be used.
pub(in crate::collision) fn near(base: u16) -> u16 {
    if (LOWEST..=HIGHEST_BASE).contains(&base) { base } else { DEFAULT_BASE }
}

#[cfg(test)]
mod tests {
    use super::{merged, next_free};

    #[test]
    fn ranges_merge_and_gaps_are_found() {
        let taken = merged(vec![(300, 400), (100, 200), (201, 250), (390, 450)]);
        assert_eq!(taken, [(100, 250), (300, 450)]);
        assert_eq!(next_free(&taken, 50), Some(50));
        assert_eq!(next_free(&taken, 100), Some(251));
        assert_eq!(next_free(&taken, 250), Some(251));
        assert_eq!(next_free(&taken, 260), Some(260));
        assert_eq!(next_free(&taken, 300), Some(451));
        assert_eq!(next_free(&[(0, u16::MAX)], 5), None);
        assert_eq!(next_free(&[(60000, 65420)], 60000), Some(65421));
        assert_eq!(next_free(&[(60000, 65425)], 60000), None);
    }
}
