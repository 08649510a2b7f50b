//! `service`: the supervisor as a unit of systemd: printed, installed and taken away, each with what it means.
//!
//! Stops no plane of its own accord; the one entry that systemd calls (`on-stop`) stops them when the unit is to stop.

mod install;
mod on_stop;
mod remarks;
mod systemctl;
mod there;

use std::path::PathBuf;

use super::outcome::{Code, Failure, Outcome};
use super::target::Scope;
use super::terminal::{print, print_json};
use crate::daemon::load;
use crate::render::service::{Kind, UNIT, unit};

/// The words of `service`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward service print --user               what would be installed
  gateward service install --user --now       write the unit, enable it, start it
  gateward -m /srv/bots.toml service install --system
  gateward service uninstall --user

Afterwards systemd's own verbs do this:
  systemctl stop gateward       every gateway drains and ends, then the supervisor
  systemctl restart gateward    only the supervisor is replaced; gateways live on
  systemctl reload gateward     the edited manifest is applied, as by `gateward reload`

Exit codes: 0 done; 1 there is no systemd, or it refused, or the unit runs or is not ours; 6 the manifest cannot be read or \
is invalid.")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Write the unit, have systemd start it at boot or login, and tell what follows
    Install(Install),
    /// Take the unit away again; refuses while it runs
    Uninstall(Uninstall),
    /// Print the unit
    Print(Print),
    /// What the unit's ExecStop= and ExecStopPost= call
    #[command(hide = true)]
    OnStop(on_stop::Args),
}

/// Whose unit is meant.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Whose {
    /// The unit of this account (default, but for root)
    #[arg(long, conflicts_with = "system")]
    user: bool,
    /// The unit of the host (default for root)
    #[arg(long)]
    system: bool,
}

impl Whose {
    fn kind(self) -> Kind {
        let root = rustix::process::geteuid().is_root();
        match (self.user, self.system) {
            (true, _) => Kind::User,
            (false, true) => Kind::System,
            (false, false) if root => Kind::System,
            (false, false) => Kind::User,
        }
    }
}

/// The words of `service install`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward service install --user
  gateward service install --system --now

The unit runs this very program with the manifest that every verb finds from here; -m names another. While planes live by \
another manifest that the unit has, it is left as it is.

Exit codes: 0 installed; 1 there is no systemd, or it refused, or a unit is there that we did not write or that has planes of \
another manifest; 6 the manifest cannot be read or is invalid.")]
struct Install {
    #[command(flatten)]
    whose: Whose,
    /// Start it at once
    #[arg(long)]
    now: bool,
}

/// The words of `service uninstall`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward service uninstall --user
  gateward service uninstall --system --now

Exit codes: 0 taken away; 1 it runs, or is not ours, or planes of it live on, or systemd refused.")]
struct Uninstall {
    #[command(flatten)]
    whose: Whose,
    /// Stop it first, and every plane with it, each with its own drain
    #[arg(long)]
    now: bool,
}

/// The words of `service print`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward service print --system
  gateward service print --user --json | jq -r .path

Exit codes: 0 printed.")]
struct Print {
    #[command(flatten)]
    whose: Whose,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Whether JSON is wanted.
    pub fn json(&self) -> bool {
        match &self.what {
            What::Print(args) => args.json,
            What::Install(_) | What::Uninstall(_) | What::OnStop(_) => false,
        }
    }
}

/// Runs `service`.
pub fn run(args: &Args, scope: &Scope) -> Outcome {
    match &args.what {
        What::Print(args) => show(args, scope),
        What::Install(args) => install::install(&Meant::find(args.whose.kind(), scope)?, scope, args.now),
        What::Uninstall(args) => install::uninstall(args.whose.kind(), args.now),
        What::OnStop(args) => on_stop::run(args, scope),
    }
}

fn show(args: &Print, scope: &Scope) -> Outcome {
    let meant = Meant::find(args.whose.kind(), scope)?;
    if args.json {
        print_json(&serde_json::json!({ "path": meant.path, "unit": meant.text() }))?;
    } else {
        print(&meant.text())?;
    }
    Ok(Code::Done)
}

/// What is to be installed.
struct Meant {
    kind: Kind,
    /// The unit's file.
    path: PathBuf,
    program: PathBuf,
    /// The manifest; none when there is none yet, and the usual place is meant.
    manifest: Option<PathBuf>,
}

impl Meant {
    fn find(kind: Kind, scope: &Scope) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(|error| {
            Failure::failed(format!("our own program cannot be found: {error}"), "start gateward by its absolute path")
        })?;
        let manifest = match &scope.manifest {
            Some(named) => Some(std::path::absolute(named).unwrap_or_else(|_| named.clone())),
            None => load::find(None).ok(),
        };
        let usual = usual_manifest(kind);
        Ok(Self { kind, path: path(kind)?, program, manifest: manifest.filter(|found| Some(found) != usual.as_ref()) })
    }

    fn text(&self) -> String {
        unit(self.kind, &self.program, self.manifest.as_deref())
    }
}

/// What `%E/gateward/supervisor.toml` comes to.
fn usual_manifest(kind: Kind) -> Option<PathBuf> {
    match kind {
        Kind::System => Some(kind.usual_manifest().into()),
        Kind::User => Some(config_home()?.join("gateward/supervisor.toml")),
    }
}

fn config_home() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))
}

/// The file of the unit that we write.
fn path(kind: Kind) -> Result<PathBuf, Failure> {
    let folder = match kind {
        Kind::System => PathBuf::from("/etc/systemd/system"),
        Kind::User => match config_home() {
            Some(config) => config.join("systemd/user"),
            None => return Err(Failure::failed("neither HOME nor XDG_CONFIG_HOME is set", "set HOME")),
        },
    };
    Ok(folder.join(UNIT))
}
