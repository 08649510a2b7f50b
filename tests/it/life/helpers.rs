//! The short errands of a keeper: what they leave behind does not outlive it.

use std::os::unix::fs::PermissionsExt;

use super::{SOON, up};
use crate::support::{Gateward, Scratch, TestPlane, eventually};

#[test]
fn what_a_helper_has_started_in_a_session_of_its_own_ends_with_the_keeper() {
    let gateward = env!("CARGO_BIN_EXE_gateward");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in\n*restart-handoff*) setsid sleep 1000000 & sleep 1000000 ;;\n\
         *) exec {gateward} practice \"$@\" ;;\nesac\n"
    );
    let folder = Scratch::new("helper");
    let program = folder.write("openclaw", &script);
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let mut world = Gateward::new("helper-rest", vec![TestPlane::command("main", &[&program.display().to_string()])]);
    world.up();
    world.until("main", SOON, "up", up);
    let sleepers = || {
        let is_sleep =
            |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n");
        world.living().into_iter().filter(is_sleep).count()
    };
    eventually(SOON, "the errand with what it started", || if sleepers() == 2 { Ok(()) } else { Err(sleepers()) });
    world.run(&["down"]).code(0);
    assert_eq!(sleepers(), 0, "left behind");
}
