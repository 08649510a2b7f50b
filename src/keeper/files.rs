//! Watches the files of a gateway that refuses its config, so that mending them starts it again, also without a daemon.
//!
//! Only while a plane is parked for its config: an idle keeper holds no watch. Folders are watched, not files, since
//! editors rename; what changed inside is told by name.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
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

/// The watch, while there is one.
#[derive(Debug)]
pub struct Files {
    inputs: mpsc::UnboundedSender<Input>,
    watching: Option<JoinHandle<()>>,
}

impl Files {
    /// No watch yet; changes are said on `inputs`.
    pub fn new(inputs: mpsc::UnboundedSender<Input>) -> Self {
        Self { inputs, watching: None }
    }

    /// Watches if the phase asks for it, and stops watching if it does not.
    pub fn watch(&mut self, phase: &Phase, plane: &Plane) {
        if let Some(watching) = self.watching.take() {
            watching.abort();
        }
        if let Phase::Down { because: Rest::Parked(Park::Config) } = phase {
            match begin(&watched(plane)) {
                Ok((inotify, names)) => {
                    self.watching = Some(tokio::task::spawn_local(report(inotify, names, self.inputs.clone())));
                }
                Err(error) => tracing::warn!(%error, "its config cannot be watched; a change needs `gateward start`"),
            }
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
        if !changed(&inotify, &names).await {
            continue;
        }
        // Further changes of the same save end the wait for quiet only after it.
        while tokio::time::timeout(SETTLE, changed(&inotify, &names)).await.is_ok() {}
        if inputs.send(Input::FilesChanged).is_err() {
            return;
        }
    }
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
