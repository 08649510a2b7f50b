//! Small files that are written often and must be whole at any time, also when the disk is full or their writer dies.
//!
//! Knows nothing of what stands in them.

use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// The kernel takes a write that ends within the first page whole or not at all, whatever becomes of the writer.
const AT_ONCE: usize = 4096;

/// Has `text` stand at `path`: a reader sees the old text or the new one. What has a file is written over, at once: to make one
/// and to rename it costs a spawn or a stop more than all the rest, and may fail on a full disk. What is too long, or no plain
/// file, is written beside and renamed over.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    match write_over(path, text) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
        Ok(Written::AtOnce) => return Ok(()),
        Ok(Written::Not) | Err(_) => return write_beside(path, text),
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    // One that holds nothing is read as none, and so is half of one.
    file.write_all(text.as_bytes()).inspect_err(|_| drop(std::fs::remove_file(path)))
}

enum Written {
    AtOnce,
    Not,
}

/// Blanks fill up what the old text was longer: cut off before or after, half of a new text would be taken for all of it.
fn write_over(path: &Path, text: &str) -> io::Result<Written> {
    let file = std::fs::OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    let before = file.metadata()?;
    let length = usize::try_from(before.len()).unwrap_or(usize::MAX);
    if !before.is_file() || length.max(text.len()) > AT_ONCE {
        return Ok(Written::Not);
    }
    let whole = format!("{text:<length$}");
    Ok(if file.write_at(whole.as_bytes(), 0)? == whole.len() { Written::AtOnce } else { Written::Not })
}

fn write_beside(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_over_holds_the_new_text_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/file");
        let long = "x".repeat(2 * AT_ONCE);
        for text in ["a first text\n", "2\n", "longer than all of them before\n", &long, "short\n", ""] {
            replace(&path, text).expect("written");
            assert_eq!(std::fs::read_to_string(&path).expect("read").trim_end(), text.trim_end());
        }
        let left: Vec<_> = std::fs::read_dir(folder.path().join("deep")).expect("a folder").collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_link_is_replaced_and_what_it_leads_to_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, other) = (folder.path().join("file"), folder.path().join("other"));
        std::fs::write(&other, "theirs").expect("written");
        std::os::unix::fs::symlink(&other, &path).expect("linked");
        replace(&path, "ours").expect("written");
        assert_eq!(std::fs::read_to_string(&other).expect("read"), "theirs");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "ours");
        assert!(!path.is_symlink());
    }
}
