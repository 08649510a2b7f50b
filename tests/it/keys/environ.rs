//! `home`, `cwd`, `umask`, `env`, `env_file`, `pass_env`: what the real child has, and where its secrets are not.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;

use rustix::process::Signal;

use super::{SOON, field, is_root, proc, sleeper, up};
use crate::support::{Gateward, TestPlane, eventually, processes, said};

/// A plane with every source of variables.
fn declared(world: &str, passes: &str) -> Gateward {
    let plane = sleeper("main")
        .key("pass_env", passes)
        .key("env_file", "\"main.env\"")
        .key("umask", "\"0027\"")
        .env("TZ", "Europe/Vienna")
        .env("OVER_ALL", "env");
    let world = Gateward::new(world, vec![plane]).dirty(&[
        ("OVER_ALL", "the supervisor's"),
        ("OVER_FILE", "pass_env"),
        ("PASSED_KEY", "sk-passed-0123456789"),
        ("TELEGRAM_BOT_TOKEN", "nobody's business"),
        ("HTTPS_PROXY", "http://127.0.0.1:1"),
        ("OPENCLAW_GATEWAY_PORT", "1"),
        ("NOTIFY_SOCKET", "/nowhere"),
        ("LC_TIME", "C"),
    ]);
    let file = world.scratch().write(
        "main.env",
        "\u{feff}# a comment\nFILE_KEY=\"sk-file-0123456789 \"\nexport OVER_FILE=file\nOVER_ALL=file\nEMPTY=\n",
    );
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("a mode");
    world
}

const PASSES: &str = "[\"PASSED_KEY\", \"OVER_FILE\", \"OVER_ALL\", \"UNSET_HERE\"]";

fn environ(pid: i32) -> BTreeMap<String, String> {
    let entries = proc(pid, "environ");
    let pairs = entries.split('\0').filter_map(|entry| entry.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_childs_environment_is_exactly_what_was_declared() {
    let mut world = declared("environ", PASSES);
    world.up();
    let pid = world.until("main", SOON, "up", up).pid.expect("it runs");
    let mut found = environ(pid);
    let cookie = found.remove("GATEWARD_COOKIE").expect("a cookie");
    assert!(cookie.ends_with("/main/1"), "{cookie}");
    let at = |inside: &str| world.scratch().join(inside).display().to_string();
    let expected = [
        ("EMPTY", String::new()),
        ("FILE_KEY", "sk-file-0123456789 ".to_owned()),
        ("GATEWARD_MANIFEST", at("supervisor.toml")),
        ("GATEWARD_PLANE", "main".to_owned()),
        ("GATEWARD_RUN_DIR", at("run")),
        ("HOME", at("main/home")),
        ("LANG", "C.UTF-8".to_owned()),
        ("LC_TIME", "C".to_owned()),
        ("OVER_ALL", "env".to_owned()),
        ("OVER_FILE", "pass_env".to_owned()),
        ("PASSED_KEY", "sk-passed-0123456789".to_owned()),
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
        ("TZ", "Europe/Vienna".to_owned()),
    ];
    let expected: BTreeMap<String, String> =
        expected.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    assert_eq!(found, expected);
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).expect("a cwd"), world.scratch().join("main/state"));
    assert_eq!(field(pid, "Umask"), "0027");
}

#[test]
fn cwd_and_home_may_be_others_and_a_cwd_that_is_not_there_is_said() {
    let elsewhere = Gateward::new("cwd-scratch", vec![]);
    let folder = elsewhere.scratch().folder("work place");
    let quoted = |path: &Path| format!("{:?}", path.display().to_string());
    let main = sleeper("main").key("cwd", &quoted(&folder)).key("home", &quoted(&elsewhere.scratch().folder("home")));
    let passing = elsewhere.scratch().folder("passing");
    let rescue = sleeper("rescue").key("cwd", &quoted(&passing));
    let staging = sleeper("staging").key("cwd", &quoted(&elsewhere.scratch().join("nowhere")));
    let mut world = Gateward::new("cwd", vec![main, rescue, staging]);
    world.up();
    let pid = world.until("main", SOON, "up", up).pid.expect("it runs");
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).expect("a cwd"), folder);
    assert_eq!(environ(pid)["HOME"], elsewhere.scratch().join("home").display().to_string());
    let umask = |pid| field(pid, "Umask");
    assert_eq!(umask(pid), umask(world.daemon_pid()), "inherited, when nothing is written");
    // One that was never there is held against the start, one that goes meanwhile is told of by the keeper.
    let status = || world.run(&["status"]).out;
    eventually(SOON, "what stands against it", || {
        if status().contains("staging") && status().contains("cwd-unusable") { Ok(()) } else { Err(status()) }
    });
    assert_eq!(world.plane("staging").pid, None);
    let rescue = world.until("rescue", SOON, "up", up).pid.expect("it runs");
    fs::remove_dir(&passing).expect("an empty folder");
    processes::kill(rescue, Signal::KILL);
    world.until("rescue", SOON, "said", |plane| plane.why.contains("passing is not a folder"));
}

