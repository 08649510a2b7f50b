//! What the tests of this crate stand on: waiting, scratch folders, port families, the real OpenClaw. Proves nothing itself.
//!
//! Ports and boots are shared by every checkout and every test process of one user on a machine, so their leases live in the
//! system's temporary folder and not in `target/`.

#![allow(dead_code, unused_imports, reason = "each test binary uses a part of it")]

mod boots;
mod demo;
mod gateward;
pub mod manifest;
mod openclaw;
mod ports;
pub mod processes;
mod provider;
mod scratch;
pub mod wait;

use std::io::Write;
use std::path::PathBuf;

pub use boots::Boots;
pub use demo::{Demo, Pids};
pub use gateward::{BOOT, Gateward, Said, Status, said, tail};
pub use manifest::TestPlane;
pub use openclaw::{openclaw, runtimes};
pub use ports::Family;
pub use provider::Provider;
pub use scratch::Scratch;
pub use wait::{Look, eventually, within};

/// A copy of our binary at `to`, made by another process: a descriptor of ours that a child of another thread inherits would
/// keep it from being executed.
pub fn copy_of_our_binary(to: &std::path::Path) {
    let mut copy = std::process::Command::new("cp");
    let done = copy.arg(env!("CARGO_BIN_EXE_gateward")).arg(to).status().expect("cp");
    assert!(done.success(), "no copy at {}", to.display());
}

/// Writes a line where it is seen although the test harness captures what tests print.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The folder of leases, the same for every checkout of this user.
pub fn shared_folder() -> PathBuf {
    let uid = rustix::process::geteuid().as_raw();
    let folder = std::env::temp_dir().join(format!("gateward-test-{uid}"));
    std::fs::create_dir_all(&folder).expect("a folder for the leases of the tests");
    folder
}

/// `target/gateward-test`, where what is costly to make is kept from one run to the next.
fn cache_folder() -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    target.parent().expect("the target folder").join("gateward-test")
}
