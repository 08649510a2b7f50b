//! What was written, together with what the world says, into planes; and every mistake that shows only then.
//!
//! Pure: whatever lies outside the manifest is in [`Given`]. The mistakes of reading and of resolving come out together.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::manifest::error::{Code, Mistake, in_order};
use crate::manifest::given::{Given, Rank, Whose};
use crate::manifest::keys::{At, Slot};
use crate::manifest::paths::Base;
use crate::manifest::quantity::spoken;
use crate::manifest::tables::PlaneTable;
use crate::manifest::values::FilePath;
use crate::manifest::written::{Grasp, Written};
use crate::manifest::{after, keys::Table, one_plane};
use crate::plane::{Place, PlaneName, Planes, Supervisor};

/// The names that [`Given`] should know: accounts and groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Login names in `user`.
    pub users: Vec<String>,
    /// The name in `socket_group`.
    pub groups: Vec<String>,
}

/// The accounts and groups that the manifest names.
pub fn names(written: &Written) -> Names {
    let tables = written.planes.iter().map(|(_, table)| table).chain([&written.defaults]);
    let mut users: Vec<String> = tables.filter_map(|table| table.user.get().map(|user| user.0.clone())).collect();
    users.sort();
    users.dedup();
    let groups = written.supervisor.socket_group.get().map(|group| group.0.clone()).into_iter().collect();
    Names { users, groups }
}

/// The files that the planes' `env_file` keys name; needs the accounts, whose homes `~` may stand for.
pub fn env_files(written: &Written, given: &Given) -> Vec<PathBuf> {
    let folder = folder(written);
    let mut files: Vec<PathBuf> = Vec::new();
    for (_, own) in &written.planes {
        let table = own.over(&written.defaults);
        let home = one_plane::user_home(&table, given);
        let base = Base { folder, home };
        files.extend(table.env_file.get().and_then(|file| base.absolute(&file.0).ok()));
    }
    files.sort();
    files.dedup();
    files
}

/// Resolves a manifest, or tells everything that is wrong with it, in the order of the file.
pub fn resolve(written: &Written, given: &Given) -> Result<Planes, Vec<Mistake>> {
    let mut mistakes = written.mistakes.clone();
    let supervisor = supervisor(written, given, &mut mistakes);
    let state_dir = supervisor.as_ref().map_or_else(|| PathBuf::from("/"), |supervisor| supervisor.state_dir.clone());
    let mut planes = Vec::new();
    for plane in &written.planes {
        let table = plane.1.over(&written.defaults);
        let mut one =
            one_plane::Scene { written, given, name: &plane.0, own: &plane.1, table, mistakes: &mut mistakes };
        if let Some(resolved) = one.resolve(&state_dir) {
            planes.push((resolved, one.places()));
        }
    }
    // Where every plane says its own, nobody has asked for that of all yet.
    if !mistakes.iter().any(|mistake| mistake.code == Code::UnknownRuntime)
        && let Some(mistake) = written.defaults.runtime.at().and_then(|at| one_plane::unknown_runtime(written, at))
    {
        mistakes.push(mistake.about("defaults.runtime"));
    }
    across(written, &mut mistakes);
    match supervisor {
        Some(supervisor) if mistakes.is_empty() => {
            Ok(Planes { supervisor, planes, env_files: given.env_files.keys().cloned().collect() })
        }
        Some(_) | None => Err(in_order(mistakes)),
    }
}

/// What the supervisor's own folders are, whatever else is wrong; `None` when that rests on a home that nobody knows.
pub fn supervisor_only(written: &Written, given: &Given) -> Option<Supervisor> {
    supervisor(written, given, &mut Vec::new())
}

/// What is worth a warning and no error: names in `pass_env` that gateward's own environment does not have.
pub fn warnings(written: &Written, given: &Given) -> Vec<Mistake> {
    let mut warnings = Vec::new();
    for (plane, own) in &written.planes {
        let table = own.over(&written.defaults);
        let is_literal = |name: &str| table.env.get().is_some_and(|env| env.0.iter().any(|(own, _)| own.value == name));
        let names = table.pass_env.get().map(|names| names.0.as_slice()).unwrap_or_default();
        for name in names.iter().filter(|name| !is_literal(&name.value)) {
            if !given.environ.contains_key(&name.value) {
                let (message, hint) = unset(&name.value, given.whose);
                let warning = Mistake::new(Code::PassEnvUnset, message, hint).at(name.place.clone(), "");
                warnings.push(warning.about(format!("planes.{}.pass_env", plane.value)));
            }
        }
    }
    in_order(warnings)
}

/// That a name in `pass_env` has no value, as far as that is known, and what to do.
fn unset(name: &str, whose: Whose) -> (String, &'static str) {
    match whose {
        Whose::Supervisor => (
            format!("`{name}` is not set in the environment of the supervisor, so nothing is passed to the plane"),
            "set it where `gateward run` is started and start that anew, or use `env_file`, which a reload reads",
        ),
        Whose::Asker => (
            format!("`{name}` is not set here, so a supervisor started from here would pass nothing to the plane"),
            "no supervisor says what it was started with: set it where `gateward run` is started, or use `env_file`",
        ),
    }
}

/// The manifest's folder.
pub(crate) fn folder(written: &Written) -> &Path {
    written.file.parent().unwrap_or(Path::new("/"))
}