#[test]
fn a_stopped_plane_whose_working_folder_is_gone_is_refused_as_check_says_it_and_not_parked() {
    let elsewhere = Gateward::new("cwd-stopped-scratch", vec![]);
    let folder = elsewhere.scratch().folder("work");
    let cwd = format!("{:?}", folder.display().to_string());
    let mut world = Gateward::new("cwd-stopped", vec![sleeper("main").key("cwd", &cwd)]);
    world.up();
    world.until("main", SOON, "up", up);
    world.run(&["stop", "main"]).code(0);
    fs::remove_dir(&folder).expect("an empty folder");
    let refused = world.run(&["start", "main"]).code(7);
    let told = refused.out + &refused.err;
    assert!(told.contains("cwd-unusable") && told.contains(&format!("mkdir -p {}", folder.display())), "{told}");
    let main = world.plane("main");
    assert_eq!((main.state, main.incarnation), (gateward::wire::State::Stopped, 1), "{main:#?}");
    fs::create_dir(&folder).expect("a folder");
    world.run(&["start", "main"]).code(0);
}

#[test]
fn no_secret_is_in_arguments_files_or_in_anything_that_is_shown() {
    let mut world = declared("secrets", PASSES);
    world.up();
    let first = world.until("main", SOON, "up", up);
    // Deaths and restarts are where things are written down.
    processes::kill(first.pid.expect("it runs"), Signal::KILL);
    world.until("main", SOON, "another", |plane| up(plane) && plane.incarnation == 2);
    world.run(&["restart", "main"]).code(0);
    let mut seen = vec![fs::read_to_string(world.scratch().join("daemon.out")).unwrap_or_default()];
    let verbs: [&[&str]; 9] = [
        &["status", "--json"],
        &["status"],
        &["why", "main"],
        &["events"],
        &["logs", "main", "-n", "all"],
        &["card", "main"],
        &["card", "main", "--json"],
        &["check", "--no-live"],
        &["check", "--no-live", "--json"],
    ];
    for verb in verbs {
        let said = world.run(verb);
        assert!(!said.out.is_empty() || verb[0] == "logs" || verb[0] == "check", "{verb:?} says nothing");
        seen.extend([said.out, said.err]);
    }
    for pid in world.living() {
        seen.push(proc(pid, "cmdline"));
    }
    let folders = ["state", "run"].map(|name| world.scratch().join(name));
    let read = folders.iter().map(|folder| every_file(folder, &mut seen)).sum::<usize>();
    assert!(read >= 8, "only {read} files were looked into");
    for secret in ["sk-passed-0123456789", "sk-file-0123456789", "Europe/Vienna"] {
        let found: Vec<&String> = seen.iter().filter(|text| text.contains(secret)).collect();
        assert!(found.is_empty(), "{secret} is in {found:#?}");
    }
}

/// Reads every plain file below; gives how many there were.
fn every_file(folder: &Path, into: &mut Vec<String>) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            count += every_file(&entry, into);
        } else if entry.is_file() {
            count += 1;
            into.push(String::from_utf8_lossy(&fs::read(&entry).expect("a file")).into_owned());
        }
    }
    count
}

