//! What environment and files say to the stand-in: where it lives, what its config declares, how it shall break.
//!
//! Reads; writes nothing.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::openclaw::config::declared::Declared;
use crate::openclaw::config::files::{Read, Refusal};
use crate::openclaw::config::problem::{Problem, ProblemCode};
use crate::openclaw::config::{Subject, declared};
use crate::openclaw::ports;

use super::faults::Faults;

/// Longer than any script of faults.
const MOST_SCRIPT: u64 = 1 << 20;

/// Everything given to one run.
pub(super) struct World {
    pub(super) profile: String,
    pub(super) config: PathBuf,
    pub(super) state_dir: PathBuf,
    pub(super) faults: Faults,
    cwd: PathBuf,
    environ: BTreeMap<String, String>,
}

impl World {
    /// Takes all of it from this process.
    pub(super) fn read(profile: Option<String>) -> Result<Self, String> {
        let environ: BTreeMap<String, String> = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .collect();
        let cwd = std::env::current_dir().map_err(|cause| format!("the working folder is gone: {cause}"))?;
        let profile = profile.unwrap_or_else(|| "default".to_owned());
        let path = |name: &str| environ.get(name).filter(|value| !value.is_empty()).map(|value| cwd.join(value));
        let home = path("OPENCLAW_HOME").or_else(|| path("HOME")).unwrap_or_else(|| cwd.clone());
        let folder = if profile == "default" { ".openclaw".to_owned() } else { format!(".openclaw-{profile}") };
        let state_dir = path("OPENCLAW_STATE_DIR").unwrap_or_else(|| home.join(folder));
        let config = path("OPENCLAW_CONFIG_PATH").unwrap_or_else(|| state_dir.join("openclaw.json"));
        let script = match read(&state_dir.join("practice.env"), MOST_SCRIPT) {
            Read::Text { text, .. } => text,
            Read::Lossy { .. } | Read::Missing | Read::Refused { .. } => String::new(),
        };
        let faults = Faults::read(&environ, &script)?;
        Ok(Self { profile, config, state_dir, faults, cwd, environ })
    }

    /// What the config declares, read with OpenClaw's rules for JSON5, `$include`, `${VAR}` and `.env`.
    pub(super) fn declared(&self) -> Declared {
        let subject = Subject {
            config: &self.config,
            state_dir: &self.state_dir,
            cwd: &self.cwd,
            profile: &self.profile,
            environ: &self.environ,
        };
        declared(&subject, &mut read)
    }

    /// Whether a variable is set to `1`.
    pub(super) fn switched_on(&self, name: &str) -> bool {
        self.environ.get(name).is_some_and(|value| value == "1")
    }

    /// The base port: what was asked, else what environment and config say, else the profile's.
    pub(super) fn port(&self, asked: Option<u16>, declared: &Declared) -> u16 {
        let said = || declared.gateway.ports.first().map(|said| said.value);
        asked.or_else(said).unwrap_or_else(|| ports::of_profile(&self.profile))
    }
}

/// What the real gateway would refuse to start with. Values of the right type under unknown keys are not noticed: the
/// stand-in does not know OpenClaw's schema.
pub(super) fn refusals(declared: &Declared) -> impl Iterator<Item = &Problem> {
    declared.problems.iter().filter(|problem| match problem.code {
        ProblemCode::ConfigMissing
        | ProblemCode::ConfigUnreadable
        | ProblemCode::ConfigTooLarge
        | ProblemCode::ConfigEncoding
        | ProblemCode::ConfigSyntax
        | ProblemCode::ConfigTooDeep
        | ProblemCode::ConfigType
        | ProblemCode::ConfigInclude => true,
        ProblemCode::ConfigVariable | ProblemCode::EnvUnreadable | ProblemCode::EnvEncoding => false,
    })
}

/// One file as the config reader wants it; opening a FIFO or a device must not hang.
fn read(path: &Path, most: u64) -> Read {
    let refused = |why| Read::Refused { why, real: std::fs::canonicalize(path).ok() };
    let open = std::fs::File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path);
    let (file, facts) = match open.and_then(|file| file.metadata().map(|facts| (file, facts))) {
        Ok(open) => open,
        Err(cause) => {
            return match cause.kind() {
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Read::Missing,
                std::io::ErrorKind::PermissionDenied => refused(Refusal::Denied),
                _ if cause.raw_os_error() == Some(libc::ELOOP) => refused(Refusal::LinkLoop),
                _ => refused(Refusal::Failed(cause.to_string())),
            };
        }
    };
    if !facts.is_file() {
        return refused(if facts.is_dir() { Refusal::Directory } else { Refusal::Special });
    }
    let mut bytes = Vec::new();
    if let Err(cause) = file.take(most + 1).read_to_end(&mut bytes) {
        return refused(Refusal::Failed(cause.to_string()));
    }
    if bytes.len() as u64 > most {
        return refused(Refusal::TooLarge);
    }
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match String::from_utf8(bytes) {
        Ok(text) => Read::Text { text, real, links: facts.nlink() },
        Err(broken) => Read::Lossy {
            text: String::from_utf8_lossy(broken.as_bytes()).into_owned(),
            good: broken.utf8_error().valid_up_to(),
            real,
        },
    }
}
