//! What gateward adds: to a death, to an idle host, to a `status`, to a `check`. Prints a table; asserts nothing.
//!
//! `cargo bench --bench lifecycle`. Every number is taken with all of the safety on: sweep, port proof, journal, locks. The
//! floor is the least that can be done here: wait on a pidfd, spawn the same child again.

#![allow(clippy::disallowed_methods, reason = "a benchmark starts programs and reads the clock")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const GATEWARD: &str = env!("CARGO_BIN_EXE_gateward");
const SAMPLES: usize = 40;
const IDLE: Duration = Duration::from_secs(20);

fn main() {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("--child") => child(&args.next().expect("the socket to report to")),
        _ => measure(),
    }
}

/// The measured child: says when its first instruction ran, then sleeps until it is killed.
fn child(socket: &str) {
    let now = monotonic();
    let report = UnixDatagram::unbound().expect("a socket");
    report.send_to(format!("{} {now}", std::process::id()).as_bytes(), socket).expect("the bench listens");
    let mut nothing = [0; 1];
    let (end, _held) = std::os::unix::net::UnixStream::pair().expect("a pair");
    let _ = (&end).read(&mut nothing);
}

fn measure() {
    let world = World::new();
    println!("| what | p50 | p99 | goal |\n|---|---|---|---|");
    row("floor: death to first instruction, pidfd and posix_spawn", floor(&world), "");
    row("death to first instruction, contract plain", respawn(&world), "5 ms of our own time");
    row("the same, contract openclaw (222 bind tests)", respawn_whole(&world), "5 ms of our own time");
    ten_planes(&world);
    row("check of 500 planes, files only", check(&world), "50 ms");
}

struct World {
    folder: tempfile::TempDir,
    report: UnixDatagram,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("gwb").tempdir().expect("a folder");
        let report = UnixDatagram::bind(folder.path().join("report")).expect("a socket");
        report.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out");
        Self { folder, report }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn child_words(&self) -> [String; 3] {
        let me = std::env::current_exe().expect("our own path").display().to_string();
        [me, "--child".into(), self.path("report").display().to_string()]
    }

    /// The next report: pid, and the moment of its first instruction.
    fn reported(&self) -> (i32, u64) {
        let mut text = [0; 64];
        let length = self.report.recv(&mut text).expect("a child reports");
        let text = std::str::from_utf8(&text[..length]).expect("text");
        let (pid, at) = text.split_once(' ').expect("two numbers");
        (pid.parse().expect("a pid"), at.parse().expect("a time"))
    }

    fn supervisor(&self, name: &str, planes: &str) -> Supervisor {
        let root = self.path(name);
        fs::create_dir_all(root.join("home")).expect("a folder");
        let manifest = root.join("supervisor.toml");
        let text = format!("[supervisor]\nrun_dir = \"run\"\nstate_dir = \"state\"\n{planes}");
        fs::write(&manifest, text).expect("a manifest");
        Supervisor::start(manifest)
    }
}

struct Supervisor {
    manifest: PathBuf,
    daemon: Child,
}

