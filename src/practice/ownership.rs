//! Who owns the state dir: a lock of the stand-in's own, and beside it the file by which a real gateway's owner is known.
//!
//! Ends nobody, and waits for nobody.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::openclaw::owner;
use crate::os::lock::{Lock, NotTaken};
use crate::os::process;

/// The state dir is ours for as long as this lives.
pub(super) struct Ownership {
    _lock: Lock,
    /// The file that says so, and what it says; none where it could not be written.
    said: Option<(PathBuf, String)>,
}

impl Ownership {
    /// Takes the state dir, or says who has it.
    pub(super) fn take(state_dir: &Path) -> Result<Self, String> {
        let made = folder(state_dir);
        made.map_err(|cause| format!("cannot make the state dir {}: {cause}", state_dir.display()))?;
        let lock = Lock::take(&state_dir.join("practice.lock")).map_err(|cause| match cause {
            NotTaken::Held { holder, .. } => {
                let pid = holder.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string());
                format!(
                    "gateway already running (pid {pid}) in {}; stop it before Doctor or other maintenance",
                    state_dir.display()
                )
            }
            NotTaken::Failed { .. } => cause.to_string(),
        })?;
        // The lock is what counts; without the file a supervisor meets the owner one exit later.
        Ok(Self { _lock: lock, said: say(state_dir).ok() })
    }
}

impl Drop for Ownership {
    fn drop(&mut self) {
        if let Some((file, text)) = &self.said
            && std::fs::read_to_string(file).is_ok_and(|found| found == *text)
        {
            let _ = std::fs::remove_file(file);
        }
    }
}

fn say(state_dir: &Path) -> io::Result<(PathBuf, String)> {
    let place =
        state_dir.join(owner::FOLDER).join(format!("{}-{}", owner::FOLDER_PREFIX, crate::os::accounts::own_uid()));
    folder(&place)?;
    let pid = std::process::id();
    let text =
        json!({ "pid": pid, "startTime": process::start_time(pid.cast_signed())?, "role": "gateway" }).to_string();
    let (file, beside) = (place.join(owner::FILE), place.join(format!("{}.{pid}", owner::FILE)));
    std::fs::write(&beside, &text)?;
    std::fs::rename(&beside, &file)?;
    Ok((file, text))
}

fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}
