//! Writes the note of what was last applied, for verbs that find the manifest unreadable or its folders edited.
//!
//! Holds no secret, and nothing acts by it alone.

use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use super::keepers;
use crate::os::lock::held;
use crate::plane::{Plane, PlaneName, Planes, Supervisor};
use crate::rundir::{self, Applied, AppliedPlane, PlaneDir};

/// Writes the note into state dir and run dir, and where the manifest's path alone leads to it; a disk that does not take it costs the verbs their order, nothing else.
pub fn write(planes: &Planes) {
    let supervisor = &planes.supervisor;
    let note = of(planes);
    let signpost = super::load::default_dirs(&supervisor.manifest)
        .map(|defaults| rundir::signpost(&defaults.state_dir, &supervisor.manifest));
    if let Some(path) = signpost
        && let Err(error) = make_way(&path).and_then(|()| replace(&path, &note))
    {
        tracing::warn!(%error, path = %path.display(), "where the supervisor is could not be noted");
    }
    if let Some(folder) = super::load::default_dirs(&supervisor.manifest) {
        prune(&rundir::signposts(&folder.state_dir));
    }
    for path in [rundir::applied(&supervisor.state_dir), rundir::breadcrumb(&supervisor.run_dir)] {
        if let Err(error) = replace(&path, &note) {
            tracing::warn!(%error, path = %path.display(), "what was applied could not be noted");
        }
    }
}

/// Takes away the notes of manifests that are gone and by which nothing lives: nobody would ask for them again.
fn prune(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_over = |note: Applied| !note.manifest.exists() && !lives(&note);
        if path.extension().is_some_and(|ending| ending == "json") && read(&path).is_some_and(is_over) {
            // One that stays is tried again.
            let _ = std::fs::remove_file(&path);
        }
    }
}

/// The note of these planes.
pub fn of(planes: &Planes) -> Applied {
    let supervisor = &planes.supervisor;
    let plane = |plane: &Plane| AppliedPlane {
        name: plane.name.clone(),
        role: plane.role.as_str().to_owned(),
        port: plane.port,
    };
    Applied {
        manifest: supervisor.manifest.clone(),
        run_dir: supervisor.run_dir.clone(),
        state_dir: supervisor.state_dir.clone(),
        socket_group: supervisor.socket_group.clone(),
        planes: planes.planes.iter().map(|(one, _)| plane(one)).collect(),
    }
}

/// The note in this file; `None` when there is none that can be read.
pub fn read(path: &Path) -> Option<Applied> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// The note that the path of a manifest alone leads to, when it is of that manifest; by another path to the same file too.
pub fn by_signpost(manifest: &Path) -> Option<Applied> {
    let defaults = super::load::default_dirs(manifest)?;
    let of_it = |note: &Applied| is_same(&note.manifest, manifest);
    if let Some(note) = read(&rundir::signpost(&defaults.state_dir, manifest)).filter(of_it) {
        return Some(note);
    }
    let others = std::fs::read_dir(rundir::signposts(&defaults.state_dir)).into_iter().flatten().flatten();
    // One of whose planes none lives may be of a file that stood here before.
    others.filter_map(|entry| read(&entry.path())).find(|note| of_it(note) && lives(note))
}

/// Whether both paths lead to one file; of a file that is gone the path alone tells.
pub fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    // A hard link, or a folder that is mounted twice, is the same file by another path.
    let is_one = || match (one.metadata(), other.metadata()) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        (Err(_), _) | (_, Err(_)) => false,
    };
    one == other || real(one) == real(other) || is_one()
}

/// Where the supervisor of this manifest, or a keeper of it, still lives, when that is elsewhere than the manifest says now: its
/// folders were edited since. Looks at locks, signals nobody.
pub fn lives_elsewhere(manifest: &Path, run_dir: &Path, state_dir: &Path) -> Option<Elsewhere> {
    let applied = by_signpost(manifest)?;
    if applied.run_dir == run_dir && applied.state_dir == state_dir {
        return None;
    }
    let is_held = |lock: &Path| held(lock).unwrap_or(false);
    let supervisor = is_held(&rundir::daemon_lock(&applied.state_dir));
    let keeper = |plane: &PlaneName| is_held(&PlaneDir::under(&applied.state_dir, plane).keeper_lock());
    let kept: Vec<PlaneName> = keepers::named(&applied.run_dir).into_iter().filter(keeper).collect();
    (supervisor || !kept.is_empty()).then_some(Elsewhere { applied, supervisor, kept })
}

/// Whether a supervisor or a keeper of what was noted lives.
pub fn lives(applied: &Applied) -> bool {
    held(&rundir::daemon_lock(&applied.state_dir)).unwrap_or(false) || keeps_any(applied)
}

fn keeps_any(applied: &Applied) -> bool {
    let lives =
        |plane: &AppliedPlane| held(&PlaneDir::under(&applied.state_dir, &plane.name).keeper_lock()).unwrap_or(false);
    applied.planes.iter().any(lives)
}

/// What a supervisor needs to greet the planes that live by a manifest which cannot be read now: its folders, and no plane to start.
/// Nothing, when none of them lives.
pub fn left_living(manifest: &Path) -> Option<Planes> {
    let defaults = super::load::default_dirs(manifest)?;
    let applied = by_signpost(manifest)?;
    keeps_any(&applied).then(|| Planes {
        supervisor: Supervisor {
            manifest: applied.manifest,
            run_dir: applied.run_dir,
            state_dir: applied.state_dir,
            socket_group: applied.socket_group,
            ..defaults
        },
        planes: Vec::new(),
        env_files: Vec::new(),
    })
}

/// A supervisor, or what it left living, under folders that its manifest no longer names.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    /// What it noted.
    pub applied: Applied,
    /// Whether it runs.
    pub supervisor: bool,
    /// The planes that have a keeper there.
    pub kept: Vec<PlaneName>,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::lock::Lock;

    #[test]
    fn notes_go_with_their_manifests_but_not_while_anything_lives_by_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |inside: &str| folder.path().join(inside);
        std::fs::write(at("there.toml"), "").expect("a manifest");
        std::fs::write(at("foreign.json"), "{}").expect("no note");
        for name in ["there", "gone", "alive"] {
            let state_dir = at(name);
            std::fs::create_dir(&state_dir).expect("a state dir");
            let (manifest, run_dir) = (at(&format!("{name}.toml")), state_dir.clone());
            let note = Applied { manifest, run_dir, state_dir, socket_group: None, planes: Vec::new() };
            replace(&at(&format!("{name}.json")), &note).expect("a note");
        }
        let held = Lock::take(&rundir::daemon_lock(&at("alive"))).expect("nobody has it");
        prune(folder.path());
        let is_left = |name: &str| at(&format!("{name}.json")).exists();
        assert_eq!(["there", "gone", "alive", "foreign"].map(is_left), [true, false, true, true]);
        drop(held);
        prune(folder.path());
        assert!(!is_left("alive"));
    }
}
