//! The integration tests: our binary as an operator runs it, one module a subject. The real gateway has a binary of its own,
//! `tests/openclaw.rs`.

#![allow(clippy::disallowed_methods, reason = "tests start programs and wait")]

#[path = "../support/mod.rs"]
mod support;

mod demo;
mod docs;
mod fuzz;
mod changes;
mod edited;
mod watch;
mod cli;
mod checks;
mod costs;
mod init;
mod live;
mod harness;
mod heeded;
mod runtime;
mod service;
mod practice;
mod quoted;
mod verify;
mod life;
mod keys;
