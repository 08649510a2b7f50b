//! Paths that need not be a plane's alone, but must not lie in what is another's: working folders, HOME, and what is found
//! linked or mounted inside a state dir or a workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::claim::{Claim, Claims, PathRole, Relation};
use super::codes::Code;
use super::finding::Finding;
use super::group::{distinct, runs};
use super::keys::Key;
use super::paths::apart;
use super::remedy::steps;
use super::suggest::Suggest;
use super::surroundings::{EntryKind, Surroundings};
use super::wording::{finding, listed, names, shown};
use crate::plane::shell::{own_copy, word};

/// For each such path: the planes that have it in common, and those in whose folders it lies.
pub(super) fn findings(claims: &Claims, around: &Surroundings, suggest: &mut Suggest) -> Vec<Finding> {
    let outside: Vec<(PathRole, &Claim)> = claims
        .claims
        .iter()
        .filter_map(|claim| {
            let (role, _) = claim.path()?;
            (role == PathRole::Home || role.relation() == Relation::Outside).then_some((role, claim))
        })
        .collect();
    let spots = outside.iter().enumerate().map(|(index, (role, claim))| ((*role, spot(claim, around)), index));
    let (ground, mut found) = (Ground::new(claims, around), Vec::new());
    let mut linked: BTreeMap<(Vec<usize>, Within), Vec<&Claim>> = BTreeMap::new();
    for ((role, spot), members) in runs(spots.collect()) {
        let of: Vec<&Claim> = members.into_iter().map(|index| outside[index].1).collect();
        let owners = distinct(of.iter().map(|claim| claim.by));
        match spot {
            _ if owners.len() < 2 => {}
            // Whoever copied a folder by hard links has many of them.
            Spot::File(..) => linked.entry((owners, Within::of(role))).or_default().extend(&of),
            Spot::Place(_) => found.extend(in_common(claims, role, &of, around)),
        }
        // One file, or one mounted folder, lies wherever a name of it stands.
        let name = |claim: &Claim| claim.path().map(|(_, path)| Key::by_name(path, around));
        for (_, same) in runs(of.iter().enumerate().map(|(index, claim)| (name(claim), index)).collect()) {
            let same: Vec<&Claim> = same.into_iter().map(|index| of[index]).collect();
            found.extend(inside(claims, role, &same, &ground.holders(same[0], around), suggest));
        }
    }
    found.extend(linked.iter().map(|((_, within), of)| hard_links(claims, of, *within)));
    found
}

/// In what a file lies that has other names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Within {
    /// A state dir, where only the plane itself may write.
    State,
    /// A workspace.
    Workspace,
}

impl Within {
    fn of(role: PathRole) -> Self {
        if role == PathRole::WorkspaceLink { Self::Workspace } else { Self::State }
    }
}

/// What two paths that are one have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Spot {
    /// A file, whatever its names.
    File(u64, u64),
    /// A place.
    Place(Key),
}

fn spot(claim: &Claim, around: &Surroundings) -> Spot {
    let path = claim.path().expect("only paths are asked about").1;
    let identity = around.identity(path);
    match identity.and_then(|identity| identity.entry).filter(|entry| entry.kind == EntryKind::File) {
        Some(entry) => Spot::File(entry.inode.0, entry.inode.1),
        None => Spot::Place(identity.and_then(Key::by_place).unwrap_or_else(|| Key::by_name(path, around))),
    }
}

/// What belongs to planes alone, by name and by place within file systems, each in order.
struct Ground<'a>([Vec<(Key, &'a Claim)>; 2]);

impl<'a> Ground<'a> {
    fn new(claims: &'a Claims, around: &Surroundings) -> Self {
        let by_name: Vec<_> = apart(claims).map(|(claim, path)| (Key::by_name(path, around), claim)).collect();
        let place = |path| around.identity(path).and_then(Key::by_place);
        let by_place: Vec<_> = apart(claims).filter_map(|(claim, path)| Some((place(path)?, claim))).collect();
        let mut grounds = [by_name, by_place];
        for ground in &mut grounds {
            ground.sort();
            // What many agents of a plane have in common would be gone through for each of their working folders.
            let role = |claim: &Claim| claim.path().map(|(role, _)| role);
            ground.dedup_by(|a, b| (&a.0, a.1.by, role(a.1)) == (&b.0, b.1.by, role(b.1)));
        }
        Self(grounds)
    }

