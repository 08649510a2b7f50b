//! Starts keepers and speaks to them.
//!
//! Owns no keeper: each outlives the daemon, and is found again by its socket.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use crate::os::launch::{Launch, Program, Stdio};
use crate::os::lock::held;
use crate::os::{memfd, process, reap};
use crate::plane::{ANNOUNCE_FD, BRIEF_FD, Brief, PlaneName};
use crate::rundir::{self, PlaneDir};
use crate::socket::{CallError, Caller};
use crate::wire::{self, Answer, Ask, Request};

/// A keeper answers from its loop at once; one that takes longer is stuck.
pub const BUDGET: Duration = Duration::from_secs(5);

/// Starts keepers, and reaps those that we started.
#[derive(Debug)]
pub struct Keepers {
    /// Our own program, as it was when we began: the file may be replaced since.
    exe: OwnedFd,
    null: std::fs::File,
    /// Children of ours by pid, until reaped.
    children: BTreeMap<i32, PlaneName>,
}

impl Keepers {
    /// Takes hold of our own program.
    pub fn new() -> io::Result<Self> {
        let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
        Ok(Self { exe: crate::os::exe::own()?, null, children: children_before() })
    }

    /// Starts a keeper for a plane. The descriptor becomes readable when its socket answers, and ends without a byte when it
    /// could not begin.
    pub fn start(&mut self, brief: &Brief) -> io::Result<OwnedFd> {
        let (announcement, announce) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let plane = &brief.sealed.plane.name;
        let bytes = serde_json::to_vec(brief)?;
        let memfd = memfd::sealed("gateward-plane", &bytes)?;
        let argv = ["gateward", "keeper", plane.as_str()].map(OsString::from).to_vec();
        let mut launch = Launch::new(Program::Descriptor(self.exe.try_clone()?), argv);
        launch.environ = vec![("PATH".into(), "/usr/bin:/bin".into()), ("LANG".into(), "C.UTF-8".into())];
        launch.cwd = Some("/".into());
        launch.umask = Some(0o077);
        launch.new_session = true;
        let stdio = Stdio { stdin: self.null.as_fd(), stdout: self.null.as_fd(), stderr: self.null.as_fd() };
        let mut prepared = launch.prepare().map_err(|error| io::Error::other(error.to_string()))?;
        let child = prepared
            .spawn(stdio, &[(memfd.as_fd(), BRIEF_FD), (announce.as_fd(), ANNOUNCE_FD)])
            .map_err(|error| io::Error::other(error.to_string()))?;
        self.children.insert(child.pid, plane.clone());
        Ok(announcement)
    }

    /// Reaps the keepers of ours that have ended; gives them with their exits.
    pub fn reap(&mut self) -> Vec<(PlaneName, reap::Exit)> {
        let mut ended = Vec::new();
        self.children.retain(|pid, name| match reap::reap(*pid) {
            Ok(Some(exit)) => {
                ended.push((name.clone(), exit));
                false
            }
            Ok(None) => true,
            Err(_) => false,
        });
        ended
    }
}

impl Keepers {
    /// Whether this process is a keeper that we started.
    pub fn has(&self, pid: i32) -> bool {
        self.children.contains_key(&pid)
    }

    /// The planes of those keepers of ours that were stopped since the last call.
    pub fn stopped(&self) -> Vec<PlaneName> {
        let stopped = self.children.iter().filter(|(pid, _)| reap::stopped(**pid).unwrap_or(false));
        stopped.map(|(_, name)| name.clone()).collect()
    }
}

/// Keepers that are our children from before this program was executed in our place.
fn children_before() -> BTreeMap<i32, PlaneName> {
    let pids = reap::children().unwrap_or_default();
    let name = |pid: i32| match process::cmdline(pid).ok()?.as_slice() {
        [_, verb, plane] if verb == "keeper" => PlaneName::new(plane).ok(),
        _ => {
            // One that has ended meanwhile says nothing any more.
            let _ = reap::reap(pid);
            None
        }
    };
    pids.into_iter().filter_map(|pid| Some((pid, name(pid)?))).collect()
}

/// Names of all planes that have a socket in `run_dir`; whether anybody answers there is another question.
pub fn named(run_dir: &Path) -> Vec<PlaneName> {
    let Ok(entries) = std::fs::read_dir(rundir::keeper_sockets(run_dir)) else { return Vec::new() };
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".sock").map(PlaneName::new)?.ok())
        .collect();
    names.sort();
    names
}

/// Names of all planes under `state_dir` whose keeper has its lock, whether or not it has a socket.
pub fn locked(state_dir: &Path) -> Vec<PlaneName> {
    let Ok(entries) = std::fs::read_dir(PlaneDir::all(state_dir)) else { return Vec::new() };
    let names = entries.filter_map(|entry| PlaneName::new(entry.ok()?.file_name().to_str()?).ok());
    names.filter(|name| held(&PlaneDir::under(state_dir, name).keeper_lock()).unwrap_or(false)).collect()
}

/// Asks one keeper one thing.
pub async fn ask(run_dir: &Path, plane: &PlaneName, ask: Ask) -> Result<Answer, CallError> {
    let mut caller = Caller::connect(&rundir::keeper_socket(run_dir, plane), BUDGET).await?;
    caller.ask(&request(ask), BUDGET).await
}

/// A request in the daemon's name.
pub fn request(ask: Ask) -> Request {
    Request { v: wire::VERSION, ask, by: wire::SUPERVISOR.into() }
}
