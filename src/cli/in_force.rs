//! The planes with which a verb works: as the manifest means them, and as they were sealed where the manifest cannot be used.
//!
//! Keepers and the supervisor are asked for what they hold; nothing is made up for a plane of which nobody tells.

use super::ask;
use super::outcome::{Failure, Told};
use super::supervised;
use super::target::Target;
use super::terminal::say;
use super::trouble;
use crate::plane::{Places, PlaneName, Planes, Sealed, Supervisor};
use crate::socket::CallFailure;
use crate::wire::{Answer, Ask, RefusalKind};

/// Planes, and where they are from.
#[derive(Debug)]
pub struct InForce {
    /// The planes.
    pub planes: Planes,
    /// Whose word that is.
    pub by: Word,
}

/// Who says what the planes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The manifest, as it is now.
    Manifest,
    /// Keepers and supervisor: what was handed to them when the manifest could still be used.
    Sealed,
}

/// What was answered to the question for one plane's definition.
#[derive(Debug)]
pub enum Definition {
    /// It.
    Sealed(Box<Sealed>),
    /// That we may not know it.
    Refused(Told),
    /// Nothing of use: nobody is there, or it is of a release that does not know the question.
    Nothing,
}

/// The planes that are in force, for a target of which nothing was said yet.
pub fn planes(target: &Target) -> Result<InForce, Failure> {
    let error = match &target.loaded {
        Ok(loaded) => {
            target.say_by_what();
            // `~` and what is passed mean what they mean to the supervisor, whoever asks.
            let meant = supervised::read(loaded, &target.applied.run_dir);
            return Ok(InForce { planes: meant.planes, by: Word::Manifest });
        }
        Err(error) => error,
    };
    let mut planes = Vec::new();
    let mut supervisor: Option<Supervisor> = None;
    let mut missing = Vec::new();
    for plane in &target.applied.planes {
        match sealed(target, &plane.name)? {
            Definition::Sealed(sealed) => {
                supervisor.get_or_insert(sealed.supervisor);
                planes.push((sealed.plane, Places::default()));
            }
            Definition::Refused(_) | Definition::Nothing => missing.push(plane.name.as_str()),
        }
    }
    let Some(supervisor) = supervisor else { return Err(trouble::manifest_alone(error, target)) };
    target.say_by_what();
    if !missing.is_empty() {
        say(&format!("warning: nobody tells how {} is defined, so it is left out\n", missing.join(", ")));
    }
    Ok(InForce { planes: Planes { supervisor, planes, env_files: Vec::new() }, by: Word::Sealed })
}

/// With what a plane is started: its keeper knows, or the supervisor.
pub fn sealed(target: &Target, name: &PlaneName) -> Result<Definition, Failure> {
    let ask = || Ask::Sealed { plane: name.clone() };
    let questions = vec![(target.keeper(name), ask()), (target.daemon(), ask())];
    for answer in ask::all(questions, ask::BUDGET)? {
        match answer {
            Ok(Answer::Sealed(sealed)) => return Ok(Definition::Sealed(sealed)),
            Ok(Answer::Refused(refusal)) if refusal.kind == RefusalKind::Failed => {
                return Ok(Definition::Refused(Told::new(refusal.message, refusal.hint)));
            }
            Err(error) if matches!(error.kind, CallFailure::NotAllowed) => {
                let inside = target.own_plane().is_some_and(|own| own == *name);
                let failure = Failure::Call(error);
                let told = failure.told();
                let hint = format!("inside {name} its environment is there already: run the command itself");
                return Ok(Definition::Refused(Told::new(told.message, if inside { hint } else { told.hint })));
            }
            Ok(_) | Err(_) => {}
        }
    }
    Ok(Definition::Nothing)
}
