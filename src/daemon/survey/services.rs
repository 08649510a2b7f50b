//! Native OpenClaw services: unit files of users and of the system, whether they are enabled, whether their gateway lives.
//!
//! Reads files and /proc; asks no service manager, which may not be reachable from here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::configs;
use super::paths::Paths;
use crate::collision::host::{Scope, Service, Standing};
use crate::daemon::seal;
use crate::openclaw::config::files::Read;
use crate::openclaw::ports;
use crate::os::{accounts, process};
use crate::plane::{Contract, Plane, Planes};

/// A unit file is short.
const UNIT_BYTES: u64 = 256 << 10;

/// Where the system's units are.
const SYSTEM: [&str; 4] =
    ["/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"];

/// Where units of every user are.
const EVERY_USER: &str = "/etc/systemd/user";

/// The native services that would run a gateway for one of `planes`.
pub(super) fn look(planes: &Planes, paths: &mut Paths) -> Vec<Service> {
    let own_home = own_home();
    let mut found = Vec::new();
    for (mut service, unit) in gathered(folders(planes, own_home.as_deref())) {
        let home_of = |plane: &Plane| plane.account.as_ref().map(|account| account.home.clone()).or(own_home.clone());
        let candidates = planes.planes.iter().map(|(plane, _)| plane);
        let openclaw = candidates.filter(|plane| plane.contract == Contract::Openclaw);
        let of_it = openclaw.filter(|plane| unit.runs(plane, home_of(plane).as_deref(), paths));
        service.planes = of_it.map(|plane| plane.name.clone()).collect();
        if !service.planes.is_empty() {
            found.push(service);
        }
    }
    found
}

/// Every native gateway service of the system, and of the user with `home`, who runs this.
pub(super) fn all(home: &Path) -> Vec<(Service, Unit)> {
    gathered(system_folders().chain(user_folders(home)).collect())
}

/// The services of these folders; of one service manager the first file of a name counts.
fn gathered(folders: Vec<Folder>) -> Vec<(Service, Unit)> {
    let mut living: Option<BTreeSet<String>> = None;
    let mut found: Vec<(Service, Unit)> = Vec::new();
    for Folder { path, scope, home } in folders {
        for file in units(&path) {
            let Some(name) = file.file_name().map(|name| name.to_string_lossy().into_owned()) else { continue };
            if found.iter().any(|(other, _)| other.unit == name && other.scope == scope) {
                continue;
            }
            let standing = if living.get_or_insert_with(living_units).contains(&name) {
                Standing::Running
            } else if is_masked(&file) {
                continue;
            } else if is_enabled(&path, &name) {
                Standing::Enabled
            } else {
                Standing::Installed
            };
            let unit = Unit::read(&file, &name, home.as_deref());
            found.push((Service { unit: name, file, scope: scope.clone(), standing, planes: Vec::new() }, unit));
        }
    }
    found.sort_by(|(a, _), (b, _)| (&a.scope, &a.unit).cmp(&(&b.scope, &b.unit)));
    found
}

/// A folder of units.
struct Folder {
    path: PathBuf,
    scope: Scope,
    /// The home that paths of its units start from, where one user's they are.
    home: Option<PathBuf>,
}

fn system_folders() -> impl Iterator<Item = Folder> {
    SYSTEM.into_iter().map(|path| Folder { path: path.into(), scope: Scope::System, home: None })
}

fn user_folders(home: &Path) -> [Folder; 2] {
    let said = seal::own_environ().get("XDG_CONFIG_HOME").map(PathBuf::from);
    let config = said.unwrap_or_else(|| home.join(".config"));
    [config.join("systemd/user"), PathBuf::from(EVERY_USER)].map(|path| Folder {
        path,
        scope: Scope::OwnUser,
        home: Some(home.to_owned()),
    })
}

