//! The note of what was last applied: where things are and in which order, for verbs that find the manifest unreadable.
//!
//! Holds no secret, and nothing acts by it alone.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::plane::{PlaneName, Planes};
use crate::rundir;

/// What was last applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The manifest.
    pub manifest: PathBuf,
    /// Where its supervisor's sockets are.
    pub run_dir: PathBuf,
    /// Where its supervisor's logs and locks are.
    pub state_dir: PathBuf,
    /// Its planes in their order.
    pub planes: Vec<PlaneName>,
}

/// Writes the note; a disk that does not take it costs the verbs their order, nothing else.
pub fn write(planes: &Planes) {
    let supervisor = &planes.supervisor;
    let note = Applied {
        manifest: supervisor.manifest.clone(),
        run_dir: supervisor.run_dir.clone(),
        state_dir: supervisor.state_dir.clone(),
        planes: planes.planes.iter().map(|(plane, _)| plane.name.clone()).collect(),
    };
    let path = rundir::applied(&supervisor.state_dir);
    let beside = path.with_extension("new");
    let written = serde_json::to_vec_pretty(&note)
        .map_err(std::io::Error::from)
        .and_then(|text| std::fs::write(&beside, text))
        .and_then(|()| std::fs::rename(&beside, &path));
    if let Err(error) = written {
        tracing::warn!(%error, path = %path.display(), "what was applied could not be noted");
    }
}

/// Reads the note of the supervisor with this state dir.
pub fn read(state_dir: &std::path::Path) -> Option<Applied> {
    serde_json::from_slice(&std::fs::read(rundir::applied(state_dir)).ok()?).ok()
}
