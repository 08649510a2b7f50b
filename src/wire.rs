//! What the processes say to one another, one JSON object a line; versioned, and only ever grows.
//!
//! No behaviour and no effects. Rules of growth: fields are added with a default, variants are added at the end, nothing is
//! renamed or removed; a reader skips fields that it does not know and answers [`Answer::Refused`] to an ask that it does
//! not know. `docs/wire.md` is the same in prose.

mod daemon;
mod refusal;
mod safely;
mod spoken;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::plane::{PlaneName, Sealed};
pub use daemon::{Change, ChangeStep, DaemonStatus};
pub use refusal::{Refusal, RefusalKind};
pub use safely::{SafeRestart, SafeState};

/// The version spoken here; said in every request and answer.
pub const VERSION: u32 = if cfg!(feature = "next-wire") { 2 } else { 1 };

/// The release of this program, as `--version`, `status` and keepers say it.
pub const RELEASE: &str =
    if cfg!(feature = "next-wire") { concat!(env!("CARGO_PKG_VERSION"), "+next") } else { env!("CARGO_PKG_VERSION") };

/// What the daemon calls itself in [`Request::by`].
pub const SUPERVISOR: &str = "supervisor";

/// The longest frame, in bytes with its newline; a longer one is refused unread.
pub const FRAME_CAP: usize = 1 << 20;

/// One question to a keeper or to the daemon.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The asker's [`VERSION`].
    pub v: u32,
    /// What is asked.
    pub ask: Ask,
    /// Who asks, for the journal: `cli`, `supervisor`, or `plane rescue`.
    #[serde(default, deserialize_with = "spoken::one_line")]
    pub by: String,
}

/// What may be asked. A keeper answers the first group, the daemon the second, both `Status`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// How is it now? One [`Answer::Plane`] or [`Answer::Daemon`].
    Status,
    /// As `Status`, then again whenever something an operator would notice has changed, until the asker hangs up.
    Follow,
    /// Be up.
    Start(Start),
    /// Be down, also after a restart of keeper or daemon, until the next boot.
    Stop(Stop),
    /// Be up, as another incarnation than now.
    Restart(Restart),
    /// From the next spawn on be this plane; restarts a living gateway with its grace unless `at_next_start`. For the keeper's own
    /// user and root alone.
    Replace {
        /// The new definition.
        sealed: Box<Sealed>,
        /// Leave the living gateway; use the definition at its next natural restart.
        #[serde(default)]
        at_next_start: bool,
    },
    /// Stop the gateway, then exit. The operator's want is left as it was.
    Retire(Stop),
    /// Daemon: apply the manifest again.
    Reload(Reload),
    /// Daemon: stop every plane gracefully, then the supervisor.
    Down(Stop),
    /// Daemon: see that a keeper for this plane runs (the caller then asks the keeper).
    Keep {
        /// The plane.
        plane: PlaneName,
        /// Codes of findings to go ahead in spite of.
        #[serde(default, deserialize_with = "spoken::codes")]
        allow: Vec<String>,
        /// Whether the caller will have the plane stopped: a keeper that is made for that starts no gateway, and no finding
        /// stands against it. Older callers do not say.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        rests: bool,
    },
    /// Daemon: the findings of the last proof.
    Findings,
    /// With what a plane is started, secrets too: for the keeper's own user and root alone. A keeper answers for its plane,
    /// the daemon for one that has no keeper.
    Sealed {
        /// The plane.
        plane: PlaneName,
    },
    /// Keeper: the definition that it holds, and the one before while a gateway of that still lives. Holds secrets: answered to
    /// the keeper's own user and to root alone.
    Held,
    /// Keeper: leave when your gateway has ended by itself and would be spawned again, so that a keeper of the asker's release
    /// follows. Answered when it leaves; void once the asker has hung up. For the keeper's own user and root alone.
    Yield {
        /// The asker's release.
        #[serde(default)]
        to: String,
    },
    /// Keep in the journal that a verb was refused before it was asked, by what its asker proved. The plane's keeper does; the
    /// daemon for one without a keeper.
    Refused(Box<RefusedBefore>),
    /// Daemon: what of its own environment planes get, secrets too: the variables that are named, and those that every plane is
    /// given. For its own user and root alone.
    Environ {
        /// The names, beside those that every plane is given.
        #[serde(default)]
        names: BTreeSet<String>,
    },
    /// What a later release might ask; only in the build that stands for one.
    #[cfg(feature = "next-wire")]
    Tomorrow,
}

