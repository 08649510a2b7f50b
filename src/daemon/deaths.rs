//! How often in a row the keepers of a plane have died, and how long the plane waits for the next one.
//!
//! A first word proves little: a keeper may say it and die. Only one that lasts ends the row.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::plane::PlaneName;

/// Keepers that die are given back after so long, doubled for each death in a row; after the first one at once.
const AGAIN: Duration = Duration::from_millis(250);

/// The longest such wait.
const AGAIN_AT_MOST: Duration = Duration::from_secs(60);

/// A keeper that has spoken, and lived so long since, was none of the row. What dies at its beginning is dead by then; of what dies
/// later, one in so long costs the host little, and whoever ends keepers by hand waits for none.
const LASTS: Duration = Duration::from_secs(5);

/// What is known of each plane's keepers.
#[derive(Debug, Default)]
pub struct Deaths {
    in_a_row: BTreeMap<PlaneName, u32>,
    speaks_since: BTreeMap<PlaneName, Instant>,
}

impl Deaths {
    /// The plane's keeper has said something.
    pub fn speaks(&mut self, plane: &PlaneName, now: Instant) {
        self.speaks_since.entry(plane.clone()).or_insert(now);
    }

    /// The plane's keeper has left in order.
    pub fn left(&mut self, plane: &PlaneName) {
        self.speaks_since.remove(plane);
        self.in_a_row.remove(plane);
    }

    /// The plane's keeper has died, or could not be started: how long the next one is waited for.
    pub fn pause(&mut self, plane: &PlaneName, now: Instant) -> Duration {
        let lasted = self.speaks_since.remove(plane).is_some_and(|since| now.duration_since(since) >= LASTS);
        let times = self.in_a_row.entry(plane.clone()).or_insert(0);
        *times = if lasted { 1 } else { times.saturating_add(1) };
        if *times == 1 { Duration::ZERO } else { AGAIN.saturating_mul(1 << (*times).min(16)).min(AGAIN_AT_MOST) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keepers_that_speak_and_die_are_given_back_ever_more_slowly_until_one_lasts() {
        let (mut deaths, main) = (Deaths::default(), PlaneName::new("main").expect("a name"));
        let begun = Instant::now();
        let mut pauses = Vec::new();
        for _ in 0..12 {
            deaths.speaks(&main, begun);
            pauses.push(deaths.pause(&main, begun + Duration::from_secs(1)));
        }
        assert_eq!(pauses[..4], [0, 1000, 2000, 4000].map(Duration::from_millis));
        assert_eq!(pauses[11], AGAIN_AT_MOST);
        deaths.speaks(&main, begun);
        deaths.speaks(&main, begun + LASTS);
        assert_eq!(deaths.pause(&main, begun + LASTS), Duration::ZERO, "it has lasted since its first word");
        assert_eq!(deaths.pause(&main, begun + LASTS), Duration::from_secs(1), "and began another row");
        deaths.left(&main);
        assert_eq!(deaths.pause(&main, begun), Duration::ZERO, "one that was told to go is no death");
    }
}
