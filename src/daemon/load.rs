//! From a file on disk to planes: finds the manifest, reads it whatever it turns out to be, and looks up what it names.
//!
//! Decides nothing about planes: reading and resolving are `manifest`'s, and a mistake is handed back, never printed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::collision::finding::{Finding, Severity};
use crate::collision::masking;
use crate::daemon::load_file::{self, Fault, Slurped};
use crate::daemon::load_whose;
use crate::daemon::seal;
use crate::manifest::error::{Code, Mistake};
use crate::manifest::given::{EnvFile, Given, NoText, Rank};
use crate::manifest::{self, Written, resolve};
use crate::os::accounts;
use crate::plane::{Account, Planes, Supervisor, hidden};

/// The variable that names the manifest; every plane has it, so that it finds its supervisor.
const VARIABLE: &str = crate::openclaw::environment::MANIFEST;

/// The manifest of the current folder.
const HERE: &str = "supervisor.toml";

/// A manifest that holds.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The planes, resolved.
    pub planes: Planes,
    /// What diagnostics may quote: the manifest, with stars for the values of environment variables.
    pub source: String,
    /// What is worth saying and stands against nothing.
    pub warnings: Vec<Mistake>,
    /// The supervisor's user, when that is not who reads this: what the supervisor's environment and that user's files hold is
    /// then not known here.
    pub anothers: Option<u32>,
}

/// A manifest that does not: exit 6.
#[derive(Clone, Debug)]
pub struct LoadError {
    /// The manifest, absolute; `None` when none was found.
    pub manifest: Option<PathBuf>,
    /// What diagnostics may quote, when the file could be read as text.
    pub source: Option<String>,
    /// Everything that is wrong, in the order of the file; never empty.
    pub mistakes: Vec<Mistake>,
    /// Every `env_file` that it names: what is wrong may be mended there.
    pub env_files: Vec<PathBuf>,
}

impl LoadError {
    fn whole_file(path: &Path, mistake: Mistake) -> Box<Self> {
        Box::new(Self { manifest: Some(path.to_owned()), source: None, mistakes: vec![mistake], env_files: Vec::new() })
    }

    /// The mistakes as `check --json` prints them, without the length of what may not be quoted.
    pub fn findings(&self) -> Vec<Finding> {
        let mut found: Vec<Finding> = self.mistakes.iter().map(finding).collect();
        let source = self.source.as_deref().unwrap_or_default();
        let places = found.iter_mut().flat_map(|one| &mut one.at);
        for place in places.filter(|place| self.manifest.as_ref() == Some(&place.file)) {
            if hidden::covers_hidden(source, place) {
                place.width = 1;
            }
        }
        found
    }
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.mistakes.split_first() {
            Some((first, [])) => write!(f, "{first}"),
            Some((first, rest)) => write!(f, "{first} (and {} more)", rest.len()),
            None => write!(f, "the manifest does not hold"),
        }
    }
}

impl std::error::Error for LoadError {}

/// The manifest to use, absolute: `flag`, else `$GATEWARD_MANIFEST`, else the first there is of `./supervisor.toml`,
/// `$XDG_CONFIG_HOME/gateward/supervisor.toml` and `/etc/gateward/supervisor.toml`.
pub fn find(flag: Option<&Path>) -> Result<PathBuf, Box<LoadError>> {
    look(flag, &seal::process_environ(), Path::new(HERE))
}

/// The same, in this environment; `here` is the manifest of the current folder.
fn look(flag: Option<&Path>, environ: &BTreeMap<String, String>, here: &Path) -> Result<PathBuf, Box<LoadError>> {
    let named = match (flag, environ.get(VARIABLE).filter(|value| !value.is_empty())) {
        (Some(flag), _) => Some((absolute(flag), "`-m` names it".to_owned())),
        (None, Some(value)) => Some((absolute(Path::new(value)), format!("`${VARIABLE}` names it"))),
        (None, None) => None,
    };
    if let Some((path, why)) = named {
        return if is_there(&path) { Ok(path) } else { Err(missing(&path, &why)) };
    }
    let looked = usual(environ, here);
    match looked.iter().find(|path| is_there(path)) {
        Some(path) => Ok(path.clone()),
        None => {
            let places: Vec<String> = looked.iter().map(|path| format!("`{}`", path.display())).collect();
            let message = format!("no manifest was found; looked at {}", places.join(", "));
            let hint = format!("write one with `gateward init`, or name it with `-m FILE` or `${VARIABLE}`");
            let mistake = Mistake::new(Code::NotFound, message, hint);
            Err(Box::new(LoadError { manifest: None, source: None, mistakes: vec![mistake], env_files: Vec::new() }))
        }
    }
}

