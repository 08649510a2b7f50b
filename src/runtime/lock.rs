//! One installer at a time in a folder of releases, also across processes. Never removes the lock file: its name must go on
//! meaning one inode.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// Held while it lives; npm is given a duplicate as its standard input, so an npm that outlives a killed installer holds it
/// until it is done, and nobody clears away the folder that it still writes to.
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of `root`, calling `waiting` once when somebody else has it.
    pub async fn take(root: &Path, waiting: impl FnOnce()) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(root.join(".lock"))?;
        match file.try_lock() {
            Ok(()) => return Ok(Self { file }),
            Err(TryLockError::WouldBlock) => waiting(),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // A plain thread, not the runtime's blocking pool: the pool is joined when the runtime ends, and an installer that
        // was told to stop must not wait for the other one.
        let (done, held) = tokio::sync::oneshot::channel();
        std::thread::Builder::new().name("install-lock".into()).spawn(move || {
            let outcome = file.lock().map(|()| Self { file });
            let _ = done.send(outcome);
        })?;
        held.await.unwrap_or_else(|_| Err(io::Error::other("the waiting thread ended")))
    }

    /// A duplicate that holds the same lock, and reads as an empty file.
    pub fn duplicate(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}
