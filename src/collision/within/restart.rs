//! Keys of one plane's restart table that can have no effect.
//!
//! Contradictions that are no lawful manifest are the manifest reader's.

use std::time::Duration;

use super::Subject;
use crate::collision::codes::Code;
use crate::collision::finding::Finding;
use crate::plane::{Contract, Policy, Restart};

/// A window that nothing counts in, or that the deaths that park can never all fall into.
pub(super) fn idle(subject: &Subject) -> Option<Finding> {
    let (name, rules) = (&subject.plane.name, &subject.plane.restart);
    let is_written = |key: &str| subject.places.keys.contains_key(key);
    if rules.policy == Policy::Never {
        return beside_never(subject);
    }
    let (key, message, hint) = match rules.max_deaths {
        0 if is_written("restart.window") => (
            "restart.window",
            format!("`restart.window` of `{name}` does nothing, as `restart.max_deaths` is 0: it is never given up"),
            "set `restart.max_deaths`, or take `restart.window` out",
        ),
        most if most > 0 && least_span(rules) >= rules.window => (
            "restart.max_deaths",
            format!(
                "`{name}` is never given up: with the waits between them, {most} deaths take {} s at least, and \
                 `restart.window` is {} s",
                least_span(rules).as_secs_f64(),
                rules.window.as_secs_f64()
            ),
            "lengthen `restart.window`, or lower `restart.max_deaths` or the delays",
        ),
        _ => return None,
    };
    let one = subject.finding(Code::RestartIdle, key).at(subject.places.of(key), "");
    Some(one.saying(message).hinting(hint.to_owned()))
}

/// What is written beside a policy under which no death is followed by a start. The delays still pace an OpenClaw gateway that has
/// itself restarted, or that finds its port held.
fn beside_never(subject: &Subject) -> Option<Finding> {
    let keys: &[&str] = match subject.plane.contract {
        Contract::Openclaw => &["max_deaths", "window"],
        Contract::Plain => &["max_deaths", "window", "min_delay", "max_delay", "stable"],
    };
    // What is written for all planes does its work for the others; only a `never` that is for all too makes it idle.
    let inherited = &subject.places.inherited;
    let counts = |key: &String| inherited.contains("restart.policy") || !inherited.contains(key);
    let keys = keys.iter().map(|key| format!("restart.{key}"));
    let idle: Vec<String> = keys.filter(|key| subject.places.keys.contains_key(key) && counts(key)).collect();
    let first = idle.first()?;
    let does = if idle.len() == 1 { "does" } else { "do" };
    let quoted: Vec<String> = idle.iter().map(|key| format!("`{key}`")).collect();
    let message = format!(
        "{} of `{}` {does} nothing, as `restart.policy` is `never`: no death is followed by a start",
        quoted.join(", "),
        subject.plane.name
    );
    let one = subject.finding(Code::RestartIdle, first).at(subject.places.of(first), "");
    Some(one.saying(message).hinting("take them out, or choose another `restart.policy`".to_owned()))
}

/// The shortest time from the first to the last of `max_deaths` deaths: after the first one may be spawned at once, and of
/// each later wait a quarter may be taken off.
fn least_span(rules: &Restart) -> Duration {
    let floor = rules.min_delay.min(rules.max_delay);
    let wait = |doublings: u32| {
        let full = rules.min_delay.saturating_mul(1 << doublings.min(30)).min(rules.max_delay);
        full.mul_f64(0.75).max(floor)
    };
    (0..rules.max_deaths.saturating_sub(2)).map(wait).fold(Duration::ZERO, Duration::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collision::surroundings::Surroundings;
    use crate::plane::{Place, Places, testing};

    #[test]
    fn a_window_without_a_count_and_a_count_that_no_window_holds_are_said() {
        let (mut plane, _) = testing::plane("main", 21_000);
        let mut places = Places::default();
        let around = Surroundings::default();
        assert_eq!(idle(&Subject { plane: &plane, places: &places, around: &around }), None);
        places.keys.insert("restart.window".to_owned(), Place { file: "/m.toml".into(), line: 1, column: 1, width: 1 });
        let mut surface = |max_deaths, window| {
            plane.restart = Restart { max_deaths, window: Duration::from_secs(window), ..Restart::default() };
            idle(&Subject { plane: &plane, places: &places, around: &around }).map(|finding| finding.surface)
        };
        assert_eq!(surface(0, 600).as_deref(), Some("restart.window"));
        assert_eq!(surface(5, 600), None);
        // 1 s, then 1.5 s, then 3 s.
        assert_eq!(surface(5, 6), None);
        assert_eq!(surface(5, 5).as_deref(), Some("restart.max_deaths"));
    }

    #[test]
    fn beside_policy_never_what_does_nothing_is_named_and_nothing_else_is_said() {
        let (mut plane, _) = testing::plane("main", 21_000);
        plane.restart =
            Restart { policy: Policy::Never, max_deaths: 5, window: Duration::from_secs(1), ..Restart::default() };
        let around = Surroundings::default();
        let mut places = Places::default();
        assert_eq!(idle(&Subject { plane: &plane, places: &places, around: &around }), None);
        for (key, line) in [("restart.max_deaths", 1), ("restart.min_delay", 2), ("restart.window", 3)] {
            places.keys.insert(key.to_owned(), Place { file: "/m.toml".into(), line, column: 1, width: 1 });
        }
        let mut said = |contract| {
            plane.contract = contract;
            idle(&Subject { plane: &plane, places: &places, around: &around }).expect("a finding").message
        };
        let ends = "of `main` do nothing, as `restart.policy` is `never`: no death is followed by a start";
        assert_eq!(said(Contract::Openclaw), format!("`restart.max_deaths`, `restart.window` {ends}"));
        let plain = "`restart.max_deaths`, `restart.window`, `restart.min_delay`";
        assert_eq!(said(Contract::Plain), format!("{plain} {ends}"));
        // Written for all planes it does its work for the others.
        places.inherited = ["restart.max_deaths", "restart.min_delay", "restart.window"].map(str::to_owned).into();
        assert_eq!(idle(&Subject { plane: &plane, places: &places, around: &around }), None);
        places.inherited.insert("restart.policy".to_owned());
        assert!(idle(&Subject { plane: &plane, places: &places, around: &around }).is_some());
    }
}
