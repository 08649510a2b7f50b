//! Paths that need not be a plane's alone, but must not lie in what is another's: agents' working folders, and links out of
//! a state dir.

use super::claim::{Claim, Claims, PathRole, Relation};
use super::codes::Code;
use super::finding::Finding;
use super::group::{distinct, runs};
use super::keys::Key;
use super::paths::apart;
use super::surroundings::Surroundings;
use super::wording::{change, finding, names, shown};

/// For each such path: the planes that have it in common, and those in whose folders it lies.
pub(super) fn findings(claims: &Claims, around: &Surroundings) -> Vec<Finding> {
    let outside: Vec<(PathRole, Key, &Claim)> = claims
        .claims
        .iter()
        .filter_map(|claim| {
            let (role, path) = claim.path()?;
            (role.relation() == Relation::Outside).then(|| (role, Key::by_name(path, around), claim))
        })
        .collect();
    if outside.is_empty() {
        return Vec::new();
    }
    let mut ground: Vec<(Key, &Claim)> =
        apart(claims).map(|(claim, path)| (Key::by_name(path, around), claim)).collect();
    ground.sort();
    let indexed = outside.iter().enumerate().map(|(index, (role, key, _))| ((*role, key), index));
    let mut found = Vec::new();
    for ((role, key), members) in runs(indexed.collect()) {
        let of: Vec<&Claim> = members.into_iter().map(|index| outside[index].2).collect();
        found.extend(in_common(claims, role, &of));
        let holders: Vec<&Claim> =
            key.ancestors().chain(std::iter::once(key.clone())).flat_map(|outer| claimed_at(&ground, &outer)).collect();
        found.extend(inside(claims, role, &of, &holders, around));
    }
    found
}

/// One path that several planes have.
fn in_common(claims: &Claims, role: PathRole, of: &[&Claim]) -> Option<Finding> {
    let owners = distinct(of.iter().map(|claim| claim.by));
    if owners.len() < 2 {
        return None;
    }
    let (who, surface) = (names(claims, &owners), shown(of[0].path()?.1));
    let (message, hint) = match role {
        PathRole::StateLink => (
            format!("links in the state dirs of {who} lead to one place: {}", links(of)),
            "leave it if both only read there; else replace each link by a folder of the plane's own",
        ),
        _ => (
            format!("agents of {who} work in one folder, {surface}"),
            "leave it if it is meant; else give each agent a `cwd` of its own",
        ),
    };
    Some(finding(claims, role.shared(), surface, of.iter().copied()).saying(message).hinting(hint))
}

/// One path that lies in what is another plane's.
fn inside(
    claims: &Claims,
    role: PathRole,
    of: &[&Claim],
    holders: &[&Claim],
    around: &Surroundings,
) -> Option<Finding> {
    let is_met = |claim: &&Claim| holders.iter().any(|holder| holder.by != claim.by);
    let guests: Vec<&Claim> = of.iter().copied().filter(is_met).collect();
    let is_foreign = |holder: &&Claim| of.iter().any(|claim| claim.by != holder.by);
    let holders: Vec<&Claim> = holders.iter().copied().filter(is_foreign).collect();
    let (guest, holder) = (guests.first()?, holders.last()?);
    let who = names(claims, &distinct(guests.iter().map(|claim| claim.by)));
    let whose = names(claims, &distinct(holders.iter().map(|claim| claim.by)));
    let (path, noun) = (guest.path()?.1, holder.path()?.0.noun());
    let surface = shown(path);
    let (code, message, hint) = match role {
        PathRole::StateLink => {
            let leads = around.identity(path).map(|identity| shown(&identity.canonical));
            (
                Code::StateLinkForeign,
                format!(
                    "the state dir of {who} has a link, {surface}, into the {noun} of {whose}, {}",
                    leads.unwrap_or_default()
                ),
                format!("replace the link by a folder of its own: rm {surface}"),
            )
        }
        _ => (
            Code::AgentCwdShared,
            format!("agents of {who} work in {surface}, inside the {noun} of {whose}"),
            format!("leave it if it is meant; else {}", change(claims.claimant(guest), guest, None)),
        ),
    };
    let involved = guests.iter().copied().chain(holders.iter().copied());
    Some(finding(claims, code, surface, involved).saying(message).hinting(hint))
}

/// The paths of links, for a sentence.
fn links(of: &[&Claim]) -> String {
    let paths: Vec<String> = of.iter().filter_map(|claim| Some(shown(claim.path()?.1))).collect();
    super::wording::listed(&paths)
}

/// Who claims exactly the path of `key`.
fn claimed_at<'a>(ground: &[(Key, &'a Claim)], key: &Key) -> Vec<&'a Claim> {
    let start = ground.partition_point(|(other, _)| other < key);
    ground[start..].iter().take_while(|(other, _)| other == key).map(|(_, claim)| *claim).collect()
}
