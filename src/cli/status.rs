//! `status`: asks every keeper at once and shows how the planes are.
//!
//! Goes by the keepers alone for what lives; the daemon adds only what it says of itself.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::absent;
use super::args::PLANES;
use super::ask;
use super::outcome::{Code, Failure, Outcome, Told};
use super::steer::silence::{self, Behind};
use super::target::{Scope, Target};
use super::terminal::{print, print_json, size_of, stdout_look};
use crate::daemon::vigil;
use crate::plane::PlaneName;
use crate::plane::shell::word;
use crate::render::status::{Report, SupervisorStatus, status, unknown};
use crate::render::text::Look;
use crate::rundir::AppliedPlane;
use crate::socket::{CallError, CallFailure};
use crate::wire::{Answer, Ask, Change, PlaneStatus, State};

/// How often `--watch` looks again: ages, memory and CPU change all the time, and nobody announces them.
const GLANCE: Duration = Duration::from_secs(1);

/// The words of `status`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward status                 every plane, in the manifest's order
  gateward status main --watch    redrawn in place until Ctrl-C
  gateward status -q rescue       prints nothing; exit code 0 when rescue is up, 3 when it is not
  gateward status --json | jq '.planes[] | select(.ready | not) | .name'

Exit codes: 0 shown; 1 this user may look at nothing; 3 a plane that was named is not up; 4 no such plane; 5 neither supervisor nor \
keeper answers; 6 the manifest cannot be read and was never applied.")]
pub struct Args {
    #[arg(value_name = "PLANE", help = PLANES, add = super::completions::planes())]
    planes: Vec<String>,
    /// Redraw every second until Ctrl-C; with --json, print one line for each look
    #[arg(short, long)]
    watch: bool,
    /// Print nothing, answer by the exit code
    #[arg(short, long, conflicts_with_all = ["watch", "json"])]
    quiet: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Runs `status`.
pub fn run(args: &Args, scope: &Scope) -> Outcome {
    if args.quiet {
        return shown(args, &|| Target::unsaid(scope)).or_else(|failure| Ok(failure.code()));
    }
    if args.watch {
        return watch(args, scope);
    }
    shown(args, &|| Target::find(scope))
}

/// One look, shown unless only its code is wanted.
fn shown(args: &Args, find: &dyn Fn() -> Result<Target, Failure>) -> Outcome {
    let target = find()?;
    let planes = target.select(&args.planes)?;
    let seen = look(&target, &planes)?;
    if args.json {
        print_json(&seen.report)?;
    } else if !args.quiet {
        print(&status(&seen.report, Timestamp::now(), stdout_look()))?;
    }
    match seen.answered.or_fail(&target) {
        Err(failure) => Err(failure),
        Ok(()) if is_named(args) && !all_up(&seen.report) => Ok(Code::NotRunning),
        Ok(()) => Ok(Code::Done),
    }
}

/// That neither the daemon nor any keeper of `target` answers.
pub fn nobody(target: &Target) -> Failure {
    let absent = CallError { path: target.daemon(), kind: CallFailure::Absent };
    if let Some(there) = absent::found(target, &absent) {
        return Failure::NobodyAnswers(there.told);
    }
    let begin = if target.loaded.is_ok() { "start it" } else { "once the manifest holds, start it" };
    Failure::NobodyAnswers(Told::new(
        format!("neither supervisor nor keeper answers in {}", target.applied.run_dir.display()),
        format!("{begin} with `gateward -m {} run`, or its service", word(&target.applied.manifest)),
    ))
}

fn is_named(args: &Args) -> bool {
    !args.planes.is_empty() && !args.planes.iter().any(|word| word == "all")
}

fn all_up(report: &Report) -> bool {
    report.planes.iter().all(|plane| plane.state == State::Up)
}

/// What one look brought.
pub struct Seen {
    /// What is shown.
    pub report: Report,
    /// Whether anybody said something.
    pub answered: Answered,
}

/// Whether anybody answered.
#[derive(Debug)]
pub enum Answered {
    /// The daemon, or at least one keeper.
    Somebody,
    /// Neither, as neither is there.
    Nobody,
    /// Neither, though one is there.
    Silent,
    /// Neither, though a supervisor is there: how it is, and what helps.
    Mute(Told),
    /// They are not ours to ask, or none of the planes is.
    Forbidden(Box<Failure>),
}

impl Answered {
    /// That somebody answered, or why that failed.
    pub fn or_fail(self, target: &Target) -> Result<(), Failure> {
        match self {
            Self::Somebody => Ok(()),
            Self::Nobody => Err(nobody(target)),
            Self::Silent => Err(Failure::NobodyAnswers(Told::new(
                format!("who keeps planes in {} is there and does not answer", target.applied.run_dir.display()),
                "each is named above: a stopped one goes on by `kill -CONT`, a hung one is replaced once a supervisor runs",
            ))),
            Self::Mute(told) => Err(Failure::NobodyAnswers(told)),
            Self::Forbidden(failure) => Err(*failure),
        }
    }
}

/// Asks the daemon and the keepers of `planes`.
pub fn look(target: &Target, planes: &[&AppliedPlane]) -> Result<Seen, Failure> {
    let sockets = planes.iter().map(|plane| target.keeper(&plane.name)).chain([target.daemon()]);
    let mut answers = ask::all(sockets.map(|socket| (socket, Ask::Status)).collect(), ask::BUDGET)?;
    let (supervisor, mut answered) = match answers.pop() {
        Some(daemon) => supervisor(target, daemon),
        None => (SupervisorStatus::default(), Answered::Nobody),
    };
    let mut shown = Vec::new();
    let mut closed = Vec::new();
    for (plane, answer) in planes.iter().zip(answers) {
        shown.push(match answer {
            Ok(Answer::Plane(status)) => {
                answered = Answered::Somebody;
                *status
            }
            Ok(Answer::Refused(refusal)) => {
                let why = refusal.message.clone();
                closed.push(Failure::Refused(refusal));
                nameless(plane, why)
            }
            Ok(other) => nameless(plane, ask::out_of_turn(&other).message),
            Err(error) if matches!(error.kind, CallFailure::NotAllowed) => {
                let why = error.to_string();
                closed.push(Failure::Call(error));
                nameless(plane, why)
            }
            Err(error) => match waits(&supervisor, &plane.name).filter(|_| error.is_nobody()) {
                Some(change) => waiting(plane, change),
                None => {
                    let is_there = matches!(error.kind, CallFailure::Late) || is_behind(target, &plane.name);
                    if is_there && matches!(answered, Answered::Nobody) {
                        answered = Answered::Silent;
                    }
                    nameless(plane, why_silent(&error, target, &plane.name, &supervisor))
                }
            },
        });
    }
    // Who may look at nothing was shown nothing, whatever else was said.
    let all_closed = !closed.is_empty() && closed.len() == planes.len();
    let nothing_else = matches!(answered, Answered::Nobody) || (all_closed && matches!(answered, Answered::Somebody));
    if let Some(first) = closed.into_iter().next().filter(|_| nothing_else) {
        answered = Answered::Forbidden(first.into());
    }
    for plane in &mut shown {
        if let (Some(ours), Some(its)) = (&supervisor.version, &plane.keeper_version)
            && ours != its
        {
            plane.notes.push(format!(
                "its keeper is of release {its}, the supervisor of {ours}; another one follows at the plane's next start"
            ));
        }
    }
    Ok(Seen { report: Report { supervisor, planes: shown }, answered })
}

fn supervisor(target: &Target, answer: Result<Answer, CallError>) -> (SupervisorStatus, Answered) {
    let manifest = target.applied.manifest.display().to_string();
    let silent = SupervisorStatus { manifest, ..SupervisorStatus::default() };
    match answer {
        Ok(Answer::Daemon(daemon)) => {
            let told = SupervisorStatus {
                running: true,
                pid: Some(daemon.pid),
                version: Some(daemon.version),
                manifest: daemon.manifest,
                trouble: daemon.trouble,
                changes: daemon.changes,
            };
            (absent::is_meant(target, told), Answered::Somebody)
        }
        Ok(Answer::Refused(refusal)) => {
            let trouble = refusal.message.clone();
            (
                SupervisorStatus { running: true, trouble, ..silent },
                Answered::Forbidden(Failure::Refused(refusal).into()),
            )
        }
        Ok(_) => (silent, Answered::Somebody),
        Err(error) if matches!(error.kind, CallFailure::NotAllowed) => {
            let trouble = error.to_string();
            (SupervisorStatus { trouble, ..silent }, Answered::Forbidden(Failure::Call(error).into()))
        }
        Err(error) => match absent::found(target, &error) {
            Some(there) => {
                let trouble = format!("{}; {}", there.told.message, there.told.hint);
                let found = SupervisorStatus { running: true, pid: there.pid, trouble, ..silent };
                (found, Answered::Mute(there.told))
            }
            None if error.is_nobody() => (silent, Answered::Nobody),
            None => {
                let answered =
                    if matches!(error.kind, CallFailure::Late) { Answered::Silent } else { Answered::Nobody };
                (SupervisorStatus { trouble: error.to_string(), ..silent }, answered)
            }
        },
    }
}

/// Whether a keeper lives without a socket.
fn is_behind(target: &Target, plane: &PlaneName) -> bool {
    silence::behind(&target.folder(plane).keeper_lock()) != Behind::Nobody
}

fn nameless(plane: &AppliedPlane, why: String) -> PlaneStatus {
    unknown(plane.name.clone(), &plane.role, plane.port, why)
}

/// The start that was ordered for a plane and waits for other planes.
fn waits<'a>(supervisor: &'a SupervisorStatus, name: &PlaneName) -> Option<&'a Change> {
    supervisor.changes.iter().find(|change| change.plane == *name && !change.waits_for.is_empty())
}

