//! What an operator should know of a unit just installed: what of the manifest reads an environment, which is another one in a
//! unit than in this shell, and what systemd's verbs do from now on.
//!
//! Words only, but for two questions: with which environment systemd starts units, and whether this account lingers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::systemctl::systemctl;
use crate::daemon::load::Loaded;
use crate::daemon::seal;
use crate::os::accounts;
use crate::plane::{Launch, Plane};
use crate::render::service::{Kind, UNIT};

/// Where releases are looked for, when it is set.
const RUNTIMES: &str = "GATEWARD_RUNTIMES_DIR";

/// What the PATH of a unit is where the manager does not say.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What of the manifest reads the environment.
pub fn of_environment(kind: Kind, loaded: &Loaded) -> String {
    let units = environ(kind);
    let planes = || loaded.planes.planes.iter().map(|(plane, _)| plane);
    let edit = format!("`{}`", systemctl_line(kind, &format!("edit {UNIT}")));
    let mut told = String::new();
    for plane in planes().filter(|plane| !matches!(plane.launch, Launch::Runtime { .. })) {
        if let Err(error) = seal::program_of(plane, &units) {
            let name = &plane.name;
            let otherwise = match &plane.launch {
                Launch::OnPath => format!(", or let {name} run on a release in [runtimes]"),
                Launch::Command(_) => format!(", or let the `command` of {name} begin with an absolute path"),
                Launch::Runtime { .. } | Launch::Practice => String::new(),
            };
            told.push_str(&format!(
                "note: under the unit, whose PATH is not this shell's, {error}: give it one with {edit} (`[Service]`, \
                 `Environment=PATH=…`){otherwise}\n"
            ));
        }
    }
    let own = seal::process_environ();
    let is_of_release = |plane: &Plane| matches!(plane.launch, Launch::Runtime { .. });
    if let Some(folder) = own.get(RUNTIMES).filter(|folder| units.get(RUNTIMES) != Some(folder))
        && planes().any(is_of_release)
    {
        told.push_str(&format!(
            "note: {RUNTIMES} is set in this shell alone, and the unit would not find the releases in {folder}: give it the \
             same with {edit} (`[Service]`, `Environment={RUNTIMES}={folder}`)\n"
        ));
    }
    let passed: BTreeSet<&String> =
        planes().flat_map(|plane| &plane.passed).filter(|name| !units.contains_key(*name)).collect();
    if !passed.is_empty() {
        let names: Vec<&str> = passed.into_iter().map(String::as_str).collect();
        told.push_str(&format!(
            "note: `pass_env` takes {} from the unit's environment, where it is not yet: give it with {edit}, or use \
             `env_file`\n",
            names.join(", ")
        ));
    }
    told
}

/// What systemd's verbs do.
pub fn of_verbs(kind: Kind) -> String {
    let line = |words: &str| systemctl_line(kind, words);
    let mut told = format!(
        "\n  {}     how many planes are up; `gateward status` shows each\n  \
           {}       every gateway drains and ends, then the supervisor\n  \
           {}    only the supervisor is replaced; gateways live on\n  \
           {}     applies the edited manifest, as `gateward reload` does\n",
        line("status gateward"),
        line("stop gateward"),
        line("restart gateward"),
        line("reload gateward"),
    );
    if kind == Kind::User {
        told.push_str(match lingers() {
            Linger::Yes => "\nThis account lingers: the unit starts at boot and goes on without a session of it.",
            Linger::No => {
                "\nThis account does not linger: the unit starts at its first login and ends, with every plane, at its last\n\
                 logout. `loginctl enable-linger` lets it start at boot and go on."
            }
        });
        told.push_str(
            "\nAt shutdown a user manager gets 2 minutes, which cuts longer drains off; the system unit has no such limit.\n",
        );
    }
    told
}

/// Whether an account's user manager lives without a session.
enum Linger {
    Yes,
    No,
}

/// systemd-logind keeps an empty file for each account that lingers.
fn lingers() -> Linger {
    let own = accounts::by_uid(accounts::own_uid()).ok().flatten();
    match own.map(|account| Path::new("/var/lib/systemd/linger").join(account.name)) {
        Some(file) if file.exists() => Linger::Yes,
        Some(_) | None => Linger::No,
    }
}

/// A call of systemctl as an operator types it.
pub fn systemctl_line(kind: Kind, words: &str) -> String {
    match kind {
        Kind::System => format!("systemctl {words}"),
        Kind::User => format!("systemctl --user {words}"),
    }
}

/// With what the manager starts units, as far as it tells.
fn environ(kind: Kind) -> BTreeMap<String, String> {
    let told = systemctl(kind, &["show-environment"]).unwrap_or_default();
    let pairs = told.lines().filter_map(|line| line.split_once('='));
    let mut environ: BTreeMap<String, String> = pairs.map(|(name, value)| (name.into(), value.into())).collect();
    environ.entry("PATH".to_owned()).or_insert_with(|| USUAL_PATH.to_owned());
    environ
}
