//! The current file, and the rotated ones beside it: `gateway.log`, `.1` the newest, and so on. How many there were is beside them.
//!
//! Takes complete lines and keeps them complete: what a write left of a line is taken back. Knows nothing of streams, stamps
//! or threads, and tries again whenever it is called: pacing is the caller's.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::lines::fitting;
use super::loss::{Step, Trouble};
use crate::os::{ordinal, readers};

/// A write that came to nothing, or not to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stopped {
    /// How many bytes of complete lines are in the file all the same.
    pub kept: usize,
    /// Why.
    pub trouble: Trouble,
}

/// The file that is written now.
#[derive(Debug)]
struct Current {
    file: File,
    device: u64,
    inode: u64,
    /// The end of its last complete line.
    complete: u64,
    /// Bytes of a line that is not complete yet.
    begun: u64,
    /// The size at which it is rotated.
    most: u64,
}

/// The place of the log.
#[derive(Debug)]
pub(super) struct Sink {
    path: PathBuf,
    most: u64,
    keep: u32,
    current: Option<Current>,
    /// How many files there were, to the current one.
    number: u64,
    /// A trouble that lost nothing: the file could not be rotated.
    pub(super) grows: Option<Trouble>,
}

impl Sink {
    /// The log at `path`; opened by the first write.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, most: u64::MAX, keep: 0, current: None, number: 0, grows: None }
    }

    /// Rotates at `most` bytes and keeps `keep` rotated files from now on.
    pub(super) fn adopt(&mut self, most: u64, keep: u32) {
        (self.most, self.keep) = (most, keep);
        if let Some(current) = &mut self.current {
            current.most = most;
        }
    }

    /// Appends complete lines.
    pub(super) fn lines(&mut self, lines: &[u8]) -> Result<(), Stopped> {
        let mut kept = 0;
        let stopped = |kept| move |trouble| Stopped { kept, trouble };
        self.look().map_err(stopped(kept))?;
        while kept < lines.len() {
            let current = self.open().map_err(stopped(kept))?;
            let rest = &lines[kept..];
            let fit = fitting(current.complete, current.most, rest);
            if fit == 0 {
                self.rotate();
                continue;
            }
            match current.append(&rest[..fit]) {
                Ok(()) => kept += fit,
                // The host limits the size of files below ours.
                Err((more, cause)) if cause.raw_os_error() == Some(libc::EFBIG) && current.complete > 0 => {
                    kept += more;
                    self.rotate();
                }
                Err((more, cause)) => return Err(stopped(kept + more)(Trouble::new(Step::Write, &cause))),
            }
        }
        Ok(())
    }

    /// Begins a line that will go on with [`Self::more`]; it is kept within one file.
    pub(super) fn begin(&mut self, part: &[u8]) -> Result<(), Trouble> {
        self.look()?;
        let current = self.open()?;
        if current.complete > 0 && current.complete + part.len() as u64 > current.most {
            self.rotate();
        }
        self.more(part)
    }

    /// Goes on with the line that was begun, to its end when `part` ends with a newline. After a failure nothing of the line is
    /// in the file.
    pub(super) fn more(&mut self, part: &[u8]) -> Result<(), Trouble> {
        self.open()?.extend(part).map_err(|cause| Trouble::new(Step::Write, &cause))
    }

    /// Sees whether the file at our path is still the one that we write, and lets go of it when not.
    fn look(&mut self) -> Result<(), Trouble> {
        let Some(current) = &self.current else { return self.open().map(drop) };
        let is_ours = std::fs::metadata(&self.path)
            .is_ok_and(|found| (found.dev(), found.ino()) == (current.device, current.inode));
        if is_ours {
            return Ok(());
        }
        let left = self.current.take();
        match (self.open().map(drop), left) {
            // The path is gone and cannot be made again, but our file still has a name: it only was moved.
            (Err(_), Some(left)) if left.file.metadata().is_ok_and(|found| found.nlink() > 0) => {
                self.current = Some(left);
                Ok(())
            }
            (outcome, _) => outcome,
        }
    }

    fn open(&mut self) -> Result<&mut Current, Trouble> {
        let current = match self.current.take() {
            Some(current) => current,
            None => {
                let current = open(&self.path, self.most)?;
                let id = (current.device, current.inode);
                self.number = match self.number {
                    0 => ordinal::resume(&self.path, id),
                    before => ordinal::next(&self.path, id, before),
                };
                current
            }
        };
        Ok(self.current.insert(current))
    }

    /// Renames the files one number up, the current one to `.1`; the one past `keep` is removed. Killed half-way, it leaves a gap
    /// in the numbers and every file. When it fails, the present file is written on for as much again.
    fn rotate(&mut self) {
        match shift(&self.path, self.keep) {
            Ok(()) => {
                self.current = None;
                self.grows = None;
            }
            Err(cause) => {
                self.grows = Some(Trouble::new(Step::Rotate, &cause));
                if let Some(current) = &mut self.current {
                    current.most = current.complete.saturating_add(self.most.max(1));
                }
            }
        }
    }
}

