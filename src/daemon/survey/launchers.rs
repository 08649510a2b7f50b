//! Programs whose execution takes away the parent-death signal: setuid, setgid, file capabilities. Reads attributes only.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::programs::Programs;
use crate::collision::surroundings::{Launcher, Privilege};
use crate::plane::{Plane, PlaneName, Planes};

/// The planes whose program, or the `node` that it is run by, is privileged. A program that is not there is told of
/// elsewhere.
pub(super) fn privileged(planes: &Planes, programs: &mut Programs) -> BTreeMap<PlaneName, Launcher> {
    let mut known: BTreeMap<PathBuf, Option<Privilege>> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for (plane, _) in &planes.planes {
        for program in executed(plane, programs) {
            let privilege = *known.entry(program.clone()).or_insert_with(|| privilege(&program));
            if let Some(privilege) = privilege {
                found.insert(plane.name.clone(), Launcher { program, privilege });
                break;
            }
        }
    }
    found
}

/// The program itself, and the `node` that its first line asks for: beside it, as in an installation of its own.
pub(super) fn executed(plane: &Plane, programs: &mut Programs) -> Vec<PathBuf> {
    let Ok(host) = programs.host(plane) else { return Vec::new() };
    let beside = host.bin.as_deref().or(host.program.parent()).map(|folder| folder.join("node"));
    std::iter::once(host.program.clone()).chain(beside).collect()
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
    // Into a buffer that holds it: asked with an empty one for its size, rustix gives 0 (measured). Of a file without capabilities
    // the attribute is absent, which is an error.
    let size = rustix::fs::getxattr(program, c"security.capability", &mut [0_u8; 64][..]);
    size.is_ok_and(|size| size > 0).then_some(Privilege::Capabilities)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn set_bits_are_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("program");
        fs::write(&program, "#!/bin/sh\n").expect("a file");
        let seen = |mode| {
            fs::set_permissions(&program, fs::Permissions::from_mode(mode)).expect("a mode");
            privilege(&program)
        };
        assert_eq!(seen(0o755), None);
        assert_eq!(seen(0o4755), Some(Privilege::SetUid));
        assert_eq!(seen(0o2755), Some(Privilege::SetGid));
        assert_eq!(privilege(Path::new("/nowhere")), None);
    }

    #[test]
    fn capabilities_of_a_file_are_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("program");
        fs::write(&program, "#!/bin/sh\n").expect("a file");
        // Version 2 of the kernel's form: effective, and CAP_NET_BIND_SERVICE as the one that is permitted.
        let words = [0x0200_0001_u32, 1 << 10, 0, 0, 0];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let set = rustix::fs::setxattr(&program, c"security.capability", &bytes, rustix::fs::XattrFlags::empty());
        if let Err(error) = set {
            eprintln!("skipped: capabilities cannot be given to a file here: {error}");
            return;
        }
        assert_eq!(privilege(&program), Some(Privilege::Capabilities));
    }
}
