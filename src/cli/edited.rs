//! Planes whose definition was edited and not applied yet, told before a verb starts them as they were.
//!
//! A warning only: the keeper holds what was applied, and goes by that until `reload`.

use super::ask;
use super::target::Target;
use super::terminal::say;
use crate::daemon::load::Loaded;
use crate::daemon::seal;
use crate::manifest::given::Whose;
use crate::plane::{Plane, PlaneName};
use crate::wire::{Answer, Ask};

/// Says of which of `planes` the keeper holds another definition than the manifest, as the supervisor understands it.
pub fn warn(target: &Target, loaded: &Loaded, planes: &[PlaneName], verb: &str) {
    // What is passed is part of a definition; in a shell it may be another value than the supervisor's.
    let is_known = |plane: &&Plane| plane.passed.is_empty() || seal::whose() == Whose::Supervisor;
    let written: Vec<&Plane> = planes.iter().filter_map(|name| loaded.planes.get(name)).filter(is_known).collect();
    let questions = written.iter().map(|plane| (target.keeper(&plane.name), Ask::Status)).collect();
    // Who does not answer now is told of by the verb itself.
    let Ok(answers) = ask::all(questions, ask::BUDGET) else { return };
    let mut edited = Vec::new();
    for (plane, answer) in written.into_iter().zip(answers) {
        if let Ok(Answer::Plane(status)) = answer
            && !status.definition.is_empty()
            && status.definition != seal::definition(plane)
        {
            edited.push(plane.name.as_str());
        }
    }
    if !edited.is_empty() {
        say(&format!(
            "warning: the {verb} of {} goes by the manifest as it was last applied; it was edited since\n hint: `gateward \
             reload` applies it, `gateward reload --dry-run` shows what that does\n",
            edited.join(", ")
        ));
    }
}
