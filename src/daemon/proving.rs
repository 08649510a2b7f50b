//! The daemon's door to the proof: everything that stands against a resolved manifest.
//!
//! Looks at the host; changes nothing.

use crate::collision::finding::Finding;
use crate::daemon::survey::{self, Depth};
use crate::plane::Planes;

/// All findings, sorted.
pub fn prove(planes: &Planes) -> Vec<Finding> {
    survey::prove(planes, Depth::Files)
}