impl Supervisor {
    fn start(manifest: PathBuf) -> Self {
        let daemon =
            command(&manifest, &["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("gateward runs");
        Self { manifest, daemon }
    }

    fn run(&self, args: &[&str]) -> String {
        let output = command(&self.manifest, args).output().expect("gateward runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn until_up(&self, count: usize) {
        let begun = Instant::now();
        while self.run(&["status", "--json"]).matches("\"state\":\"up\"").count() < count
            && self.run(&["status", "--json"]).matches("\"state\": \"up\"").count() < count
        {
            assert!(begun.elapsed() < Duration::from_secs(60), "{} planes come up: {}", count, self.run(&["status"]));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let _ = command(&self.manifest, &["down", "--now"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        let _ = self.daemon.wait();
    }
}

fn command(manifest: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(GATEWARD);
    command.arg("-m").arg(manifest).args(args).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("HOME", manifest.with_file_name("home")).stdin(Stdio::null());
    command
}

/// A bare loop: kill, wait on the pidfd, spawn.
fn floor(world: &World) -> Vec<f64> {
    let [program, flag, socket] = world.child_words();
    let spawn = || Command::new(&program).args([&flag, &socket]).stdin(Stdio::null()).spawn().expect("a child");
    let mut child = spawn();
    world.reported();
    let mut times = Vec::new();
    for _ in 0..SAMPLES {
        let killed = monotonic();
        child.kill().expect("killed");
        child.wait().expect("reaped");
        child = spawn();
        times.push(since(killed, world.reported().1));
    }
    child.kill().expect("killed");
    child.wait().expect("reaped");
    times
}

fn plane(world: &World, name: &str, keys: &str) -> String {
    let words = world.child_words().map(|word| format!("{word:?}")).join(", ");
    format!(
        "[planes.{name}]\ncommand = [{words}]\nisolates = \"a measurement\"\nstate_dir = \"s-{name}\"\n{keys}\n[planes.{name}.restart]\nmin_delay = \"10ms\"\nstable = \"0s\"\n"
    )
}

/// One plane that dies again and again.
fn respawn(world: &World) -> Vec<f64> {
    let supervisor = world.supervisor("plain", &plane(world, "one", "contract = \"plain\""));
    let mut pid = world.reported().0;
    supervisor.until_up(1);
    let mut times = Vec::new();
    for _ in 0..SAMPLES {
        let killed = monotonic();
        kill(pid);
        let (next, at) = world.reported();
        times.push(since(killed, at));
        pid = next;
    }
    times
}

/// Many planes that die once each: a second unclean end within five minutes is held back, or OpenClaw would suppress its channels.
fn respawn_whole(world: &World) -> Vec<f64> {
    let mut planes = String::new();
    for n in 0..SAMPLES {
        let config = world.path(&format!("c{n}.json"));
        fs::write(&config, "{ gateway: { mode: \"local\", bind: \"loopback\" } }").expect("written");
        let keys = format!("port = {}\nconfig = {config:?}\nworkspace = \"w-{n}\"", 11_000 + n * 120);
        planes.push_str(&plane(world, &format!("p{n}"), &keys));
    }
    let _supervisor = world.supervisor("whole", &planes);
    let pids: Vec<i32> = (0..SAMPLES).map(|_| world.reported().0).collect();
    // Every one is at rest before the first dies.
    std::thread::sleep(Duration::from_secs(2));
    let once = |pid: &i32| {
        let killed = monotonic();
        kill(*pid);
        since(killed, world.reported().1)
    };
    pids.iter().map(once).collect()
}

fn ten_planes(world: &World) {
    let mut planes = String::new();
    for n in 0..10 {
        let _ = writeln!(
            planes,
            "[planes.p{n}]\ncontract = \"plain\"\ncommand = [\"/bin/sleep\", \"100000\"]\nisolates = \"a measurement\"\n"
        );
    }
    let supervisor = world.supervisor("ten", &planes);
    supervisor.until_up(10);
    row("status of ten planes, the whole process", timed(|| supervisor.run(&["status"])), "20 ms");
    let daemon = supervisor.daemon.id().cast_signed();
    let keepers: Vec<i32> = children(daemon);
    let all = || keepers.iter().chain([&daemon]).flat_map(|pid| switches(*pid)).collect::<BTreeMap<_, _>>();
    let before = all();
    std::thread::sleep(IDLE);
    // A thread that was there before and has ended since was woken once, to end.
    let woken = |after: &BTreeMap<i32, u64>| {
        before.iter().map(|(task, count)| after.get(task).map_or(1, |now| now - count)).sum::<u64>()
    };
    let after = all();
    println!("| wake-ups of daemon and ten keepers in {} s idle | {} | | 0 |", IDLE.as_secs(), woken(&after));
    println!("| resident, daemon | {:.1} MB | | 8 MB |", rss(daemon));
    let most = keepers.iter().map(|pid| rss(*pid)).fold(0.0, f64::max);
    println!("| resident, largest of {} keepers | {most:.1} MB | | 8 MB |", keepers.len());
}

fn check(world: &World) -> Vec<f64> {
    let root = world.path("many");
    fs::create_dir_all(root.join("home")).expect("a folder");
    let mut text = String::from("[supervisor]\nrun_dir = \"run\"\nstate_dir = \"state\"\n");
    for n in 0..500 {
        let _ = writeln!(
            text,
            "[planes.p{n}]\nisolates = \"one of many\"\ncommand = [\"/bin/true\"]\nport = {}",
            1100 + n * 120
        );
        let _ = writeln!(text, "home = \"/nonexistent/p{n}\"\n");
    }
    let manifest = root.join("supervisor.toml");
    fs::write(&manifest, text).expect("a manifest");
    timed(|| {
        let output = command(&manifest, &["check", "--no-live"]).output().expect("gateward runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    })
}

fn timed(mut work: impl FnMut() -> String) -> Vec<f64> {
    (0..SAMPLES)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed().as_secs_f64() * 1e3
        })
        .collect()
}

fn row(what: &str, mut times: Vec<f64>, goal: &str) {
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    println!("| {what} | {:.2} ms | {:.2} ms | {goal} |", at(0.5), at(0.99));
}

fn monotonic() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

fn since(then: u64, now: u64) -> f64 {
    now.saturating_sub(then) as f64 / 1e6
}

fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("our own child");
}

fn children(pid: i32) -> Vec<i32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn status(pid: i32, key: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    line.trim_start_matches(':').split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Context switches of every thread, by its number.
fn switches(pid: i32) -> Vec<(i32, u64)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).map(Iterator::flatten).into_iter().flatten();
    let of = |text: String| {
        text.lines()
            .filter_map(|line| line.split_once("ctxt_switches:"))
            .filter_map(|(_, number)| number.trim().parse::<u64>().ok())
            .sum::<u64>()
    };
    tasks
        .filter_map(|task| {
            let number = task.file_name().to_str()?.parse().ok()?;
            Some((number, of(fs::read_to_string(task.path().join("status")).ok()?)))
        })
        .collect()
}

fn rss(pid: i32) -> f64 {
    status(pid, "VmRSS") as f64 / 1024.0
}
