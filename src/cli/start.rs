//! `start`: planes up.

use super::args::PLANES_NAMED;
use super::change::{Change, Manner, allowed};
use super::goal::Goal;
use super::outcome::Outcome;
use super::target::{Scope, Target};
use crate::wire::{Ask, Start};

/// The words of `start`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward start main
  gateward start all
  gateward start rescue --no-wait
  gateward start staging --allow port-family-overlap    in spite of that one finding; the journal keeps it

A plane that is up stays as it is. One that was stopped is wanted again, also after a restart of the supervisor. \
Ctrl-C ends the waiting, not the start.

Exit codes: 0 up; 1 it did not come up, or the waiting was ended; 4 no such plane; 5 neither supervisor nor keeper answers; \
6 the manifest cannot be read and was never applied; 7 a finding stands against it.")]
pub struct Args {
    #[arg(value_name = "PLANE", required = true, help = PLANES_NAMED, add = super::completions::planes())]
    planes: Vec<String>,
    /// Also into a config that does not validate
    #[arg(long)]
    force: bool,
    /// Go ahead in spite of findings with this code; may be given more than once
    #[arg(long, value_name = "CODE", add = super::completions::codes())]
    allow: Vec<String>,
    #[command(flatten)]
    pub(super) manner: Manner,
}

/// Runs `start`.
pub fn run(args: &Args, scope: &Scope) -> Outcome {
    let target = Target::to_steer(scope)?;
    let ask = Ask::Start(Start { force: args.force, allow: args.allow.clone() });
    let allow = allowed(&args.allow, args.force);
    Change { ask, goal: Goal::Up, verb: "start", allow: &allow, manner: &args.manner }.apply(&target, &args.planes)
}
