//! The folders of modules that a gateway loads one by one while it lives, watched for changes underneath it.
//!
//! The kernel notes changes until somebody looks at the plane anyway: nothing here wakes up, and no content is read. Where the
//! kernel gives no watch, a change in these folders is not seen.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};

use crate::plane::{Launch, Sealed};

/// More folders than any release of OpenClaw has.
const MOST: usize = 4096;

/// What a change to the modules is.
const CHANGES: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// The watch of one incarnation's modules.
#[derive(Debug, Default)]
pub struct Modules {
    watch: Option<OwnedFd>,
    folders: BTreeMap<i32, PathBuf>,
    changed: Option<PathBuf>,
}

impl Modules {
    /// Those of a plane that was just spawned: everything below `dist` of its package, and the folder in which a release that
    /// gateward keeps has its packages. Another command's folders are its own affair.
    pub fn of(sealed: &Sealed) -> Self {
        let Some(roots) = roots(sealed) else { return Self::default() };
        Self::watch(&roots).unwrap_or_else(|error| {
            tracing::warn!(%error, "the plane's modules cannot be watched; a change in them is not seen");
            Self::default()
        })
    }

    fn watch(roots: &Roots) -> io::Result<Self> {
        let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let mut folders = BTreeMap::new();
        for folder in &roots.alone {
            folders.insert(inotify::add_watch(&watch, folder, CHANGES)?, folder.clone());
        }
        let mut ahead = roots.whole.clone();
        while let Some(folder) = ahead.pop().filter(|_| folders.len() < MOST) {
            // Watched before it is read, so that nothing appears in between.
            let Ok(number) = inotify::add_watch(&watch, &folder, CHANGES) else { continue };
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
            ahead.extend(entries.flatten().filter(is_folder).map(|entry| entry.path()));
            folders.insert(number, folder);
        }
        Ok(Self { watch: Some(watch), folders, changed: None })
    }

    /// What has changed first, as far as it is still there; else the folder that it was in.
    pub fn changed(&mut self) -> Option<&Path> {
        if self.changed.is_none() {
            self.changed = self.heard();
        }
        self.changed.as_deref()
    }

    fn heard(&self) -> Option<PathBuf> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = Reader::new(self.watch.as_ref()?, &mut buffer);
        let mut first = None;
        // To its end: what is known needs no further notes.
        while let Ok(event) = events.next() {
            let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()).to_owned());
            // Caches and what npm has in hand are hidden, and no modules.
            let is_hidden = name.as_ref().is_some_and(|name| name.as_bytes().starts_with(b"."));
            let is_told = event.events().contains(ReadFlags::IGNORED) || is_hidden;
            if first.is_some() || is_told {
                continue;
            }
            let Some(folder) = self.folders.get(&event.wd()) else {
                // More happened than the kernel notes.
                first = self.folders.values().next().cloned();
                continue;
            };
            let inside = name.map(|name| folder.join(name)).filter(|file| file.exists());
            first = Some(inside.unwrap_or_else(|| folder.clone()));
        }
        first
    }
}

/// The folders to be watched.
struct Roots {
    /// With all that is below them.
    whole: Vec<PathBuf>,
    /// By themselves.
    alone: Vec<PathBuf>,
}

fn roots(sealed: &Sealed) -> Option<Roots> {
    let program = Path::new(sealed.argv.first()?);
    let packages = match &sealed.plane.launch {
        // Programs are in `node_modules/.bin`.
        Launch::Runtime { .. } => program.ancestors().nth(2).map(Path::to_path_buf),
        Launch::OnPath => None,
        Launch::Practice | Launch::Command(_) => return None,
    };
    let real = program.canonicalize().ok()?;
    let package = real.ancestors().skip(1).find(|folder| folder.join("package.json").is_file())?;
    let modules = package.join("dist");
    let whole = if modules.is_dir() { vec![modules] } else { Vec::new() };
    Some(Roots { whole, alone: packages.into_iter().collect() })
}
