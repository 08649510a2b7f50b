//! What a respawn and a `status` cost, counted in system calls: a number that a busy machine does not change, unlike a time.
//!
//! A bound here is what was counted when it was written, with a little room. Who needs more of it says why in the change.

use std::process::{Command, Stdio};
use std::time::Duration;

use gateward::wire::State;
use rustix::process::Signal;

use crate::support::processes::kill;
use crate::support::{Gateward, TestPlane, eventually, say, tail};

const SOON: Duration = Duration::from_secs(60);

/// System calls of the keeper from the news of a death to the execution of the successor.
const RESPAWN: usize = 200;

/// System calls of a keeper from its first to the execution of its gateway, when several planes start together.
const START: usize = 450;

/// System calls of `gateward status` with ten planes, all of its process.
const STATUS: usize = 230;

fn plain(name: &str) -> TestPlane {
    TestPlane::plain(name, &["/bin/sleep", "600"])
        .table("restart", "min_delay = \"10ms\"\nmax_delay = \"20ms\"\nstable = \"0s\"")
}

fn can_trace() -> bool {
    let traced = Command::new("strace").args(["-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    let can = traced.is_ok_and(|status| status.success());
    if !can {
        say("skipped: system calls cannot be counted here, there is no strace or no right to trace");
    }
    can
}

#[test]
fn a_respawn_takes_few_system_calls() {
    if !can_trace() {
        return;
    }
    let mut world = Gateward::new("cost-respawn", vec![plain("main")]);
    world.up();
    let first = world.until("main", SOON, "up", |plane| plane.state == State::Up);
    // The first death opens the log and starts its writer; the second is like all that follow.
    kill(first.pid.expect("it runs"), Signal::KILL);
    let main = world.until("main", SOON, "up again", |plane| plane.state == State::Up && plane.incarnation == 2);
    let trace = world.scratch().join("trace");
    let keeper = main.keeper_pid.expect("a keeper").to_string();
    let mut strace = Command::new("strace");
    // Into a file: a pipe that nobody reads any more would end it in the midst of a traced call.
    let words = world.scratch().join("strace.err");
    let err = std::fs::File::create(&words).expect("a file");
    strace.args(["-f", "-p", &keeper, "-o"]).arg(&trace).stdin(Stdio::null()).stderr(err);
    let mut strace = strace.spawn().expect("strace runs");
    let said = || std::fs::read_to_string(&words).unwrap_or_default();
    eventually(SOON, "strace is attached", || if said().contains("attached") { Ok(()) } else { Err(said()) });
    kill(main.pid.expect("it runs"), Signal::KILL);
    // Looked at from outside: whoever asks the keeper adds to its calls.
    let children = format!("/proc/{keeper}/task/{keeper}/children");
    let before = main.pid.expect("it runs").to_string();
    eventually(SOON, "a successor runs", || {
        let list = std::fs::read_to_string(&children).unwrap_or_default();
        let successor = list.split_whitespace().find(|pid| **pid != before)?.to_owned();
        let words = std::fs::read_to_string(format!("/proc/{successor}/cmdline")).ok()?;
        words.contains("sleep").then_some(())
    });
    kill(strace.id().cast_signed(), Signal::INT);
    strace.wait().expect("our child");
    let text = std::fs::read_to_string(&trace).expect("a trace");
    let between = text.lines().skip_while(|line| !line.contains("--- SIGCHLD"));
    // What the writer of the log does beside it stands in nobody's way.
    let mut born = false;
    let in_the_way = |line: &&str| {
        born |= line.contains("CLONE_VFORK");
        (born || by(line, &keeper)) && !line.contains("resumed>")
    };
    let calls = between.take_while(|line| !line.contains("execve(")).filter(in_the_way).count();
    say(&format!("a respawn: {calls} system calls of {RESPAWN}"));
    assert!((20..=RESPAWN).contains(&calls), "{calls} system calls, {RESPAWN} allowed:\n{}", tail(&trace, 200));
}

#[test]
fn a_status_of_ten_planes_takes_few_system_calls() {
    if !can_trace() {
        return;
    }
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let mut world = Gateward::new("cost-status", names.map(plain).into());
    world.up();
    for name in names {
        world.until(name, SOON, "up", |plane| plane.state == State::Up);
    }
    let trace = world.scratch().join("trace");
    let status = world.command(&["status"]);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o"]).arg(&trace).arg(status.get_program()).args(status.get_args()).env_clear();
    strace.envs(status.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = strace.stdin(Stdio::null()).output().expect("strace runs");
    assert!(output.status.success(), "{output:?}");
    let text = std::fs::read_to_string(&trace).expect("a trace");
    let calls = text
        .lines()
        .filter(|line| !line.contains("resumed>") && !line.contains("+++") && !line.contains("---"))
        .count();
    say(&format!("a status of ten: {calls} system calls of {STATUS}"));
    assert!((50..=STATUS).contains(&calls), "{calls} system calls, {STATUS} allowed:\n{}", tail(&trace, 200));
}

#[test]
fn planes_that_start_together_share_one_look_at_the_host() {
    if !can_trace() {
        return;
    }
    let names = ["a", "b", "c"];
    let mut world = Gateward::new("cost-start", names.map(plain).into());
    // Not beside the manifest, where the supervisor would hear of every line.
    let trace = world.scratch().folder("trace").join("calls");
    world.up_under("strace", &["-f", "-o", trace.to_str().expect("a name")]);
    let keepers = names.map(|name| {
        let plane = world.until(name, SOON, "up", |plane| plane.state == State::Up);
        (plane.keeper_pid.expect("a keeper").to_string(), plane.pid.expect("it runs").to_string())
    });
    let text = eventually(SOON, "every gateway is in the trace", || {
        let text = std::fs::read_to_string(&trace).expect("a trace");
        let runs = |gateway: &str| text.lines().any(|line| by(line, gateway) && line.contains("execve("));
        keepers.iter().all(|(_, gateway)| runs(gateway)).then_some(text)
    });
    for (keeper, _) in &keepers {
        let calls: Vec<&str> = text
            .lines()
            .filter(|line| by(line, keeper) && !line.contains("resumed>"))
            .take_while(|line| !line.contains("CLONE_VFORK"))
            .collect();
        say(&format!("a start among three: {} system calls of {START}", calls.len()));
        assert!((50..=START).contains(&calls.len()), "{} calls, {START} allowed:\n{}", calls.len(), calls.join("\n"));
        let looks = calls.iter().filter(|line| line.contains("/environ\"")).count();
        assert_eq!(looks, 0, "the keeper {keeper} looks at every process:\n{}", calls.join("\n"));
    }
}

/// Whether a line of a trace is of this process.
fn by(line: &str, pid: &str) -> bool {
    line.strip_prefix(pid).is_some_and(|rest| rest.starts_with(' '))
}
