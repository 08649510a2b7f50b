//! What OpenClaw is, as pure facts: ports, its own config, a child's environment, exits, the restart handoff. Runs and reads nothing.

pub mod config;
pub mod dotenv;
pub mod ports;

pub mod exits;

pub mod environment;
pub mod handoff;
pub mod owner;
