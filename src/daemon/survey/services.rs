//! Native OpenClaw services: unit files of users and of the system, whether they are enabled, whether their gateway lives.
//!
//! Reads files and /proc; asks no service manager, which may not be reachable from here.

mod unit;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::paths::Paths;
use crate::collision::host::{Scope, Service, Standing};
use crate::daemon::seal;
use crate::os::{accounts, process};
use crate::plane::{Contract, Plane, Planes};
use unit::Settings;
pub(super) use unit::Unit;

/// Where the system's units are.
const SYSTEM: [&str; 4] =
    ["/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"];

/// Where units of every user are; what one user brings lies between the first two and the others.
const EVERY_USER: [&str; 4] =
    ["/etc/systemd/user", "/run/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user"];

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

/// The services of these folders; of one service manager the first file of a name counts, also to hide the others.
fn gathered(folders: Vec<Folder>) -> Vec<(Service, Unit)> {
    let mut managers: BTreeMap<&Scope, Vec<&Path>> = BTreeMap::new();
    for folder in &folders {
        managers.entry(&folder.scope).or_default().push(&folder.path);
    }
    let living = living_units();
    let mut found: Vec<(Service, Unit)> = Vec::new();
    for (scope, paths) in &managers {
        let wanted: BTreeSet<String> = paths.iter().flat_map(|path| wanted(path)).collect();
        let known: BTreeSet<&String> = living.iter().chain(&wanted).collect();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for folder in folders.iter().filter(|folder| folder.scope == **scope) {
            for (name, file) in units(folder, paths) {
                for name in instances(name, &known) {
                    if !seen.insert(name.clone()) {
                        continue;
                    }
                    let standing = match (living.contains(&name), is_masked(&file)) {
                        (true, false) => Standing::Running,
                        (true, true) => Standing::Masked,
                        (false, true) => continue,
                        (false, false) if wanted.contains(&name) => Standing::Enabled,
                        (false, false) => Standing::Installed,
                    };
                    let unit = Unit::of(&Settings::read(&file, &name, paths, folder.home.as_deref()), &name);
                    let (file, scope) = (file.clone(), (*scope).clone());
                    found.push((Service { unit: name, file, scope, standing, planes: Vec::new() }, unit));
                }
            }
        }
    }
    found.sort_by(|(a, _), (b, _)| (&a.scope, &a.unit).cmp(&(&b.scope, &b.unit)));
    found
}

/// Of a template the instances that are known; any other unit is itself.
fn instances(name: String, known: &BTreeSet<&String>) -> Vec<String> {
    if !name.ends_with("@.service") {
        return vec![name];
    }
    let is_one = |other: &&&String| unit::template(other).as_ref() == Some(&name);
    known.iter().filter(is_one).map(|other| (*other).clone()).collect()
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

fn user_folders(home: &Path) -> Vec<Folder> {
    let environ = seal::own_environ();
    let said = |name: &str, below: &str| environ.get(name).map_or_else(|| home.join(below), PathBuf::from);
    let config = said("XDG_CONFIG_HOME", ".config").join("systemd/user");
    let data = said("XDG_DATA_HOME", ".local/share").join("systemd/user");
    let every = EVERY_USER.into_iter().map(PathBuf::from);
    let folder = |path| Folder { path, scope: Scope::OwnUser, home: Some(home.to_owned()) };
    std::iter::once(config).chain(every.clone().take(2)).chain([data]).chain(every.skip(2)).map(folder).collect()
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
        for below in [".config/systemd/user", ".local/share/systemd/user"] {
            let (path, scope) = (home.join(below), Scope::User(name.to_owned()));
            folders.push(Folder { path, scope, home: Some(home.to_owned()) });
        }
    }
    folders
}

/// The home of the user who runs this.
pub(super) fn own_home() -> Option<PathBuf> {
    let said = seal::own_environ().get("HOME").map(PathBuf::from);
    said.or_else(|| Some(accounts::by_uid(accounts::own_uid()).ok()??.home))
}

/// The unit files of gateways in one folder, by their names, by the marker that OpenClaw writes into its own, or by what they
/// execute; and those that are masked, as they hide others.
fn units(folder: &Folder, of_manager: &[&Path]) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(&folder.path) else { return Vec::new() };
    let is_named = |name: &str| {
        let stem = name.strip_suffix(".service").unwrap_or_default();
        ["openclaw-gateway", "clawdbot-gateway", "openclaw@"].iter().any(|of| stem.starts_with(of))
            || stem == "openclaw"
    };
    // What packages bring is named by them, and there are hundreds.
    let may_be_renamed = !["/usr/lib", "/run"].iter().any(|of_packages| folder.path.starts_with(of_packages));
    let said = |name: &str, path: &Path| Settings::read(path, name, of_manager, folder.home.as_deref());
    let named = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        let is_one = |name: &str| is_named(name) || is_masked(&path) || said(name, &path).is_gateways();
        let counts = name.ends_with(".service") && if may_be_renamed { is_one(&name) } else { is_named(&name) };
        counts.then_some((name, path))
    });
    let mut units: Vec<(String, PathBuf)> = named.collect();
    units.sort();
    units
}