/// A plane that has no keeper yet as others come first.
fn waiting(plane: &AppliedPlane, change: &Change) -> PlaneStatus {
    PlaneStatus { state: State::Stopped, wanted: true, ..nameless(plane, change.why.clone()) }
}

fn why_silent(error: &CallError, target: &Target, plane: &PlaneName, supervisor: &SupervisorStatus) -> String {
    match error.kind {
        CallFailure::Absent | CallFailure::Deaf => {
            let lock = target.folder(plane).keeper_lock();
            match silence::behind(&lock) {
                Behind::Nobody => {}
                Behind::Stopped => return format!("its keeper {}", keeper_state(&lock, supervisor)),
                Behind::Binding => {
                    return "its keeper is there without a socket: it begins or ends, or binds a lost one again"
                        .to_owned();
                }
            }
            match supervisor.changes.iter().find(|change| change.plane == *plane) {
                Some(change) if change.blocked_by.is_empty() => format!("no keeper runs for it yet: {}", change.why),
                Some(change) => {
                    format!("no keeper runs for it, not started ({}): {}", change.blocked_by.join(", "), change.why)
                }
                // Without its release nobody answers as itself.
                None if supervisor.version.is_some() => "no keeper runs for it; `gateward start` makes one".to_owned(),
                None => "no keeper runs for it".to_owned(),
            }
        }
        CallFailure::Late => format!("its keeper {}", keeper_state(&target.folder(plane).keeper_lock(), supervisor)),
        CallFailure::NotAllowed | CallFailure::HungUp | CallFailure::Garbled(_) | CallFailure::Io(_) => {
            error.to_string()
        }
    }
}

