//! From a resolved plane to a sealed one: the program found, the environment made, the definition hashed.
//!
//! Looks programs up; starts nothing and writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use crate::manifest::given::Whose;
use crate::openclaw::environment::{self, Host};
use crate::plane::{Launch, Plane, Sealed, Supervisor};
use crate::runtime::Runtimes;

/// Why a plane cannot be given to a keeper: its program is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealError {
    /// What and why.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SealError {}

/// The environment that planes get theirs from, when somebody said which.
static SUPERVISORS: OnceLock<BTreeMap<String, String>> = OnceLock::new();

/// The supervisor's own environment, as far as it is text: of the one that this process is, or [speaks for](speak_for); else
/// this process's own stands in for it.
pub fn own_environ() -> BTreeMap<String, String> {
    SUPERVISORS.get().cloned().unwrap_or_else(process_environ)
}

/// This process's environment, as far as it is text.
#[allow(clippy::disallowed_methods, reason = "this room owns the supervisor's environment; only named parts go on")]
pub fn process_environ() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// From now on this process goes by the environment of a supervisor: its own, when it is one, or that of the one which runs.
/// Said once, before anything rests on it.
pub fn speak_for(environ: BTreeMap<String, String>) {
    // A second word would be the same one.
    let _ = SUPERVISORS.set(environ);
}

/// Whose environment [`own_environ`] is.
pub fn whose() -> Whose {
    if SUPERVISORS.get().is_some() { Whose::Supervisor } else { Whose::Asker }
}

/// What decides beside the variables that planes are given: where folders are, and what `~` is.
const OF_FOLDERS: [&str; 6] =
    ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "GATEWARD_RUNTIMES_DIR"];

