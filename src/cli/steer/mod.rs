//! Carries asks to keepers and, if wanted, waits until each plane is where it was asked to be; all planes at once.
//!
//! A keeper that is not there is asked of the daemon first. An accepted ask stands whatever becomes of us: hanging up, a
//! Ctrl-C or a keeper's replacement end the waiting at most.

mod mute;
mod party;
pub mod silence;
mod task;

use jiff::Timestamp;
use serde::Serialize;

use self::party::{Heard, Party};
use super::goal::Goal;
use super::interrupt::Interrupt;
use super::outcome::Failure;
use super::spectator::Spectator;
use super::target::Target;
use crate::plane::PlaneName;
use crate::wire::{Ask, PlaneStatus};

/// What is asked of one plane.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The plane.
    pub plane: PlaneName,
    /// What its keeper is asked.
    pub ask: Ask,
    /// Where that is to lead.
    pub goal: Goal,
    /// Whether it is still to be asked.
    pub begin: Begin,
    /// Codes of findings to go ahead in spite of, for the daemon.
    pub allow: Vec<String>,
}

/// How a wish begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With the ask.
    Asking,
    /// The ask was made by another; only what becomes of it is watched.
    Watching,
}

/// Whether to wait for what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Until it is so.
    Wait,
    /// Until it is accepted.
    Leave,
}

/// What became of one wish.
#[derive(Debug)]
pub struct Fate {
    /// The plane.
    pub plane: PlaneName,
    /// What became of it.
    pub end: Result<Granted, Failure>,
}

/// A wish that was granted, or at least accepted.
#[derive(Clone, Debug, Serialize)]
pub struct Granted {
    /// How far it got.
    pub result: Reached,
    /// The incarnation that was alive at the ask and is replaced or ended.
    pub replaces: Option<u64>,
    /// What the keeper said to it.
    pub note: String,
    /// The plane as last told.
    pub status: Option<PlaneStatus>,
}

/// How far a wish got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    /// Accepted, and not waited for.
    Accepted,
    /// The plane is where it was asked to be.
    Done,
}

/// How the whole ended.
#[derive(Debug)]
pub enum Ended {
    /// Every wish has its fate.
    All(Vec<Fate>),
    /// Ctrl-C: these were accepted and go on, of the others nothing is known yet but of those that have their fate.
    Interrupted {
        /// Whose asks stand.
        standing: Vec<PlaneName>,
        /// Those that had failed by then.
        failed: Vec<(PlaneName, Failure)>,
    },
}

/// Carries out all wishes.
pub fn steer(
    target: &Target,
    wishes: Vec<Wish>,
    patience: Patience,
    spectator: &mut Spectator,
) -> Result<Ended, Failure> {
    let interrupt =
        Interrupt::new().map_err(|error| Failure::failed(format!("cannot watch for signals: {error}"), ""))?;
    let mut party = Party::new(target, wishes, patience);
    loop {
        spectator.show(party.statuses(), Timestamp::now());
        if party.is_over() {
            spectator.clear();
            return Ok(Ended::All(party.fates()));
        }
        if party.wait(&interrupt, spectator.tick())? == Heard::Interrupt {
            spectator.clear();
            let (standing, failed) = party.so_far();
            return Ok(Ended::Interrupted { standing, failed });
        }
    }
}

#[cfg(test)]
mod tests;
