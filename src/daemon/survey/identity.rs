//! What a path is, whatever it is called: links followed as far as they lead, the mount it is on, the inode there.
//!
//! Reads names and attributes only; opens no file but folders, to ask whether they fold case. Nothing here follows a path
//! for longer than the kernel would.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use super::mounts::Mounts;
use crate::collision::surroundings::{Entry, EntryKind, Identity, Named, Way};

/// As many links as Linux follows in one path.
const LINKS: usize = 40;

/// Follows paths, and asks about each name on the way once.
pub(super) struct Resolver {
    mounts: Mounts,
    /// What stands at each canonical folder's name.
    seen: HashMap<PathBuf, Stop>,
    folding: HashMap<PathBuf, bool>,
}

/// What stands at one name.
#[derive(Clone, Debug)]
enum Stop {
    /// Nothing, or nothing that we may look at.
    Nothing,
    /// A link with its target.
    Link(PathBuf),
    /// Something real.
    Real(Entry),
}

impl Resolver {
    /// One that knows the mounts of now.
    pub(super) fn new() -> Self {
        Self { mounts: Mounts::of_this_process(), seen: HashMap::new(), folding: HashMap::new() }
    }

    /// The mount points below what `folder` is.
    pub(super) fn mounted_below(&mut self, folder: &Path) -> Vec<PathBuf> {
        let (canonical, exists, _) = self.follow(folder);
        if canonical == exists { self.mounts.below(&canonical) } else { Vec::new() }
    }

    /// What `path`, absolute, is.
    pub(super) fn identity(&mut self, path: &Path) -> Identity {
        let (canonical, exists, entry) = self.follow(path);
        let folds_after = self.folds_after(&exists);
        let within = self.mounts.within(&canonical);
        // Where nothing more is followed there still stands a link only in a circle.
        let name = canonical.strip_prefix(&exists).ok().and_then(|rest| rest.components().next());
        let next = name.map(|name| exists.join(name));
        let is_link = next.is_some_and(|next| matches!(self.stop(&next), Stop::Link(_)));
        let way = if entry.is_none() && is_link { Way::Circle } else { Way::Open };
        let named = if canonical == path { Named::Itself } else { self.named(path) };
        Identity { canonical, within, folds_after, entry, way, named }
    }

    /// Whether the last name of `path` is a link's.
    fn named(&mut self, path: &Path) -> Named {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Named::Itself };
        let folder = self.follow(folder).0;
        if matches!(self.stop(&folder.join(name)), Stop::Link(_)) { Named::Link } else { Named::Itself }
    }

    /// The canonical path, the longest part of it that exists, and what is at its end.
    fn follow(&mut self, path: &Path) -> (PathBuf, PathBuf, Option<Entry>) {
        let mut ahead: Vec<Step> = steps(path);
        let mut here = PathBuf::from("/");
        let mut last = None;
        let mut links = 0;
        while let Some(step) = ahead.pop() {
            let name = match step {
                Step::Up => {
                    here.pop();
                    last = None;
                    continue;
                }
                Step::Down(name) => name,
            };
            let next = here.join(&name);
            match self.stop(&next) {
                Stop::Real(entry) => {
                    here = next;
                    last = Some(entry);
                }
                Stop::Link(target) if links < LINKS => {
                    links += 1;
                    if target.is_absolute() {
                        here = PathBuf::from("/");
                    }
                    ahead.extend(steps(&target));
                }
                Stop::Link(_) | Stop::Nothing => {
                    let mut canonical = next;
                    ahead.into_iter().rev().for_each(|step| match step {
                        Step::Up => drop(canonical.pop()),
                        Step::Down(name) => canonical.push(name),
                    });
                    return (canonical, here, None);
                }
            }
        }
        let entry = last.or_else(|| match self.stop(&here) {
            Stop::Real(entry) => Some(entry),
            Stop::Link(_) | Stop::Nothing => None,
        });
        (here.clone(), here, entry)
    }

    fn stop(&mut self, path: &Path) -> Stop {
        if let Some(stop) = self.seen.get(path) {
            return stop.clone();
        }
        let stop = look(path);
        self.seen.insert(path.to_owned(), stop.clone());
        stop
    }

    /// Components of `existing` after which case is folded. Folding passes from a folder to what is made in it, so the
    /// deepest one is asked first.
    fn folds_after(&mut self, existing: &Path) -> Option<usize> {
        let folder = match self.stop(existing) {
            Stop::Real(entry) if entry.kind != EntryKind::Folder => existing.parent()?,
            Stop::Real(_) | Stop::Link(_) | Stop::Nothing => existing,
        };
        if !self.folds(folder) {
            return None;
        }
        let above = folder.ancestors().take_while(|folder| self.folds(folder)).last()?;
        Some(above.components().count())
    }

    fn folds(&mut self, folder: &Path) -> bool {
        if let Some(known) = self.folding.get(folder) {
            return *known;
        }
        let folds = self.mounts.folds(folder);
        self.folding.insert(folder.to_owned(), folds);
        folds
    }
}

