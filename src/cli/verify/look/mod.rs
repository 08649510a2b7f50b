//! What is to be seen of running planes: trees, sockets, open files, answers, environments.
//!
//! Judges nothing and changes nothing. What may not be looked at is told as such.

mod folders;
mod ports;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::in_force::Word;
use crate::cli::outcome::Failure;
use crate::daemon::survey::configs;
use crate::daemon::{identity, seal};
use crate::keeper::probe::{self, Answered, Target};
use crate::openclaw::environment::{self, COOKIE, Host};
use crate::os::open_files::{self, OpenFile};
use crate::os::sockets::{self, Listener};
use crate::os::{accounts, lock, process, sweep};
use crate::plane::{Contract, Launch, Plane, PlaneName, Planes, Sealed};
use crate::rundir::PlaneDir;
use crate::runtime::Runtimes;
use crate::wire::PlaneStatus;

/// A running plane.
pub struct Subject {
    /// As the manifest means it.
    pub plane: Plane,
    /// Its gateway.
    pub pid: i32,
    /// Its keeper.
    pub keeper: i32,
    /// What the keeper was given, where it may tell us.
    pub given: Option<Sealed>,
    /// Whose word `plane` is.
    pub by: Word,
    /// What the supervisor has still to do to it.
    pub pending: Option<String>,
}

/// All planes' processes, so that a stranger can be called by the plane it belongs to.
pub struct World {
    /// Every plane's own tree: what its keeper is the parent of, and everything below.
    trees: BTreeMap<PlaneName, Vec<i32>>,
    /// What each of them has open; only what may be seen.
    files: BTreeMap<i32, Vec<OpenFile>>,
    /// Everybody who listens on this host.
    listeners: Vec<Listener>,
}

/// Whose a process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// One of the plane's own.
    Own(String),
    /// One of another plane's.
    Plane(PlaneName, String),
    /// Nobody's of ours.
    Stranger(String),
    /// Perhaps its own: whose processes have it may not be seen by this user.
    Unseen(String),
}

/// One who listens on a port that belongs to the plane.
pub struct Heard {
    /// Where.
    pub address: std::net::SocketAddr,
    /// What the port is for, in words.
    pub part: String,
    /// Who.
    pub owner: Owner,
}

/// One browser that has to do with the plane.
pub struct Browser {
    /// Its process, in words.
    pub process: String,
    /// Whether it is one of the plane's own.
    pub own: bool,
    /// Its folder.
    pub folder: PathBuf,
    /// Whether that lies in the plane's own folders.
    pub in_own_folder: bool,
}

/// Each probe with what came back.
pub type Probes = Vec<(String, Result<Answered, String>)>;

/// All that was seen of one plane.
pub struct Seen {
    pub plane: Plane,
    pub pid: i32,
    pub keeper: i32,
    pub parent: Option<i32>,
    pub lock: PathBuf,
    pub lock_holder: Option<i32>,
    /// Whether the lock may not be looked at.
    pub lock_is_closed: bool,
    pub by: Word,
    pub pending: Option<String>,
    pub definition: String,
    /// The environment that its keeper was given; nothing where the keeper may not tell us.
    pub given: Option<BTreeMap<String, String>>,
    pub exe: Option<PathBuf>,
    /// Where its program has to be.
    pub release: Release,
    /// Its processes.
    pub tree: Vec<i32>,
    pub listeners: Vec<Heard>,
    /// Browsers on this host that it attaches to and does not start.
    pub attached: Vec<Heard>,
    /// Browsers that are configured elsewhere than on this host.
    pub remote_browsers: Vec<String>,
    pub browsers: Vec<Browser>,
    /// Connections of its own into browsers of another plane.
    pub reaching: Vec<String>,
    /// Files of its own folders that its processes have open, with one of them.
    pub own_files: Vec<(PathBuf, String)>,
    /// Files of another plane that they have open.
    pub foreign_files: Vec<(PathBuf, PlaneName, String)>,
    /// Files of its own that processes of another plane have open, or that both may write.
    pub invaded: Vec<(PathBuf, PlaneName, String)>,
    /// How many of its processes have descriptors that may not be seen.
    pub hidden: usize,
    /// The pipe that the gateway prints into.
    pub stdout: Option<PathBuf>,
    /// Whether its keeper reads that pipe; nothing where the keeper may not be looked at.
    pub kept: Option<bool>,
    pub log: PathBuf,
    pub probes: Probes,
    pub live: Result<BTreeMap<String, String>, String>,
    pub declared: BTreeMap<String, String>,
    pub cookie: Option<String>,
}

