//! One look at all processes: who each is, and which plane of which supervisor it belongs to. Signals nobody.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use crate::collision::host::{Belongs, Process};
use crate::daemon::identity;
use crate::openclaw::environment::{COOKIE, MANIFEST};
use crate::os::{lock, process};
use crate::plane::{PlaneName, Planes};
use crate::rundir::PlaneDir;

/// As far up as a process's ancestors are followed; no real tree is so deep.
const DEPTH: usize = 64;

/// The variables that tell whose a process is, and which folders it works in.
const TOLD: [&str; 5] = [COOKIE, MANIFEST, "OPENCLAW_STATE_DIR", "OPENCLAW_CONFIG_PATH", "OPENCLAW_PROFILE"];

/// All processes, as they were.
pub(super) struct Processes {
    seen: HashMap<i32, Seen>,
    /// Our keepers, by pid.
    keepers: HashMap<i32, PlaneName>,
    /// The id of this supervisor, when it has ever run.
    supervisor_id: Option<String>,
}

/// One process.
pub(super) struct Seen {
    pub(super) pid: i32,
    /// The kernel's name for it.
    pub(super) comm: String,
    parent: i32,
    told: BTreeMap<&'static str, String>,
}

impl Seen {
    /// What one of the variables of [`TOLD`] was at its start.
    pub(super) fn told(&self, name: &str) -> Option<&str> {
        self.told.get(name).map(String::as_str)
    }
}

impl Processes {
    /// Looks at all of them.
    pub(super) fn look(planes: &Planes) -> Self {
        let supervisor = &planes.supervisor;
        let keeper = |plane: &PlaneName| lock::holder_of(&PlaneDir::new(supervisor, plane).keeper_lock());
        let names = planes.planes.iter().map(|(plane, _)| &plane.name);
        Self {
            seen: process::all().unwrap_or_default().into_iter().filter_map(|pid| Some((pid, seen(pid)?))).collect(),
            keepers: names.filter_map(|name| Some((keeper(name)?, name.clone()))).collect(),
            supervisor_id: identity::known(&supervisor.state_dir, &supervisor.run_dir),
        }
    }

    /// Every one.
    pub(super) fn all(&self) -> impl Iterator<Item = &Seen> {
        self.seen.values()
    }

    /// Whether a keeper of this supervisor has the plane.
    pub(super) fn is_kept(&self, plane: &PlaneName) -> bool {
        self.keepers.values().any(|kept| kept == plane)
    }

    /// Their numbers.
    pub(super) fn pids(&self) -> Vec<i32> {
        self.seen.keys().copied().collect()
    }

    /// `pid` with its name and belonging; `None` when it was not there.
    pub(super) fn named(&self, pid: i32) -> Option<Process> {
        let seen = self.seen.get(&pid)?;
        let program = process::exe(pid).ok().and_then(|exe| Some(exe.file_name()?.to_string_lossy().into_owned()));
        // A gateway names itself; every other one is better known by its program.
        let program = match program {
            _ if is_gateway(seen) => "openclaw-gateway".to_owned(),
            Some(program) => program,
            None => seen.comm.clone(),
        };
        Some(Process { pid, program, unit: process::unit(pid), belongs: self.belongs(pid) })
    }

    /// Whose `pid` is: by its own cookie, else by that of the nearest ancestor that has one, or is a keeper. A browser's
    /// helpers overwrite their environment, so kinship counts as well.
    fn belongs(&self, pid: i32) -> Belongs {
        let mut next = Some(pid);
        for _ in 0..DEPTH {
            let Some(seen) = next.and_then(|pid| self.seen.get(&pid)) else { break };
            if let Some(plane) = self.keepers.get(&seen.pid) {
                return Belongs::Ours(plane.clone());
            }
            if let Some(cookie) = seen.told(COOKIE) {
                return self.by_cookie(cookie, seen.told(MANIFEST).map(PathBuf::from));
            }
            next = (seen.parent > 1).then_some(seen.parent);
        }
        Belongs::Nobody
    }

    fn by_cookie(&self, cookie: &str, manifest: Option<PathBuf>) -> Belongs {
        let mut parts = cookie.split('/');
        let (id, plane) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        match (self.supervisor_id.as_deref() == Some(id), PlaneName::new(plane)) {
            (true, Ok(plane)) => Belongs::Ours(plane),
            (false, _) | (true, Err(_)) => Belongs::Foreign { plane: plane.to_owned(), manifest },
        }
    }
}

/// Whether it calls itself a gateway; the kernel keeps 15 bytes of a name.
pub(super) fn is_gateway(seen: &Seen) -> bool {
    seen.comm.starts_with("openclaw-gatewa")
}

fn seen(pid: i32) -> Option<Seen> {
    let stat = process::stat(pid).ok().filter(|stat| !stat.ended())?;
    // Refused for other accounts' processes: then only kinship tells.
    let environ = process::environ_bytes(pid).unwrap_or_default();
    let entries = environ.split(|byte| *byte == 0).filter_map(|entry| {
        let at = entry.iter().position(|byte| *byte == b'=')?;
        let name = TOLD.into_iter().find(|name| name.as_bytes() == &entry[..at])?;
        Some((name, String::from_utf8_lossy(&entry[at + 1..]).into_owned()))
    });
    Some(Seen { pid, comm: stat.name(), parent: stat.ppid, told: entries.collect() })
}
