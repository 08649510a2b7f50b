//! `socket_group`: its members may steer, by primary or supplementary group, and nobody else.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use gateward::os::launch::{Ids, Launch, Program, Stdio};
use gateward::os::reap;
use gateward::wire::State;

use super::quiet;
use crate::support::{Gateward, Said, eventually, processes, say};

const SOON: std::time::Duration = std::time::Duration::from_secs(60);

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

    // A service manager may take the run dir back at a start of its unit: the next supervisor gives it to the group again.
    let socket = gateward.scratch().join("run/planes/main.sock");
    std::os::unix::fs::chown(&socket, None, Some(0)).expect("as root");
    let shut_out = Ids { uid: STRANGER, gid, groups: vec![gid] };
    assert!(as_user(&gateward, shut_out, &["status", "main"]).out.contains("no permission to use"));
    gateward.end_daemon(rustix::process::Signal::KILL, SOON);
    gateward.up();
    let let_in = Ids { uid: STRANGER, gid, groups: vec![gid] };
    as_user(&gateward, let_in, &["status", "-q", "main"]).code(0);
}

#[test]
fn a_group_that_is_written_while_planes_live_waits_for_a_new_beginning_and_that_is_said() {
    let group = ["users", "staff", "nogroup"].into_iter().find_map(|name| Some((name, gid(name)?)));
    let (Some((name, gid)), true) = (group, rustix::process::geteuid().is_root()) else {
        say("only root can give a socket to any group: skipped");
        return;
    };
    let mut gateward = Gateward::new("group-later", vec![quiet("main")]);
    gateward.up();
    let before = gateward.until_ready("main");
    let socket = gateward.scratch().join("run/planes/main.sock");
    let of_group = || {
        let found = std::fs::metadata(&socket).expect("a socket");
        (found.permissions().mode() & 0o777, std::os::unix::fs::MetadataExt::gid(&found) == gid)
    };
    let text = std::fs::read_to_string(gateward.manifest()).expect("the manifest");
    let edited = text.replace("[supervisor]\n", &format!("[supervisor]\nsocket_group = \"{name}\"\n"));
    assert_ne!(text, edited);
    gateward.scratch().write("supervisor.toml", &edited);
    gateward.run(&["reload"]).code(0);
    let told = gateward.status().supervisor["trouble"].to_string();
    assert!(
        told.contains("socket_group of [supervisor] changed; that takes effect when every plane is down"),
        "{told}"
    );
    assert_eq!((of_group(), gateward.plane("main").pid), ((0o600, false), before.pid));
    gateward.run(&["down"]).code(0);
    gateward.ended();
    gateward.up();
    gateward.until_ready("main");
    assert_eq!(of_group(), (0o660, true));
    assert_eq!(gateward.status().supervisor["trouble"], "");
}

/// A world of root's whose planes have a user, steered by a group; nothing where that cannot be had.
fn shared(test: &str) -> Option<(Gateward, &'static str, u32)> {
    let group = ["users", "staff", "nogroup"].into_iter().find_map(|name| Some((name, gid(name)?)));
    let (Some((name, gid)), true) = (group, rustix::process::geteuid().is_root()) else {
        say("only root can act as another user: skipped");
        return None;
    };
    let main = quiet("main").key("user", "\"daemon\"").key("pass_env", "[\"PASSED\"]");
    let lines = format!("socket_group = \"{name}\"\n");
    let gateward = Gateward::with_supervisor(test, &lines, vec![main]).dirty(&[("PASSED", "word")]);
    gateward.open_the_way();
    Some((gateward, name, gid))
}

#[test]
fn a_member_reads_and_proves_planes_of_a_root_supervisor_and_is_told_nothing_false() {
    let Some((mut gateward, _, gid)) = shared("group-reads") else { return };
    gateward.up();
    gateward.until("main", SOON, "up", |plane| plane.state == State::Up);
    let member = || Ids { uid: STRANGER, gid, groups: vec![gid] };
    let ask = |words: &[&str]| as_user(&gateward, member(), words);
    let well = |words: &[&str]| {
        let said = ask(words).code(0);
        for wrong in ["user-without-root", "cannot be used", "Permission denied", "FAILED", "error:", "error["] {
            assert!(!(said.out.clone() + &said.err).contains(wrong), "{wrong} in {words:?}: {said:#?}");
        }
        said
    };
    assert!(well(&["status"]).out.contains("main"));
    well(&["logs", "main"]);
    assert!(well(&["events", "main", "-n", "1"]).out.starts_with('{'));
    assert!(well(&["events", "-n", "50"]).out.lines().count() >= 2);
    assert!(well(&["why", "main"]).out.starts_with("main is up"));
    assert!(well(&["card", "main"]).out.contains("user                  daemon"));
    let checked = well(&["check", "--no-live"]);
    assert!(checked.err.contains("as the supervisor of user root last proved it"), "{checked:#?}");
    assert!(well(&["verify", "main"]).out.contains("unseen  custody"));
    well(&["reload", "--dry-run"]);
    well(&["restart", "main"]);
    well(&["stop", "main"]);
    well(&["start", "main"]);
    let told = ask(&["exec", "main", "--", "true"]).code(1);
    assert!(told.err.contains("is told to the supervisor's own user and to root alone"), "{told:#?}");
    // Its files are for the group, also with nobody there, and no others of its folder are.
    let folder = gateward.scratch().join("state/planes/main");
    let mode = |name: &str| std::fs::metadata(folder.join(name)).expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode("journal.jsonl"), mode("log"), mode("keeper.lock")), (0o640, 0o750, 0o600));
    gateward.run(&["down"]).code(0);
    assert!(as_user(&gateward, member(), &["events", "main", "-n", "1"]).code(0).out.starts_with('{'));
}

