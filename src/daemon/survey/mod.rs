//! The world as the proof needs it: path identities, ports, holders, services, programs. Looks and asks; changes nothing.
//!
//! [`prove`] is the one door: everything that stands against resolved planes, as the host is now.

#![allow(
    clippy::disallowed_methods,
    reason = "the world is what it looks at: deadlines of looks, and the programs that it asks"
)]

pub mod configs;
pub mod kernel;
pub mod existing;
pub mod held;
// Files and attributes.
mod identity;
mod inside;
mod accounts;
mod burdens;
mod hosts;
mod cwds;
mod launchers;
mod means;
mod mounts;
mod paths;
mod programs;
// What runs.
mod live;
mod asking;
mod owners;
mod ports;
mod processes;
mod services;
mod strays;

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use crate::collision::gather::{self, Declarations};
use crate::collision::surroundings::Surroundings;
use crate::collision::{self, finding::Finding, masking};
use crate::openclaw::config::credential::Secret;
use crate::os::sockets;
use crate::plane::{Places, PlaneName, Planes};
use held::Held;
pub use inside::parts;
use paths::Paths;
use programs::Programs;

/// How far a proof looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Reads files and attributes; runs no program and tries no port.
    Files,
    /// Also tries ports, and looks at processes and services.
    Host,
    /// Also tries ports, looks at processes and services, and asks OpenClaw about each config.
    Live,
}

/// Everything that stands against `planes`, sorted. Blocks while it looks: up to a few milliseconds for [`Depth::Files`],
/// some tenths of a second for [`Depth::Host`], some seconds for [`Depth::Live`].
pub fn prove(planes: &Planes, depth: Depth) -> Vec<Finding> {
    let asked = planes.planes.iter().map(|(plane, _)| plane.name.clone()).collect();
    prove_change(planes, &[], depth, &asked).manifest
}

/// What a change to `planes` must reckon with.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// What stands against the manifest by itself, and on the host, sorted.
    pub manifest: Vec<Finding>,
    /// What stands against a change because planes still live by another definition, sorted.
    pub living: Vec<Finding>,
    /// The credentials that the planes hold, which nothing that is shown may hold.
    pub secrets: Vec<Secret>,
}

impl Proof {
    /// All of it, sorted.
    pub fn all(&self) -> Vec<Finding> {
        crate::collision::sorted(self.manifest.iter().chain(&self.living).cloned().collect())
    }
}

/// The same, also against what keepers hold now. With [`Depth::Live`] OpenClaw is asked about the planes of `asked`.
pub fn prove_change(planes: &Planes, held: &[Held], depth: Depth, asked: &BTreeSet<PlaneName>) -> Proof {
    let mut programs = Programs::new(&planes.supervisor);
    let wanted = planes.planes.iter().map(|(plane, _)| plane);
    let declared: Declarations = configs::declared(wanted, |plane| programs.environ_of_files(plane));
    let key = random_key();
    let mut claims = gather::claims(planes, &declared, &key);
    hosts::localize(&mut claims);
    let mut paths = Paths::new();
    paths.look(&mut claims);
    let mut secrets: Vec<Secret> = declared.values().flat_map(|declared| declared.secrets.clone()).collect();
    let mut living = Vec::new();
    for plane in held::differing(planes, held) {
        let declared = configs::declared([plane], |plane| programs.environ_of_files(plane));
        secrets.extend(declared.values().flat_map(|declared| declared.secrets.clone()));
        let alone = Planes {
            supervisor: planes.supervisor.clone(),
            planes: vec![(plane.clone(), Places::default())],
            env_files: Vec::new(),
        };
        let mut of_it = gather::claims(&alone, &declared, &key);
        hosts::localize(&mut of_it);
        paths.look(&mut of_it);
        living.push(of_it);
    }
    let environment_files = declared.values().flat_map(|declared| &declared.files);
    environment_files.for_each(|file| paths.add(&file.path));
    let live = match depth {
        Depth::Files => None,
        Depth::Host => Some(live::look(planes, &declared, &mut paths, Vec::new())),
        Depth::Live => {
            let questions = asking::questions(planes, &declared, asked, &mut programs);
            Some(live::look(planes, &declared, &mut paths, questions))
        }
    };
    let around = Surroundings {
        launchers: launchers::privileged(planes, &mut programs),
        forbidden: accounts::forbidden(planes, &mut programs),
        missing: programs.missing(planes),
        burdens: burdens::too_large(planes, &mut programs),
        cwds: cwds::unusable(planes),
        means: means::look(planes),
        ephemeral: kernel::ephemeral(),
        paths: paths.into_known(),
        live,
    };
    let living = collision::held::check(&claims, &living, &around);
    let manifest = collision::prove(planes, &declared, claims, &around);
    let mask = masking::Mask::of(&secrets);
    let shown =
        |found: Vec<Finding>| collision::sorted(found.into_iter().map(|finding| mask.masked(finding)).collect());
    let (manifest, living) = (shown(manifest), shown(living));
    Proof { manifest, living, secrets }
}

