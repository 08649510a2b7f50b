//! The system unit under a systemd that is process 1 of a namespace: `packaging/boot-try` does it, in a copy of this root.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{said, say};

/// The code by which it says that this host does not allow it.
const NOT_HERE: i32 = 77;

#[test]
fn boots_restarts_crashes_and_shutdowns_do_to_planes_what_they_should() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/boot-try");
    let mut command = Command::new(script);
    command.arg(env!("CARGO_BIN_EXE_gateward")).stdin(Stdio::null());
    let said = said(command.output().expect("the script runs"));
    if said.code == NOT_HERE {
        say(&format!(
            "SKIPPED: the system unit under a systemd of its own: {}",
            said.out.lines().last().unwrap_or_default()
        ));
        return;
    }
    let said = said.code(0);
    let steps = [
        "== installed, enabled, started: 2 of 2 planes up",
        "== restart: another supervisor, the same planes, and members of socket_group are let in as before",
        "== crash and SIGTERM: another supervisor, the same planes",
        "== reload: a good manifest changes nothing here, a broken one is refused",
        "== stop: no gateway is left",
        "== start, down, start",
        "== first shutdown: planes were stopped gracefully",
        "== the boot has started the planes",
        "== second shutdown: planes were stopped gracefully",
    ];
    let told: Vec<&str> = said.out.lines().collect();
    let missing: Vec<_> = steps.iter().filter(|step| !told.contains(step)).collect();
    assert!(missing.is_empty(), "{missing:#?} in\n{}", said.out);
}
