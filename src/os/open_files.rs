//! What a process has open, as /proc/PID/fd tells.
//!
//! It opens none of it, and says nothing of what is in it.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// One plain file that a process has open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenFile {
    /// Where it was when it was opened; of one removed since then the name ends in ` (deleted)`.
    pub path: PathBuf,
    /// The file itself, whatever its name: device and inode.
    pub identity: (u64, u64),
    /// Whether it may be written through this descriptor.
    pub writable: bool,
}

/// The plain files that `pid` has open, each once. Refused for processes of other accounts, and for those that are not
/// dumpable.
pub fn plain_files(pid: i32) -> io::Result<Vec<OpenFile>> {
    let mut found: Vec<OpenFile> = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd"))? {
        let entry = entry?;
        // Closed since the folder was read: it counts no more.
        let Ok(meta) = std::fs::metadata(entry.path()) else { continue };
        let Ok(path) = std::fs::read_link(entry.path()) else { continue };
        // A memfd is a plain file without a place.
        if !meta.is_file() || path.starts_with("/memfd:") {
            continue;
        }
        let writable = is_writable(pid, &entry.file_name().to_string_lossy());
        let identity = (meta.dev(), meta.ino());
        match found.iter_mut().find(|known| known.identity == identity) {
            Some(known) => known.writable |= writable,
            None => found.push(OpenFile { path, identity, writable }),
        }
    }
    Ok(found)
}

/// `flags: 0102002`, in octal: the two lowest bits tell how it was opened.
fn is_writable(pid: i32, descriptor: &str) -> bool {
    let info = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/{descriptor}")).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok()).is_some_and(|flags| flags & 0b11 != 0)
}

/// What one descriptor of `pid` is, as the kernel names it: `pipe:[81]`, a path.
pub fn target(pid: i32, descriptor: i32) -> io::Result<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/fd/{descriptor}"))
}

/// The kernel's names of all that `pid` has open.
pub fn targets(pid: i32) -> io::Result<BTreeSet<PathBuf>> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd"))?;
    Ok(entries.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok()).collect())
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn files_are_told_once_with_their_rights() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().canonicalize().expect("its path").join("file");
        std::fs::write(&path, "x").expect("a file");
        let me = std::process::id().cast_signed();
        let own = || plain_files(me).expect("ours").into_iter().filter(|file| file.path == path).collect::<Vec<_>>();
        let reader = std::fs::File::open(&path).expect("open");
        assert!(matches!(own().as_slice(), [file] if !file.writable));
        let writer = OpenOptions::new().append(true).open(&path).expect("open");
        assert!(matches!(own().as_slice(), [file] if file.writable));
        assert!(targets(me).expect("ours").contains(&path));
        drop((reader, writer));
        assert_eq!(own(), []);
        assert!(plain_files(-1).is_err());
    }
}
