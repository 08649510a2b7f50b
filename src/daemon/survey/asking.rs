//! Asks OpenClaw itself whether it would start with each plane's config: `config validate --json`, with the plane's whole
//! environment and as its user, several at a time, within a budget.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use serde::Deserialize;

use super::programs::Programs;
use crate::collision::gather::Declarations;
use crate::collision::host::{Issue, Validity};
use crate::openclaw::config::declared::FileRole;
use crate::openclaw::environment;
use crate::os::launch::{Ids, Launch, Program, Stdio};
use crate::os::pidfd::Pidfd;
use crate::os::{pipe, reap, signals};
use crate::plane::{Contract, Plane, PlaneName, Planes};

/// The longest answer: 2.9 s were measured, on a small and busy host it may be many times that.
const ONE: Duration = Duration::from_secs(30);

/// The longest wait for all answers together.
const ALL: Duration = Duration::from_secs(60);

/// More than an answer ever is.
const MOST_BYTES: usize = 256 << 10;

/// The longest part of an issue that is quoted.
const QUOTED: usize = 200;

/// What is to be asked about one plane.
pub(super) struct Question {
    plane: PlaneName,
    launch: Launch,
}

/// The questions about those planes of `asked` that have a config to ask about.
pub(super) fn questions(
    planes: &Planes,
    declared: &Declarations,
    asked: &BTreeSet<PlaneName>,
    programs: &mut Programs,
) -> Vec<Question> {
    let has_config = |plane: &Plane| {
        let files = declared.get(&plane.name).map(|declared| declared.files.as_slice()).unwrap_or_default();
        files.iter().any(|file| file.role == FileRole::Config && file.read)
    };
    let openclaw = planes.planes.iter().map(|(plane, _)| plane).filter(|plane| asked.contains(&plane.name));
    let openclaw = openclaw.filter(|plane| plane.contract == Contract::Openclaw && has_config(plane));
    // A program that is not there is told of by itself.
    openclaw
        .filter_map(|plane| Some(Question { plane: plane.name.clone(), launch: question(plane, programs)? }))
        .collect()
}

fn question(plane: &Plane, programs: &mut Programs) -> Option<Launch> {
    let environ = programs.environ(plane);
    let host = programs.host(plane).ok()?;
    let profile: &[&str] = if plane.profile == "default" { &[] } else { &["--profile", &plane.profile] };
    let words = [profile, &["config", "validate", "--json"]].concat();
    let argv = environment::helper_argv(plane, &host.program, &words);
    let mut launch = Launch::new(Program::Path(host.program.clone()), argv.into_iter().map(OsString::from).collect());
    launch.environ = environ.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    // A plane that never ran has no state dir yet, and nothing in the answer rests on the folder.
    launch.cwd = Some(if plane.cwd.is_dir() { plane.cwd.clone() } else { PathBuf::from("/") });
    launch.umask = plane.umask;
    launch.account = plane.account.as_ref().map(|account| Ids {
        uid: account.uid,
        gid: account.gid,
        groups: crate::os::accounts::groups_of(&account.name, account.gid),
    });
    Some(launch)
}

