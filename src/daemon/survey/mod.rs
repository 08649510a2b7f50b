//! The world as the proof needs it: path identities, ports, holders, services, programs. Looks and asks; changes nothing.

pub mod configs;
pub mod kernel;
mod identity;
mod mounts;
mod paths;
