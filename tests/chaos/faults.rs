//! The faults, and the hand that strikes with them.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use gateward::wire::PlaneStatus;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::support::{Gateward, eventually, say};

const PATIENCE: Duration = Duration::from_secs(60);

/// What can happen. Faults of a plane never mean one of the untouched.
#[derive(Clone, Copy, Debug)]
enum Fault {
    GatewayKilled,
    GatewayStopped,
    GatewayTold,
    KeeperKilled,
    KeeperStopped,
    KeeperPaused,
    Restarted,
    RestartedNow,
    StoppedAndStarted,
    AskerKilled,
    DaemonKilled,
    DaemonPaused,
    DaemonReplaced,
    DaemonTwice,
    SocketsRemoved,
    RunDirWiped,
    ManifestBroken,
    ManifestCut,
    Reloaded,
}

const FAULTS: [Fault; 19] = [
    Fault::GatewayKilled,
    Fault::GatewayStopped,
    Fault::GatewayTold,
    Fault::KeeperKilled,
    Fault::KeeperStopped,
    Fault::KeeperPaused,
    Fault::Restarted,
    Fault::RestartedNow,
    Fault::StoppedAndStarted,
    Fault::AskerKilled,
    Fault::DaemonKilled,
    Fault::DaemonPaused,
    Fault::DaemonReplaced,
    Fault::DaemonTwice,
    Fault::SocketsRemoved,
    Fault::RunDirWiped,
    Fault::ManifestBroken,
    Fault::ManifestCut,
    Fault::Reloaded,
];

/// Strikes a world at random.
pub struct Chaos {
    world: Gateward,
    random: fastrand::Rng,
    meant: Vec<String>,
    /// When a killed daemon is started again.
    daemon_due: Option<Instant>,
    /// Processes that go on then.
    paused: Vec<(i32, Instant)>,
    /// Verbs on their way.
    askers: Vec<Child>,
    manifest: String,
    done: String,
    struck: u32,
}

impl Chaos {
    /// With every plane up.
    pub fn new(world: Gateward, seed: u64, with_real: bool) -> Self {
        let mut meant: Vec<String> = ["main", "drains", "browses", "chatters", "stubborn"].map(String::from).to_vec();
        meant.extend(["counter-a", "counter-b", "counter-c", "counter-d"].map(String::from));
        meant.extend(with_real.then(|| "real-main".to_owned()));
        let manifest = std::fs::read_to_string(world.manifest()).expect("a manifest");
        let random = fastrand::Rng::with_seed(seed);
        let (paused, askers) = (Vec::new(), Vec::new());
        Self { world, random, meant, daemon_due: None, paused, askers, manifest, done: String::new(), struck: 0 }
    }

    /// What was done last.
    pub fn done(&self) -> &str {
        &self.done
    }

    /// One fault, then a while for it to work.
    pub fn strike(&mut self) {
        self.resume(Instant::now());
        let fault = FAULTS[self.random.usize(..FAULTS.len())];
        let plane = self.meant[self.random.usize(..self.meant.len())].clone();
        self.struck += 1;
        self.done = format!("{fault:?} ({plane}), the {}th fault", self.struck);
        self.commit(fault, &plane);
        let until = Instant::now() + Duration::from_millis(self.random.u64(0..250));
        crate::support::within(until.saturating_duration_since(Instant::now()), || false);
    }

