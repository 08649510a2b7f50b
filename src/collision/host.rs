//! What runs on the host, and how it stands to what the planes claim.
//!
//! The facts are gathered by `daemon::survey`; here they are only judged.

mod facts;
mod owners;
mod ports;

pub use facts::{
    BaseTry, Belongs, Hold, Issue, Listening, Live, Passing, Process, Scope, Service, Standing, Stray, Validity,
};

use super::claim::Claims;
use super::finding::Finding;
use super::suggest::Suggest;
use super::surroundings::Surroundings;

/// Everything that stands against the planes on the host as it is now.
pub(super) fn findings(claims: &Claims, around: &Surroundings, suggest: &mut Suggest) -> Vec<Finding> {
    let Some(live) = &around.live else { return Vec::new() };
    let mut found = ports::findings(claims, live, suggest);
    found.extend(owners::findings(claims, live));
    found
}
