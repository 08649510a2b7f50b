//! `reload`: the edited manifest applied, or what that would do; or the supervisor replaced by the binary now on disk.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::ask::{self, REDIAL};
use super::change::check_codes;
use super::outcome::{Code, Failure, Outcome, Told};
use super::target::{Scope, Target};
use super::terminal::{print, print_json, say, stdout_look};
use super::trouble;
use crate::collision::codes::Code as Kind;
use crate::collision::finding::{Finding, Severity};
use crate::os::lock::held;
use crate::plane::PlaneName;
use crate::plane::shell::word;
use crate::render::plan::{Mood, plan};
use crate::render::sources::tamed;
use crate::rundir;
use crate::wire::{Answer, Ask, Plan, Reload, State};

/// How long the proof before a reload may take: each plane's own `config validate` is part of it.
const PROOF: Duration = Duration::from_secs(300);

/// How long the supervisor may be away while it replaces itself.
const AWAY: Duration = Duration::from_secs(20);

/// How long nobody may hold its lock meanwhile: the successor is handed it, and a service manager starts another one sooner.
const GONE: Duration = Duration::from_secs(5);

/// The words of `reload`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward reload --dry-run    what would start, stop, be replaced, be left
  gateward reload              does that; planes whose definition did not change are not touched
  gateward reload --exec       the supervisor becomes the binary now on disk; planes live on

Nothing is changed while the manifest cannot be read. A plane that an error finding stands against is left as it is, unless \
that finding is named with --allow.

