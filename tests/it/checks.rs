//! `gateward check` on a corpus: one folder of `tests/checks` a case, with a manifest, gateways' own configs, and the findings
//! that are expected, no more and no fewer. Looks at files only; the live half has tests of its own.
//!
//! `expected` has one finding a line, its code and its planes, sorted. `do` says what a repository cannot hold: links, FIFOs,
//! rights, mounts. Mounts are made in a mount namespace of the check's own.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::Scratch;

/// It depends on a setting of the host and not on the case.
const OF_THE_HOST: &str = "port-family-ephemeral";

#[test]
fn every_case_has_exactly_its_findings() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checks");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(corpus).expect("the corpus").map(|case| case.expect("a case").path()).collect();
    cases.sort();
    assert!(cases.len() > 60, "only {} cases", cases.len());
    if !may_bind() {
        eprintln!("skipped: the cases with mounts, as this host lets no account make a mount namespace");
        cases.retain(|case| binds(case).is_empty());
    }
    let wrong: Vec<String> = cases.iter().filter_map(|case| differs(case)).collect();
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn no_secret_is_ever_shown() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checks");
    for entry in fs::read_dir(corpus).expect("the corpus") {
        let case = entry.expect("a case").path();
        if !binds(&case).is_empty() {
            continue;
        }
        let scratch = Scratch::new("checks");
        lay_out(&case, scratch.path());
        for form in ["text", "json", "sarif", "github"] {
            let (said, _) = check(scratch.path(), &["--format", form]);
            assert!(!said.contains("hunter2"), "{} as {form}: {said}", case.display());
        }
    }
}

#[test]
fn a_credential_of_an_env_file_is_pointed_at_where_it_stands() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checks/credential-by-default-variable");
    let scratch = Scratch::new("checks");
    lay_out(&case, scratch.path());
    let (said, _) = check(scratch.path(), &["--format", "text"]);
    assert!(said.contains("rescue.env:1:1") && said.contains("1 | TELEGRAM_BOT_TOKEN=***"), "{said}");
}

#[test]
fn no_secret_of_a_manifest_that_does_not_hold_is_ever_shown() {
    let mistakes = [
        "args = ['--token', 'hunter2', '--port', '1']",
        "args = ['--profile=hunter2']",
        "args = [\n'--token',\n'hunter2',\n'--port'\n]",
        "args = 'hunter2'",
        "args = '--token hunter2'",
        "args = ['--token hunter2', 1]",
        "args = ['--token', 'hunter2=', 1]",
        "args = ['-phunter2', 1]",
        "command = 'openclaw --token hunter2 --bind=lan'",
        "command = ['openclaw', '--token=x hunter2', 1]",
        "args = ['--port=1', '--token', \"\"\"\\\nhunter2=\"\"\"]\nprofile = 5",
        "pwd = 'hunter2'",
        "usr = 'hunter2'",
        "pass_env = 'TOKEN=hunter2'",
        "pass_env = ['sk-hunter2-api03-0123456789']",
        "args = ['--token', hunter2]",
        "args = ['--token', 'hunter2]",
        "args = ['--token', \"\"\"\nhunter2\n\"\"\", '--port', '1']",
        "args = { token = 'hunter2' }",
        "command = ['node', '--token', 'hunter2', 1]",
        "command = 'node --token hunter2'",
        "bottoken = 'hunter2'",
        "bot = hunter2",
        "TOKEN: hunter2",
        "hunter2",
        "[planes.main.channels.telegram]\nbotToken = 'hunter2'",
        "[defaults]\nargs = ['--token', 'hunter2', '--force']",
        "[secrets]\ntoken = 'hunter2'",
        "env = 'hunter2'",
        "env = { OPENCLAW_STATE_DIR = 'hunter2' }",
        "env = { TOKEN = 'hunter2',",
        "pass_env = ['TOKEN=hunter2']",
        "health.url = 'ftp://u:hunter2@h/'",
    ];
    let scratch = Scratch::new("checks");
    for mistake in mistakes {
        let text = format!("[planes.main]\nruntime = 'practice'\nport = 18789\n{mistake}\n");
        fs::write(scratch.path().join("supervisor.toml"), text).expect("a manifest");
        for form in ["text", "json", "sarif", "github"] {
            let output = command(scratch.path(), &["check", "--no-live", "--format", form]);
            assert_eq!(output.status.code(), Some(6), "{mistake}");
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(said.len() > 50 && !said.contains("hunter2"), "{mistake} as {form}: {said}");
        }
        let output = command(scratch.path(), &["status"]);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(said.len() > 50 && !said.contains("hunter2"), "{mistake} in status: {said}");
    }
}

