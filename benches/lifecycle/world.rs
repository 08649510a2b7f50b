//! The child that all of them keep, the folder it reports to, and what /proc tells of a process.

use std::fs;
use std::io::Read;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A supervisor that can be measured.
pub trait Peer {
    /// What the table calls it.
    fn name(&self) -> String;
    /// Whether a child that dies a second time is held back on purpose, so that each is measured once.
    fn holds_back(&self) -> bool {
        false
    }
    /// Starts it with so many children; returns without waiting for them.
    fn start(&mut self, world: &World, count: usize) -> Box<dyn Running>;
}

/// One that runs.
pub trait Running {
    /// Returns when it itself takes so many for up.
    fn settled(&mut self, _count: usize) {}
    /// Its own processes, its children's left out.
    fn processes(&self) -> Vec<i32>;
    /// How long its status command takes, if it has one.
    fn status(&mut self) -> Option<Duration>;
    /// Stops every child, and returns when none is left.
    fn stop(&mut self);
    /// Ends it.
    fn end(&mut self);
    /// The child that follows one that has just been killed: its pid, and the moment of its first instruction.
    fn successor(&mut self, world: &World) -> (i32, u64) {
        world.reported()
    }
    /// Waits for so many successors.
    fn successors(&mut self, world: &World, count: usize) {
        world.reports(count);
    }
}

/// A folder, and a socket on which children report.
pub struct World {
    folder: tempfile::TempDir,
    run: tempfile::TempDir,
    report: UnixDatagram,
}

impl World {
    /// A new one.
    pub fn new(name: &str) -> Self {
        let prefix = format!("gwp-{name}-");
        let named = || tempfile::Builder::new().prefix(&prefix).to_owned();
        let folder = named().tempdir().expect("a folder");
        let shm = PathBuf::from("/dev/shm");
        let run = if shm.is_dir() { named().tempdir_in(shm) } else { named().tempdir() }.expect("a folder");
        let report = UnixDatagram::bind(folder.path().join("report")).expect("a socket");
        report.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
        Self { folder, run, report }
    }

    /// A path inside.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What lies under /run where supervisors are installed: in memory.
    pub fn run(&self) -> &Path {
        self.run.path()
    }

    /// The child's command line.
    pub fn child(&self) -> [String; 3] {
        let me = std::env::current_exe().expect("our own path").display().to_string();
        [me, "--child".into(), self.path("report").display().to_string()]
    }

    /// The next report: pid, and the moment of its first instruction.
    pub fn reported(&self) -> (i32, u64) {
        let mut text = [0; 64];
        let length = self.report.recv(&mut text).expect("a child reports");
        let text = std::str::from_utf8(&text[..length]).expect("text");
        let (pid, at) = text.split_once(' ').expect("two numbers");
        (pid.parse().expect("a pid"), at.parse().expect("a time"))
    }

    /// The next so many.
    pub fn reports(&self, count: usize) -> Vec<i32> {
        (0..count).map(|_| self.reported().0).collect()
    }
}

/// The measured child: says when its first instruction ran, then sleeps until it is killed.
pub fn child(socket: &str) {
    let now = monotonic();
    let report = UnixDatagram::unbound().expect("a socket");
    report.send_to(format!("{} {now}", std::process::id()).as_bytes(), socket).expect("the bench listens");
    let mut nothing = [0; 1];
    let (end, _held) = std::os::unix::net::UnixStream::pair().expect("a pair");
    let _ = (&end).read(&mut nothing);
}

/// Nanoseconds of the monotonic clock.
pub fn monotonic() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// Nanoseconds as milliseconds.
pub fn in_ms(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}

/// The middle one.
pub fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Kills one of our own children's children; gives the moment before.
pub fn kill(pid: i32) -> u64 {
    let now = monotonic();
    let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("a child of the bench");
    now
}

/// The children of a process.
pub fn children(pid: i32) -> Vec<i32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Proportional set size in KiB.
pub fn pss(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Threads.
pub fn threads(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count)
}

/// Context switches of all threads.
pub fn switches(pid: i32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let of = |text: String| {
        let counts = text.lines().filter_map(|line| line.split_once("ctxt_switches:"));
        counts.filter_map(|(_, number)| number.trim().parse::<u64>().ok()).sum::<u64>()
    };
    tasks.filter_map(|task| fs::read_to_string(task.path().join("status")).ok()).map(of).sum()
}

/// Processor time in clock ticks.
pub fn cpu_ticks(pid: i32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit_once(')').map_or(Vec::new(), |(_, rest)| rest.split_whitespace().collect());
    fields.iter().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}
