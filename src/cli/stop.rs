//! `stop`: planes down, until they are started again or the host boots.

use super::args::PLANES_NAMED;
use super::change::{Change, Manner};
use super::goal::Goal;
use super::outcome::Outcome;
use super::target::{Scope, Target};
use crate::wire::{Ask, Stop};

/// The words of `stop`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward stop staging
  gateward stop all --no-wait
  gateward stop main --now      skips the grace: work in flight is lost

A gateway finishes what it is doing first, for as long as its `stop_grace` lets it. A second `stop`, or Ctrl-C here, \
does not shorten that; `--now` does. A stopped plane stays down across upgrades and crashes of the supervisor.

Exit codes: 0 stopped; 1 it could not be stopped, or the waiting was ended; 4 no such plane; 5 neither supervisor nor keeper \
answers; 6 the manifest cannot be read and was never applied.")]
pub struct Args {
    #[arg(value_name = "PLANE", required = true, help = PLANES_NAMED, add = super::completions::planes())]
    planes: Vec<String>,
    /// Skip the grace: kill what has not ended yet
    #[arg(long)]
    now: bool,
    #[command(flatten)]
    pub(super) manner: Manner,
}

/// Runs `stop`.
pub fn run(args: &Args, scope: &Scope) -> Outcome {
    let target = Target::to_steer(scope)?;
    let ask = Ask::Stop(Stop { now: args.now });
    Change { ask, goal: Goal::Down, verb: "stop", allow: &[], manner: &args.manner }.apply(&target, &args.planes)
}
