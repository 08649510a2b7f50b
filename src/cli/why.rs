//! `why`: why a plane is as it is: what its keeper says, what its journal holds, what it said last.
//!
//! Works with keeper and supervisor dead, from the files alone.

use std::io;

use jiff::Timestamp;

use super::ask;
use super::logs::{End, Source, Stamp};
use super::outcome::{Code, Outcome};
use super::status::{look, nobody};
use super::target::{Scope, Target};
use super::terminal::{print, print_json, stdout_look};
use crate::collision::finding::{Finding, Severity};
use crate::render::why::{Chain, why};
use crate::wire::{Answer, Ask, PlaneStatus, State};

/// The words of `why`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward why main
  gateward why main -n 50
  gateward why main --json

Exit codes: 0 it is up; 1 what is known of it cannot be read; 3 it is not up; 4 no such plane; 5 neither supervisor nor keeper \
answers; 6 the manifest cannot be read and was never applied.")]
pub struct Args {
    #[arg(value_name = "PLANE", help = "The plane, by name", add = super::completions::plane())]
    plane: String,
    /// How many of the last decisions to tell
    #[arg(short = 'n', long, value_name = "N", default_value_t = 12)]
    decisions: u64,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Lines of its own output that are told.
const SAID: u64 = 8;

/// Runs `why`.
pub fn run(args: &Args, scope: &Scope) -> Outcome {
    let target = Target::find(scope)?;
    let plane = target.one(&args.plane)?;
    let mut seen = look(&target, &[plane])?;
    let folder = target.folder(&plane.name);
    let unreadable = |error: io::Error| target.unreadable("what is known of it", &error);
    let journal = last(Source::open(args.plane.clone(), &folder.journal(), Stamp::Journal, Some(args.decisions)));
    let evidence = journal.map_err(unreadable)?.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let said =
        last(Source::open(args.plane.clone(), &folder.log(), Stamp::FirstWord, Some(SAID))).map_err(unreadable)?;
    let Some(status) = seen.report.planes.pop() else { return Err(nobody(&target)) };
    let state = status.state;
    let findings = standing(&target, &status);
    let chain = Chain { status, findings, evidence, said };
    if args.json {
        print_json(&chain)?;
    } else {
        print(&why(&chain, Timestamp::now(), stdout_look()))?;
    }
    seen.answered.or_fail(&target)?;
    match state {
        State::Up => Ok(Code::Done),
        State::Stopped | State::Starting | State::Stopping | State::Backoff | State::Parked | State::Unknown => {
            Ok(Code::NotRunning)
        }
    }
}

/// What the supervisor's last proof holds against the plane; nothing where it does not answer.
fn standing(target: &Target, status: &PlaneStatus) -> Vec<Finding> {
    let answer = ask::one(target.daemon(), Ask::Findings, ask::BUDGET);
    let Ok(Answer::Findings(found)) = answer else { return Vec::new() };
    let found: Vec<Finding> = serde_json::from_value(found).unwrap_or_default();
    found.into_iter().filter(|one| one.severity == Severity::Error && one.planes.contains(&status.name)).collect()
}

fn last(source: io::Result<Source>) -> io::Result<Vec<String>> {
    let mut source = source?;
    let mut lines = Vec::new();
    while let Some(line) = source.next()? {
        lines.push(String::from_utf8_lossy(&line.bytes).into_owned());
    }
    lines.extend(source.rest(End::Open).map(|line| String::from_utf8_lossy(&line.bytes).into_owned()));
    Ok(lines)
}
