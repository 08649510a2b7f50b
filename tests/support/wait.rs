//! Waiting for a fact within a budget; the only place in the tests that sleeps.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// How often a fact is looked for. Short against every budget, long against the cost of a look.
const INTERVAL: Duration = Duration::from_millis(20);

/// What one look gave: the fact, or what was there instead.
pub trait Look {
    /// The fact.
    type Fact;
    /// The fact, or words for what was seen instead.
    fn seen(self) -> Result<Self::Fact, String>;
}

impl Look for bool {
    type Fact = ();
    fn seen(self) -> Result<(), String> {
        if self { Ok(()) } else { Err("not so".to_owned()) }
    }
}

impl<T> Look for Option<T> {
    type Fact = T;
    fn seen(self) -> Result<T, String> {
        self.ok_or_else(|| "nothing".to_owned())
    }
}

impl<T, E: Debug> Look for Result<T, E> {
    type Fact = T;
    fn seen(self) -> Result<T, String> {
        self.map_err(|instead| format!("{instead:#?}"))
    }
}

/// Looks until the fact is there and gives it; panics when `budget` is over, with what was seen last.
///
/// The look may give a `bool`, an `Option`, or, for the best message, a `Result` whose error says what is there instead.
#[track_caller]
pub fn eventually<L: Look>(budget: Duration, what: &str, mut look: impl FnMut() -> L) -> L::Fact {
    let begun = Instant::now();
    loop {
        match look().seen() {
            Ok(fact) => return fact,
            Err(instead) if begun.elapsed() > budget => {
                panic!("waited {:.1} s for: {what}\nlast seen: {instead}", begun.elapsed().as_secs_f64());
            }
            Err(_) => std::thread::sleep(INTERVAL),
        }
    }
}

/// Whether the fact comes within the budget; for cleaning up, where a panic would hide the test's own.
pub fn within(budget: Duration, mut look: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !look() {
        if begun.elapsed() > budget {
            return false;
        }
        std::thread::sleep(INTERVAL);
    }
    true
}
