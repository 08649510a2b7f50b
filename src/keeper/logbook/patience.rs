//! How long a gateway may be kept waiting for the disk: a disk that works earns it time, one that hangs uses it up once.
//!
//! Pure; measures nothing itself.

use std::time::Duration;

/// The most that can be saved up: what a disk that stops all at once costs a gateway in one piece.
const MOST: Duration = Duration::from_millis(500);

/// Earned by each MiB that the disk has taken: a disk that takes 16 MiB a second never loses a line, however much is said.
const EARNED: Duration = Duration::from_micros(62_500);

/// The waiting that is left.
#[derive(Debug)]
pub(super) struct Patience {
    left: Duration,
    written: u64,
}

impl Patience {
    /// All of it.
    pub(super) fn new() -> Self {
        Self { left: MOST, written: 0 }
    }

    /// The longest wait now, when the disk has taken `written` bytes in all.
    pub(super) fn left(&mut self, written: u64) -> Duration {
        let more = written.saturating_sub(self.written);
        self.written = written;
        let earned = (EARNED.as_nanos() * u128::from(more)) >> 20;
        let earned = Duration::from_nanos(u64::try_from(earned).unwrap_or(u64::MAX));
        self.left = (self.left + earned).min(MOST);
        self.left
    }

    /// So long was waited.
    pub(super) fn spend(&mut self, waited: Duration) {
        self.left = self.left.saturating_sub(waited);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_works_is_waited_for_as_long_as_it_takes() {
        let mut patience = Patience::new();
        for second in 0..1000 {
            let left = patience.left(second * (17 << 20));
            assert!(left >= MOST, "second {second}: {left:?}");
            // Of every second it is waited for almost all.
            patience.spend(Duration::from_millis(499));
            assert!(patience.left(second * (17 << 20) + (9 << 20)) > Duration::from_millis(499));
            patience.spend(Duration::from_millis(499));
        }
    }

    #[test]
    fn a_disk_that_hangs_is_waited_for_once() {
        let mut patience = Patience::new();
        assert_eq!(patience.left(0), MOST);
        patience.spend(MOST);
        assert_eq!(patience.left(0), Duration::ZERO);
        patience.spend(MOST);
        assert_eq!(patience.left(1 << 20), EARNED);
        assert_eq!(patience.left(u64::MAX), MOST);
    }
}
