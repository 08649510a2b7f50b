//! What a keeper holds: the sealed plane, its living gateway, and the tools of the loop.
//!
//! No decisions; `perform` uses these, `drive` owns them.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use super::clear::Broom;
use super::clock::Clock;
use super::confine::Confinement;
use super::files::Stamps;
use super::helpers::Helpers;
use super::input::Input;
use super::logbook::Logbook;
use super::memory::Memory;
use super::modules::Modules;
use super::origin::Origin;
use super::publish::Known;
use super::tenure::{Left, TenureFile};
use super::usage::Usage;
use super::watcher::Watcher;
use crate::journal::Journal;
use crate::life::event::Told;
use crate::life::phase::Moment;
use crate::openclaw::environment;
use crate::openclaw::exits::Exit;
use crate::openclaw::handoff::Handoff;
use crate::os::launch::{Launch, LaunchError, Prepared, Program};
use crate::os::lock::Lock;
use crate::os::process;
use crate::plane::{Plane, Sealed};
use crate::rundir::PlaneDir;
use crate::socket::Reply;

/// The living gateway.
#[derive(Debug)]
pub struct Running {
    /// Its number.
    pub incarnation: u64,
    /// Its pid, which stays its own until we reap it.
    pub pid: i32,
    /// Its pidfd.
    pub pidfd: OwnedFd,
    /// When it was spawned, by the clock's whole time.
    pub spawned: Duration,
}

/// Who counts the kernel's kills for want of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Witness {
    /// The plane's own cgroup.
    Confinement,
    /// The cgroup in which it is, with others.
    Cgroup(PathBuf),
    /// The host, on which others are killed too.
    Host(PathBuf),
}

/// A gateway that ended with code 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanExit {
    /// Its number.
    pub incarnation: u64,
    /// Its pid, under which OpenClaw knows it.
    pub pid: i32,
    /// When it ended.
    pub at: Moment,
    /// How often its handoff was asked for once more.
    pub asked_again: u32,
}

/// Whether this runtime speaks handoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handoffs {
    /// Not asked yet.
    Unasked,
    /// Being asked; a consume for this clean exit waits for the answer.
    Asking(Option<CleanExit>),
    /// It does.
    Spoken,
    /// It does not.
    Unspoken,
}

/// A handoff's answer as the life hears it.
pub fn told(handoff: Handoff) -> Told {
    match handoff {
        Handoff::Accepted(reason) => Told::Accepted(reason),
        Handoff::Nothing(reason) => Told::Nothing(reason),
        Handoff::Unknown(reason) => Told::Unknown(reason),
    }
}

/// Whose a plane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Custody {
    /// Ours, for as long as we have its lock.
    Ours,
    /// Another keeper's: the lock's file was wiped, and it has taken the one that was made after.
    Anothers,
}

/// Everything that the loop acts with.
#[derive(Debug)]
pub struct Hands {
    /// The plane in force.
    pub sealed: Sealed,
    /// The one before, whose gateway may not have ended; forgotten at the next spawn.
    pub ending: Option<Sealed>,
    /// Its launch, made beforehand.
    pub prepared: Prepared,
    /// What the living gateway was started from.
    pub origin: Origin,
    /// How its config and what belongs to that looked when it was spawned.
    pub read: Stamps,
    /// What it loads from there while it lives.
    pub modules: Modules,
    /// Its cgroup, if its limits need one.
    pub confinement: Confinement,
    /// The gateway, while it lives or is unreaped.
    pub running: Option<Running>,
    /// The last clean exit, which may have been a handoff.
    pub clean: Option<CleanExit>,
    /// Ends leftovers.
    pub broom: Broom,
    /// Short errands.
    pub helpers: Helpers,
    /// Captured output.
    pub logbook: Logbook,
    /// Decisions.
    pub journal: Journal,
    /// Wants and numbers.
    pub memory: Memory,
    /// Where all of it is kept.
    pub folder: PlaneDir,
    /// Whether the plane is still ours.
    pub custody: Custody,
    /// What makes this the plane's only keeper.
    pub lock: Lock,
    /// Has the listener look after what was put back.
    pub nudge: Arc<Notify>,
    /// What the next keeper must know.
    pub tenure: TenureFile,
    /// Probes.
    pub watcher: Watcher,
    /// What `status` shows beside the life.
    pub known: Known,
    /// Numbers of memory and processor.
    pub usage: Usage,
    /// Whether this runtime speaks handoff.
    pub handoffs: Handoffs,
    /// /dev/null.
    pub null: File,
    /// Time.
    pub clock: Clock,
    /// The loop's own queue.
    pub inputs: mpsc::UnboundedSender<Input>,
    /// The supervisor of another release whose keeper follows us at the next spawn.
    pub heir: Option<Reply>,
    /// Set once it was told that it may.
    pub left: Option<Left>,
    /// Where the kernel counts its kills for want of memory, and its count at the last look at a living gateway.
    pub memory_kills: Option<(Witness, u64)>,
    /// The host's count at that look: a gateway may have left the cgroup since, or been moved.
    pub host_kills: Option<u64>,
    /// CPU time at the last look, to tell whether a start, or a restart in place, comes along.
    pub looked_at: (Moment, Duration),
}

