//! What the machine wants done: imperatives, carried out by the keeper.
//!
//! No facts here, and no doing.

use super::event::AskId;

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Answer an ask.
    Answer {
        /// Which.
        id: AskId,
        /// How.
        reply: Reply,
    },
    /// End what is left of the plane, then prove that ports and state dir are free; tell by `Swept`.
    Sweep,
    /// Spawn the gateway; tell by `Spawned` or `SpawnFailed`.
    Spawn {
        /// As this incarnation.
        incarnation: u64,
    },
    /// SIGTERM to the gateway's pid, and to nothing else.
    Terminate {
        /// Which.
        incarnation: u64,
    },
    /// SIGKILL to the gateway's pid, then its group.
    Kill {
        /// Which.
        incarnation: u64,
    },
    /// Ask OpenClaw whether the ended incarnation wanted a successor; tell by `HandoffTold`.
    ConsumeHandoff {
        /// Which.
        incarnation: u64,
    },
    /// Ask the gateway for its own safe restart.
    RestartSafely {
        /// Which.
        incarnation: u64,
    },
    /// Keep what the operator wants, until the next boot.
    Remember(Want),
    /// Write one line into the journal.
    Record(Record),
    /// The plane is down and the keeper is no longer wanted: exit.
    Leave,
}

/// What the operator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Running.
    Up,
    /// Not running.
    Down,
}

/// The answer to an ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Taken; it will be so.
    Accepted {
        /// The incarnation that is replaced or ended.
        replaces: Option<u64>,
        /// What follows.
        note: String,
    },
    /// Not taken; nothing changed.
    Refused {
        /// Why.
        message: String,
        /// What to do.
        hint: String,
    },
}

/// One decision, for the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The incarnation it is about.
    pub incarnation: u64,
    /// One word for the kind: `asked`, `exited`, `spawned`, …
    pub event: &'static str,
    /// What was seen.
    pub saw: String,
    /// What was decided.
    pub decided: String,
    /// What follows, and when.
    pub follows: String,
}
