//! `runtime`: the OpenClaw releases of this host: install, list, remove.
//!
//! Which planes live on a release is read off the processes, which would be started on it is asked of their keepers, and which
//! are to run on it is read off the manifest, where there is one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::json;

use super::outcome::{Code, Failure, Outcome, Told};
use super::target::{Scope, Target};
use super::{terminal, trouble};
use crate::daemon::survey::held;
use crate::plane::{Launch, Plane};
use crate::render::table::{Cell, Column, Side, table};
use crate::render::text::size;
use crate::runtime::{Bar, Claims, InstallError, Installed, Record, RemoveError, Runtimes};

/// Names of planes by the release that they run on, or are to run on.
type InUse = BTreeMap<String, Vec<String>>;

/// The words of `runtime`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward runtime install 2026.9.6
  gateward runtime list
  gateward runtime remove 2026.8.1
  PATH=\"$(gateward runtime install 2026.9.6):$PATH\" openclaw --version

Releases are kept in $GATEWARD_RUNTIMES_DIR, else as root in /var/lib/gateward/runtimes, else in \
$XDG_DATA_HOME/gateward/runtimes (~/.local/share). Each takes about 850 MB. A plane runs on one through \
`[runtimes.NAME] version = \"…\"` and `runtime = \"NAME\"` in the manifest.

Exit codes: 0 done; 1 it failed, and nothing is left that could be taken for a release; 2 usage; 6 (remove) the manifest cannot be \
read or is invalid.")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// What is to be done with releases.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// Install OpenClaw with the Node it needs, through npm; prints the folder of its programs
    #[command(after_help = "\
Examples:
  gateward runtime install 2026.9.6
  PATH=\"$(gateward runtime install 2026.9.6):$PATH\" openclaw --version

Exit codes: 0 it is here; 1 npm failed, or this host has no Node package.")]
    Install {
        /// The release, such as 2026.9.6
        version: String,
    },
    /// Show the releases that are installed, and which planes run on them
    #[command(after_help = "\
Examples:
  gateward runtime list
  gateward runtime list --json

Exit codes: 0 shown; 1 the folder cannot be read.")]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a release that no plane runs on, and that the manifest gives to none
    #[command(after_help = "\
Examples:
  gateward runtime remove 2026.8.1

Exit codes: 0 removed; 1 a plane runs on it, or it is not there; 6 the manifest cannot be read or is invalid.")]
    Remove {
        /// The release
        #[arg(add = super::completions::releases())]
        version: String,
    },
}

impl Args {
    /// Whether JSON is wanted.
    pub fn json(&self) -> bool {
        match &self.what {
            What::List { json } => *json,
            What::Install { .. } | What::Remove { .. } => false,
        }
    }
}

/// Whose each release is.
#[derive(Default)]
struct Owners {
    living: InUse,
    kept: InUse,
    given: InUse,
    /// Planes that have a keeper, on a release or on something else.
    held: BTreeSet<String>,
}

/// Runs `runtime`.
pub fn run(args: &Args, scope: &Scope) -> Outcome {
    let living = || Runtimes::of_host().users();
    match &args.what {
        What::Install { version } => install(version),
        What::List { json } => list(*json, &Owners { living: living(), ..as_known(scope) }),
        What::Remove { version } => remove(version, &|| Ok(Owners { living: living(), ..manifest(scope)? })),
    }
}

/// What is installed is shown also where the manifest does not hold: keepers still tell what they would start.
fn as_known(scope: &Scope) -> Owners {
    let failure = match manifest(scope) {
        Ok(owners) => return owners,
        Err(failure) => failure,
    };
    match Target::find(scope) {
        Ok(target) => kept(&target.applied.run_dir),
        Err(_) => {
            let told = failure.told().message;
            let first = told.lines().next().unwrap_or_default();
            let first = first.strip_prefix("error: ").unwrap_or(first);
            terminal::say(&format!(
                "warning: {first}\n hint: which planes are given a release is not known without it\n"
            ));
            Owners::default()
        }
    }
}

