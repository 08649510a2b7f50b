//! `service on-stop`: what the unit's `ExecStop=` and `ExecStopPost=` call. systemd calls it on a stop, on a restart and after
//! any end of the supervisor; only the first of them stops planes.
//!
//! In doubt while the supervisor lives it stops them gracefully: a shutdown that cannot be told from a restart must lose no
//! work.

use super::systemctl::systemctl;
use crate::cli::down;
use crate::cli::outcome::{Code, Failure, Outcome};
use crate::cli::target::Scope;
use crate::cli::terminal::say;
use crate::render::service::{Kind, means_stop};

/// The words of `service on-stop`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The unit of this account
    #[arg(long, conflicts_with = "system")]
    user: bool,
    /// The unit of the host
    #[arg(long)]
    system: bool,
    /// The unit, as systemd calls it
    unit: String,
}

/// Stops the planes if the unit is to stop.
pub fn run(args: &Args, scope: &Scope) -> Outcome {
    let kind = if args.user { Kind::User } else { Kind::System };
    let alive = std::env::var("MAINPID").is_ok_and(|pid| !pid.is_empty());
    let stop = match systemctl(kind, &["list-jobs", "--no-legend", "--plain"]) {
        Ok(jobs) => means_stop(&jobs, &args.unit),
        Err(failure) => {
            say(&format!("cannot tell a stop from a restart: {failure}\n"));
            alive
        }
    };
    if !stop {
        say("the planes live on\n");
        return Ok(Code::Done);
    }
    match down::run(&down::Args::graceful(), scope) {
        // Everything is down already.
        Err(Failure::NobodyAnswers(_)) => Ok(Code::Done),
        other => other,
    }
}