/// Where a manifest is looked for that nothing names, in order; nowhere, where the environment names one.
pub fn places() -> Vec<PathBuf> {
    let environ = seal::process_environ();
    match environ.get(VARIABLE).filter(|value| !value.is_empty()) {
        Some(_) => Vec::new(),
        None => usual(&environ, Path::new(HERE)),
    }
}

fn usual(environ: &BTreeMap<String, String>, here: &Path) -> Vec<PathBuf> {
    let config = environ.get("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let config = config.or_else(|| home(environ).map(|home| home.join(".config")));
    let mut looked = vec![absolute(here)];
    looked.extend(config.map(|config| config.join("gateward/supervisor.toml")));
    looked.push(PathBuf::from("/etc/gateward/supervisor.toml"));
    looked
}

/// Reads and resolves the manifest at `path`. Never hangs on what is no file, and never reads more than a manifest can be.
pub fn read(path: &Path) -> Result<Loaded, Box<LoadError>> {
    let path = absolute(path);
    let text = text(&path).map_err(|mistake| LoadError::whole_file(&path, *mistake))?;
    let written = manifest::parse(&path, &text);
    let (given, anothers) = given(&written);
    match manifest::resolve(&written, &given) {
        Ok(planes) => {
            // They rest on the environment that the supervisor was started with.
            let warnings = if anothers.is_some() { Vec::new() } else { resolve::warnings(&written, &given) };
            Ok(Loaded { planes, source: masking::urls(&written.quotable), warnings, anothers })
        }
        Err(mistakes) => {
            let source = Some(masking::urls(&written.quotable));
            let env_files = given.env_files.into_keys().collect();
            Err(Box::new(LoadError { manifest: Some(path), source, mistakes, env_files }))
        }
    }
}

/// The supervisor's folders as the manifest says, however broken the rest of it is, so that a verb finds the supervisor
/// that is running. Of a file that cannot be read it is what holds when nothing is written.
pub fn dirs_only(path: &Path) -> Option<Supervisor> {
    let path = absolute(path);
    let written = manifest::parse(&path, &text(&path).unwrap_or_default());
    resolve::supervisor_only(&written, &given(&written).0)
}

/// The folders of a supervisor whose manifest, at `path`, names none.
pub fn default_dirs(path: &Path) -> Option<Supervisor> {
    let written = manifest::parse(&absolute(path), "");
    resolve::supervisor_only(&written, &given(&written).0)
}

/// A mistake as `check --json` prints it.
pub fn finding(mistake: &Mistake) -> Finding {
    let first = mistake.at.iter().map(|place| (place, &mistake.label));
    let places: Vec<_> = first.chain(mistake.also.iter().map(|(place, label)| (place, label))).collect();
    Finding {
        code: mistake.code.as_str().to_owned(),
        severity: if mistake.code.is_warning() { Severity::Warning } else { Severity::Error },
        planes: mistake.plane().into_iter().collect(),
        living: Vec::new(),
        surface: if mistake.key.is_empty() { "manifest".to_owned() } else { mistake.key.clone() },
        message: mistake.message.clone(),
        hint: mistake.hint.clone(),
        at: places.iter().map(|(place, _)| (*place).clone()).collect(),
        labels: places.iter().map(|(_, label)| (*label).clone()).collect(),
    }
}

/// The manifest's text, or why there is none.
fn text(path: &Path) -> Result<String, Box<Mistake>> {
    let Slurped { bytes, .. } = load_file::slurp(path).map_err(|fault| {
        let message = format!("the manifest `{}` {}", path.display(), fault.what);
        Box::new(Mistake::new(Code::Unreadable, message, fault.hint))
    })?;
    load_file::text(path, bytes)
}

/// Everything outside the manifest that its meaning rests on, and the supervisor's user, when we are somebody else.
fn given(written: &Written) -> (Given, Option<u32>) {
    let environ = seal::own_environ();
    let names = resolve::names(written);
    let account = |name: &String| {
        // A lookup that fails is an account that cannot be used; the mistake told is the same.
        let by_number = || accounts::by_uid(name.parse().ok()?).ok().flatten();
        let entry = accounts::by_name(name).ok().flatten().or_else(by_number)?;
        let accounts::Entry { name: login, uid, gid, home, shell } = entry;
        Some((name.clone(), Account { name: login, uid, gid, home, shell }))
    };
    let uid = accounts::own_uid();
    let mut given = Given {
        rank: if uid == 0 { Rank::Root } else { Rank::User },
        uid,
        home: home(&environ),
        accounts: names.users.iter().filter_map(account).collect(),
        groups: names
            .groups
            .into_iter()
            .filter(|name| accounts::group_exists(name).unwrap_or(false))
            .collect::<BTreeSet<_>>(),
        environ,
        whose: seal::whose(),
        env_files: BTreeMap::new(),
    };
    let anothers = load_whose::another(written, &given);
    if let Some(uid) = anothers {
        given = load_whose::given_to(uid, &given);
    }
    let files = resolve::env_files(written, &given);
    let read = |path: PathBuf| {
        let file = match anothers {
            // What is closed to a guest holds nothing against the manifest.
            Some(uid) if accounts::is_closed(&path) => EnvFile { text: Ok(String::new()), mode: 0o600, uid },
            Some(_) | None => env_file(&path),
        };
        (path, file)
    };
    given.env_files = files.into_iter().map(read).collect();
    (given, anothers)
}

fn env_file(path: &Path) -> EnvFile {
    match load_file::slurp(path) {
        Ok(Slurped { bytes, mode, uid }) => EnvFile { text: variables(&bytes), mode, uid },
        Err(Fault { what, hint }) => EnvFile { text: Err(NoText { what, hint }), mode: 0, uid: 0 },
    }
}

/// The text of an `env_file`; some editors begin one with a byte order mark.
fn variables(bytes: &[u8]) -> Result<String, NoText> {
    let no = |what: String, hint: &str| NoText { what, hint: hint.to_owned() };
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(no("is UTF-16".to_owned(), "save it as UTF-8"));
    }
    let text = std::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    text.map(str::to_owned)
        .map_err(|error| no(format!("is not UTF-8 at byte {}", error.valid_up_to()), "save it as UTF-8"))
}

