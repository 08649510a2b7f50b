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
    /// The same where others still have its new place, or wait for its old one: end it first, and start it anew once nobody is
    /// in its way.
    Move,
    /// Stop it and let its keeper go.
    Stop,
    /// Leave it as it is.
    Leave,
    /// It differs from what is wanted, and a reload would change that.
    Pending,
    /// It should be changed, but an error finding concerns it.
    Blocked,
}

/// What stands in the way of steps.
#[derive(Clone, Debug, Default)]
pub struct Obstacles {
    /// Planes that an error finding concerns.
    pub blocked: BTreeSet<PlaneName>,
    /// For planes whose new place others still have: who must have ended first.
    pub holders: BTreeMap<PlaneName, BTreeSet<PlaneName>>,
    /// Planes that are on their way out already; they live no longer than their drain.
    pub going: BTreeSet<PlaneName>,
}

impl Obstacles {
    /// Who must have ended before `plane`, whose step this is, may be started.
    pub fn before(&self, plane: &PlaneName, step: Step) -> BTreeSet<PlaneName> {
        let mut before = self.holders.get(plane).cloned().unwrap_or_default();
        if step == Step::Move || self.going.contains(plane) {
            before.insert(plane.clone());
        }
        before
    }
}

/// One step for every plane that is wanted or lives.
pub fn plan(
    wanted: &[Wanted],
    living: &[Living],
    obstacles: &Obstacles,
    occasion: Occasion,
) -> BTreeMap<PlaneName, Step> {
    let stays = living.iter().filter(|it| !obstacles.going.contains(&it.name));
    let held: BTreeMap<&PlaneName, &str> = stays.map(|it| (&it.name, it.definition.as_str())).collect();
    let mut steps = BTreeMap::new();
    for plane in wanted {
        let step = match (held.get(&plane.name), occasion) {
            (Some(definition), _) if **definition == plane.definition => Step::Leave,
            (Some(_) | None, _) if obstacles.blocked.contains(&plane.name) => Step::Blocked,
            (None, Occasion::Greet | Occasion::Reload) => Step::Start,
            (Some(_), Occasion::Reload) => Step::Replace,
            (Some(_), Occasion::Greet) => Step::Pending,
        };
        steps.insert(plane.name.clone(), step);
    }
    for name in held.into_keys() {
        steps.entry(name.clone()).or_insert(match occasion {
            Occasion::Reload => Step::Stop,
            Occasion::Greet => Step::Pending,
        });
    }
    clear_the_way(&mut steps, obstacles);
    steps
}

/// A plane whose place somebody keeps is blocked, and so are those who wait for its own; the others move.
fn clear_the_way(steps: &mut BTreeMap<PlaneName, Step>, obstacles: &Obstacles) {
    let ends = |step: Option<&Step>| match step {
        Some(Step::Replace | Step::Move | Step::Stop) => true,
        Some(Step::Start | Step::Leave | Step::Pending | Step::Blocked) | None => false,
    };
    let comes = |step: Option<&Step>| match step {
        Some(Step::Start | Step::Replace) => true,
        Some(Step::Move | Step::Stop | Step::Leave | Step::Pending | Step::Blocked) | None => false,
    };
    loop {
        let is_stuck = |(plane, holders): &(&PlaneName, &BTreeSet<PlaneName>)| {
            let stays = |holder: &PlaneName| !obstacles.going.contains(holder) && !ends(steps.get(holder));
            comes(steps.get(plane)) && holders.iter().any(stays)
        };
        let stuck: Vec<PlaneName> = obstacles.holders.iter().filter(is_stuck).map(|(plane, _)| plane.clone()).collect();
        if stuck.is_empty() {
            break;
        }
        steps.extend(stuck.into_iter().map(|plane| (plane, Step::Blocked)));
    }
    let coming: Vec<(&PlaneName, &BTreeSet<PlaneName>)> =
        obstacles.holders.iter().filter(|(plane, _)| comes(steps.get(plane))).collect();
    for plane in coming.into_iter().flat_map(|(plane, holders)| holders.iter().chain([plane])) {
        if let Some(step @ Step::Replace) = steps.get_mut(plane) {
            *step = Step::Move;
        }
    }
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
    let is_due = |(_, after): &&(PlaneName, Vec<PlaneName>)| awaited(after, pending, standing).is_empty();
    pending.iter().filter(is_due).map(|(name, _)| name.clone()).collect()
}

