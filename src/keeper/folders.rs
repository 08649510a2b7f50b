//! Makes the folder that a gateway cannot be spawned without: its working folder, where that is its state dir.
//!
//! Where the plane has a user of its own, it works with that user's rights wherever that user could have put a link.

use std::fmt;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::os::guise;
use crate::os::launch::Ids;
use crate::plane::{Account, Plane};

/// The folder could not be made.
#[derive(Debug)]
pub struct Unmade {
    text: String,
    /// The kernel's number for the reason, where it gave one.
    pub errno: Option<i32>,
}

impl Unmade {
    fn new(state_dir: &Path, cause: &io::Error) -> Self {
        let dir = state_dir.display();
        // What stands in the way may be a link that leads nowhere: "file exists" alone misleads.
        let link = state_dir.ancestors().find(|path| path.is_symlink() && !path.exists());
        let text = match link.and_then(|link| Some((link, fs::read_link(link).ok()?))) {
            Some((link, end)) => format!(
                "state_dir {dir} cannot be made: {} is a link to {}, which is not there; make that folder, or take the link away",
                link.display(),
                end.display()
            ),
            None => {
                format!(
                    "state_dir {dir} cannot be made: {cause}; see to the folders above it, or name another in `state_dir`"
                )
            }
        };
        Self { text, errno: cause.raw_os_error() }
    }
}

impl fmt::Display for Unmade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The numbers of an account, with all of its groups.
pub fn ids(account: &Account) -> Ids {
    let groups = crate::os::accounts::groups_of(&account.name, account.gid);
    Ids { uid: account.uid, gid: account.gid, groups }
}

/// Makes it, if it is not there.
pub fn make(plane: &Plane) -> Result<(), Unmade> {
    if plane.cwd.is_dir() {
        return Ok(());
    }
    if plane.cwd != plane.state_dir {
        let text = format!("cwd {} is not a folder; make it, or name another in `cwd`", plane.cwd.display());
        return Err(Unmade { text, errno: None });
    }
    let done = match &plane.account {
        None => with_own_rights(plane),
        // Root gets everywhere by itself, and others have to pass where it was.
        Some(account) if account.uid == 0 => with_own_rights(plane),
        Some(account) => for_account(plane, account),
    };
    done.map_err(|cause| Unmade::new(&plane.state_dir, &cause))
}

fn with_own_rights(plane: &Plane) -> io::Result<()> {
    let is_own = |path: &Path| path.starts_with(&plane.home) || path.starts_with(&plane.state_dir);
    way_to(&plane.state_dir, is_own).and_then(|()| private(&plane.state_dir))
}

fn private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The folders above, down to the first that is the plane's: to be passed through, as another plane's may come to lie there.
fn way_to(state_dir: &Path, is_own: impl Fn(&Path) -> bool) -> io::Result<()> {
    let above = state_dir.ancestors().skip(1).filter(|path| !is_own(path));
    let missing: Vec<&Path> = above.take_while(|path| !path.exists()).collect();
    missing.into_iter().rev().try_for_each(passage)
}

/// A folder to be passed through, and not listed. One that somebody made meanwhile is left as it is.
fn passage(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        // The keeper's own mask would close it to everybody else. By no link: that could lead to a folder of somebody else.
        Ok(()) => fs::OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_DIRECTORY)
            .open(path)?
            .set_permissions(Permissions::from_mode(0o711)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn for_account(plane: &Plane, account: &Account) -> io::Result<()> {
    let ids = ids(account);
    let by_itself = || guise::with(&ids, || private(&plane.state_dir)).flatten();
    match by_itself() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        done => return done,
    }
    make_way(plane, &ids)?;
    by_itself().map_err(|error| {
        let text = format!("user {} cannot make it: {error}", account.name);
        io::Error::new(error.kind(), text)
    })
}

/// As root, down to the first folder that is the plane's: below that one the account may put links as it likes.
fn make_way(plane: &Plane, ids: &Ids) -> io::Result<()> {
    let is_own = |path: &Path| path.starts_with(&plane.home) || path.starts_with(&plane.state_dir);
    let mut missing: Vec<PathBuf> =
        plane.state_dir.ancestors().take_while(|path| !path.exists()).map(Path::to_owned).collect();
    let Some(outermost) = missing.last().and_then(|path| path.parent()) else { return Ok(()) };
    if !only_roots(outermost) || !only_roots(&outermost.canonicalize()?) {
        return Ok(());
    }
    while let Some(path) = missing.pop() {
        if is_own(&path) {
            DirBuilder::new().mode(0o700).create(&path)?;
            return chown(&path, Some(ids.uid), Some(ids.gid));
        }
        passage(&path)?;
    }
    Ok(())
}

/// Whether nobody but root can change what the path leads to. In a folder with the sticky bit, as /tmp, everybody may make
/// entries, but only root can exchange root's.
fn only_roots(path: &Path) -> bool {
    let is_safe = |facts: fs::Metadata| facts.uid() == 0 && (facts.mode() & 0o022 == 0 || facts.mode() & 0o1000 != 0);
    path.ancestors().all(|folder| fs::symlink_metadata(folder).is_ok_and(is_safe))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_dir_that_is_a_link_to_nowhere_is_told_with_its_end_and_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |inside: &str| folder.path().join(inside);
        std::os::unix::fs::symlink(at("nowhere"), at("link")).expect("a link");
        let cause = private(&at("link")).expect_err("something is there");
        let unmade = Unmade::new(&at("link"), &cause);
        let told = format!(
            "state_dir {} cannot be made: {} is a link to {}, which is not there; make that folder, or take the link away",
            at("link").display(),
            at("link").display(),
            at("nowhere").display()
        );
        assert_eq!(unmade.to_string(), told);
    }

    #[test]
    fn what_lies_above_a_state_dir_can_be_passed_through_and_what_is_the_planes_own_cannot() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |inside: &str| folder.path().join(inside);
        let mode = |inside: &str| fs::metadata(at(inside)).expect("facts").mode() & 0o7777;
        fs::create_dir(at("st")).expect("a folder");
        fs::set_permissions(at("st"), Permissions::from_mode(0o750)).expect("a mode");
        for name in ["a", "b"] {
            let state_dir = at(&format!("st/plain/{name}"));
            way_to(&state_dir, |path| path.starts_with(&state_dir)).expect("a way");
            private(&state_dir).expect("a state dir");
        }
        assert_eq!(["st", "st/plain", "st/plain/a", "st/plain/b"].map(mode), [0o750, 0o711, 0o700, 0o700]);
        let (home, state_dir) = (at("homes/main"), at("homes/main/.openclaw"));
        way_to(&state_dir, |path| path.starts_with(&home)).expect("a way");
        private(&state_dir).expect("a state dir");
        assert_eq!(["homes", "homes/main", "homes/main/.openclaw"].map(mode), [0o711, 0o700, 0o700]);
    }
}