impl Hands {
    /// Counts the kernel's kills for want of memory beside the living `pid`: at each look, so that one elsewhere long ago makes
    /// no other kill look like its own. The plane's own cgroup is the best witness, the host a poor one.
    pub fn count_memory_kills(&mut self, pid: i32) {
        let witness = match self.confinement.kills() {
            Some(_) => Some(Witness::Confinement),
            None => process::memory_counter(pid)
                .map(Witness::Cgroup)
                .or_else(|| process::host_memory_counter().map(Witness::Host)),
        };
        self.host_kills = process::host_memory_kills();
        self.memory_kills = witness.and_then(|witness| {
            let count = self.killed_beside(&witness)?;
            Some((witness, count))
        });
    }

    fn killed_beside(&self, witness: &Witness) -> Option<u64> {
        match witness {
            Witness::Confinement => self.confinement.kills(),
            Witness::Cgroup(counter) | Witness::Host(counter) => process::memory_kills(counter),
        }
    }

    /// What a SIGKILL that is not ours was, by what the kernel has counted since the last look.
    pub fn killer(&self) -> Exit {
        let Some((witness, before)) = &self.memory_kills else { return Exit::PerhapsOutOfMemory };
        match (self.killed_beside(witness), witness) {
            (Some(now), Witness::Cgroup(_)) if now == *before && process::host_memory_kills() != self.host_kills => {
                Exit::PerhapsOutOfMemory
            }
            (Some(now), _) if now == *before => Exit::Signal(libc::SIGKILL),
            (Some(_), Witness::Confinement | Witness::Cgroup(_)) => Exit::OutOfMemory,
            (Some(_), Witness::Host(_)) | (None, _) => Exit::PerhapsOutOfMemory,
        }
    }
}

/// The plane by which a gateway that may live was spawned: the one before, where another came meanwhile.
pub fn spawned<'a>(ending: Option<&'a Sealed>, sealed: &'a Sealed) -> &'a Plane {
    &ending.unwrap_or(sealed).plane
}

/// The launch of a sealed plane's gateway, without its cookie.
pub fn launch(sealed: &Sealed) -> Launch {
    let plane = &sealed.plane;
    let program = sealed.argv.first().map_or("", String::as_str);
    let mut launch = Launch::new(Program::Path(program.into()), sealed.argv.iter().map(OsString::from).collect());
    launch.environ = sealed.environ.iter().map(|(name, value)| (name.into(), value.into())).collect();
    launch.cwd = Some(plane.cwd.clone());
    launch.umask = plane.umask.or(sealed.umask);
    launch.account = plane.account.as_ref().map(super::folders::ids);
    launch.parent_death = true;
    launch.new_session = true;
    launch.open_files = plane.limits.open_files;
    launch.nice = plane.limits.nice;
    launch.oom_score_adj = Some(plane.limits.oom_score_adj.unwrap_or_else(|| oom_score(plane.role)));
    launch
}

/// Raised above our own, which needs no privilege, so that the kernel takes main before rescue and any gateway before its
/// keeper.
fn oom_score(role: crate::plane::Role) -> i32 {
    use crate::plane::Role;
    let above = match role {
        Role::Rescue => 100,
        Role::Main => 200,
        Role::Other | Role::Staging => 300,
    };
    let own = crate::os::oom::score().unwrap_or(0).max(0);
    (own + above).min(1000)
}

/// The launch of a helper: as the gateway's, but for its arguments.
pub fn helper(sealed: &Sealed, args: &[&str]) -> Launch {
    let program = sealed.argv.first().map_or("", String::as_str);
    let argv = environment::helper_argv(&sealed.plane, Path::new(program), args);
    let mut launch = launch(sealed);
    launch.argv = argv.into_iter().map(OsString::from).collect();
    // No incarnation's: so that the sweep of a new keeper finds what a killed one had under way.
    let cookie = environment::cookie(&sealed.supervisor_id, sealed.plane.name.as_str(), 0);
    launch.environ.push((environment::COOKIE.into(), cookie.into()));
    launch
}

/// Makes the launch of a sealed plane.
pub fn prepare(sealed: &Sealed) -> Result<Prepared, LaunchError> {
    launch(sealed).prepare()
}
