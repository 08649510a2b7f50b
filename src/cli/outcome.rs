//! What becomes of a verb: done, or a failure that is told on stderr; and the one table of exit codes.
//!
//! Nothing here decides what a verb does. A failure says what, where and why in its message, and what to do in its hint.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::collision::finding::Finding;
use crate::os::accounts;
use crate::plane::PlaneName;
use crate::render::sources::tamed;
use crate::socket::{CallError, CallFailure};
use crate::wire::{Refusal, RefusalKind};

/// The exit codes of `gateward`; scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// 0: done.
    Done = 0,
    /// 1: the request failed; also a second supervisor.
    Failed = 1,
    /// 2: the words on the command line make no sense.
    Usage = 2,
    /// 3: a named plane is not running (`status`, `verify`, `why` only; as LSB).
    NotRunning = 3,
    /// 4: no such plane.
    NoSuchPlane = 4,
    /// 5: neither supervisor nor keeper answers.
    NobodyAnswers = 5,
    /// 6: the manifest cannot be read, or is invalid.
    Manifest = 6,
    /// 7: collisions were found, or a request was refused because of one.
    Collision = 7,
    /// 126: `exec` found the command and may not run it; as in a shell.
    NotExecutable = 126,
    /// 127: `exec` found no such command; as in a shell.
    NoSuchCommand = 127,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        ExitCode::from(code as u8)
    }
}

/// What a verb gives back: the code of what it has already told, or a failure that is still to be told.
pub type Outcome = Result<Code, Failure>;

/// Why a verb did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// The words make no sense together, in a way that the parser cannot see.
    Usage(Told),
    /// A name that is no plane of this supervisor.
    NoSuchPlane(Told),
    /// Neither supervisor nor keeper answers.
    NobodyAnswers(Told),
    /// The manifest cannot be read or is invalid.
    Manifest {
        /// Whole diagnostics, ready to print.
        text: String,
        /// Every mistake.
        findings: Vec<Finding>,
    },
    /// The request failed.
    Failed(Told),
    /// `exec` did not run its command, and ends as a shell would.
    NotRun(Code, Told),
    /// A keeper or the daemon refused.
    Refused(Refusal),
    /// A finding stands against the request: whole diagnostics, ready to print, and what to do.
    Collision {
        /// The diagnostics.
        findings: String,
        /// The sentence after them.
        told: Told,
        /// What stands against it.
        of: Vec<Finding>,
    },
    /// A call brought no answer.
    Call(CallError),
    /// What was to be shown could not be written.
    Output(io::Error),
    /// Planes that failed each in its own way.
    Planes(Vec<(PlaneName, Failure)>),
}

/// A message and its hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What, where, why: a fragment in lower case.
    pub message: String,
    /// What to do; may be empty.
    pub hint: String,
}

impl Told {
    /// A message with a hint.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

impl Failure {
    /// The request failed.
    pub fn failed(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Failed(Told::new(message, hint))
    }

    /// The one table from failure to exit code.
    pub fn code(&self) -> Code {
        match self {
            Self::Usage(_) => Code::Usage,
            Self::NoSuchPlane(_) => Code::NoSuchPlane,
            Self::NobodyAnswers(_) => Code::NobodyAnswers,
            Self::Manifest { .. } => Code::Manifest,
            Self::Collision { .. } => Code::Collision,
            Self::Failed(_) | Self::Output(_) => Code::Failed,
            Self::NotRun(code, _) => *code,
            Self::Refused(refusal) => match refusal.kind {
                RefusalKind::NoSuchPlane => Code::NoSuchPlane,
                RefusalKind::Manifest => Code::Manifest,
                RefusalKind::Collision => Code::Collision,
                RefusalKind::Failed | RefusalKind::Leaving | RefusalKind::Unknown => Code::Failed,
            },
            Self::Call(error) => match error.kind {
                CallFailure::Absent | CallFailure::Deaf | CallFailure::Late => Code::NobodyAnswers,
                CallFailure::NotAllowed | CallFailure::HungUp | CallFailure::Garbled(_) | CallFailure::Io(_) => {
                    Code::Failed
                }
            },
            // Planes that fail alike fail as one; a mixture is told by the plain code, and each by its own line.
            Self::Planes(planes) => {
                let mut codes = planes.iter().map(|(_, failure)| failure.code());
                match codes.next() {
                    Some(first) if codes.all(|code| code == first) => first,
                    Some(_) | None => Code::Failed,
                }
            }
        }
    }

