//! What a proof found: code, severity, claimants, both places, one hint; and their order.
//!
//! Values only; how they look is `render`'s.

use serde::{Deserialize, Serialize};

use crate::plane::{Place, PlaneName};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Blocks changes that concern its planes; exit 7.
    Error,
    /// Is said, blocks nothing.
    Warning,
}

/// One thing found. Ordered as shown: errors first, then by code, planes, surface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable code, kebab-case, explained in `docs/checks.md`.
    pub code: String,
    /// How bad.
    pub severity: Severity,
    /// The planes it concerns, sorted.
    pub planes: Vec<PlaneName>,
    /// The shared or wrong thing: a path, a port, a name. Never a secret.
    pub surface: String,
    /// What and why, one sentence.
    pub message: String,
    /// What to do, one sentence; collision-free when it offers a value.
    pub hint: String,
    /// Where it was declared; a plane's own first.
    pub at: Vec<Place>,
}