/// Asks them all, as many at a time as there are processors.
pub(super) fn ask(questions: Vec<Question>) -> BTreeMap<PlaneName, Validity> {
    let width = thread::available_parallelism().map_or(2, usize::from).min(questions.len());
    let until = Instant::now() + ALL;
    let waiting = Mutex::new(questions.into_iter());
    let answers = Mutex::new(BTreeMap::new());
    let worker = || {
        loop {
            let next = waiting.lock().ok().and_then(|mut waiting| waiting.next());
            let Some(Question { plane, launch }) = next else { return };
            let validity = answered(launch, until.min(Instant::now() + ONE));
            if let Ok(mut answers) = answers.lock() {
                answers.insert(plane, validity);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..width {
            scope.spawn(worker);
        }
    });
    answers.into_inner().unwrap_or_default()
}

fn answered(launch: Launch, until: Instant) -> Validity {
    if Instant::now() >= until {
        return unknown(format!("there were too many planes to ask about within {} s", ALL.as_secs()));
    }
    match output(launch, until) {
        Ok(Some(output)) => understood(&output),
        Ok(None) => unknown(format!("`openclaw config validate` gave no answer within {} s", ONE.as_secs())),
        Err(why) => unknown(why),
    }
}

fn unknown(why: String) -> Validity {
    Validity::Unknown { why, hint: String::new() }
}

/// Runs it to its end and gives its output; `None` when it had to be ended.
fn output(launch: Launch, until: Instant) -> Result<Option<Vec<u8>>, String> {
    let said = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
    let ends = pipe::capture(MOST_BYTES).map_err(|error| said("no pipe could be made", &error))?;
    let null = File::options().read(true).write(true).open("/dev/null");
    let null = null.map_err(|error| said("/dev/null could not be opened", &error))?;
    let stdio = Stdio { stdin: null.as_fd(), stdout: ends.write.as_fd(), stderr: null.as_fd() };
    let prepared = launch.prepare().and_then(|mut prepared| prepared.spawn(stdio, &[]));
    let child = prepared.map_err(|error| said("`openclaw config validate` could not be started", &error))?;
    drop(ends.write);
    let handle = Pidfd::open(child.pid);
    let output = match &handle {
        Ok(handle) => read_until(&ends.read, handle, until),
        Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
    };
    let ended = matches!(handle, Ok(handle) if handle.ends(until));
    // It is unreaped, so the group is still its own: whatever it left behind goes with it.
    let _ = signals::kill_group(child.pid, libc::SIGKILL);
    let _ = Pidfd::open(child.pid).map(|handle| handle.ends(Instant::now() + ONE));
    let _ = reap::reap(child.pid);
    let output = output.map_err(|error| said("its answer could not be read", &error))?;
    Ok(output.filter(|_| ended))
}

/// All that is written until the other end is closed or the child has ended: what it left behind may keep the pipe for as long
/// as it lives. `None` when time runs out first.
fn read_until(pipe: &OwnedFd, child: &Pidfd, until: Instant) -> io::Result<Option<Vec<u8>>> {
    let mut output = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        let budget =
            rustix::event::Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        let mut look = [PollFd::new(pipe, PollFlags::IN), PollFd::new(child, PollFlags::IN)];
        match poll(&mut look, Some(&budget)) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        // All that the child wrote is there once it has ended, and is read before its end counts.
        let has_more = !look[0].revents().is_empty();
        if !has_more {
            return Ok(Some(output));
        }
        match rustix::io::read(pipe, &mut buffer) {
            Ok(0) => return Ok(Some(output)),
            Ok(read) if output.len() < MOST_BYTES => output.extend_from_slice(&buffer[..read]),
            Ok(_) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    valid: bool,
    #[serde(default)]
    issues: Vec<Told>,
}

#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    path: String,
    #[serde(default)]
    message: String,
}

/// The answer is one JSON object; warnings of the runtime may stand before it.
fn understood(output: &[u8]) -> Validity {
    let text = String::from_utf8_lossy(output);
    let starts = text.char_indices().filter(|(_, c)| *c == '{').map(|(at, _)| at);
    let answer = starts.into_iter().find_map(|at| {
        serde_json::Deserializer::from_str(&text[at..]).into_iter::<Answer>().next().and_then(Result::ok)
    });
    match answer {
        Some(Answer { valid: true, .. }) => Validity::Valid,
        Some(Answer { valid: false, issues }) => Validity::Invalid(issues.into_iter().map(quoted).collect()),
        None if text.trim().is_empty() => unknown("`openclaw config validate` said nothing".to_owned()),
        None => unknown("`openclaw config validate` gave an answer that is not understood".to_owned()),
    }
}

fn quoted(told: Told) -> Issue {
    let short = |text: &str| text.chars().take(QUOTED).collect::<String>();
    let path = if told.path.is_empty() { "config".to_owned() } else { short(&told.path) };
    Issue { path, message: short(&told.message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Launch {
        let argv = ["sh", "-c", script].map(OsString::from).to_vec();
        Launch::new(Program::Path("/bin/sh".into()), argv)
    }

    #[test]
    fn answers_are_understood() {
        let invalid =
            br#"(node:1) a { warning {"valid":false,"issues":[{"path":"gateway.port","message":"no number"}]}"#;
        let issue = Issue { path: "gateway.port".into(), message: "no number".into() };
        assert_eq!(understood(invalid), Validity::Invalid(vec![issue]));
        assert_eq!(understood(br#"{"valid":true,"path":"x","warnings":[]}"#), Validity::Valid);
        assert!(matches!(understood(b"Usage: openclaw"), Validity::Unknown { .. }));
        assert!(matches!(understood(b""), Validity::Unknown { .. }));
    }

    #[test]
    fn an_answer_is_waited_for_and_silence_is_ended() {
        let soon = || Instant::now() + Duration::from_secs(20);
        let said = output(shell("echo '{\"valid\":true}'"), soon()).expect("it runs");
        assert_eq!(said.as_deref().map(understood), Some(Validity::Valid));
        let begun = Instant::now();
        let short = Instant::now() + Duration::from_millis(100);
        assert_eq!(output(shell("sleep 60 & sleep 60"), short).expect("it runs"), None);
        assert!(begun.elapsed() < Duration::from_secs(20));
        // A grandchild that keeps the pipe does not keep the answer.
        let begun = Instant::now();
        let said = output(shell("sleep 60 & echo '{\"valid\":true}'"), soon()).expect("it runs");
        assert_eq!(said.as_deref().map(understood), Some(Validity::Valid));
        assert!(begun.elapsed() < Duration::from_secs(20));
        let missing = Launch::new(Program::Path("/nowhere/openclaw".into()), vec!["openclaw".into()]);
        assert!(output(missing, soon()).expect_err("it is not there").contains("could not be started"));
    }
}
