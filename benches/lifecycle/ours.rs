//! gateward itself, with both contracts, and the floor: a loop that waits for a pidfd and spawns again.

use std::fmt::Write as _;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use crate::world::{Peer, Running, World, children};

const GATEWARD: &str = env!("CARGO_BIN_EXE_gateward");

/// The least that can be done: no status, no log, no memory of what it does.
pub struct Floor;

struct Bare {
    words: [String; 3],
    children: Vec<(Child, OwnedFd)>,
}

impl Bare {
    fn spawn(&self) -> (Child, OwnedFd) {
        let [program, flag, socket] = &self.words;
        let child = Command::new(program).args([flag, socket]).stdin(Stdio::null()).spawn().expect("a child");
        let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).expect("a pid");
        let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).expect("its pidfd");
        (child, pidfd)
    }

    /// Waits until some have ended, reaps them and spawns as many; gives how many.
    fn turn(&mut self) -> usize {
        let mut ends: Vec<_> = self.children.iter().map(|(_, end)| PollFd::new(end, PollFlags::IN)).collect();
        rustix::event::poll(&mut ends, None).expect("a wait");
        let ended: Vec<usize> = (0..ends.len()).filter(|at| !ends[*at].revents().is_empty()).collect();
        for at in &ended {
            self.children[*at].0.wait().expect("our child");
            self.children[*at] = self.spawn();
        }
        ended.len()
    }
}

impl Peer for Floor {
    fn name(&self) -> String {
        "floor".into()
    }

    fn start(&mut self, world: &World, count: usize) -> Box<dyn Running> {
        let mut bare = Bare { words: world.child(), children: Vec::new() };
        bare.children = (0..count).map(|_| bare.spawn()).collect();
        Box::new(bare)
    }
}

impl Running for Bare {
    fn processes(&self) -> Vec<i32> {
        Vec::new()
    }

    fn status(&mut self) -> Option<Duration> {
        None
    }

    fn stop(&mut self) {
        for (child, _) in &mut self.children {
            child.kill().expect("our child");
        }
        for (child, _) in &mut self.children {
            child.wait().expect("our child");
        }
    }

    fn end(&mut self) {}

    fn successor(&mut self, world: &World) -> (i32, u64) {
        self.successors_of(1);
        world.reported()
    }

    fn successors(&mut self, world: &World, count: usize) {
        self.successors_of(count);
        world.reports(count);
    }
}

impl Bare {
    /// Until so many were spawned again.
    fn successors_of(&mut self, count: usize) {
        let mut seen = 0;
        while seen < count {
            seen += self.turn();
        }
    }
}

/// gateward, contract "plain".
pub struct Plain;

/// gateward, the whole contract, on a child that answers no probe: bind tests, sweep and handoff stand, the start is judged by progress.
struct Whole;

/// Both.
pub fn all() -> Vec<Box<dyn Peer>> {
    vec![Box::new(Plain), Box::new(Whole)]
}

struct Ours {
    manifest: PathBuf,
    daemon: Child,
}

impl Peer for Plain {
    fn name(&self) -> String {
        "gateward, plain".into()
    }

    fn start(&mut self, world: &World, count: usize) -> Box<dyn Running> {
        let words = world.child().map(|word| format!("{word:?}")).join(", ");
        Box::new(run(world, count, |_| format!("contract = \"plain\"\ncommand = [{words}]\n")))
    }
}

impl Peer for Whole {
    fn name(&self) -> String {
        "gateward, whole contract".into()
    }

    // After a second unclean end within five minutes the next start waits, or OpenClaw would suppress its channels.
    fn holds_back(&self) -> bool {
        true
    }

    fn start(&mut self, world: &World, count: usize) -> Box<dyn Running> {
        let words = world.child().map(|word| format!("{word:?}")).join(", ");
        Box::new(run(world, count, |n| {
            let config = world.path(&format!("c{n}.json"));
            fs::write(&config, "{ gateway: { mode: \"local\", bind: \"loopback\" } }").expect("written");
            format!(
                "contract = \"openclaw\"\ncommand = [{words}]\nport = {}\nconfig = {config:?}\nworkspace = \"w{n}\"\n",
                3_000 + n * 120
            )
        }))
    }
}

fn run(world: &World, count: usize, plane: impl Fn(usize) -> String) -> Ours {
    let mut text = format!("[supervisor]\nrun_dir = {:?}\nstate_dir = \"state\"\n", world.run());
    for n in 0..count {
        let _ = writeln!(text, "[planes.p{n}]\nisolates = \"a measurement\"\nstate_dir = \"s{n}\"\n{}", plane(n));
        let _ = writeln!(text, "[planes.p{n}.restart]\nmin_delay = \"10ms\"\nstable = \"0s\"");
    }
    fs::create_dir_all(world.path("home")).expect("a folder");
    let manifest = world.path("supervisor.toml");
    fs::write(&manifest, text).expect("a manifest");
    let daemon = command(&manifest, &["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
    Ours { manifest, daemon }
}

fn command(manifest: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(GATEWARD);
    command.arg("-m").arg(manifest).args(arguments).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("HOME", manifest.with_file_name("home")).stdin(Stdio::null());
    command
}

impl Ours {
    fn asked(&self, arguments: &[&str]) -> (Duration, String) {
        let begun = Instant::now();
        let output = command(&self.manifest, arguments).output().expect("it runs");
        (begun.elapsed(), String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Running for Ours {
    fn processes(&self) -> Vec<i32> {
        let daemon = self.daemon.id().cast_signed();
        let mut all = children(daemon);
        all.push(daemon);
        all
    }

    fn status(&mut self) -> Option<Duration> {
        Some(self.asked(&["status"]).0)
    }

    fn stop(&mut self) {
        self.asked(&["stop", "all"]);
    }

    fn end(&mut self) {
        self.asked(&["down", "--now"]);
        self.daemon.wait().expect("our child");
    }
}
