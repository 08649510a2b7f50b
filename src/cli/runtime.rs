//! `gateward runtime install|list|remove`: the OpenClaw releases of this host. Which planes live on one is given.

use std::collections::BTreeMap;

use serde_json::json;

use super::outcome::{Code, Failure, Outcome, Told};
use super::terminal;
use crate::render::table::{Cell, Column, Side, table};
use crate::render::text::size;
use crate::runtime::{Bar, InstallError, Installed, Record, RemoveError, Runtimes};

/// Names of living planes by the release that they run on.
pub type InUse = BTreeMap<String, Vec<String>>;

/// Installs a release unless it is here; prints the folder of its programs.
pub fn install(version: &str) -> Outcome {
    let runtimes = Runtimes::of_host();
    let mut bar = Bar::new(version);
    let installed = driver()?.block_on(async {
        let told = interrupted()?;
        runtimes.ensure(version, &mut |news| bar.tell(&news), told).await.map_err(Failure::from)
    });
    // Off the screen before anything else is said.
    drop(bar);
    let installed = installed?;
    let node = &installed.record.node;
    terminal::say(&format!("OpenClaw {version} with Node {node} is here; its programs are in\n"));
    terminal::print(&format!("{}\n", installed.bin().display()))?;
    Ok(Code::Done)
}

/// Shows the releases that are here.
pub fn list(as_json: bool, in_use: &InUse) -> Outcome {
    let runtimes = Runtimes::of_host();
    let installed = runtimes.installed();
    if as_json {
        let list: Vec<_> = installed.iter().map(|one| in_json(one, in_use)).collect();
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
    let rows: Vec<Vec<Cell>> = installed.iter().map(|one| row(one, in_use)).collect();
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

fn row(one: &Installed, in_use: &InUse) -> Vec<Cell> {
    let Record { version, node, bytes, installed_at, .. } = &one.record;
    let users = users(one, in_use).join(", ");
    [version.clone(), node.clone(), size(*bytes), installed_at.clone(), users].map(Cell::new).into()
}

/// Removes a release that no living plane runs on.
pub fn remove(version: &str, in_use: &InUse) -> Outcome {
    let living = in_use.get(version).map(Vec::as_slice).unwrap_or_default();
    if living.is_empty() && Runtimes::of_host().get(version).is_some() {
        // Tens of thousands of files take a slow disk some seconds.
        terminal::say(&format!("removing OpenClaw {version} …\n"));
    }
    let removed = driver()?.block_on(Runtimes::of_host().remove(version, living))?;
    let freed = size(removed.record.bytes);
    terminal::say(&format!("OpenClaw {version} is removed from {}; {freed} are free\n", removed.root.display()));
    Ok(Code::Done)
}

fn users<'a>(one: &Installed, in_use: &'a InUse) -> &'a [String] {
    in_use.get(&one.record.version).map(Vec::as_slice).unwrap_or_default()
}

fn in_json(one: &Installed, in_use: &InUse) -> serde_json::Value {
    json!({
        "version": one.record.version,
        "node": one.record.node,
        "platform": one.record.platform,
        "bytes": one.record.bytes,
        "installed_at": one.record.installed_at,
        "openclaw_integrity": one.record.openclaw_integrity,
        "node_integrity": one.record.node_integrity,
        "bin": one.bin(),
        "in_use_by": users(one, in_use),
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
