//! `gateward runtime`: whole releases or none, whatever happens to npm, to us, or to both. A script plays npm here; the real
//! one installs the OpenClaw of the tests of record.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Said, Scratch, eventually, processes, said};

const BUDGET: Duration = Duration::from_secs(30);

/// Plays npm: `$ROOM/fail` holds what it says before it fails, `$ROOM/hold` makes it wait, `$ROOM/calls` counts.
const NPM: &str = r#"#!/bin/sh
room=ROOM
echo "$2" >>"$room/calls"
env >"$room/environment"
echo $$ >"$room/npm.pid"
echo "npm http fetch GET 200 https://packages.example/a/-/a-1.0.0.tgz 9ms (cache miss)" >&2
mkdir -p node_modules/.bin
: >node_modules/half
while [ -e "$room/hold" ]; do sleep 0.05; done
if [ -e "$room/fail" ]; then cat "$room/fail" >&2; exit 1; fi
case "$2" in
  node-*) printf '#!/bin/sh\necho v%s\n' "$(cat "$room/node")" >node_modules/.bin/node && chmod +x node_modules/.bin/node ;;
  openclaw@*) printf '#!/bin/sh\necho "OpenClaw %s (abcdef0)"\n' "$(cat "$room/openclaw")" >node_modules/.bin/openclaw && chmod +x node_modules/.bin/openclaw ;;
esac
echo '{"packages":{"node_modules/openclaw":{"integrity":"sha512-x"}}}' >package-lock.json
echo "added 1 package in 1s"
"#;

const VERSION: &str = "2030.1.2";

/// A folder of releases and an npm of the test's own.
struct Room {
    scratch: Scratch,
    /// Not in the system's temporary folder, which may be too small for the room that an installation asks for.
    releases: tempfile::TempDir,
}

impl Room {
    fn new(test: &str) -> Self {
        let scratch = Scratch::new(test);
        let text = scratch.write("npm.sh", &NPM.replace("ROOM", &scratch.path().display().to_string()));
        scratch.folder("bin");
        program(&text, &scratch.join("bin/npm"));
        scratch.write("node", "24.21.0");
        scratch.write("openclaw", VERSION);
        scratch.folder("home");
        let releases = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder of releases");
        Self { scratch, releases }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateward"));
        command
            .arg("runtime")
            .args(arguments)
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", self.scratch.join("bin").display()))
            .env("HOME", self.scratch.join("home"))
            .env("GATEWARD_RUNTIMES_DIR", self.releases.path())
            .current_dir(self.scratch.path())
            .stdin(Stdio::null());
        command
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments).output().expect("our binary runs"))
    }

    /// Starts an installation that stops in the middle of npm, and waits until it is there.
    #[track_caller]
    fn held(&self) -> Child {
        self.scratch.write("hold", "");
        let err = File::create(self.scratch.join("held.err")).expect("a file");
        let child = self.command(&["install", VERSION]).stdout(Stdio::null()).stderr(err).spawn().expect("our binary");
        eventually(BUDGET, "npm at work", || self.npm());
        child
    }

    fn release(&self) {
        fs::remove_file(self.scratch.join("hold")).expect("held");
    }

    /// The living npm, once it has begun.
    fn npm(&self) -> Option<i32> {
        let pid = fs::read_to_string(self.scratch.join("npm.pid")).ok()?.trim().parse().ok()?;
        processes::is_alive(pid).then_some(pid)
    }

    fn calls(&self) -> usize {
        fs::read_to_string(self.scratch.join("calls")).unwrap_or_default().lines().count()
    }

    /// Everything in the folder of releases but the lock.
    fn entries(&self) -> Vec<String> {
        let entries = fs::read_dir(self.releases.path()).expect("the folder of releases").flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| name != ".lock");
        names.sort();
        names
    }

    fn bin(&self, program: &str) -> PathBuf {
        self.releases.path().join(VERSION).join("node_modules/.bin").join(program)
    }

    #[track_caller]
    fn versions(&self) -> Vec<String> {
        let said = self.run(&["list", "--json"]).code(0);
        let runtimes = said.json()["runtimes"].as_array().expect("a list").clone();
        runtimes.iter().map(|runtime| runtime["version"].as_str().expect("a version").to_owned()).collect()
    }
}

impl Drop for Room {
    /// A failed test may leave an npm that waits to be released.
    fn drop(&mut self) {
        processes::end_bearing(self.scratch.path());
    }
}

