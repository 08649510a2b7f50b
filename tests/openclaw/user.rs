//! `user` with the real gateway: root keeps it, another account runs it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use rustix::process::Signal;

use crate::support::{BOOT, Boots, Gateward, TestPlane, eventually, openclaw, processes, say};

#[test]
fn a_real_gateway_runs_as_its_user_and_root_keeps_it() {
    if !rustix::process::geteuid().is_root() {
        say("skipped: only root can run planes as other accounts");
        return;
    }
    let Some(_bin) = openclaw() else { return };
    let _boots = Boots::take(1);
    let games = gateward::os::accounts::by_name("games").expect("a look").expect("an account that every host has");
    let mut world = Gateward::new("real-user", vec![TestPlane::real("main").key("user", "\"games\"")]);
    fs::set_permissions(world.scratch().path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    give(&world.scratch().join("main"), games.uid, games.gid);
    world.run(&["check"]).code(0);
    world.up();
    let first = world.until_ready("main");
    let pid = first.pid.expect("it runs");
    assert_eq!(gateward::os::process::uid(pid).expect("facts"), games.uid);
    let database = world.scratch().join("main/state/state/openclaw.sqlite");
    assert_eq!(fs::metadata(&database).expect("its database").uid(), games.uid);
    world.run(&["verify", "main"]).code(0);
    let version = world.run(&["exec", "main", "--", "openclaw", "--version"]).code(0);
    assert!(version.out.contains(gateward::runtime::PINNED), "{}", version.out);
    // The parent-death signal was set after the change of account.
    processes::kill(first.keeper_pid.expect("a keeper"), Signal::KILL);
    eventually(BOOT, "its end", || !processes::is_alive(pid));
    let again = world.until("main", BOOT, "another", |plane| plane.ready && plane.incarnation == 2);
    assert_eq!(gateward::os::process::uid(again.pid.expect("it runs")).expect("facts"), games.uid);
    world.run(&["down"]).code(0);
}

fn give(path: &Path, uid: u32, gid: u32) {
    chown(path, Some(uid), Some(gid)).expect("as root");
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            give(&entry.expect("an entry").path(), uid, gid);
        }
    }
}
