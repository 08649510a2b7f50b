//! A gateway's own configuration, read as OpenClaw 2026.9.6 reads it.
//!
//! Pure: files and environment are given, nothing here opens a path. `daemon::survey::configs` supplies them.

pub mod credential;
pub mod declared;
pub mod json5;
mod include;
pub mod files;
pub mod origin;
pub mod problem;
