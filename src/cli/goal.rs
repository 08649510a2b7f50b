//! What a verb waits for, and whether what a keeper tells is it. Pure: nothing is asked or printed here.

use crate::wire::{PlaneStatus, SafeState, State};

/// Where a plane is to get to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Up.
    Up,
    /// Up, as another incarnation than `replaces`.
    Anew {
        /// The incarnation that must be gone, if any.
        replaces: Option<u64>,
    },
    /// Stopped.
    Down,
    /// Stopped, and its keeper gone.
    Gone,
}

/// How far a plane is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There.
    Reached,
    /// On its way.
    Going,
    /// Not, and not without something else happening first: why.
    Failed(String),
}

impl Goal {
    /// Whether a keeper that has gone means that the goal is reached: no gateway outlives its keeper, and a new keeper of a
    /// plane that was stopped leaves it so.
    pub fn is_reached_without_keeper(self) -> bool {
        match self {
            Self::Up | Self::Anew { .. } => false,
            Self::Down | Self::Gone => true,
        }
    }

    /// Judges one status, told after the ask was accepted.
    pub fn judge(self, status: &PlaneStatus) -> Verdict {
        match self {
            Self::Up => judge_up(status, None),
            Self::Anew { replaces } => judge_up(status, replaces),
            Self::Down => judge_down(status),
            // The keeper says so by hanging up.
            Self::Gone => Verdict::Going,
        }
    }
}

fn judge_up(status: &PlaneStatus, replaces: Option<u64>) -> Verdict {
    match status.state {
        State::Up if replaces == Some(status.incarnation) => judge_same(status),
        State::Up => Verdict::Reached,
        State::Starting | State::Stopping | State::Unknown => Verdict::Going,
        State::Stopped if status.wanted => Verdict::Going,
        State::Stopped => Verdict::Failed(because("it was stopped meanwhile", &status.why)),
        State::Backoff => Verdict::Failed(because("it did not come up, and will be tried again", &status.why)),
        State::Parked => Verdict::Failed(because("it is parked", &status.why)),
    }
}

/// The incarnation that is to be replaced is up: a safe restart may yet come, or come about within its process, or never.
fn judge_same(status: &PlaneStatus) -> Verdict {
    let Some(asked) = &status.safe_restart else { return Verdict::Going };
    match asked.state {
        SafeState::Within if status.ready => Verdict::Reached,
        SafeState::Asked | SafeState::Within | SafeState::Unknown => Verdict::Going,
        SafeState::Refused => {
            Verdict::Failed(because("the gateway did not take the safe restart, and lives on", &asked.why))
        }
    }
}

fn judge_down(status: &PlaneStatus) -> Verdict {
    match status.state {
        State::Stopped => Verdict::Reached,
        State::Up | State::Starting if status.wanted => {
            Verdict::Failed(because("it was started again meanwhile", &status.why))
        }
        State::Parked | State::Backoff if status.pid.is_none() && !status.wanted => Verdict::Reached,
        State::Up | State::Starting | State::Stopping | State::Backoff | State::Parked | State::Unknown => {
            Verdict::Going
        }
    }
}

fn because(what: &str, why: &str) -> String {
    if why.is_empty() { what.to_owned() } else { format!("{what}: {why}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::PlaneName;
    use crate::render::status::unknown;

    fn status(state: State, incarnation: u64, wanted: bool) -> PlaneStatus {
        let mut status = unknown(PlaneName::new("main").expect("a name"), "main", None, "so".into());
        (status.state, status.incarnation, status.wanted) = (state, incarnation, wanted);
        status
    }

    #[test]
    fn a_restart_waits_for_another_incarnation() {
        let goal = Goal::Anew { replaces: Some(6) };
        assert_eq!(goal.judge(&status(State::Up, 6, true)), Verdict::Going);
        assert_eq!(goal.judge(&status(State::Stopping, 6, true)), Verdict::Going);
        assert_eq!(goal.judge(&status(State::Starting, 7, true)), Verdict::Going);
        assert_eq!(goal.judge(&status(State::Up, 7, true)), Verdict::Reached);
    }

    #[test]
    fn a_start_of_what_is_up_is_reached_at_once() {
        assert_eq!(Goal::Up.judge(&status(State::Up, 6, true)), Verdict::Reached);
    }

    #[test]
    fn what_parks_or_backs_off_has_not_come_up() {
        let goal = Goal::Up;
        assert_eq!(goal.judge(&status(State::Parked, 1, true)), Verdict::Failed("it is parked: so".into()));
        assert!(matches!(goal.judge(&status(State::Backoff, 1, true)), Verdict::Failed(_)));
        assert!(matches!(goal.judge(&status(State::Stopped, 1, false)), Verdict::Failed(_)));
        assert_eq!(goal.judge(&status(State::Stopped, 1, true)), Verdict::Going);
    }

    #[test]
    fn a_stop_is_reached_once_nothing_runs_and_nothing_is_wanted() {
        assert_eq!(Goal::Down.judge(&status(State::Stopping, 1, false)), Verdict::Going);
        assert_eq!(Goal::Down.judge(&status(State::Stopped, 1, false)), Verdict::Reached);
        assert_eq!(Goal::Down.judge(&status(State::Parked, 1, false)), Verdict::Reached);
        assert!(matches!(Goal::Down.judge(&status(State::Up, 2, true)), Verdict::Failed(_)));
        assert_eq!(Goal::Down.judge(&status(State::Up, 1, false)), Verdict::Going);
    }
}
