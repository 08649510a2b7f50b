//! Every verb tried wrong: what it says is kept as a transcript, for it must be useful.

use std::os::unix::net::UnixListener;

use super::quiet;
use super::transcript::{told, transcript};
use crate::support::{Gateward, eventually, said};

macro_rules! same {
    ($name:expr, $text:expr) => {
        insta::assert_snapshot!($name, $text)
    };
}

#[test]
fn with_nothing_running() {
    let gateward = Gateward::new("wrong-nothing", vec![quiet("main"), quiet("rescue")]);
    same!("nothing_status", transcript(&gateward, &["status"]));
    same!("nothing_status_json", transcript(&gateward, &["status", "--json"]));
    same!("nothing_status_quiet", transcript(&gateward, &["status", "-q", "main"]));
    same!("nothing_stop", transcript(&gateward, &["stop", "main"]));
    same!("nothing_start_all", transcript(&gateward, &["start", "all"]));
    same!("nothing_restart_json", transcript(&gateward, &["restart", "main", "--json"]));
    same!("nothing_down", transcript(&gateward, &["down"]));
    same!("nothing_reload", transcript(&gateward, &["reload"]));
    same!("nothing_logs", transcript(&gateward, &["logs"]));
    same!("nothing_why", transcript(&gateward, &["why", "main"]));
    same!("nothing_events", transcript(&gateward, &["events"]));
    same!("nothing_verify", transcript(&gateward, &["verify", "main"]));
}

#[test]
fn with_names_that_are_no_planes() {
    let gateward = Gateward::new("wrong-names", vec![quiet("main"), quiet("rescue")]);
    for verb in ["status", "start", "stop", "restart", "logs", "card", "events", "why", "verify"] {
        let said = gateward.run(&[verb, "resque"]).code(4);
        assert!(said.out.is_empty(), "{verb}: {}", said.out);
        assert!(said.err.contains("there is no plane `resque`"), "{verb}: {}", said.err);
        assert!(said.err.contains("did you mean `rescue`?"), "{verb}: {}", said.err);
    }
    same!("names_exec", transcript(&gateward, &["exec", "Main\u{1b}[2J", "--", "true"]));
    same!("names_far", transcript(&gateward, &["status", "main", "production"]));
}

#[test]
fn with_words_that_make_no_sense() {
    let gateward = Gateward::new("wrong-words", vec![quiet("main")]);
    same!("words_no_plane", transcript(&gateward, &["restart"]));
    same!("words_no_verb", transcript(&gateward, &["retsart", "main"]));
    // Words of other tools lead to ours.
    for (theirs, ours) in
        [("ps", "status"), ("up", "run"), ("tail", "logs"), ("shutdown", "down"), ("version", "--version")]
    {
        let said = gateward.run(&[theirs]).code(2);
        assert!(said.err.contains(&format!("exists: '{ours}'")), "{theirs}: {}", said.err);
    }
    same!("words_exec_nothing", transcript(&gateward, &["exec", "main"]));
    same!("words_since", transcript(&gateward, &["logs", "--since", "yesterday"]));
    same!("words_count", transcript(&gateward, &["logs", "-n", "many"]));
    same!("words_allow", transcript(&gateward, &["start", "main", "--allow", "port-family-overlab"]));
    same!("words_quiet_json", transcript(&gateward, &["status", "-q", "--json"]));
    same!("words_wait", transcript(&gateward, &["start", "main", "--wait", "--no-wait"]));
    same!("words_now_safe", transcript(&gateward, &["restart", "main", "--now", "--safe"]));
}

#[test]
fn with_a_manifest_that_was_never_good() {
    let gateward = Gateward::new("wrong-manifest", vec![quiet("main")]);
    gateward.scratch().write("supervisor.toml", "[planes.main]\nport = 70000\nprot = 1\n");
    for verb in [
        &["status"][..],
        &["start", "main"],
        &["stop", "main"],
        &["restart", "all"],
        &["reload"],
        &["down"],
        &["logs"],
        &["card"],
        &["exec", "main", "--", "true"],
        &["events"],
        &["why", "main"],
        &["verify"],
        &["run"],
    ] {
        let said = gateward.run(verb).code(6);
        assert!(said.out.is_empty(), "{verb:?}: {}", said.out);
        assert!(said.err.contains("supervisor.toml:2:"), "{verb:?}: {}", said.err);
        assert!(said.err.contains("supervisor.toml:3:"), "{verb:?}: {}", said.err);
    }
    same!("manifest_bad", transcript(&gateward, &["status"]));
    std::fs::remove_file(gateward.manifest()).expect("the manifest");
    same!("manifest_none", transcript(&gateward, &["status"]));
}

#[test]
fn with_a_manifest_that_was_good_once() {
    let mut gateward = Gateward::new("wrong-once", vec![quiet("main"), quiet("rescue")]);
    gateward.up();
    let before = gateward.until_ready("main");
    gateward.until_ready("rescue");
    let good = std::fs::read_to_string(gateward.manifest()).expect("the manifest");
    gateward.scratch().write("supervisor.toml", &good.replace("isolates", "isolate"));
    same!("once_reload_dry", transcript(&gateward, &["reload", "--dry-run"]));
    gateward.run(&["stop", "rescue"]).code(0);
    let said = gateward.run(&["restart", "main"]).code(0);
    assert!(said.err.contains("going by what was last applied"), "{}", said.err);
    assert_eq!(gateward.plane("main").incarnation, before.incarnation + 1);
    let said = gateward.run(&["logs", "main"]).code(0);
    assert!(said.err.contains("going by what was last applied"), "{}", said.err);
    let said = gateward.run(&["card", "main"]).code(0);
    assert!(said.err.contains("going by what was last applied"), "{}", said.err);
    // Its keeper knows with what the plane is started, so the way to mend things is open.
    let said = gateward.run(&["exec", "main", "--", "true"]).code(0);
    assert!(said.err.contains("going by what was last applied"), "{}", said.err);
    same!("once_reload", transcript(&gateward, &["reload"]));
}

