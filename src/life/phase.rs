//! The phases of a life, each with the data that is its own.
//!
//! No transitions here: those are `mod.rs`, `asked.rs` and `ended.rs`.

use std::time::Duration;

use super::event::Conflict;

/// A moment: monotonic time since the keeper began. Does not advance while the host is suspended.
pub type Moment = Duration;

/// Where the life of a plane stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// Nothing runs and nothing is due.
    Down {
        /// Why.
        because: Rest,
    },
    /// The last incarnation's remains are being ended and the ground proved.
    Sweeping {
        /// What a clean sweep leads to.
        then: Next,
        /// Since when.
        since: Moment,
    },
    /// Spawned; not started yet.
    Starting {
        /// Which incarnation.
        incarnation: u64,
        /// Spawned at.
        since: Moment,
        /// The last sign that it comes along.
        moved: Moment,
        /// The furthest it came, in words.
        reached: String,
    },
    /// Started.
    Up {
        /// Which incarnation.
        incarnation: u64,
        /// Spawned at.
        since: Moment,
        /// What it shows of itself.
        signs: Signs,
    },
    /// Asked to go.
    Stopping {
        /// Which incarnation.
        incarnation: u64,
        /// Spawned at.
        since: Moment,
        /// Why it has to go.
        why: StopCause,
        /// What follows its end.
        then: Next,
        /// SIGTERM was sent at; `None` when it went straight to KILL.
        termed: Option<Moment>,
        /// SIGKILL follows at.
        kill_at: Moment,
        /// How it goes along.
        drain: Drain,
    },
    /// Nothing runs; the next attempt is set.
    Waiting {
        /// At.
        retry_at: Moment,
        /// Which wait in a row, from 1.
        attempt: u32,
        /// For what.
        because: Wait,
    },
}

/// What an incarnation that has started shows of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signs {
    /// It answered last, but for so many times in a row.
    Serving {
        /// Liveness failures in a row.
        failures: u32,
    },
    /// It listens nowhere and works, as one does that restarts within itself.
    Reopening {
        /// Since when.
        since: Moment,
        /// Looks in a row that found no listener and no work either.
        failures: u32,
    },
}

impl Signs {
    /// Looks in a row that found no sign of life.
    pub fn failures(self) -> u32 {
        match self {
            Self::Serving { failures } | Self::Reopening { failures, .. } => failures,
        }
    }
}

/// Why a plane rests.
#[derive(Clone, Debug, PartialEq)]
pub enum Rest {
    /// Not started yet.
    Fresh,
    /// An operator wants it down.
    Asked,
    /// Given up until something changes or an operator asks.
    Parked(Park),
}

/// Why it was given up.
#[derive(Clone, Debug, PartialEq)]
pub enum Park {
    /// The gateway refuses its config; left when config, include or `.env` change.
    Config,
    /// It ended and the restart policy says to leave it.
    Policy(String),
    /// Too many deaths in the window.
    Deaths {
        /// How many.
        count: u32,
        /// What the last one was.
        last: String,
    },
}

/// What follows a sweep.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Spawn at once.
    Spawn,
    /// Wait, then sweep again and spawn.
    Wait {
        /// Until.
        retry_at: Moment,
        /// Which wait in a row.
        attempt: u32,
        /// For what.
        because: Wait,
    },
    /// Rest.
    Down(Rest),
}

/// Why a gateway has to go.
#[derive(Clone, Debug, PartialEq)]
pub enum StopCause {
    /// An operator asked.
    Asked,
    /// It did not answer.
    Unhealthy(String),
    /// Its start made no progress.
    Stuck(String),
}

impl StopCause {
    /// That we ended it ourselves, and why; none where an operator asked.
    pub fn ours(&self) -> Option<String> {
        match self {
            Self::Asked => None,
            Self::Unhealthy(how) => Some(format!("ended by gateward, as it gave no sign of life ({how})")),
            Self::Stuck(saw) => Some(format!("ended by gateward, as its start made {saw}")),
        }
    }
}

/// How a stop goes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drain {
    /// No sign yet.
    Unseen,
    /// It said that it drains.
    Seen,
    /// SIGKILL was sent.
    Killed,
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq)]
pub enum Wait {
    /// The restart delay.
    Backoff(String),
    /// A third boot within 300 s of two unclean ones would have its channels suppressed.
    Breaker(String),
    /// Others hold what it needs.
    Conflict(Vec<Conflict>),
    /// The gateway itself found its port or state dir held, though we saw no holder.
    Refused(String),
    /// Whether the clean exit was a restart handoff.
    Handoff,
    /// A spawn failed.
    Launch(String),
}