impl World {
    /// One look at all planes.
    pub fn look(statuses: &[PlaneStatus]) -> Self {
        let tree = |status: &PlaneStatus| {
            let tree = sweep::tree(status.keeper_pid?).unwrap_or_default();
            Some((status.name.clone(), tree))
        };
        let trees: BTreeMap<PlaneName, Vec<i32>> = statuses.iter().filter_map(tree).collect();
        let pids: BTreeSet<i32> = trees.values().flatten().copied().collect();
        let files = pids.into_iter().filter_map(|pid| Some((pid, open_files::plain_files(pid).ok()?)));
        Self { files: files.collect(), trees, listeners: sockets::listeners(1..=u16::MAX).unwrap_or_default() }
    }

    fn tree(&self, plane: &PlaneName) -> &[i32] {
        self.trees.get(plane).map_or(&[], Vec::as_slice)
    }

    fn shows_all(&self, plane: &PlaneName) -> bool {
        self.tree(plane).iter().all(|pid| self.files.contains_key(pid))
    }

    fn plane_of(&self, pid: i32) -> Option<&PlaneName> {
        self.trees.iter().find(|(_, tree)| tree.contains(&pid)).map(|(plane, _)| plane)
    }

    /// Whose a listener is, as `plane` sees it.
    fn owner(&self, listener: &Listener, plane: &PlaneName) -> Owner {
        let everybody: Vec<i32> = self.trees.values().flatten().copied().collect();
        let owners = sockets::owners(&[listener.inode], &everybody).remove(&listener.inode).unwrap_or_default();
        // A socket may be inherited: the plane's own comes first.
        let own = owners.iter().find(|pid| self.tree(plane).contains(pid));
        match (own, owners.first()) {
            (Some(pid), _) => Owner::Own(named(*pid)),
            (None, Some(pid)) => match self.plane_of(*pid) {
                Some(other) => Owner::Plane(other.clone(), named(*pid)),
                None => Owner::Stranger(named(*pid)),
            },
            (None, None) => match sockets::holder_of(listener, COOKIE).ok().and_then(|holder| holder.pid) {
                Some(pid) => Owner::Stranger(named(pid)),
                // Where every process of the plane shows what it has open, this one is none of them.
                None if self.shows_all(plane) => Owner::Stranger(format!("a process of user {}", listener.uid)),
                None => Owner::Unseen(format!("a process of user {}", listener.uid)),
            },
        }
    }
}

