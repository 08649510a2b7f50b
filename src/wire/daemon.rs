//! What the daemon tells of itself.
//!
//! No behaviour and no effects; grows as `wire` says.

use serde::{Deserialize, Serialize};

use crate::plane::PlaneName;

/// The daemon as it sees itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// Its process.
    pub pid: i32,
    /// Its release.
    pub version: String,
    /// The manifest it reads.
    pub manifest: String,
    /// What stands against the manifest as it is now; empty when all is well.
    #[serde(default)]
    pub trouble: String,
    /// Planes in manifest order.
    #[serde(default)]
    pub planes: Vec<PlaneName>,
    /// Where what runs differs from the manifest as last read, and what each difference waits for.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// When this program began, RFC 3339 UTC; another moment with the same pid tells of a replacement in place.
    #[serde(default)]
    pub begun: String,
}

/// A difference between the manifest and what runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The plane.
    pub plane: PlaneName,
    /// What the manifest asks for.
    pub step: ChangeStep,
    /// The codes of error findings that stand against it; empty where it only waits.
    #[serde(default)]
    pub blocked_by: Vec<String>,
    /// In words, what it waits for.
    #[serde(default)]
    pub why: String,
    /// The planes whose start, or whose end, it waits for.
    #[serde(default)]
    pub waits_for: Vec<PlaneName>,
}

/// What the manifest asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeStep {
    /// It is new here, or has no keeper.
    Start,
    /// It lives by another definition.
    Replace,
    /// The manifest no longer names it.
    Stop,
    /// A word of a later release.
    #[serde(other)]
    Unknown,
}
