//! Writes the note of what was last applied, for verbs that find the manifest unreadable.
//!
//! Holds no secret, and nothing acts by it alone.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::plane::Planes;
use crate::rundir::{self, Applied, AppliedPlane};

/// Writes the note into state dir and run dir, and where the manifest's path alone leads to it; a disk that does not take it costs the verbs their order, nothing else.
pub fn write(planes: &Planes) {
    let supervisor = &planes.supervisor;
    let note = Applied {
        manifest: supervisor.manifest.clone(),
        run_dir: supervisor.run_dir.clone(),
        state_dir: supervisor.state_dir.clone(),
        planes: planes
            .planes
            .iter()
            .map(|(plane, _)| AppliedPlane {
                name: plane.name.clone(),
                role: plane.role.as_str().to_owned(),
                port: plane.port,
            })
            .collect(),
    };
    let signpost = super::load::default_dirs(&supervisor.manifest)
        .map(|defaults| rundir::signpost(&defaults.state_dir, &supervisor.manifest));
    if let Some(path) = signpost
        && let Err(error) = make_way(&path).and_then(|()| replace(&path, &note))
    {
        tracing::warn!(%error, path = %path.display(), "where the supervisor is could not be noted");
    }
    for path in [rundir::applied(&supervisor.state_dir), rundir::breadcrumb(&supervisor.run_dir)] {
        if let Err(error) = replace(&path, &note) {
            tracing::warn!(%error, path = %path.display(), "what was applied could not be noted");
        }
    }
}

fn make_way(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn replace(path: &Path, note: &Applied) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    std::fs::write(&beside, serde_json::to_vec_pretty(note)?)?;
    std::fs::rename(&beside, path)
}