/// How to start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Start {
    /// Also into a config that does not validate.
    pub force: bool,
    /// Codes of findings that were overridden, for the journal.
    #[serde(deserialize_with = "spoken::codes")]
    pub allow: Vec<String>,
}

/// How to stop.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Stop {
    /// Skip the grace.
    pub now: bool,
}

/// How to restart.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Restart {
    /// Skip the grace.
    pub now: bool,
    /// Also into a config that does not validate.
    pub force: bool,
    /// Through the gateway's own safe restart.
    pub safe: bool,
    /// Codes of findings that were overridden, for the journal.
    #[serde(deserialize_with = "spoken::codes")]
    pub allow: Vec<String>,
}

/// What was refused before anybody was asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RefusedBefore {
    /// Whose plane.
    pub plane: PlaneName,
    /// `start`, `restart`.
    #[serde(default, deserialize_with = "spoken::one_line")]
    pub verb: String,
    /// The codes of what stands against it.
    #[serde(default, deserialize_with = "spoken::codes")]
    pub codes: Vec<String>,
}

/// How to reload.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reload {
    /// Say what would be done, do nothing.
    pub dry_run: bool,
    /// Replace the daemon by the binary now on disk first.
    pub exec: bool,
    /// Codes of findings to go ahead in spite of.
    #[serde(deserialize_with = "spoken::codes")]
    pub allow: Vec<String>,
}

/// What may be answered; each line carries its version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Response {
    /// The answerer's [`VERSION`].
    pub v: u32,
    /// The answer.
    pub answer: Answer,
}

/// The answer to one [`Ask`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A keeper's state.
    Plane(Box<PlaneStatus>),
    /// The daemon's state.
    Daemon(DaemonStatus),
    /// The ask was taken and will be carried out, whether or not the asker stays.
    Accepted {
        /// The incarnation that lives at the time of the ask and will be replaced or ended, if any.
        #[serde(default)]
        replaces: Option<u64>,
        /// What follows, for people.
        #[serde(default)]
        note: String,
    },
    /// The ask was not taken; nothing was changed.
    Refused(Refusal),
    /// What a reload did or, dry, would do.
    Plan(Plan),
    /// The findings of the last proof, as in `check --json`.
    Findings(serde_json::Value),
    /// With what a plane is started.
    Sealed(Box<Sealed>),
    /// What a keeper holds.
    Held {
        /// The definition in force.
        sealed: Box<Sealed>,
        /// The one before it, while its gateway has not ended.
        #[serde(default)]
        ending: Option<Box<Sealed>>,
    },
    /// Variables of the supervisor's environment.
    Environ(BTreeMap<String, String>),
    /// The plane has no keeper, and can be given none; that it is to stay down is kept.
    AtRest,
}

/// The refusal to whoever may steer a plane but may not know its secrets.
pub fn not_yours() -> Answer {
    Answer::Refused(Refusal::new(
        RefusalKind::Failed,
        "a plane's whole environment is told to the supervisor's own user and to root alone",
        "ask as one of them; membership of socket_group is for steering",
    ))
}

/// The refusal to whoever may steer a plane but may not say what it is.
pub fn not_yours_to_define() -> Answer {
    Answer::Refused(Refusal::new(
        RefusalKind::Failed,
        "what a plane is, and which keeper it has, is said by the supervisor's own user and by root alone",
        "edit the manifest and `gateward reload`; membership of socket_group is for steering",
    ))
}

