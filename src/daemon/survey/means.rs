//! What the supervisor can hold planes to: of the one that runs, else of this process. Reads /proc and the cgroup file system.

use crate::collision::surroundings::{Lack, Means};
use crate::os::cgroup::{self, NoSubtree, Subtree};
use crate::os::{lock, means};
use crate::plane::{Limits, Planes};
use crate::rundir;

/// Nothing where no plane asks for anything, or /proc does not say.
pub(super) fn look(planes: &Planes) -> Option<Means> {
    if planes.planes.iter().all(|(plane, _)| plane.limits == Limits::default()) {
        return None;
    }
    let us = std::process::id().cast_signed();
    let daemon = lock::holder_of(&rundir::daemon_lock(&planes.supervisor.state_dir));
    let (pid, bounds) = [daemon, Some(us)].into_iter().flatten().find_map(|pid| Some((pid, means::of(pid).ok()?)))?;
    let subtree = cgroup::subtree(pid);
    Some(Means {
        no_memory: lack(&subtree, "memory"),
        no_pids: lack(&subtree, "pids"),
        open_files_most: bounds.open_files_most,
        nice_least: bounds.nice_least,
        oom_score_adj_least: bounds.oom_score_adj_least,
    })
}

fn lack(subtree: &Result<Subtree, NoSubtree>, controller: &str) -> Option<Lack> {
    match subtree {
        Ok(subtree) if subtree.has(controller) => None,
        Ok(subtree) => Some(Lack {
            why: format!("{} does not have the controller `{controller}`", subtree.root().display()),
            hint: "give it to the delegated cgroup (`Delegate=yes`), and boot the host with cgroup v2 alone".to_owned(),
        }),
        Err(why) => Some(Lack { why: why.to_string(), hint: why.hint().to_owned() }),
    }
}