    /// The text for stderr, styled; whoever prints it strips the styles where they are not wanted.
    pub fn text(&self) -> String {
        match self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => String::new(),
            Self::Manifest { text, .. } => text.clone(),
            Self::Collision { .. } => self.about(""),
            Self::Planes(planes) => {
                // Planes of which the same is to be said share one line.
                let same = |a: &(PlaneName, Self), b: &(PlaneName, Self)| a.1.told() == b.1.told() && !b.1.is_whole();
                planes.chunk_by(same).filter_map(|chunk| Some(chunk.first()?.1.about(&names(chunk)))).collect()
            }
            Self::Usage(_)
            | Self::NoSuchPlane(_)
            | Self::NobodyAnswers(_)
            | Self::Failed(_)
            | Self::NotRun(..)
            | Self::Refused(_)
            | Self::Call(_)
            | Self::Output(_) => line("", &self.told()),
        }
    }

    /// Whether its text is more than message and hint.
    fn is_whole(&self) -> bool {
        match self {
            Self::Manifest { .. } | Self::Planes(_) => true,
            Self::Collision { findings, .. } => !findings.is_empty(),
            Self::Usage(_)
            | Self::NoSuchPlane(_)
            | Self::NobodyAnswers(_)
            | Self::Failed(_)
            | Self::NotRun(..)
            | Self::Refused(_)
            | Self::Call(_)
            | Self::Output(_) => false,
        }
    }

    fn about(&self, planes: &str) -> String {
        match self {
            Self::Manifest { .. } | Self::Planes(_) => self.text(),
            Self::Collision { findings, told, .. } if findings.is_empty() => line(planes, told),
            Self::Collision { findings, told, .. } => format!("{findings}\n{}", line(planes, told)),
            Self::Usage(_)
            | Self::NoSuchPlane(_)
            | Self::NobodyAnswers(_)
            | Self::Failed(_)
            | Self::NotRun(..)
            | Self::Refused(_)
            | Self::Call(_)
            | Self::Output(_) => line(planes, &self.told()),
        }
    }

    /// The findings that it is about.
    pub fn findings(&self) -> Vec<&Finding> {
        match self {
            Self::Manifest { findings, .. } | Self::Collision { of: findings, .. } => findings.iter().collect(),
            Self::Planes(planes) => {
                let all: BTreeSet<&Finding> = planes.iter().flat_map(|(_, failure)| failure.findings()).collect();
                all.into_iter().collect()
            }
            Self::Usage(_)
            | Self::NoSuchPlane(_)
            | Self::NobodyAnswers(_)
            | Self::Failed(_)
            | Self::NotRun(..)
            | Self::Refused(_)
            | Self::Call(_)
            | Self::Output(_) => Vec::new(),
        }
    }

    /// What `--json` prints of a verb that came to nothing.
    pub fn document(&self) -> Value {
        let told = match self {
            Self::Manifest { findings, .. } => mistaken(findings),
            Self::Usage(_)
            | Self::NoSuchPlane(_)
            | Self::NobodyAnswers(_)
            | Self::Failed(_)
            | Self::NotRun(..)
            | Self::Refused(_)
            | Self::Collision { .. }
            | Self::Call(_)
            | Self::Output(_)
            | Self::Planes(_) => self.told(),
        };
        json!({
            "ok": false,
            "error": { "code": self.code() as u8, "message": told.message, "hint": told.hint },
            "findings": self.findings(),
        })
    }

    /// Message and hint, whatever the kind.
    pub fn told(&self) -> Told {
        match self {
            Self::Usage(told)
            | Self::NoSuchPlane(told)
            | Self::NobodyAnswers(told)
            | Self::Failed(told)
            | Self::NotRun(_, told)
            | Self::Collision { told, .. } => told.clone(),
            Self::Manifest { text, .. } => Told::new(anstream::adapter::strip_str(text.trim_end()).to_string(), ""),
            Self::Refused(refusal) => Told::new(&refusal.message, &refusal.hint),
            Self::Call(error) => Told::new(error.to_string(), hint(error)),
            Self::Output(error) => Told::new(format!("the output could not be written: {error}"), ""),
            Self::Planes(planes) => Told::new(
                planes
                    .iter()
                    .map(|(plane, failure)| format!("{plane}: {}", failure.told().message))
                    .collect::<Vec<_>>()
                    .join("; "),
                "",
            ),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told().message)
    }
}

impl std::error::Error for Failure {}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

