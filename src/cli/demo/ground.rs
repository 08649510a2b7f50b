//! The demo's folder, ports, configs and manifest. Starts nothing; takes down what an earlier demo left behind.

use std::fs::{self, DirBuilder};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::super::outcome::Failure;
use super::ending::{self, Rooms};
use super::{Bases, Cast};
use crate::openclaw::ports;
use crate::os::lock::{Lock, NotTaken};
use crate::runtime::PINNED;

/// The planes, with the base port that each is offered first: round numbers, far from OpenClaw's own 18789, and below 32768,
/// where the kernel's outgoing connections begin.
pub const PLANES: [(&str, &str, u16); 2] = [
    ("main", "what production would be: the assistant that must not be disturbed", 20000),
    ("rescue", "the bot that mends main when main cannot", 21000),
];

/// From one offered base to the next.
const STEP: u16 = 200;

/// The last base whose family ends below 32768.
const LAST: u16 = 32600;

/// The demo's folder, which is ours while this lives.
pub struct Ground {
    folder: PathBuf,
    lock: Lock,
}

/// Everything that the supervisor needs.
pub struct Scene {
    /// The folder of all.
    pub folder: PathBuf,
    /// The manifest.
    pub manifest: PathBuf,
    /// What the supervisor prints.
    pub log: PathBuf,
    /// The supervisor's run dir.
    pub run_dir: PathBuf,
    /// The supervisor's state dir.
    pub state_dir: PathBuf,
    /// The planes' base ports, in order.
    pub bases: Vec<u16>,
    _lock: Lock,
}

impl Ground {
    /// Takes the folder; ends what an earlier demo that was killed may have left in it.
    pub fn claim() -> Result<Self, Failure> {
        let folder = place()?;
        private_folder(&folder)?;
        let lock = match Lock::take(&folder.join("demo.lock")) {
            Ok(lock) => lock,
            Err(NotTaken::Held { holder, .. }) => {
                let who = holder.map_or(String::new(), |pid| format!(" (process {pid})"));
                let message = format!("a demo already runs here{who}, in {}", folder.display());
                return Err(Failure::failed(message, "use that one, or end it with Ctrl-C first"));
            }
            Err(NotTaken::Failed { path, cause }) => return Err(failed("lock", &path, &cause)),
        };
        ending::end_earlier(Rooms { run_dir: &folder.join("run"), state_dir: &folder.join("state") })?;
        Ok(Self { folder, lock })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes configs and manifest, for those base ports or for free ones.
    pub fn lay(self, cast: Cast, wanted: Option<Bases>) -> Result<Scene, Failure> {
        let bases = match wanted {
            Some(Bases(bases)) => bases.to_vec(),
            None => free_bases()?,
        };
        let (run_dir, state_dir) = (self.folder.join("run"), self.folder.join("state"));
        let mut text = format!(
            "# Written by `gateward demo`, anew each time it starts.\n\n[supervisor]\nrun_dir = {}\nstate_dir = {}\n",
            quoted(&run_dir),
            quoted(&state_dir),
        );
        if cast == Cast::OpenClaw {
            text.push_str(&format!("\n[runtimes.demo]\nversion = \"{PINNED}\"\n"));
        }
        for ((name, isolates, _), base) in PLANES.iter().zip(&bases) {
            let folder = self.folder.join(name);
            for inside in ["home", "state", "workspace", "logs"] {
                private_folder(&folder.join(inside))?;
            }
            private_file(&folder.join("openclaw.json"), &config(&folder, *base)?)?;
            text.push_str(&plane(name, isolates, &folder, *base, cast));
        }
        let manifest = self.folder.join("supervisor.toml");
        private_file(&manifest, &text)?;
        let log = self.folder.join("supervisor.log");
        Ok(Scene { folder: self.folder, manifest, log, run_dir, state_dir, bases, _lock: self.lock })
    }
}

impl Scene {
    /// Where its processes are asked.
    pub fn rooms(&self) -> Rooms<'_> {
        Rooms { run_dir: &self.run_dir, state_dir: &self.state_dir }
    }
}

/// One folder, found again by the next demo, which then boots faster and can end what a killed one left.
fn place() -> Result<PathBuf, Failure> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("gateward/demo"))
        .ok_or_else(|| Failure::failed("there is no place for the demo: HOME is not set", "set HOME or XDG_STATE_HOME"))
}

fn free_bases() -> Result<Vec<u16>, Failure> {
    let mut bases: Vec<u16> = Vec::new();
    for (name, _, first) in PLANES {
        let offered = (first..=LAST).step_by(STEP.into());
        let apart = |base: &u16| bases.iter().all(|other| base.abs_diff(*other) >= STEP);
        let is_free = |base: &u16| (*base..=*base + ports::SPAN).all(portpicker::is_free);
        let Some(base) = offered.filter(apart).find(is_free) else {
            let message = format!("no family of {} free ports was found for {name} below 32768", ports::SPAN + 1);
            return Err(Failure::failed(message, "`ss -ltnp` shows who listens"));
        };
        bases.push(base);
    }
    Ok(bases)
}

fn plane(name: &str, isolates: &str, folder: &Path, base: u16, cast: Cast) -> String {
    let runtime = match cast {
        Cast::OpenClaw => "demo",
        Cast::Practice => "practice",
    };
    format!(
        "
[planes.{name}]
isolates  = \"{isolates}\"
role      = \"{name}\"
runtime   = \"{runtime}\"
port      = {base}
config    = {config}
state_dir = {state}
workspace = {workspace}
home      = {home}
env       = {{ OPENCLAW_OFFLINE = \"1\" }}   # the demo talks to nobody
",
        config = quoted(&folder.join("openclaw.json")),
        state = quoted(&folder.join("state")),
        workspace = quoted(&folder.join("workspace")),
        home = quoted(&folder.join("home")),
    )
}

/// OpenClaw's own config: loopback only, a token of its own, no browser, its own log file.
fn config(folder: &Path, base: u16) -> Result<String, Failure> {
    let token = token().map_err(|error| Failure::failed(format!("cannot make a token: {error}"), ""))?;
    let config = serde_json::json!({
        "gateway": {
            "mode": "local", "port": base, "bind": "loopback",
            "auth": { "mode": "token", "token": token },
        },
        "browser": { "enabled": false },
        "agents": { "defaults": { "workspace": folder.join("workspace") } },
        "logging": { "file": folder.join("logs/openclaw.log") },
    });
    Ok(format!("{config:#}\n"))
}

fn token() -> io::Result<String> {
    let mut bytes = [0; 24];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn private_folder(folder: &Path) -> Result<(), Failure> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| failed("make", folder, &error))
}

/// In one step: a supervisor of an earlier demo must not read half of it.
fn private_file(path: &Path, text: &str) -> Result<(), Failure> {
    let beside = path.with_extension("new");
    let write = || -> io::Result<()> {
        let _ = fs::remove_file(&beside);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&beside, path)
    };
    write().map_err(|error| failed("write", path, &error))
}

fn failed(doing: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::failed(
        format!("cannot {doing} {}: {error}", path.display()),
        "the demo lives in XDG_STATE_HOME, else in HOME",
    )
}

/// As a TOML string.
fn quoted(path: &Path) -> String {
    toml::Value::String(path.display().to_string()).to_string()
}
