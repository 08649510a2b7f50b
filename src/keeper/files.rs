//! Watches the files of a gateway that refuses its config, so that mending them starts it again, also without a daemon.
//!
//! Only while a plane is parked for its config: an idle keeper holds no watch. Folders are watched, not files, since
//! editors rename; what changed inside is told by name. What changed before the watch began, while the gateway read and
//! refused, is told by how the files looked at its spawn.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::input::Input;
use crate::life::phase::{Park, Phase, Rest};
use crate::os::trail::Trail;
use crate::plane::Plane;

/// An editor's save is several changes; they are told as one.
const SETTLE: Duration = Duration::from_millis(300);

/// Files that never come to rest are told all the same.
const RESTLESS: Duration = Duration::from_secs(3);

/// How often in a row a change from before the watch is told: a gateway that edits what it then refuses must not boot for ever.
const EARLY: u32 = 3;

/// How the files that a gateway reads at its start looked: the file behind each name, its size, last change and who may read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamps(BTreeMap<PathBuf, Option<Stamp>>);

type Stamp = ((u64, u64), (u64, i64, i64), (u32, u32, u32));

impl Stamps {
    /// How they look now.
    pub fn of(plane: &Plane) -> Self {
        let stamp = |path: PathBuf| {
            let found = std::fs::metadata(&path).ok().map(|meta| {
                let content = (meta.size(), meta.mtime(), meta.mtime_nsec());
                ((meta.dev(), meta.ino()), content, (meta.mode(), meta.uid(), meta.gid()))
            });
            (path, found)
        };
        Self(watched(plane).into_iter().map(stamp).collect())
    }
}

/// The watch, while there is one.
#[derive(Debug)]
pub struct Files {
    inputs: mpsc::UnboundedSender<Input>,
    watching: Option<JoinHandle<()>>,
    /// Changes from before the watch that were told, since the plane was last up or refused files that stayed as they were.
    early: u32,
}

impl Files {
    /// No watch yet; changes are said on `inputs`.
    pub fn new(inputs: mpsc::UnboundedSender<Input>) -> Self {
        Self { inputs, watching: None, early: 0 }
    }

    /// Watches if the phase asks for it, and stops watching if it does not. `read` is how the files looked when the gateway that
    /// refused them was spawned.
    pub fn watch(&mut self, phase: &Phase, plane: &Plane, read: &Stamps) {
        if let Some(watching) = self.watching.take() {
            watching.abort();
        }
        match phase {
            Phase::Down { because: Rest::Parked(Park::Config) } => self.begin(plane, read),
            Phase::Up { .. } => self.early = 0,
            Phase::Down { .. }
            | Phase::Sweeping { .. }
            | Phase::Starting { .. }
            | Phase::Stopping { .. }
            | Phase::Waiting { .. } => {}
        }
    }

    fn begin(&mut self, plane: &Plane, read: &Stamps) {
        match begin(&watched(plane)) {
            Ok((inotify, names)) => {
                self.watching = Some(tokio::task::spawn_local(report(inotify, names, self.inputs.clone())));
            }
            Err(error) => tracing::warn!(%error, "its config cannot be watched; a change needs `gateward start`"),
        }
        // Only now: a change from here on is seen by the watch.
        if Stamps::of(plane) == *read {
            self.early = 0;
        } else if self.early < EARLY {
            self.early += 1;
            let _ = self.inputs.send(Input::FilesChanged);
        }
    }
}

/// The files that decide whether a config is valid: itself, `.env`, and every file that it includes.
fn watched(plane: &Plane) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::from([plane.config.clone(), plane.state_dir.join(".env")]);
    files.extend(super::includes::of(plane));
    files
}

type Names = BTreeSet<OsString>;

fn begin(files: &BTreeSet<PathBuf>) -> io::Result<(AsyncFd<OwnedFd>, Names)> {
    let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    let changes = WatchFlags::CLOSE_WRITE
        | WatchFlags::MOVED_TO
        | WatchFlags::CREATE
        | WatchFlags::DELETE
        | WatchFlags::MOVED_FROM
        | WatchFlags::ATTRIB;
    let gone = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF;
    let mut trail = Trail::default();
    files.iter().for_each(|file| trail.add(file));
    for folder in &trail.folders {
        // One that is not ours to look into is not where the config will be mended.
        let _ = inotify::add_watch(&watch, folder, changes | gone);
    }
    for folder in trail.above.difference(&trail.folders) {
        let _ = inotify::add_watch(&watch, folder, gone);
    }
    // Of what is not there, the first folder that is missing will appear first.
    let appears = |name: &PathBuf| {
        let folder = name.ancestors().skip(1).find(|folder| trail.folders.contains(*folder))?;
        name.strip_prefix(folder).ok()?.components().next().map(|first| first.as_os_str().to_owned())
    };
    let names = trail.names.iter().filter_map(appears).collect();
    Ok((crate::os::ready::ready(watch)?, names))
}