    /// The claims in which `claim` lies, the innermost last; of a part of a state also those that lie in it.
    fn holders(&self, claim: &Claim, around: &Surroundings) -> Vec<&'a Claim> {
        let Some((role, path)) = claim.path() else { return Vec::new() };
        let by_place = around.identity(path).and_then(Key::by_place);
        let keys = [Some(Key::by_name(path, around)), by_place];
        let mut found: Vec<&Claim> = Vec::new();
        let mut known: BTreeSet<&Claim> = BTreeSet::new();
        for (ground, key) in self.0.iter().zip(keys) {
            let Some(key) = key else { continue };
            let mut held = Vec::new();
            if role == PathRole::StatePart {
                let start = ground.partition_point(|(other, _)| other < &key);
                let within = ground[start..].iter().take_while(|(other, _)| other.is_within(&key));
                held.extend(within.map(|(_, claim)| *claim));
            }
            for outer in key.ancestors().chain(std::iter::once(key.clone())) {
                let start = ground.partition_point(|(other, _)| other < &outer);
                held.extend(ground[start..].iter().take_while(|(other, _)| *other == outer).map(|(_, claim)| *claim));
            }
            held.retain(|claim| !known.contains(claim));
            known.extend(&held);
            found.extend(held);
        }
        found
    }
}

/// One place that several planes have; where that is no mistake by itself nothing is said.
fn in_common(claims: &Claims, role: PathRole, of: &[&Claim], around: &Surroundings) -> Option<Finding> {
    let owners = distinct(of.iter().map(|claim| claim.by));
    let (who, surface) = (names(claims, &owners), shown(of[0].path()?.1));
    let (code, message, hint) = match role {
        PathRole::StateLink => (
            Code::StateLinkShared,
            format!("links in the state dirs of {who} lead to one place: {}", spelled(of)),
            "leave it if both only read there; else replace each link by a folder of the plane's own".to_owned(),
        ),
        PathRole::StatePart => {
            let by = if is_mount(of[0], around) { "mounts" } else { "links" };
            (
                part(claims, of[0]),
                format!("parts of the states of {who} are one through {by}: {}", spelled(of)),
                format!("give each plane a folder of its own there: {}", undo(of[of.len() - 1], around)),
            )
        }
        PathRole::AgentCwd => (
            Code::AgentCwdShared,
            format!("agents of {who} work in one folder, {surface}"),
            "leave it if it is meant; else give each agent a `cwd` of its own".to_owned(),
        ),
        // Many tools may start in one folder, and what a workspace is linked to may be anybody's.
        _ => return None,
    };
    Some(finding(claims, code, surface, of.iter().copied()).saying(message).hinting(hint))
}

/// Files of two states, or of two workspaces, that are one file each.
fn hard_links(claims: &Claims, of: &[&Claim], within: Within) -> Finding {
    let owners = distinct(of.iter().map(|claim| claim.by));
    let mut paths: Vec<&Path> = of.iter().filter_map(|claim| Some(claim.path()?.1)).collect();
    paths.sort();
    let surface = shown(paths[0]);
    let told: Vec<String> = paths.iter().map(|path| shown(path)).collect();
    let (code, whose) = match within {
        Within::Workspace => (Code::StateLinkShared, "workspaces"),
        Within::State => (Code::StatePartShared, "states"),
    };
    let message =
        format!("{} have files of their {whose} in common, by links: {}", names(claims, &owners), listed(&told));
    let hint = format!("make each a file of its own: {}", own_copy(paths[paths.len() - 1]));
    finding(claims, code, surface, of.iter().copied()).saying(message).hinting(hint)
}

