//! `user`: another account's process under a root keeper. Accounts that every host has serve for it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use gateward::os::accounts::{self, Entry};
use rustix::process::Signal;

use super::{SOON, field, is_root, proc, up};
use crate::support::{Gateward, TestPlane, eventually, processes};

fn account(name: &str) -> Entry {
    accounts::by_name(name).expect("a look").unwrap_or_else(|| panic!("no account `{name}` on this host"))
}

/// A world that other accounts may pass through, with everything of each plane given to its user.
fn world(test: &str, planes: Vec<TestPlane>, users: &[(&str, &str)]) -> Gateward {
    let world = Gateward::new(test, planes);
    fs::set_permissions(world.scratch().path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    for (plane, user) in users {
        let entry = account(user);
        give(&world.scratch().join(plane), &entry);
    }
    world
}

fn give(path: &Path, to: &Entry) {
    chown(path, Some(to.uid), Some(to.gid)).expect("as root");
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            give(&entry.expect("an entry").path(), to);
        }
    }
}

/// A program that stays, after it has said what it could read.
fn reader(name: &str, user: &str, other: &str) -> TestPlane {
    let script = format!(
        "cat $HOME/../state/secret; cat $HOME/../../{other}/state/secret || echo refused; echo hello >/dev/stdout; exec sleep 1000000"
    );
    TestPlane::plain(name, &["/bin/sh", "-c", &script]).key("user", &format!("\"{user}\""))
}

fn logged(world: &Gateward, plane: &str) -> String {
    world.run(&["logs", plane, "-n", "all"]).out
}

#[test]
fn two_planes_with_two_users_cannot_read_one_anothers_state() {
    if !is_root("run planes as other accounts") {
        return;
    }
    let planes = vec![reader("main", "daemon", "rescue"), reader("rescue", "games", "main")];
    let mut world = world("two-users", planes, &[]);
    for (plane, user) in [("main", "daemon"), ("rescue", "games")] {
        world.scratch().write(&format!("{plane}/state/secret"), &format!("the secret of {plane}\n"));
        give(&world.scratch().join(plane), &account(user));
    }
    world.up();
    for (plane, user, other) in [("main", "daemon", "rescue"), ("rescue", "games", "main")] {
        let status = world.until(plane, SOON, "up", up);
        let entry = account(user);
        let (uid, gid) = (entry.uid, entry.gid);
        let pid = status.pid.expect("it runs");
        eventually(SOON, "its last word", || logged(&world, plane).contains("hello"));
        let log = logged(&world, plane);
        assert!(log.contains(&format!("the secret of {plane}")), "{log}");
        assert!(log.contains("refused") && !log.contains(&format!("the secret of {other}")), "{log}");
        assert_eq!(field(pid, "Uid"), format!("{uid} {uid} {uid} {uid}"));
        assert_eq!(field(pid, "Gid"), format!("{gid} {gid} {gid} {gid}"));
        let mut groups: Vec<u32> = field(pid, "Groups").split(' ').map(|gid| gid.parse().expect("a number")).collect();
        let mut expected = accounts::groups_of(user, gid);
        groups.sort();
        expected.sort();
        assert_eq!(groups, expected);
        assert_eq!(field(status.keeper_pid.expect("a keeper"), "Uid"), "0 0 0 0");
        let environ = proc(pid, "environ");
        let has = |entry: &str| environ.split('\0').any(|it| it == entry);
        let shell = entry.shell.display();
        for entry in [format!("USER={user}"), format!("LOGNAME={user}"), format!("SHELL={shell}")] {
            assert!(has(&entry), "{entry} is missing in {environ:?}");
        }
        assert!(has(&format!("HOME={}", world.scratch().join(&format!("{plane}/home")).display())), "{environ:?}");
    }
    let proved = world.run(&["verify"]).code(0);
    assert_eq!(proved.out.matches("is the intended one").count(), 2, "{proved:?}");
}

#[test]
fn a_gateway_of_another_user_dies_with_its_root_keeper() {
    if !is_root("run planes as other accounts") {
        return;
    }
    let plane = TestPlane::practice("main").key("user", "\"daemon\"");
    let mut world = world("user-death", vec![plane], &[("main", "daemon")]);
    world.up();
    let first = world.until_ready("main");
    assert_eq!(field(first.pid.expect("it runs"), "Uid").split(' ').next(), Some(&*account("daemon").uid.to_string()));
    processes::kill(first.keeper_pid.expect("a keeper"), Signal::KILL);
    eventually(SOON, "its end", || !processes::is_alive(first.pid.expect("it ran")));
    world.until("main", SOON, "another incarnation", |plane| up(plane) && plane.incarnation == 2);
    world.run(&["restart", "main"]).code(0);
    assert_eq!(world.until_ready("main").incarnation, 3, "validated and started as the user");
}

