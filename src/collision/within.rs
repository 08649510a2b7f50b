//! What stands against one plane by itself: its manifest entry and its own configuration contradict, or invite trouble.

use super::claim::Claims;
use super::finding::Finding;
use super::suggest::Suggest;
use super::surroundings::Surroundings;
use crate::openclaw::config::declared::Declared;
use crate::plane::{Places, Plane, Planes};

pub(super) mod arguments;
mod burden;
mod files;
mod gateway;
mod limits;
mod names;
mod restart;

/// One plane with all that is known of it.
struct Subject<'a> {
    plane: &'a Plane,
    places: &'a Places,
    around: &'a Surroundings,
}

/// What a plane claims, and what it was offered in place of that.
pub(super) struct Claimed<'a> {
    /// Every claim.
    pub(super) claims: &'a Claims,
    /// The plane.
    pub(super) by: usize,
    /// The offers.
    pub(super) suggest: &'a Suggest<'a>,
}

/// Everything that is wrong within one plane of `planes`.
pub(super) fn findings(
    plane: &Plane,
    places: &Places,
    declared: Option<&Declared>,
    planes: &Planes,
    claimed: &Claimed<'_>,
) -> Vec<Finding> {
    let subject = Subject { plane, places, around: claimed.suggest.around };
    let mut found = files::rights(&subject, declared);
    found.extend(files::launcher(&subject));
    found.extend(files::forbidden(&subject));
    found.extend(files::missing(&subject));
    found.extend(files::cwd(&subject));
    found.extend(burden::too_large(&subject));
    found.extend(limits::unavailable(&subject));
    found.extend(restart::idle(&subject));
    found.extend(files::validity(&subject));
    if planes.planes.len() > 1 {
        found.extend(names::unnamed(&subject, declared));
    }
    if let Some(declared) = declared {
        found.extend(files::problems(&subject, declared));
        if files::is_readable(declared) {
            found.extend(gateway::contradictions(&subject, declared, claimed));
            let told = arguments::told(plane, places, &declared.gateway);
            found.extend(gateway::exposure(&subject, &told));
            found.extend(gateway::mode(&subject, &told));
            found.extend(names::browser_profiles(&subject, &declared.browser));
        }
    }
    found
}

/// What OpenClaw said of a plane's config, by itself.
pub(super) fn judged(plane: &Plane, places: &Places, around: &Surroundings) -> Option<Finding> {
    files::validity(&Subject { plane, places, around })
}

impl Subject<'_> {
    /// A finding about this plane alone.
    fn finding(&self, code: super::codes::Code, surface: impl Into<String>) -> Finding {
        Finding::new(code, vec![self.plane.name.clone()], surface)
    }
}
