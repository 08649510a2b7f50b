//! Families of ports: overlapping, too close, too high, or where the kernel takes ports for itself.

use super::claim::{Claim, Claims, Surface};
use super::codes::Code;
use super::finding::Finding;
use super::group::{distinct, runs};
use super::remedy::{advice, movers, step, steps};
use super::suggest::Suggest;
use super::surroundings::{Ephemeral, Surroundings};
use super::wording::{finding, names};
use crate::openclaw::ports::{ADVISED_SPACING, FALLBACK_CDP, HIGHEST_BASE, SPAN};

/// The most ranges that a reservation lists: more of them need another numbering.
const RESERVED: usize = 16;

/// Everything that is wrong with base ports and what is derived from them.
pub(super) fn findings(claims: &Claims, around: &Surroundings, suggest: &mut Suggest) -> Vec<Finding> {
    let families: Vec<(u16, &Claim)> = families(claims);
    let bases = runs(families.iter().enumerate().map(|(index, (base, _))| (*base, index)).collect());
    let bases: Vec<(u16, Vec<&Claim>)> =
        bases.into_iter().map(|(base, of)| (base, of.into_iter().map(|i| families[i].1).collect())).collect();
    let reservation = around.ephemeral.as_ref().and_then(|ephemeral| reservation(&bases, ephemeral));
    let mut found = overlapping(claims, &bases, suggest);
    found.extend(close(claims, &bases, suggest));
    for (base, of) in &bases {
        for claim in of {
            found.extend(too_high(claims, *base, claim, suggest));
            found.extend(ephemeral(claims, (*base, claim), around, reservation.as_deref(), suggest));
        }
    }
    found
}

/// Every base port with its claim.
pub(super) fn families(claims: &Claims) -> Vec<(u16, &Claim)> {
    let family = |claim: &'_ Claim| match claim.surface {
        Surface::Family(base) => Some(base),
        Surface::Path(..)
        | Surface::Pin(..)
        | Surface::Browser(_)
        | Surface::Credential(..)
        | Surface::Profile(_)
        | Surface::Runtime(_)
        | Surface::Container(_) => None,
    };
    claims.claims.iter().filter_map(|claim| Some((family(claim)?, claim))).collect()
}

/// Chains of families each of which runs into the next: one finding a chain.
fn overlapping(claims: &Claims, bases: &[(u16, Vec<&Claim>)], suggest: &mut Suggest) -> Vec<Finding> {
    let mut found = Vec::new();
    for chain in bases.chunk_by(|(base, _), (next, _)| next - base <= SPAN) {
        let of: Vec<&Claim> = chain.iter().flat_map(|(_, of)| of.iter().copied()).collect();
        let owners = distinct(of.iter().map(|claim| claim.by));
        if owners.len() > 1 {
            found.push(overlap(claims, chain, &of, &owners, suggest));
        }
    }
    found
}

fn overlap(
    claims: &Claims,
    chain: &[(u16, Vec<&Claim>)],
    of: &[&Claim],
    owners: &[usize],
    suggest: &mut Suggest,
) -> Finding {
    let (lowest, highest) = (chain[0].0, chain[chain.len() - 1].0);
    let who = names(claims, owners);
    let (surface, message) = match chain {
        [_] => (
            lowest.to_string(),
            format!(
                "{who} have one base port, {lowest}, and so one port family, {lowest}–{}",
                lowest.saturating_add(SPAN)
            ),
        ),
        [_, _] => {
            let shared = (highest, lowest.saturating_add(SPAN));
            let range = format!("{}–{}", shared.0, shared.1);
            let range = if shared.0 == shared.1 { shared.0.to_string() } else { range };
            let message = format!("the port families of {who} overlap in {range}");
            (range, message)
        }
        _ => {
            let range = format!("{lowest}–{}", highest.saturating_add(SPAN));
            let message = format!("the port families of {who} run into one another between {range}");
            (range, message)
        }
    };
    finding(claims, Code::PortFamilyOverlap, surface, of.iter().copied())
        .saying(message)
        .hinting(elsewhere(claims, of, suggest))
}

