//! Programs whose execution takes away the parent-death signal: setuid, setgid, file capabilities. Reads attributes only.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::collision::surroundings::{Launcher, Privilege};
use crate::daemon::seal;
use crate::plane::{Plane, PlaneName, Planes};

/// The planes whose program, or the `node` that it would be run by, is privileged. A program that is not found is
/// another finding.
pub(super) fn privileged(planes: &Planes, own: &BTreeMap<String, String>) -> BTreeMap<PlaneName, Launcher> {
    let mut known: BTreeMap<PathBuf, Option<Privilege>> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for (plane, _) in &planes.planes {
        for program in programs(plane, own) {
            let privilege = *known.entry(program.clone()).or_insert_with(|| privilege(&program));
            if let Some(privilege) = privilege {
                found.insert(plane.name.clone(), Launcher { program, privilege });
                break;
            }
        }
    }
    found
}

/// What would be executed: the program itself, and `node` beside it, which its first line names.
fn programs(plane: &Plane, own: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let Ok((program, _)) = seal::program(plane, own) else { return Vec::new() };
    let beside = program.parent().map(|folder| folder.join("node"));
    std::iter::once(program).chain(beside).collect()
}

fn privilege(program: &Path) -> Option<Privilege> {
    const SETUID: u32 = 0o4000;
    const SETGID: u32 = 0o2000;
    let metadata = fs::metadata(program).ok()?;
    if metadata.mode() & SETUID != 0 {
        return Some(Privilege::SetUid);
    }
    if metadata.mode() & SETGID != 0 {
        return Some(Privilege::SetGid);
    }
    // The size alone answers; of a file without capabilities the attribute is absent, which is an error.
    let size = rustix::fs::getxattr(program, c"security.capability", &mut [0_u8; 0][..]);
    size.is_ok_and(|size| size > 0).then_some(Privilege::Capabilities)
}
