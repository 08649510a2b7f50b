//! How soon a dead plane is started again: backoff with jitter, OpenClaw's breaker, and giving up.
//!
//! Remembers deaths, reads no clock. The breaker's rule is OpenClaw's own (2026.9.6, `gateway-boot-lifecycle`): at a
//! boot it counts, over the last 300 s, the boots without a recorded end by their *start*, and the failed starts by
//! their end; from three on, the new boot comes up with every channel suppressed.

use std::time::Duration;

use super::phase::Moment;
use crate::plane::{Contract, Restart};

/// The span over which OpenClaw counts unclean boots.
pub const BREAKER_WINDOW: Duration = Duration::from_secs(300);

/// How many unclean boots may stand in that span when another boot begins, so that its own death trips nothing.
const BREAKER_ALLOWS: usize = 1;

/// So many times in a row a gateway may have itself restarted soon after its start, as updates and edits of its config do.
const FREE_HANDOFFS: u32 = 3;

/// How far an incarnation came before it had itself restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// It had started.
    Up,
    /// It had not: the next one will hardly do better.
    Nowhere,
}

/// What OpenClaw said of a clean exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answered {
    /// Nothing yet, or that it wanted a successor.
    Wanted,
    /// That nobody did, or nothing that could be heard.
    Unwanted,
}

/// What to do about a death.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Spawn at once.
    AtOnce,
    /// Spawn after the delay, the n-th early death in a row.
    After(Duration, u32),
    /// Not before this moment, for the breaker's sake.
    Breaker(Moment),
    /// Give up after so many deaths.
    GiveUp(u32),
}

/// The deaths that still matter.
#[derive(Clone, Debug)]
pub struct Pace {
    rules: Restart,
    contract: Contract,
    early: u32,
    deaths: Vec<Moment>,
    unclean: Vec<Moment>,
    /// Restarts that gateways asked for themselves, in a row, each soon after its start.
    handoffs: u32,
    /// What was answered about the last clean exit that nobody of ours asked for.
    answered: Answered,
    last_delay: Duration,
    jitter: fastrand::Rng,
}

impl Pace {
    /// Nothing has died yet. `seed` makes the jitter of several planes differ.
    pub fn new(rules: Restart, contract: Contract, seed: u64) -> Self {
        Self {
            rules,
            contract,
            early: 0,
            deaths: Vec::new(),
            unclean: Vec::new(),
            handoffs: 0,
            answered: Answered::Wanted,
            last_delay: Duration::ZERO,
            jitter: fastrand::Rng::with_seed(seed),
        }
    }

    /// Takes new rules; what is remembered stays.
    pub fn adopt(&mut self, rules: Restart, contract: Contract) {
        self.rules = rules;
        self.contract = contract;
    }

    /// The rules in force.
    pub fn rules(&self) -> &Restart {
        &self.rules
    }

    /// An operator insists: early deaths are forgotten. What OpenClaw's breaker counts is not, since nobody makes it forget: the
    /// spawn that was asked for goes ahead, and the next one that nobody asks for heeds it again.
    pub fn insist(&mut self) {
        self.early = 0;
        self.handoffs = 0;
        self.answered = Answered::Wanted;
        self.deaths.clear();
        self.last_delay = Duration::ZERO;
    }

    /// Takes over the unclean ends that a predecessor saw.
    pub fn inherit(&mut self, unclean: Vec<Moment>) {
        self.unclean.extend(unclean);
    }

    /// Counts an end that was asked for and not clean: it costs no pause, and OpenClaw counts it all the same.
    pub fn cut_off(&mut self, counted: Moment, now: Moment) {
        self.unclean.push(counted);
        self.unclean.retain(|at| now.saturating_sub(*at) < BREAKER_WINDOW);
    }

    /// The unclean ends that may still count.
    pub fn unclean(&self) -> &[Moment] {
        &self.unclean
    }

    /// A gateway that others kept from its port or state dir was no death, and costs a pause all the same: longer each time,
    /// since nobody may be seen who holds it. Gives the pause, and which in a row it is.
    pub fn refused(&mut self, now: Moment, counted: Option<Moment>) -> (Duration, u32) {
        self.early = self.early.saturating_add(1);
        self.unclean.extend(counted);
        self.unclean.retain(|at| now.saturating_sub(*at) < BREAKER_WINDOW);
        (self.delay(), self.early)
    }

