//! What the end of a gateway means: (contract, exit, stage, last words) as one table.
//!
//! Facts only; what follows from a meaning is `life`'s. Source: OpenClaw 2026.9.6 measured in external mode
//! (`docs/openclaw.md`), and its pages `gateway/gateway-lock.md` and `cli/gateway/restart-and-supervision.md`.

use std::fmt;
use std::time::Duration;

use crate::plane::Contract;

/// OpenClaw's exit code for "do not start me again as I am": a config it refuses, or a state dir that is owned.
pub const CONFIG_EXIT: i32 = 78;

/// What a gateway logs when it comes up with every channel off (`gateway-boot-lifecycle`, OpenClaw 2026.9.6).
pub const BREAKER_TRIPPED: &str = "restart-loop breaker tripped";

/// What it logs when its channels may start again.
pub const BREAKER_RECOVERED: &str = "restart-loop breaker recovered";

/// What a boot says whose config was edited meanwhile; it exits with 1 (`doctor-config-preflight`).
const CONFIG_MOVED: &str = "selected config changed during startup";

/// How it begins to say what it drains (`run-loop-drain`): once at the beginning, then every 30 s.
const DRAINING: &str = "draining active work before";

/// What it says when its own time for work in flight, 315 s, is over (`run-loop-drain`).
const DRAIN_TIMED_OUT: &str = "active-work drain timeout reached";

/// What it says when its shutdown has taken 325 s in all, whatever it still waits for; it exits with 1, under systemd with 0
/// (`run-loop`).
const ABANDONED: &str = "shutdown deadline reached; abandoning";

/// What a shutdown may take by its own policy, with work or without: 315 s of drain, and 10 s to close (`run-loop`).
pub const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(325);

/// So long after that a thread of its own ends a gateway whose main thread is blocked (`run-loop`).
pub const SHUTDOWN_WATCHDOG: Duration = Duration::from_secs(2);

/// What a draining gateway last said that it waits for, in its own words: `embeddedRuns=1 cronRuns=2`.
pub fn left_to_drain(tail: &str) -> Option<String> {
    let line = tail.lines().rfind(|line| line.contains(DRAINING))?;
    let (_, said) = line.split_once(DRAINING)?;
    let (_, left) = said.split_once(": ")?;
    Some(left.trim().to_owned()).filter(|left| !left.is_empty())
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// The kernel ended it for want of memory.
    OutOfMemory,
    /// SIGKILL, and nothing tells whether the kernel or somebody sent it.
    PerhapsOutOfMemory,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => match signal_name(*signal) {
                Some(name) => write!(f, "signal {signal} ({name})"),
                None => write!(f, "signal {signal}"),
            },
            Self::OutOfMemory => f.write_str("signal 9 from the kernel, out of memory"),
            Self::PerhapsOutOfMemory => f.write_str("signal 9 (SIGKILL)"),
        }
    }
}

/// The usual name of a signal number on Linux, for the ones that end processes.
pub fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    })
}

/// How far the incarnation had come when it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Spawned, not started yet.
    Starting,
    /// Started.
    Up,
    /// We had asked it to stop.
    Stopping,
}

/// What an end means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// We asked, it went.
    Asked,
    /// We asked, it went, but work in flight was cut off: it says so, whatever its code is.
    AskedForced,
    /// We asked, it went at its own deadline, with its shutdown unfinished.
    AskedUnfinished,
    /// We asked, it went, and its code says that something of its shutdown failed.
    AskedFailed,
    /// We asked, and ended it ourselves: its grace was over, or skipped, or it was hung.
    Ended,
    /// Code 0 that nobody of ours asked for: perhaps a restart handoff.
    Clean,
    /// Code 78: the gateway refuses its config.
    Config,
    /// Something else holds its port or its state dir.
    Conflict,
    /// Code 1 at a start: its config was edited while it booted, and it says that another start would do.
    ConfigMoved,
    /// It failed.
    Crash,
    /// A signal that was not ours.
    Killed,
    /// The kernel took it.
    OutOfMemory,
    /// The kernel took it, or somebody did.
    PerhapsOutOfMemory,
}

/// The meaning of an end. `tail` is the last few KiB that the gateway wrote to stdout and stderr.
pub fn meaning(contract: Contract, exit: Exit, stage: Stage, tail: &str) -> Meaning {
    match (stage, exit) {
        (_, Exit::OutOfMemory) => Meaning::OutOfMemory,
        (Stage::Stopping, Exit::Signal(9) | Exit::PerhapsOutOfMemory) => Meaning::Ended,
        (Stage::Stopping, Exit::Signal(_)) => Meaning::Asked,
        (Stage::Stopping, Exit::Code(code)) => match contract {
            // Its codes are its own affair: 143 after SIGTERM is as usual as 0.
            Contract::Plain => Meaning::Asked,
            Contract::Openclaw => asked(code, tail),
        },
        (Stage::Starting | Stage::Up, Exit::PerhapsOutOfMemory) => Meaning::PerhapsOutOfMemory,
        (Stage::Starting | Stage::Up, Exit::Signal(_)) => Meaning::Killed,
        (Stage::Starting | Stage::Up, Exit::Code(code)) => match contract {
            Contract::Plain if code == 0 => Meaning::Clean,
            Contract::Plain => Meaning::Crash,
            Contract::Openclaw => unasked(code, tail),
        },
    }
}

fn asked(code: i32, tail: &str) -> Meaning {
    match code {
        _ if tail.contains(DRAIN_TIMED_OUT) => Meaning::AskedForced,
        _ if tail.contains(ABANDONED) => Meaning::AskedUnfinished,
        0 => Meaning::Asked,
        _ => Meaning::AskedFailed,
    }
}

