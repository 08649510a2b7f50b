//! Lets the members of `socket_group` read a plane's log and journal, as they may steer it; and nobody once there is none.
//!
//! Opens no other file: what a keeper keeps beside them stays its own.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::os::readers;
use crate::rundir::PlaneDir;
use crate::socket::Access;

/// Sets the rights of the plane's folders and of the files that are there; one that cannot be set is told and left.
pub fn set(folder: &PlaneDir, access: Access) {
    let done = match access.group() {
        Some(gid) => open(folder, gid),
        // The gate is enough: nothing behind it can be reached.
        None => readers::close_folder(folder.root()),
    };
    if let Err(error) = done {
        tracing::warn!(%error, folder = %folder.root().display(), "members of socket_group may not be able to read its log");
    }
}

fn open(folder: &PlaneDir, gid: u32) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder.logs())?;
    let planes = folder.root().parent().unwrap_or(folder.root());
    for folder in [planes, folder.root(), &folder.logs()] {
        readers::open_folder(folder, gid)?;
    }
    for file in entries(&folder.logs())?.into_iter().chain(journals(folder)?) {
        readers::set(&File::open(file)?, Some(gid))?;
    }
    Ok(())
}

fn journals(folder: &PlaneDir) -> io::Result<Vec<PathBuf>> {
    let journal = folder.journal();
    let name = journal.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_one = |path: &PathBuf| path.file_name().is_some_and(|found| found.to_string_lossy().starts_with(&name));
    Ok(entries(folder.root())?.into_iter().filter(is_one).collect())
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}