/// What OpenClaw holds against the configs of the planes of `asked`. Blocks for the seconds that its answers take.
pub fn judged(planes: &Planes, asked: &BTreeSet<PlaneName>) -> Vec<Finding> {
    let mut programs = Programs::new(&planes.supervisor);
    let of_them = planes.planes.iter().map(|(plane, _)| plane).filter(|plane| asked.contains(&plane.name));
    let declared = configs::declared(of_them, |plane| programs.environ(plane));
    let answers = asking::ask(asking::questions(planes, &declared, asked, &mut programs));
    let secrets: Vec<Secret> = declared.values().flat_map(|declared| declared.secrets.clone()).collect();
    let mask = masking::Mask::of(&secrets);
    collision::judged(planes, answers).into_iter().map(|finding| mask.masked(finding)).collect()
}

/// The credentials that `planes` hold, which nothing that is shown may hold.
pub fn secrets(planes: &Planes) -> Vec<Secret> {
    let mut programs = Programs::new(&planes.supervisor);
    let all = planes.planes.iter().map(|(plane, _)| plane);
    configs::declared(all, |plane| programs.environ(plane)).into_values().flat_map(|one| one.secrets).collect()
}

/// A proof, and how far it could look.
#[derive(Clone, Debug)]
pub struct Looked {
    /// It.
    pub proof: Proof,
    /// Less than was asked for where the host did not show itself in time.
    pub depth: Depth,
}

/// Looks at the host that are under way in this process. One that waits in the kernel, for a disk say, cannot be called off.
static LOOKING: AtomicUsize = AtomicUsize::new(0);

/// How many of them there may be: those of two proofs at once, and two that are stuck.
const MOST_LOOKING: usize = 4;

/// One look, counted until it is dropped.
struct Looking(&'static AtomicUsize);

impl Looking {
    /// Nothing while too many are under way.
    fn begin(count: &'static AtomicUsize) -> Option<Self> {
        let one_more = |looking| (looking < MOST_LOOKING).then_some(looking + 1);
        count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok().then_some(Self(count))
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The same within `budget`: of a host that takes longer to look at, or on which earlier looks are stuck, files alone are proved.
pub fn prove_within(
    budget: Duration,
    planes: &Planes,
    held: &[Held],
    depth: Depth,
    asked: &BTreeSet<PlaneName>,
) -> Looked {
    let look = if depth == Depth::Files { None } else { Looking::begin(&LOOKING) };
    if depth != Depth::Files && look.is_none() {
        tracing::warn!("earlier looks at the host are stuck: files alone are proved");
    }
    if let Some(look) = look {
        let (tell, told) = mpsc::channel();
        let (planes, held, asked) = (planes.clone(), held.to_vec(), asked.clone());
        let looking = move || {
            // Whoever waited may have given up.
            let _ = tell.send(prove_change(&planes, &held, depth, &asked));
            drop(look);
        };
        match std::thread::Builder::new().name("survey".to_owned()).spawn(looking).map(|_| told.recv_timeout(budget)) {
            Ok(Ok(proof)) => return Looked { proof, depth },
            Ok(Err(_)) => tracing::warn!(?budget, "the host could not be looked at in time"),
            Err(error) => tracing::warn!(%error, "the host cannot be looked at"),
        }
    }
    Looked { proof: prove_change(planes, held, Depth::Files, asked), depth: Depth::Files }
}

/// Base ports for `count` new planes: OpenClaw's default and on from there, each with a family that nothing on this host
/// listens on, and in reach of no outgoing connection. Fewer where the host has no more.
pub fn free_bases(count: usize) -> Vec<u16> {
    let profiles = existing::profiles();
    let taken: Vec<u16> = profiles.iter().map(|profile| profile.port).collect();
    let listened = sockets::listeners(1..=u16::MAX).unwrap_or_default();
    let listened: Vec<u16> = listened.iter().map(|listener| listener.address.port()).collect();
    crate::collision::free_bases(count, &taken, &listened, kernel::ephemeral())
}

/// A key for comparing credentials, made anew for each proof and kept nowhere.
fn random_key() -> [u8; 32] {
    let mut key = [0; 32];
    for chunk in key.chunks_exact_mut(8) {
        // Each state is keyed by the system's random numbers; the hash of nothing under such a key is one.
        chunk.copy_from_slice(&RandomState::new().hash_one(chunk.as_ptr()).to_ne_bytes());
    }
    key
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::{Looking, MOST_LOOKING};

    #[test]
    fn looks_that_are_stuck_do_not_pile_up() {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let mut stuck: Vec<Looking> = (0..MOST_LOOKING).map(|_| Looking::begin(&COUNT).expect("room")).collect();
        assert!(Looking::begin(&COUNT).is_none());
        stuck.pop();
        assert!(Looking::begin(&COUNT).is_some(), "one has come back");
    }
}