/// Pairs of bases whose families do not overlap but stand nearer than is advised.
fn close(claims: &Claims, bases: &[(u16, Vec<&Claim>)], suggest: &mut Suggest) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, (base, of)) in bases.iter().enumerate() {
        let later = bases[index + 1..].iter().take_while(|(next, _)| next - base < ADVISED_SPACING);
        for (next, with) in later.filter(|(next, _)| next - base > SPAN) {
            let both: Vec<&Claim> = of.iter().chain(with).copied().collect();
            let owners = distinct(both.iter().map(|claim| claim.by));
            let message = format!(
                "the base ports of {}, {base} and {next}, are {} apart; OpenClaw advises {ADVISED_SPACING}",
                names(claims, &owners),
                next - base
            );
            let hint = format!("when convenient, {}", advice(claims, &movers(claims, &both), suggest));
            let surface = format!("{base}, {next}");
            found.push(finding(claims, Code::PortFamilyClose, surface, both).saying(message).hinting(hint));
        }
    }
    found
}

fn too_high(claims: &Claims, base: u16, claim: &Claim, suggest: &mut Suggest) -> Option<Finding> {
    if base <= HIGHEST_BASE {
        return None;
    }
    let message = format!(
        "the base port of `{}`, {base}, leaves no room for its {SPAN} derived ports: above {HIGHEST_BASE} OpenClaw moves the \
         browsers to {}–{}, for every such gateway alike",
        claims.claimant(claim).name,
        FALLBACK_CDP.start(),
        FALLBACK_CDP.end()
    );
    let hint = step(claims, claim, suggest);
    Some(finding(claims, Code::PortFamilyTooHigh, base.to_string(), [claim]).saying(message).hinting(hint))
}

fn ephemeral(
    claims: &Claims,
    (base, claim): (u16, &Claim),
    around: &Surroundings,
    reservation: Option<&str>,
    suggest: &mut Suggest,
) -> Option<Finding> {
    let ephemeral = around.ephemeral.as_ref()?;
    let last = base.saturating_add(SPAN);
    let (from, to) = ephemeral.touches(base, last)?;
    let message = format!(
        "the port family of `{}`, {base}–{last}, lies in the range from which the kernel gives ports to outgoing \
         connections ({from}–{to} of net.ipv4.ip_local_port_range = {} {})",
        claims.claimant(claim).name,
        ephemeral.range.start(),
        ephemeral.range.end()
    );
    let or = reservation.map(|all| format!("; or reserve the ports: sysctl net.ipv4.ip_local_reserved_ports={all}"));
    let hint = format!("{}{}", advice(claims, &[claim], suggest), or.unwrap_or_default());
    Some(finding(claims, Code::PortFamilyEphemeral, format!("{base}–{last}"), [claim]).saying(message).hinting(hint))
}

/// What reserves every family that needs it, with what is reserved now: the setting is one list, and each writing of it
/// replaces the one before.
fn reservation(bases: &[(u16, Vec<&Claim>)], ephemeral: &Ephemeral) -> Option<String> {
    let families = bases.iter().map(|(base, _)| (*base, base.saturating_add(SPAN)));
    let exposed = families.filter(|(first, last)| ephemeral.touches(*first, *last).is_some());
    let kept = ephemeral.reserved.iter().map(|range| (*range.start(), *range.end()));
    let mut ranges: Vec<(u16, u16)> = exposed.chain(kept).collect();
    ranges.sort_unstable();
    let spelled =
        |(first, last): &(u16, u16)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    (ranges.len() <= RESERVED).then(|| ranges.iter().map(spelled).collect::<Vec<_>>().join(","))
}

/// Base ports for all but one of the claimants.
pub(super) fn elsewhere(claims: &Claims, of: &[&Claim], suggest: &mut Suggest) -> String {
    steps(claims, &movers(claims, of), suggest)
}
