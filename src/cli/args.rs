//! The words of the command line: one variant a verb; the words of each verb live beside it.
//!
//! No behaviour. Hidden entries (`keeper`, `practice`) never come here: they are told apart before anything is parsed.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand};

/// The help of a list of planes that may be empty.
pub const PLANES: &str = "Planes, by name; none, or `all`, means every plane";

/// The help of a list of planes that may not be empty.
pub const PLANES_NAMED: &str = "Planes, by name; `all` means every plane";

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Runs several OpenClaw gateways on one host, each in a world of its own
///
/// Reads a manifest of named control planes (main, rescue, staging), proves that they share nothing they must not, then
/// starts, watches and restarts the gateway of each.
#[derive(Debug, Parser)]
#[command(
    name = "gateward",
    version = crate::wire::RELEASE,
    styles = STYLES,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "\
The manifest is -m FILE, else $GATEWARD_MANIFEST, else ./supervisor.toml, else $XDG_CONFIG_HOME/gateward/supervisor.toml, \
else /etc/gateward/supervisor.toml.

Exit codes: 0 done; 1 failed; 2 usage; 3 a named plane is not running (status, verify, why); 4 no such plane; \
5 neither supervisor nor keeper answers; 6 the manifest cannot be read or is invalid; 7 collisions."
)]
pub struct Words {
    /// The manifest
    #[arg(short, long, global = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub manifest: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// One verb with its words.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Prove the manifest free of collisions, and show what stands against it
    Check(super::check::Args),
    /// Write a first manifest
    Init(super::init::Args),
    /// Show how every plane is
    Status(super::status::Args),
    /// Start planes
    Start(super::start::Args),
    /// Stop planes, letting each finish what it does
    Stop(super::stop::Args),
    /// Restart planes, letting each finish what it does
    Restart(super::restart::Args),
    /// Run the supervisor in the foreground
    Run(super::run::Args),
    /// Apply the edited manifest
    Reload(super::reload::Args),
    /// Stop every plane, then the supervisor
    Down(super::down::Args),
    /// Show what planes are made of, and how to reach them from afar
    Card(super::card::Args),
    /// Run a command with a plane's whole environment
    Exec(super::exec::Args),
    /// Show what gateways have printed
    Logs(super::logs::Args),
    /// Run main and rescue on this machine, in a folder of their own, until Ctrl-C
    Demo(super::demo::Args),
    /// Install, list and remove OpenClaw releases
    Runtime(super::runtime::Args),
    /// Prove that each running plane is the intended one
    Verify(super::verify::Args),
    /// Tell why a plane is as it is
    Why(super::why::Args),
    /// Print what happened, one JSON object a line
    Events(super::events::Args),
    /// Keep the supervisor running as a unit of systemd
    Service(super::service::Args),
    /// Print the JSON Schema of the manifest
    Schema(super::schema::Args),
    /// Print what a shell needs to complete words and plane names
    Completions(super::completions::Args),
    /// Print the manual page
    Man(super::man::Args),
}

impl Verb {
    /// Whether JSON is wanted on stdout, so that a failure is one, too.
    pub fn json(&self) -> bool {
        match self {
            Self::Check(args) => args.json,
            Self::Status(args) => args.json,
            Self::Start(args) => args.manner.json,
            Self::Stop(args) => args.manner.json,
            Self::Restart(args) => args.manner.json,
            Self::Reload(args) => args.json,
            Self::Card(args) => args.json,
            Self::Logs(args) => args.json,
            Self::Runtime(args) => args.json(),
            Self::Why(args) => args.json,
            Self::Verify(args) => args.json,
            Self::Events(args) => args.json,
            Self::Service(args) => args.json(),
            Self::Init(_)
            | Self::Run(_)
            | Self::Down(_)
            | Self::Exec(_)
            | Self::Demo(_)
            | Self::Schema(_)
            | Self::Completions(_)
            | Self::Man(_) => false,
        }
    }
}