    /// A restart that the incarnation from `since` to `ended` asked for itself is no death, and costs nothing; but one that does
    /// little else is paced like one that dies. Gives the pause, and how many it were in a row.
    pub fn handed_off(&mut self, since: Moment, ended: Moment, came: Came) -> Option<(Duration, u32)> {
        if ended.saturating_sub(since) >= self.rules.stable {
            self.handoffs = 0;
            return None;
        }
        self.handoffs = self.handoffs.saturating_add(match came {
            Came::Up => 1,
            Came::Nowhere => FREE_HANDOFFS,
        });
        let paid = self.handoffs.checked_sub(FREE_HANDOFFS + 1)?;
        let full = self.rules.min_delay.saturating_mul(1 << paid.min(30)).min(self.rules.max_delay);
        (!full.is_zero()).then_some((full, self.handoffs))
    }

    /// Whether the next restart that it asks for itself, `came` so far since `since`, would have to wait.
    pub fn is_restless(&self, since: Moment, now: Moment, came: Came) -> bool {
        let mut after = self.clone();
        after.handed_off(since, now, came).is_some()
    }

    /// A clean exit turned out to have been nobody's wish: the next early one is asked about before anything is spawned.
    pub fn doubt(&mut self) {
        self.answered = Answered::Unwanted;
    }

    /// A clean exit turned out to have been wanted.
    pub fn trust(&mut self) {
        self.answered = Answered::Wanted;
    }

    /// Whether a clean exit at `now` of an incarnation spawned at `since` is hardly a wish for a successor.
    pub fn doubts(&self, since: Moment, now: Moment) -> bool {
        self.answered == Answered::Unwanted && now.saturating_sub(since) < self.rules.stable
    }

    /// Whoever held it is known by now, and is waited for.
    pub fn excuse(&mut self) {
        self.early = self.early.saturating_sub(1);
    }

    /// Until when a spawn at `now` would be too soon for the breaker.
    pub fn held_back(&mut self, now: Moment) -> Option<Moment> {
        self.breaker_opens().filter(|at| *at > now)
    }

    /// The last death turned out to have been wanted.
    pub fn forgive(&mut self) {
        self.early = self.early.saturating_sub(1);
        self.deaths.pop();
    }

    /// Whether one more death at `now` would be one too many.
    pub fn would_give_up(&self, now: Moment) -> bool {
        let standing = self.deaths.iter().filter(|at| now.saturating_sub(**at) < self.rules.window).count();
        let count = u32::try_from(standing).unwrap_or(u32::MAX).saturating_add(1);
        self.rules.max_deaths > 0 && count >= self.rules.max_deaths
    }

    /// A death at `now` of an incarnation that was up from `since`. `counted` is the moment under which OpenClaw counts an
    /// unclean end, `None` for a clean one.
    pub fn died(&mut self, since: Moment, now: Moment, counted: Option<Moment>) -> Verdict {
        let stable = now.saturating_sub(since) >= self.rules.stable;
        if stable {
            self.early = 0;
            self.handoffs = 0;
            self.last_delay = Duration::ZERO;
        } else {
            self.early = self.early.saturating_add(1);
        }
        self.deaths.retain(|at| now.saturating_sub(*at) < self.rules.window);
        self.deaths.push(now);
        self.unclean.extend(counted);
        self.unclean.retain(|at| now.saturating_sub(*at) < BREAKER_WINDOW);

        let count = u32::try_from(self.deaths.len()).unwrap_or(u32::MAX);
        if self.rules.max_deaths > 0 && count >= self.rules.max_deaths {
            return Verdict::GiveUp(count);
        }
        let delay = self.delay();
        match self.breaker_opens() {
            Some(at) if at > now + delay => Verdict::Breaker(at),
            Some(_) | None if delay.is_zero() => Verdict::AtOnce,
            Some(_) | None => Verdict::After(delay, self.early),
        }
    }

    /// The wait after the present run of early deaths: min_delay × 2^(n−1), at most max_delay, with up to a quarter of
    /// jitter taken off, never less than the wait before it.
    fn delay(&mut self) -> Duration {
        if self.early == 0 {
            return Duration::ZERO;
        }
        let doublings = (self.early - 1).min(30);
        let full = self.rules.min_delay.saturating_mul(1 << doublings).min(self.rules.max_delay);
        let jittered = full.mul_f64(1.0 - 0.25 * self.jitter.f64());
        let floor = self.rules.min_delay.min(self.rules.max_delay);
        self.last_delay = jittered.max(floor).max(self.last_delay).min(self.rules.max_delay.max(floor));
        self.last_delay
    }

