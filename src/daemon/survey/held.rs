//! The definitions that keepers hold, asked of the keepers themselves: what lives, whatever the manifest says by now.
//!
//! Waits for an answer no longer than a keeper that is well may take. Changes nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::daemon::keepers;
use crate::plane::{Plane, PlaneName, Planes, Sealed};
use crate::rundir;
use crate::socket::{Calls, Next};
use crate::wire::{Answer, Ask};

/// A keeper answers from its loop at once; one that takes longer is stuck, and holds what it held.
const BUDGET: Duration = Duration::from_secs(3);

/// What one keeper holds.
#[derive(Clone, Debug)]
pub struct Held {
    /// The definition in force.
    pub sealed: Sealed,
    /// The one before it, while its gateway has not ended.
    pub ending: Option<Sealed>,
}

impl Held {
    /// One definition and none before it.
    pub fn only(sealed: Sealed) -> Self {
        Self { sealed, ending: None }
    }

    /// Its plane.
    pub fn name(&self) -> &PlaneName {
        &self.sealed.plane.name
    }
}

/// What the keepers with sockets in `run_dir` hold, by name. One that does not answer, or may not be asked, is not among
/// them.
pub fn held(run_dir: &Path) -> Vec<Held> {
    let mut calls = Calls::new();
    for name in keepers::named(run_dir) {
        calls.place(&rundir::keeper_socket(run_dir, &name), &keepers::request(Ask::Held));
    }
    let until = Instant::now() + BUDGET;
    let mut found = Vec::new();
    loop {
        match calls.next(Some(until), None) {
            Ok(Next::Answer(id, answer)) => {
                calls.hang_up(id);
                match answer {
                    Ok(Answer::Held { sealed, ending }) => {
                        found.push(Held { sealed: *sealed, ending: ending.map(|ending| *ending) });
                    }
                    Ok(_) => tracing::debug!("a keeper does not tell its definition"),
                    Err(error) => tracing::debug!(%error, "a keeper was not heard"),
                }
            }
            Ok(Next::Late) => calls.give_up(),
            Ok(Next::Woken) => {}
            Ok(Next::Over) => break,
            Err(error) => {
                tracing::warn!(%error, "the keepers could not be asked what they hold");
                break;
            }
        }
    }
    found.sort_by(|a, b| a.name().cmp(b.name()));
    found
}

/// Of `held` the definitions that are not, or no longer, what `planes` say.
pub(super) fn differing<'a>(planes: &Planes, held: &'a [Held]) -> Vec<&'a Plane> {
    let all = held.iter().flat_map(|one| std::iter::once(&one.sealed).chain(&one.ending));
    all.map(|sealed| &sealed.plane).filter(|plane| planes.get(&plane.name) != Some(*plane)).collect()
}
