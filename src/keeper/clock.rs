//! The one place of a keeper that reads a clock.
//!
//! Decides nothing. Moments are monotonic (CLOCK_MONOTONIC) and stand still while the host is suspended; what the kernel does
//! not take out, a stretch in which this process alone or the whole machine was frozen, is taken out here. Stamps are wall
//! time for people, and nothing is reckoned from them.

#![allow(clippy::disallowed_methods, reason = "this is the room that owns the clock")]

use std::time::{Duration, Instant};

use crate::life::phase::Moment;

/// A wake-up later than this was no busy host: this process did not run at all (frozen, stopped, a paused machine).
const LATE: Duration = Duration::from_secs(5);

/// The moment at which a clock starts: what an earlier keeper saw can be told as a moment before that.
pub const START: Moment = Duration::from_secs(3600);

/// A monotonic clock that starts with the keeper.
#[derive(Clone, Debug)]
pub struct Clock {
    start: Instant,
    /// Time that was nobody's.
    lost: Duration,
    expected: Option<Moment>,
}

impl Clock {
    /// Starts at [`START`].
    pub fn start() -> Self {
        Self { start: Instant::now(), lost: Duration::ZERO, expected: None }
    }

    /// Time since the start, without what was lost.
    pub fn now(&self) -> Moment {
        START + self.start.elapsed().saturating_sub(self.lost)
    }

    /// Time since the start with all that was lost: how long something has been there, whoever ran meanwhile.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The runtime's form of a moment, to sleep until.
    pub fn instant(&self, at: Moment) -> tokio::time::Instant {
        (self.start + self.lost + at.saturating_sub(START)).into()
    }

    /// The loop is about to sleep until `due` at the latest.
    pub fn expect(&mut self, due: Option<Moment>) {
        self.expected = due;
    }

    /// The loop is awake. Waking long after what was expected, it did not run meanwhile: that time is lost to everybody, and
    /// given back here.
    pub fn awake(&mut self) -> Option<Duration> {
        let late = self.now().saturating_sub(self.expected.take()?);
        if late < LATE {
            return None;
        }
        self.lost += late;
        Some(late)
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

impl Clock {
    /// A moment as seconds of the Unix epoch, for a file.
    pub fn epoch_second(&self, at: Moment) -> i64 {
        let ago = self.now().saturating_sub(at).as_secs();
        jiff::Timestamp::now().as_second().saturating_sub_unsigned(ago)
    }

    /// Wall time as milliseconds of the Unix epoch.
    pub fn epoch_millisecond(&self) -> i64 {
        jiff::Timestamp::now().as_millisecond()
    }

    /// The moment of a second of the Unix epoch, unless it lies further back than `within`, or ahead.
    pub fn moment_of(&self, second: i64, within: Duration) -> Option<Moment> {
        let ago = u64::try_from(jiff::Timestamp::now().as_second().checked_sub(second)?).ok()?;
        let ago = Duration::from_secs(ago);
        (ago < within).then(|| self.now().saturating_sub(ago))
    }
}

/// The moment `ahead` of now, for calls that block until one.
pub fn instant_in(ahead: Duration) -> Instant {
    Instant::now() + ahead
}

fn stamp(time: jiff::Timestamp) -> String {
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_up_long_after_what_was_expected_gives_the_time_back() {
        let mut clock = Clock::start();
        let early = clock.now() - Duration::from_secs(60);
        clock.expect(Some(early));
        let lost = clock.awake().expect("a minute in which nobody ran");
        assert!(lost >= Duration::from_secs(60), "{lost:?}");
        assert!(clock.now() <= early + Duration::from_secs(60), "{:?} after {early:?}", clock.now());
        assert_eq!(clock.awake(), None, "given back once");
    }

    #[test]
    fn a_busy_host_and_an_input_in_time_give_nothing_back() {
        let mut clock = Clock::start();
        for due in [None, Some(clock.now() - Duration::from_secs(4)), Some(clock.now() + Duration::from_secs(60))] {
            clock.expect(due);
            assert_eq!(clock.awake(), None, "{due:?}");
        }
    }

    #[test]
    fn a_moment_and_its_second_of_the_epoch_are_one() {
        let clock = Clock::start();
        let at = clock.now() - Duration::from_secs(100);
        let second = clock.epoch_second(at);
        let back = clock.moment_of(second, Duration::from_secs(300)).expect("within");
        assert!(back.abs_diff(at) <= Duration::from_secs(2), "{back:?} {at:?}");
        assert_eq!(clock.moment_of(second, Duration::from_secs(50)), None);
        assert_eq!(clock.moment_of(second + 1_000, Duration::from_secs(300)), None, "ahead of us");
    }
}