Exit codes: 0 applied, or shown; 1 it failed; 5 the supervisor does not answer; 6 the manifest cannot be read or is invalid; \
7 a finding stands against a plane.")]
pub struct Args {
    /// Print what would be done, do nothing
    #[arg(long)]
    dry_run: bool,
    /// Replace the supervisor by the binary now on disk first
    #[arg(long, conflicts_with = "dry_run")]
    exec: bool,
    /// Go ahead in spite of findings with this code; may be given more than once
    #[arg(long, value_name = "CODE", add = super::completions::codes())]
    allow: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Runs `reload`.
pub fn run(args: &Args, scope: &Scope) -> Outcome {
    check_codes(&args.allow)?;
    let target = Target::to_steer(scope)?;
    let before = if args.exec { Some(image(&target)?) } else { None };
    let reload = Reload { dry_run: args.dry_run, exec: args.exec, allow: args.allow.clone() };
    let answer = ask::supervisor(&target, Ask::Reload(reload), PROOF)?;
    match answer {
        Answer::Plan(plan) => tell(&plan, args, &target),
        Answer::Accepted { note, .. } => {
            if !note.is_empty() {
                say(&format!("{note}\n"));
            }
            match before {
                Some(before) => back(&target, &before, args),
                None => Ok(Code::Done),
            }
        }
        Answer::Refused(refusal) => Err(Failure::Refused(refusal)),
        other @ (Answer::Plane(_)
        | Answer::Daemon(_)
        | Answer::Findings(_)
        | Answer::Sealed(_)
        | Answer::Environ(_)
        | Answer::AtRest
        | Answer::Held { .. }) => Err(Failure::Failed(ask::out_of_turn(&other))),
    }
}

fn tell(done: &Plan, args: &Args, target: &Target) -> Outcome {
    let mood = if args.dry_run { Mood::Would } else { Mood::Does };
    if args.json {
        print_json(done)?;
    } else {
        print(&plan(done, &at_rest(target, &done.replace), mood, stdout_look()))?;
    }
    if done.blocked.is_empty() {
        note_standing(target);
        return Ok(Code::Done);
    }
    Err(blocked(done, target, &args.allow))
}

/// Those of `planes` that nobody wants up: what is new about them waits for their next start.
fn at_rest(target: &Target, planes: &[PlaneName]) -> Vec<PlaneName> {
    let questions = planes.iter().map(|plane| (target.keeper(plane), Ask::Status)).collect();
    let answers = ask::all(questions, ask::BUDGET).unwrap_or_default();
    let stopped = planes.iter().zip(answers).filter_map(|(plane, answer)| match answer {
        Ok(Answer::Plane(status)) if !status.wanted && status.state == State::Stopped => Some(plane.clone()),
        Ok(_) | Err(_) => None,
    });
    stopped.collect()
}

/// Says what stands against planes that had nothing to change: the next start that is asked for is refused for it.
fn note_standing(target: &Target) {
    let Ok(Answer::Findings(found)) = ask::supervisor(target, Ask::Findings, ask::BUDGET) else { return };
    let found: Vec<Finding> = serde_json::from_value(found).unwrap_or_default();
    for one in found.iter().filter(|one| one.severity == Severity::Error && one.living.is_empty()) {
        let planes = one.planes.iter().take(4).map(|plane| plane.as_str()).collect::<Vec<_>>().join(", ");
        let (message, hint) = (tamed(&one.message), tamed(&one.hint));
        say(&format!("note: {} stands against {planes}: {message}\n hint: {hint}\n", tamed(&one.code)));
    }
}

/// That planes are left as they are, with everything that stands against them.
fn blocked(done: &Plan, target: &Target, named: &[String]) -> Failure {
    let of: Vec<Finding> =
        done.findings.iter().filter_map(|value| serde_json::from_value(value.clone()).ok()).collect();
    let all: Vec<&Finding> = of.iter().collect();
    let shown = trouble::shown(&all, target);
    let names: Vec<&str> = done.blocked.iter().map(|plane| plane.as_str()).collect();
    let codes: BTreeSet<&str> = of.iter().map(|one| one.code.as_str()).collect();
    let codes = codes.into_iter().collect::<Vec<_>>();
    let stand = if codes.len() == 1 { "stands" } else { "stand" };
    // Without its program a plane cannot be started, whatever is allowed.
    let lacks =
        |one: &&Finding| [Kind::RuntimeMissing, Kind::ProgramMissing].iter().any(|kind| one.code == kind.as_str());
    let hint = match of.iter().find(lacks) {
        Some(lacking) => lacking.hint.clone(),
        None => {
            format!("`gateward check` shows all; `{}` goes ahead in spite of that", trouble::overriding(&codes, named))
        }
    };
    let told = Told::new(
        format!("{} left as before: {} {stand} against the change", names.join(", "), codes.join(", ")),
        hint,
    );
    Failure::Collision { findings: shown, told, of }
}

/// The supervisor's release, and when that program began.
fn image(target: &Target) -> Result<(String, String), Failure> {
    match ask::supervisor(target, Ask::Status, PROOF)? {
        Answer::Daemon(daemon) => Ok((daemon.version, daemon.begun)),
        other => Err(Failure::Failed(ask::out_of_turn(&other))),
    }
}

/// Waits until the supervisor answers as what it has become.
fn back(target: &Target, before: &(String, String), args: &Args) -> Outcome {
    let until = Instant::now() + AWAY;
    let lock = rundir::daemon_lock(&target.applied.state_dir);
    let mut gone_since = None;
    loop {
        match image(target) {
            Ok(now) if now.1 == before.1 && Instant::now() < until => std::thread::sleep(REDIAL),
            Ok(now) if now.1 == before.1 => {
                let hint = "its log in the state dir tells why; planes live on";
                return Err(Failure::failed("the supervisor was not replaced", hint));
            }
            Ok((now, _)) if args.json => {
                print_json(&serde_json::json!({ "before": before.0, "now": now }))?;
                return Ok(Code::Done);
            }
            Ok((now, _)) => {
                print(&format!("the supervisor is release {now}, and was {}; planes live on\n", before.0))?;
                return Ok(Code::Done);
            }
            Err(Failure::Call(error)) => {
                // A service manager starts it again within a moment; then somebody has the lock.
                let is_gone = error.is_nobody() && !held(&lock).unwrap_or(true);
                gone_since = is_gone.then(|| gone_since.unwrap_or_else(Instant::now));
                if gone_since.is_some_and(|since| since.elapsed() >= GONE) {
                    return Err(ended(target));
                }
                if Instant::now() >= until {
                    return Err(Failure::Call(error));
                }
                std::thread::sleep(REDIAL);
            }
            // It lives, and may be away for longer than one that only lost its socket.
            Err(Failure::NobodyAnswers(_)) if Instant::now() < until => {
                gone_since = None;
                std::thread::sleep(REDIAL);
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// That the program which took the supervisor's place has ended before it answered.
fn ended(target: &Target) -> Failure {
    let manifest = word(&target.applied.manifest);
    Failure::failed(
        "the supervisor became the program on disk, and that ended before it answered; planes live on under their keepers, and \
         nobody supervises them",
        format!("install a program that starts, then `gateward -m {manifest} run`, or its service, greets them"),
    )
}
