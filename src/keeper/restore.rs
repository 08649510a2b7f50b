//! Puts back what gateward keeps for a plane, when somebody has wiped it: the lock, the numbers, what the operator wants.
//!
//! Touches no process: a living gateway does not notice.

use std::io;
use std::os::unix::fs::DirBuilderExt;

use super::hands::{Custody, Hands};
use crate::life::order::{Record, Want};
use crate::os::lock::{Lock, NotTaken};
use crate::os::small::replace;
use crate::plane::Sealed;
use crate::rundir;
use crate::socket::Access;

impl Hands {
    /// Looks at everything that must be found by others, and writes again what is gone. `incarnation` is the last one spawned.
    pub fn put_back(&mut self, incarnation: u64) {
        let kept = self.memory.restore();
        self.known.unkept = self.said_of(kept);
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
                if matches!(error, NotTaken::Held { .. }) {
                    self.custody = Custody::Anothers;
                }
                return;
            }
        }
        if let Ok(access) = Access::of(self.sealed.supervisor.socket_group.as_deref()) {
            super::readable::set(&self.folder, access);
            // Opened anew, where it is now looked for.
            self.journal.let_read(access.group());
        }
        // The new file is to be watched as the old one was.
        self.nudge.notify_one();
        self.put_back_the_id();
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

    /// That what the operator wants stands nowhere, if that is so: he must know that it may not last.
    pub fn said_of(&self, kept: io::Result<()>) -> Option<String> {
        let error = kept.err()?;
        tracing::error!(%error, "what the operator wants could not be kept; a new keeper will not know it");
        let supervisor = &self.sealed.supervisor;
        Some(format!(
            "that it shall be {} could be kept neither in {} nor in {} ({error}); another keeper, if this one dies, will not know it",
            if self.memory.wanted() == Some(Want::Up) { "up" } else { "down" },
            supervisor.run_dir.display(),
            supervisor.state_dir.display(),
        ))
    }

    /// Without a daemon that would do it: who does not know the supervisor's id takes its planes for another's.
    fn put_back_the_id(&self) {
        let Sealed { supervisor, supervisor_id, .. } = &self.sealed;
        for place in [&supervisor.state_dir, &supervisor.run_dir].map(|folder| rundir::supervisor_id(folder)) {
            if !place.exists()
                && let Err(error) = replace(&place, supervisor_id)
            {
                tracing::warn!(%error, path = %place.display(), "the supervisor's id could not be written again");
            }
        }
    }
}