    fn commit(&mut self, fault: Fault, plane: &str) {
        match fault {
            Fault::GatewayKilled => self.signal(plane, |status| status.pid, Signal::KILL),
            Fault::GatewayStopped => self.signal(plane, |status| status.pid, Signal::STOP),
            Fault::GatewayTold => self.signal(plane, |status| status.pid, Signal::TERM),
            Fault::KeeperKilled => self.signal(plane, |status| status.keeper_pid, Signal::KILL),
            Fault::KeeperStopped => self.signal(plane, |status| status.keeper_pid, Signal::STOP),
            Fault::KeeperPaused => {
                if let Some(pid) = self.status(plane).and_then(|status| status.keeper_pid) {
                    self.pause(pid);
                }
            }
            Fault::Restarted => self.ask(&["restart", plane, "--no-wait"]),
            Fault::RestartedNow => self.ask(&["restart", plane, "--now", "--no-wait"]),
            Fault::StoppedAndStarted => {
                self.ask(&["stop", plane, "--now"]);
                self.ask(&["start", plane, "--no-wait"]);
            }
            Fault::AskerKilled => {
                self.ask(&["restart", plane]);
                if let Some(asker) = self.askers.last_mut() {
                    asker.kill().expect("our child");
                }
            }
            Fault::DaemonKilled => self.daemon_dies(),
            Fault::DaemonPaused => {
                if self.daemon_due.is_none() {
                    self.pause(self.world.daemon_pid());
                }
            }
            Fault::DaemonReplaced => self.ask(&["reload", "--exec"]),
            Fault::DaemonTwice => {
                if self.daemon_due.is_none() {
                    let said = self.world.run(&["run"]);
                    assert!([1, 6].contains(&said.code), "another supervisor, or no manifest: {said:#?}");
                }
            }
            Fault::SocketsRemoved => {
                let _ = std::fs::remove_file(self.world.scratch().join(&format!("run/planes/{plane}.sock")));
                let _ = std::fs::remove_file(self.world.scratch().join("run/gateward.sock"));
            }
            Fault::RunDirWiped => drop(std::fs::remove_dir_all(self.world.scratch().join("run"))),
            Fault::ManifestBroken => self.edit("[planes.main\n"),
            Fault::ManifestCut => {
                let whole = self.manifest.clone();
                let cut =
                    whole.match_indices("\n[planes.").nth(self.random.usize(1..6)).map_or(whole.len(), |(at, _)| at);
                self.edit(&whole[..cut]);
            }
            Fault::Reloaded => {
                let whole = self.manifest.clone();
                self.edit(&whole);
                // Waited for: a later cut of the manifest must not be what it applies.
                self.world.run(&["reload"]);
            }
        }
    }

    fn edit(&self, text: &str) {
        let beside = self.world.scratch().write("supervisor.new", text);
        std::fs::rename(beside, self.world.manifest()).expect("in place");
    }

    fn daemon_dies(&mut self) {
        if self.daemon_due.is_none() {
            self.world.end_daemon(Signal::KILL, PATIENCE);
            self.daemon_due = Some(Instant::now() + Duration::from_millis(self.random.u64(0..1500)));
        }
    }

    fn status(&self, plane: &str) -> Option<PlaneStatus> {
        let said = self.world.run(&["status", "--json", plane]);
        let mut value: serde_json::Value = serde_json::from_str(&said.out).ok()?;
        serde_json::from_value(value.pointer_mut("/planes/0")?.take()).ok()
    }

    fn signal(&self, plane: &str, whose: impl Fn(&PlaneStatus) -> Option<i32>, signal: Signal) {
        if let Some(pid) = self.status(plane).and_then(|status| whose(&status)) {
            send(pid, signal);
        }
    }

    fn pause(&mut self, pid: i32) {
        send(pid, Signal::STOP);
        self.paused.push((pid, Instant::now() + Duration::from_millis(self.random.u64(0..400))));
    }

    fn ask(&mut self, arguments: &[&str]) {
        let mut command = self.world.command(arguments);
        self.askers.push(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("our binary runs"));
    }

    /// What was stopped for a while goes on, a dead daemon is started again, and askers that are done are reaped.
    fn resume(&mut self, now: Instant) {
        let (due, later) = self.paused.drain(..).partition(|(_, until)| *until <= now);
        self.paused = later;
        let due: Vec<(i32, Instant)> = due;
        for (pid, _) in due {
            send(pid, Signal::CONT);
        }
        if self.daemon_due.is_some_and(|due| due <= now) {
            let whole = self.manifest.clone();
            self.edit(&whole);
            self.world.spawn_daemon();
            self.daemon_due = None;
        }
        self.askers.retain_mut(|asker| asker.try_wait().expect("our child").is_none());
    }

    /// No more faults: everything is whole again and told to be up.
    pub fn settle(mut self) -> Gateward {
        say(&format!("chaos: {} faults", self.struck));
        let late = Instant::now() + Duration::from_secs(3600);
        self.resume(late);
        let whole = self.manifest.clone();
        self.edit(&whole);
        eventually(PATIENCE * 3, "every verb comes to its end", || {
            self.askers.retain_mut(|asker| asker.try_wait().expect("our child").is_none());
            self.askers.is_empty()
        });
        self.world.wait_for_daemon();
        eventually(PATIENCE, "every plane may start", || {
            let said = self.world.run(&["start", "all", "--no-wait"]);
            if said.code == 0 { Ok(()) } else { Err(said) }
        });
        self.world
    }
}

/// A signal to a process that may be gone.
fn send(pid: i32, signal: Signal) {
    if let Some(Ok(handle)) = Pid::from_raw(pid).map(|pid| pidfd_open(pid, PidfdFlags::empty())) {
        let _ = pidfd_send_signal(&handle, signal);
    }
}