/// What keepers tell.
fn kept(run_dir: &Path) -> Owners {
    let held = held::held(run_dir);
    Owners {
        kept: by_release(held.iter().map(|one| &one.sealed.plane)),
        held: held.iter().map(|one| one.sealed.plane.name.to_string()).collect(),
        ..Owners::default()
    }
}

/// The planes that the manifest gives a release to, and those whose keepers would start them on one. Without a manifest there
/// are none; with one that was named, or that is found and does not hold, nobody knows.
fn manifest(scope: &Scope) -> Result<Owners, Failure> {
    match scope.find() {
        Err(error) if scope.manifest.is_none() && error.manifest.is_none() => return Ok(Owners::default()),
        Err(error) => return Err(trouble::manifest(&error)),
        Ok(_) => {}
    }
    // Keepers are where they were started, also when the manifest names another run dir since.
    let target = Target::quietly(scope)?;
    let loaded = target.loaded.map_err(|error| trouble::manifest(&error))?;
    let given = by_release(loaded.planes.planes.iter().map(|(plane, _)| plane));
    Ok(Owners { given, ..kept(&target.applied.run_dir) })
}

fn by_release<'a>(planes: impl Iterator<Item = &'a Plane>) -> InUse {
    let mut by_release = InUse::new();
    for plane in planes {
        if let Launch::Runtime { version, .. } = &plane.launch {
            by_release.entry(version.clone()).or_default().push(plane.name.to_string());
        }
    }
    by_release
}

fn install(version: &str) -> Outcome {
    let installed = ensure(version)?;
    let node = &installed.record.node;
    terminal::say(&format!("OpenClaw {version} with Node {node} is here; its programs are in\n"));
    terminal::print(&format!("{}\n", installed.bin().display()))?;
    Ok(Code::Done)
}

/// The release of that version, installed now if it is not here, with the progress shown.
pub fn ensure(version: &str) -> Result<Installed, NotEnsured> {
    let runtimes = Runtimes::of_host();
    let mut bar = Bar::new(version);
    driver()?.block_on(async {
        let told = interrupted()?;
        runtimes.ensure(version, &mut |news| bar.tell(&news), told).await.map_err(NotEnsured::Install)
    })
}

/// Why a release is not here.
#[derive(Debug)]
pub enum NotEnsured {
    /// It could not be installed.
    Install(InstallError),
    /// It could not even be tried.
    Host(Failure),
}

impl From<Failure> for NotEnsured {
    fn from(failure: Failure) -> Self {
        Self::Host(failure)
    }
}

impl From<NotEnsured> for Failure {
    fn from(error: NotEnsured) -> Self {
        match error {
            NotEnsured::Install(error) => error.into(),
            NotEnsured::Host(failure) => failure,
        }
    }
}

fn list(as_json: bool, owners: &Owners) -> Outcome {
    let runtimes = Runtimes::of_host();
    let installed = runtimes.installed();
    if let Err(error) = std::fs::read_dir(runtimes.root())
        && error.kind() != std::io::ErrorKind::NotFound
    {
        let message = format!("cannot read {}, where releases are installed: {error}", runtimes.root().display());
        return Err(Failure::failed(message, "ask as the account whose folder that is, with its HOME"));
    }
    if as_json {
        let list: Vec<_> = installed.iter().map(|one| in_json(one, owners)).collect();
        terminal::print_json(&json!({ "root": runtimes.root(), "runtimes": list }))?;
        return Ok(Code::Done);
    }
    if installed.is_empty() {
        terminal::say(&format!(
            "no OpenClaw release is installed in {}; `gateward runtime install {}` installs one\n",
            runtimes.root().display(),
            crate::runtime::PINNED
        ));
        return Ok(Code::Done);
    }
    let rows: Vec<Vec<Cell>> = installed.iter().map(|one| row(one, owners)).collect();
    terminal::print(&table(&COLUMNS, &rows, terminal::stdout_look()))?;
    Ok(Code::Done)
}

