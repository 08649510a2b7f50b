//! Whether a pause between starts makes boots quicker: three real gateways at once, and one after the other. Prints a table;
//! asserts nothing.
//!
//! `cargo bench --bench stagger [-- ROUNDS]`, on a machine with nothing else to do. Each round starts a supervisor with every
//! pause in turn and stops it gracefully; states are warm, since the first boots are not counted. What the table says decided
//! the default of `stagger`.

#![allow(clippy::disallowed_methods, reason = "a benchmark starts programs and reads the clock")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::fs;
use std::time::Duration;

use jiff::Timestamp;
use rustix::process::Signal;
use support::{BOOT, Boots, Gateward, TestPlane, eventually, say};

const PLANES: [&str; 3] = ["main", "rescue", "staging"];
const PAUSES: [u64; 4] = [0, 5, 10, 15];

/// From the supervisor's start, in seconds: when each gateway was spawned and when it had started.
type Boot = [(f64, f64); 3];

fn main() {
    let rounds = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(3);
    if support::openclaw().is_none() {
        return;
    }
    // Nobody else's boots beside ours.
    let _boots = Boots::take(2);
    let mut world = Gateward::with_supervisor("stagger", "stagger = \"0s\"\n", PLANES.map(TestPlane::real).into());
    let text = fs::read_to_string(world.manifest()).expect("the manifest");
    boot(&mut world);
    println!(
        "| pause | load before | boots, each from its spawn | mean boot | all started after |\n|---|---|---|---|---|"
    );
    for _ in 0..rounds {
        for pause in PAUSES {
            let line = format!("stagger = \"{pause}s\"");
            world.scratch().write("supervisor.toml", &text.replace("stagger = \"0s\"", &line));
            let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
            let took = boot(&mut world);
            row(pause, load.split(' ').next().unwrap_or("?"), &took);
        }
    }
}

/// One supervisor from start to stop.
fn boot(world: &mut Gateward) -> Boot {
    let begun = Timestamp::now();
    world.spawn_daemon();
    // Files are read, nobody is asked: a `status` every few milliseconds would be measured too.
    let took = eventually(BOOT, "three gateways", || {
        let all: Vec<_> = PLANES.iter().filter_map(|plane| times(world, plane, begun)).collect();
        Boot::try_from(all)
    });
    world.end_daemon(Signal::TERM, BOOT);
    took
}

fn times(world: &Gateward, plane: &str, begun: Timestamp) -> Option<(f64, f64)> {
    let journal = world.scratch().join(&format!("state/planes/{plane}/journal.jsonl"));
    let text = fs::read_to_string(journal).ok()?;
    let entries: Vec<serde_json::Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let since = |event: &str| {
        let entry = entries.iter().rev().find(|entry| entry["event"] == event)?;
        let at: Timestamp = entry["at"].as_str()?.parse().ok()?;
        (at >= begun).then(|| Duration::try_from(at.duration_since(begun)).ok())?
    };
    Some((since("spawned")?.as_secs_f64(), since("started")?.as_secs_f64()))
}

fn row(pause: u64, load: &str, took: &Boot) {
    let boots: Vec<f64> = took.iter().map(|(spawned, started)| started - spawned).collect();
    let each: Vec<String> = boots.iter().map(|seconds| format!("{seconds:.1} s")).collect();
    let mean = boots.iter().sum::<f64>() / boots.len() as f64;
    let all = took.iter().map(|(_, started)| *started).fold(0.0, f64::max);
    println!("| {pause} s | {load} | {} | {mean:.1} s | {all:.1} s |", each.join(", "));
    say(&format!("a pause of {pause} s is measured"));
}