/// What is wrong with a manifest, in one sentence; the mistakes themselves stand beside it.
fn mistaken(findings: &[Finding]) -> Told {
    let message = match findings {
        [] => "the manifest does not hold".to_owned(),
        [one] => one.message.clone(),
        [first, rest @ ..] => format!("{} (and {} more)", first.message, rest.len()),
    };
    Told::new(message, "`gateward check` shows each at its line")
}

fn names(planes: &[(PlaneName, Failure)]) -> String {
    planes.iter().map(|(plane, _)| plane.as_str()).collect::<Vec<_>>().join(", ")
}

/// What to do about a call without an answer.
fn hint(error: &CallError) -> String {
    let hint = match error.kind {
        CallFailure::Absent | CallFailure::Deaf => {
            "start the supervisor with `gateward run` (or its service), or say which one is meant with `-m FILE`"
        }
        CallFailure::NotAllowed => return not_allowed(&error.path),
        CallFailure::Late => "its process is stopped or overwhelmed; `gateward status` and its log tell more",
        CallFailure::HungUp => "it may just have been replaced: ask again in a moment",
        CallFailure::Garbled(_) => "compare `gateward --version` with `keeper_version` in `gateward status --json`",
        CallFailure::Io(_) => "",
    };
    hint.to_owned()
}

/// Who may use a socket, as far as the folder that it lies in shows.
fn not_allowed(socket: &Path) -> String {
    let folders = socket.ancestors().skip(1).take(2);
    let found = folders.filter_map(|folder| std::fs::metadata(folder).ok()).next();
    let group = found
        .filter(|found| found.mode() & 0o077 == 0o050 && found.gid() != 0)
        .and_then(|found| accounts::group_name(found.gid()));
    match group {
        Some(group) => format!(
            "use the supervisor's own user, or root, or become a member of group {group} (socket_group): `usermod -aG {group} \
             USER`, then a new login"
        ),
        None => "use the supervisor's own user, or root, or let a group steer with `socket_group` in `[supervisor]`"
            .to_owned(),
    }
}

fn line(about: &str, told: &Told) -> String {
    let error = anstyle::AnsiColor::Red.on_default().bold();
    let hint = anstyle::AnsiColor::Cyan.on_default().bold();
    let about = if about.is_empty() { String::new() } else { format!("{about}: ") };
    let mut text = format!("{error}error{error:#}: {about}{}\n", lines(&told.message));
    if !told.hint.is_empty() {
        text.push_str(&format!(" {hint}hint{hint:#}: {}\n", lines(&told.hint)));
    }
    text
}

/// The text with its line breaks kept, further lines indented, and everything else that steers a terminal made visible.
fn lines(text: &str) -> String {
    text.lines().map(tamed).collect::<Vec<_>>().join("\n       ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> PlaneName {
        PlaneName::new(text).expect("a name")
    }

    fn refused(kind: RefusalKind) -> Failure {
        Failure::Refused(Refusal::new(kind, "no", "ask otherwise"))
    }

    #[test]
    fn planes_that_fail_alike_fail_as_one() {
        let alike =
            || vec![(name("main"), refused(RefusalKind::Collision)), (name("rescue"), refused(RefusalKind::Collision))];
        assert_eq!(Failure::Planes(alike()).code(), Code::Collision);
        let mut mixed = alike();
        mixed.push((name("lab"), refused(RefusalKind::Failed)));
        assert_eq!(Failure::Planes(mixed).code(), Code::Failed);
    }

    #[test]
    fn the_document_has_every_code() {
        let document = include_str!("../../docs/wire.md");
        let (_, table) = document.split_once("| exit code | means |\n|---|---|\n").expect("the table");
        let rows = table.lines().map_while(|line| line.strip_prefix("| "));
        let written: Vec<u8> = rows.filter_map(|row| row.split(' ').next()?.parse().ok()).collect();
        let all = (0..=Code::Collision as u8).chain([Code::NotExecutable as u8, Code::NoSuchCommand as u8]);
        assert_eq!(written, all.collect::<Vec<_>>());
    }

    #[test]
    fn each_plane_is_told_with_its_hint() {
        let failure = Failure::Planes(vec![
            (name("main"), refused(RefusalKind::Failed)),
            (name("lab"), Failure::failed("it parked:\n\u{1b}]0;evil", "")),
        ]);
        let text = anstream::adapter::strip_str(&failure.text()).to_string();
        assert_eq!(text, "error: main: no\n hint: ask otherwise\nerror: lab: it parked:\n       ␛]0;evil\n");
    }

    #[test]
    fn a_closed_pipe_is_not_talked_about() {
        assert_eq!(Failure::Output(io::ErrorKind::BrokenPipe.into()).text(), "");
    }
}
