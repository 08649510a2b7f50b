//! A folder of a test's own: gone after success, kept and named after failure.

use std::path::{Path, PathBuf};

use super::say;

/// The folder; short, as unix sockets are made in it and their paths may take 107 bytes.
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// A new one for the test of that name.
    pub fn new(test: &str) -> Self {
        let name: String = test.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
        let prefix = format!("gw-{name}-");
        let made = tempfile::Builder::new().prefix(&prefix).rand_bytes(6).tempdir().expect("a scratch folder");
        // Links are resolved once, so that paths compare equal to those that /proc shows.
        let path = made.keep().canonicalize().expect("the scratch folder's own path");
        Self { path }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path inside.
    pub fn join(&self, inside: &str) -> PathBuf {
        self.path.join(inside)
    }

    /// Writes a file inside, with the folders above it, and gives its path.
    #[track_caller]
    pub fn write(&self, inside: &str, text: &str) -> PathBuf {
        let path = self.join(inside);
        std::fs::create_dir_all(path.parent().expect("a folder above")).expect("folders in the scratch folder");
        std::fs::write(&path, text).expect("a file in the scratch folder");
        path
    }

    /// Makes a folder inside and gives its path.
    #[track_caller]
    pub fn folder(&self, inside: &str) -> PathBuf {
        let path = self.join(inside);
        std::fs::create_dir_all(&path).expect("a folder in the scratch folder");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(&format!("kept for a look: {}", self.path.display()));
        } else {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
