//! An installation, from nothing to a whole release or back to nothing. Leaves no half of one under a release's name.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};

use super::lock::Lock;
use super::npm::{self, Kind, NpmFailure, Outcome};
use super::progress::{News, Phase};
use super::record::{PackageLock, Record};
use super::verify::{self, Unfit};
use super::{Installed, Runtimes, bin_of, is_version};

/// Folders that begin so are never a release; the next installer removes them.
pub(super) const PARTIAL: &str = ".partial-";

/// The Node that OpenClaw wants, as npm writes a range.
const NODE: &str = "24";

/// Free bytes without which an installation is not begun.
const ROOM: u64 = 1200 << 20;

/// Why there is no release.
#[derive(Debug)]
pub enum InstallError {
    /// Not one release as npm numbers them.
    BadVersion(String),
    /// npm is not on PATH.
    NoNpm {
        /// The PATH that was searched.
        searched: OsString,
    },
    /// npm has no Node for this kind of machine.
    NoNode {
        /// `linux-riscv64` or alike.
        platform: String,
    },
    /// Too little room.
    NoSpace {
        /// The folder of all releases.
        root: PathBuf,
        /// Bytes that are free there.
        free: u64,
    },
    /// npm failed.
    Npm(NpmFailure),
    /// npm was content, the result is not.
    Unfit {
        /// The release asked for.
        version: String,
        /// What is wrong with it.
        source: Unfit,
    },
    /// A file or folder of ours could not be made, written or moved.
    File {
        /// What was being done, as in `cannot …`.
        doing: &'static str,
        /// To which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// We were told to stop; nothing is left of the attempt.
    Cancelled,
}

impl InstallError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::BadVersion(_) => {
                format!("give one release, such as {}; `npm view openclaw versions` lists them", super::PINNED)
            }
            Self::NoNpm { .. } => {
                "install Node.js with npm (any release that is still supported), or let the plane use \
                                   `runtime = \"path\"` or `runtime = \"practice\"`"
                    .to_owned()
            }
            Self::NoNode { .. } => {
                "install Node 24 and openclaw yourself and use `runtime = \"path\"` in the manifest".to_owned()
            }
            Self::NoSpace { .. } => {
                "make room, or set GATEWARD_RUNTIMES_DIR to a folder on a larger file system".to_owned()
            }
            Self::Npm(failure) => npm_hint(failure),
            Self::Unfit { .. } => {
                "try again; if it stays so, run the two programs from a folder of your own to see why".to_owned()
            }
            Self::File { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "run it as a user who may write there, or set GATEWARD_RUNTIMES_DIR to a folder of yours".to_owned()
            }
            Self::File { .. } => "mend that, or set GATEWARD_RUNTIMES_DIR to another folder".to_owned(),
            Self::Cancelled => "run it again to start afresh".to_owned(),
        }
    }
}

fn npm_hint(failure: &NpmFailure) -> String {
    let advice = match failure.kind {
        Kind::Offline => "check the network and npm's proxy settings (`npm ping`)",
        Kind::Unknown => "`npm view openclaw versions` lists the releases",
        Kind::Denied => "check npm's login and registry (`npm config get registry`)",
        Kind::NoSpace => "make room there and in npm's cache (`npm config get cache`)",
        Kind::Permission => "check who owns npm's cache (`npm config get cache`)",
        Kind::Certificate => "give npm the certificate of your proxy (`npm config set cafile …`)",
        Kind::Broken => "`npm --version` must work in this shell",
        Kind::Other => "mend what npm names",
    };
    format!("{advice}; all of its output is in {}", failure.log.display())
}