#[test]
fn home_and_tilde_are_the_accounts_own_and_a_missing_state_dir_is_made_for_it() {
    if !is_root("run planes as other accounts") {
        return;
    }
    let entry = account("games");
    let plane = TestPlane::plain("main", &["/bin/sleep", "1000000"]).key("user", "\"games\"");
    let world = world("user-home", vec![plane], &[]);
    // Only what is written counts: without `home` it is the account's, and `~` with it.
    let text = fs::read_to_string(world.manifest()).expect("a manifest");
    let deep = world.scratch().join("made/below/state");
    let lines = text.lines().filter(|line| !line.starts_with("home = ")).map(|line| {
        if line.starts_with("state_dir = ") && line.contains("/main/") {
            format!("state_dir = {:?}", deep.display().to_string())
        } else if line.starts_with("config = ") {
            "config = \"~/its.json\"".to_owned()
        } else {
            line.to_owned()
        }
    });
    world.scratch().write("supervisor.toml", &lines.map(|line| line + "\n").collect::<String>());
    let mut world = world;
    let card = world.run(&["card", "main", "--json"]).code(0);
    assert!(card.out.contains(&entry.home.join("its.json").display().to_string()), "{}", card.out);
    // In what a third account can rearrange, root makes nothing for anybody.
    give(&world.scratch().folder("made"), &account("daemon"));
    world.up();
    let refused = world.until("main", SOON, "not started", |plane| plane.why.contains("cannot make"));
    assert!(refused.why.contains("user games") && refused.pid.is_none(), "{refused:#?}");
    give(&world.scratch().join("made"), &entry);
    world.run(&["restart", "main"]).code(0);
    let main = world.until("main", SOON, "up", up);
    let facts = fs::metadata(&deep).expect("it was made");
    assert_eq!((facts.uid(), facts.mode() & 0o7777), (entry.uid, 0o700));
    assert!(proc(main.pid.expect("it runs"), "environ").contains(&format!("HOME={}", entry.home.display())));
}

#[test]
fn below_the_supervisors_own_folder_an_account_gets_through_to_what_is_its_own_and_no_further() {
    if !is_root("run planes as other accounts") {
        return;
    }
    let plane = TestPlane::plain("main", &["/bin/sleep", "1000000"]).key("user", "\"games\"");
    let mut world = world("user-plain", vec![plane], &[]).dirty(&[("TMPDIR", "/nowhere/tmp"), ("LC_TIME", "C")]);
    let text = by_default(&world);
    world.scratch().write("supervisor.toml", &text);
    world.up();
    let main = world.until("main", SOON, "up", up);
    let facts = |inside: &str| fs::metadata(world.scratch().join(inside)).expect("facts");
    let games = account("games").uid;
    let seen = ["state", "state/plain", "state/plain/main", "state/planes"].map(|folder| {
        let facts = facts(folder);
        (folder, facts.uid(), facts.mode() & 0o7777)
    });
    let expected = [
        ("state", 0, 0o711),
        ("state/plain", 0, 0o711),
        ("state/plain/main", games, 0o700),
        ("state/planes", 0, 0o700),
    ];
    assert_eq!(seen, expected);
    let pid = main.pid.expect("it runs");
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).expect("a cwd"), world.scratch().join("state/plain/main"));
    let environ = proc(pid, "environ");
    assert!(environ.contains("LC_TIME=C") && !environ.contains("TMPDIR="), "{environ:?}");
}

/// Where a plain plane is when nothing is written: without the lines that the harness writes.
fn by_default(world: &Gateward) -> String {
    let text = fs::read_to_string(world.manifest()).expect("a manifest");
    let lines = text.lines().filter(|line| {
        let is_placed = line.starts_with("state_dir = ") && (line.contains("/main/") || line.contains("/rescue/"));
        !is_placed && !line.starts_with("config = ") && !line.starts_with("workspace = ")
    });
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_plain_plane_with_a_user_finds_its_way_past_one_of_roots_that_came_first() {
    if !is_root("run planes as other accounts") {
        return;
    }
    let sleeps = |name: &str| TestPlane::plain(name, &["/bin/sleep", "1000000"]);
    let planes = vec![sleeps("main"), sleeps("rescue").key("user", "\"games\"").key("after", "[\"main\"]")];
    let mut world = world("user-second", planes, &[]);
    let text = by_default(&world);
    world.scratch().write("supervisor.toml", &text);
    // As an earlier release left it.
    let plain = world.scratch().join("state/plain");
    fs::create_dir_all(&plain).expect("a folder");
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o700)).expect("a mode");
    world.up();
    for plane in ["main", "rescue"] {
        let status = world.until(plane, SOON, "up", up);
        let cwd = fs::read_link(format!("/proc/{}/cwd", status.pid.expect("it runs"))).expect("a cwd");
        assert_eq!(cwd, plain.join(plane));
    }
    assert_eq!(fs::metadata(&plain).expect("facts").mode() & 0o7777, 0o711);
    assert_eq!(fs::metadata(plain.join("main")).expect("facts").mode() & 0o7777, 0o700);
}