/// What a reload does to each plane; every plane stands in exactly one list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    /// New here, or without a keeper: started.
    pub start: Vec<PlaneName>,
    /// No longer in the manifest: stopped, its keeper retired.
    pub stop: Vec<PlaneName>,
    /// Its definition changed: restarted as the new one.
    pub replace: Vec<PlaneName>,
    /// Left as it is.
    pub leave: Vec<PlaneName>,
    /// Wanted, but an error finding stands against it; what lives is left alive.
    pub blocked: Vec<PlaneName>,
    /// The findings that stand against the blocked ones, as in `check --json`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<serde_json::Value>,
}

/// The states an operator is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not running, and not wanted.
    Stopped,
    /// On its way up: sweeping, proving, spawned, not ready yet.
    Starting,
    /// Started.
    Up,
    /// On its way down.
    Stopping,
    /// Waiting for the next attempt.
    Backoff,
    /// Given up until something changes or an operator asks.
    Parked,
    /// Nobody answers for it.
    #[serde(other)]
    Unknown,
}

impl State {
    /// The word shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Up => "up",
            Self::Stopping => "stopping",
            Self::Backoff => "backoff",
            Self::Parked => "parked",
            Self::Unknown => "unknown",
        }
    }
}

/// One plane as its keeper sees it; also the element of `status --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlaneStatus {
    /// Its name.
    pub name: PlaneName,
    /// `main`, `rescue`, `staging`, `other`.
    pub role: String,
    /// The state.
    pub state: State,
    /// `/readyz` said so at the last probe.
    pub ready: bool,
    /// `/healthz` said so at the last probe.
    pub live: bool,
    /// The gateway.
    pub pid: Option<i32>,
    /// Its keeper.
    pub keeper_pid: Option<i32>,
    /// The keeper's release.
    pub keeper_version: Option<String>,
    /// Counts every spawn of this plane, across keepers.
    pub incarnation: u64,
    /// Respawns since an operator last started it, or the supervisor did; a keeper's successor counts on.
    pub restarts: u64,
    /// Seconds since the gateway was spawned.
    pub uptime_s: Option<u64>,
    /// Base port.
    pub port: Option<u16>,
    /// Resident bytes of the gateway and all its descendants.
    pub rss_bytes: Option<u64>,
    /// Processor use of the same, 100 is one core.
    pub cpu_percent: Option<f64>,
    /// How the last incarnation ended.
    pub last_exit: Option<LastExit>,
    /// In words, why it is as it is; empty when all is well.
    pub why: String,
    /// What `/readyz` named as failing.
    #[serde(default)]
    pub failing: Vec<String>,
    /// SHA-256 of the definition in force.
    #[serde(default)]
    pub definition: String,
    /// Whether the operator wants it up.
    #[serde(default)]
    pub wanted: bool,
    /// Whether its keeper was told to leave, and does so once the plane is at rest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaving: bool,
    /// When the present wait or grace ends, RFC 3339 UTC.
    #[serde(default)]
    pub until: Option<String>,
    /// In-process restarts of the gateway (same pid), counted apart.
    #[serde(default)]
    pub generations: u64,
    /// Things of note that are not the state: channels suppressed, an old keeper, a limit not to be had.
    #[serde(default)]
    pub notes: Vec<String>,
    /// That what this incarnation was started from has changed or gone underneath it; among the notes too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchanged: Option<String>,
    /// What `/readyz` says of the gateway's event loop, in its own words and numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_loop: Option<serde_json::Value>,
    /// What became of the last `restart --safe` that the living incarnation was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safe_restart: Option<SafeRestart>,
    /// What a later release might add; only in the build that stands for one.
    #[cfg(feature = "next-wire")]
    #[serde(default)]
    pub tomorrow: Option<String>,
    /// Lines of output lost because the disk did not take them.
    #[serde(default)]
    pub log_lines_lost: u64,
}

/// How an incarnation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastExit {
    /// Exit code, when it exited.
    pub code: Option<i32>,
    /// Signal number, when it was killed.
    pub signal: Option<i32>,
    /// When, RFC 3339 UTC.
    pub at: String,
    /// What that means, in words.
    pub meaning: String,
}
