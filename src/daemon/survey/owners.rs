//! Living gateways that own planes' state dirs, by the locks that OpenClaw keeps inside them. Takes no lock.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::configs;
use super::processes::Processes;
use crate::collision::host::Process;
use crate::openclaw::config::files::Read;
use crate::os::process;
use crate::plane::{PlaneName, Planes};

/// A lock file is a line of JSON.
const LOCK_BYTES: u64 = 64 << 10;

/// What OpenClaw writes into `<state dir>/tmp/openclaw-<uid>/gateway.state.lock`, as far as it tells who has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    pid: i32,
    /// Clock ticks from boot to the start of `pid`.
    start_time: Option<u64>,
    /// `gateway` when nothing is said; the others are short errands of OpenClaw's own.
    role: Option<String>,
}

/// The living owner of each state dir that has one.
pub(super) fn look(planes: &Planes, processes: &Processes) -> BTreeMap<PlaneName, Process> {
    let owner = |state_dir: &Path| locks(state_dir).iter().find_map(|path| living(path, processes));
    let planes = planes.planes.iter().map(|(plane, _)| plane);
    planes.filter_map(|plane| Some((plane.name.clone(), owner(&plane.state_dir)?))).collect()
}

/// The lock files of every account that ever ran a gateway there.
fn locks(state_dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(state_dir.join("tmp")) else { return Vec::new() };
    let named = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        entry.file_name().to_string_lossy().starts_with("openclaw").then(|| entry.path().join("gateway.state.lock"))
    });
    named.collect()
}

/// Who holds the lock, if it still lives: a lock outlives a gateway that was killed.
fn living(lock: &Path, processes: &Processes) -> Option<Process> {
    let Read::Text { text, .. } = configs::read(lock, LOCK_BYTES) else { return None };
    let payload: Payload = serde_json::from_str(&text).ok()?;
    if payload.role.is_some_and(|role| role != "gateway") {
        return None;
    }
    let start = process::start_time(payload.pid).ok()?;
    if payload.start_time.is_some_and(|written| written != start) {
        return None;
    }
    processes.named(payload.pid)
}