/// Every folder whose units could run a gateway for one of `planes`.
fn folders(planes: &Planes, own_home: Option<&Path>) -> Vec<Folder> {
    let mut folders: Vec<Folder> = system_folders().collect();
    folders.extend(own_home.into_iter().flat_map(user_folders));
    let others: BTreeMap<&str, &Path> = planes
        .planes
        .iter()
        .filter_map(|(plane, _)| plane.account.as_ref())
        .map(|account| (account.name.as_str(), account.home.as_path()))
        .collect();
    for (name, home) in others {
        let path = home.join(".config/systemd/user");
        folders.push(Folder { path, scope: Scope::User(name.to_owned()), home: Some(home.to_owned()) });
    }
    folders
}

/// The home of the user who runs this.
pub(super) fn own_home() -> Option<PathBuf> {
    let said = seal::own_environ().get("HOME").map(PathBuf::from);
    said.or_else(|| Some(accounts::by_uid(accounts::own_uid()).ok()??.home))
}

/// The unit files of gateways in one folder: by their names, or by the marker that OpenClaw writes into its own.
fn units(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_gateway = |name: &str| {
        let stem = name.strip_suffix(".service");
        stem.is_some_and(|stem| ["openclaw-gateway", "clawdbot-gateway"].iter().any(|of| stem.starts_with(of)))
            || name == "openclaw.service"
    };
    // What packages bring is named by them, and there are hundreds.
    let may_be_renamed = !folder.starts_with("/usr/lib");
    let named = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        let is_one = is_gateway(&name) || (may_be_renamed && name.ends_with(".service") && is_marked(&path));
        is_one.then_some(path)
    });
    let mut units: Vec<PathBuf> = named.collect();
    units.sort();
    units
}

/// Whether OpenClaw marked the unit as one that runs a gateway.
fn is_marked(file: &Path) -> bool {
    let Read::Text { text, .. } = configs::read(file, UNIT_BYTES) else { return false };
    let says = |name: &str| variables(&text).into_iter().rfind(|(said, _)| said == name).map(|(_, value)| value);
    says("OPENCLAW_SERVICE_MARKER").is_some_and(|marker| marker == "openclaw")
        && says("OPENCLAW_SERVICE_KIND").is_none_or(|kind| kind == "gateway")
}

/// The variables that a unit sets by itself, in order.
fn variables(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("Environment="));
    let pairs = lines.flat_map(words).filter_map(|word| {
        let (name, value) = word.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    pairs.collect()
}

/// Whether a variable belongs to a gateway's accounts and not to how it is run, which gateward says by itself.
fn is_its_own(name: &str) -> bool {
    let is_secret = ["_TOKEN", "_PASSWORD", "_SECRET", "_KEY"].iter().any(|end| name.ends_with(end));
    let of_the_run = ["OPENCLAW_", "CLAWDBOT_", "NODE_", "XDG_"].iter().any(|begin| name.starts_with(begin));
    is_secret || !(of_the_run || matches!(name, "HOME" | "PATH" | "TMPDIR" | "LANG" | "TZ" | "USER" | "SHELL"))
}

/// What a unit file says of the gateway that it runs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// The profile of its gateway.
    pub(super) profile: String,
    /// The base port that it passes on.
    pub(super) port: Option<u16>,
    /// The home of the user that it runs as.
    home: Option<PathBuf>,
    /// The state dir of its gateway, where it can be told.
    pub(super) state_dir: Option<PathBuf>,
    /// The config of its gateway.
    pub(super) config: Option<PathBuf>,
    /// The variables that it sets and that gateward does not; never their values.
    pub(super) variables: Vec<String>,
    /// The files that it takes further variables from.
    pub(super) files: Vec<String>,
}

impl Unit {
    fn read(file: &Path, name: &str, home: Option<&Path>) -> Self {
        let text = match configs::read(file, UNIT_BYTES) {
            Read::Text { text, .. } => text,
            Read::Missing | Read::Lossy { .. } | Read::Refused { .. } => String::new(),
        };
        Self::parsed(&text, name, home)
    }