/// How a keeper is that does not answer, and how long there is to do something about it.
fn keeper_state(lock: &Path, supervisor: &SupervisorStatus) -> String {
    let state = silence::state(lock);
    // Without its release nobody answers as itself, and nobody ends a keeper.
    if supervisor.version.is_none() || silence::behind(lock) != Behind::Stopped {
        return state;
    }
    format!(
        "{state}, and otherwise the supervisor ends it and its gateway {} s after it sees that, and starts another",
        vigil::STOPPED.as_secs()
    )
}

/// Looks again and again. Ctrl-C ends it as it ends any program: nothing is left to tidy up.
fn watch(args: &Args, scope: &Scope) -> Outcome {
    let mut target = Target::find(scope)?;
    target.select(&args.planes)?;
    let mut drawn = 0;
    let mut said = String::new();
    loop {
        let next = Instant::now() + GLANCE;
        // A reload may have brought a plane; one that was named and is gone is shown as it was known.
        if let Ok(now) = Target::unsaid(scope)
            && now.select(&args.planes).is_ok()
        {
            target = now;
        }
        let seen = look(&target, &target.select(&args.planes)?)?;
        let stdout = io::stdout();
        if args.json {
            let line = serde_json::to_string(&seen.report).map_err(|error| Failure::Output(error.into()))?;
            print(&(line + "\n"))?;
        } else if let Some((_, rows)) = size_of(&stdout) {
            drawn = redraw(&status(&seen.report, Timestamp::now(), stdout_look()), drawn, rows)?;
        } else {
            // Shown as it is; what changes all the time is no news by itself.
            let text = status(&seen.report, Timestamp::now(), Look::PLAIN);
            let news = status(&settled(seen.report), Timestamp::UNIX_EPOCH, Look::PLAIN);
            if news != said {
                print(&format!("{text}\n"))?;
                said = news;
            }
        }
        pause(&stdout, next.saturating_duration_since(Instant::now()))?;
    }
}

/// Waits, unless the reader of `stdout` goes: a table that does not change would never find out.
fn pause(stdout: &io::Stdout, time: Duration) -> Result<(), Failure> {
    let time = Timespec::try_from(time).map_err(|_| Failure::failed("cannot wait so long", ""))?;
    let mut look = [PollFd::new(stdout, PollFlags::empty())];
    // Interrupted, as by a window that changes its size, it looks again sooner.
    match poll(&mut look, Some(&time)) {
        Ok(_) if look[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) => {
            Err(Failure::Output(io::ErrorKind::BrokenPipe.into()))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Writes over what was drawn before; gives the lines drawn now.
pub fn redraw(text: &str, drawn: usize, rows: usize) -> Result<usize, Failure> {
    let room = rows.saturating_sub(1).max(2);
    let all = text.lines().count();
    let cut = format!("… and {} more lines than this terminal has", all.saturating_sub(room - 1));
    let mut lines: Vec<&str> = text.lines().take(if all > room { room - 1 } else { room }).collect();
    lines.extend((all > room).then_some(cut.as_str()));
    let back = if drawn == 0 { String::new() } else { format!("\x1b[{drawn}A") };
    let body: String = lines.iter().map(|line| format!("{line}\x1b[K\n")).collect();
    let mut stdout = io::stdout().lock();
    write!(stdout, "{back}{body}\x1b[J").and_then(|()| stdout.flush()).map_err(Failure::Output)?;
    Ok(lines.len())
}

/// The report without what changes from second to second, so that a pipe gets a table only when something happened.
pub fn settled(mut report: Report) -> Report {
    for plane in &mut report.planes {
        plane.uptime_s = None;
        plane.rss_bytes = None;
        plane.cpu_percent = None;
        plane.until = None;
    }
    report
}