async fn report(inotify: AsyncFd<OwnedFd>, names: Names, inputs: mpsc::UnboundedSender<Input>) {
    loop {
        wanted(&inotify, &names).await;
        // Further changes of the same save prolong the wait for quiet; what else happens in the folder does not.
        let quiet = async { while tokio::time::timeout(SETTLE, wanted(&inotify, &names)).await.is_ok() {} };
        let _ = tokio::time::timeout(RESTLESS, quiet).await;
        if inputs.send(Input::FilesChanged).is_err() {
            return;
        }
    }
}

/// Waits for a change of one of the names.
async fn wanted(inotify: &AsyncFd<OwnedFd>, names: &Names) {
    while !changed(inotify, names).await {}
}

async fn changed(inotify: &AsyncFd<OwnedFd>, names: &Names) -> bool {
    let Ok(mut ready) = inotify.readable().await else { return std::future::pending().await };
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut reader = Reader::new(inotify.get_ref(), &mut buffer);
    let mut any = false;
    loop {
        match reader.next() {
            Ok(event) => {
                let name = event.file_name().map(|name| OsString::from_vec(name.to_bytes().to_vec()));
                // A folder that was deleted or moved away, or a queue that overflowed, names nothing and may mean anything.
                let lost = ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::QUEUE_OVERFLOW;
                let nameless = name.is_none() && event.events().intersects(lost);
                any |= nameless || name.is_some_and(|name| names.contains(&name));
            }
            Err(_) => {
                ready.clear_ready();
                return any;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tokio::task::LocalSet;

    use super::*;

    const SOON: Duration = Duration::from_secs(60);

    fn parked() -> Phase {
        Phase::Down { because: Rest::Parked(Park::Config) }
    }

    fn plane(folder: &Path) -> Plane {
        let plane = crate::plane::testing::sealed("main").plane;
        Plane { config: folder.join("openclaw.json"), state_dir: folder.to_owned(), ..plane }
    }

    /// Runs `body` where a watch can be set, with a queue to hear from.
    fn listening<F: Future<Output = ()>>(body: impl FnOnce(Files, mpsc::UnboundedReceiver<Input>) -> F) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (inputs, heard) = mpsc::unbounded_channel();
        LocalSet::new().block_on(&runtime, body(Files::new(inputs), heard));
    }

    #[test]
    fn a_save_between_the_gateways_look_and_the_watch_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let plane = plane(folder.path());
        let include = folder.path().join("more.json");
        std::fs::write(&plane.config, "{ $include: './more.json' }").expect("written");
        listening(async |mut files, mut heard| {
            let read = Stamps::of(&plane);
            files.watch(&parked(), &plane, &read);
            assert!(heard.try_recv().is_err(), "nothing has changed since");
            for (path, text) in [(&include, "{}"), (&plane.config, "{}"), (&plane.state_dir.join(".env"), "A=b")] {
                let read = Stamps::of(&plane);
                std::fs::write(path, text).expect("written");
                files.watch(&Phase::Up { incarnation: 1, since: SOON, signs: serving() }, &plane, &read);
                assert!(heard.try_recv().is_err(), "nobody waits for it");
                files.watch(&parked(), &plane, &read);
                assert!(matches!(heard.try_recv(), Ok(Input::FilesChanged)), "{}", path.display());
            }
        });
    }

    #[test]
    fn one_that_edits_what_it_refuses_is_not_tried_for_ever() {
        let folder = tempfile::tempdir().expect("a folder");
        let plane = plane(folder.path());
        listening(async |mut files, mut heard| {
            for boot in 0..10 {
                let read = Stamps::of(&plane);
                std::fs::write(&plane.config, "x".repeat(boot + 1)).expect("written");
                files.watch(&parked(), &plane, &read);
            }
            let mut told = 0;
            while heard.try_recv().is_ok() {
                told += 1;
            }
            assert_eq!(told, EARLY);
        });
    }

    #[test]
    fn a_save_is_told_in_a_folder_that_never_comes_to_rest() {
        // What else is written there, and the file itself, again and again.
        for noisy in ["other.log", "openclaw.json"] {
            let folder = tempfile::tempdir().expect("a folder");
            let plane = plane(folder.path());
            std::fs::write(&plane.config, "{").expect("written");
            listening(async |mut files, mut heard| {
                files.watch(&parked(), &plane, &Stamps::of(&plane));
                std::fs::write(&plane.config, "{}").expect("written");
                let noise = async {
                    loop {
                        std::fs::write(folder.path().join(noisy), "{}").expect("written");
                        tokio::task::yield_now().await;
                    }
                };
                let told = tokio::time::timeout(SOON, heard.recv());
                tokio::select! {
                    told = told => assert!(matches!(told, Ok(Some(Input::FilesChanged))), "{noisy}: {told:?}"),
                    () = noise => {}
                }
            });
        }
    }

    fn serving() -> crate::life::phase::Signs {
        crate::life::phase::Signs::Serving { failures: 0 }
    }
}
