//! Whose supervisor a manifest means to somebody who is not root: that of whoever owns its run dir.
//!
//! What the supervisor may do, and where its folders are when nothing is written, follows from its user and not from who
//! asks. Looks at owners and at the note of what was applied; talks to nobody, and grants nothing.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::manifest::given::{Given, Rank};
use crate::manifest::{Written, resolve};
use crate::openclaw::environment::{MANIFEST, RUN_DIR};
use crate::os::accounts;
use crate::rundir::{self, Applied};

/// The user of the supervisor, when that is somebody else than `own`.
pub fn another(written: &Written, own: &Given) -> Option<u32> {
    if own.rank == Rank::Root {
        return None;
    }
    let found = run_dirs(written, own).into_iter().find_map(|(run_dir, named)| owner(&run_dir, named, &written.file));
    found.filter(|uid| *uid != own.uid)
}

/// What is given to a supervisor of this user, as far as another one can know.
pub fn given_to(uid: u32, own: &Given) -> Given {
    let rank = if uid == 0 { Rank::Root } else { Rank::User };
    let home = accounts::by_uid(uid).ok().flatten().map(|entry| entry.home);
    Given { rank, uid, home, ..own.clone() }
}

/// How a run dir came to be looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    /// By the manifest, or by the plane that we are in.
    Surely,
    /// As it would be for that user if nothing is written.
    Perhaps,
}

fn run_dirs(written: &Written, own: &Given) -> Vec<(PathBuf, Named)> {
    let mut found = Vec::new();
    let same = own.environ.get(MANIFEST).is_some_and(|path| Path::new(path) == written.file);
    let inherited = own.environ.get(RUN_DIR).filter(|_| same);
    found.extend(inherited.map(|path| (PathBuf::from(path), Named::Surely)));
    let named = if written.supervisor.run_dir.is_written() { Named::Surely } else { Named::Perhaps };
    for given in [own.clone(), given_to(0, own)] {
        found.extend(resolve::supervisor_only(written, &given).map(|supervisor| (supervisor.run_dir, named)));
    }
    found
}

fn owner(run_dir: &Path, named: Named, manifest: &Path) -> Option<u32> {
    let found = std::fs::metadata(run_dir).ok()?;
    match std::fs::read(rundir::breadcrumb(run_dir)) {
        Ok(note) => {
            let note: Option<Applied> = serde_json::from_slice(&note).ok();
            (named == Named::Surely || note.is_some_and(|note| note.manifest == manifest)).then_some(found.uid())
        }
        // One that we may not look into is another user's supervisor; of this manifest, when the manifest is that user's too.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let theirs = std::fs::metadata(manifest).is_ok_and(|manifest| manifest.uid() == found.uid());
            (named == Named::Surely || theirs).then_some(found.uid())
        }
        Err(_) => (named == Named::Surely).then_some(found.uid()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest;

    #[test]
    fn the_owner_of_the_run_dir_is_the_supervisors_user() {
        let folder = tempfile::tempdir().expect("a folder");
        let uid = std::fs::metadata(folder.path()).expect("facts").uid();
        let text = format!("[supervisor]\nrun_dir = {:?}\n", folder.path().display().to_string());
        let file = folder.path().join("supervisor.toml");
        let written = manifest::parse(&file, &text);
        let asks = |uid| Given { uid, home: Some("/home/somebody".into()), ..Given::default() };
        assert_eq!(another(&written, &asks(uid)), None);
        assert_eq!(another(&written, &asks(uid + 1)), Some(uid));
        assert_eq!(another(&written, &Given { rank: Rank::Root, ..asks(0) }), None, "root is nobody's guest");
        let gone = manifest::parse(&file, "[supervisor]\nrun_dir = \"/nowhere/at/all\"\n");
        assert_eq!(another(&gone, &asks(uid + 1)), None);
    }

    #[test]
    fn a_folder_that_only_would_be_the_one_counts_by_its_note() {
        let folder = tempfile::tempdir().expect("a folder");
        let run_dir = folder.path().join("gateward");
        std::fs::create_dir(&run_dir).expect("a folder");
        let uid = std::fs::metadata(&run_dir).expect("facts").uid();
        let file = folder.path().join("supervisor.toml");
        let written = manifest::parse(&file, "");
        let environ = [("XDG_RUNTIME_DIR".to_owned(), folder.path().display().to_string())];
        let asks =
            Given { uid: uid + 1, home: Some("/home/somebody".into()), environ: environ.into(), ..Given::default() };
        let note = |manifest: &Path| {
            let note = Applied {
                manifest: manifest.to_owned(),
                run_dir: run_dir.clone(),
                state_dir: run_dir.clone(),
                socket_group: None,
                planes: Vec::new(),
            };
            std::fs::write(rundir::breadcrumb(&run_dir), serde_json::to_vec(&note).expect("json")).expect("a note");
        };
        assert_eq!(owner(&run_dir, Named::Perhaps, &file), None);
        note(Path::new("/another/supervisor.toml"));
        assert_eq!(owner(&run_dir, Named::Perhaps, &file), None);
        note(&file);
        assert_eq!(another(&written, &asks), Some(uid));
    }
}