#[test]
fn the_memory_of_keeper_and_daemon_is_closed_to_their_own_user_and_every_verb_works_all_the_same() {
    if !is_root("run gateward as somebody else, to see what is closed to him") {
        return;
    }
    let mut world = Gateward::new("undumpable", vec![TestPlane::practice("main")]);
    let nobody = gateward::os::accounts::by_name("nobody").expect("a look").expect("an account");
    give(world.scratch().path(), nobody.uid, nobody.gid);
    world.run_as(nobody.uid, nobody.gid);
    world.up();
    let main = world.until_ready("main");
    let owner = |pid: i32| fs::metadata(format!("/proc/{pid}/environ")).expect("facts").uid();
    let uid = |pid: i32| field(pid, "Uid").split(' ').next().map(str::to_owned);
    for pid in [main.keeper_pid.expect("a keeper"), world.daemon_pid()] {
        assert_eq!((uid(pid), owner(pid)), (Some(nobody.uid.to_string()), 0), "its /proc files are root's");
    }
    let pid = main.pid.expect("it runs");
    assert_eq!(
        (uid(pid), owner(pid)),
        (Some(nobody.uid.to_string()), nobody.uid),
        "the gateway is an ordinary process"
    );
    processes::kill(pid, Signal::KILL);
    world.until("main", SOON, "another, proved by its own listener", |plane| {
        up(plane) && plane.ready && plane.incarnation == 2 && plane.rss_bytes.is_some_and(|bytes| bytes > 0)
    });
    assert_eq!(world.run(&["exec", "main", "--", "sh", "-c", "echo $GATEWARD_PLANE"]).code(0).out, "main\n");
    world.run(&["restart", "main"]).code(0);
    world.run(&["down"]).code(0);
    eventually(SOON, "an empty world", || world.living().is_empty());
}

fn give(path: &Path, uid: u32, gid: u32) {
    chown(path, Some(uid), Some(gid)).expect("as root");
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            give(&entry.expect("an entry").path(), uid, gid);
        }
    }
}

#[test]
fn exec_passes_on_what_the_supervisor_has_and_not_the_shell_that_asks() {
    let mut world = declared("exec-passed", "[\"PASSED_KEY\", \"UNSET_HERE\"]");
    let exec = |world: &Gateward| {
        let script = "echo $PASSED_KEY/$UNSET_HERE/$FILE_KEY/$TERM; umask; pwd";
        let mut command = world.command(&["exec", "main", "--", "sh", "-c", script]);
        command.env("PASSED_KEY", "the shell's").env("UNSET_HERE", "the shell's").env("TERM", "vt100");
        said(command.output().expect("our binary runs")).code(0)
    };
    world.up();
    let main = world.until("main", SOON, "up", up);
    let state = world.scratch().join("main/state").display().to_string();
    let ours = format!("sk-passed-0123456789//sk-file-0123456789 /vt100\n0027\n{state}\n");
    assert_eq!(exec(&world).out, ours);
    // Stopped, edited and without a supervisor it is still what the keeper would start.
    world.run(&["stop", "main"]).code(0);
    world.end_daemon(Signal::KILL, SOON);
    world.scratch().write("supervisor.toml", "not TOML");
    assert_eq!(exec(&world).out, ours);
    world.scratch().write("supervisor.toml", &manifest(&world));
    processes::kill(main.keeper_pid.expect("a keeper"), Signal::KILL);
    eventually(SOON, "nobody there", || world.living().is_empty());
    let alone = exec(&world);
    assert_eq!(alone.out, format!("the shell's/the shell's/sk-file-0123456789 /vt100\n0027\n{state}\n"));
    assert!(alone.err.contains("of pass_env PASSED_KEY, UNSET_HERE: taken from this shell"), "{}", alone.err);
    // What the shell has not is not said to be taken from it.
    let bare = world.run(&["exec", "main", "--", "true"]).code(0);
    assert!(bare.err.contains("of pass_env PASSED_KEY: taken from this shell"), "{}", bare.err);
    assert!(bare.err.contains("of pass_env UNSET_HERE: not set in this shell, and left out"), "{}", bare.err);
}

