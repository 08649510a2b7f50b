//! gateward: proves that OpenClaw control planes share nothing they must not, then runs each in its own world.
//!
//! The modules in reading order. The upper floor decides: plain functions of values, no tokio, no files, no clock, no
//! environment. The ground floor acts. `ARCHITECTURE.md` draws the house; `tests/tidy.rs` holds its stairs.

// The upper floor.
pub mod plane;
pub mod manifest;
pub mod openclaw;
pub mod collision;
pub mod plan;
pub mod life;
pub mod wire;
pub mod render;
pub mod rundir;

// The ground floor.
pub mod os;
pub mod wants;
pub mod socket;
pub mod journal;
mod own_log;
pub mod keeper;
pub mod daemon;
pub mod runtime;
pub mod practice;
pub mod cli;