#[test]
fn a_release_is_installed_listed_and_removed() {
    let room = Room::new("install");
    let mut install = room.command(&["install", VERSION]);
    install.env("OPENCLAW_STATE_DIR", "/nowhere").env("NODE_OPTIONS", "--nothing").env("npm_config_cafile", "/certs");
    let installed = said(install.output().expect("our binary runs")).code(0);
    assert!(room.bin("node").exists() && room.bin("openclaw").exists());
    assert_eq!(room.entries(), [VERSION], "neither a partial folder nor a log is left");
    assert!(installed.err.contains("1/4") && installed.err.contains("4/4"), "{}", installed.err);
    assert!(!installed.err.contains('\u{1b}') && !installed.err.contains('\r'), "no bar on a pipe: {}", installed.err);
    assert!(
        installed.out.contains(&room.bin("").display().to_string().trim_end_matches('/').to_owned()),
        "{installed:?}"
    );

    let environment = fs::read_to_string(room.scratch.join("environment")).expect("npm's environment");
    assert!(environment.contains("npm_config_cafile=/certs"), "npm's own settings reach it");
    assert!(!environment.contains("OPENCLAW_") && !environment.contains("NODE_OPTIONS"), "{environment}");
    assert!(environment.contains("PATH=") && room.calls() == 2);

    let again = room.run(&["install", VERSION]).code(0);
    assert_eq!(room.calls(), 2, "npm is not run for what is here: {again:?}");
    let listed = room.run(&["list", "--json"]).code(0).json();
    let runtime = &listed["runtimes"][0];
    assert_eq!((runtime["version"].as_str(), runtime["node"].as_str()), (Some(VERSION), Some("24.21.0")));
    assert!(room.run(&["list"]).code(0).out.contains(VERSION));

    room.run(&["remove", VERSION]).code(0);
    assert_eq!(room.entries(), Vec::<String>::new());
    assert!(room.run(&["remove", VERSION]).code(1).err.contains(VERSION));
}

#[test]
fn what_npm_says_when_it_fails_is_shown_and_nothing_is_left() {
    for (said, advice) in [
        ("npm error code ETARGET\nnpm error notarget No matching version found for openclaw@2030.1.2.", "npm view"),
        ("npm error code ENOTFOUND\nnpm error network request failed", "network"),
        ("npm error code ENOSPC\nnpm error nospc No space left", "make room"),
        ("npm error code EACCES\nnpm error path /cache", "npm's cache"),
        ("something else entirely", "all of its output"),
    ] {
        let room = Room::new("fails");
        room.scratch.write("fail", said);
        let failed = room.run(&["install", VERSION]).code(1);
        let last = said.lines().last().expect("a line");
        assert!(failed.err.contains(last) && failed.err.contains(advice), "{}", failed.err);
        let log = format!("install-{VERSION}.log");
        assert_eq!(room.entries().join(" "), log, "only the log is left");
        assert!(failed.err.contains(&log), "the log is named: {}", failed.err);
        assert_eq!(room.versions(), Vec::<String>::new());
        fs::remove_file(room.scratch.join("fail")).expect("mended");
        room.run(&["install", VERSION]).code(0);
        assert_eq!(room.entries(), [VERSION], "the log of the failure is gone too");
    }
}

#[test]
fn a_release_that_does_not_work_is_none() {
    for (file, text, word) in
        [("node", "22.4.0", "24.16"), ("openclaw", "2030.1.3", "another release"), ("node", "$(exit 3", "node")]
    {
        let room = Room::new("unfit");
        room.scratch.write(file, text);
        let failed = room.run(&["install", VERSION]).code(1);
        assert!(failed.err.contains(word), "{}", failed.err);
        assert_eq!(room.versions(), Vec::<String>::new());
        assert!(
            !room.entries().iter().any(|name| name == VERSION || name.starts_with(".partial")),
            "{:?}",
            room.entries()
        );
    }
}

#[test]
fn an_interrupted_installation_ends_npm_and_leaves_nothing() {
    for signal in [Signal::INT, Signal::TERM] {
        let room = Room::new("interrupt");
        let mut child = room.held();
        let npm = room.npm().expect("npm at work");
        processes::kill(child.id().cast_signed(), signal);
        let status = eventually(BUDGET, "the end of the installer", || child.try_wait().expect("our child"));
        assert_eq!(status.code(), Some(1));
        eventually(BUDGET, "the end of npm", || !processes::is_alive(npm));
        assert!(
            !room.entries().iter().any(|name| name.starts_with(".partial") || name == VERSION),
            "{:?}",
            room.entries()
        );
        let told = fs::read_to_string(room.scratch.join("held.err")).expect("its words");
        assert!(told.contains("interrupted"), "{told}");
    }
}

#[test]
fn a_killed_installer_leaves_nothing_that_is_taken_for_whole() {
    let room = Room::new("killed");
    let mut child = room.held();
    let npm = room.npm().expect("npm at work");
    child.kill().expect("killed");
    child.wait().expect("reaped");
    assert_eq!(room.versions(), Vec::<String>::new());
    assert!(
        room.entries().iter().any(|name| name.starts_with(".partial")),
        "it was in the middle: {:?}",
        room.entries()
    );

    // Its npm still writes there, so the next one waits for it, then clears away and installs.
    let err = File::create(room.scratch.join("next.err")).expect("a file");
    let mut next = room.command(&["install", VERSION]).stdout(Stdio::null()).stderr(err).spawn().expect("our binary");
    eventually(BUDGET, "word that it waits", || text(&room.scratch.join("next.err")).contains("waiting"));
    assert!(processes::is_alive(npm) && next.try_wait().expect("our child").is_none());
    room.release();
    let status = eventually(BUDGET, "the end of the next installer", || next.try_wait().expect("our child"));
    assert!(status.success(), "{}", text(&room.scratch.join("next.err")));
    assert_eq!(room.entries(), [VERSION]);
    assert_eq!(room.versions(), [VERSION]);
}

