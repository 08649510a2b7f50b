//! `socket_group`: its members may steer, by primary or supplementary group, and nobody else.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;

use gateward::os::launch::{Ids, Launch, Program, Stdio};
use gateward::os::reap;

use super::quiet;
use crate::support::{Gateward, Said, eventually, say};

/// A user that owns nothing here.
const STRANGER: u32 = 65_533;

#[test]
fn members_steer_and_strangers_do_not() {
    let group = ["users", "staff", "nogroup"].into_iter().find_map(|name| Some((name, gid(name)?)));
    let (Some((name, gid)), true) = (group, rustix::process::geteuid().is_root()) else {
        say("only root can act as another user: skipped");
        return;
    };
    let lines = format!("socket_group = \"{name}\"\n");
    let mut gateward = Gateward::with_supervisor("group", &lines, vec![quiet("main")]);
    gateward.up();
    let before = gateward.until_ready("main");
    for folder in ["", "run", "run/planes"] {
        let path = gateward.scratch().path().join(folder);
        let mode = std::fs::metadata(&path).expect("our own folder").permissions().mode() & 0o7777;
        assert!(folder.is_empty() || mode == 0o750, "{}: {mode:04o}", path.display());
    }
    gateward.open_the_way();

    let stranger = Ids { uid: STRANGER, gid: STRANGER, groups: vec![STRANGER] };
    let refused = as_user(&gateward, stranger, &["status", "main"]);
    assert!(refused.err.contains("no permission to use"), "{refused:?}");

    let by_primary = Ids { uid: STRANGER, gid, groups: vec![gid] };
    as_user(&gateward, by_primary, &["status", "-q", "main"]).code(0);
    let by_supplement = Ids { uid: STRANGER, gid: STRANGER, groups: vec![STRANGER, gid] };
    as_user(&gateward, by_supplement, &["restart", "main"]).code(0);
    assert_eq!(gateward.plane("main").incarnation, before.incarnation + 1);
}

/// Runs the binary as somebody else.
fn as_user(gateward: &Gateward, ids: Ids, arguments: &[&str]) -> Said {
    let command = gateward.command(arguments);
    let argv = std::iter::once(command.get_program()).chain(command.get_args()).map(Into::into).collect();
    // The binary itself may lie where a stranger cannot come; an open descriptor of it can be executed all the same.
    let program = File::open(command.get_program()).expect("our binary");
    let mut launch = Launch::new(Program::Descriptor(program.into()), argv);
    launch.environ = command.get_envs().filter_map(|(name, value)| Some((name.into(), value?.into()))).collect();
    launch.account = Some(ids);
    let (mut out, out_end) = std::io::pipe().expect("a pipe");
    let (mut err, err_end) = std::io::pipe().expect("a pipe");
    let null = File::open("/dev/null").expect("/dev/null");
    let stdio = Stdio { stdin: null.as_fd(), stdout: out_end.as_fd(), stderr: err_end.as_fd() };
    let child = launch.prepare().expect("a launch").spawn(stdio, &[]).expect("our binary runs");
    drop((out_end, err_end));
    let mut said = Said { code: -1, out: String::new(), err: String::new() };
    out.read_to_string(&mut said.out).expect("text");
    err.read_to_string(&mut said.err).expect("text");
    let exit = eventually(std::time::Duration::from_secs(10), "its end", || reap::reap(child.pid).expect("our child"));
    said.code = exit.code.unwrap_or(-1);
    said
}

fn gid(name: &str) -> Option<u32> {
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    let line = groups.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(2)?.parse().ok()
}
