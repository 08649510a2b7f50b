//! Planes' paths against those that gateward keeps for itself.

use std::path::Path;

use super::claim::{Claim, Claims, OwnPath, OwnRole, PathRole, Relation};
use super::codes::Code;
use super::finding::Finding;
use super::group::distinct;
use super::keys::Key;
use super::remedy::steps;
use super::suggest::Suggest;
use super::surroundings::Surroundings;
use super::wording::{finding, names, shown};

/// Where gateward and planes would stand on each other's feet: one finding for each of gateward's paths that planes meet,
/// unless it lies in another of them that the same planes meet.
pub(super) fn findings(claims: &Claims, around: &Surroundings, suggest: &mut Suggest) -> Vec<Finding> {
    let is_kept = |role: PathRole| {
        role.relation() == Relation::Apart || matches!(role, PathRole::StateLink | PathRole::WorkspaceLink)
    };
    let keyed: Vec<(Keys, &Claim)> = claims
        .claims
        .iter()
        .filter_map(|claim| {
            let (role, path) = claim.path()?;
            is_kept(role).then(|| (Keys::of(path, around), claim))
        })
        .collect();
    let mut found: Vec<Finding> = Vec::new();
    for own in &claims.own {
        let ours = Keys::of(&own.path, around);
        let meets = |(theirs, claim): &&(Keys, &Claim)| {
            let is_folder = claim.path().is_some_and(|(role, _)| role.is_folder());
            ours.0.iter().flatten().zip(theirs.0.iter().flatten()).any(|(key, other)| {
                let holds_us = is_folder && key.is_within(other);
                let is_held = other.is_within(key) && (other == key || !own.role.may_hold_planes());
                holds_us || is_held
            })
        };
        let mut meeting: Vec<&Claim> = keyed.iter().filter(meets).map(|(_, claim)| *claim).collect();
        // What lies below another path of the same plane needs no word of its own.
        meeting.sort_by_key(|claim| (claim.by, claim.path().map(|(_, path)| path.to_owned())));
        meeting.dedup_by_key(|claim| claim.by);
        if meeting.is_empty() {
            continue;
        }
        let one = said(claims, own, &meeting, suggest);
        if !found.iter().any(|other| other.code == one.code && other.planes == one.planes) {
            found.push(one);
        }
    }
    found
}

/// A path by its name, and by its place within its file system where that is known: a bind mount has another name.
struct Keys([Option<Key>; 2]);

impl Keys {
    fn of(path: &Path, around: &Surroundings) -> Self {
        Self([Some(Key::by_name(path, around)), around.identity(path).and_then(Key::by_place)])
    }
}

fn said(claims: &Claims, own: &OwnPath, meeting: &[&Claim], suggest: &mut Suggest) -> Finding {
    let (code, surface) = match own.role {
        OwnRole::Manifest => (Code::ManifestInPlane, shown(&own.path)),
        OwnRole::StateDir | OwnRole::RunDir | OwnRole::PlaneDirs => (Code::SupervisorPathShared, shown(&own.path)),
    };
    let owners = distinct(meeting.iter().map(|claim| claim.by));
    let (role, path) = meeting[0].path().expect("only paths meet here");
    let theirs = if owners.len() == 1 {
        format!("the {} of {}, {}", role.noun(), names(claims, &owners), shown(path))
    } else {
        format!("paths of {}", names(claims, &owners))
    };
    let message = format!("{}, {surface}, and {theirs} lie in one another", own.role.noun());
    let hint = match own.role {
        OwnRole::Manifest => "move the manifest out of every plane's folders, say beside them".to_owned(),
        OwnRole::StateDir | OwnRole::RunDir | OwnRole::PlaneDirs => {
            format!("{}, or move gateward's own folder under [supervisor]", steps(claims, meeting, suggest))
        }
    };
    finding(claims, code, surface, meeting.iter().copied()).saying(message).hinting(hint)
}
