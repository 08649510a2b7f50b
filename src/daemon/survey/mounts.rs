//! The mounts that this process sees: which file system a path is on, where within it, and whether its names fold case.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::collision::surroundings::Within;

/// What `/proc/self/mountinfo` says. Where it cannot be read nothing is known, and names alone are compared.
pub(super) struct Mounts {
    /// By mount point; of several on one point the last covers the others.
    by_point: HashMap<PathBuf, Mount>,
    /// The mount points, in order. They are compared far more seldom than they are looked up.
    points: Vec<PathBuf>,
    /// How often each file system is mounted.
    times: HashMap<(u32, u32), usize>,
}

struct Mount {
    device: (u32, u32),
    root: PathBuf,
    kind: String,
}

impl Mounts {
    /// The mounts of this process's namespace.
    pub(super) fn of_this_process() -> Self {
        Self::parsed(&fs::read("/proc/self/mountinfo").unwrap_or_default())
    }

    /// Lines read `36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw`.
    fn parsed(text: &[u8]) -> Self {
        let mut mounts = Self { by_point: HashMap::new(), points: Vec::new(), times: HashMap::new() };
        for line in text.split(|byte| *byte == b'\n') {
            let Some((point, mount)) = parsed_line(line) else { continue };
            *mounts.times.entry(mount.device).or_default() += 1;
            mounts.points.push(point.clone());
            mounts.by_point.insert(point, mount);
        }
        mounts.points.sort();
        mounts.points.dedup();
        mounts
    }

    /// Where `canonical` lies within its file system, when that is mounted more than once.
    pub(super) fn within(&self, canonical: &Path) -> Option<Within> {
        let (point, mount) = self.of(canonical)?;
        if self.times.get(&mount.device).is_none_or(|times| *times < 2) {
            return None;
        }
        let rest = canonical.strip_prefix(point).ok()?;
        let path = if rest.as_os_str().is_empty() { mount.root.clone() } else { mount.root.join(rest) };
        Some(Within { device: mount.device, path })
    }

    /// The mount points below `folder`, which is canonical.
    pub(super) fn below(&self, folder: &Path) -> Vec<PathBuf> {
        let from = self.points.partition_point(|point| point.as_path() <= folder);
        self.points[from..].iter().take_while(|point| point.starts_with(folder)).cloned().collect()
    }

    /// Whether names in `folder` are the same in upper and lower case.
    pub(super) fn folds(&self, folder: &Path) -> bool {
        match self.of(folder).map(|(_, mount)| mount.kind.as_str()) {
            Some("vfat" | "msdos" | "exfat" | "ntfs" | "ntfs3" | "hfsplus" | "cifs" | "smb3") => true,
            Some("ext4" | "f2fs" | "tmpfs" | "bcachefs") => has_casefold_flag(folder),
            Some(_) | None => false,
        }
    }

    fn of(&self, path: &Path) -> Option<(&Path, &Mount)> {
        path.ancestors()
            .find_map(|point| self.by_point.get_key_value(point))
            .map(|(point, mount)| (point.as_path(), mount))
    }
}

fn parsed_line(line: &[u8]) -> Option<(PathBuf, Mount)> {
    let mut fields = line.split(|byte| *byte == b' ');
    let device = std::str::from_utf8(fields.nth(2)?).ok()?;
    let (major, minor) = device.split_once(':')?;
    let (root, point) = (unescaped(fields.next()?), unescaped(fields.next()?));
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
    let kind = String::from_utf8_lossy(kind).into_owned();
    Some((point, Mount { device: (major.parse().ok()?, minor.parse().ok()?), root, kind }))
}

/// Blanks, tabs, line feeds and backslashes are written as `\040` and the like.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let octal = (byte == b'\\').then(|| std::str::from_utf8(after.get(..3)?).ok()).flatten();
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(escaped) => {
                out.push(escaped);
                rest = &after[3..];
            }
            None => {
                out.push(byte);
                rest = after;
            }
        }
    }
    PathBuf::from(OsString::from_vec(out))
}

/// `FS_CASEFOLD_FL`, as `chattr +F` sets it.
fn has_casefold_flag(folder: &Path) -> bool {
    const CASEFOLD: u32 = 0x4000_0000;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let Ok(open) = rustix::fs::open(folder, flags, Mode::empty()) else { return false };
    rustix::fs::ioctl_getflags(&open).is_ok_and(|flags| flags.bits() & CASEFOLD != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
        30 22 8:1 /srv/main /mnt/bind rw shared:1 - ext4 /dev/sda1 rw\n\
        31 22 0:40 / /tmp rw - tmpfs tmpfs rw\n\
        32 22 8:17 / /media/a\\040b rw - vfat /dev/sdb1 rw\n";

    #[test]
    fn a_bind_mount_lies_where_it_binds() {
        let mounts = Mounts::parsed(TEXT);
        let within = |path: &str| mounts.within(Path::new(path));
        assert_eq!(within("/mnt/bind/x"), within("/srv/main/x"));
        assert_eq!(within("/mnt/bind"), within("/srv/main"));
        assert_ne!(within("/mnt/bind/x"), within("/srv/x"));
        assert_eq!(within("/tmp/x"), None);
        assert_eq!(mounts.below(Path::new("/mnt")), [Path::new("/mnt/bind")]);
        assert_eq!(mounts.below(Path::new("/mnt/bin")), [""; 0].map(Path::new));
        assert_eq!(mounts.below(Path::new("/tmp")), [""; 0].map(Path::new));
    }

    #[test]
    fn names_fold_where_the_file_system_folds_them() {
        let mounts = Mounts::parsed(TEXT);
        assert!(mounts.folds(Path::new("/media/a b/x")));
        assert!(!mounts.folds(Path::new("/media/a/x")));
        assert!(!Mounts::of_this_process().folds(Path::new("/")));
    }
}
