//! Paths as bytes that sort by component, so that what lies within a folder directly follows it.

use std::path::{Component, Path};

use super::surroundings::{Identity, Surroundings};
use crate::plane::spelled_out;

/// A path in comparable form: each component followed by a zero byte, which no path holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key(Vec<u8>);

impl Key {
    /// The key of a path by its spelling.
    pub(super) fn spelled(path: &Path) -> Self {
        Self(bytes(&spelled_out(path), usize::MAX))
    }

    /// The key of `path` by name, as far as `around` knows it.
    pub(super) fn by_name(path: &Path, around: &Surroundings) -> Self {
        match around.identity(path) {
            Some(identity) => Self::of(identity),
            None => Self::spelled(path),
        }
    }

    /// The key, by name, of what a path is.
    pub(super) fn of(identity: &Identity) -> Self {
        Self(bytes(&identity.canonical, identity.folds_after.unwrap_or(usize::MAX)))
    }

    /// The key of `path` by its place within its file system; the device comes first.
    pub(super) fn by_place(identity: &Identity) -> Option<Self> {
        let within = identity.within.as_ref()?;
        let mut key = format!("{}:{}", within.device.0, within.device.1).into_bytes();
        key.push(0);
        // A folding folder stands as deep within its file system as below its mount, plus what the mount leaves out.
        let depth = |path: &Path| path.components().count();
        let shift = depth(&within.path) as isize - depth(&identity.canonical) as isize;
        let folds_after = identity.folds_after.map_or(usize::MAX, |after| after.saturating_add_signed(shift));
        key.extend(bytes(&within.path, folds_after));
        Some(Self(key))
    }

    /// Whether `self` is `outer` or lies within it.
    pub(super) fn is_within(&self, outer: &Self) -> bool {
        self.0.starts_with(&outer.0)
    }

    /// Every folder above, the nearest last.
    pub(super) fn ancestors(&self) -> impl Iterator<Item = Self> + '_ {
        let ends = self.0.iter().enumerate().filter(|(_, byte)| **byte == 0).map(|(at, _)| at + 1);
        ends.filter(|end| *end < self.0.len()).map(|end| Self(self.0[..end].to_vec()))
    }
}

/// Components, each closed by a zero; those after `folds_after` in lower case.
fn bytes(path: &Path, folds_after: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.as_os_str().len() + 1);
    for (index, part) in path.components().enumerate() {
        match part {
            Component::RootDir | Component::Prefix(_) => {}
            Component::CurDir => out.push(b'.'),
            Component::ParentDir => out.extend(b".."),
            Component::Normal(name) if index >= folds_after => {
                out.extend(name.to_string_lossy().to_lowercase().into_bytes());
            }
            Component::Normal(name) => out.extend(name.as_encoded_bytes()),
        }
        out.push(0);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::Key;
    use crate::collision::surroundings::{Identity, Surroundings, Within};
    use std::path::Path;

    fn key(path: &str) -> Key {
        Key::spelled(Path::new(path))
    }

    #[test]
    fn what_lies_within_follows_its_folder() {
        let mut keys = [key("/a/b"), key("/a-b"), key("/a"), key("/a!"), key("/a/b/c"), key("/ab")];
        keys.sort();
        assert_eq!(keys[..3], [key("/a"), key("/a/b"), key("/a/b/c")]);
        assert!(key("/a/b").is_within(&key("/a")) && key("/a").is_within(&key("/a/")));
        assert!(!key("/ab").is_within(&key("/a")));
        assert_eq!(key("/a/../b//c/."), key("/b/c"));
        assert!(key("/x").is_within(&key("/")));
    }

    #[test]
    fn ancestors_are_the_folders_above() {
        let above: Vec<Key> = key("/a/b/c").ancestors().collect();
        assert_eq!(above, [key("/"), key("/a"), key("/a/b")]);
    }

    #[test]
    fn folding_begins_where_the_folder_folds() {
        let mut around = Surroundings::default();
        let identity = |canonical: &str| Identity {
            canonical: canonical.into(),
            within: Some(Within { device: (8, 1), path: canonical[4..].into() }),
            folds_after: Some(2),
            entry: None,
            way: Default::default(),
            named: Default::default(),
        };
        around.paths.insert("/mnt/Planes".into(), identity("/mnt/Planes"));
        around.paths.insert("/mnt/PLANES".into(), identity("/mnt/PLANES"));
        let name = |path| Key::by_name(Path::new(path), &around);
        assert_eq!(name("/mnt/Planes"), name("/mnt/PLANES"));
        let place = |path| Key::by_place(&around.paths[Path::new(path)]);
        assert_eq!(place("/mnt/Planes"), place("/mnt/PLANES"));
        assert_ne!(name("/Mnt/Planes"), name("/mnt/PLANES"));
    }
}
