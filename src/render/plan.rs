//! What a reload does, or would do, to each plane.

use crate::plane::PlaneName;
use crate::render::text::{Look, Tone, columns, labelled};
use crate::wire::Plan;

/// Whether the plan has been carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// `--dry-run`.
    Would,
    /// It is being done.
    Does,
}

/// One line for each kind of thing that happens.
/// `at_rest` are those of the replaced that an operator has stopped: nothing of them is there to be replaced.
pub fn plan(plan: &Plan, at_rest: &[PlaneName], mood: Mood, look: Look) -> String {
    let Plan { start, stop, replace, leave, blocked, findings: _ } = plan;
    let (taken, replace): (Vec<_>, Vec<_>) = replace.iter().cloned().partition(|name| at_rest.contains(name));
    let verbs = match mood {
        Mood::Would => ["would start", "would stop", "would replace", "would take", "would leave", "blocked"],
        Mood::Does => ["started", "stopping", "replacing", "taken", "left alone", "blocked"],
    };
    let tones = [Tone::Good, Tone::Doubt, Tone::Moving, Tone::Faint, Tone::Faint, Tone::Bad];
    let said = ["", "", "", ": stopped, for its next start", "", ""];
    let margin = verbs.iter().map(|verb| columns(verb)).max().unwrap_or(0) + 2;
    let mut out = String::new();
    let lists = [start, stop, &replace, &taken, leave, blocked];
    for (((verb, tone), said), planes) in verbs.iter().zip(tones).zip(said).zip(lists) {
        if !planes.is_empty() {
            let names: Vec<&str> = planes.iter().map(PlaneName::as_str).collect();
            out.push_str(&labelled(verb, tone, &format!("{}{said}", names.join(", ")), margin, look));
        }
    }
    if out.is_empty() { "there is no plane to do anything with\n".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plane_stands_in_its_line() {
        let names = |names: &[&str]| names.iter().filter_map(|name| PlaneName::new(name).ok()).collect::<Vec<_>>();
        let all = Plan {
            start: names(&["lab"]),
            stop: names(&["old"]),
            replace: names(&["main", "ops"]),
            leave: names(&["rescue"]),
            blocked: names(&["staging"]),
            findings: Vec::new(),
        };
        let text = "would start    lab\nwould stop     old\nwould replace  main, ops\nwould leave    rescue\nblocked        staging\n";
        assert_eq!(plan(&all, &[], Mood::Would, Look::PLAIN), text);
        let text = "started     lab\nstopping    old\nreplacing   main\ntaken       ops: stopped, for its next start\nleft alone  rescue\nblocked     staging\n";
        assert_eq!(plan(&all, &names(&["ops"]), Mood::Does, Look::PLAIN), text);
        let none = Plan::default();
        assert_eq!(plan(&none, &[], Mood::Does, Look::PLAIN), "there is no plane to do anything with\n");
    }
}
