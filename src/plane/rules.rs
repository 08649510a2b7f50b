//! How a plane is kept: restarts, health, logs, limits, and what holds where nothing was written. Applies none of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When a plane is started again after it died.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// After every exit that was not asked for.
    #[default]
    Always,
    /// After every such exit but a clean one (code 0).
    OnFailure,
    /// Not at all.
    Never,
}

impl std::fmt::Display for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Always => "always",
            Self::OnFailure => "on-failure",
            Self::Never => "never",
        })
    }
}

/// The pace of restarts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// Whether to start again.
    pub policy: Policy,
    /// The wait before the second early death's respawn; doubled for each further one.
    pub min_delay: Duration,
    /// The longest wait.
    pub max_delay: Duration,
    /// Up for this long: the count of early deaths starts afresh.
    pub stable: Duration,
    /// So many deaths within `window` park the plane; 0 never gives up.
    pub max_deaths: u32,
    /// The window of `max_deaths`.
    pub window: Duration,
}

impl Default for Restart {
    fn default() -> Self {
        Self {
            policy: Policy::Always,
            min_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(300),
            stable: Duration::from_secs(60),
            max_deaths: 0,
            window: Duration::from_secs(600),
        }
    }
}

/// How liveness is asked and judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// From one liveness probe to the next.
    pub interval: Duration,
    /// The longest wait for one answer.
    pub timeout: Duration,
    /// Failures in a row before a restart; at least 1.
    pub failures: u32,
    /// The longest time in which a start may show no progress.
    pub startup: Duration,
    /// Contract "plain" only: an `http://` address that answers 2xx while the process is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            failures: 3,
            startup: Duration::from_secs(600),
            url: None,
        }
    }
}

/// How captured output is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRules {
    /// Bytes in one file before it is rotated.
    pub max_size: u64,
    /// Rotated files kept beside the current one.
    pub keep: u32,
    /// Whether each line starts with its time (RFC 3339, UTC, milliseconds).
    pub stamp: bool,
}

impl Default for LogRules {
    fn default() -> Self {
        Self { max_size: 32 << 20, keep: 5, stamp: true }
    }
}

/// What a plane may use of the host; `None` leaves the host's own value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Bytes at which the kernel begins to reclaim (cgroup v2 `memory.high`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_high: Option<u64>,
    /// Bytes at which the kernel kills (cgroup v2 `memory.max`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_max: Option<u64>,
    /// Most tasks at once (cgroup v2 `pids.max`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids_max: Option<u64>,
    /// Open files of one process (RLIMIT_NOFILE).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
    /// Scheduling niceness, -20 … 19.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nice: Option<i32>,
    /// -1000 … 1000; the kernel takes higher ones first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oom_score_adj: Option<i32>,
}
