//! The OpenClaw profiles that are on this host already, with their ports and native services. Moves and starts nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::configs;
use super::services::{self, own_home};
use crate::collision::host::{Service, Standing};
use crate::daemon::seal;
use crate::openclaw::config::declared::Declared;
use crate::openclaw::config::{self, Subject};
use crate::openclaw::ports;
use crate::plane::shell::word;

/// One profile with a config of its own.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name; `default` for the unnamed one.
    pub name: String,
    /// Its state dir.
    pub state_dir: PathBuf,
    /// Its config.
    pub config: PathBuf,
    /// The base port that its gateway takes.
    pub port: u16,
    /// What says so: a key, a variable, a unit, or OpenClaw's default.
    pub port_from: String,
    /// The browser profiles that its config writes.
    pub browser_profiles: Vec<String>,
    /// That its config could not be read, and what follows from that.
    pub guessed: Option<String>,
    /// The native services that run it.
    pub services: Vec<Service>,
    /// The variables that these set for its accounts; never their values.
    pub variables: Vec<String>,
    /// The files that these take variables from.
    pub files: Vec<String>,
}

/// What looks like a profile and was not taken for one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// Where it is.
    pub path: PathBuf,
    /// Why, as the end of a sentence about it.
    pub why: String,
}

/// Every profile in the home of the user who runs this, the unnamed one first.
pub fn profiles() -> Vec<Profile> {
    look().0
}

/// The same, and whatever else in that home is called like a profile.
pub fn look() -> (Vec<Profile>, Vec<LeftOut>) {
    let Some(home) = own_home() else { return (Vec::new(), Vec::new()) };
    let units = services::all(&home);
    let (dirs, mut left) = state_dirs(&home);
    let mut found = Vec::new();
    for (name, state_dir) in dirs {
        let config = state_dir.join("openclaw.json");
        match profile(name, state_dir.clone(), config, &units) {
            Some(profile) => found.push(profile),
            None => left.push(LeftOut { path: state_dir, why: "has no openclaw.json, and no service runs it".into() }),
        }
    }
    for (service, unit) in &units {
        let (Some(state_dir), Some(config)) = (&unit.state_dir, &unit.config) else {
            left.push(LeftOut { path: service.file.clone(), why: "does not say whose state dir it uses".to_owned() });
            continue;
        };
        if found.iter().any(|one: &Profile| is_one(&one.state_dir, state_dir) || is_one(&one.config, config)) {
            continue;
        }
        if !state_dir.is_dir() && config.symlink_metadata().is_err() {
            let why = format!("is a service whose state dir, {}, is not there", state_dir.display());
            left.push(LeftOut { path: service.file.clone(), why });
            continue;
        }
        found.extend(profile(unit.profile.clone(), state_dir.clone(), config.clone(), &units));
    }
    found.sort_by_key(|profile| (profile.name != "default", profile.name.clone()));
    left.sort();
    (found, left)
}

/// `~/.openclaw` and `~/.openclaw-*`, each folder once, and what else is called so.
fn state_dirs(home: &Path) -> (Vec<(String, PathBuf)>, Vec<LeftOut>) {
    let (mut named, mut left) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        let Some(rest) = name.strip_prefix(".openclaw") else { continue };
        match by_name(rest).and_then(|profile| Ok((profile, real_folder(&path)?))) {
            Ok((profile, (is_link, real))) => named.push((is_link, profile != "default", profile, path, real)),
            Err(why) => left.push(LeftOut { path, why }),
        }
    }
    // A folder goes before the links to it.
    named.sort();
    let mut taken: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    let mut dirs = Vec::new();
    for (_, _, profile, path, real) in named {
        if let Some(before) = taken.get(&real) {
            let why = format!("leads to {}: two planes would be one", before.display());
            left.push(LeftOut { path, why });
            continue;
        }
        taken.insert(real, path.clone());
        dirs.push((profile, path));
    }
    (dirs, left)
}

/// The profile that OpenClaw would have after `.openclaw`.
fn by_name(rest: &str) -> Result<String, String> {
    let profile = match rest {
        "" => Some("default"),
        rest => rest.strip_prefix('-').filter(|profile| ports::is_profile(profile)),
    };
    let why =
        || "is no folder of a profile by its name: OpenClaw takes letters, digits, `_` and `-` after `.openclaw-`";
    profile.map(str::to_owned).ok_or_else(|| why().to_owned())
}

/// Whether it is a link, and the folder itself.
fn real_folder(path: &Path) -> Result<(bool, PathBuf), String> {
    let real = fs::canonicalize(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "is a link that leads nowhere".to_owned(),
        _ => format!("cannot be looked at: {error}"),
    })?;
    let is_link = fs::symlink_metadata(path).is_ok_and(|facts| facts.is_symlink());
    if real.is_dir() { Ok((is_link, real)) } else { Err("is no folder".to_owned()) }
}