/// What is wrong with one case, in words.
fn differs(case: &Path) -> Option<String> {
    let scratch = Scratch::new("checks");
    lay_out(case, scratch.path());
    let (json, code) = check(scratch.path(), &["--json"]);
    let name = case.file_name().expect("a name").to_string_lossy();
    let Ok(proof) = serde_json::from_str::<serde_json::Value>(&json) else {
        return Some(format!("{name}: no JSON: {json}"));
    };
    let findings = proof["findings"].as_array().expect("a list");
    let line = |finding: &serde_json::Value| {
        let planes = finding["planes"].as_array().expect("a list").iter().filter_map(|plane| plane.as_str());
        std::iter::once(finding["code"].as_str().expect("a code")).chain(planes).collect::<Vec<_>>().join(" ")
    };
    let counted = findings.iter().filter(|finding| finding["code"] != OF_THE_HOST);
    let mut found: Vec<String> = counted.map(line).collect();
    found.sort();
    let expected = fs::read_to_string(case.join("expected")).expect("what is expected");
    let has_error = findings.iter().any(|finding| finding["severity"] == "error");
    let exit = if has_error { 7 } else { 0 };
    if found != expected.lines().collect::<Vec<_>>() {
        return Some(format!("{name}:\n  expected {:?}\n  found    {found:?}", expected.lines().collect::<Vec<_>>()));
    }
    if code != Some(exit) || proof["ok"] != !has_error {
        return Some(format!("{name}: exit {code:?} where {exit} is due"));
    }
    let places = findings.iter().filter(|finding| finding["at"].as_array().is_none_or(Vec::is_empty));
    places.map(line).next().map(|line| format!("{name}: {line} points at nothing"))
}

/// Runs `check` on files alone; gives stdout and the exit code.
fn check(folder: &Path, words: &[&str]) -> (String, Option<i32>) {
    let output = command(folder, &[&["check", "--no-live"], words].concat());
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
}

/// Runs gateward with what the case in `folder` binds.
fn command(folder: &Path, words: &[&str]) -> Output {
    let binds = binds(folder);
    let mut command = if binds.is_empty() {
        Command::new(env!("CARGO_BIN_EXE_gateward"))
    } else {
        let mut command = namespace();
        command.args(["sh", "-ec", &format!("{binds}exec \"$0\" \"$@\"")]);
        command.arg(env!("CARGO_BIN_EXE_gateward"));
        command
    };
    command
        .args(["-m", "supervisor.toml"])
        .args(words)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder.join("home"))
        .env("PATH", "/usr/bin:/bin")
        .output()
        .expect("gateward runs")
}

/// A line of the shell for each mount.
fn binds(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("do")).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.strip_prefix("bind "));
    lines.map(|paths| format!("mount --bind {paths}\n")).collect()
}

/// What runs a program in a mount namespace of its own; an ordinary account needs a user namespace as well.
fn namespace() -> Command {
    let mut command = Command::new("unshare");
    command.args(if rustix::process::geteuid().is_root() { &["-m"][..] } else { &["-r", "-m"] });
    command
}

fn may_bind() -> bool {
    let scratch = Scratch::new("checks");
    fs::create_dir_all(scratch.join("a")).expect("a folder");
    let mut command = namespace();
    command.args(["mount", "--bind", "a", "."]).current_dir(scratch.path());
    command.output().is_ok_and(|done| done.status.success())
}

/// Copies a case, closed to others, and does what its `do` says.
fn lay_out(case: &Path, to: &Path) {
    copy(case, to);
    for line in fs::read_to_string(case.join("do")).unwrap_or_default().lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let at = |word: &str| to.join(word);
        match words[..] {
            ["symlink", target, link] => symlink(target, at(link)).expect("a link"),
            ["hardlink", file, link] => fs::hard_link(at(file), at(link)).expect("a hard link"),
            ["bind", source, target] => [source, target].iter().for_each(|path| folder(&at(path))),
            ["fifo", path] => nix::unistd::mkfifo(&at(path), nix::sys::stat::Mode::S_IRUSR).expect("a FIFO"),
            ["chmod", mode, path] => {
                let mode = u32::from_str_radix(mode, 8).expect("a mode");
                fs::set_permissions(at(path), fs::Permissions::from_mode(mode)).expect("rights");
            }
            _ => panic!("`{line}` is no word of {}", case.display()),
        }
    }
}

/// Makes what a mount needs, where it is not there.
fn folder(path: &Path) {
    fs::create_dir_all(path).expect("a folder");
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).expect("rights");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).expect("rights");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("a copy");
            fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).expect("rights");
        }
    }
}
