//! The cgroup of a plane with limits that only a cgroup can hold it to: made before a spawn, removed when the plane is empty.
//!
//! It never keeps a plane from being spawned: what cannot be had is said by the key's name, and the gateway runs without.

use std::os::fd::OwnedFd;

use crate::os::cgroup::{self, Cgroup, Subtree};
use crate::plane::{Limits, Sealed};

/// One limit: its key in the manifest, its controller, its file, and its value.
type Asked = (&'static str, &'static str, &'static str, Option<u64>);

/// A plane's cgroup, while there is one.
#[derive(Debug)]
pub struct Confinement {
    name: String,
    made: Option<Cgroup>,
    /// Kills and refused forks counted before the present incarnation.
    before: (u64, u64),
}

impl Confinement {
    /// None yet. What a killed keeper of this plane left in its cgroup is ended: nobody else is ever put there.
    pub fn new(sealed: &Sealed) -> Self {
        let name = format!("gateward-{}-{}", sealed.supervisor_id, sealed.plane.name);
        let found = cgroup::subtree(own_pid()).ok().map(|subtree| subtree.below(&name));
        let made = found.filter(|cgroup| cgroup.path().is_dir());
        if let Some(cgroup) = &made
            && let Err(error) = cgroup.kill()
        {
            tracing::warn!(%error, cgroup = %cgroup.path().display(), "what a killed keeper left in it could not be ended");
        }
        Self { name, made, before: (0, 0) }
    }

    /// Sees that there is one with these limits, if they need one. Gives the door for the gateway to enter by, and what could
    /// not be had.
    pub fn prepare(&mut self, limits: &Limits) -> (Option<OwnedFd>, Vec<String>) {
        let all = asked(limits);
        if all.iter().all(|(_, _, _, value)| value.is_none()) {
            self.remove();
            return (None, Vec::new());
        }
        let mut told = Vec::new();
        let door = match cgroup::subtree(own_pid()) {
            Ok(subtree) => self.make(&subtree, &all, &mut told),
            Err(why) => {
                let keys = keys(&all, |_| true);
                told.push(format!("{keys} could not be had: {why}; {}", why.hint()));
                None
            }
        };
        self.before = (self.count("memory.events", "oom_kill"), self.count("pids.events", "max"));
        (door, told)
    }

    fn make(&mut self, subtree: &Subtree, all: &[Asked], told: &mut Vec<String>) -> Option<OwnedFd> {
        let mut had = Vec::new();
        for controller in ["memory", "pids"] {
            let keys = keys(all, |own| own == controller);
            if keys.is_empty() {
                continue;
            }
            if !subtree.has(controller) {
                let root = subtree.root().display();
                told.push(format!("{keys} could not be had: {root} does not have the controller `{controller}`"));
                continue;
            }
            match subtree.switch_on(controller) {
                Ok(()) => had.push(controller),
                Err(error) => told.push(format!(
                    "{keys} could not be had: the controller `{controller}` cannot be switched on in {}: {error}",
                    subtree.root().display()
                )),
            }
        }
        if had.is_empty() {
            return None;
        }
        let cgroup = subtree.below(&self.name);
        let door = cgroup.make().and_then(|()| cgroup.door());
        for (key, controller, file, value) in all.iter().filter(|(_, controller, _, _)| had.contains(controller)) {
            if let Err(error) = cgroup.limit(file, *value)
                && value.is_some()
            {
                told.push(format!("{key} could not be had: {file} of the controller `{controller}`: {error}"));
            }
        }
        match door {
            Ok(door) => {
                self.made = Some(cgroup);
                Some(door)
            }
            Err(error) => {
                let keys = keys(all, |own| had.contains(&own));
                told.push(format!("{keys} could not be had: {} cannot be made: {error}", cgroup.path().display()));
                None
            }
        }
    }

    /// How many of the plane's processes the kernel has killed for want of memory, since the cgroup was made. `None` where it
    /// does not count for this plane alone.
    pub fn kills(&self) -> Option<u64> {
        self.made.as_ref()?.count("memory.events", "oom_kill")
    }

    /// What its limits have done to the living incarnation, in words.
    pub fn felt(&self) -> Vec<String> {
        let (kills, refusals) = self.before;
        let kills = self.count("memory.events", "oom_kill").saturating_sub(kills);
        let refusals = self.count("pids.events", "max").saturating_sub(refusals);
        let told = [
            (kills, format!("the kernel killed {kills} of its processes for want of memory")),
            (refusals, format!("pids_max kept it {refusals} times from starting a process")),
        ];
        told.into_iter().filter(|(count, _)| *count > 0).map(|(_, words)| words).collect()
    }

    /// Removes it, when the plane is empty.
    pub fn remove(&mut self) {
        let Some(cgroup) = self.made.take() else { return };
        if let Err(error) = cgroup.remove() {
            tracing::warn!(%error, cgroup = %cgroup.path().display(), "the plane's cgroup could not be removed");
            self.made = Some(cgroup);
        }
    }

    fn count(&self, file: &str, what: &str) -> u64 {
        self.made.as_ref().and_then(|cgroup| cgroup.count(file, what)).unwrap_or(0)
    }
}

fn asked(limits: &Limits) -> [Asked; 3] {
    [
        ("memory_high", "memory", "memory.high", limits.memory_high),
        ("memory_max", "memory", "memory.max", limits.memory_max),
        ("pids_max", "pids", "pids.max", limits.pids_max),
    ]
}

/// The keys that are asked for of some controllers.
fn keys(all: &[Asked], of: impl Fn(&str) -> bool) -> String {
    let asked = all.iter().filter(|(_, controller, _, value)| value.is_some() && of(controller));
    asked.map(|(key, ..)| *key).collect::<Vec<_>>().join(", ")
}

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}
