//! A gateway's own configuration, read as OpenClaw 2026.9.6 reads it.
//!
//! Pure: files and environment are given, nothing here opens a path. `daemon::survey::configs` supplies them.

mod read;
pub mod declared;
pub mod origin;
pub mod credential;
pub mod problem;
pub mod files;
pub mod json5;
mod reading;
mod include;
mod variables;
mod blocked;
mod folders;
mod look;
mod sandbox;
mod secrets;
mod endpoint;
mod gateway;
mod agents;
mod browser;
mod channels;
mod listeners;
mod surfaces;

pub use read::{Subject, declared};

#[cfg(test)]
mod tests;