fn unasked(code: i32, tail: &str) -> Meaning {
    match code {
        0 => Meaning::Clean,
        CONFIG_EXIT if says_owned(tail) => Meaning::Conflict,
        CONFIG_EXIT => Meaning::Config,
        1 if says_port_busy(tail) => Meaning::Conflict,
        1 if tail.contains(CONFIG_MOVED) => Meaning::ConfigMoved,
        _ => Meaning::Crash,
    }
}

/// The texts with which a gateway says that another one owns its state dir.
fn says_owned(tail: &str) -> bool {
    says_port_busy(tail)
        || tail.contains("gateway already running")
        || (tail.contains("Doctor") && tail.contains("maintenance"))
}

/// The texts with which a gateway says that its port is held.
fn says_port_busy(tail: &str) -> bool {
    tail.contains("EADDRINUSE") || tail.contains("is already listening on") || tail.contains("already in use")
}

impl Meaning {
    /// A sentence fragment for `status` and `why`.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Asked => "stopped as asked",
            Self::AskedForced => "stopped as asked, with work cut off when its own drain ran out",
            Self::AskedUnfinished => "stopped as asked, at its own deadline and with its shutdown unfinished",
            Self::AskedFailed => "stopped as asked, but its shutdown failed",
            Self::Ended => "told to stop, and ended by SIGKILL",
            Self::Clean => "exited cleanly though nobody asked",
            Self::Config => "refused its config",
            Self::Conflict => "found its port or state dir held by another process",
            Self::ConfigMoved => "gave its start up, as its config changed meanwhile",
            Self::Crash => "crashed",
            Self::Killed => "was killed by a signal that gateward did not send",
            Self::OutOfMemory => "was killed by the kernel for want of memory",
            Self::PerhapsOutOfMemory => "was killed, by somebody or by the kernel for want of memory",
        }
    }

    /// Whether OpenClaw's crash-loop breaker counts such a boot as unclean.
    pub fn unclean(self) -> bool {
        match self {
            Self::Asked
            | Self::AskedForced
            | Self::AskedUnfinished
            | Self::AskedFailed
            | Self::Clean
            | Self::Config => false,
            Self::Ended
            | Self::Conflict
            | Self::ConfigMoved
            | Self::Crash
            | Self::Killed
            | Self::OutOfMemory
            | Self::PerhapsOutOfMemory => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_to_drain_is_what_was_said_last() {
        let tail = "2026-11-23T09:00:00Z [gateway] draining active work before stop with timeout 315000ms: embeddedRuns=2\n\
                    2026-11-23T09:00:30Z [gateway] still draining active work before stop: embeddedRuns=1 cronRuns=1\n\
                    2026-11-23T09:00:31Z [ws] closed\n";
        assert_eq!(left_to_drain(tail).as_deref(), Some("embeddedRuns=1 cronRuns=1"));
        assert_eq!(left_to_drain("2026-11-23T09:00:00Z [gateway] signal SIGTERM received\n"), None);
    }

    #[test]
    fn code_78_is_config_unless_the_text_speaks_of_an_owner() {
        let of = |tail| meaning(Contract::Openclaw, Exit::Code(78), Stage::Starting, tail);
        assert_eq!(of("Invalid config: unknown key"), Meaning::Config);
        assert_eq!(of("gateway already running (pid 12); lock timeout after 5000ms"), Meaning::Conflict);
        assert_eq!(of("run Doctor when no maintenance is under way"), Meaning::Conflict);
    }

    #[test]
    fn code_1_is_a_crash_unless_the_port_was_busy() {
        let of = |tail| meaning(Contract::Openclaw, Exit::Code(1), Stage::Starting, tail);
        assert_eq!(of("TypeError: x is not a function"), Meaning::Crash);
        let moved =
            "Refusing to run automatic gateway startup migrations because the selected config changed during startup";
        assert_eq!(of(moved), Meaning::ConfigMoved);
        assert_eq!(of("another gateway instance is already listening on ws://127.0.0.1:21000"), Meaning::Conflict);
    }

    #[test]
    fn a_plain_process_knows_no_openclaw_codes() {
        assert_eq!(meaning(Contract::Plain, Exit::Code(78), Stage::Up, ""), Meaning::Crash);
        assert_eq!(meaning(Contract::Plain, Exit::Code(0), Stage::Up, ""), Meaning::Clean);
    }

    #[test]
    fn whatever_ends_it_while_stopping_was_asked_for() {
        assert_eq!(meaning(Contract::Openclaw, Exit::Signal(9), Stage::Stopping, ""), Meaning::Ended);
        assert_eq!(meaning(Contract::Openclaw, Exit::Signal(15), Stage::Stopping, ""), Meaning::Asked);
        assert_eq!(meaning(Contract::Openclaw, Exit::Code(1), Stage::Stopping, ""), Meaning::AskedFailed);
        assert_eq!(meaning(Contract::Plain, Exit::Code(143), Stage::Stopping, ""), Meaning::Asked);
    }

    #[test]
    fn what_was_left_unfinished_at_a_stop_is_told_by_its_words_and_not_by_its_code() {
        let cut = "[gateway] active-work drain timeout reached; proceeding with shutdown: activeTasks=1\n";
        let late = "[gateway] shutdown deadline reached; abandoning unfinished cleanup and active work before stop";
        for code in [0, 1] {
            let of = |tail: &str| meaning(Contract::Openclaw, Exit::Code(code), Stage::Stopping, tail);
            assert_eq!(of(cut), Meaning::AskedForced);
            assert_eq!(of(late), Meaning::AskedUnfinished);
            assert_eq!(of(&format!("{cut}{late}")), Meaning::AskedForced);
        }
    }
}