/// Whether it is switched off for good: such a unit cannot be started, and to remove it would bring back what it hides.
fn is_masked(file: &Path) -> bool {
    fs::canonicalize(file).is_ok_and(|real| real == Path::new("/dev/null"))
        || fs::metadata(file).is_ok_and(|facts| facts.is_file() && facts.len() == 0)
}

/// The units that a target or another unit wants, by the links in one folder.
fn wanted(folder: &Path) -> Vec<String> {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let wants = entries(folder).map(|entry| entry.path());
    let wants = wants.filter(|path| path.extension().is_some_and(|kind| kind == "wants" || kind == "requires"));
    wants
        .flat_map(|wants| {
            entries(&wants).map(|link| link.file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()
        })
        .collect()
}

/// The units that have a living process of their own.
fn living_units() -> BTreeSet<String> {
    process::all().unwrap_or_default().into_iter().filter_map(process::unit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_gateways_units_count_and_enabled_ones_are_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let put = |name: &str, text: &str| fs::write(at(name), text).expect("a file");
        let all = || {
            let folder =
                Folder { path: folder.path().to_owned(), scope: Scope::OwnUser, home: Some("/home/op".into()) };
            let found = gathered(vec![folder]).into_iter();
            found.map(|(service, unit)| (service.unit, service.standing, unit.profile)).collect::<Vec<_>>()
        };
        let idle = |name: &str, profile: &str| (name.to_owned(), Standing::Installed, profile.to_owned());
        for name in ["openclaw-gateway-main.service", "openclaw-node.service", "openclaw-gateway.timer", "x.service"] {
            put(name, "");
        }
        let command = |rest: &str| format!("[Service]\nExecStart=/usr/bin/openclaw {rest}\n");
        put("openclaw-gateway-main.service", "[Service]\n");
        assert_eq!(all(), [idle("openclaw-gateway-main.service", "main")]);
        let marked = "[Service]\nEnvironment=OPENCLAW_SERVICE_MARKER=openclaw\nEnvironment=OPENCLAW_SERVICE_KIND=";
        put("my-bot.service", &format!("{marked}gateway\n"));
        put("my-node.service", &format!("{marked}node\n"));
        put("by-hand.service", &command("--profile=ops gateway run --port 19789"));
        put("asks.service", &command("gateway status"));
        let three = [
            idle("by-hand.service", "ops"),
            idle("my-bot.service", "default"),
            idle("openclaw-gateway-main.service", "main"),
        ];
        assert_eq!(all(), three);
        // A template counts by its instances, and a mask hides a unit.
        put("bot@.service", &command("--profile %i gateway"));
        std::os::unix::fs::symlink("/dev/null", at("openclaw-gateway-off.service")).expect("a link");
        assert_eq!(all(), three);
        fs::create_dir(at("default.target.wants")).expect("a folder");
        for (file, link) in [("bot@", "bot@lab"), ("openclaw-gateway-main", "openclaw-gateway-main")] {
            let link = at(&format!("default.target.wants/{link}.service"));
            std::os::unix::fs::symlink(at(&format!("{file}.service")), link).expect("a link");
        }
        let enabled = |name: &str, profile: &str| (name.to_owned(), Standing::Enabled, profile.to_owned());
        let [by_hand, my_bot, _] = three;
        let main = enabled("openclaw-gateway-main.service", "main");
        assert_eq!(all(), [enabled("bot@lab.service", "lab"), by_hand, my_bot, main]);
    }

    #[test]
    fn a_masked_unit_hides_the_one_that_a_package_brings() {
        let folders = tempfile::tempdir().expect("a folder");
        let folder = |name: &str| {
            let path = folders.path().join(name);
            fs::create_dir(&path).expect("a folder");
            Folder { path, scope: Scope::System, home: None }
        };
        let (etc, lib) = (folder("etc"), folder("lib"));
        fs::write(lib.path.join("openclaw-gateway.service"), "[Service]\n").expect("a file");
        std::os::unix::fs::symlink("/dev/null", etc.path.join("openclaw-gateway.service")).expect("a link");
        assert!(gathered(vec![etc, lib]).is_empty());
    }
}
