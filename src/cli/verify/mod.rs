//! `verify`: proves that each running plane is the one that the manifest means, with evidence for every claim.
//!
//! Changes nothing, and takes nobody's word where the kernel knows: a port that answers proves nothing, the socket's owner does.

mod judge;
mod look;

use super::args::PLANES;
use super::ask;
use super::outcome::{Code, Outcome};
use super::status::{self, Seen as Asked};
use super::target::{Scope, Target};
use super::terminal::{print, print_json, stdout_look};
use crate::plane::{Plane, Planes, Sealed};
use crate::render::verify::{Report, Verdict, Verified, text};
use crate::wire::{Answer, Ask, PlaneStatus, State};

/// The words of `verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward verify                    every plane that is up
  gateward verify rescue             is it rescue that answers there, with a browser of its own?
  gateward verify --json | jq '.planes[].claims[] | select(.verdict == \"failed\")'

What is `unseen` could not be learned, and the line says why; as root, or as a plane's own user, little is.

Exit codes: 0 no claim failed; 1 a claim failed; 3 a plane that was named is not up; 4 no such plane; \
5 neither supervisor nor keeper answers; 6 the manifest cannot be read or is invalid.")]
pub struct Args {
    #[arg(value_name = "PLANE", help = PLANES, add = super::completions::planes())]
    planes: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// Runs `verify`.
pub fn run(args: &Args, scope: &Scope) -> Outcome {
    let (_, planes) = Target::by_manifest(scope)?;
    // Knows living planes that the manifest no longer names, too.
    let target = Target::find(scope)?;
    let chosen: Vec<_> = target.select(&args.planes)?.into_iter().map(|plane| plane.name.clone()).collect();
    // Of every plane, also when one is named: whose a stranger's process is can only be told with all of them.
    let Asked { report, answered } = status::look(&target, &target.select(&[])?)?;
    answered.or_fail(&target)?;
    let world = look::World::look(&report.planes);
    let mut verified = Vec::new();
    for status in report.planes.iter().filter(|status| chosen.contains(&status.name)) {
        verified.push(one(status, &planes, &world, given(&target, status))?);
    }
    let report = Report { ok: verified.iter().all(|plane| plane.ok), planes: verified };
    if args.json {
        print_json(&report)?;
    } else {
        print(&text(&report, stdout_look()))?;
    }
    let named = !args.planes.is_empty() && !args.planes.iter().any(|word| word == "all");
    Ok(match report.ok {
        false => Code::Failed,
        true if named && report.planes.iter().any(|plane| plane.state != State::Up) => Code::NotRunning,
        true => Code::Done,
    })
}

/// What its keeper was given. It alone has the values that come from the supervisor's environment, and may not tell us.
fn given(target: &Target, status: &PlaneStatus) -> Option<Sealed> {
    let ask = Ask::Sealed { plane: status.name.clone() };
    match ask::one(target.keeper(&status.name), ask, ask::BUDGET) {
        Ok(Answer::Sealed(sealed)) => Some(*sealed),
        Ok(_) | Err(_) => None,
    }
}

fn one(
    status: &PlaneStatus,
    planes: &Planes,
    world: &look::World,
    given: Option<Sealed>,
) -> Result<Verified, super::outcome::Failure> {
    let running = |plane: &Plane| {
        let (pid, keeper) = (status.pid?, status.keeper_pid?);
        (status.state == State::Up).then(|| look::Subject { plane: plane.clone(), pid, keeper, given })
    };
    let claims = match (planes.get(&status.name), status.state) {
        (None, State::Up) => vec![judge::forgotten()],
        (plane, _) => match plane.and_then(running) {
            Some(subject) => judge::claims(status, &look::seen(&subject, planes, world)?),
            None => Vec::new(),
        },
    };
    Ok(Verified {
        name: status.name.clone(),
        state: status.state,
        ok: claims.iter().all(|claim| claim.verdict != Verdict::Failed),
        pid: status.pid,
        incarnation: status.incarnation,
        why: status.why.clone(),
        claims,
    })
}