    /// When so few unclean boots stand in the window that one more may fail.
    fn breaker_opens(&mut self) -> Option<Moment> {
        match self.contract {
            Contract::Plain => None,
            Contract::Openclaw => {
                self.unclean.sort_unstable();
                let blocking = self.unclean.len().checked_sub(BREAKER_ALLOWS + 1)?;
                self.unclean.get(blocking).map(|at| *at + BREAKER_WINDOW)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn pace(contract: Contract) -> Pace {
        Pace::new(Restart::default(), contract, 7)
    }

    #[test]
    fn a_death_after_a_stable_time_respawns_at_once() {
        assert_eq!(pace(Contract::Plain).died(S(0), S(60), Some(S(0))), Verdict::AtOnce);
    }

    #[test]
    fn early_deaths_wait_longer_and_longer() {
        let mut pace = pace(Contract::Plain);
        let waits: Vec<_> = (1..=12).map(|n| pace.died(S(n), S(n), Some(S(n)))).collect();
        assert_eq!(waits[0], Verdict::After(S(1), 1));
        let Verdict::After(last, 12) = waits[11] else { panic!("{waits:?}") };
        assert!(last >= S(225) && last <= S(300), "{last:?}");
    }

    #[test]
    fn the_second_unclean_boot_within_300_s_waits_for_the_first_to_leave_the_window() {
        let mut pace = pace(Contract::Openclaw);
        assert_eq!(pace.died(S(10), S(80), Some(S(10))), Verdict::AtOnce);
        assert_eq!(pace.died(S(80), S(150), Some(S(80))), Verdict::Breaker(S(310)));
    }

    #[test]
    fn a_kill_long_after_the_boot_does_not_count_for_the_breaker() {
        let mut pace = pace(Contract::Openclaw);
        assert_eq!(pace.died(S(0), S(400), Some(S(0))), Verdict::AtOnce);
        assert_eq!(pace.died(S(400), S(800), Some(S(400))), Verdict::AtOnce);
        assert_eq!(pace.died(S(800), S(1200), Some(S(800))), Verdict::AtOnce);
    }

    #[test]
    fn max_deaths_in_the_window_gives_up_and_insisting_starts_afresh() {
        let rules = Restart { max_deaths: 3, ..Restart::default() };
        let mut pace = Pace::new(rules, Contract::Plain, 1);
        pace.died(S(1), S(1), None);
        pace.died(S(2), S(2), None);
        assert_eq!(pace.died(S(3), S(3), None), Verdict::GiveUp(3));
        pace.insist();
        assert_eq!(pace.died(S(4), S(4), None), Verdict::After(S(1), 1));
    }

    #[test]
    fn insisting_does_not_make_the_breaker_forget() {
        let mut pace = pace(Contract::Openclaw);
        pace.died(S(0), S(70), Some(S(0)));
        assert_eq!(pace.died(S(70), S(140), Some(S(70))), Verdict::Breaker(S(300)));
        pace.insist();
        assert_eq!(pace.died(S(150), S(220), Some(S(150))), Verdict::Breaker(S(370)));
    }

    proptest! {
        #[test]
        fn within_a_storm_the_wait_never_shrinks_and_stays_between_floor_and_ceiling(
            min in 0u64..5_000, more in 0u64..600_000, seed: u64, deaths in 1usize..40
        ) {
            let rules = Restart {
                min_delay: Duration::from_millis(min),
                max_delay: Duration::from_millis(min + more),
                ..Restart::default()
            };
            let (floor, ceiling) = (rules.min_delay, rules.max_delay);
            let mut pace = Pace::new(rules, Contract::Plain, seed);
            let mut before = Duration::ZERO;
            for n in 0..deaths {
                let at = S(n as u64);
                let wait = match pace.died(at, at, Some(at)) {
                    Verdict::After(wait, _) => wait,
                    Verdict::AtOnce => Duration::ZERO,
                    other => panic!("{other:?}"),
                };
                prop_assert!(wait >= before && wait >= floor && wait <= ceiling);
                before = wait;
            }
        }
    }
}