#[test]
fn a_plane_of_the_user_root_that_comes_first_leaves_the_way_open_for_the_others() {
    if !is_root("run planes as other accounts") {
        return;
    }
    let sleeps =
        |name: &str, user: &str| TestPlane::plain(name, &["/bin/sleep", "1000000"]).key("user", &format!("\"{user}\""));
    let planes = vec![sleeps("main", "root"), sleeps("rescue", "games").key("after", "[\"main\"]")];
    let mut world = world("user-root-first", planes, &[]);
    let text = by_default(&world);
    world.scratch().write("supervisor.toml", &text);
    world.up();
    for plane in ["main", "rescue"] {
        world.until(plane, SOON, "up", up);
    }
    let modes = ["", "main", "rescue"].map(|inside| {
        let facts = fs::metadata(world.scratch().join("state/plain").join(inside)).expect("facts");
        facts.mode() & 0o7777
    });
    assert_eq!(modes, [0o711, 0o700, 0o700]);
}

#[test]
fn exec_of_what_is_nowhere_names_the_folders_of_the_path_that_are_closed_to_the_user() {
    if !is_root("run planes as other accounts") {
        return;
    }
    let closed = crate::support::Scratch::new("closed");
    fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).expect("a mode");
    let bin = closed.path().join("bin");
    fs::create_dir(&bin).expect("a folder");
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let plane = TestPlane::plain("main", &["/bin/sleep", "1000000"]).key("user", "\"games\"").env("PATH", &path);
    let mut world = world("user-exec", vec![plane], &[("main", "games")]);
    world.up();
    world.until("main", SOON, "up", up);
    let said = world.run(&["exec", "main", "--", "no-such-program"]).code(127).err;
    assert!(said.contains("`no-such-program` is not on the PATH of plane main"), "{said}");
    assert!(said.contains(&format!("closed to user games: {}", bin.display())), "{said}");
    assert!(!said.contains("os error"), "{said}");
}

#[test]
fn validation_by_check_and_by_the_keeper_and_exec_are_done_as_the_user() {
    if !is_root("run planes as other accounts") {
        return;
    }
    let script = "case \"$*\" in\n*'config validate'*) id -u >>\"$HOME/asked\"; echo '{\"valid\":true}' ;;\n\
                  *) exec sleep 1000000 ;;\nesac\n";
    let folder = crate::support::Scratch::new("script");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    let program = folder.write("openclaw", &format!("#!/bin/sh\n{script}"));
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
    let plane = TestPlane::command("main", &[&program.display().to_string()]).key("user", "\"daemon\"");
    let mut world = world("user-validate", vec![plane], &[("main", "daemon")]);
    let uid = account("daemon").uid;
    let asked = |world: &Gateward| fs::read_to_string(world.scratch().join("main/home/asked")).unwrap_or_default();
    world.run(&["check"]);
    assert_eq!(asked(&world), format!("{uid}\n"));
    world.up();
    world.until("main", SOON, "spawned", |plane| plane.pid.is_some());
    let before = asked(&world).lines().count();
    world.run(&["restart", "main", "--no-wait", "--now"]).code(0);
    eventually(SOON, "the keeper's question", || {
        let asked = asked(&world);
        if asked.lines().count() > before { Ok(()) } else { Err(asked) }
    });
    assert!(asked(&world).lines().all(|line| line == uid.to_string()), "{}", asked(&world));
    assert_eq!(world.run(&["exec", "main", "--", "id", "-u"]).code(0).out, format!("{uid}\n"));
}

