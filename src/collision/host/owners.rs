//! Others who own, or would own, a plane: living gateways, native services, strays.

use super::facts::{Belongs, Live, Process, Scope, Service, Standing};
use crate::collision::claim::{Claim, Claims, PathRole};
use crate::collision::codes::Code;
use crate::collision::finding::Finding;
use crate::collision::wording::{finding, names, shown};
use crate::plane::PlaneName;
use crate::plane::shell::word;

/// Who else owns what the planes claim.
pub(super) fn findings(claims: &Claims, live: &Live) -> Vec<Finding> {
    let mut found = Vec::new();
    for (plane, owner) in live.owners.iter().filter(|(_, owner)| !owner.is_ours()) {
        found.extend(state_dir(claims, plane).map(|claim| owned(claims, claim, owner)));
    }
    found.extend(live.services.iter().filter_map(|service| native(claims, service)));
    for stray in live.strays.iter().filter(|stray| !stray.process.is_ours()) {
        // The owner of the state dir has its own, graver finding.
        if live.owners.get(&stray.plane).is_some_and(|owner| owner.pid == stray.process.pid) {
            continue;
        }
        let Some(claim) = state_dir(claims, &stray.plane) else { continue };
        let surface = shown(&stray.folder);
        let message = format!("{} uses {surface} of `{}`, and no keeper answers for it", stray.process, stray.plane);
        let hint = format!("end it when it is not meant: {}", stray.process.remedy());
        found.push(finding(claims, Code::StrayProcess, surface, [claim]).saying(message).hinting(hint));
    }
    found
}

fn owned(claims: &Claims, claim: &Claim, owner: &Process) -> Finding {
    let name = &claims.claimant(claim).name;
    let surface = shown(&claims.claimant(claim).state_dir);
    let is = match owner.belongs {
        Belongs::Foreign { .. } => "lives on",
        Belongs::Ours(_) | Belongs::Nobody => "is a living gateway that owns",
    };
    let message = format!("{owner} {is} the state dir of `{name}`, {surface}");
    let hint = format!("stop it first ({}), or give `{name}` a state dir of its own", owner.remedy());
    finding(claims, Code::StateDirOwned, surface, [claim]).saying(message).hinting(hint)
}

fn native(claims: &Claims, service: &Service) -> Option<Finding> {
    let involved: Vec<&Claim> = service.planes.iter().filter_map(|plane| state_dir(claims, plane)).collect();
    if involved.is_empty() {
        return None;
    }
    let owners: Vec<usize> = involved.iter().map(|claim| claim.by).collect();
    let (code, is) = match service.standing {
        Standing::Running => (Code::NativeService, "is running"),
        Standing::Masked => (Code::NativeService, "is running, although it is masked"),
        Standing::Enabled => (Code::NativeService, "is enabled"),
        Standing::Installed => (Code::NativeServiceIdle, "is installed, though neither enabled nor running"),
    };
    let kind = match service.scope {
        Scope::System => "system",
        Scope::OwnUser | Scope::User(_) => "user",
    };
    let message = format!(
        "the native {kind} service {}, which runs a gateway for {}, {is}: two owners of one gateway",
        service.unit,
        names(claims, &owners)
    );
    let systemctl = service.scope.systemctl();
    let hint = match service.standing {
        Standing::Running | Standing::Enabled => format!("{systemctl} disable --now {}", word(&service.unit)),
        Standing::Masked => format!("{systemctl} stop {}", word(&service.unit)),
        Standing::Installed => format!("rm {} && {systemctl} daemon-reload", word(&service.file)),
    };
    Some(finding(claims, code, service.unit.clone(), involved).saying(message).hinting(hint))
}

/// The claim of a plane's state dir.
fn state_dir<'a>(claims: &'a Claims, plane: &PlaneName) -> Option<&'a Claim> {
    claims.claims.iter().find(|claim| {
        claims.claimant(claim).name == *plane && claim.path().is_some_and(|(role, _)| role == PathRole::StateDir)
    })
}
