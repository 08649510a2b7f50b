//! One process per plane: parent and subreaper of its gateway. Knows no manifest.
//!
//! It is given one sealed plane in a memfd and lives until it is told to retire. It survives the daemon; its gateway does
//! not survive it. Reading order: [`main`], `drive` (hear, decide, do), `perform`, then the tools.

pub mod logbook;
pub mod probe;

mod asks;
mod clear;
mod clock;
mod confine;
mod drive;
mod ending;
mod files;
pub mod folders;
mod handing;
mod hands;
mod helpers;
mod includes;
mod input;
mod memory;
mod modules;
mod notices;
mod observe;
mod origin;
mod perform;
mod proof;
mod publish;
mod readable;
mod restore;
mod shown;
mod tenure;
mod usage;
mod watcher;

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio::task::LocalSet;

use crate::life::order::{Order, Want};
use crate::life::{Life, Rules};
use crate::openclaw::environment;
use crate::os::lock::{Lock, NotTaken, is_anothers};
use crate::os::{harden, memfd, process, reap};
use crate::own_log::log_to;
use crate::plane::{ALREADY_KEPT, ANNOUNCE_FD, BRIEF_FD, Brief, CANNOT, Sealed};
use crate::rundir::{self, PlaneDir};
use crate::socket::{Access, Heard, Listener, forward, make_folder, serve};
use crate::wants::Wants;
use crate::wire::LastExit;
use clock::Clock;
use drive::Keeper;
use hands::{Custody, Handoffs, Hands};
use input::Input;
use tenure::{Tenure, TenureFile};

/// A sealed plane is a few KiB; an `env_file` makes it the longest.
const BRIEF_CAP: usize = 16 << 20;

/// How long what helpers have started may take to end when the keeper leaves.
const LAST_ENDS: Duration = Duration::from_secs(2);

/// How long the log may take to be written out when the keeper leaves.
const LAST_WRITES: Duration = Duration::from_secs(2);

/// Keeps one plane until it is retired. Exit code 0: retired; [`ALREADY_KEPT`]: another keeper has it; 1: it could not begin,
/// with the reason in the keeper's log, or on stderr before there is one.
pub fn main() -> ExitCode {
    match begin() {
        Ok(code) => code,
        Err(error) => {
            tracing::error!(%error, "the keeper could not begin");
            let _ = writeln!(io::stderr(), "error: the keeper could not begin: {error}");
            ExitCode::FAILURE
        }
    }
}

fn begin() -> io::Result<ExitCode> {
    let Ok(brief) = brief() else {
        let _ = writeln!(
            io::stderr(),
            "error: `gateward keeper` is for the supervisor alone, which hands each keeper a plane; none was handed over\n \
             hint: `gateward run` keeps the planes of a manifest; `gateward --help` lists the verbs"
        );
        return Ok(ExitCode::FAILURE);
    };
    // Closed by whatever ends this function.
    let announce = crate::os::inherited::inherited(ANNOUNCE_FD).ok();
    let why = announce.as_ref().and_then(|announce| announce.try_clone().ok());
    let begun = work(brief, announce);
    if let (Err(error), Some(why)) = (&begun, why) {
        // The one who can tell an operator: our own log may lie on the disk that is the reason.
        let _ = rustix::io::write(&why, format!("{CANNOT}{error}").as_bytes());
    }
    begun
}

fn work(brief: Brief, announce: Option<OwnedFd>) -> io::Result<ExitCode> {
    let supervisor = &brief.sealed.supervisor;
    let folder = PlaneDir::new(supervisor, &brief.sealed.plane.name);
    let of = |what: String| move |error: io::Error| io::Error::new(error.kind(), format!("{what}: {error}"));
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder.root());
    made.map_err(of(format!("cannot make {}", folder.root().display())))?;
    let spare = rundir::spare_keeper_log(&supervisor.run_dir, &brief.sealed.plane.name);
    let lock = Lock::take(&folder.keeper_lock());
    // The log is the living keeper's.
    if let Err(NotTaken::Held { .. }) = &lock {
        return Ok(ExitCode::from(ALREADY_KEPT));
    }
    let refused = log_to(&folder.keeper_log(), &spare);
    let lock = lock.map_err(|error| io::Error::other(error.to_string()))?;
    settle_in();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let lock = LocalSet::new().block_on(&runtime, keep(brief, folder, lock, announce, refused))?;
    drop(runtime);
    drop(lock);
    Ok(ExitCode::SUCCESS)
}

