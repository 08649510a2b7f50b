//! How long a proof takes: the pure part on 100 to 10,000 claims, and all of `check --no-live` on 500 planes, with the manifest
//! alone and with a config each. Judges nothing.
//!
//! A host holds 581 disjoint families, so the larger sets are claims and not planes.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gateward::collision::check;
use gateward::collision::claim::{Claim, Claimant, Claims, PathRole, Pin, Source, Surface};
use gateward::collision::surroundings::Surroundings;
use gateward::daemon::load;
use gateward::daemon::survey::{self, Depth};
use gateward::plane::{Place, PlaneName, Role};

const ROUNDS: usize = 21;
const PLANES: usize = 500;

fn main() {
    for count in [100, 1_000, 10_000] {
        for (kind, claims) in [("apart", apart(count)), ("meeting", meeting(count))] {
            let rounds = rounds(|| drop(black_box(check(claims.clone(), &Surroundings::default()))));
            let unit = rounds[0].as_secs_f64() * 1e9 / (count as f64 * (count as f64).log2());
            println!("{count:>6} claims, {kind:<7}: {}, {unit:.1} ns for each of n·log2 n", said(&rounds));
        }
    }
    for configs in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = write(folder.path(), configs);
        let rounds = rounds(|| {
            let loaded = load::read(&manifest).expect("a manifest");
            drop(black_box(survey::prove(&loaded.planes, Depth::Files)));
        });
        let with = if configs { "a config each" } else { "no configs" };
        println!("{PLANES} planes, {with}, read and proved: {}", said(&rounds));
    }
}

fn rounds(mut round: impl FnMut()) -> Vec<Duration> {
    let timed = |_| {
        let begun = Instant::now();
        round();
        begun.elapsed()
    };
    let mut rounds: Vec<Duration> = (0..ROUNDS).map(timed).collect();
    rounds.sort_unstable();
    rounds
}

fn said(rounds: &[Duration]) -> String {
    format!("best {:?}, median {:?}, worst {:?} of {ROUNDS}", rounds[0], rounds[ROUNDS / 2], rounds[ROUNDS - 1])
}

/// Claims of which none meet: state dir, config, workspace, log, and a pin below all families.
fn apart(count: usize) -> Claims {
    claims(count, |plane, number| match number {
        0 => Surface::Path(PathRole::StateDir, path(plane, "")),
        1 => Surface::Path(PathRole::Config, path(plane, "openclaw.json")),
        2 => Surface::Path(PathRole::Workspace, path(plane, "workspace")),
        3 => Surface::Path(PathRole::LogFile, path(plane, "logs/gateway.log")),
        _ => Surface::Pin(Pin::Listens, u16::try_from(plane % 60_000).expect("a port") + 1),
    })
}

/// Claims that meet everywhere: one port for all, workspaces in the next plane's state dir.
fn meeting(count: usize) -> Claims {
    claims(count, |plane, number| match number {
        0 => Surface::Path(PathRole::StateDir, path(plane, "")),
        1 => Surface::Path(PathRole::Config, path(plane / 2, "openclaw.json")),
        2 => Surface::Path(PathRole::Workspace, path(plane + 1, "workspace/of/another")),
        3 => Surface::Family(18789),
        _ => Surface::Pin(Pin::Listens, 18800),
    })
}

fn path(plane: usize, inside: &str) -> PathBuf {
    PathBuf::from(format!("/home/somebody/gateways/plane-{plane:05}")).join(inside)
}

/// Five claims a plane.
fn claims(count: usize, surface: impl Fn(usize, usize) -> Surface) -> Claims {
    let place = |line: usize| {
        Some(Place { file: "/etc/gateward/supervisor.toml".into(), line: line as u32, column: 1, width: 1 })
    };
    let claimant = |plane: usize| Claimant {
        workspace: None,
        base: None,
        repeats: Vec::new(),
        defaulted: Vec::new(),
        homely: Vec::new(),
        name: PlaneName::new(&format!("plane-{plane:05}")).expect("a name"),
        role: Role::Other,
        production: false,
        header: place(plane),
        config: path(plane, "openclaw.json"),
        state_dir: path(plane, ""),
        home: "/home/somebody".into(),
    };
    let claim = |index: usize| Claim {
        by: index / 5,
        surface: surface(index / 5, index % 5),
        key: "key".into(),
        source: Source::Manifest,
        place: place(index),
    };
    Claims {
        claimants: (0..count.div_ceil(5)).map(claimant).collect(),
        claims: (0..count).map(claim).collect(),
        own: Vec::new(),
    }
}

/// A manifest of 500 disjoint planes, as many as there can nearly be.
fn write(folder: &Path, configs: bool) -> PathBuf {
    let mut manifest = String::from("[supervisor]\nstate_dir = \"gateward\"\n");
    for plane in 0..PLANES {
        let (name, port) = (format!("p{plane:03}"), 1100 + plane * 120);
        let _ = write!(
            manifest,
            "[planes.{name}]\nisolates = \"x\"\nport = {port}\nstate_dir = \"{name}\"\nconfig = \"{name}/openclaw.json\"\n"
        );
        if configs {
            let inside = folder.join(&name);
            fs::create_dir(&inside).expect("a folder");
            let text = format!(
                "// generated\n{{ gateway: {{ mode: \"local\", port: {port}, bind: \"loopback\", auth: {{ token: \"t{plane}\" }} }},\n\
                 browser: {{ profiles: {{ work: {{ cdpPort: {} }} }} }},\n\
                 agents: {{ defaults: {{ workspace: \"./workspace\" }} }},\n\
                 channels: {{ telegram: {{ botToken: \"{plane}:token\" }} }},\n\
                 logging: {{ file: \"./gateway.log\" }} }}\n",
                port + 12
            );
            fs::write(inside.join("openclaw.json"), text).expect("a config");
        }
    }
    let path = folder.join("supervisor.toml");
    fs::write(&path, manifest).expect("a manifest");
    path
}