impl fmt::Display for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadVersion(text) => write!(f, "`{}` is not a release of OpenClaw", text.escape_debug()),
            Self::NoNpm { searched } => write!(f, "there is no npm on PATH ({})", searched.display()),
            Self::NoNode { platform } => write!(f, "npm has no Node for {platform}"),
            Self::NoSpace { root, free } => write!(
                f,
                "{} has {} MiB free, and a release needs {} MiB while it is installed",
                root.display(),
                free >> 20,
                ROOM >> 20
            ),
            Self::Npm(failure) => failure.fmt(f),
            Self::Unfit { version, source } => write!(f, "OpenClaw {version} is not usable here: {source}"),
            Self::File { doing, path, .. } => write!(f, "cannot {doing} {}", path.display()),
            Self::Cancelled => f.write_str("the installation was interrupted; nothing is left of it"),
        }
    }
}

impl std::error::Error for InstallError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unfit { source, .. } => std::error::Error::source(source),
            Self::File { source, .. } => Some(source),
            Self::BadVersion(_)
            | Self::NoNpm { .. }
            | Self::NoNode { .. }
            | Self::NoSpace { .. }
            | Self::Npm(_)
            | Self::Cancelled => None,
        }
    }
}

impl Runtimes {
    /// The release of that version, installed now if it is not here.
    ///
    /// When `cancel` ends first, npm is ended and what it made is removed. Must be polled on a tokio runtime.
    pub async fn ensure(
        &self,
        version: &str,
        tell: &mut dyn FnMut(News),
        cancel: impl Future<Output = ()>,
    ) -> Result<Installed, InstallError> {
        if !is_version(version) {
            return Err(InstallError::BadVersion(version.to_owned()));
        }
        if let Some(installed) = self.get(version) {
            return Ok(installed);
        }
        let search = std::env::var_os("PATH").unwrap_or_default();
        let npm = npm::find(&search).ok_or_else(|| InstallError::NoNpm { searched: search.clone() })?;
        let platform = platform()?;
        let root = self.root();
        fs::create_dir_all(root).map_err(file("make the folder", root))?;
        let mut cancel = pin!(cancel);
        let lock = tokio::select! {
            lock = Lock::take(root, || tell(News::Waiting)) => lock.map_err(file("lock the folder", root))?,
            () = cancel.as_mut() => return Err(InstallError::Cancelled),
        };
        if let Some(installed) = self.get(version) {
            return Ok(installed);
        }
        remove_partials(root)?;
        let free = free_bytes(root).map_err(file("ask for the free space of", root))?;
        if free < ROOM {
            return Err(InstallError::NoSpace { root: root.to_owned(), free });
        }
        let partial = Partial::make(root)?;
        let log = root.join(format!("install-{version}.log"));
        let _ = fs::remove_file(&log);
        let attempt = Attempt { version, npm, search, platform, lock: &lock, partial: &partial.path, log: &log };
        attempt.fetch(tell, cancel.as_mut()).await?;
        tokio::select! {
            proved = attempt.prove(tell) => proved?,
            () = cancel.as_mut() => return Err(InstallError::Cancelled),
        }
        partial.move_into(&root.join(version))?;
        let _ = fs::remove_file(&log);
        tell(News::Done);
        self.get(version).ok_or_else(|| {
            file("read back", &root.join(version))(io::Error::other("it was changed while it was installed"))
        })
    }
}

struct Attempt<'a> {
    version: &'a str,
    npm: PathBuf,
    search: OsString,
    platform: String,
    lock: &'a Lock,
    partial: &'a Path,
    log: &'a Path,
}

