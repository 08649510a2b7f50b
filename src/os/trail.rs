//! Every name that leads to a file: the links on the way to it, and itself; and the folders in which these names stand.
//!
//! Reads names only, opens nothing, and follows no further than the kernel would.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// As many links as Linux follows in one path.
const LINKS: usize = 40;

/// What to watch, so that nothing that changes what a path leads to is missed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    /// Names whose change changes what is found: each in its real folder, whatever links lead there. Of what is not there,
    /// the name under which it would appear.
    pub names: BTreeSet<PathBuf>,
    /// The real folders in which these names stand.
    pub folders: BTreeSet<PathBuf>,
    /// The real folders above those: one of them may be moved away with all that it holds.
    pub above: BTreeSet<PathBuf>,
}

impl Trail {
    /// Adds what leads to `path`, which is absolute.
    pub fn add(&mut self, path: &Path) {
        let mut ahead = steps(path);
        let mut here = PathBuf::from("/");
        let mut links = 0;
        while let Some(step) = ahead.pop() {
            let Some(name) = step else {
                here.pop();
                continue;
            };
            let next = here.join(&name);
            let kind = fs::symlink_metadata(&next).map(|facts| facts.file_type());
            match kind {
                Ok(kind) if kind.is_symlink() && links < LINKS => {
                    links += 1;
                    self.name(next.clone(), &here);
                    let target = fs::read_link(&next).unwrap_or_default();
                    if target.is_absolute() {
                        here = PathBuf::from("/");
                    }
                    ahead.extend(steps(&target));
                }
                Ok(kind) if kind.is_dir() && !ahead.is_empty() => here = next,
                Ok(_) | Err(_) => {
                    let whole = ahead.into_iter().rev().fold(next, |whole, step| match step {
                        Some(name) => whole.join(name),
                        None => whole.parent().map(Path::to_path_buf).unwrap_or_default(),
                    });
                    return self.name(whole, &here);
                }
            }
        }
        self.name(here.clone(), here.parent().unwrap_or(&here));
    }

    fn name(&mut self, name: PathBuf, folder: &Path) {
        self.names.insert(name);
        self.folders.insert(folder.to_path_buf());
        self.above.extend(folder.ancestors().skip(1).map(Path::to_path_buf));
    }
}

/// The components, the first one last; `None` for one up.
fn steps(path: &Path) -> Vec<Option<OsString>> {
    let step = |part: Component<'_>| match part {
        Component::Normal(name) => Some(Some(name.to_owned())),
        Component::ParentDir => Some(None),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_in_the_middle_and_what_is_not_there_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path");
        fs::create_dir_all(root.join("v/1/deep")).expect("folders");
        fs::write(root.join("v/1/deep/file"), "").expect("a file");
        symlink("v/1", root.join("now")).expect("a link");
        symlink("now/../1", root.join("round")).expect("a link");
        let names = |path: &str| {
            let mut trail = Trail::default();
            trail.add(&root.join(path));
            assert!(trail.folders.iter().all(|folder| folder.is_dir()), "{trail:?}");
            let below = |name: &PathBuf| name.strip_prefix(&root).map(Path::to_path_buf).expect("below the folder");
            trail.names.iter().map(below).collect::<Vec<_>>()
        };
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(names("v/1/deep/file"), paths(&["v/1/deep/file"]));
        assert_eq!(names("now/deep/file"), paths(&["now", "v/1/deep/file"]));
        assert_eq!(names("round/deep"), paths(&["now", "round", "v/1/deep"]));
        assert_eq!(names("now/none/../x/y"), paths(&["now", "v/1/x/y"]));
        fs::remove_dir_all(root.join("v")).expect("removed");
        assert_eq!(names("now/deep/file"), paths(&["now", "v/1/deep/file"]));
        symlink("loop", root.join("loop")).expect("a link");
        assert_eq!(names("loop/x"), paths(&["loop", "loop/x"]));
    }
}
