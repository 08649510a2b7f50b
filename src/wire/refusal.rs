//! What an asker is told whose ask was not taken.
//!
//! Says what, why and what to do; decides no exit code itself.

use serde::{Deserialize, Serialize};

/// Why an ask was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The kind, which decides the exit code.
    pub kind: RefusalKind,
    /// What and why.
    pub message: String,
    /// What to do about it.
    #[serde(default)]
    pub hint: String,
    /// The findings that stand against it, as in `check --json`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<serde_json::Value>,
}

impl Refusal {
    /// A refusal that no finding is the reason for.
    pub fn new(kind: RefusalKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: hint.into(), findings: Vec::new() }
    }

    /// A refusal for the sake of `findings`.
    pub fn collision(message: impl Into<String>, hint: impl Into<String>, findings: Vec<serde_json::Value>) -> Self {
        Self { findings, ..Self::new(RefusalKind::Collision, message, hint) }
    }
}

/// The kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The request cannot be carried out now.
    Failed,
    /// No such plane.
    NoSuchPlane,
    /// The manifest cannot be read or is invalid.
    Manifest,
    /// An error finding stands against it.
    Collision,
    /// Whoever was asked is about to leave; its successor, if there is to be one, can be asked in a moment.
    Leaving,
    /// The ask, or its version, is not known here.
    #[serde(other)]
    Unknown,
}
