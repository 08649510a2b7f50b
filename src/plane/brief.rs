//! What a daemon hands a keeper at its start.
//!
//! Both are of one release: a keeper is started from its daemon's own program, so this is no wire format.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Sealed;

/// A look older than this is not believed: whoever took it may have been stopped since, and replaced.
const FRESH: Duration = Duration::from_secs(10);

/// The descriptor under which a keeper finds its [`Brief`], as JSON.
pub const BRIEF_FD: i32 = 3;

/// The descriptor on which a keeper says, by one byte, that its socket answers. Closed without one: it could not begin.
pub const ANNOUNCE_FD: i32 = 4;

/// With this begins on [`ANNOUNCE_FD`] why the keeper could not begin.
pub const CANNOT: char = '!';

/// The exit code of a keeper that found another one at work: nothing is wrong.
pub const ALREADY_KEPT: u8 = 10;

/// The plane, and what is known of its host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Brief {
    /// The plane.
    pub sealed: Sealed,
    /// When the daemon, which started no keeper of this plane since then, found that none had its lock and that no process of the
    /// host bore a cookie of this supervisor. Time since boot, suspension included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found_empty: Option<Duration>,
    /// Why the daemon has ended the keeper before, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_before: Option<String>,
    /// Whether the plane is about to be stopped: no gateway is started, whatever was wanted of it before.
    #[serde(default)]
    pub rests: bool,
}

impl Brief {
    /// Whether there is nothing to look for at `now`, time since boot.
    pub fn is_empty_at(&self, now: Duration) -> bool {
        self.found_empty.is_some_and(|at| at <= now && now - at <= FRESH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fresh_look_is_believed() {
        let brief = |found_empty| Brief {
            sealed: crate::plane::testing::sealed("main"),
            found_empty,
            ended_before: None,
            rests: false,
        };
        let second = Duration::from_secs;
        assert!(!brief(None).is_empty_at(second(100)), "nobody has looked");
        assert!(brief(Some(second(100))).is_empty_at(second(100)));
        assert!(brief(Some(second(100))).is_empty_at(second(110)));
        assert!(!brief(Some(second(100))).is_empty_at(second(111)), "long ago");
        assert!(!brief(Some(second(100))).is_empty_at(second(99)), "of another boot");
    }
}