const COLUMNS: [Column; 5] = [
    Column { head: "VERSION", side: Side::Left, expendable: 0 },
    Column { head: "NODE", side: Side::Left, expendable: 2 },
    Column { head: "SIZE", side: Side::Right, expendable: 0 },
    Column { head: "INSTALLED", side: Side::Left, expendable: 1 },
    Column { head: "IN USE BY", side: Side::Left, expendable: 0 },
];

fn row(one: &Installed, owners: &Owners) -> Vec<Cell> {
    let Record { version, node, bytes, installed_at, .. } = &one.record;
    let Claims { living, kept, given } = claims_on(version, owners);
    let idle = |name: &String| format!("{name} (not running)");
    let to_come = given
        .iter()
        .filter(|name| !living.contains(name) && !kept.contains(name))
        .map(|name| if owners.held.contains(name) { format!("{name} (after a reload)") } else { idle(name) });
    let kept = kept.iter().filter(|name| !living.contains(name)).map(idle);
    let users = living.iter().cloned().chain(kept).chain(to_come).collect::<Vec<_>>().join(", ");
    [version.clone(), node.clone(), size(*bytes), installed_at.clone(), users].map(Cell::new).into()
}

/// `look` tells whose each release is: once before, and once when nobody else may install or remove.
fn remove(version: &str, look: &dyn Fn() -> Result<Owners, Failure>) -> Outcome {
    let claims = claims_on(version, &look()?);
    if claims == Claims::default() && Runtimes::of_host().get(version).is_some() {
        // Tens of thousands of files take a slow disk some seconds.
        terminal::say(&format!("removing OpenClaw {version} …\n"));
    }
    let again = || look().map_or_else(|_| claims.clone(), |owners| claims_on(version, &owners));
    let removed = driver()?.block_on(Runtimes::of_host().remove(version, claims.clone(), &again))?;
    let freed = size(removed.record.bytes);
    terminal::say(&format!("OpenClaw {version} is removed from {}; {freed} are free\n", removed.root.display()));
    Ok(Code::Done)
}

fn claims_on(version: &str, owners: &Owners) -> Claims {
    let of = |planes: &InUse| planes.get(version).cloned().unwrap_or_default();
    Claims { living: of(&owners.living), kept: of(&owners.kept), given: of(&owners.given) }
}

fn in_json(one: &Installed, owners: &Owners) -> serde_json::Value {
    let claims = claims_on(&one.record.version, owners);
    json!({
        "version": one.record.version,
        "node": one.record.node,
        "platform": one.record.platform,
        "bytes": one.record.bytes,
        "installed_at": one.record.installed_at,
        "openclaw_integrity": one.record.openclaw_integrity,
        "node_integrity": one.record.node_integrity,
        "bin": one.bin(),
        "in_use_by": claims.living,
        "kept_for": claims.kept,
        "given_to": claims.given,
    })
}

/// Ends at the first signal that asks this process to end.
fn interrupted() -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{Signal, SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|error| Failure::failed(format!("cannot listen to signals: {error}"), ""));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    Ok(async move {
        let heard = |signal: &mut Signal, context: &mut std::task::Context<'_>| signal.poll_recv(context).is_ready();
        std::future::poll_fn(|context| {
            let any = heard(&mut interrupt, context) | heard(&mut terminate, context) | heard(&mut hangup, context);
            if any { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    })
}

fn driver() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}"), ""))
}

impl From<InstallError> for Failure {
    fn from(error: InstallError) -> Self {
        let told = Told::new(chain(&error), error.hint());
        match error {
            InstallError::BadVersion(_) => Self::Usage(told),
            InstallError::NoNpm { .. }
            | InstallError::NoNode { .. }
            | InstallError::NoSpace { .. }
            | InstallError::Npm(_)
            | InstallError::Unfit { .. }
            | InstallError::File { .. }
            | InstallError::Cancelled => Self::Failed(told),
        }
    }
}

impl From<RemoveError> for Failure {
    fn from(error: RemoveError) -> Self {
        Self::failed(chain(&error), error.hint())
    }
}

/// The error and what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
