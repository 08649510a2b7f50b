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
use tokio::time::Instant;

use super::input::Input;
use crate::openclaw::config::declared::SurfaceKind;
use crate::openclaw::environment::{Host, environ};
use crate::os::trail::Trail;
use crate::plane::{Contract, Plane, Planes};

/// A save is several changes, and so is a checkout; they are told as one.
const SETTLE: Duration = Duration::from_millis(400);

/// Changes that do not come to rest are told all the same, after this.
const UNSETTLED: Duration = Duration::from_secs(4);

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
    /// Names of folders that gateways work in: a gateway sets their modes and times again and again, and only what comes, goes or
    /// is exchanged there may change a proof.
    places: BTreeSet<PathBuf>,
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
        let Trails { files, places, growing } = if wanted { trails(planes) } else { Trails::default() };
        // The real folders alone: the kernel takes two names of one folder for one watch.
        let above = files.above.into_iter().chain(places.above).filter(|folder| may_be_moved(folder));
        let folders: BTreeSet<PathBuf> = files.folders.into_iter().chain(places.folders).chain(above).collect();
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
            *known = Known { names: files.names, places: places.names, growing };
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
        let goes = matches!(event.kind, EventKind::Remove(_));
        event.paths.iter().any(|path| {
            let is_exchanged = (appears || goes) && concerns(&self.places, path);
            concerns(&self.names, path) || is_exchanged || appears && (grows(path) || is_link(path))
        })
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

/// What is watched.
#[derive(Default)]
struct Trails {
    files: Trail,
    places: Trail,
    growing: BTreeSet<PathBuf>,
}

fn trails(planes: &Planes) -> Trails {
    let Trails { mut files, mut places, mut growing } = Trails::default();
    files.add(&planes.supervisor.manifest);
    planes.env_files.iter().for_each(|file| files.add(file));
    // A plain plane has no config of OpenClaw's, and the folder where one would be is no business of ours.
    let reads = |plane: &Plane| plane.contract == Contract::Openclaw;
    for plane in planes.planes.iter().map(|(plane, _)| plane).filter(|plane| reads(plane)) {
        files.add(&plane.config);
        files.add(&plane.state_dir.join(".env"));
        plane.workspace.iter().for_each(|workspace| places.add(workspace));
        super::survey::parts(&plane.state_dir).iter().for_each(|part| places.add(part));
        let folders = [plane.state_dir.join("agents"), plane.state_dir.join("browser")];
        growing.extend(folders.iter().filter_map(|folder| folder.canonicalize().ok()));
    }
    let host = Host::default();
    let environ = |plane: &Plane| environ(plane, &planes.supervisor, &host);
    let declared = super::survey::configs::declared(planes.planes.iter().map(|(plane, _)| plane), environ);
    for one in declared.values() {
        one.files.iter().for_each(|file| files.add(&file.path));
        for agent in &one.agents {
            places.add(&agent.workspace.value);
            places.add(&agent.agent_dir.value);
        }
        // A log is written all the time, and watched is the folder that a name stands in.
        let quiet = one.surfaces.iter().filter(|surface| surface.kind != SurfaceKind::LogFile);
        quiet.for_each(|surface| places.add(&surface.path.value));
    }
    Trails { files, places, growing }
}

async fn settle(mut changed: mpsc::UnboundedReceiver<Vec<PathBuf>>, inputs: mpsc::UnboundedSender<Input>) {
    while let Some(first) = changed.recv().await {
        let mut paths: BTreeSet<PathBuf> = first.into_iter().collect();
        let latest = Instant::now() + UNSETTLED;
        loop {
            let until = latest.min(Instant::now() + SETTLE);
            let Ok(Some(more)) = tokio::time::timeout_at(until, changed.recv()).await else { break };
            paths.extend(more);
            // What is there already is given also when the time is over: without this, that would never be noticed.
            if Instant::now() >= latest {
                break;
            }
        }
        if inputs.send(Input::Edited(paths.into_iter().collect())).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, MetadataKind, RemoveKind, RenameMode};

    use super::*;

    #[tokio::test]
    async fn changes_that_never_come_to_rest_are_told_all_the_same() {
        let ((changes, changed), (inputs, mut heard)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        tokio::spawn(settle(changed, inputs));
        let writer = tokio::spawn(async move {
            let mut pace = tokio::time::interval(SETTLE / 2);
            while changes.send(vec![PathBuf::from("/p/openclaw.json")]).is_ok() {
                pace.tick().await;
            }
        });
        let told = tokio::time::timeout(Duration::from_secs(60), heard.recv()).await.expect("it is told in time");
        assert!(matches!(told, Some(Input::Edited(paths)) if paths == [PathBuf::from("/p/openclaw.json")]));
        writer.abort();
    }

    #[test]
    fn a_gateway_at_work_in_its_folders_causes_no_proof_and_an_exchange_of_one_does() {
        let set = |path: &str| BTreeSet::from([PathBuf::from(path)]);
        let known = Known { names: set("/p/openclaw.json"), places: set("/p/state"), growing: BTreeSet::new() };
        let is_told = |kind: EventKind, path: &str| known.is_told_of(&notify::Event::new(kind).add_path(path.into()));
        let mode = EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any));
        assert!(!is_told(mode, "/p/state"), "its mode is set at each start of a database");
        assert!(is_told(mode, "/p/openclaw.json"), "who may read a config is proved");
        assert!(is_told(EventKind::Create(CreateKind::Any), "/p/state"));
        assert!(is_told(EventKind::Remove(RemoveKind::Any), "/p/state"));
        assert!(is_told(EventKind::Modify(ModifyKind::Name(RenameMode::To)), "/p/state"));
        assert!(!is_told(EventKind::Create(CreateKind::Any), "/p/else"));
    }
}
