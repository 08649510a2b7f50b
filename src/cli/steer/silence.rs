//! Whether the process that is to speak still can: after a while of silence it is asked how it is, beside what it was asked.
//!
//! A long drain is silent and no fault; a process that does not even say how it is hangs, or was stopped.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::cli::outcome::{Failure, Told};
use crate::os::lock::{held, holder_of};
use crate::os::process;
use crate::socket::CallId;

/// Silence of this length has us ask.
pub const QUIET: Duration = Duration::from_secs(4);

/// How long a living process may take to say how it is.
pub const PING: Duration = Duration::from_secs(6);

/// What ending a supervisor means.
pub const PLANES_LIVE_ON: &str = "planes live on, and `gateward run` or its service greets them";

/// How long the other side has been silent.
#[derive(Clone, Copy, Debug)]
pub enum Silence {
    /// Nobody is to speak.
    Nobody,
    /// It spoke then, or was only then asked to.
    Since(Instant),
    /// It was asked how it is.
    Pinged {
        /// In this conversation.
        call: CallId,
        /// It hangs if it has not answered by then.
        until: Instant,
    },
}

impl Silence {
    /// When something is to be done about it.
    pub fn due(self) -> Option<Instant> {
        match self {
            Self::Nobody => None,
            Self::Since(at) => Some(at + QUIET),
            Self::Pinged { until, .. } => Some(until),
        }
    }
}

/// How long a process that lives may be without its socket: one that was taken away is bound again within a second or two.
pub const BINDING: Duration = Duration::from_secs(10);

/// Whether somebody is behind a socket that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    /// Nobody has the lock.
    Nobody,
    /// Its holder only begins, or ends, or binds a lost socket again.
    Binding,
    /// Its holder is stopped (SIGSTOP), and binds nothing.
    Stopped,
}

/// Who is behind the lost socket of whoever has `lock`. One that cannot be asked about is not waited for.
pub fn behind(lock: &Path) -> Behind {
    match (held(lock), holder_of(lock)) {
        (Ok(true), Some(pid)) if is_stopped(pid) => Behind::Stopped,
        (Ok(true), _) => Behind::Binding,
        (Ok(false) | Err(_), _) => Behind::Nobody,
    }
}

fn is_stopped(pid: i32) -> bool {
    process::stat(pid).is_ok_and(|stat| stat.state == b'T')
}

/// How it stands with the holder of `lock`, which was asked and does not answer.
pub fn state(lock: &Path) -> String {
    match holder_of(lock) {
        Some(pid) if is_stopped(pid) => {
            format!("(pid {pid}) is stopped (SIGSTOP), and does not answer; `kill -CONT {pid}` lets it go on")
        }
        Some(pid) => format!("(pid {pid}) does not answer; it is hung or overwhelmed"),
        None => "does not answer; it is stopped, hung or overwhelmed".to_owned(),
    }
}

/// That the holder of `lock`, `who` for people, does not answer; `so` says what ending it means.
pub fn hung(who: &str, lock: &Path, so: &str) -> Failure {
    let Some(pid) = holder_of(lock) else {
        return Failure::NobodyAnswers(Told::new(
            format!("{who} does not answer"),
            format!("ask again in a moment; {so}"),
        ));
    };
    let (how, go_on) = if is_stopped(pid) {
        (", it is stopped (SIGSTOP)", format!("`kill -CONT {pid}` lets it go on; "))
    } else {
        ("", String::new())
    };
    Failure::NobodyAnswers(Told::new(
        format!("{who} (pid {pid}) does not answer{how}"),
        format!("{go_on}`kill -KILL {pid}` ends it: {so}"),
    ))
}
