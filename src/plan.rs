//! Wanted planes, living planes and findings, into what is to be done. Pure; applies nothing.
//!
//! A plane that lives and is well defined is never touched by anything but a change of its own definition that an operator
//! asked to apply: findings, edits and restarts of the daemon block changes, not lives.

use std::collections::{BTreeMap, BTreeSet};

use crate::plane::PlaneName;

/// A plane as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: PlaneName,
    /// The hash of its resolved definition.
    pub definition: String,
}

/// A plane that has a keeper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Living {
    /// Its name.
    pub name: PlaneName,
    /// The hash of the definition that its keeper holds.
    pub definition: String,
}

/// Why a plan is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The supervisor began, or a file changed: what lives is left as it is.
    Greet,
    /// An operator asked to apply the manifest.
    Reload,
}

/// What is to be done with one plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Give it a keeper.
    Start,
    /// Give its keeper the new definition.
    Replace,
    /// Stop it and let its keeper go.
    Stop,
    /// Leave it as it is.
    Leave,
    /// It differs from what is wanted, and a reload would change that.
    Pending,
    /// It should be changed, but an error finding concerns it.
    Blocked,
}

/// One step for every plane that is wanted or lives.
pub fn plan(
    wanted: &[Wanted],
    living: &[Living],
    blocked: &BTreeSet<PlaneName>,
    occasion: Occasion,
) -> BTreeMap<PlaneName, Step> {
    let held: BTreeMap<&PlaneName, &str> = living.iter().map(|it| (&it.name, it.definition.as_str())).collect();
    let mut steps = BTreeMap::new();
    for plane in wanted {
        let step = match (held.get(&plane.name), occasion) {
            (Some(definition), _) if **definition == plane.definition => Step::Leave,
            (Some(_) | None, _) if blocked.contains(&plane.name) => Step::Blocked,
            (None, Occasion::Greet | Occasion::Reload) => Step::Start,
            (Some(_), Occasion::Reload) => Step::Replace,
            (Some(_), Occasion::Greet) => Step::Pending,
        };
        steps.insert(plane.name.clone(), step);
    }
    for plane in living {
        steps.entry(plane.name.clone()).or_insert(match occasion {
            Occasion::Reload => Step::Stop,
            Occasion::Greet => Step::Pending,
        });
    }
    steps
}

/// How a plane that others come after stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// On its way, within its time.
    Coming,
    /// Ready, or as far as it will come by itself: parked, stopped, past its ceiling. It holds nobody any longer.
    Settled,
}

/// Those of `pending` (in order) whose `after` planes have all settled. A plane that is not known holds nobody.
pub fn due(pending: &[(PlaneName, Vec<PlaneName>)], standing: &BTreeMap<PlaneName, Standing>) -> Vec<PlaneName> {
    pending
        .iter()
        .filter(|(_, after)| {
            after.iter().all(|name| {
                let waits = pending.iter().any(|(other, _)| other == name);
                !waits && standing.get(name).is_none_or(|it| *it == Standing::Settled)
            })
        })
        .map(|(name, _)| name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> PlaneName {
        PlaneName::new(text).expect("a name")
    }

    fn wanted(text: &str, definition: &str) -> Wanted {
        Wanted { name: name(text), definition: definition.into() }
    }

    fn living(text: &str, definition: &str) -> Living {
        Living { name: name(text), definition: definition.into() }
    }

    #[test]
    fn a_reload_touches_only_what_changed() {
        let steps = plan(
            &[wanted("main", "1"), wanted("rescue", "2"), wanted("staging", "1")],
            &[living("main", "1"), living("rescue", "1"), living("old", "1")],
            &BTreeSet::new(),
            Occasion::Reload,
        );
        let steps: Vec<_> = steps.iter().map(|(name, step)| (name.as_str(), *step)).collect();
        let expected =
            [("main", Step::Leave), ("old", Step::Stop), ("rescue", Step::Replace), ("staging", Step::Start)];
        assert_eq!(steps, expected);
    }

    #[test]
    fn a_changed_file_starts_what_is_new_and_stops_nobody() {
        let steps = plan(
            &[wanted("main", "2"), wanted("staging", "1")],
            &[living("main", "1"), living("rescue", "1")],
            &BTreeSet::new(),
            Occasion::Greet,
        );
        assert_eq!(steps[&name("main")], Step::Pending);
        assert_eq!(steps[&name("rescue")], Step::Pending);
        assert_eq!(steps[&name("staging")], Step::Start);
    }

    #[test]
    fn those_after_others_wait_until_these_have_settled() {
        let pending = [(name("main"), vec![name("rescue")]), (name("staging"), vec![name("main")])];
        let mut standing = BTreeMap::from([(name("rescue"), Standing::Coming)]);
        assert!(due(&pending, &standing).is_empty());
        standing.insert(name("rescue"), Standing::Settled);
        assert_eq!(due(&pending, &standing), [name("main")]);
    }

    proptest! {
        #[test]
        fn a_finding_never_ends_a_life(
            lives in prop::collection::btree_map("[a-d]", "[12]", 0..4),
            wants in prop::collection::btree_map("[a-d]", "[12]", 0..4),
            blocks in prop::collection::btree_set("[a-d]", 0..4),
            reload: bool,
        ) {
            let living: Vec<_> = lives.iter().map(|(n, d)| living(n, d)).collect();
            let wanted: Vec<_> = wants.iter().map(|(n, d)| wanted(n, d)).collect();
            let blocked: BTreeSet<_> = blocks.iter().map(|n| name(n)).collect();
            let occasion = if reload { Occasion::Reload } else { Occasion::Greet };
            let with = plan(&wanted, &living, &blocked, occasion);
            let without = plan(&wanted, &living, &BTreeSet::new(), occasion);
            prop_assert_eq!(with.len(), without.len());
            for (plane, step) in with {
                match step {
                    Step::Blocked => prop_assert!(blocked.contains(&plane)),
                    other => prop_assert_eq!(other, without[&plane]),
                }
            }
        }
    }
}