impl Current {
    /// Appends lines; when that stops half-way: how many bytes of complete lines are in the file.
    fn append(&mut self, lines: &[u8]) -> Result<(), (usize, io::Error)> {
        let (done, outcome) = write_all(&mut self.file, lines);
        let Err(cause) = outcome else {
            self.complete += done as u64;
            return Ok(());
        };
        let kept = memchr::memrchr(b'\n', &lines[..done]).map_or(0, |last| last + 1);
        self.complete += kept as u64;
        self.begun = (done - kept) as u64;
        self.take_back();
        Err((kept, cause))
    }

    fn extend(&mut self, part: &[u8]) -> Result<(), io::Error> {
        let (done, outcome) = write_all(&mut self.file, part);
        self.begun += done as u64;
        if outcome.is_err() {
            self.take_back();
        } else if part.ends_with(b"\n") {
            self.complete += std::mem::take(&mut self.begun);
        }
        outcome
    }

    /// Takes an incomplete line out of the file, or, where that cannot be done, ends it with a newline.
    fn take_back(&mut self) {
        let begun = std::mem::take(&mut self.begun);
        if begun == 0 {
            return;
        }
        // Someone else may have shortened the file: cutting it to a larger size would fill it with zeros.
        let is_longer = self.file.metadata().is_ok_and(|found| found.len() >= self.complete + begun);
        if is_longer && self.file.set_len(self.complete).is_ok() {
            return;
        }
        let (done, _) = write_all(&mut self.file, b"\n");
        self.complete += begun + done as u64;
    }
}

/// Opens or makes the log, and ends a line that a predecessor left incomplete.
fn open(path: &Path, most: u64) -> Result<Current, Trouble> {
    let options = || OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path);
    let opened = match options() {
        Err(cause) if cause.kind() == ErrorKind::NotFound => {
            let folder = path.parent().unwrap_or(path);
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(|cause| Trouble::new(Step::Folder, &cause))?;
            options()
        }
        other => other,
    };
    let failed = |cause: io::Error| Trouble::new(Step::Open, &cause);
    let mut file = opened.map_err(failed)?;
    if let Some(folder) = path.parent() {
        // Who else may read it is worth no line that is not written.
        let _ = readers::of_folder(folder).and_then(|group| readers::set(&file, group));
    }
    let found = file.metadata().map_err(failed)?;
    let mut complete = found.len();
    let mut last = [b'\n'];
    if complete > 0 && file.read_at(&mut last, complete - 1).is_ok() && last != [b'\n'] {
        let (done, outcome) = write_all(&mut file, b"\n");
        outcome.map_err(|cause| Trouble::new(Step::Write, &cause))?;
        complete += done as u64;
    }
    Ok(Current { device: found.dev(), inode: found.ino(), file, complete, begun: 0, most })
}

/// Writes all of it; says how much was taken before it failed.
fn write_all(file: &mut File, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut done = 0;
    while done < bytes.len() {
        match file.write(&bytes[done..]) {
            Ok(0) => return (done, Err(ErrorKind::WriteZero.into())),
            Ok(more) => done += more,
            Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
            Err(cause) => return (done, Err(cause)),
        }
    }
    (done, Ok(()))
}

/// Moves every file one number up and removes those past `keep`.
fn shift(path: &Path, keep: u32) -> io::Result<()> {
    let mut number = keep;
    // Files past `keep` are there when it was lowered.
    while !missing(std::fs::remove_file(numbered(path, number)))? && number < u32::MAX {
        number += 1;
    }
    if keep == 0 {
        return Ok(());
    }
    let free = (1..keep).find(|number| !numbered(path, *number).exists()).unwrap_or(keep);
    for number in (0..free).rev() {
        missing(std::fs::rename(numbered(path, number), numbered(path, number + 1)))?;
    }
    Ok(())
}

/// Whether there was nothing to be renamed or removed, which is as good.
fn missing(outcome: io::Result<()>) -> io::Result<bool> {
    match outcome {
        Ok(()) => Ok(false),
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(true),
        Err(cause) => Err(cause),
    }
}

/// The name of rotated file `number`; 0 is the current one.
fn numbered(path: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}
