//! What the unit is at present: how it is, by which manifest, and whether planes live by that without a supervisor.
//!
//! Asks systemd, `/proc` and locks; changes nothing.

use std::path::{Path, PathBuf};

use super::systemctl::{state, systemctl};
use crate::cli::outcome::Failure;
use crate::cli::target::{Scope, Target};
use crate::os::lock::{held, holder_of};
use crate::os::process;
use crate::plane::PlaneName;
use crate::render::service::{Kind, UNIT, manifest_of};
use crate::rundir;

/// The unit as systemd knows it.
pub struct There {
    /// `active`, `inactive`, `failed`, `activating` …
    pub state: String,
    /// The manifest that its supervisor was started with, or would be; none where systemd knows no unit of ours.
    pub manifest: Option<PathBuf>,
}

impl There {
    /// Looks.
    pub fn look(kind: Kind) -> Result<Self, Failure> {
        let property = |name: &str| systemctl(kind, &["show", "--value", "--property", name, UNIT]);
        let state = state(kind)?;
        // The unit's file may have been written anew since its supervisor was started.
        let pid: Option<i32> = property("MainPID")?.trim().parse().ok().filter(|pid| *pid > 0);
        let running = pid.and_then(|pid| process::cmdline(pid).ok()).and_then(|words| named(&words));
        let manifest = match running {
            Some(manifest) => Some(manifest),
            None => manifest_of(&property("ExecStart")?),
        };
        Ok(Self { state, manifest })
    }

    /// Whether systemd runs it, or is about to, or is ending it.
    pub fn runs(&self) -> bool {
        !matches!(self.state.as_str(), "inactive" | "failed" | "unknown")
    }
}

fn named(words: &[String]) -> Option<PathBuf> {
    let at = words.iter().position(|word| word == "--manifest")?;
    words.get(at + 1).map(PathBuf::from)
}

/// What lives by a manifest.
pub enum Living {
    /// Nothing.
    Nothing,
    /// A supervisor, which looks after its planes.
    Supervised(Option<i32>),
    /// Keepers, and the gateways that they have, without a supervisor.
    Left(Vec<PlaneName>),
}

/// What lives by this manifest, whether or not it still holds or is there.
pub fn living(manifest: &Path) -> Living {
    let Ok(target) = Target::quietly(&Scope { manifest: Some(manifest.to_owned()) }) else { return Living::Nothing };
    let is_held = |lock: &Path| held(lock).unwrap_or(false);
    let daemon = rundir::daemon_lock(&target.applied.state_dir);
    if is_held(&daemon) {
        return Living::Supervised(holder_of(&daemon));
    }
    let mut planes: Vec<PlaneName> = target.applied.planes.iter().map(|plane| plane.name.clone()).collect();
    planes.extend(target.kept().into_iter().filter(|name| target.applied.planes.iter().all(|one| one.name != *name)));
    planes.retain(|plane| is_held(&target.folder(plane).keeper_lock()));
    if planes.is_empty() { Living::Nothing } else { Living::Left(planes) }
}

/// Names as an enumeration.
pub fn names(planes: &[PlaneName]) -> String {
    planes.iter().map(PlaneName::as_str).collect::<Vec<_>>().join(", ")
}