enum Step {
    Up,
    Down(std::ffi::OsString),
}

/// The components of `path`, the first one last. A root among them needs no step: whoever follows starts there.
fn steps(path: &Path) -> Vec<Step> {
    let named = |name: &OsStr| Step::Down(name.to_owned());
    let parts = path.components().rev();
    parts
        .filter_map(|part| match part {
            Component::Normal(name) => Some(named(name)),
            Component::ParentDir => Some(Step::Up),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
        })
        .collect()
}

fn look(path: &Path) -> Stop {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Stop::Nothing };
    if !metadata.file_type().is_symlink() {
        return Stop::Real(entry(&metadata));
    }
    // A link under /proc leads to what it stands for, not to its text; as a claim it is nothing that lasts.
    fs::read_link(path).map_or(Stop::Nothing, Stop::Link)
}

fn entry(metadata: &Metadata) -> Entry {
    let of = metadata.file_type();
    let kind = if of.is_file() {
        EntryKind::File
    } else if of.is_dir() {
        EntryKind::Folder
    } else {
        debug_assert!(of.is_fifo() || of.is_socket() || of.is_char_device() || of.is_block_device());
        EntryKind::Other
    };
    Entry { inode: (metadata.dev(), metadata.ino()), mode: metadata.mode() & 0o7777, owner: metadata.uid(), kind }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_as_far_as_anything_exists() {
        let temp = tempfile::tempdir().expect("a folder");
        let root = temp.path().canonicalize().expect("a path");
        fs::create_dir_all(root.join("main/inner")).expect("folders");
        symlink(root.join("main"), root.join("link")).expect("a link");
        symlink("link/inner/../new", root.join("far")).expect("a link");
        symlink("round", root.join("round")).expect("a link");
        fs::write(root.join("main/file"), "").expect("a file");
        fs::hard_link(root.join("main/file"), root.join("other")).expect("a hard link");
        let mut resolver = Resolver::new();
        let mut canonical = |path: &str| resolver.identity(&root.join(path)).canonical;
        assert_eq!(canonical("link"), root.join("main"));
        assert_eq!(canonical("link/"), root.join("main"));
        assert_eq!(canonical("link/not/there/./yet"), root.join("main/not/there/yet"));
        assert_eq!(canonical("link/../main"), root.join("main"));
        assert_eq!(canonical("far/x"), root.join("main/new/x"));
        assert_eq!(canonical("nothing/../main"), root.join("main"));
        assert_eq!(canonical("round/x"), root.join("round/x"));
        let file = resolver.identity(&root.join("main/file"));
        assert_eq!(file.entry.map(|entry| entry.kind), Some(EntryKind::File));
        assert_eq!(resolver.identity(&root.join("other")).entry, file.entry);
        assert_eq!(resolver.identity(Path::new("/")).canonical, Path::new("/"));
        assert_eq!(resolver.identity(&root.join("nothing")).entry, None);
    }
}
