//! The order of starts: who waits for whom, and whether anybody waits for himself.

use std::collections::BTreeMap;

use crate::manifest::error::{Code, Mistake};
use crate::manifest::keys::At;
use crate::manifest::suggest;
use crate::plane::{Place, PlaneName};

/// A plane's name with what it waits for.
pub type Wait<'a> = (&'a At<PlaneName>, &'a [At<PlaneName>]);

/// Names that are not there; only where every plane could be read.
pub fn unknown(waits: &[Wait<'_>]) -> Vec<Mistake> {
    let known: Vec<&str> = waits.iter().map(|(name, _)| name.value.as_str()).collect();
    let mut mistakes = Vec::new();
    for (plane, after) in waits {
        for name in after.iter().filter(|name| !known.contains(&name.value.as_str())) {
            let others = known.iter().copied().filter(|other| *other != plane.value.as_str());
            let hint = match suggest::nearest(name.value.as_str(), others) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write a plane that the manifest has, or take `{}` out", name.value),
            };
            let message = format!("`after` waits for `{}`, and no plane is called so", name.value);
            let mistake = Mistake::new(Code::AfterUnknown, message, hint).at(name.place.clone(), "no such plane");
            mistakes.push(mistake.about(format!("planes.{}.after", plane.value)));
        }
    }
    mistakes
}

/// So many circles are told of planes that all wait for one another; with fewer mended, the rest shows.
const CIRCLES: usize = 8;

/// Every circle, told once, at the plane in it that is written first.
pub fn cycles(waits: &[Wait<'_>]) -> Vec<Mistake> {
    let index: BTreeMap<&str, usize> =
        waits.iter().enumerate().map(|(index, (name, _))| (name.value.as_str(), index)).collect();
    let own = |(plane, (name, after)): (usize, &Wait<'_>)| {
        let itself = after.iter().find(|wait| wait.value == name.value)?;
        Some(told(&[(plane, itself.place.clone())], waits))
    };
    let mut mistakes: Vec<Mistake> = waits.iter().enumerate().filter_map(own).collect();
    let mut done = vec![false; waits.len()];
    for start in 0..waits.len() {
        mistakes.extend(circles_from(start, waits, &index, &mut done).iter().map(|circle| told(circle, waits)));
    }
    mistakes
}

/// Walks from `start` until everything behind it is done; the circles met, as steps (plane, place of its wait).
fn circles_from(
    start: usize,
    waits: &[Wait<'_>],
    index: &BTreeMap<&str, usize>,
    done: &mut [bool],
) -> Vec<Vec<(usize, Place)>> {
    let mut found = Vec::new();
    if done[start] {
        return found;
    }
    // Each step: a plane, and how many of its waits have been followed. No recursion: a chain may be long.
    let mut path: Vec<(usize, usize)> = vec![(start, 0)];
    while let Some((at, followed)) = path.last_mut() {
        let plane = *at;
        let Some(wait) = waits[plane].1.get(*followed) else {
            done[plane] = true;
            path.pop();
            continue;
        };
        *followed += 1;
        let Some(&next) = index.get(wait.value.as_str()).filter(|next| **next != plane) else {
            continue;
        };
        if let Some(from) = path.iter().position(|(plane, _)| *plane == next) {
            if found.len() < CIRCLES {
                let step = |&(plane, followed): &(usize, usize)| (plane, waits[plane].1[followed - 1].place.clone());
                found.push(path[from..].iter().map(step).collect());
            }
        } else if !done[next] {
            path.push((next, 0));
        }
    }
    found
}

fn told(circle: &[(usize, Place)], waits: &[Wait<'_>]) -> Mistake {
    // Begin with the plane that is written first, so that the same circle reads the same from wherever it was found.
    let first = circle.iter().enumerate().min_by_key(|(_, (plane, _))| *plane).map_or(0, |(at, _)| at);
    let turned: Vec<&(usize, Place)> = circle[first..].iter().chain(&circle[..first]).collect();
    let name = |step: &(usize, Place)| waits[step.0].0.value.as_str();
    let about = format!("planes.{}.after", name(turned[0]));
    if let [only] = turned.as_slice() {
        let message = format!("`{}` waits for itself", name(only));
        let hint = format!("take `{}` out of its own `after`", name(only));
        return Mistake::new(Code::AfterCycle, message, hint).at(only.1.clone(), "itself").about(about);
    }
    let names: Vec<&str> = turned.iter().map(|step| name(step)).chain([name(turned[0])]).collect();
    let message = format!("planes wait for one another in a circle: {}", names.join(" → "));
    let mut mistake = Mistake::new(Code::AfterCycle, message, "take one of these waits out").about(about);
    for (number, step) in turned.iter().enumerate() {
        let label = format!("`{}` waits for `{}`", names[number], names[number + 1]);
        mistake =
            if number == 0 { mistake.at(step.1.clone(), label) } else { mistake.also(Some(step.1.clone()), label) };
    }
    mistake
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Wait, cycles, unknown};
    use crate::manifest::keys::At;
    use crate::plane::{Place, PlaneName};

    fn at(name: &str, line: u32) -> At<PlaneName> {
        let place = Place { file: PathBuf::from("/m"), line, column: 1, width: 1 };
        At { value: PlaneName::new(name).unwrap(), place }
    }

    fn messages(graph: &[(&str, &[&str])]) -> Vec<String> {
        let names: Vec<_> = graph.iter().map(|(name, _)| at(name, 1)).collect();
        let afters: Vec<Vec<_>> =
            graph.iter().map(|(_, after)| after.iter().zip(2..).map(|(name, line)| at(name, line)).collect()).collect();
        let waits: Vec<Wait<'_>> = names.iter().zip(&afters).map(|(name, after)| (name, after.as_slice())).collect();
        unknown(&waits).into_iter().chain(cycles(&waits)).map(|mistake| mistake.message).collect()
    }

    #[test]
    fn circles_are_shown_once_and_whole() {
        assert_eq!(messages(&[("a", &["a"])]), ["`a` waits for itself"]);
        assert_eq!(
            messages(&[("a", &["b"]), ("b", &["b", "a"])]),
            ["`b` waits for itself", "planes wait for one another in a circle: a → b → a"]
        );
        assert_eq!(
            messages(&[("x", &["b"]), ("a", &["c", "b"]), ("b", &["a"]), ("c", &[])]),
            ["planes wait for one another in a circle: a → b → a"]
        );
        assert_eq!(
            messages(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"])]),
            ["planes wait for one another in a circle: a → b → c → a"]
        );
        assert_eq!(
            messages(&[("a", &["b", "c"]), ("b", &["a"]), ("c", &["a", "nobody"])]),
            [
                "`after` waits for `nobody`, and no plane is called so",
                "planes wait for one another in a circle: a → b → a",
                "planes wait for one another in a circle: a → c → a"
            ]
        );
        assert_eq!(messages(&[("a", &["b", "b"]), ("b", &[]), ("c", &["a", "b"])]), [""; 0]);
    }

    #[test]
    fn a_long_chain_is_no_deep_recursion() {
        let names: Vec<String> = (0..5000).map(|n| format!("p{n}")).collect();
        let after: Vec<[&str; 1]> = (0..5000).map(|n| [names[(n + 1) % 5000].as_str()]).collect();
        let graph: Vec<(&str, &[&str])> = names.iter().map(String::as_str).zip(after.iter().map(|a| &a[..])).collect();
        assert_eq!(messages(&graph).len(), 1);
    }
}
