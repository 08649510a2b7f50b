//! Every verb in each bad situation, one transcript a situation: read them as an operator would, at 3 a.m.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use super::quiet;
use super::transcript::{told, transcript};
use crate::support::{Gateward, copy_of_our_binary, said, say};

/// A user that owns nothing here.
const STRANGER: u32 = 65_534;

/// The transcripts of all these lines.
fn all(gateward: &Gateward, lines: &[&str]) -> String {
    let one = |line: &&str| transcript(gateward, &line.split(' ').collect::<Vec<_>>());
    lines.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// The same, run by somebody else, with a copy of the binary: its own folder may be closed to them.
fn by_stranger(gateward: &Gateward, lines: &[&str]) -> String {
    let program = gateward.scratch().folder("bin").join("gateward");
    copy_of_our_binary(&program);
    let one = |line: &&str| {
        let words: Vec<&str> = line.split(' ').collect();
        let ours = gateward.command(&words);
        let mut command = Command::new(&program);
        command.args(ours.get_args()).env_clear().current_dir(gateward.scratch().path()).uid(STRANGER).gid(STRANGER);
        command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
        told(gateward, &words, &said(command.output().expect("our binary runs")))
    };
    lines.iter().map(one).collect::<Vec<_>>().join("\n")
}

#[test]
fn with_a_plane_that_is_not_there() {
    let gateward = Gateward::new("every-unknown", vec![quiet("main"), quiet("rescue")]);
    let lines = [
        "status resque",
        "start resque",
        "stop resque",
        "restart resque",
        "logs resque",
        "card resque",
        "why resque",
        "events resque",
        "verify resque",
        "exec resque -- true",
    ];
    insta::assert_snapshot!(all(&gateward, &lines));
}

#[test]
fn with_nobody_there() {
    let gateward = Gateward::new("every-nobody", vec![quiet("main"), quiet("rescue")]);
    let lines = [
        "status",
        "start main",
        "stop main",
        "restart main --now",
        "reload",
        "reload --dry-run",
        "reload --exec",
        "down",
        "logs main",
        "why main",
        "events",
        "verify",
        "exec main -- true",
    ];
    insta::assert_snapshot!(all(&gateward, &lines));
}

#[test]
fn with_sockets_that_nobody_is_behind() {
    let gateward = Gateward::new("every-stale", vec![quiet("main")]);
    let sockets = gateward.scratch().folder("run/planes");
    for socket in [sockets.join("main.sock"), gateward.scratch().join("run/gateward.sock")] {
        // Bound and closed: the file stays.
        drop(UnixListener::bind(socket).expect("a socket"));
    }
    let lines =
        ["status", "start main", "stop main", "restart main", "reload", "down", "why main", "verify main", "events"];
    insta::assert_snapshot!(all(&gateward, &lines));
}

#[test]
fn with_somebody_who_never_answers() {
    let gateward = Gateward::new("every-mute", vec![quiet("main")]);
    let sockets = gateward.scratch().folder("run/planes");
    let _keeper = UnixListener::bind(sockets.join("main.sock")).expect("a socket");
    let _daemon = UnixListener::bind(gateward.scratch().join("run/gateward.sock")).expect("a socket");
    let begun = Instant::now();
    insta::assert_snapshot!(all(&gateward, &["status", "why main", "verify main", "down"]));
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[test]
fn with_somebody_who_never_answers_to_whoever_steers() {
    let gateward = Gateward::new("every-deaf", vec![quiet("main")]);
    let sockets = gateward.scratch().folder("run/planes");
    let _keeper = UnixListener::bind(sockets.join("main.sock")).expect("a socket");
    let _daemon = UnixListener::bind(gateward.scratch().join("run/gateward.sock")).expect("a socket");
    let begun = Instant::now();
    let lines = ["start main", "reload", "card main", "exec main -- true"];
    let told = all(&gateward, &lines);
    insta::assert_snapshot!(told);
    assert!(begun.elapsed() < Duration::from_secs(180), "{:?}", begun.elapsed());
}

#[test]
fn with_a_manifest_that_breaks_while_planes_live() {
    let mut gateward = Gateward::new("every-breaks", vec![quiet("main"), quiet("rescue")]);
    gateward.up();
    gateward.until_ready("main");
    gateward.until_ready("rescue");
    gateward.scratch().write("supervisor.toml", "[planes.main]\nprot = 18789\n");
    let lines = [
        "check --no-live",
        "start resque",
        "start main",
        "reload",
        "reload --dry-run",
        "card main",
        "exec main -- true",
        "exec main -- no-such-program",
        "runtime remove 2026.9.6",
        "run",
    ];
    insta::assert_snapshot!(all(&gateward, &lines));
    for line in
        [&["status", "main"][..], &["logs", "main"], &["why", "main"], &["events"], &["verify"], &["stop", "rescue"]]
    {
        let said = gateward.run(line).code(0);
        assert!(said.err.contains("going by what was last applied"), "{line:?}: {said:#?}");
    }
}

#[test]
fn with_a_manifest_that_broke_when_all_were_gone() {
    let mut gateward = Gateward::new("every-broke", vec![quiet("main")]);
    gateward.up();
    gateward.until_ready("main");
    gateward.run(&["down"]).code(0);
    gateward.ended();
    gateward.scratch().write("supervisor.toml", "[planes.main]\nprot = 18789\n");
    // Those that need to know what a plane is do not claim to go by what nobody tells.
    let lines = ["card main", "exec main -- true", "verify main", "exec resque -- true", "start main", "reload"];
    insta::assert_snapshot!(all(&gateward, &lines));
}

#[test]
fn with_nothing_to_do_it_with() {
    let gateward = Gateward::new("every-lacking", vec![quiet("main")]);
    let lines = [
        "completions bsh",
        "man --dir /dev/null/man",
        "service print --user --system",
        "logs main --since 5",
        "events -n many",
        "card main --json --markdown",
        "check --explain no-such-code",
        "exec main",
    ];
    insta::assert_snapshot!(all(&gateward, &lines));
}

#[test]
fn with_a_manifest_that_does_not_hold() {
    let gateward = Gateward::new("every-broken", vec![quiet("main")]);
    gateward.scratch().write("supervisor.toml", "[planes.main]\nprot = 18789\n");
    let lines = [
        "check",
        "check --no-live",
        "status",
        "start main",
        "stop main",
        "restart main",
        "reload",
        "down",
        "logs",
        "card",
        "why main",
        "events",
        "verify",
        "exec main -- true",
        "run",
    ];
    let told = all(&gateward, &lines);
    // What they say is the same; what each makes of it is the point here.
    let codes: Vec<&str> = told.lines().filter(|line| line.starts_with("$ ") || line.starts_with("-- exit")).collect();
    assert_eq!(codes.iter().filter(|line| **line == "-- exit code 6").count(), lines.len(), "{codes:#?}");
    insta::assert_snapshot!(transcript(&gateward, &["run"]));
}

#[test]
fn with_somebody_elses_supervisor() {
    if !rustix::process::geteuid().is_root() {
        say("only root can be refused by its own test: skipped");
        return;
    }
    let mut gateward = Gateward::new("every-foreign", vec![quiet("main")]);
    gateward.up();
    gateward.until_ready("main");
    gateward.open_the_way();
    let lines = [
        "status",
        "start main",
        "stop main",
        "restart main",
        "reload",
        "down",
        "logs main",
        "why main",
        "events",
        "verify main",
        "exec main -- true",
        "card main",
        "reload --dry-run",
        "run",
    ];
    insta::assert_snapshot!(by_stranger(&gateward, &lines));
    assert!(gateward.plane("main").ready, "a stranger has changed something");
}

#[test]
fn with_sockets_that_are_open_and_answer_to_others() {
    if !rustix::process::geteuid().is_root() {
        say("only root can be refused by its own test: skipped");
        return;
    }
    let mut gateward = Gateward::new("every-opened", vec![quiet("main")]);
    gateward.up();
    gateward.until_ready("main");
    gateward.open_the_way();
    let at = |inside: &str| gateward.scratch().join(inside);
    let open = |path: std::path::PathBuf, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("our own");
    };
    ["run", "run/planes"].into_iter().for_each(|folder| open(at(folder), 0o755));
    ["run/gateward.sock", "run/planes/main.sock"].into_iter().for_each(|socket| open(at(socket), 0o666));
    // The kernel lets them in, and who is there does not: nothing was shown, so nothing is called done.
    insta::assert_snapshot!(by_stranger(
        &gateward,
        &["status", "status -q main", "status --json", "why main", "stop main"]
    ));
    assert!(gateward.plane("main").ready, "a stranger has changed something");
}

#[test]
fn where_nothing_may_be_written() {
    if !rustix::process::geteuid().is_root() {
        say("only root can act as another user: skipped");
        return;
    }
    let gateward = Gateward::new("every-unwritable", vec![quiet("main")]);
    gateward.open_the_way();
    let folder = gateward.scratch().folder("closed").display().to_string();
    let man = format!("man --dir {folder}");
    let init = format!("init --output {folder}/supervisor.toml");
    let told = by_stranger(&gateward, &["run", &man, &init]);
    insta::assert_snapshot!(told);
}

#[test]
fn with_a_supervisor_that_is_there_already() {
    let mut gateward = Gateward::new("every-second", vec![quiet("main")]);
    gateward.up();
    gateward.until_ready("main");
    insta::assert_snapshot!(transcript(&gateward, &["run"]));
    assert!(gateward.plane("main").ready);
}
