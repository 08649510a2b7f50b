//! Watches the manifest and the files that the gateways themselves read, and tells when one changed.
//!
//! Folders are watched, not files: editors rename, links on the way are swapped, folders are moved away, or deleted and made
//! again. It judges nothing; a change only causes another proof.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::input::Input;
use crate::openclaw::environment::{Host, environ};
use crate::os::trail::Trail;
use crate::plane::{Contract, Plane, Planes};

/// A save is several changes, and so is a checkout; they are told as one.
const SETTLE: Duration = Duration::from_millis(400);

/// Whether more is watched than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fresh {
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// The watch.
pub struct Watch {
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<PathBuf>,
    files: std::sync::Arc<std::sync::RwLock<BTreeSet<PathBuf>>>,
}

impl Watch {
    /// A watch that tells `inputs`. Where the system gives none, that is said, and edits wait for a reload.
    pub fn new(inputs: mpsc::UnboundedSender<Input>) -> Self {
        let files = std::sync::Arc::new(std::sync::RwLock::new(BTreeSet::new()));
        let (changes, changed) = mpsc::unbounded_channel();
        let interesting = files.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| match event {
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => {}
            Ok(event) => {
                let known = interesting.read().map(|files: std::sync::RwLockReadGuard<'_, BTreeSet<PathBuf>>| {
                    event.paths.iter().any(|path| concerns(&files, path))
                });
                if event.need_rescan() || known.unwrap_or(true) {
                    // The loop is gone only when the daemon leaves.
                    let _ = changes.send(event.paths);
                }
            }
            Err(error) => tracing::warn!(%error, "a file watch failed"),
        });
        let watcher = watcher
            .inspect_err(|error| tracing::warn!(%error, "files cannot be watched; edits wait for `reload`"))
            .ok();
        tokio::task::spawn_local(settle(changed, inputs));
        Self { watcher, folders: BTreeSet::new(), files }
    }

    /// Watches what these planes read, if it is wanted. Gives whether a folder is watched that was not before: what happened
    /// there since it was read has been seen by nobody.
    pub fn renew(&mut self, planes: &Planes, wanted: bool) -> Fresh {
        let Trail { names, folders, above } = if wanted { trail(planes) } else { Trail::default() };
        // The real folders alone: the kernel takes two names of one folder for one watch.
        let folders: BTreeSet<PathBuf> =
            folders.into_iter().chain(above.into_iter().filter(|folder| may_be_moved(folder))).collect();
        if let Some(watcher) = &mut self.watcher {
            for folder in self.folders.difference(&folders) {
                // It may be gone, and its watch with it.
                let _ = watcher.unwatch(folder);
            }
            for folder in &folders {
                if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                    tracing::warn!(%error, folder = %folder.display(), "cannot be watched; its edits wait for `reload`");
                }
            }
        }
        let fresh = if folders.is_subset(&self.folders) { Fresh::No } else { Fresh::Yes };
        self.folders = folders;
        if let Ok(mut known) = self.files.write() {
            *known = names;
        }
        fresh
    }
}

/// Whether a change at `path` may change one of the files: it is one of them, or a folder (perhaps just made) above one.
fn concerns(files: &BTreeSet<PathBuf>, path: &Path) -> bool {
    files.contains(path) || files.range(path.to_path_buf()..).next().is_some_and(|file| file.starts_with(path))
}

/// The folders directly below the root are everybody's, and busy; nobody exchanges those.
fn may_be_moved(folder: &Path) -> bool {
    folder.components().count() > 2
}

fn trail(planes: &Planes) -> Trail {
    let mut trail = Trail::default();
    trail.add(&planes.supervisor.manifest);
    // A plain plane has no config of OpenClaw's, and the folder where one would be is no business of ours.
    let reads = |plane: &Plane| plane.contract == Contract::Openclaw;
    for plane in planes.planes.iter().map(|(plane, _)| plane).filter(|plane| reads(plane)) {
        trail.add(&plane.config);
        trail.add(&plane.state_dir.join(".env"));
    }
    let host = Host::default();
    let environ = |plane: &Plane| environ(plane, &planes.supervisor, &host);
    let declared = super::survey::configs::declared(planes.planes.iter().map(|(plane, _)| plane), environ);
    for file in declared.values().flat_map(|declared| &declared.files) {
        trail.add(&file.path);
    }
    trail
}

async fn settle(mut changed: mpsc::UnboundedReceiver<Vec<PathBuf>>, inputs: mpsc::UnboundedSender<Input>) {
    while let Some(first) = changed.recv().await {
        let mut paths: BTreeSet<PathBuf> = first.into_iter().collect();
        while let Ok(Some(more)) = tokio::time::timeout(SETTLE, changed.recv()).await {
            paths.extend(more);
        }
        if inputs.send(Input::Edited(paths.into_iter().collect())).is_err() {
            return;
        }
    }
}
