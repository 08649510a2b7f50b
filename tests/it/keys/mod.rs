//! Keys of the manifest, each read back from the kernel's own account of the process it was meant for.

mod burden;
mod defaults;
mod environ;
mod identity;
mod limits;
mod order;
mod plain;
mod releases;
mod restarts;
mod user;

use std::fs;
use std::time::Duration;

use gateward::wire::{PlaneStatus, State};

use crate::support::TestPlane;

/// A plain process starts at once; a busy machine stretches that.
const SOON: Duration = Duration::from_secs(60);

fn up(plane: &PlaneStatus) -> bool {
    plane.state == State::Up && plane.pid.is_some()
}

/// A process that does nothing, for as long as it is let.
fn sleeper(name: &str) -> TestPlane {
    TestPlane::plain(name, &["/bin/sleep", "1000000"])
}

/// A file of a process in /proc.
#[track_caller]
fn proc(pid: i32, file: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_else(|error| panic!("/proc/{pid}/{file}: {error}"))
}

/// A field of /proc/PID/status.
#[track_caller]
fn field(pid: i32, name: &str) -> String {
    let status = proc(pid, "status");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {status}")).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether this test runs as root; says what is skipped when it does not.
fn is_root(what: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        crate::support::say(&format!("skipped: only root can {what}"));
    }
    is_root
}