    /// What its environment and its command say; the profile is else in the unit's name, and the folders follow from it.
    fn parsed(text: &str, name: &str, home: Option<&Path>) -> Self {
        let user = text.lines().find_map(|line| line.trim().strip_prefix("User="));
        let home_of = |user: &str| Some(accounts::by_name(user.trim()).ok()??.home);
        let home = user.and_then(home_of).or_else(|| home.map(Path::to_owned));
        let set = variables(text);
        let value_of = |variable: &str| {
            let mut values = set.iter().filter(|(name, _)| name == variable).map(|(_, value)| value.clone());
            values.rfind(|value| !value.is_empty())
        };
        let command = text.lines().find_map(|line| line.trim().strip_prefix("ExecStart="));
        let command = command.map(words).unwrap_or_default();
        let after = |flag: &str| {
            let at = command.iter().position(|word| word == flag)?;
            command.get(at + 1).cloned()
        };
        let stem = name.strip_suffix(".service").unwrap_or(name);
        let in_name = stem.split_once("-gateway-").map(|(_, profile)| profile.to_owned());
        let profile = value_of("OPENCLAW_PROFILE").or_else(|| after("--profile")).or(in_name);
        let profile = profile.unwrap_or_else(|| "default".to_owned());
        let folder = if profile == "default" { ".openclaw".to_owned() } else { format!(".openclaw-{profile}") };
        let of_home = |path: String| match (path.strip_prefix("~/").or(path.strip_prefix("%h/")), &home) {
            (Some(rest), Some(home)) => home.join(rest),
            (Some(_), None) | (None, _) => PathBuf::from(path),
        };
        let state_dir = value_of("OPENCLAW_STATE_DIR").map(of_home).or_else(|| Some(home.as_ref()?.join(folder)));
        let config = value_of("OPENCLAW_CONFIG_PATH").map(of_home);
        let port = after("--port").or_else(|| value_of("OPENCLAW_GATEWAY_PORT"));
        let port = port.and_then(|text| ports::from_environment(&text));
        Self {
            port,
            config: config.or_else(|| Some(state_dir.as_ref()?.join("openclaw.json"))),
            variables: set.iter().map(|(name, _)| name.clone()).filter(|name| is_its_own(name)).collect(),
            files: text
                .lines()
                .filter_map(|line| line.trim().strip_prefix("EnvironmentFile="))
                .map(|file| file.trim_start_matches('-').trim().to_owned())
                .filter(|file| !file.is_empty())
                .collect(),
            state_dir,
            profile,
            home,
        }
    }

    /// Whether its gateway has this state dir or this config, by spelling.
    pub(super) fn has(&self, state_dir: &Path, config: &Path) -> bool {
        self.state_dir.as_deref() == Some(state_dir) || self.config.as_deref() == Some(config)
    }

    /// Whether its gateway would be that of `plane`, whose user has `home`.
    fn runs(&self, plane: &Plane, home: Option<&Path>, paths: &mut Paths) -> bool {
        let mut same = |one: &Option<PathBuf>, other: &Path| {
            one.as_ref().is_some_and(|one| paths.canonical(one) == paths.canonical(other))
        };
        let is_namesake = self.profile == plane.profile && self.home.as_deref() == home;
        is_namesake || same(&self.state_dir, &plane.state_dir) || same(&self.config, &plane.config)
    }
}

/// The words of a line of a unit file, quotes taken off.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut any) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match (quote, c) {
            (None, '"' | '\'') => (quote, any) = (Some(c), true),
            (Some(open), _) if c == open => quote = None,
            (None, c) if c.is_whitespace() => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                    any = false;
                }
            }
            (None | Some(_), c) => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}

/// Whether it is switched off for good: such a unit cannot be started, and to remove it would bring back what it hides.
fn is_masked(file: &Path) -> bool {
    fs::canonicalize(file).is_ok_and(|real| real == Path::new("/dev/null"))
        || fs::metadata(file).is_ok_and(|facts| facts.is_file() && facts.len() == 0)
}

