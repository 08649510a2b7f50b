//! Living gateways that own planes' state dirs, by the locks that OpenClaw keeps inside them. Takes no lock.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::configs;
use super::processes::Processes;
use crate::collision::host::Process;
use crate::openclaw::config::files::Read;
use crate::openclaw::owner;
use crate::os::process;
use crate::plane::{PlaneName, Planes};

/// The living owner of each state dir that has one.
pub(super) fn look(planes: &Planes, processes: &Processes) -> BTreeMap<PlaneName, Process> {
    let held_by = |state_dir: &Path| locks(state_dir).iter().find_map(|path| living(path, processes));
    let planes = planes.planes.iter().map(|(plane, _)| plane);
    planes.filter_map(|plane| Some((plane.name.clone(), held_by(&plane.state_dir)?))).collect()
}

/// The lock files of every account that ever ran a gateway there.
fn locks(state_dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(state_dir.join(owner::FOLDER)) else { return Vec::new() };
    let named = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        entry.file_name().to_string_lossy().starts_with(owner::FOLDER_PREFIX).then(|| entry.path().join(owner::FILE))
    });
    named.collect()
}

/// Who holds the lock, if it still lives: a lock outlives a gateway that was killed.
fn living(lock: &Path, processes: &Processes) -> Option<Process> {
    let Read::Text { text, .. } = configs::read(lock, owner::MOST_BYTES) else { return None };
    let owner = owner::owner(&text)?;
    let start = process::start_time(owner.pid).ok()?;
    if owner.start.is_some_and(|written| written != start) {
        return None;
    }
    processes.named(owner.pid)
}
