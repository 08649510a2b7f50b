//! From a request on the socket to a question for the machine; a start or restart into a config that does not validate is
//! turned away here.
//!
//! The machine decides everything else. A respawn after a crash never comes this way.

use serde_json::json;

use super::hands::{self, Hands};
use super::input::{Errand, Helped};
use super::origin;
use crate::journal::Entry;
use crate::life::Life;
use crate::life::event::{AskId, Asking, Event, Haste};
use crate::life::order::Record;
use crate::life::phase::Phase;
use crate::plane::Sealed;
use crate::socket::{Peer, Reply};
use crate::wire::{Answer, Ask, Refusal, RefusalKind, RefusedBefore};

/// An ask that has not been answered.
#[derive(Debug)]
pub struct Waiting {
    /// The way back.
    pub reply: Reply,
    /// What is asked.
    pub asking: Asking,
    /// By whom.
    pub by: String,
    /// The codes of findings that it goes ahead in spite of.
    pub allow: Vec<String>,
}

/// The code under which `check` has a config that OpenClaw does not accept.
pub const CONFIG_INVALID: &str = "config-invalid";

/// What a request is to a keeper.
#[derive(Debug)]
pub enum Sort {
    /// Show the state, once or for as long as the asker listens.
    Show(Often),
    /// Steer; validate the config first where `Validate` says so.
    Steer(Asking, Validate),
    /// Take a new definition.
    Redefine {
        /// It.
        sealed: Box<Sealed>,
        /// Leave the living gateway.
        at_next_start: bool,
    },
    /// Tell with what the plane is started.
    Tell,
    /// Hand out the definitions.
    Reveal,
    /// Leave when the gateway would be spawned again by itself.
    Yield,
    /// Keep in the journal what was refused before it was asked.
    Note(Box<RefusedBefore>),
    /// Not a keeper's business.
    NotHere,
}

/// How often a state is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Often {
    /// One answer.
    Once,
    /// One now and one for each change.
    Always,
}

/// What OpenClaw holds against the config, as far as it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    None,
    /// It would not start with it.
    Invalid,
}

/// Whether the config has to validate first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validate {
    /// It has.
    First,
    /// It has not.
    Skip,
    /// It would have, and the operator forces.
    Forced,
}

/// The codes of findings that an ask goes ahead in spite of.
pub fn allowed(ask: &Ask) -> Vec<String> {
    match ask {
        Ask::Start(start) => start.allow.clone(),
        Ask::Restart(restart) => restart.allow.clone(),
        Ask::Status
        | Ask::Follow
        | Ask::Stop(_)
        | Ask::Replace { .. }
        | Ask::Retire(_)
        | Ask::Reload(_)
        | Ask::Down(_)
        | Ask::Keep { .. }
        | Ask::Findings
        | Ask::Held
        | Ask::Yield { .. }
        | Ask::Environ { .. }
        | Ask::Refused(_)
        | Ask::Sealed { .. } => Vec::new(),
        #[cfg(feature = "next-wire")]
        Ask::Tomorrow => Vec::new(),
    }
}

/// Sorts one request.
pub fn sort(ask: Ask) -> Sort {
    let haste = |now| if now { Haste::Now } else { Haste::Graceful };
    let validate = |force| if force { Validate::Forced } else { Validate::First };
    match ask {
        Ask::Status => Sort::Show(Often::Once),
        Ask::Follow => Sort::Show(Often::Always),
        Ask::Start(start) => Sort::Steer(Asking::Start, validate(start.force)),
        Ask::Stop(stop) => Sort::Steer(Asking::Stop(haste(stop.now)), Validate::Skip),
        Ask::Restart(restart) if restart.safe => Sort::Steer(Asking::RestartSafely, validate(restart.force)),
        Ask::Restart(restart) => Sort::Steer(Asking::Restart(haste(restart.now)), validate(restart.force)),
        Ask::Replace { sealed, at_next_start } => Sort::Redefine { sealed, at_next_start },
        Ask::Retire(stop) => Sort::Steer(Asking::Retire(haste(stop.now)), Validate::Skip),
        Ask::Sealed { .. } => Sort::Tell,
        Ask::Held => Sort::Reveal,
        Ask::Yield { .. } => Sort::Yield,
        Ask::Refused(before) => Sort::Note(before),
        #[cfg(feature = "next-wire")]
        Ask::Tomorrow => Sort::Show(Often::Once),
        Ask::Reload(_) | Ask::Down(_) | Ask::Keep { .. } | Ask::Findings | Ask::Environ { .. } => Sort::NotHere,
    }
}

