//! What each plane's program would be handed, arguments and environment, against what can be handed on. Starts nothing.

use std::collections::BTreeMap;

use super::programs::Programs;
use crate::collision::surroundings::{Bearer, Burden};
use crate::daemon::seal;
use crate::openclaw::environment;
use crate::os::{lock, means};
use crate::plane::{Plane, PlaneName, Planes};
use crate::rundir;
use crate::wire::FRAME_CAP;

/// Left for what an interpreter adds in front of a script's arguments, and for the cookie.
const LEFT: u64 = 8 << 10;

/// A keeper tells two definitions in one message while a gateway of the one before lives.
const MOST_OF_DEFINITION: u64 = FRAME_CAP as u64 / 2 - (1 << 10);

/// No plane with less than this is looked at more closely: it is below every bound.
const LIGHT: u64 = 48 << 10;

/// Variables and arguments that are named, largest first.
const NAMED: usize = 3;

/// The planes that would be handed more than can be.
pub(super) fn too_large(planes: &Planes, programs: &mut Programs) -> BTreeMap<PlaneName, Burden> {
    let mut found = BTreeMap::new();
    for (plane, _) in &planes.planes {
        if let Some(burden) = of_plane(plane, planes, programs) {
            found.insert(plane.name.clone(), burden);
        }
    }
    found
}

fn of_plane(plane: &Plane, planes: &Planes, programs: &mut Programs) -> Option<Burden> {
    // What is not there is told of by itself.
    let program = programs.host(plane).ok()?.program.clone();
    let environ = programs.environ(plane);
    let argv = environment::argv(plane, &program);
    let arguments = argv.iter().map(String::len);
    let variables = environ.iter().map(|(name, value)| name.len() + 1 + value.len());
    // The kernel counts each text with the byte that ends it, and a pointer to it.
    let bytes: u64 = arguments.chain(variables).map(|length| length as u64 + 1 + 8).sum();
    if bytes < LIGHT {
        return None;
    }
    let burden = |bearer, bytes, most| {
        let variables = environ.iter().map(|(name, value)| (value.len(), format!("`{name}`")));
        let arguments = argv.iter().enumerate().map(|(at, text)| (text.len(), format!("argument {at}")));
        let mut by_size: Vec<_> = variables.chain(arguments).collect();
        by_size.sort_by(|one, other| other.cmp(one));
        let largest = by_size.into_iter().take(NAMED).map(|(length, what)| (what, length as u64)).collect();
        Some(Burden { bearer, bytes, most, largest })
    };
    let most = most_of_kernel(planes).saturating_sub(LEFT);
    if bytes > most {
        return burden(Bearer::Kernel, bytes, most);
    }
    let sealed = seal::seal(plane, &planes.supervisor, "", programs.own()).ok()?;
    let definition = serde_json::to_vec(&sealed).ok()?.len() as u64;
    (definition > MOST_OF_DEFINITION).then(|| burden(Bearer::Wire, definition, MOST_OF_DEFINITION)).flatten()
}

/// Of the supervisor that runs, else of this process: its planes have the same limit.
fn most_of_kernel(planes: &Planes) -> u64 {
    let us = std::process::id().cast_signed();
    let daemon = lock::holder_of(&rundir::daemon_lock(&planes.supervisor.state_dir));
    let known = [daemon, Some(us)].into_iter().flatten().find_map(|pid| means::arguments_most(pid).ok());
    known.unwrap_or(means::LEAST_ARGUMENTS)
}
