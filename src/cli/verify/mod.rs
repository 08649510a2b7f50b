//! `verify`: proves that each running plane is the one that the manifest means, with evidence for every claim.
//!
//! Changes nothing, and takes nobody's word where the kernel knows: a port that answers proves nothing, the socket's owner does.

mod judge;
mod look;

use super::absent;
use super::args::PLANES;
use super::in_force::{self, Definition, InForce, Word};
use super::outcome::{Code, Outcome};
use super::status::{self, Seen as Asked};
use super::target::{Scope, Target};
use super::terminal::{print, print_json, stdout_look};
use crate::plane::{Plane, PlaneName, Planes};
use crate::render::status::SupervisorStatus;
use crate::render::verify::{Report, Verdict, Verified, text};
use crate::wire::{PlaneStatus, State};

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
    // Knows living planes that the manifest no longer names, too.
    let target = Target::unsaid(scope)?;
    absent::refuse_anothers(&target)?;
    let InForce { planes, by } = in_force::planes(&target)?;
    let chosen: Vec<_> = target.select(&args.planes)?.into_iter().map(|plane| plane.name.clone()).collect();
    // Of every plane, also when one is named: whose a stranger's process is can only be told with all of them.
    let Asked { report, answered } = status::look(&target, &target.select(&[])?)?;
    answered.or_fail(&target)?;
    let world = look::World::look(&report.planes);
    let mut verified = Vec::new();
    for status in report.planes.iter().filter(|status| chosen.contains(&status.name)) {
        let pending = pending(&report.supervisor, &status.name);
        let given = in_force::sealed(&target, &status.name)?;
        verified.push(one(status, &planes, &world, Origin { given, by, pending })?);
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

/// What the supervisor has still to do to this plane, in its own words: what `status` says too.
fn pending(supervisor: &SupervisorStatus, plane: &PlaneName) -> Option<String> {
    let change = supervisor.changes.iter().find(|change| change.plane == *plane)?;
    Some(change.why.clone())
}

/// From where it is known what a plane should be.
struct Origin {
    /// What its keeper was given. It alone has the values that come from the supervisor's environment, and may not tell us.
    given: Definition,
    by: Word,
    pending: Option<String>,
}

fn one(
    status: &PlaneStatus,
    planes: &Planes,
    world: &look::World,
    origin: Origin,
) -> Result<Verified, super::outcome::Failure> {
    let Origin { given, by, pending } = origin;
    let given = match given {
        Definition::Sealed(sealed) => Some(*sealed),
        Definition::Refused(_) | Definition::Nothing => None,
    };
    let running = |plane: &Plane| {
        let (pid, keeper) = (status.pid?, status.keeper_pid?);
        (status.state == State::Up).then(|| look::Subject { plane: plane.clone(), pid, keeper, given, by, pending })
    };
    let claims = match (planes.get(&status.name), status.state) {
        (None, State::Up) if by == Word::Manifest => vec![judge::forgotten()],
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