fn supervisor(written: &Written, given: &Given, mistakes: &mut Vec<Mistake>) -> Option<Supervisor> {
    let table = &written.supervisor;
    let base = Base { folder: folder(written), home: given.home.as_deref() };
    let homeless = |key: &str, at: Option<&Place>| no_home(&format!("supervisor.{key}"), key, at);
    let mut path = |slot: &Slot<FilePath>, key: &str| {
        let at = slot.at()?;
        base.absolute(&at.value.0).map_err(|_| mistakes.push(homeless(key, Some(&at.place)))).ok()
    };
    let written_state = path(&table.state_dir, "state_dir");
    let written_run = path(&table.run_dir, "run_dir");
    let home_state = || given.home.as_ref().map(|home| home.join(".local/state"));
    let standard_state = || match given.rank {
        Rank::Root => Some(PathBuf::from("/var/lib/gateward")),
        Rank::User => Some(given.folder("XDG_STATE_HOME").map(Path::to_owned).or_else(home_state)?.join("gateward")),
    };
    let state_dir = written_state.or_else(standard_state);
    if state_dir.is_none() && table.state_dir.get().is_none() {
        mistakes.push(homeless("state_dir", written.places.get("supervisor")));
    }
    let state_dir = state_dir?;
    let run_dir = written_run.unwrap_or_else(|| match given.rank {
        Rank::Root => PathBuf::from("/run/gateward"),
        Rank::User => match given.folder("XDG_RUNTIME_DIR") {
            Some(folder) => folder.join("gateward"),
            None => state_dir.join("run"),
        },
    });
    if run_dir == state_dir {
        let message = "`run_dir` and `state_dir` are one folder: each holds a lock of its own by the same name";
        let hint = format!("leave `run_dir` out, or write `run_dir = \"{}\"`", state_dir.join("run").display());
        let place = [table.run_dir.at().map(|at| &at.place), table.state_dir.at().map(|at| &at.place)];
        let place = place.into_iter().flatten().next().or_else(|| written.places.get("supervisor"));
        let mistake = Mistake::new(Code::Contradiction, message, hint).about("supervisor.run_dir");
        mistakes.push(match place {
            Some(place) => mistake.at(place.clone(), "the same as `state_dir`"),
            None => mistake,
        });
    }
    if let Some(group) = table.socket_group.at().filter(|group| !given.groups.contains(&group.value.0)) {
        let message = format!("`socket_group` names `{}`, and this host has no such group", group.value.0);
        let mistake = Mistake::new(Code::UnknownAccount, message, "create it with `groupadd`, or take the key out");
        mistakes.push(mistake.at(group.place.clone(), "no such group").about("supervisor.socket_group"));
    }
    Some(Supervisor {
        manifest: written.file.clone(),
        run_dir,
        state_dir,
        watch: table.watch.get().is_none_or(|flag| flag.0),
        stagger: table.stagger.get().map_or(Duration::ZERO, |time| time.0),
        socket_group: table.socket_group.get().map(|group| group.0.clone()),
    })
}

/// A path that rests on a home nobody knows.
pub(crate) fn no_home(about: &str, key: &str, at: Option<&Place>) -> Mistake {
    let message = format!("`{key}` rests on a home folder, and none is known");
    let mistake =
        Mistake::new(Code::NoHome, message, format!("set HOME, or write `{key}` as a whole path")).about(about);
    match at {
        Some(place) => mistake.at(place.clone(), ""),
        None => mistake,
    }
}

/// What only shows between planes.
fn across(written: &Written, mistakes: &mut Vec<Mistake>) {
    let waits: Vec<(&At<PlaneName>, Vec<At<PlaneName>>)> = written
        .planes
        .iter()
        .map(|(name, own)| {
            (name, own.over(&written.defaults).after.get().map(|names| names.0.clone()).unwrap_or_default())
        })
        .collect();
    let waits: Vec<after::Wait<'_>> = waits.iter().map(|(name, after)| (*name, after.as_slice())).collect();
    mistakes.extend(after::cycles(&waits));
    let several = match written.grasp {
        Grasp::Whole => {
            mistakes.extend(after::unknown(&waits));
            written.planes.len() > 1
        }
        Grasp::Misnamed => !written.planes.is_empty(),
        Grasp::Partial => return,
    };
    if written.planes.is_empty() && written.grasp == Grasp::Whole {
        let empty = written.quotable.trim().is_empty();
        let message = if empty { "the manifest is empty" } else { "the manifest names no plane" };
        let hint = "run `gateward init` to write one, or begin with `[planes.main]` and `port = 18789`";
        mistakes.push(Mistake::new(Code::NoPlanes, message, hint));
    }
    if several {
        let silent = |(name, own): &&(At<PlaneName>, PlaneTable)| {
            !own.isolates.is_written() && !written.meant(&format!("planes.{}.isolates", name.value))
        };
        mistakes.extend(written.planes.iter().filter(silent).map(missing_isolates));
    }
}

fn missing_isolates((name, _): &(At<PlaneName>, PlaneTable)) -> Mistake {
    let message = format!("`{}` does not say what it isolates", name.value);
    let hint = "write `isolates = \"…\"`: what it keeps apart from the other planes, in a sentence; without such a goal one plane is enough";
    Mistake::new(Code::MissingIsolates, message, hint)
        .at(name.place.clone(), "`isolates` is required among several planes")
        .about(format!("planes.{}.isolates", name.value))
}

/// That one duration is above another and may not be.
pub(crate) fn disorder(lower: (&str, Duration), upper: (&str, Duration)) -> String {
    format!("`{}` is {}, which is longer than `{}`, {}", lower.0, spoken(lower.1), upper.0, spoken(upper.1))
}