fn brief() -> io::Result<Brief> {
    let fd = crate::os::inherited::inherited(BRIEF_FD)?;
    let bytes = memfd::read(&fd, BRIEF_CAP)?;
    serde_json::from_slice(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// First in line for the processor, last for the out-of-memory killer, untraceable; what is refused is no reason not to
/// keep the plane.
fn settle_in() {
    let said = |what: &str, done: io::Result<()>| {
        if let Err(error) = done {
            tracing::info!(%error, "{what}");
        }
    };
    said("the kernel's memory killer is not told to spare the keeper", harden::prefer_others_for_oom(-900));
    said("the keeper can be traced", harden::undumpable());
    said("orphans of the plane would go to init", reap::become_subreaper());
}

async fn keep(
    brief: Brief,
    folder: PlaneDir,
    lock: Lock,
    announce: Option<OwnedFd>,
    refused: Option<io::Error>,
) -> io::Result<Lock> {
    let (inputs, heard_inputs) = mpsc::unbounded_channel();
    let name = brief.sealed.plane.name.clone();
    let supervisor = brief.sealed.supervisor.clone();
    let access = Access::of(supervisor.socket_group.as_deref())?;
    readable::set(&folder, access);
    make_folder(&supervisor.run_dir, access)?;
    make_folder(&rundir::keeper_sockets(&supervisor.run_dir), access)?;
    let listener = Listener::bind(&rundir::keeper_socket(&supervisor.run_dir, &name), access, &[folder.keeper_lock()])?;
    let (hear, heard) = mpsc::channel::<Heard>(16);
    tokio::task::spawn_local(forward(heard, inputs.clone(), Input::Heard));
    let nudge = listener.nudge();
    let touched = inputs.clone();
    let place = folder.keeper_lock();
    let serving = tokio::task::spawn_local(serve(
        listener,
        hear,
        move || !is_anothers(&place),
        move |_| drop(touched.send(Input::Touched)),
    ));
    listen_for_signals(&inputs, Arc::clone(&nudge))?;
    if let Some(announce) = announce {
        // A daemon that has died meanwhile reads nothing: its successor finds the socket.
        let _ = rustix::io::write(&announce, b"1");
    }

    let boot = process::boot_id()?;
    let (mut keeper, first) = keeper(brief, folder, (lock, nudge), access, &boot, inputs)?;
    keeper.hands.known.unwritable = refused.map(|error| {
        let folder = keeper.hands.folder.root().display();
        format!(
            "nothing could be written in {folder} when its keeper began ({error}): its log and journal may be lost; the next restart of \
             the keeper looks again"
        )
    });
    keeper.drive(first, heard_inputs).await;
    tracing::info!(plane = %name, "the keeper leaves");
    keeper.hands.helpers.end_all();
    clear::end_rest(LAST_ENDS).await;
    keeper.hands.confinement.remove();
    // What lies there is another keeper's where one has taken the plane.
    if keeper.hands.custody == Custody::Ours
        && let Err(error) = keeper.leave()
    {
        tracing::warn!(%error, "the next keeper will take this one for killed");
    }
    keeper.hands.logbook.close(LAST_WRITES);
    // Without the queue the listener gives its last answers and comes back. The lock goes with the process: whoever waits for it takes
    // the plane for left.
    let lock = lock_of(keeper);
    if let Ok(listener) = serving.await {
        listener.remove()?;
    }
    Ok(lock)
}

/// Drops everything else.
fn lock_of(keeper: Box<Keeper>) -> Lock {
    keeper.hands.lock
}

/// The keeper on the heap: as a part of what waits it would be there twice, and once more on the stack.
fn keeper(
    brief: Brief,
    folder: PlaneDir,
    lock: (Lock, Arc<Notify>),
    access: Access,
    boot: &str,
    inputs: mpsc::UnboundedSender<Input>,
) -> io::Result<(Box<Keeper>, Vec<Order>)> {
    let (tenure, before) = TenureFile::new(folder.tenure(), boot);
    // One that was killed since the look, or before a look that this one was not told of, has left its file.
    let is_first = before.as_ref().is_none_or(|before| before.boot != boot) && !tenure.is_unreadable();
    let swept = is_first && brief.is_empty_at(process::since_boot());
    let (ended, rests) = (brief.ended_before, brief.rests);
    let mut hands = hands(brief.sealed, folder, lock, boot, tenure, inputs)?;
    if swept {
        hands.broom.trust_the_look();
    }
    hands.journal.let_read(access.group());
    let (life, first) = life(&mut hands, before, boot, (ended.as_deref(), rests));
    Ok((Box::new(Keeper::new(hands, life)), first))
}

fn hands(
    sealed: Sealed,
    folder: PlaneDir,
    (lock, nudge): (Lock, Arc<Notify>),
    boot: &str,
    tenure: TenureFile,
    inputs: mpsc::UnboundedSender<Input>,
) -> io::Result<Hands> {
    let plane = &sealed.plane;
    let prefix = environment::cookie_prefix(&sealed.supervisor_id, plane.name.as_str());
    let wants = Wants::of(&sealed.supervisor.run_dir, &folder, &plane.name, boot.to_owned());
    let incarnations = [folder.incarnation(), rundir::incarnation(&sealed.supervisor.run_dir, &plane.name)];
    let prepared = hands::prepare(&sealed).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(Hands {
        ending: None,
        prepared,
        origin: origin::Origin::default(),
        read: files::Stamps::default(),
        modules: modules::Modules::default(),
        confinement: confine::Confinement::new(&sealed),
        running: None,
        clean: None,
        broom: clear::Broom::new(&prefix, folder.plane_lock()),
        helpers: helpers::Helpers::default(),
        logbook: logbook::Logbook::open(&folder.logs(), plane.log.clone()),
        journal: crate::journal::Journal::open(&folder.journal()),
        memory: memory::Memory::new(wants, incarnations),
        tenure,
        folder,
        lock,
        custody: Custody::Ours,
        nudge,
        watcher: watcher::Watcher::new(),
        known: publish::Known { definition: sealed.definition.clone(), ..publish::Known::default() },
        usage: usage::Usage::new(),
        handoffs: Handoffs::Unasked,
        null: helpers::null()?,
        clock: Clock::start(),
        inputs,
        heir: None,
        left: None,
        memory_kills: None,
        host_kills: None,
        looked_at: (Duration::ZERO, Duration::ZERO),
        sealed,
    })
}

/// The operator's word holds; without one, `autostart` decides. Before either goes a stop that is on its way. What a keeper that died has left is told and counted.
fn life(
    hands: &mut Hands,
    before: Option<Tenure>,
    boot: &str,
    (ended, rests): (Option<&str>, bool),
) -> (Life, Vec<Order>) {
    let rules = Rules::from(&hands.sealed.plane);
    if rests && let Err(error) = hands.memory.remember(Want::Down) {
        // Whoever asked for the stop hears of it when he makes the ask.
        tracing::warn!(%error, "what the operator wants cannot be written");
    }
    let wanted = hands.memory.wanted();
    let seed = u64::from(std::process::id()) << 32 | u64::from(hands.sealed.plane.port.unwrap_or_default());
    let last = hands.memory.last_incarnation();
    let now = hands.clock.now();
    let autostart = hands.sealed.plane.autostart;
    let want = wanted.unwrap_or(if autostart { Want::Up } else { Want::Down });
    let mut life = Life::new(rules, want, last, seed);
    if let Some(before) = &before {
        life.inherit(before.past(boot, &hands.clock));
        hands.known.last_exit = match before.living {
            Some(_) => Some(LastExit {
                code: None,
                signal: Some(libc::SIGKILL),
                at: hands.clock.stamp(),
                meaning: format!(
                    "ended with its keeper (pid {}), which {}",
                    before.pid,
                    if ended.is_some() { "hung, and was ended by the supervisor" } else { "died" }
                ),
            }),
            None => before.last_exit.clone(),
        };
    }
    let first = if wanted.is_none() && !autostart { life.begin_at_rest(now) } else { life.begin(now) };
    if let Some(before) = before.filter(|before| before.left.is_none()) {
        hands.record(before.told(boot, &life.coming(now), ended));
    }
    (life, first)
}

/// TERM and INT end the plane with its grace, as a host that shuts down wants; HUP has the keeper look after its socket and its files.
fn listen_for_signals(inputs: &mpsc::UnboundedSender<Input>, nudge: Arc<Notify>) -> io::Result<()> {
    type Make = fn() -> Input;
    let wanted: [(SignalKind, Option<Make>); 6] = [
        (SignalKind::child(), Some(|| Input::ChildrenChanged)),
        (SignalKind::terminate(), Some(|| Input::ToldToGo("SIGTERM"))),
        (SignalKind::interrupt(), Some(|| Input::ToldToGo("SIGINT"))),
        (SignalKind::pipe(), None),
        // What an operator means for the gateway, or for the supervisor, must not cost a plane its keeper.
        (SignalKind::user_defined1(), None),
        (SignalKind::user_defined2(), None),
    ];
    for (kind, make) in wanted {
        let mut signals = signal(kind)?;
        let inputs = inputs.clone();
        tokio::task::spawn_local(async move {
            while signals.recv().await.is_some() {
                if let Some(make) = make
                    && inputs.send(make()).is_err()
                {
                    return;
                }
            }
        });
    }
    let mut hangups = signal(SignalKind::hangup())?;
    let inputs = inputs.clone();
    tokio::task::spawn_local(async move {
        while hangups.recv().await.is_some() {
            nudge.notify_one();
            let _ = inputs.send(Input::Touched);
        }
    });
    Ok(())
}