#[test]
fn with_a_manifest_that_was_good_once_by_another_path_to_it() {
    let mut gateward = Gateward::new("wrong-path", vec![quiet("main")]);
    gateward.up();
    gateward.until_ready("main");
    let (folder, manifest) = (gateward.scratch().folder("deep"), gateward.manifest().to_owned());
    std::os::unix::fs::symlink(&manifest, folder.join("link.toml")).expect("a link");
    let by = |path: &str, words: &[&str]| {
        let command = gateward.command(&[]);
        let mut again = std::process::Command::new(command.get_program());
        again.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        crate::support::said(again.arg("-m").arg(folder.join(path)).args(words).output().expect("our binary runs"))
    };
    let good = std::fs::read_to_string(&manifest).expect("the manifest");
    gateward.scratch().write("supervisor.toml", &good.replace("isolates", "isolate"));
    for path in ["../supervisor.toml", "link.toml"] {
        let said = by(path, &["status", "main"]).code(0);
        assert!(said.err.contains("going by what was last applied"), "{path}: {}", said.err);
    }
    // Its folders were edited while it lives: who is asked is the one who has it.
    let elsewhere = gateward.scratch().folder("elsewhere").join("run");
    let moved: String = good
        .lines()
        .map(|line| match line.starts_with("run_dir") {
            true => format!("run_dir = \"{}\"\n", elsewhere.display()),
            false => format!("{line}\n"),
        })
        .collect();
    assert_ne!(good, moved);
    gateward.scratch().write("supervisor.toml", &moved);
    by("../supervisor.toml", &["stop", "main"]).code(0);
    by("link.toml", &["start", "main"]).code(0);
}

#[test]
fn with_a_quiet_status() {
    let gateward = Gateward::new("wrong-quiet", vec![quiet("main")]);
    for (words, code) in [(["status", "-q", "nosuch"].as_slice(), 4), (["status", "-q"].as_slice(), 5)] {
        let said = gateward.run(words).code(code);
        assert_eq!((said.out.as_str(), said.err.as_str()), ("", ""), "{words:?}");
    }
    gateward.scratch().write("supervisor.toml", "no manifest");
    let said = gateward.run(&["status", "-q", "main"]).code(6);
    assert_eq!((said.out.as_str(), said.err.as_str()), ("", ""));
}

#[test]
fn with_a_stale_run_dir() {
    let gateward = Gateward::new("wrong-stale", vec![quiet("main")]);
    let sockets = gateward.scratch().folder("run/planes");
    for socket in [sockets.join("main.sock"), gateward.scratch().join("run/gateward.sock")] {
        // Bound and closed: the file stays, and nobody is behind it.
        drop(UnixListener::bind(socket).expect("a socket"));
    }
    same!("stale_status", transcript(&gateward, &["status"]));
    same!("stale_stop", transcript(&gateward, &["stop", "main"]));
    same!("stale_down", transcript(&gateward, &["down"]));
}

#[test]
fn with_a_keeper_that_does_not_answer() {
    let gateward = Gateward::new("wrong-mute", vec![quiet("main")]);
    let sockets = gateward.scratch().folder("run/planes");
    let _mute = UnixListener::bind(sockets.join("main.sock")).expect("a socket");
    same!("mute_status", transcript(&gateward, &["status"]));
}

#[test]
fn with_a_second_supervisor() {
    let mut gateward = Gateward::new("wrong-second", vec![quiet("main")]);
    gateward.up();
    let second = gateward.run(&["run"]).code(1);
    assert!(second.err.contains("another supervisor runs with this state dir"), "{}", second.err);
    assert!(second.err.contains(&gateward.daemon_pid().to_string()), "it names the other: {}", second.err);
    assert!(gateward.status().supervisor["running"] == true);
}

#[test]
fn with_sockets_of_another_user() {
    if !rustix::process::geteuid().is_root() {
        crate::support::say("only root can be refused by its own test: skipped");
        return;
    }
    let mut gateward = Gateward::new("wrong-user", vec![quiet("main")]);
    gateward.up();
    gateward.until_ready("main");
    let arguments = ["status", "main"];
    let mut command = gateward.command(&arguments);
    open_to_all(&gateward);
    std::os::unix::process::CommandExt::uid(&mut command, 65_534);
    let said = said(command.output().expect("our binary runs"));
    same!("user_status", told(&gateward, &arguments, &said));
    assert_eq!(said.code, 1);
    eventually(std::time::Duration::from_secs(10), "main unharmed", || gateward.plane("main").ready);
}

/// Lets a stranger come as far as the sockets themselves, whose own rights must then hold.
fn open_to_all(gateward: &Gateward) {
    use std::os::unix::fs::PermissionsExt;
    let root = gateward.scratch().path();
    for folder in ["", "run", "run/planes", "main", "main/state", "main/home", "main/workspace", "home"] {
        let path = root.join(folder);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("our own folder");
    }
    std::fs::set_permissions(gateward.manifest(), std::fs::Permissions::from_mode(0o644)).expect("our own file");
}