/// Whether two paths lead to one place.
fn is_one(one: &Path, other: &Path) -> bool {
    one == other || matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(a), Ok(b)) if a == b)
}

fn profile(name: String, state_dir: PathBuf, config: PathBuf, units: &[(Service, services::Unit)]) -> Option<Profile> {
    let environ = environ(&config, &state_dir, &name);
    let subject =
        Subject { config: &config, state_dir: &state_dir, cwd: &state_dir, profile: &name, environ: &environ };
    let declared: Declared = config::declared(&subject, &mut configs::read);
    // One that cannot be read is there all the same, and `check` says what is wrong with it.
    let is_there = config.symlink_metadata().is_ok();
    let of_it: Vec<&(Service, services::Unit)> =
        units.iter().filter(|(_, unit)| unit.has(&state_dir, &config)).collect();
    if !is_there && of_it.is_empty() {
        return None;
    }
    let unread = declared.problems.iter().find(|problem| problem.code.hides_what_is_said());
    let from_unit = of_it.iter().find_map(|(service, unit)| Some((unit.port?, format!("from {}", service.unit))));
    // What the command line names goes before every config.
    let of_dev = || {
        (name == ports::DEV)
            .then(|| (ports::DEV_BASE, format!("what `--profile {name}` takes, whatever its config says")))
    };
    let said = declared.gateway.ports.first().map(|said| (said.value, format!("from `{}`", said.key)));
    let default = || match unread {
        Some(_) => (
            ports::of_profile(&name),
            "a guess, as its config cannot be read: OpenClaw's default for this profile".to_owned(),
        ),
        None => (ports::of_profile(&name), "OpenClaw's default for this profile".to_owned()),
    };
    let (port, port_from) = from_unit.or_else(of_dev).or(said).unwrap_or_else(default);
    let written = declared.browser.profiles.iter().filter(|profile| profile.written && declared.browser.enabled);
    let guessed = unread.map(|problem| {
        format!(
            "Its config, {}, cannot be read now ({}): its port and its browser profiles are what is left when nothing is said. \
             Mend it, and look at these again.",
            problem.at,
            problem.code.as_str()
        )
    });
    Some(Profile {
        guessed,
        browser_profiles: written.map(|profile| profile.name.clone()).collect(),
        variables: of_it.iter().flat_map(|(_, unit)| unit.variables.clone()).collect(),
        files: of_it.iter().flat_map(|(_, unit)| unit.files.clone()).collect(),
        services: of_it.into_iter().map(|(service, _)| service.clone()).collect(),
        name,
        state_dir,
        config,
        port,
        port_from,
    })
}

/// What such a gateway would be started with, as far as its configuration rests on it.
fn environ(config: &Path, state_dir: &Path, profile: &str) -> BTreeMap<String, String> {
    let mut environ = seal::own_environ();
    environ.retain(|name, _| matches!(name.as_str(), "HOME" | "PATH" | "TMPDIR" | "LANG"));
    environ.insert("OPENCLAW_CONFIG_PATH".to_owned(), config.display().to_string());
    environ.insert("OPENCLAW_STATE_DIR".to_owned(), state_dir.display().to_string());
    if profile != "default" {
        environ.insert("OPENCLAW_PROFILE".to_owned(), profile.to_owned());
    }
    environ
}

impl Profile {
    /// What would have to be done before gateward can keep it.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks: Vec<String> = self.services.iter().map(two_owners).chain(self.guessed.clone()).collect();
        let units: Vec<&str> = self.services.iter().map(|service| service.unit.as_str()).collect();
        if !self.variables.is_empty() {
            remarks.push(format!(
                "{} sets {} for it, which this manifest does not carry, as it would have to hold their values: write them \
                 into a file that only its user can read, and name that as `env_file`.",
                units.join(", "),
                self.variables.join(", ")
            ));
        }
        if !self.files.is_empty() {
            remarks.push(format!(
                "{} takes variables from {}: name that as `env_file`, if its lines are KEY=VALUE and only its user can read \
                 it.",
                units.join(", "),
                self.files.join(", ")
            ));
        }
        remarks
    }
}

/// That a native service runs it now.
fn two_owners(service: &Service) -> String {
    let unit = &service.unit;
    let how = match service.standing {
        Standing::Running => "runs",
        Standing::Masked => {
            let stop = format!("{} stop {}", service.scope.systemctl(), word(unit));
            return format!(
                "The native service {unit} is masked, and its gateway still runs. Stop it before gateward starts this one: \
                 {stop}"
            );
        }
        Standing::Enabled => "is enabled for",
        Standing::Installed => "is installed for",
    };
    let off = format!("{} disable --now {}", service.scope.systemctl(), word(unit));
    format!(
        "The native service {unit} {how} this gateway now. It would have two owners, so switch the service off before \
         gateward starts it: {off}"
    )
}