/// Those of `after` that hold whoever comes after them: pending themselves, or still coming along.
pub fn awaited(
    after: &[PlaneName],
    pending: &[(PlaneName, Vec<PlaneName>)],
    standing: &BTreeMap<PlaneName, Standing>,
) -> Vec<PlaneName> {
    let holds = |name: &&PlaneName| {
        pending.iter().any(|(other, _)| other == *name) || standing.get(*name).is_some_and(|it| *it == Standing::Coming)
    };
    after.iter().filter(holds).cloned().collect()
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
            &Obstacles::default(),
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
            &Obstacles::default(),
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

    fn in_the_way(pairs: &[(&str, &str)]) -> Obstacles {
        let mut obstacles = Obstacles::default();
        for (plane, holder) in pairs {
            obstacles.holders.entry(name(plane)).or_default().insert(name(holder));
        }
        obstacles
    }

    #[test]
    fn a_renamed_plane_waits_for_a_reload_and_then_for_the_end_of_the_old_one() {
        let obstacles = in_the_way(&[("prod", "main")]);
        let steps = |occasion| plan(&[wanted("prod", "1")], &[living("main", "1")], &obstacles, occasion);
        assert_eq!(steps(Occasion::Greet)[&name("prod")], Step::Blocked);
        let reload = steps(Occasion::Reload);
        assert_eq!((reload[&name("main")], reload[&name("prod")]), (Step::Stop, Step::Start));
        assert_eq!(obstacles.before(&name("prod"), Step::Start), [name("main")].into());
        // While main drains, another edit changes nothing about that.
        let going = Obstacles { going: [name("main")].into(), ..obstacles };
        let again = plan(&[wanted("prod", "1")], &[living("main", "1")], &going, Occasion::Greet);
        assert_eq!(again, [(name("prod"), Step::Start)].into());
    }

    #[test]
    fn planes_that_take_each_others_place_end_before_either_begins() {
        let obstacles = in_the_way(&[("main", "rescue"), ("rescue", "main")]);
        let wants = [wanted("main", "2"), wanted("rescue", "2"), wanted("staging", "2")];
        let lives = [living("main", "1"), living("rescue", "1"), living("staging", "1")];
        let steps = plan(&wants, &lives, &obstacles, Occasion::Reload);
        let steps: Vec<Step> = steps.into_values().collect();
        assert_eq!(steps, [Step::Move, Step::Move, Step::Replace]);
        assert_eq!(obstacles.before(&name("main"), Step::Move), [name("main"), name("rescue")].into());
    }

    #[test]
    fn who_waits_for_one_that_stays_stays_too() {
        // Lab wants the place of main, main that of rescue, and a finding keeps rescue where it is.
        let obstacles =
            Obstacles { blocked: [name("rescue")].into(), ..in_the_way(&[("lab", "main"), ("main", "rescue")]) };
        let wants = [wanted("lab", "1"), wanted("main", "2"), wanted("rescue", "2")];
        let lives = [living("main", "1"), living("rescue", "1")];
        let steps = plan(&wants, &lives, &obstacles, Occasion::Reload);
        assert!(steps.values().all(|step| *step == Step::Blocked), "{steps:?}");
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
            let with = Obstacles { blocked: blocked.clone(), ..Obstacles::default() };
            let with = plan(&wanted, &living, &with, occasion);
            let without = plan(&wanted, &living, &Obstacles::default(), occasion);
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
