//! Puts back what gateward keeps for a plane, when somebody has wiped it: the lock, the numbers, what the operator wants.
//!
//! Touches no process: a living gateway does not notice.

use std::os::unix::fs::DirBuilderExt;

use super::hands::Hands;
use crate::life::order::Record;
use crate::os::lock::{Lock, NotTaken};
use crate::socket::Access;

impl Hands {
    /// Looks at everything that must be found by others, and writes again what is gone. `incarnation` is the last one spawned.
    pub fn put_back(&mut self, incarnation: u64) {
        if let Err(error) = self.memory.restore() {
            tracing::error!(%error, "what the operator wants could not be written again");
        }
        if self.lock.still_named() {
            return;
        }
        let path = self.folder.keeper_lock();
        let taken = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(self.folder.root())
            .map_err(|cause| NotTaken::Failed { path: path.clone(), cause })
            .and_then(|()| Lock::take(&path));
        match taken {
            Ok(lock) => self.lock = lock,
            Err(error) => {
                tracing::error!(%error, "the state dir was wiped, and the keeper's lock cannot be taken again");
                return;
            }
        }
        if let Ok(access) = Access::of(self.sealed.supervisor.socket_group.as_deref()) {
            super::readable::set(&self.folder, access);
        }
        // The new file is to be watched as the old one was.
        self.nudge.notify_one();
        if self.memory.last_incarnation() < incarnation
            && let Err(error) = self.memory.begins(incarnation)
        {
            tracing::warn!(%error, "the incarnation's number could not be written again");
        }
        self.tenure.write_again();
        self.record(Record {
            incarnation,
            event: "state-lost",
            saw: format!("what gateward keeps in {} was gone", self.folder.root().display()),
            decided: "written again".into(),
            follows: "the gateway was not touched; journal and logs from before are lost".into(),
        });
    }
}