#[test]
fn the_users_of_planes_are_told_by_which_group_they_could_steer() {
    let Some((mut gateward, group, gid)) = shared("group-inside") else { return };
    gateward.up();
    let main = gateward.until("main", SOON, "up", |plane| plane.state == State::Up);
    let environ = processes::environ(main.pid.expect("it runs"));
    let daemon = gateward::os::accounts::by_name("daemon").expect("a look").expect("an account");
    let inside = |groups: Vec<u32>, words: &[&str]| {
        let mut command = std::process::Command::new(gateward.command(words).get_program());
        command.args(words).env_clear().envs(environ.iter().filter(|(name, _)| *name != "GATEWARD_COOKIE"));
        as_user_with(&command, Ids { uid: daemon.uid, gid: daemon.gid, groups })
    };
    let usermod = format!("usermod -aG {group} USER");
    for words in
        [&["logs", "main"][..], &["events", "main"], &["why", "main"], &["status"], &["verify"], &["stop", "main"]]
    {
        let said = inside(vec![daemon.gid], words);
        assert!(said.code != 0 && said.code != 6, "{words:?}: {said:#?}");
        assert!(said.err.contains(&usermod), "{words:?}: {said:#?}");
        assert!(!said.err.contains("user-without-root") && !said.err.contains("cannot be used"), "{said:#?}");
    }
    let said = inside(vec![daemon.gid], &["exec", "main", "--", "true"]).code(1);
    assert!(said.err.contains("inside main its environment is there already"), "{said:#?}");
    inside(vec![daemon.gid], &["card", "main"]).code(0);
    // As a member it steers from inside, its own plane too.
    for words in
        [&["logs", "main"][..], &["events", "main"], &["why", "main"], &["status", "main"], &["verify", "main"]]
    {
        let said = inside(vec![daemon.gid, gid], words).code(0);
        assert!(!said.err.contains("cannot be used"), "{words:?}: {said:#?}");
    }
    let said = inside(vec![daemon.gid, gid], &["restart", "main"]).code(0);
    assert!(said.out.contains("restart accepted"), "{said:#?}");
    gateward.until("main", SOON, "another", |plane| plane.incarnation == main.incarnation + 1);
}

#[test]
fn a_member_steers_and_defines_nothing() {
    let group = ["users", "staff", "nogroup"].into_iter().find_map(|name| Some((name, gid(name)?)));
    let (Some((name, gid)), true) = (group, rustix::process::geteuid().is_root()) else {
        say("only root can act as another user: skipped");
        return;
    };
    let mut gateward =
        Gateward::with_supervisor("group-defines", &format!("socket_group = \"{name}\"\n"), vec![quiet("main")]);
    gateward.up();
    let before = gateward.until_ready("main");
    gateward.open_the_way();
    let socket = gateward.scratch().join("run/planes/main.sock");
    let mut sealed = spoken(&socket, "\"held\"")["answer"]["held"]["sealed"].take();
    sealed["argv"] = serde_json::json!(["/bin/sh", "-c", "exit 9"]);
    for ask in [
        serde_json::json!({"replace": {"sealed": sealed, "at_next_start": false}}),
        serde_json::json!({"replace": {"sealed": sealed, "at_next_start": true}}),
        serde_json::json!({"yield": {"to": "0.0.0"}}),
        serde_json::json!("held"),
    ] {
        let (socket, text) = (socket.clone(), ask.to_string());
        let told = std::thread::spawn(move || {
            // Of this thread alone: to the kernel it is a member who connects.
            use rustix::thread::{Gid, Uid, set_thread_groups, set_thread_res_gid, set_thread_res_uid};
            let (uid, gid) = (Uid::from_raw(STRANGER), Gid::from_raw(gid));
            set_thread_groups(&[gid]).expect("as root");
            set_thread_res_gid(gid, gid, gid).expect("as root");
            set_thread_res_uid(uid, uid, uid).expect("as root");
            spoken(&socket, &text)
        });
        let told = told.join().expect("an answer");
        let message = told["answer"]["refused"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("own user and") && message.contains("root alone"), "{ask}: {told}");
    }
    let sealed = &spoken(&socket, "\"held\"")["answer"]["held"]["sealed"]["argv"];
    assert_ne!(sealed[0], "/bin/sh", "{sealed}");
    let after = gateward.plane("main");
    assert_eq!((after.pid, after.incarnation), (before.pid, before.incarnation));
}

/// The first answer to one ask, as this thread's user.
pub(crate) fn spoken(socket: &Path, ask: &str) -> serde_json::Value {
    let mut stream = UnixStream::connect(socket).expect("a keeper");
    stream.set_read_timeout(Some(SOON)).expect("a socket");
    stream.write_all(format!("{{\"v\":1,\"ask\":{ask},\"by\":\"test\"}}\n").as_bytes()).expect("written");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("an answer");
    serde_json::from_str(&line).expect("JSON")
}

/// Runs the binary as somebody else.
fn as_user(gateward: &Gateward, ids: Ids, arguments: &[&str]) -> Said {
    as_user_with(&gateward.command(arguments), ids)
}

fn as_user_with(command: &std::process::Command, ids: Ids) -> Said {
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