/// Whether an ask would lead to a spawn that nobody has begun yet.
pub fn would_spawn(life: &Life, asking: Asking) -> bool {
    match asking {
        Asking::Start => !matches!(life.phase(), Phase::Starting { .. } | Phase::Up { .. }),
        Asking::Restart(_) | Asking::RestartSafely => true,
        Asking::Stop(_) | Asking::Replace | Asking::Retire(_) => false,
    }
}

/// That a living gateway would be stopped for a start that cannot succeed, as its program is not there.
pub fn unstartable(life: &Life, asking: Asking, sealed: &Sealed) -> Option<Refusal> {
    if !would_spawn(life, asking) || !lives(life) {
        return None;
    }
    let program = origin::missing_program(sealed)?;
    let name = &sealed.plane.name;
    Some(Refusal::new(
        RefusalKind::Failed,
        format!("the program of `{name}`, {}, is not there: what runs was left alone", program.display()),
        format!("{}, then ask again; `gateward stop {name}` stops it", origin::remedy(&sealed.plane.launch)),
    ))
}

/// Whether a gateway, or what it left, may still be there.
pub fn lives(life: &Life) -> bool {
    match life.phase() {
        Phase::Down { .. } | Phase::Waiting { .. } => false,
        Phase::Sweeping { .. } | Phase::Starting { .. } | Phase::Up { .. } | Phase::Stopping { .. } => true,
    }
}

/// What a refusal leaves, in words.
fn left(life: &Life) -> &'static str {
    if lives(life) { "what runs was left alone" } else { "nothing was started" }
}

impl Hands {
    /// Keeps in the journal what was overridden, and by whom.
    pub fn note_allowed(&mut self, codes: &[String], by: &str, incarnation: u64) {
        if codes.is_empty() {
            return;
        }
        self.journal.add(Entry {
            at: self.clock.stamp(),
            plane: Some(self.sealed.plane.name.clone()),
            incarnation,
            event: "allowed".into(),
            saw: codes.join(", "),
            decided: "go ahead".into(),
            follows: format!("{by} allowed it by code"),
            lost_before: 0,
        });
    }

    /// Keeps in the journal what its asker's own proof refused.
    pub fn note_refused(&mut self, before: &RefusedBefore, by: &str, life: &Life) {
        self.record(Record {
            incarnation: life.incarnation(),
            event: "refused",
            saw: format!("{} by {by}: {} against it", before.verb, before.codes.join(", ")),
            decided: "refused".into(),
            follows: left(life).into(),
        });
    }

    /// Keeps in the journal that a config was not asked about, and who wanted it so.
    pub fn note_forced(&mut self, asking: Asking, by: &str, incarnation: u64) {
        self.record(Record {
            incarnation,
            event: "forced",
            saw: format!("{} --force by {by}", asking.words()),
            decided: "go ahead".into(),
            follows: "whether its config validates is not asked beforehand".into(),
        });
    }

    /// Starts `openclaw config validate` for an ask; false where it could not be started, and the ask goes on without.
    pub fn validate(&mut self, ask: AskId) -> bool {
        let launch = hands::helper(&self.sealed, &["config", "validate", "--json"]);
        match self.helpers.start(Errand::Validate { ask }, launch, &self.null, &self.inputs) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "the config could not be validated beforehand");
                false
            }
        }
    }
}

#[derive(serde::Deserialize)]
struct Validated {
    valid: bool,
    #[serde(default)]
    issues: Vec<Issue>,
}

#[derive(serde::Deserialize)]
struct Issue {
    #[serde(default)]
    path: String,
    #[serde(default)]
    message: String,
}

/// What OpenClaw holds against the config. No answer is nothing: the gateway itself is the last judge (exit 78).
pub fn judged(helped: &Helped) -> Result<(), String> {
    let text = helped.stdout.trim();
    let body = text.find('{').map_or("", |at| &text[at..]);
    let validated: Validated = match serde_json::from_str(body) {
        Ok(validated) => validated,
        Err(error) => {
            tracing::warn!(%error, exit = ?helped.exit, stderr = helped.stderr, "config validate gave no verdict");
            return Ok(());
        }
    };
    if validated.valid {
        return Ok(());
    }
    let issues: Vec<String> =
        validated
            .issues
            .iter()
            .map(|issue| {
                if issue.path.is_empty() { issue.message.clone() } else { format!("{}: {}", issue.path, issue.message) }
            })
            .collect();
    Err(issues.join("; "))
}

