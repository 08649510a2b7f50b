//! What may have happened to a plane: facts, in the past tense.
//!
//! Never a wish; wishes are facts too once they have been asked ([`Event::Asked`]).

use crate::openclaw::exits::{Exit, Meaning};

/// Ties an answer to the ask that it answers; the keeper's own numbering.
pub type AskId = u64;

/// A fact about the plane.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Somebody who may, asked.
    Asked {
        /// To be answered by exactly one order.
        id: AskId,
        /// For what.
        asking: Asking,
        /// Who, for the journal.
        by: String,
    },
    /// The sweep ended: no process of the plane is left but the survivors.
    Swept {
        /// Those that could not be ended and hold nothing that a spawn needs.
        survivors: Vec<String>,
        /// What others hold of what a spawn needs.
        conflicts: Vec<Conflict>,
    },
    /// The gateway was spawned.
    Spawned {
        /// Which.
        incarnation: u64,
    },
    /// The gateway could not be spawned.
    SpawnFailed {
        /// Which.
        incarnation: u64,
        /// Step and reason.
        error: String,
    },
    /// The start came along.
    Progressed {
        /// Which.
        incarnation: u64,
        /// How far.
        reached: String,
    },
    /// The listener is the plane's own and the gateway says that it has started.
    Started {
        /// Which.
        incarnation: u64,
    },
    /// It answered as one that lives.
    Lived {
        /// Which.
        incarnation: u64,
    },
    /// It listens nowhere, and works: a gateway that restarts within itself does so until it listens again.
    Worked {
        /// Which.
        incarnation: u64,
    },
    /// It said that it is draining.
    Drained {
        /// Which.
        incarnation: u64,
    },
    /// It did not answer as one that lives.
    Failed {
        /// Which.
        incarnation: u64,
        /// How.
        how: String,
    },
    /// It ended and was seen to end; it is not reaped before its group was signalled.
    Exited {
        /// Which.
        incarnation: u64,
        /// How.
        exit: Exit,
        /// What that means.
        meaning: Meaning,
    },
    /// OpenClaw answered whether the ended incarnation had asked for a restart.
    HandoffTold {
        /// The ended one.
        incarnation: u64,
        /// The answer.
        told: Told,
    },
    /// Config, an include or `.env` changed on disk.
    FilesChanged,
    /// The gateway did not take the request for its own safe restart.
    SafeRestartRefused {
        /// Which.
        incarnation: u64,
        /// Its words.
        why: String,
    },
    /// The moment given by `deadline` has come.
    DeadlinePassed,
}

/// What may be asked of a plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// Be up.
    Start,
    /// Be down.
    Stop(Haste),
    /// Be another incarnation.
    Restart(Haste),
    /// Restart through the gateway's own safe restart.
    RestartSafely,
    /// The definition changed: if up is wanted, be another incarnation.
    Replace,
    /// Be down without a change of what is wanted, then let the keeper go.
    Retire(Haste),
}

impl Asking {
    /// The ask as an operator writes it, for the journal.
    pub fn words(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop(Haste::Graceful) => "stop",
            Self::Stop(Haste::Now) => "stop --now",
            Self::Restart(Haste::Graceful) => "restart",
            Self::Restart(Haste::Now) => "restart --now",
            Self::RestartSafely => "restart --safe",
            Self::Replace => "a new definition",
            Self::Retire(Haste::Graceful) => "retire",
            Self::Retire(Haste::Now) => "retire --now",
        }
    }
}

/// Whether the grace is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Haste {
    /// SIGTERM, the grace, SIGKILL.
    Graceful,
    /// SIGKILL.
    Now,
}

/// What came of asking for a handoff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The gateway wanted a successor.
    Accepted(String),
    /// It did not.
    Nothing(String),
    /// It could not be found out.
    Unknown(String),
}

/// Something that a spawn needs and another process holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// `port 18789`, `state dir /…`.
    pub what: String,
    /// Program, pid, plane or unit, as far as known.
    pub holder: String,
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is held by {}", self.what, self.holder)
    }
}
