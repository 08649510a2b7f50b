//! What a gateway was started from, as files on disk, to see when they are exchanged underneath it.
//!
//! Looks at attributes only, when somebody looks at the plane anyway; it reads no content and has no timer.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::plane::{Launch, Sealed};

/// What names one state of a file: device, inode, size, and when it was last written.
type Identity = (u64, u64, u64, i64, i64);

/// The files that stand for an installation, as they were at the spawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    files: Vec<(PathBuf, Identity)>,
}

impl Origin {
    /// Of a plane that is about to be spawned: its program, the package that it lies in, the `node` beside it, and the record
    /// of a release that gateward keeps. What is not there stands for nothing.
    pub fn of(sealed: &Sealed) -> Self {
        let program = PathBuf::from(sealed.argv.first().map_or("", String::as_str));
        let real = program.canonicalize().unwrap_or_else(|_| program.clone());
        let package = real.ancestors().skip(1).map(|folder| folder.join("package.json")).find(|file| file.is_file());
        let beside = program.parent().map(|folder| folder.join("node"));
        let record = match &sealed.plane.launch {
            // Programs are in `node_modules/.bin`.
            Launch::Runtime { .. } => program.ancestors().nth(3).map(|root| root.join("gateward-runtime.json")),
            Launch::OnPath | Launch::Practice | Launch::Command(_) => None,
        };
        let files = [Some(program), package, beside, record].into_iter().flatten();
        Self { files: files.filter_map(|file| Some((identity(&file)?, file))).map(|(id, file)| (file, id)).collect() }
    }

    /// The first of them that is no longer what it was.
    pub fn changed(&self) -> Option<&Path> {
        self.files.iter().find(|(file, then)| identity(file) != Some(*then)).map(|(file, _)| file.as_path())
    }
}

/// The program that a spawn of it would execute, if it is not there now. A bare name is left to the launch.
pub fn missing_program(sealed: &Sealed) -> Option<PathBuf> {
    let program = Path::new(sealed.argv.first()?);
    let file = sealed.plane.cwd.join(program);
    let is_path = program.components().count() > 1;
    let is_missing = || matches!(fs::metadata(&file), Err(error) if error.kind() == io::ErrorKind::NotFound);
    (is_path && is_missing()).then_some(file)
}

/// How what a plane is started from comes back.
pub fn remedy(launch: &Launch) -> String {
    match launch {
        Launch::Runtime { version, .. } => format!("`gateward runtime install {version}`"),
        Launch::OnPath => "install OpenClaw there again, or name a release in `runtime`".to_owned(),
        Launch::Practice => "put it back".to_owned(),
        Launch::Command(_) => "put it back, or name another program in `command`".to_owned(),
    }
}

fn identity(file: &Path) -> Option<Identity> {
    let facts = fs::metadata(file).ok()?;
    Some((facts.dev(), facts.ino(), facts.size(), facts.mtime(), facts.mtime_nsec()))
}
