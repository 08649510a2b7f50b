//! Tells when a bound socket can no longer be reached by its path, or when what stands for it elsewhere was touched: a file was
//! removed or replaced, or its folder was.
//!
//! Asks for a look; judges nothing and repairs nothing.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tokio::io::unix::AsyncFd;

use crate::os::ready::ready;

/// How many folders above a file are watched: `planes/<plane>` and the state dir, `planes` and the run dir, and the one above each.
const ABOVE: usize = 3;

/// A watch on one socket's file, on others, and on the folders above each.
#[derive(Debug)]
pub(super) struct Watched {
    changes: AsyncFd<OwnedFd>,
    files: Vec<PathBuf>,
}

impl Watched {
    /// Watches `socket`, and `others` as far as they are there. Fails where the host has no watch left
    /// (`fs.inotify.max_user_instances`).
    pub(super) fn new(socket: &Path, others: &[PathBuf]) -> io::Result<Self> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        watch(&fd, socket)?;
        let watched = Self { changes: ready(fd)?, files: others.to_vec() };
        watched.renew();
        Ok(watched)
    }

    /// Watches what has been put back since.
    pub(super) fn renew(&self) {
        for file in &self.files {
            // One that is not there cannot be watched: it is for whoever puts it back to say so.
            let _ = watch(self.changes.get_ref(), file);
        }
    }

    /// Returns when something has changed. May be dropped and called again.
    pub(super) async fn changed(&self) {
        let Ok(mut guard) = self.changes.readable().await else { return std::future::pending().await };
        let mut said = [0; 4096];
        while rustix::io::read(self.changes.get_ref(), &mut said).is_ok_and(|count| count > 0) {}
        guard.clear_ready();
    }
}

/// A file that is watched already is not watched twice.
fn watch(fd: &OwnedFd, file: &Path) -> io::Result<()> {
    // A file that is removed while it is open loses a link and nothing else: that is a change of its attributes.
    inotify::add_watch(fd, file, WatchFlags::ATTRIB | WatchFlags::MOVE_SELF | WatchFlags::DELETE_SELF)?;
    // A folder that is moved away takes what is in it along, and tells nobody below.
    for folder in file.ancestors().skip(1).take(ABOVE) {
        inotify::add_watch(fd, folder, WatchFlags::MOVE_SELF | WatchFlags::DELETE_SELF)?;
    }
    Ok(())
}
