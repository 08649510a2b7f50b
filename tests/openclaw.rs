//! The tests of record, on the real gateway: the pinned OpenClaw, installed through npm. Nothing stands in for it here.

mod support;

#[path = "openclaw/runtime.rs"]
mod runtime;

#[path = "openclaw/agreement/mod.rs"]
mod agreement;