/// The refusal for the sake of a config that OpenClaw does not accept, with the finding that `check` has of it.
pub fn invalid(issues: &str, sealed: &Sealed, life: &Life) -> Refusal {
    let (plane, surface) = (&sealed.plane, sealed.plane.config.display().to_string());
    let message = format!("OpenClaw does not accept the config of `{}`: {issues}", plane.name);
    let hint = format!("mend {surface} (see {})", super::publish::physician(plane));
    let finding = json!({
        "code": CONFIG_INVALID,
        "severity": "error",
        "planes": [plane.name],
        "surface": surface,
        "message": message,
        "hint": hint,
        "at": [],
    });
    let hint = format!("{}; {hint}, or go ahead with `--allow {CONFIG_INVALID}`", left(life));
    Refusal::collision(format!("{message} ({CONFIG_INVALID})"), hint, vec![finding])
}

/// What a keeper does for its own user and for root alone, refused to everybody else: they may steer, and neither define what is
/// run, nor read its secrets, nor have the keeper give way.
pub fn withheld(peer: Peer, ask: &Ask) -> Option<Answer> {
    if peer.may_know() {
        return None;
    }
    match ask {
        Ask::Sealed { .. } | Ask::Held => Some(crate::wire::not_yours()),
        Ask::Replace { .. } | Ask::Yield { .. } => Some(crate::wire::not_yours_to_define()),
        Ask::Status
        | Ask::Follow
        | Ask::Start(_)
        | Ask::Stop(_)
        | Ask::Restart(_)
        | Ask::Retire(_)
        | Ask::Reload(_)
        | Ask::Down(_)
        | Ask::Keep { .. }
        | Ask::Findings
        | Ask::Environ { .. }
        | Ask::Refused(_) => None,
        #[cfg(feature = "next-wire")]
        Ask::Tomorrow => None,
    }
}

/// With what the plane is started.
pub fn told(sealed: &Sealed) -> Answer {
    Answer::Sealed(Box::new(sealed.clone()))
}

/// The definitions that a keeper holds.
pub fn revealed(sealed: &Sealed, ending: Option<&Sealed>) -> Answer {
    Answer::Held { sealed: Box::new(sealed.clone()), ending: ending.cloned().map(Box::new) }
}

/// Turns a new definition away.
pub fn refuse(reply: Reply, message: &str) -> Vec<Event> {
    let message = format!("the new definition cannot be taken: {message}");
    let hint = "the living plane was left as it is";
    reply.answer(Answer::Refused(Refusal::new(RefusalKind::Failed, message, hint)));
    Vec::new()
}

/// The answer to what is not a keeper's business.
pub fn not_here() -> Answer {
    Answer::Refused(Refusal::new(
        RefusalKind::Unknown,
        "a keeper does not know this ask",
        "ask the supervisor's own socket, or use one release for both sides",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Start, Stop};

    #[test]
    fn members_of_a_group_steer_and_neither_define_nor_learn_what_is_run() {
        let own = rustix::process::geteuid().as_raw();
        let peer = |uid| Peer { uid, gid: 0, pid: 1 };
        let sealed = Box::new(crate::plane::testing::sealed("main"));
        let plane = sealed.plane.name.clone();
        let privileged = [
            Ask::Replace { sealed: sealed.clone(), at_next_start: false },
            Ask::Replace { sealed, at_next_start: true },
            Ask::Yield { to: "0.0.0".into() },
            Ask::Held,
            Ask::Sealed { plane },
        ];
        for ask in &privileged {
            assert!(matches!(withheld(peer(own + 1), ask), Some(Answer::Refused(_))), "{ask:?}");
            assert!(withheld(peer(own), ask).is_none() && withheld(peer(0), ask).is_none(), "{ask:?}");
        }
        for ask in [Ask::Status, Ask::Start(Start::default()), Ask::Stop(Stop::default()), Ask::Retire(Stop::default())]
        {
            assert!(withheld(peer(own + 1), &ask).is_none(), "{ask:?}");
        }
    }
}