/// The home of whoever runs this: HOME, else what passwd says.
fn home(environ: &BTreeMap<String, String>) -> Option<PathBuf> {
    let said = environ.get("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    said.or_else(|| accounts::by_uid(accounts::own_uid()).ok().flatten().map(|entry| entry.home))
}

/// Whether there is anything at all at `path`; a dangling link is something, and is told of when it is read.
fn is_there(path: &Path) -> bool {
    match path.symlink_metadata() {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory),
    }
}

fn missing(path: &Path, why: &str) -> Box<LoadError> {
    let message = format!("the manifest `{}` does not exist; {why}", path.display());
    let hint = "name a file that is there, or write one with `gateward init`";
    LoadError::whole_file(path, Mistake::new(Code::NotFound, message, hint))
}

/// Below the current folder when relative; links and `..` stay what they are.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use tempfile::TempDir;

    use super::look;
    use crate::manifest::error::Code;

    #[test]
    fn the_nearest_manifest_is_found() {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        let environ = |pairs: &[(&str, &Path)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, path)| ((*name).to_owned(), path.to_str().unwrap().to_owned())).collect()
        };
        let (here, config, named) = (at("here.toml"), at(".config/gateward/supervisor.toml"), at("named.toml"));
        let homely = environ(&[("HOME", folder.path())]);
        fs::create_dir_all(config.parent().unwrap()).unwrap();
        fs::write(&config, "").unwrap();
        assert_eq!(look(None, &homely, &here).unwrap(), config);
        let elsewhere = environ(&[("HOME", Path::new("/nowhere")), ("XDG_CONFIG_HOME", &at(".config"))]);
        assert_eq!(look(None, &elsewhere, &here).unwrap(), config);
        fs::write(&here, "").unwrap();
        assert_eq!(look(None, &homely, &here).unwrap(), here);
        fs::write(&named, "").unwrap();
        let variable = environ(&[("HOME", folder.path()), ("GATEWARD_MANIFEST", &named)]);
        assert_eq!(look(None, &variable, &here).unwrap(), named);
        assert_eq!(look(Some(&config), &variable, &here).unwrap(), config);
    }

    #[test]
    fn what_was_named_and_is_not_there_is_no_reason_to_take_another() {
        let folder = TempDir::new().unwrap();
        let here = folder.path().join("here.toml");
        fs::write(&here, "").unwrap();
        let gone = folder.path().join("gone.toml");
        let environ = [("GATEWARD_MANIFEST".to_owned(), gone.to_str().unwrap().to_owned())].into();
        for error in [look(Some(&gone), &BTreeMap::new(), &here), look(None, &environ, &here)] {
            let error = error.unwrap_err();
            assert_eq!(error.mistakes[0].code, Code::NotFound);
            assert!(error.mistakes[0].message.contains("gone.toml") && error.manifest.as_ref() == Some(&gone));
        }
    }
}