/// Whether a target or another unit wants it; units that are enabled for every user are linked beside their own folder.
fn is_enabled(folder: &Path, name: &str) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    let wants = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "wants" || kind == "requires"));
    let mut links = wants.map(|wants| wants.join(name));
    let in_etc = || Path::new("/etc/systemd/system/multi-user.target.wants").join(name).symlink_metadata().is_ok();
    links.any(|link| link.symlink_metadata().is_ok()) || (folder.starts_with("/usr") && in_etc())
}

/// The units that have a living process of their own.
fn living_units() -> BTreeSet<String> {
    process::all().unwrap_or_default().into_iter().filter_map(process::unit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_tells_its_profile_and_its_folders() {
        let text = "[Service]\nExecStart=/usr/bin/openclaw --profile ops gateway --port 19789\n\
            Environment=OPENCLAW_PROFILE=\"ops two\" 'OPENCLAW_STATE_DIR=/srv/a b'\n";
        let unit = Unit::parsed(text, "openclaw-gateway-ops.service", None);
        assert_eq!((unit.profile.as_str(), unit.state_dir), ("ops two", Some(PathBuf::from("/srv/a b"))));
        let text = "Environment=OPENCLAW_GATEWAY_TOKEN=hunter2 HOME=/x\nEnvironment=TELEGRAM_BOT_TOKEN=hunter2\n\
            EnvironmentFile=-/etc/bot.env\n";
        let unit = Unit::parsed(text, "openclaw-gateway.service", None);
        assert_eq!(unit.variables, ["OPENCLAW_GATEWAY_TOKEN", "TELEGRAM_BOT_TOKEN"]);
        assert_eq!(unit.files, ["/etc/bot.env"]);
        let home = Some(Path::new("/home/op"));
        let unit = Unit::parsed("", "openclaw-gateway-rescue.service", home);
        assert_eq!(unit.config, Some(PathBuf::from("/home/op/.openclaw-rescue/openclaw.json")));
        assert_eq!(Unit::parsed("", "openclaw-gateway.service", home).profile, "default");
        let unit = Unit::parsed("Environment=OPENCLAW_CONFIG_PATH=%h/x.json", "openclaw-gateway.service", home);
        assert_eq!(unit.config, Some(PathBuf::from("/home/op/x.json")));
    }

    #[test]
    fn only_gateways_units_count_and_enabled_ones_are_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["openclaw-gateway-main.service", "openclaw-node.service", "openclaw-gateway.timer", "x.service"] {
            fs::write(at(name), "").expect("a file");
        }
        assert_eq!(units(folder.path()), [at("openclaw-gateway-main.service")]);
        let marked = "[Service]\nEnvironment=OPENCLAW_SERVICE_MARKER=openclaw\nEnvironment=OPENCLAW_SERVICE_KIND=";
        fs::write(at("my-bot.service"), format!("{marked}gateway\n")).expect("a file");
        fs::write(at("my-node.service"), format!("{marked}node\n")).expect("a file");
        assert_eq!(units(folder.path()), [at("my-bot.service"), at("openclaw-gateway-main.service")]);
        let masked = at("openclaw-gateway-off.service");
        std::os::unix::fs::symlink("/dev/null", &masked).expect("a link");
        assert!(is_masked(&masked) && !is_masked(&at("my-bot.service")));
        assert!(!is_enabled(folder.path(), "openclaw-gateway-main.service"));
        fs::create_dir(at("default.target.wants")).expect("a folder");
        let link = at("default.target.wants").join("openclaw-gateway-main.service");
        std::os::unix::fs::symlink(at("openclaw-gateway-main.service"), link).expect("a link");
        assert!(is_enabled(folder.path(), "openclaw-gateway-main.service"));
    }
}
