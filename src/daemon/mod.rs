//! The reconciler: reads the manifest, looks at the world, plans, applies. Parent of no gateway, remembers nothing it cannot read again.
//!
//! Reading order: [`run`], `core` (the loop), `reconcile` (plans applied), `keepers` and `follow`, then the tools.

pub mod applied;
pub mod identity;
mod judged;
mod lanes;
pub mod keepers;
pub mod load;
mod passage;
pub mod seal;
pub mod survey;

mod core;
mod deaths;
mod doubt;
mod follow;
mod gone;
mod input;
mod load_file;
mod load_whose;
mod orders;
mod proved;
mod proving;
mod reconcile;
mod report;
mod signals;
mod successor;
mod unsealable;
pub mod vigil;
mod voice;
mod watch;
mod watchdog;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::LocalSet;

use crate::journal::Journal;
use crate::os::lock::{Lock, NotTaken, is_anothers};
use crate::os::{harden, room};
use crate::own_log::log_to;
use crate::plane::{PlaneName, Planes, Supervisor};
use crate::rundir;
use crate::socket::{Access, Heard, Listener, forward, make_folder, serve};
pub use core::{End, Manner};
use input::Input;

/// A keeper gives its gateway the plane's lock under number 64, and both want some room beside.
pub const DESCRIPTORS: u64 = 128;

/// Why the supervisor could not run.
#[derive(Debug)]
pub enum RunError {
    /// The manifest cannot be read or is invalid.
    Manifest(Box<load::LoadError>),
    /// Another supervisor has this state dir.
    Second {
        /// In words, with its pid where it is known.
        holder: String,
    },
    /// What this manifest started lives on in folders that it no longer names.
    Moved {
        /// Who lives there.
        who: String,
        /// Its state dir.
        state_dir: PathBuf,
        /// Its run dir.
        run_dir: PathBuf,
    },
    /// Too few descriptors for a supervisor and its keepers.
    Descriptors {
        /// How many there may be.
        most: u64,
    },
    /// The host refused something that it cannot do without.
    Host {
        /// What was being done.
        doing: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest(error) => error.fmt(f),
            Self::Second { holder } => write!(f, "another supervisor runs with this state dir or run dir: {holder}"),
            Self::Moved { who, state_dir, run_dir } => write!(
                f,
                "{who} of this manifest still runs with state_dir {} and run_dir {}, which the manifest no longer names",
                state_dir.display(),
                run_dir.display()
            ),
            Self::Descriptors { most } => {
                write!(f, "this process may have {most} files open at once (RLIMIT_NOFILE), and needs {DESCRIPTORS}")
            }
            Self::Host { doing, source } => write!(f, "cannot {doing}: {source}"),
        }
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Host { source, .. } => Some(source),
            Self::Manifest(_) | Self::Second { .. } | Self::Moved { .. } | Self::Descriptors { .. } => None,
        }
    }
}

/// Runs the supervisor of `manifest` in the foreground until it is told to go. Needs the process's main thread.
pub fn run(manifest: &Path, manner: Manner) -> Result<End, RunError> {
    room::for_descriptors(DESCRIPTORS).map_err(|most| RunError::Descriptors { most })?;
    seal::speak_for(seal::process_environ());
    let planes = match load::read(manifest) {
        Ok(loaded) => loaded.planes,
        // Nothing new is started by what cannot be read; what lives is looked after.
        Err(error) => match applied::left_living(&error.manifest.clone().unwrap_or_else(|| manifest.to_owned())) {
            Some(planes) => planes,
            None => return Err(RunError::Manifest(error)),
        },
    };
    let state_dir = planes.supervisor.state_dir.clone();
    refuse_a_move(&planes.supervisor)?;
    let host = |doing: String| move |source| RunError::Host { doing, source };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&state_dir)
        .map_err(host(format!("make the state dir {}", state_dir.display())))?;
    let passed = crate::os::exe::passed();
    let lock = match Lock::take_or_keep(&rundir::daemon_lock(&state_dir), &passed) {
        Ok(lock) => lock,
        Err(held @ NotTaken::Held { .. }) => return Err(second(&held, &rundir::applied(&state_dir), manifest)),
        Err(NotTaken::Failed { path, cause }) => {
            let doing = format!("lock {}, in the state dir {}", path.display(), state_dir.display());
            return Err(host(doing)(cause));
        }
    };
    // Two manifests may name one run dir: whoever binds the sockets there speaks for every plane behind them.
    let run_dir = &planes.supervisor.run_dir;
    let doing = || format!("use the run dir {}", run_dir.display());
    let access = Access::of(planes.supervisor.socket_group.as_deref()).map_err(host(doing()))?;
    make_folder(run_dir, access).map_err(host(doing()))?;
    let sockets = match Lock::take_or_keep(&rundir::sockets_lock(run_dir), &passed) {
        Ok(lock) => lock,
        Err(held @ NotTaken::Held { .. }) => return Err(second(&held, &rundir::breadcrumb(run_dir), manifest)),
        Err(NotTaken::Failed { path, cause }) => {
            return Err(host(format!("lock {}, in the run dir {}", path.display(), run_dir.display()))(cause));
        }
    };
    if access.group().is_some() {
        // Members may read logs and journals below. It stays of our own group: systemd takes back the ownership of the whole tree
        // where that of a `StateDirectory=` is another.
        passage::through(&state_dir);
    }
    if let Some(error) = log_to(&rundir::daemon_log(&state_dir), &rundir::spare_daemon_log(run_dir)) {
        let lost = format!("{} ({error}): logs and journals are lost until it can be", state_dir.display());
        let _ = writeln!(io::stderr(), "warning: nothing can be written in the state dir {lost}");
    }
    if let Err(error) = harden::undumpable() {
        tracing::warn!(%error, "the supervisor can be traced");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(lanes::LANES)
        // Signals are this thread's alone: held back here, they wait for whoever takes our place.
        .on_thread_start(crate::os::signals::hold_back)
        // A proof is rare: its thread does not stay for the next one.
        .thread_keep_alive(Duration::from_millis(1))
        .build()
        .map_err(host("start the runtime".into()))?;
    let end = LocalSet::new()
        .block_on(&runtime, supervise(planes, manner, lock, sockets))
        .map_err(host("listen for requests".into()));
    // A proof that is under way, with its questions to OpenClaw, is nobody's any more, and changes nothing: not waited for.
    runtime.shutdown_background();
    end
}

