//! Watches the manifest, the files that the gateways themselves read, and what of their folders could become a link into
//! another's; tells when one changed.
//!
//! Folders are watched, not files: editors rename, links on the way are swapped, folders are moved away, or deleted and made
//! again. It judges nothing; a change only causes another proof.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock, RwLockReadGuard};
use std::time::Duration;

use notify::event::ModifyKind;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::input::Input;
use crate::openclaw::config::declared::SurfaceKind;
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
    known: Arc<RwLock<Known>>,
}

/// What of all that happens in the watched folders is of interest.
#[derive(Default)]
struct Known {
    /// Names whose change may change a proof.
    names: BTreeSet<PathBuf>,
    /// Folders in which everything new is to be watched as well.
    growing: BTreeSet<PathBuf>,
}

impl Watch {
    /// A watch that tells `inputs`. Where the system gives none, that is said, and edits wait for a reload.
    pub fn new(inputs: mpsc::UnboundedSender<Input>) -> Self {
        let known = Arc::new(RwLock::new(Known::default()));
        let (changes, changed) = mpsc::unbounded_channel();
        let interesting = known.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| match event {
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => {}
            Ok(event) => {
                let known = interesting.read().map(|known: RwLockReadGuard<'_, Known>| known.is_told_of(&event));
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
        Self { watcher, folders: BTreeSet::new(), known }
    }

    /// Watches what these planes read, if it is wanted. Gives whether a folder is watched that was not before: what happened
    /// there since it was read has been seen by nobody.
    pub fn renew(&mut self, planes: &Planes, wanted: bool) -> Fresh {
        let (Trail { names, folders, above }, growing) = if wanted { trail(planes) } else { Default::default() };
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
        if let Ok(mut known) = self.known.write() {
            *known = Known { names, growing };
        }
        fresh
    }
}

impl Known {
    /// Whether this event may change a proof: it is of a name that is known, makes a link, or something new to look into.
    fn is_told_of(&self, event: &notify::Event) -> bool {
        let appears = matches!(event.kind, EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(_)));
        let is_link = |path: &Path| path.symlink_metadata().is_ok_and(|facts| facts.is_symlink());
        let grows = |path: &Path| path.parent().is_some_and(|folder| self.growing.contains(folder));
        event.paths.iter().any(|path| concerns(&self.names, path) || appears && (grows(path) || is_link(path)))
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

fn trail(planes: &Planes) -> (Trail, BTreeSet<PathBuf>) {
    let mut trail = Trail::default();
    trail.add(&planes.supervisor.manifest);
    let mut growing = BTreeSet::new();
    // A plain plane has no config of OpenClaw's, and the folder where one would be is no business of ours.
    let reads = |plane: &Plane| plane.contract == Contract::Openclaw;
    for plane in planes.planes.iter().map(|(plane, _)| plane).filter(|plane| reads(plane)) {
        trail.add(&plane.config);
        trail.add(&plane.state_dir.join(".env"));
        plane.workspace.iter().for_each(|workspace| trail.add(workspace));
        let parts = super::survey::parts(&plane.state_dir);
        parts.iter().for_each(|part| trail.add(part));
        let folders = [plane.state_dir.join("agents"), plane.state_dir.join("browser")];
        growing.extend(folders.iter().filter_map(|folder| folder.canonicalize().ok()));
    }
    let host = Host::default();
    let environ = |plane: &Plane| environ(plane, &planes.supervisor, &host);
    let declared = super::survey::configs::declared(planes.planes.iter().map(|(plane, _)| plane), environ);
    for one in declared.values() {
        one.files.iter().for_each(|file| trail.add(&file.path));
        for agent in &one.agents {
            trail.add(&agent.workspace.value);
            trail.add(&agent.agent_dir.value);
        }
        // A log is written all the time, and watched is the folder that a name stands in.
        let quiet = one.surfaces.iter().filter(|surface| surface.kind != SurfaceKind::LogFile);
        quiet.for_each(|surface| trail.add(&surface.path.value));
    }
    (trail, growing)
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
