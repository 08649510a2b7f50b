//! Everything that the daemon's loop may hear, in one queue.
//!
//! Facts from tasks; nothing here acts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::judged::{Judged, Stamps};
use super::successor::{Successor, Yielding};
use super::survey::held::Held;
use super::vigil::Found;
use crate::collision::finding::Finding;
use crate::plane::{PlaneName, Planes};
use crate::socket::{Heard, Reply, Touched};
use crate::wire::{PlaneStatus, Reload};

/// One thing heard.
#[derive(Debug)]
pub enum Input {
    /// A request from the socket.
    Heard(Heard),
    /// A keeper's state, now or changed.
    Said(Box<PlaneStatus>),
    /// A keeper no longer answers, or never began to.
    Gone {
        /// Whose.
        plane: PlaneName,
        /// How it had been met.
        met: Met,
    },
    /// A keeper that we started could not begin, and said why.
    CannotBegin {
        /// Whose.
        plane: PlaneName,
        /// Its reason.
        why: String,
    },
    /// It is time to give a plane whose keeper died another one.
    Again {
        /// Which.
        plane: PlaneName,
    },
    /// A keeper that was asked to change has answered.
    Answered {
        /// Whose.
        plane: PlaneName,
        /// To which order.
        order: u64,
        /// What it said, when it did not take it.
        refusal: Option<String>,
    },
    /// A keeper gave no answer.
    Unanswered {
        /// Whose.
        plane: PlaneName,
        /// To which order; none where it was asked how it is.
        order: Option<u64>,
        /// What came instead.
        error: String,
    },
    /// A child has ended, or was stopped.
    ChildrenChanged,
    /// It is time to glance at keepers that are not our children.
    Glance,
    /// A keeper in doubt was looked at.
    Looked {
        /// Whose.
        plane: PlaneName,
        /// How it is.
        found: Found,
        /// Who asked for it, if anybody.
        reply: Option<Reply>,
    },
    /// The socket was gone with its run dir and is bound again, or something else that must be found by others was touched.
    Touched(Touched),
    /// A watched file changed.
    Edited(Vec<PathBuf>),
    /// OpenClaw was asked about configs that were edited.
    Judged(Judged),
    /// The manifest was read and proved.
    Proved(Box<Proved>),
    /// The time to the next staggered start is over.
    Staggered,
    /// It is time to look again whether anything is left of a plane that has ended.
    Left {
        /// Which.
        plane: PlaneName,
    },
    /// It is time to look again at the host, which kept a plane from starting.
    LookAgain,
    /// A plane that others wait for has had the time that it may take to start.
    Overdue {
        /// Which.
        plane: PlaneName,
    },
    /// A signal to us.
    Signal(Told),
    /// The service manager is to hear that the loop turns.
    Alive,
    /// The program that is to take our place was tried.
    Tried {
        /// It and its release, or why it cannot.
        outcome: Result<Successor, String>,
        /// Who asked, unless it was a signal.
        reply: Option<Reply>,
    },
    /// What a keeper of another release said to our wish that it leave.
    Yields {
        /// Whose.
        plane: PlaneName,
        /// How far that is; nothing when it will not, or is gone.
        word: Option<Yielding>,
    },
}

/// How a keeper was met that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// By its socket, which an earlier supervisor's keeper had made.
    Found,
    /// By its lock; it had no socket.
    Unheard,
    /// We had started it.
    Begun,
}

/// What a signal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// SIGTERM.
    Terminate,
    /// SIGINT, from a terminal.
    Interrupt,
    /// SIGHUP.
    Reload,
    /// SIGHUP from a terminal that was closed.
    HangUp,
    /// SIGUSR2.
    Exec,
}

/// Why a proof was made.
#[derive(Debug)]
pub enum Purpose {
    /// The supervisor began.
    Begin,
    /// A file changed.
    Edit,
    /// Somebody asked to apply the manifest; a signal asks without waiting for an answer.
    Reload(Reload, Option<Reply>),
    /// Somebody asked for a plane's keeper.
    Keep {
        /// Which.
        plane: PlaneName,
        /// Findings to go ahead in spite of.
        allow: Vec<String>,
        /// Whether it is wanted for a stop.
        rests: bool,
        /// The asker.
        reply: Reply,
    },
}

/// A manifest as it is on disk, proved.
#[derive(Debug)]
pub struct Proved {
    /// Why it was.
    pub purpose: Purpose,
    /// Which one it is, in the order they were asked for.
    pub number: u64,
    /// The definitions that the loop had handed out when it was begun.
    pub handed_out: BTreeMap<PlaneName, String>,
    /// The planes and what stands against them, or why there are none.
    pub outcome: Result<Facts, Unread>,
}

/// A manifest that cannot be read.
#[derive(Debug)]
pub struct Unread {
    /// Why, in words.
    pub error: String,
    /// What the keepers hold all the same.
    pub held: Vec<Held>,
    /// Every `env_file` that the manifest names, as far as that could be read.
    pub env_files: Vec<PathBuf>,
}

/// What a proof brought.
#[derive(Debug)]
pub struct Facts {
    /// The planes.
    pub planes: Planes,
    /// What stands against them, also because of planes that still live by another definition.
    pub findings: Vec<Finding>,
    /// What stands against them on the host at the moment; `None` where that was not looked at.
    pub host: Option<Vec<Finding>>,
    /// What the keepers held when it was made.
    pub held: Vec<Held>,
    /// The files that each plane's configuration is made of, as they were.
    pub stamps: Stamps,
}