#[test]
fn of_two_installers_one_installs_and_the_other_waits() {
    let room = Room::new("two");
    let mut first = room.held();
    let err = File::create(room.scratch.join("second.err")).expect("a file");
    let mut second = room.command(&["install", VERSION]).stdout(Stdio::null()).stderr(err).spawn().expect("our binary");
    eventually(BUDGET, "word that it waits", || text(&room.scratch.join("second.err")).contains("waiting"));
    room.release();
    for child in [&mut first, &mut second] {
        let status = eventually(BUDGET, "the end of an installer", || child.try_wait().expect("our child"));
        assert!(status.success());
    }
    assert_eq!(room.calls(), 2, "npm was run for one of them only");
    assert_eq!(room.entries(), [VERSION]);
}

#[test]
fn a_waiting_installer_can_be_interrupted() {
    let room = Room::new("waits");
    let mut first = room.held();
    let err = File::create(room.scratch.join("second.err")).expect("a file");
    let mut second = room.command(&["install", VERSION]).stdout(Stdio::null()).stderr(err).spawn().expect("our binary");
    eventually(BUDGET, "word that it waits", || text(&room.scratch.join("second.err")).contains("waiting"));
    processes::kill(second.id().cast_signed(), Signal::INT);
    let status = eventually(BUDGET, "the end of the second", || second.try_wait().expect("our child"));
    assert_eq!(status.code(), Some(1));
    room.release();
    assert!(eventually(BUDGET, "the end of the first", || first.try_wait().expect("our child")).success());
}

#[test]
fn a_folder_that_only_looks_like_a_release_is_replaced() {
    let room = Room::new("halfmade");
    fs::create_dir_all(room.releases.path().join(VERSION).join("node_modules/.bin")).expect("a folder");
    assert_eq!(room.versions(), Vec::<String>::new());
    room.run(&["install", VERSION]).code(0);
    assert_eq!(room.versions(), [VERSION]);
    assert_eq!(room.entries(), [VERSION]);
}

#[test]
fn a_release_that_somebody_runs_on_stays() {
    let room = Room::new("inuse");
    room.run(&["install", VERSION]).code(0);
    let program = room.bin("long-lived");
    self::program(Path::new("/bin/sleep"), &program);
    let mut user = Command::new(&program).arg("600").env("GATEWARD_PLANE", "main").spawn().expect("it runs");
    eventually(BUDGET, "the list to name its user", || {
        let listed = room.run(&["list", "--json"]).code(0).json();
        if listed["runtimes"][0]["in_use_by"] == serde_json::json!(["main"]) { Ok(()) } else { Err(listed) }
    });
    let refused = room.run(&["remove", VERSION]).code(1);
    assert!(refused.err.contains("in use by main") && refused.err.contains("gateward stop main"), "{}", refused.err);
    assert_eq!(room.versions(), [VERSION]);
    user.kill().expect("our child");
    user.wait().expect("reaped");
    room.run(&["remove", VERSION]).code(0);
}

#[test]
fn every_obstacle_is_named_with_what_to_do() {
    let room = Room::new("obstacles");
    let without = said(room.command(&["install", VERSION]).env("PATH", "/nowhere").output().expect("our binary"));
    assert!(without.code(1).err.contains("npm"));
    for text in ["latest", "2030.1", "../x", ""] {
        let failed = room.run(&["install", text]).code(2);
        assert!(failed.err.contains("2026."), "an example is given: {}", failed.err);
    }
    let file = room.scratch.write("file", "");
    let failed = said(
        room.command(&["install", VERSION])
            .env("GATEWARD_RUNTIMES_DIR", file.join("below"))
            .output()
            .expect("our binary"),
    );
    let failed = failed.code(1);
    assert!(failed.err.contains("GATEWARD_RUNTIMES_DIR") && failed.err.contains("below"), "{}", failed.err);
    assert_eq!(room.calls(), 0, "npm is not run in vain");
}

/// Puts a program there, by another process: a file that we had open for writing ourselves could not be executed as long as
/// a child of another test's thread, between its fork and its exec, has it open too.
#[track_caller]
fn program(from: &Path, to: &Path) {
    let status = Command::new("install").args(["-m", "755"]).args([from, to]).status().expect("install");
    assert!(status.success(), "{}", to.display());
}

fn text(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}
