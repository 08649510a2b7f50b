//! Whether this program was called from inside a plane, and of which supervisor: by its environment, else by who is above it.
//!
//! A shell may be given an environment without a word of the plane; its keeper, the subreaper of all that a gateway starts,
//! stays above it. Signals nobody, and asks nobody.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::outcome::{Failure, Told};
use crate::openclaw::environment::{MANIFEST, PLANE, RUN_DIR};
use crate::os::ancestry;
use crate::os::process::{self, Stat};
use crate::plane::PlaneName;

/// A plane around this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inside {
    /// Its name.
    pub plane: String,
    /// The manifest of its supervisor, where it is told.
    pub manifest: Option<PathBuf>,
    /// Where its supervisor answers, where it is told.
    pub run_dir: Option<PathBuf>,
    /// How that is known.
    pub known_by: KnownBy,
}

/// How it is known that a plane is around this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// The environment names it.
    Environment,
    /// This process is the keeper of the plane, and above us.
    Keeper(i32),
}

/// The plane around this process, if any; looked up once.
pub fn inside() -> Option<&'static Inside> {
    static FOUND: OnceLock<Option<Inside>> = OnceLock::new();
    FOUND.get_or_init(|| by_environment().or_else(by_ancestry)).as_ref()
}

/// The manifest of the supervisor that is meant from inside a plane.
pub fn manifest() -> Option<PathBuf> {
    env::var_os(MANIFEST).map(PathBuf::from).or_else(|| inside()?.manifest.clone())
}

/// Where the supervisor answers that is meant from inside a plane.
pub fn run_dir() -> Option<PathBuf> {
    env::var_os(RUN_DIR).map(PathBuf::from).or_else(|| inside()?.run_dir.clone())
}

/// The manifest of whoever is above us, where our own environment names none.
pub fn told_above() -> Option<PathBuf> {
    if env::var_os(MANIFEST).is_some() { None } else { inside()?.manifest.clone() }
}

/// Refuses a verb that would make the supervisor a descendant of one of its planes.
pub fn refuse(verb: &str) -> Result<(), Failure> {
    let Some(Inside { plane, known_by, .. }) = inside() else { return Ok(()) };
    let how = match known_by {
        KnownBy::Environment => String::new(),
        KnownBy::Keeper(pid) => format!(" (its keeper, pid {pid}, is above this process)"),
    };
    Err(Failure::Failed(Told::new(
        format!("`gateward {verb}` was called from inside plane {plane}{how}, and would die with it"),
        "call it from a shell outside every plane, or let the system service run it",
    )))
}

fn by_environment() -> Option<Inside> {
    Some(Inside {
        plane: env::var(PLANE).ok()?,
        manifest: env::var_os(MANIFEST).map(PathBuf::from),
        run_dir: env::var_os(RUN_DIR).map(PathBuf::from),
        known_by: KnownBy::Environment,
    })
}

fn by_ancestry() -> Option<Inside> {
    let line = ancestry::above(std::process::id().cast_signed());
    let (at, keeper, plane) =
        line.iter().enumerate().find_map(|(at, stat)| Some((at, stat.pid, keeps(stat)?.as_str().to_owned())))?;
    // Whoever is between us and the keeper may have kept what the gateway was given, and the gateway has it in any case.
    let below = process::children(keeper).unwrap_or_default();
    let told = line[..at].iter().map(|stat| stat.pid).chain(below).find_map(|pid| told(pid, &plane));
    let (manifest, run_dir) = told.unwrap_or_default();
    Some(Inside { plane, manifest, run_dir, known_by: KnownBy::Keeper(keeper) })
}

/// The plane whose keeper this is: it leads a session of its own, and has these words from whoever started it.
fn keeps(stat: &Stat) -> Option<PlaneName> {
    if stat.session != stat.pid {
        return None;
    }
    match process::cmdline(stat.pid).ok()?.as_slice() {
        [program, verb, plane] if program == "gateward" && verb == "keeper" => PlaneName::new(plane).ok(),
        _ => None,
    }
}

/// What a process of this plane was told about its supervisor.
fn told(pid: i32, plane: &str) -> Option<(Option<PathBuf>, Option<PathBuf>)> {
    let environ = process::environ(pid).ok()?;
    let value = |name: &str| environ.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let path = |value: OsString| Some(PathBuf::from(value)).filter(|path| Path::is_absolute(path));
    value(PLANE).filter(|own| own == plane)?;
    Some((value(MANIFEST).and_then(path), value(RUN_DIR).and_then(path)))
}