#[test]
fn what_is_passed_is_judged_by_the_supervisor_that_runs_and_else_by_the_shell_that_asks() {
    let mut world = Gateward::new("passed-unset", vec![sleeper("main").key("pass_env", "[\"OURS\", \"THEIRS\"]")]);
    world.up();
    world.until("main", SOON, "up", up);
    let check = |world: &Gateward| {
        let mut command = world.command(&["check", "--no-live"]);
        command.env("THEIRS", "the shell's");
        said(command.output().expect("our binary runs")).code(0).out
    };
    let by_supervisor = check(&world);
    for name in ["OURS", "THEIRS"] {
        let sentence = format!("`{name}` is not set in the environment of the supervisor");
        assert!(by_supervisor.contains(&sentence), "{by_supervisor}");
    }
    world.run(&["down"]).code(0);
    let mut world = world.dirty(&[("OURS", "set")]);
    world.up();
    let mut command = world.command(&["check", "--no-live"]);
    command.env_remove("OURS").env("THEIRS", "the shell's");
    let said = said(command.output().expect("our binary runs")).code(0).out;
    assert!(!said.contains("`OURS`") && said.contains("`THEIRS` is not set in the environment of"), "{said}");
    world.run(&["down"]).code(0);
    let alone = check(&world);
    assert!(!alone.contains("`THEIRS`") && !alone.contains("`OURS`"), "{alone}");
    let mut command = world.command(&["check", "--no-live"]);
    command.env_remove("OURS").env("THEIRS", "the shell's");
    let alone = crate::support::said(command.output().expect("our binary runs")).code(0).out;
    assert!(alone.contains("`OURS` is not set here") && alone.contains("no supervisor says"), "{alone}");
}

#[test]
fn an_env_file_that_is_no_file_is_told_with_what_to_do() {
    let world = Gateward::new("env-file-pipe", vec![sleeper("main").key("env_file", "\"main.env\"")]);
    let path = world.scratch().join("main.env");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).expect("a pipe");
    let told = world.run(&["check", "--no-live"]).code(6).err;
    assert!(told.contains("main.env` is a named pipe") && told.contains("name a regular file"), "{told}");
    fs::remove_file(&path).expect("a pipe");
    fs::write(&path, b"\xff\xfeA\x00=\x00").expect("a file");
    let told = world.run(&["check", "--no-live"]).code(6).err;
    assert!(told.contains("main.env` is UTF-16") && told.contains("save it as UTF-8"), "{told}");
}

/// The manifest of [`declared`] anew.
fn manifest(world: &Gateward) -> String {
    let scratch = world.scratch();
    let at = |inside: &str| scratch.join(inside).display().to_string();
    format!(
        "[supervisor]\nrun_dir = {:?}\nstate_dir = {:?}\n[planes.main]\ncontract = \"plain\"\ncommand = [\"/bin/sleep\", \
         \"1000000\"]\nhome = {:?}\nstate_dir = {:?}\npass_env = [\"PASSED_KEY\", \"UNSET_HERE\"]\nenv_file = \
         \"main.env\"\numask = \"0027\"\n",
        at("run"),
        at("state"),
        at("main/home"),
        at("main/state")
    )
}

#[test]
fn exec_by_root_on_a_supervisor_of_another_user_is_done_as_that_user() {
    if !is_root("steer somebody else's supervisor") {
        return;
    }
    let mut world = Gateward::new("exec-root", vec![sleeper("main")]);
    let nobody = gateward::os::accounts::by_name("nobody").expect("a look").expect("an account");
    give(world.scratch().path(), nobody.uid, nobody.gid);
    world.run_as(nobody.uid, nobody.gid);
    world.up();
    world.until("main", SOON, "up", up);
    let script = "id -u; id -g; grep Groups /proc/self/status; : >left";
    let mut by_root = world.command(&["exec", "main", "--", "sh", "-c", script]);
    let said = said(by_root.uid(0).gid(0).output().expect("our binary runs")).code(0);
    let groups: Vec<String> =
        gateward::os::accounts::groups_of("nobody", nobody.gid).iter().map(u32::to_string).collect();
    let told: Vec<&str> = said.out.split_whitespace().collect();
    assert_eq!(told[..3], [&*nobody.uid.to_string(), &*nobody.gid.to_string(), "Groups:"], "{}", said.out);
    assert_eq!(told[3..], groups, "{}", said.out);
    let left = fs::metadata(world.scratch().join("main/state/left")).expect("in the working folder");
    assert_eq!((left.uid(), left.gid()), (nobody.uid, nobody.gid));
}
