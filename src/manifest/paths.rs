//! Paths as written into absolute ones, by spelling alone: links and `..` stay what they are.

use std::path::{Path, PathBuf};

/// What paths are relative to.
#[derive(Clone, Copy, Debug)]
pub struct Base<'a> {
    /// The manifest's folder, absolute.
    pub folder: &'a Path,
    /// What `~` stands for.
    pub home: Option<&'a Path>,
}

/// `~` was written, and no home is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoHome;

impl Base<'_> {
    /// The absolute path; `~` is the home, anything relative is below the manifest's folder.
    pub fn absolute(&self, text: &str) -> Result<PathBuf, NoHome> {
        let path = match text.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                self.home.ok_or(NoHome)?.join(rest.trim_start_matches('/'))
            }
            Some(_) | None => self.folder.join(text),
        };
        // Components leave out doubled separators, `.` and a separator at the end, and keep `..`: behind a link it is
        // another folder than spelling says.
        Ok(path.components().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{Base, NoHome};

    #[test]
    fn home_folder_and_absolute() {
        let base = Base { folder: Path::new("/etc/gw"), home: Some(Path::new("/home/o")) };
        for (text, path) in [
            ("~", "/home/o"),
            ("~/", "/home/o"),
            ("~//a/./b/", "/home/o/a/b"),
            ("a/../b", "/etc/gw/a/../b"),
            ("./", "/etc/gw"),
            ("/x//y/", "/x/y"),
            ("a~", "/etc/gw/a~"),
        ] {
            assert_eq!(base.absolute(text), Ok(PathBuf::from(path)), "{text}");
        }
        assert_eq!(Base { home: None, ..base }.absolute("~/a"), Err(NoHome));
    }
}
