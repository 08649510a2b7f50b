//! The tests of record, on the real gateway: the pinned OpenClaw, installed through npm. Nothing stands in for it here.

#![allow(clippy::disallowed_methods, reason = "tests start programs and wait")]

mod support;

#[path = "openclaw/agreement/mod.rs"]
mod agreement;
#[path = "openclaw/active_work.rs"]
mod active_work;
#[path = "openclaw/custody.rs"]
mod custody;
#[path = "openclaw/demo.rs"]
mod demo;
#[path = "openclaw/life.rs"]
mod life;
#[path = "openclaw/planes.rs"]
mod planes;
#[path = "openclaw/runtime.rs"]
mod runtime;
#[path = "openclaw/theft.rs"]
mod theft;
#[path = "openclaw/user.rs"]
mod user;