/// Everything about one plane.
pub fn seen(subject: &Subject, planes: &Planes, world: &World) -> Result<Seen, Failure> {
    let Subject { pid, keeper, given, .. } = subject;
    let plane = &with_passed(&subject.plane, given.as_ref());
    let expected = environment::environ(plane, &planes.supervisor, &Host::default());
    let config = (plane.contract == Contract::Openclaw).then(|| {
        let host = Host { environ: seal::own_environ(), ..Host::default() };
        configs::of_plane(plane, &environment::environ(plane, &planes.supervisor, &host))
    });
    let folder = PlaneDir::new(&planes.supervisor, &plane.name);
    let files = folders::Files::look(plane, planes, world);
    let stdout = open_files::target(*pid, 1).ok();
    let kept = stdout.as_ref().and_then(|pipe| Some(open_files::targets(*keeper).ok()?.contains(pipe)));
    Ok(Seen {
        pid: *pid,
        keeper: *keeper,
        parent: process::stat(*pid).ok().map(|stat| stat.ppid),
        lock_holder: lock::holder_of(&folder.keeper_lock()),
        lock_is_closed: accounts::is_closed(&folder.keeper_lock()),
        by: subject.by,
        pending: subject.pending.clone(),
        lock: folder.keeper_lock(),
        definition: seal::definition(plane),
        given: given.as_ref().map(|given| given.environ.clone()),
        exe: process::exe(*pid).ok(),
        release: release(plane),
        tree: world.tree(&plane.name).to_vec(),
        listeners: ports::listeners(plane, config.as_ref(), world),
        attached: ports::attached(plane, config.as_ref(), world),
        remote_browsers: ports::remote_browsers(config.as_ref()),
        browsers: folders::browsers(plane, config.as_ref(), world),
        reaching: ports::reaching(plane, planes, world),
        own_files: files.own,
        foreign_files: files.foreign,
        invaded: files.invaded,
        hidden: files.hidden,
        stdout,
        kept,
        log: folder.log(),
        probes: probes(plane)?,
        live: live(*pid),
        declared: expected,
        cookie: identity::known(&planes.supervisor.state_dir, &planes.supervisor.run_dir)
            .map(|id| environment::cookie_prefix(&id, plane.name.as_str())),
        plane: plane.clone(),
    })
}

/// `plane` with the values that `pass_env` takes from the supervisor's environment and not from this shell's.
fn with_passed(plane: &Plane, given: Option<&Sealed>) -> Plane {
    let mut plane = plane.clone();
    if let Some(given) = given {
        for name in &plane.passed {
            match given.plane.environment.get(name) {
                Some(value) => plane.environment.insert(name.clone(), value.clone()),
                None => plane.environment.remove(name),
            };
        }
    }
    plane
}

/// The release that a plane is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    /// None that gateward keeps: any program will do.
    Any,
    /// The one in this folder.
    In(PathBuf),
    /// One of this version, which is not among those of whoever looks.
    NotHere(String),
}

fn release(plane: &Plane) -> Release {
    let Launch::Runtime { version, .. } = &plane.launch else { return Release::Any };
    match Runtimes::of_host().get(version).and_then(|found| found.root.canonicalize().ok()) {
        Some(folder) => Release::In(folder),
        None => Release::NotHere(version.clone()),
    }
}

/// Asks each probe once.
fn probes(plane: &Plane) -> Result<Probes, Failure> {
    let targets: Vec<Target> = match (plane.contract, plane.port, &plane.health.url) {
        (Contract::Openclaw, Some(port), _) => {
            let address = (IpAddr::V4(Ipv4Addr::LOCALHOST), port).into();
            ["/healthz", "/startupz", "/readyz"].map(|path| Target { address, path: path.into() }).into()
        }
        (Contract::Plain, _, Some(url)) => probe::target(url).into_iter().collect(),
        (Contract::Openclaw, None, _) | (Contract::Plain, _, None) => Vec::new(),
    };
    let budget = plane.health.timeout.max(Duration::from_secs(3));
    let failed = |error: std::io::Error| Failure::failed(format!("the probes cannot be asked: {error}"), "");
    let driver = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let ask = |target: Target| {
        let answered = driver.block_on(probe::get(&target, budget));
        (format!("http://{}{}", target.address, target.path), answered)
    };
    Ok(targets.into_iter().map(ask).collect())
}

/// The environment that the gateway was started with.
fn live(pid: i32) -> Result<BTreeMap<String, String>, String> {
    let environ = process::environ(pid).map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => "it may not be seen by this user".to_owned(),
        _ => format!("it cannot be read: {error}"),
    })?;
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
    };
    Ok(environ.into_iter().map(text).collect())
}

/// A process in words.
fn named(pid: i32) -> String {
    match process::stat(pid) {
        Ok(stat) => format!("{} (pid {pid})", stat.name()),
        Err(_) => format!("a process (pid {pid})"),
    }
}

/// `path` through links where it is there, as /proc shows paths.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
