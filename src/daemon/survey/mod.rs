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
// Files and attributes.
mod identity;
mod accounts;
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

use std::hash::{BuildHasher, RandomState};

use crate::collision::finding::Finding;
use crate::collision::gather::{self, Declarations};
use crate::collision::surroundings::Surroundings;
use crate::os::sockets;
use crate::plane::Planes;
use paths::Paths;
use programs::Programs;

/// How far a proof looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Reads files and attributes; runs no program and tries no port.
    Files,
    /// Also tries ports, looks at processes and services, and asks OpenClaw about each config.
    Live,
}

/// Everything that stands against `planes`, sorted. Blocks while it looks: up to a few milliseconds for [`Depth::Files`],
/// some seconds for [`Depth::Live`].
pub fn prove(planes: &Planes, depth: Depth) -> Vec<Finding> {
    let mut programs = Programs::new(&planes.supervisor);
    let declared: Declarations =
        configs::declared(planes.planes.iter().map(|(plane, _)| plane), |plane| programs.environ(plane));
    let mut claims = gather::claims(planes, &declared, &random_key());
    let mut paths = Paths::new();
    paths.look(&mut claims);
    let environment_files = declared.values().flat_map(|declared| &declared.files);
    environment_files.for_each(|file| paths.add(&file.path));
    let live = match depth {
        Depth::Files => None,
        Depth::Live => Some(live::look(planes, &declared, &mut paths, &mut programs)),
    };
    let around = Surroundings {
        launchers: launchers::privileged(planes, &mut programs),
        forbidden: accounts::forbidden(planes, &mut programs),
        means: means::look(planes),
        ephemeral: kernel::ephemeral(),
        paths: paths.into_known(),
        live,
    };
    crate::collision::prove(planes, &declared, claims, &around)
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