impl Attempt<'_> {
    /// Node first: OpenClaw refuses an older one even while it is installed, and npm itself then runs on it.
    async fn fetch<C: Future<Output = ()>>(
        &self,
        tell: &mut dyn FnMut(News),
        mut cancel: Pin<&mut C>,
    ) -> Result<(), InstallError> {
        let bin = bin_of(self.partial);
        let node_first = std::env::join_paths(std::iter::once(bin.clone()).chain(std::env::split_paths(&self.search)))
            .map_err(|error| file("put on PATH", &bin)(io::Error::other(error)))?;
        // The package of the platform itself: it carries the program, where `node` only has a script that fetches it.
        let steps = [
            (Phase::Node, format!("node-{}@{NODE}", self.platform), self.search.clone()),
            (Phase::OpenClaw, format!("openclaw@{}", self.version), node_first),
        ];
        for (phase, package, search) in steps {
            tell(News::Began(phase));
            let input = self.lock.duplicate().map_err(file("lock the folder", self.partial))?;
            let job =
                npm::Job { npm: &self.npm, package: &package, folder: self.partial, search, input, log: self.log };
            match npm::run(job, cancel.as_mut(), tell).await.map_err(file("run", &self.npm))? {
                Outcome::Done => {}
                Outcome::Failed(failure) => return Err(InstallError::Npm(failure)),
                Outcome::Cancelled => return Err(InstallError::Cancelled),
            }
        }
        Ok(())
    }

    /// The record is written last, after everything that it vouches for is on the disk.
    async fn prove(&self, tell: &mut dyn FnMut(News)) -> Result<(), InstallError> {
        tell(News::Began(Phase::Verify));
        let node = verify::prove(self.partial, self.version)
            .await
            .map_err(|source| InstallError::Unfit { version: self.version.to_owned(), source })?;
        tell(News::Began(Phase::Seal));
        let bytes = bytes_under(self.partial).map_err(file("measure", self.partial))?;
        let folder = File::open(self.partial).map_err(file("open", self.partial))?;
        rustix::fs::syncfs(&folder).map_err(|error| file("write out", self.partial)(error.into()))?;
        let packages = PackageLock::read(self.partial);
        Record::new(self.version, node, self.platform.clone(), &packages, bytes)
            .write(self.partial)
            .map_err(file("write the record in", self.partial))
    }
}

/// A folder that is removed again unless it was moved into place.
struct Partial {
    path: PathBuf,
}

impl Partial {
    fn make(root: &Path) -> Result<Self, InstallError> {
        let path = unused(root);
        fs::create_dir(&path).map_err(file("make the folder", &path))?;
        let made = Self { path };
        // Without a package.json of its own npm would look for one in the folders above.
        let package = made.path.join("package.json");
        fs::write(&package, "{ \"private\": true }\n").map_err(file("write", &package))?;
        Ok(made)
    }

    fn move_into(self, place: &Path) -> Result<(), InstallError> {
        let root = place.parent().unwrap_or(place);
        if fs::symlink_metadata(place).is_ok() {
            // Not a whole release, or `ensure` would have taken it.
            let aside = unused(root);
            fs::rename(place, &aside).map_err(file("move aside", place))?;
            let _ = fs::remove_dir_all(&aside);
        }
        fs::rename(&self.path, place).map_err(file("move the release to", place))?;
        File::open(root).and_then(|folder| folder.sync_all()).map_err(file("write out", root))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After the move there is nothing by this name; what cannot be removed now is the next installer's.
        let _ = fs::remove_dir_all(&self.path);
    }
}

pub(super) fn unused(root: &Path) -> PathBuf {
    root.join(format!("{PARTIAL}{:016x}", fastrand::u64(..)))
}

/// What killed installers left; only under the lock.
pub(super) fn remove_partials(root: &Path) -> Result<(), InstallError> {
    let entries = fs::read_dir(root).map_err(file("read the folder", root))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
            fs::remove_dir_all(entry.path())
                .map_err(file("remove the remains of an installation in", &entry.path()))?;
        }
    }
    Ok(())
}

fn platform() -> Result<String, InstallError> {
    let (os, processor) = (std::env::consts::OS, std::env::consts::ARCH);
    match (os, processor) {
        ("linux", "x86_64") => Ok("linux-x64".to_owned()),
        ("linux", "aarch64") => Ok("linux-arm64".to_owned()),
        _ => Err(InstallError::NoNode { platform: format!("{os}-{processor}") }),
    }
}

fn free_bytes(root: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(root)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

fn bytes_under(folder: &Path) -> io::Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let found = entry.metadata()?;
        total += found.blocks() * 512;
        if found.is_dir() {
            total += bytes_under(&entry.path())?;
        }
    }
    Ok(total)
}

fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> InstallError {
    let path = path.to_owned();
    move |source| InstallError::File { doing, path, source }
}