/// What of a supervisor's environment has a meaning for planes which are passed these names.
pub fn given_of(own: &BTreeMap<String, String>, names: &BTreeSet<String>) -> BTreeMap<String, String> {
    let is_given = |name: &str| names.contains(name) || environment::is_taken_over(name) || OF_FOLDERS.contains(&name);
    own.iter().filter(|(name, _)| is_given(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Seals `plane` with the supervisor's environment `own`.
pub fn seal(
    plane: &Plane,
    supervisor: &Supervisor,
    supervisor_id: &str,
    own: &BTreeMap<String, String>,
) -> Result<Sealed, SealError> {
    let (program, bin) = program(plane, own)?;
    let host = Host { environ: own.clone(), program: program.clone(), bin };
    Ok(Sealed {
        argv: environment::argv(plane, &program),
        environ: environment::environ(plane, supervisor, &host),
        supervisor_id: supervisor_id.to_owned(),
        supervisor: supervisor.clone(),
        definition: definition(plane),
        umask: crate::os::process::own_umask(),
        plane: plane.clone(),
    })
}

/// SHA-256 over the resolved plane; the host's own PATH, language and the like are no part of a definition.
pub fn definition(plane: &Plane) -> String {
    let text = serde_json::to_vec(plane).unwrap_or_default();
    Sha256::digest(&text).iter().fold(String::with_capacity(64), |mut hex, byte| {
        hex.push_str(&format!("{byte:02x}"));
        hex
    })
}

/// How to come by an OpenClaw: by one that is here, else by installing one.
fn installed_or_to_be(own: &BTreeMap<String, String>) -> String {
    match Runtimes::in_environ(own).installed().last() {
        Some(there) => format!(
            "OpenClaw {0} is installed here: write `[runtimes.stable]` with `version = \"{0}\"`, and `runtime = \"stable\"` for the plane",
            there.record.version
        ),
        None => format!(
            "install one with `gateward runtime install {}` and name it in [runtimes], or set `command`",
            crate::runtime::PINNED
        ),
    }
}

/// The plane's program as a supervisor with this environment would find it.
pub fn program_of(plane: &Plane, own: &BTreeMap<String, String>) -> Result<PathBuf, SealError> {
    program(plane, own).map(|(program, _)| program)
}

/// The plane's program, absolute, and the folder to put first on its PATH.
pub(super) fn program(plane: &Plane, own: &BTreeMap<String, String>) -> Result<(PathBuf, Option<PathBuf>), SealError> {
    let path = plane.environment.get("PATH").or_else(|| own.get("PATH")).map_or("", String::as_str);
    match &plane.launch {
        Launch::OnPath => match on_path("openclaw", path) {
            Some(program) => Ok((program, None)),
            None => Err(SealError {
                message: format!("`openclaw` of plane {} is not on PATH ({path})", plane.name),
                hint: installed_or_to_be(own),
            }),
        },
        Launch::Runtime { name, version } => match Runtimes::in_environ(own).bin(version) {
            Some(bin) => Ok((bin.join("openclaw"), Some(bin))),
            None => Err(SealError {
                message: format!("runtime `{name}` of plane {}, OpenClaw {version}, is not installed", plane.name),
                hint: format!("run `gateward runtime install {version}`"),
            }),
        },
        Launch::Practice => own_program().map(|program| (program, None)),
        Launch::Command(words) => {
            let word = words.first().map_or("", String::as_str);
            let path = if word.contains('/') { Looked::At(plane.cwd.join(word)) } else { Looked::On(path) };
            let found = match &path {
                Looked::At(program) => executable(program),
                Looked::On(folders) => on_path(word, folders),
            };
            found.map(|program| (program, None)).ok_or_else(|| SealError {
                message: format!("the program `{word}` of plane {} {}", plane.name, path.in_vain()),
                hint: "`command` starts with the absolute path of a program, or with a name that is on PATH".into(),
            })
        }
    }
}

/// Where a program was looked for.
enum Looked<'a> {
    /// At this path.
    At(PathBuf),
    /// In the folders of this PATH.
    On(&'a str),
}

impl Looked<'_> {
    /// What came of it, where it was in vain.
    fn in_vain(&self) -> String {
        match self {
            Self::On(path) => format!("is in no folder of PATH ({path})"),
            Self::At(program) => {
                let program_is = match std::fs::metadata(program) {
                    Ok(meta) if meta.is_dir() => "is a folder",
                    Ok(_) => "is there, and may not be executed (no x in its mode)",
                    Err(error) if error.kind() == io::ErrorKind::PermissionDenied => "cannot be looked at",
                    Err(_) => "is not there",
                };
                format!("was looked for at {}, which {program_is}", program.display())
            }
        }
    }
}

fn own_program() -> Result<PathBuf, SealError> {
    std::env::current_exe().map_err(|error| SealError {
        message: format!("our own program cannot be found: {error}"),
        hint: "start gateward by its absolute path".into(),
    })
}

fn on_path(name: &str, path: &str) -> Option<PathBuf> {
    path.split(':')
        .filter(|folder| folder.starts_with('/'))
        .find_map(|folder| executable(&Path::new(folder).join(name)))
}

fn executable(path: &Path) -> Option<PathBuf> {
    let meta = std::fs::metadata(path).ok()?;
    (meta.is_file() && meta.permissions().mode() & 0o111 != 0).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::testing;

    #[test]
    fn a_definition_changes_with_the_plane_and_with_nothing_else() {
        let (plane, _) = testing::plane("main", 21_000);
        let mut other = plane.clone();
        assert_eq!(definition(&plane), definition(&other));
        other.environment.insert("TZ".into(), "UTC".into());
        assert_ne!(definition(&plane), definition(&other));
        assert_eq!(definition(&plane).len(), 64);
    }

    #[test]
    fn a_missing_program_says_what_to_do() {
        let (plane, supervisor) = testing::plane("main", 21_000);
        let none = tempfile::tempdir().expect("a folder").path().display().to_string();
        let own =
            BTreeMap::from([("PATH".to_owned(), "/nowhere".to_owned()), ("GATEWARD_RUNTIMES_DIR".to_owned(), none)]);
        let error = seal(&plane, &supervisor, "id", &own).expect_err("no openclaw there");
        assert!(error.message.contains("not on PATH (/nowhere)"), "{error}");
        assert!(error.hint.contains("gateward runtime install"), "{}", error.hint);
    }
}
