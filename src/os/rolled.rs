//! A file of lines that stays bounded while it is written: at its cap it becomes `.1`, and another begins.
//!
//! Knows nothing of what the lines say. Each file has one writer; a second one must not open it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::readers;

/// The file at its path, open or not.
#[derive(Debug)]
pub struct Rolled {
    path: PathBuf,
    cap: u64,
    file: Option<File>,
    size: u64,
    readers: Option<u32>,
}

impl Rolled {
    /// A file that holds at most `cap` bytes; not opened yet.
    pub fn new(path: &Path, cap: u64) -> Self {
        Self { path: path.to_owned(), cap, file: None, size: 0, readers: None }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lets the members of this group read it too.
    pub fn let_read(&mut self, group: Option<u32>) {
        self.readers = group;
        self.file = None;
    }

    /// Opens or makes it, in a folder that is there. One that cannot be opened is tried again with every line.
    pub fn open(&mut self) -> io::Result<()> {
        // One that was removed is read by nobody.
        if self.file.as_ref().is_some_and(|file| !file.metadata().is_ok_and(|meta| meta.nlink() == 0)) {
            return Ok(());
        }
        let (file, size) = open(&self.path)?;
        // Who else may read it is worth no line that is not written.
        let _ = readers::set(&file, self.readers);
        self.size = size;
        self.file = Some(file);
        Ok(())
    }

    /// Adds one line, with its end: all of it or nothing.
    pub fn add(&mut self, line: &[u8]) -> io::Result<()> {
        self.write(line).inspect_err(|_| self.file = None)
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.open()?;
        if self.size > 0 && self.size + line.len() as u64 > self.cap {
            let mut before = OsString::from(&self.path);
            before.push(".1");
            std::fs::rename(&self.path, before)?;
            self.file = None;
            self.open()?;
        }
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::NotFound.into()) };
        // One write for one line; a short one is taken back, so that no reader ever meets half a line.
        let written = file.write(line)?;
        if written < line.len() {
            file.set_len(self.size)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.size += line.len() as u64;
        Ok(())
    }
}

/// Opens for appending; a half line that a killed predecessor left is cut off.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let mut file = OpenOptions::new().append(true).read(true).create(true).mode(0o600).open(path)?;
    let size = file.metadata()?.len();
    let whole = whole_lines(&mut file, size)?;
    if whole < size {
        file.set_len(whole)?;
    }
    Ok((file, whole))
}

/// How many of the first `size` bytes belong to whole lines. A line is far shorter than the window looked at.
fn whole_lines(file: &mut File, size: u64) -> io::Result<u64> {
    const WINDOW: u64 = 256 << 10;
    let start = size.saturating_sub(WINDOW);
    file.seek(SeekFrom::Start(start))?;
    let mut end = Vec::new();
    file.take(WINDOW).read_to_end(&mut end)?;
    Ok(match end.iter().rposition(|byte| *byte == b'\n') {
        Some(at) => start + at as u64 + 1,
        None => start,
    })
}
