//! The daemon's door to the proof: everything that stands against a resolved manifest.
//!
//! Looks at the host; changes nothing.

use crate::collision::finding::Finding;
use crate::collision::gather::Declarations;
use crate::collision::surroundings::Surroundings;
use crate::plane::Planes;

/// All findings, sorted.
pub fn prove(planes: &Planes) -> Vec<Finding> {
    let key = [0; 32];
    crate::collision::prove(planes, &Declarations::default(), &Surroundings::default(), &key)
}
