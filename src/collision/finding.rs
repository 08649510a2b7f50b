//! What a proof found: code, severity, claimants, both places, one hint; and their order.
//!
//! Values only; how they look is `render`'s.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::codes::Code;
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

impl Severity {
    /// The word shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
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
    /// Those of `planes` that stand here only by the definition that they still live by, and not by what the manifest says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub living: Vec<PlaneName>,
    /// The shared or wrong thing: a path, a port, a name. Never a secret.
    pub surface: String,
    /// What and why, one sentence.
    pub message: String,
    /// What to do, one sentence; collision-free when it offers a value.
    pub hint: String,
    /// Where it was declared, in the order of the planes; capped.
    pub at: Vec<Place>,
    /// The words beside the carets, one for each of `at`; none of a supervisor of an older release.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
}

impl Finding {
    /// A finding of `code`, with that code's severity and no place yet.
    pub fn new(code: Code, planes: Vec<PlaneName>, surface: impl Into<String>) -> Self {
        Self {
            code: code.as_str().to_owned(),
            severity: code.severity(),
            planes,
            living: Vec::new(),
            surface: surface.into(),
            message: String::new(),
            hint: String::new(),
            at: Vec::new(),
            labels: Vec::new(),
        }
    }

    /// The same with its sentence.
    pub fn saying(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// The same with its hint.
    pub fn hinting(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The same with one more place, where there is one that is not pointed at yet.
    pub fn at(mut self, place: Option<&Place>, label: impl Into<String>) -> Self {
        if let Some(place) = place
            && !self.at.contains(place)
        {
            self.at.push(place.clone());
            self.labels.push(label.into());
        }
        self
    }

    /// Whether it stands in the way of changes to `plane`: not where the plane only is in another's way.
    pub fn blocks(&self, plane: &PlaneName) -> bool {
        self.severity == Severity::Error && self.planes.contains(plane) && !self.living.contains(plane)
    }
}

impl PartialOrd for Finding {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Finding {
    fn cmp(&self, other: &Self) -> Ordering {
        let head = (self.severity, &self.code, &self.planes, &self.surface);
        head.cmp(&(other.severity, &other.code, &other.planes, &other.surface))
            .then_with(|| self.message.cmp(&other.message))
            .then_with(|| self.at.cmp(&other.at))
            .then_with(|| self.hint.cmp(&other.hint))
            .then_with(|| self.labels.cmp(&other.labels))
    }
}
