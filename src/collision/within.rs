//! What stands against one plane by itself: its manifest entry and its own configuration contradict, or invite trouble.

use super::codes::Code;
use super::finding::Finding;
use super::surroundings::Surroundings;
use crate::openclaw::config::declared::Declared;
use crate::plane::{Places, Plane};

/// Everything that is wrong within one plane.
pub(super) fn findings(
    plane: &Plane,
    places: &Places,
    declared: Option<&Declared>,
    around: &Surroundings,
) -> Vec<Finding> {
    let _ = (plane, places, declared, around, Code::ConfigMissing);
    Vec::new()
}
