//! Gateways and browsers at work in planes' folders. Who answers for them is told with each; signals nobody.

use std::path::{Path, PathBuf};

use super::paths::Paths;
use super::processes::{Processes, Seen, is_gateway};
use crate::collision::host::Stray;
use crate::os::process;
use crate::plane::{PlaneName, Planes};

/// Every gateway or browser that was started on a folder of a plane.
pub(super) fn look(planes: &Planes, paths: &mut Paths, processes: &Processes) -> Vec<Stray> {
    let folders: Vec<(&PlaneName, PathBuf, PathBuf)> = planes
        .planes
        .iter()
        .map(|(plane, _)| (&plane.name, paths.canonical(&plane.state_dir), paths.canonical(&plane.config)))
        .collect();
    let mut found = Vec::new();
    for seen in processes.all() {
        for folder in used(seen) {
            let real = paths.canonical(&folder);
            let mut of = folders.iter().filter(|(_, state_dir, config)| real.starts_with(state_dir) || real == *config);
            let Some((plane, ..)) = of.next() else { continue };
            if let Some(process) = processes.named(seen.pid) {
                found.push(Stray { plane: (*plane).clone(), process, folder });
            }
            break;
        }
    }
    found.sort_by(|a, b| (&a.plane, a.process.pid).cmp(&(&b.plane, b.process.pid)));
    found
}

/// The folders that a gateway or a browser was given; others use no plane's folders of their own accord.
fn used(seen: &Seen) -> Vec<PathBuf> {
    if is_gateway(seen) {
        let told = ["OPENCLAW_STATE_DIR", "OPENCLAW_CONFIG_PATH"].into_iter().filter_map(|name| seen.told(name));
        return told.map(PathBuf::from).filter(|path| path.is_absolute()).collect();
    }
    if !is_browser(seen) {
        return Vec::new();
    }
    let arguments = process::cmdline(seen.pid).unwrap_or_default();
    // The browser itself has no `--type`; its helpers do, and go with it.
    if arguments.iter().any(|argument| argument.starts_with("--type=")) {
        return Vec::new();
    }
    let given = arguments.iter().filter_map(|argument| argument.strip_prefix("--user-data-dir="));
    given.map(PathBuf::from).filter(|path| Path::is_absolute(path)).collect()
}

fn is_browser(seen: &Seen) -> bool {
    ["chrom", "brave", "msedge", "headless_shell"].iter().any(|name| seen.comm.starts_with(name))
}
