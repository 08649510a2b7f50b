//! Everything that the keeper's loop may hear, in one queue.
//!
//! Facts from tasks; what they mean for the plane is said to `life` as events.

use std::time::Duration;

use crate::os::reap::Exit;
use crate::socket::Heard;

/// One thing heard.
#[derive(Debug)]
pub enum Input {
    /// A request from the socket.
    Heard(Heard),
    /// The gateway of this incarnation has ended and waits to be reaped.
    Ended {
        /// Which.
        incarnation: u64,
    },
    /// Some child, or adopted orphan, has ended.
    ChildrenChanged,
    /// A round of probes is over.
    Seen(Box<Seen>),
    /// A helper program has ended.
    HelperDone(Helped),
    /// Config, an include or `.env` changed.
    FilesChanged,
    /// The socket was gone and is bound again, or something else that must be found by others was touched.
    Touched,
    /// The keeper itself was told to go (SIGTERM, SIGINT).
    ToldToGo(&'static str),
    /// A moment set by the loop has come.
    Due,
}

/// What one round of probes saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Of which incarnation.
    pub incarnation: u64,
    /// Who listens on the base port.
    pub listener: Listener,
    /// CPU time so far: of the plane's processes while it starts, of the one that serves once it is up.
    pub cpu: Duration,
    /// `/startupz`, where it was asked.
    pub startup: Option<Result<Startup, String>>,
    /// Liveness, where it was asked.
    pub live: Option<Result<(), String>>,
    /// `/readyz`, where it was asked.
    pub ready: Option<Result<Readiness, String>>,
}

/// Who listens on the base port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listener {
    /// No port is expected of this plane.
    NotExpected,
    /// Nobody yet.
    Nobody,
    /// The plane's own process, or one below it.
    Own {
        /// It.
        pid: i32,
    },
    /// Another process, described.
    Foreign(String),
}

/// What `/startupz` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Startup {
    /// On its way, with the reason that it gives.
    Starting(String),
    /// Started.
    Started,
    /// On its way out.
    Draining,
}

/// What `/readyz` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readiness {
    /// Ready for work.
    pub ready: bool,
    /// What is not.
    pub failing: Vec<String>,
    /// The event loop's own numbers, in the gateway's words.
    pub event_loop: Option<serde_json::Value>,
    /// Milliseconds since the gateway's present generation began, where it says so.
    pub uptime_ms: Option<u64>,
}

/// What a helper program was run for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// `config validate`, before the ask of this number is taken.
    Validate {
        /// The keeper's number of the ask.
        ask: u64,
    },
    /// Whether this runtime speaks handoff.
    Capabilities,
    /// The handoff of an ended incarnation.
    Consume {
        /// Which.
        incarnation: u64,
    },
    /// The gateway's own safe restart.
    SafeRestart {
        /// Of which.
        incarnation: u64,
    },
}

/// A helper program's end.
#[derive(Debug)]
pub struct Helped {
    /// What it was run for.
    pub errand: Errand,
    /// Its exit, or why there is none.
    pub exit: Result<Exit, String>,
    /// What it printed, capped.
    pub stdout: String,
    /// What it complained about, capped.
    pub stderr: String,
}
