//! Tells when a bound socket can no longer be reached by its path: it was removed or replaced, or its folder was.
//!
//! Asks for a look; judges nothing and repairs nothing.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tokio::io::unix::AsyncFd;

use crate::os::ready::ready;

/// A watch on one socket's file and on the folder it lies in.
#[derive(Debug)]
pub(super) struct Watched {
    changes: AsyncFd<OwnedFd>,
}

impl Watched {
    /// Watches `path`. Fails where the host has no watch left (`fs.inotify.max_user_instances`).
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        // A socket that is removed while it is bound loses a link and nothing else: that is a change of its attributes.
        inotify::add_watch(&fd, path, WatchFlags::ATTRIB | WatchFlags::MOVE_SELF | WatchFlags::DELETE_SELF)?;
        if let Some(folder) = path.parent() {
            inotify::add_watch(&fd, folder, WatchFlags::MOVE_SELF | WatchFlags::DELETE_SELF)?;
        }
        Ok(Self { changes: ready(fd)? })
    }

    /// Returns when something has changed. May be dropped and called again.
    pub(super) async fn changed(&self) {
        let Ok(mut guard) = self.changes.readable().await else { return std::future::pending().await };
        let mut said = [0; 4096];
        while rustix::io::read(self.changes.get_ref(), &mut said).is_ok_and(|count| count > 0) {}
        guard.clear_ready();
    }
}
