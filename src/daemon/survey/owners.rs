//! Living gateways that own planes' state dirs, by the locks that OpenClaw keeps inside them. Takes no lock.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::configs;
use super::paths::Paths;
use super::processes::Processes;
use crate::collision::host::{Belongs, Process};
use crate::openclaw::config::files::Read;
use crate::openclaw::owner;
use crate::os::process;
use crate::plane::{PlaneName, Planes};

/// The living owner of each state dir that has one: by the locks there, else another supervisor's process that has it for its
/// state dir, or works in it. A plain process and the stand-in keep no such lock.
pub(super) fn look(planes: &Planes, paths: &mut Paths, processes: &Processes) -> BTreeMap<PlaneName, Process> {
    let guests = guests(paths, processes);
    let mut found = BTreeMap::new();
    for (plane, _) in &planes.planes {
        let by_lock = locks(&plane.state_dir).iter().find_map(|path| living(path, processes));
        let real = paths.canonical(&plane.state_dir);
        let guest = || guests.iter().find(|(folder, _)| *folder == real).map(|(_, guest)| guest.clone());
        if let Some(owner) = by_lock.or_else(guest) {
            found.insert(plane.name.clone(), owner);
        }
    }
    found
}

/// The processes of other supervisors' planes, each with the folder that it has, oldest first.
fn guests(paths: &mut Paths, processes: &Processes) -> Vec<(PathBuf, Process)> {
    let mut found = Vec::new();
    for seen in processes.all().filter(|seen| seen.told("GATEWARD_COOKIE").is_some()) {
        let Some(process) = processes.named(seen.pid) else { continue };
        if !matches!(process.belongs, Belongs::Foreign { .. }) {
            continue;
        }
        let told = seen.told("OPENCLAW_STATE_DIR").map(PathBuf::from);
        let folder = told.or_else(|| process::cwd(seen.pid).ok()).filter(|folder| folder.is_absolute());
        found.extend(folder.map(|folder| (paths.canonical(&folder), process)));
    }
    found.sort_by_key(|(_, process)| process.pid);
    found
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