/// One path that lies in what is another plane's.
fn inside(
    claims: &Claims,
    role: PathRole,
    of: &[&Claim],
    holders: &[&Claim],
    suggest: &mut Suggest,
) -> Option<Finding> {
    let around = suggest.around;
    let is_met = |claim: &&Claim| holders.iter().any(|holder| holder.by != claim.by);
    let guests: Vec<&Claim> = of.iter().copied().filter(is_met).collect();
    let is_foreign = |holder: &&Claim| of.iter().any(|claim| claim.by != holder.by);
    let holders: Vec<&Claim> = holders.iter().copied().filter(is_foreign).collect();
    let (guest, holder) = (guests.first()?, holders.last()?);
    let who = names(claims, &distinct(guests.iter().map(|claim| claim.by)));
    let whose = names(claims, &distinct(holders.iter().map(|claim| claim.by)));
    let (path, noun) = (guest.path()?.1, holder.path()?.0.noun());
    let surface = shown(path);
    let leads = around.identity(path).map_or_else(|| surface.clone(), |identity| shown(&identity.canonical));
    let mut step = || steps(claims, &guests, suggest);
    let (code, message, hint) = match role {
        PathRole::StateLink | PathRole::StatePart => {
            let what = if is_mount(guest, around) { "mount" } else { "link" };
            // A mount is where its name says; what it shows is the other's.
            let leads = if is_mount(guest, around) { shown(holder.path()?.1) } else { leads };
            let entry = around.identity(path).and_then(|identity| identity.entry);
            let kind = if entry.is_some_and(|entry| entry.kind == EntryKind::File) { "file" } else { "folder" };
            (
                Code::StateLinkForeign,
                format!("the state dir of {who} has a {what}, {surface}, into the {noun} of {whose}, {leads}"),
                format!("put a {kind} of its own there: {}", undo(guest, around)),
            )
        }
        PathRole::WorkspaceLink => (
            Code::StateLinkForeign,
            format!("a workspace of {who} has {surface}, which leads into the {noun} of {whose}, {leads}"),
            format!("leave it out of the workspace: {}", undo(guest, around)),
        ),
        PathRole::Home => {
            (Code::HomeInPlane, format!("the HOME of {who}, {surface}, lies inside the {noun} of {whose}"), step())
        }
        PathRole::Cwd => (
            Code::CwdInPlane,
            format!("{who} works in {surface}, inside the {noun} of {whose}"),
            format!("leave it if it is meant; else {}", step()),
        ),
        _ => (
            Code::AgentCwdShared,
            format!("agents of {who} work in {surface}, inside the {noun} of {whose}"),
            format!("leave it if it is meant; else {}", step()),
        ),
    };
    let involved = guests.iter().copied().chain(holders.iter().copied());
    Some(finding(claims, code, surface, involved).saying(message).hinting(hint))
}

/// A browser's sessions are told from the rest of a state: whoever shares them is logged in as the other.
fn part(claims: &Claims, claim: &Claim) -> Code {
    let state_dir = &claims.claimant(claim).state_dir;
    let below = claim.path().and_then(|(_, path)| path.strip_prefix(state_dir).ok());
    if below.is_some_and(|below| below.starts_with("browser")) {
        Code::BrowserDataShared
    } else {
        Code::StatePartShared
    }
}

/// Something that is where its name says, and still is somewhere else too, is a mount.
fn is_mount(claim: &Claim, around: &Surroundings) -> bool {
    let known = claim.path().and_then(|(_, path)| Some((path, around.identity(path)?)));
    known.is_some_and(|(path, identity)| {
        let below = |canonical: &Path| canonical.file_name() == path.file_name();
        identity.within.as_ref().is_some_and(|within| below(&identity.canonical) && !below(&within.path))
            || identity.canonical == path
    })
}

/// The command that undoes a link or a mount.
fn undo(claim: &Claim, around: &Surroundings) -> String {
    let path = claim.path().map(|(_, path)| word(path)).unwrap_or_default();
    if is_mount(claim, around) { format!("umount {path}") } else { format!("rm {path}") }
}

/// The paths of links, for a sentence.
fn spelled(of: &[&Claim]) -> String {
    let paths: Vec<String> = of.iter().filter_map(|claim| Some(shown(claim.path()?.1))).collect();
    listed(&paths)
}
