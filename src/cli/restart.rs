//! `restart`: planes up, each as another incarnation than now.

use super::args::PLANES_NAMED;
use super::change::{Change, Manner, allowed};
use super::goal::Goal;
use super::outcome::Outcome;
use super::target::{Scope, Target};
use crate::wire::{Ask, Restart};

/// The words of `restart`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward restart main            drains it, then starts it anew
  gateward restart main --safe     through the gateway's own safe restart
  gateward restart main --force    also into a config that does not validate
  gateward restart all

From inside a plane, `gateward restart` of that very plane is accepted, answered, and carried out although the asker \
ends with it. Ctrl-C ends the waiting, not the restart.

Exit codes: 0 up again; 1 it did not come up, or the waiting was ended; 4 no such plane; 5 neither supervisor nor keeper \
answers; 6 the manifest cannot be read and was never applied; 7 a finding stands against it, such as a config that does not \
validate.")]
pub struct Args {
    #[arg(value_name = "PLANE", required = true, help = PLANES_NAMED, add = super::completions::planes())]
    planes: Vec<String>,
    /// Skip the grace: kill what has not ended yet
    #[arg(long, conflicts_with = "safe")]
    now: bool,
    /// Let the gateway restart itself when it is safe to
    #[arg(long, conflicts_with = "force")]
    safe: bool,
    /// Also into a config that does not validate
    #[arg(long)]
    force: bool,
    /// Go ahead in spite of findings with this code; may be given more than once
    #[arg(long, value_name = "CODE", add = super::completions::codes())]
    allow: Vec<String>,
    #[command(flatten)]
    pub(super) manner: Manner,
}

/// Runs `restart`.
pub fn run(args: &Args, scope: &Scope) -> Outcome {
    let target = Target::to_steer(scope)?;
    let ask = Ask::Restart(Restart { now: args.now, force: args.force, safe: args.safe, allow: args.allow.clone() });
    let goal = Goal::Anew { replaces: None };
    let allow = allowed(&args.allow, args.force);
    Change { ask, goal, verb: "restart", allow: &allow, manner: &args.manner }.apply(&target, &args.planes)
}
