//! One wish on its way: which stage it is in, and what is known of it.
//!
//! Asks nobody and waits for nothing.

use std::time::Instant;

use super::silence::{self, Silence};
use super::{Begin, Fate, Granted, Reached, Wish};
use crate::cli::goal::Goal;
use crate::cli::outcome::Failure;
use crate::wire::{PlaneStatus, State};

/// Whether the daemon is to be asked for a keeper that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// Yes.
    MayBeAbsent,
    /// The daemon has made one.
    IsComing,
}

/// Why the daemon is asked for a keeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// There is none.
    Absent,
    /// There is one, and it does not answer.
    Hung,
}

/// Where a wish is.
#[derive(Debug)]
pub enum Stage {
    /// Nothing has been done.
    Fresh,
    /// The keeper has the ask.
    Asking { until: Instant, away_until: Instant, keeper: Keeper },
    /// The daemon was asked for a keeper.
    Keeping { until: Instant, then: Then, missing: Missing },
    /// Accepted; the keeper tells how it goes.
    Following { away_until: Instant },
    /// The keeper is called again at `at`.
    Redialing { at: Instant, away_until: Instant, then: Then },
    /// It has its end.
    Over(Result<Reached, Failure>),
}

/// What to call a keeper for.
#[derive(Clone, Copy, Debug)]
pub enum Then {
    /// To make the ask.
    Ask(Keeper),
    /// To hear how it goes.
    Follow,
}

/// One wish with all that is known of it.
#[derive(Debug)]
pub struct Task {
    /// What is asked.
    pub wish: Wish,
    /// The incarnation that the acceptance named.
    pub replaces: Option<u64>,
    /// What the acceptance said.
    pub note: String,
    /// The plane as last told.
    pub status: Option<PlaneStatus>,
    /// Where it is.
    pub stage: Stage,
    /// Whether the one who is to speak does.
    pub silence: Silence,
    /// Since when another is to make the ask; nothing once it is ours to make.
    pub entrusted: Option<Instant>,
    /// When the gateway must have begun what it carries out itself.
    pub begins_by: Option<Instant>,
}

impl Task {
    /// Nothing done yet.
    pub fn new(wish: Wish) -> Self {
        let entrusted = match wish.begin {
            Begin::Watching => Some(Instant::now()),
            Begin::Asking => None,
        };
        Self {
            wish,
            replaces: None,
            note: String::new(),
            status: None,
            stage: Stage::Fresh,
            silence: Silence::Nobody,
            entrusted,
            begins_by: None,
        }
    }

    /// Whether the ask stands whatever becomes of us.
    pub fn is_accepted(&self) -> bool {
        match &self.stage {
            Stage::Following { .. }
            | Stage::Keeping { then: Then::Follow, .. }
            | Stage::Redialing { then: Then::Follow, .. }
            | Stage::Over(Ok(_)) => true,
            Stage::Fresh
            | Stage::Asking { .. }
            | Stage::Keeping { then: Then::Ask(_), .. }
            | Stage::Redialing { then: Then::Ask(_), .. }
            | Stage::Over(Err(_)) => false,
        }
    }

    /// Its end, once it has one.
    pub fn fate(self) -> Option<Fate> {
        let Stage::Over(end) = self.stage else { return None };
        let (replaces, note, status) = (self.replaces, self.note, self.status);
        Some(Fate { plane: self.wish.plane, end: end.map(|result| Granted { result, replaces, note, status }) })
    }

    /// The goal with what the acceptance told.
    pub fn goal(&self) -> Goal {
        match self.wish.goal {
            Goal::Anew { .. } => Goal::Anew { replaces: self.replaces },
            Goal::Up => Goal::Up,
            Goal::Down => Goal::Down,
            Goal::Gone => Goal::Gone,
        }
    }

    /// Whether another was to have its plane ended and has not: a supervisor that died with the ask, or had not met the keeper.
    pub fn is_forgotten(&self, status: &PlaneStatus) -> bool {
        self.wish.goal == Goal::Gone
            && status.state != State::Stopping
            && self.entrusted.is_some_and(|since| since.elapsed() >= silence::QUIET)
    }

    /// Whether what was replaced is still up, though the gateway had its time to begin.
    pub fn is_overdue(&self, now: Instant) -> bool {
        let is_up = |status: &PlaneStatus| status.state == State::Up && Some(status.incarnation) == self.replaces;
        self.begins_by.is_some_and(|by| by <= now) && self.status.as_ref().is_some_and(is_up)
    }

    /// When this task wants to be looked at again.
    pub fn next_look(&self) -> Option<Instant> {
        let own = match self.stage {
            Stage::Asking { until, .. } | Stage::Keeping { until, .. } => Some(until),
            Stage::Redialing { at, .. } => Some(at),
            Stage::Fresh | Stage::Following { .. } | Stage::Over(_) => None,
        };
        own.into_iter().chain(self.silence.due()).min()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plane::PlaneName;
    use crate::render::status::unknown;
    use crate::wire::{Ask, Restart};

    #[test]
    fn a_safe_restart_that_nobody_begins_is_overdue_and_one_that_has_begun_is_not() {
        let plane = PlaneName::new("main").expect("a name");
        let (ask, goal) = (Ask::Restart(Restart::default()), Goal::Anew { replaces: None });
        let mut task = Task::new(Wish { plane: plane.clone(), ask, goal, begin: Begin::Asking, allow: Vec::new() });
        let now = Instant::now();
        let mut status = unknown(plane, "main", None, String::new());
        (status.state, status.incarnation) = (State::Up, 3);
        (task.replaces, task.status) = (Some(3), Some(status));
        assert!(!task.is_overdue(now), "without a bound it is waited for");
        task.begins_by = Some(now + Duration::from_secs(1));
        assert!(!task.is_overdue(now));
        assert!(task.is_overdue(now + Duration::from_secs(1)));
        for (state, incarnation) in [(State::Stopping, 3), (State::Starting, 4), (State::Up, 4)] {
            let status = task.status.as_mut().expect("a status");
            (status.state, status.incarnation) = (state, incarnation);
            assert!(!task.is_overdue(now + Duration::from_secs(1)), "{state:?} {incarnation}");
        }
    }
}
