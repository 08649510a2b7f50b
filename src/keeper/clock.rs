//! The one place of a keeper that reads a clock.
//!
//! Decides nothing. Moments are monotonic and stand still while the host is suspended; stamps are wall time for people.

#![allow(clippy::disallowed_methods, reason = "this is the room that owns the clock")]

use std::time::{Duration, Instant};

use crate::life::phase::Moment;

/// A monotonic clock that starts with the keeper.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// Starts at zero.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    pub fn now(&self) -> Moment {
        self.0.elapsed()
    }

    /// The runtime's form of a moment, to sleep until.
    pub fn instant(&self, at: Moment) -> tokio::time::Instant {
        (self.0 + at).into()
    }

    /// Wall time, RFC 3339 in UTC with milliseconds.
    pub fn stamp(&self) -> String {
        stamp(jiff::Timestamp::now())
    }

    /// Wall time `ahead` of now, to the second: the same moment is called the same however often it is told.
    pub fn stamp_in(&self, ahead: Duration) -> String {
        let now = jiff::Timestamp::now();
        let half = Duration::from_millis(500);
        format!("{:.0}", now.checked_add(ahead + half).unwrap_or(now))
    }
}

/// The moment `ahead` of now, for calls that block until one.
pub fn instant_in(ahead: Duration) -> Instant {
    Instant::now() + ahead
}

fn stamp(time: jiff::Timestamp) -> String {
    format!("{time:.3}")
}