#[test]
fn a_program_that_the_user_cannot_reach_is_an_error_of_check() {
    if !is_root("run planes as other accounts") {
        return;
    }
    let world =
        world("user-closed", vec![TestPlane::practice("main").key("user", "\"daemon\"")], &[("main", "daemon")]);
    let closed = world.scratch().folder("closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).expect("a mode");
    let program = world.scratch().write("closed/openclaw", "#!/bin/sh\n");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
    let text = fs::read_to_string(world.manifest()).expect("a manifest");
    let command = format!("command = [{:?}]", program.display().to_string());
    world.scratch().write("supervisor.toml", &text.replace("runtime = \"practice\"", &command));
    let found = world.run(&["check", "--no-live", "--json"]).code(7).json();
    let finding = found["findings"].as_array().expect("a list").iter().find(|one| one["code"] == "program-forbidden");
    let finding = finding.unwrap_or_else(|| panic!("{found:#}"));
    assert_eq!(finding["surface"], closed.display().to_string());
}

#[test]
fn a_working_folder_that_the_user_cannot_enter_is_an_error_of_check() {
    if !is_root("run planes as other accounts") {
        return;
    }
    let scratch = crate::support::Scratch::new("cwd");
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    let inner = scratch.folder("closed/inner");
    let closed = scratch.join("closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).expect("a mode");
    let plane = TestPlane::practice("main").key("user", "\"daemon\"").key("cwd", &format!("{inner:?}"));
    let world = world("user-cwd", vec![plane], &[("main", "daemon")]);
    let found = world.run(&["check", "--no-live", "--json"]).code(7).json();
    let finding = found["findings"].as_array().expect("a list").iter().find(|one| one["code"] == "cwd-unusable");
    let finding = finding.unwrap_or_else(|| panic!("{found:#}"));
    let closed_to = format!("{} is closed to user daemon", closed.display());
    assert!(finding["message"].as_str().is_some_and(|message| message.ends_with(&closed_to)), "{finding:#}");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o711)).expect("a mode");
    world.run(&["check", "--no-live"]).code(0);
}

#[test]
fn a_state_dir_of_somebody_else_is_to_be_given_to_the_user_and_not_opened_to_all() {
    if !is_root("run planes as other accounts") {
        return;
    }
    let world = world("user-foreign-state", vec![TestPlane::practice("main").key("user", "\"daemon\"")], &[]);
    let state = world.scratch().folder("main/state");
    std::os::unix::fs::chown(&state, Some(0), Some(0)).expect("root's");
    let hint = |mode, code| {
        fs::set_permissions(&state, fs::Permissions::from_mode(mode)).expect("a mode");
        let found = world.run(&["check", "--no-live", "--json"]).json();
        let finding = found["findings"].as_array().expect("a list").iter().find(|one| one["code"] == code).cloned();
        finding.unwrap_or_else(|| panic!("{found:#}"))["hint"].as_str().expect("a hint").to_owned()
    };
    let at = state.display();
    assert_eq!(hint(0o755, "state-dir-open"), format!("chown -R daemon {at} && chmod 700 {at}"));
    assert_eq!(hint(0o700, "cwd-unusable"), format!("`chown daemon {at}`, or name another folder"));
    assert_eq!(hint(0o755, "cwd-unusable"), format!("`chown -R daemon {at}`, or name another folder"));
}

#[test]
fn an_account_that_is_not_there_and_a_supervisor_that_is_not_root_are_mistakes() {
    let plane = |user: &str| TestPlane::practice("main").key("user", &format!("\"{user}\""));
    let world = Gateward::new("user-nobody", vec![plane("no-such-account")]);
    let code = |said: crate::support::Said| said.code(6).json()["findings"][0]["code"].clone();
    let expected = if rustix::process::geteuid().is_root() { "unknown-account" } else { "user-without-root" };
    assert_eq!(code(world.run(&["check", "--json"])), expected);
    if !is_root("try it as somebody else") {
        return;
    }
    let daemon = account("daemon").uid.to_string();
    let numbered = self::world("user-number", vec![plane(&daemon)], &[("main", "daemon")]);
    numbered.run(&["check", "--no-live"]).code(0);
    let bare = Gateward::new("user-bare", vec![TestPlane::practice("main").key("user", &daemon)]);
    let told = bare.run(&["check", "--no-live"]).code(6).err;
    let way_out = format!("write the account's name, or its number in quotes: `user = \"{daemon}\"`");
    assert!(told.replace('\n', " ").contains(&way_out), "{told}");
    use std::os::unix::process::CommandExt;
    let world = Gateward::new("user-unroot", vec![plane("daemon")]);
    fs::set_permissions(world.scratch().path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    let nobody = account("nobody");
    let mut command = world.command(&["check", "--json"]);
    let said = crate::support::said(command.uid(nobody.uid).gid(nobody.gid).output().expect("our binary runs"));
    assert_eq!(code(said), "user-without-root");
}