/// That somebody has the place, and by which manifest, where that is another one; its note lies there.
fn second(held: &NotTaken, note: &Path, own: &Path) -> RunError {
    let other = applied::read(note).map(|note| note.manifest).filter(|manifest| manifest != own);
    let by = other.map_or_else(String::new, |manifest| format!(", for manifest {}", manifest.display()));
    RunError::Second { holder: format!("{held}{by}") }
}

/// What still lives under the folders that the manifest named before would be started a second time under the new ones.
fn refuse_a_move(supervisor: &Supervisor) -> Result<(), RunError> {
    let (run_dir, state_dir) = (&supervisor.run_dir, &supervisor.state_dir);
    let Some(elsewhere) = applied::lives_elsewhere(&supervisor.manifest, run_dir, state_dir) else { return Ok(()) };
    let who = if elsewhere.supervisor {
        "the supervisor".to_owned()
    } else {
        let names: Vec<&str> = elsewhere.kept.iter().map(PlaneName::as_str).collect();
        format!("the keepers of {}", names.join(", "))
    };
    Err(RunError::Moved { who, state_dir: elsewhere.applied.state_dir, run_dir: elsewhere.applied.run_dir })
}

async fn supervise(planes: Planes, manner: Manner, lock: Lock, sockets: Lock) -> io::Result<End> {
    let (inputs, heard_inputs) = mpsc::unbounded_channel();
    let supervisor = planes.supervisor.clone();
    let access = Access::of(supervisor.socket_group.as_deref())?;
    let (listener, (hear, heard)) = (listener(&supervisor, access)?, mpsc::channel::<Heard>(16));
    tokio::task::spawn_local(forward(heard, inputs.clone(), Input::Heard));
    let (place, nudge) = (rundir::sockets_lock(&supervisor.run_dir), listener.nudge());
    let touched = inputs.clone();
    let serving = tokio::task::spawn_local(serve(
        listener,
        hear,
        move || !is_anothers(&place),
        move |what| drop(touched.send(Input::Touched(what))),
    ));
    signals::listen(&inputs)?;

    let daemon = core::Daemon {
        id: identity::of(&supervisor)?,
        own: seal::own_environ(),
        keepers: keepers::Keepers::new()?,
        seen: BTreeMap::new(),
        keeping: BTreeSet::new(),
        leaving: BTreeSet::new(),
        departing: BTreeSet::new(),
        applied: BTreeMap::new(),
        orders: BTreeMap::new(),
        told: 0,
        pending: Vec::new(),
        staggering: false,
        bounds: BTreeMap::new(),
        waiting: BTreeMap::new(),
        findings: Vec::new(),
        host: Vec::new(),
        refused: Vec::new(),
        stamps: Default::default(),
        looks: 0,
        lanes: lanes::Lanes::default(),
        read: None,
        trouble: String::new(),
        later: Vec::new(),
        troubles: BTreeMap::new(),
        deaths: Default::default(),
        unbegun: BTreeMap::new(),
        ended: BTreeMap::new(),
        resting: BTreeSet::new(),
        waits: BTreeSet::new(),
        yielding: BTreeMap::new(),
        unsaid: BTreeMap::new(),
        begun: format!("{:.3}", core::now()),
        program: crate::os::exe::called_by()?,
        doubted: BTreeSet::new(),
        glancing: false,
        lock,
        sockets,
        nudge,
        journal: journal(&supervisor.state_dir, access),
        voice: voice::Voice::of(&planes),
        manner,
        down: None,
        watch: watch::Watch::new(inputs.clone()),
        planes,
        inputs,
    };
    let end = daemon.run(heard_inputs).await;
    // The loop's queue is closed, so the listener gives its last answers and comes back.
    if let Ok(listener) = serving.await
        && !matches!(end, End::Replaced { .. })
    {
        listener.remove()?;
    }
    Ok(end)
}

fn listener(supervisor: &Supervisor, access: Access) -> io::Result<Listener> {
    let keepers = rundir::keeper_sockets(&supervisor.run_dir);
    make_folder(&supervisor.run_dir, access)?;
    make_folder(&keepers, access)?;
    crate::socket::give_again(&keepers, access);
    let watched = [rundir::daemon_lock(&supervisor.state_dir)];
    Listener::bind(&rundir::daemon_socket(&supervisor.run_dir), access, &watched)
}

fn journal(state_dir: &Path, access: Access) -> Journal {
    let mut journal = Journal::open(&rundir::daemon_journal(state_dir));
    journal.let_read(access.group());
    journal
}
