//! Mistakes and findings as failures of a verb: whole diagnostics, with the lines they speak of.

use std::collections::BTreeSet;

use super::outcome::{Failure, Told};
use super::quotes::{Quotes, from_here};
use super::target::Target;
use super::terminal::stderr_look;
use crate::collision::codes::Code;
use crate::collision::finding::Finding;
use crate::daemon::load::LoadError;
use crate::daemon::survey;
use crate::plane::PlaneName;
use crate::render::diagnostic::{Report, render_all};
use crate::render::findings::findings;
use crate::render::sources::Sources;
use crate::wire::{Ask, Refusal};

/// A manifest that does not hold.
pub fn manifest(error: &LoadError) -> Failure {
    Failure::Manifest { text: mistakes(error), findings: error.findings() }
}

/// A manifest that does not hold, where nobody is left who would know what it meant when it did.
pub fn manifest_alone(error: &LoadError, target: &Target) -> Failure {
    let text = format!(
        "{}\nnote: neither supervisor nor keeper answers in {}, so nobody tells with what its planes were started\n hint: mend \
         the manifest first; `gateward check` shows whether it holds\n",
        mistakes(error),
        target.applied.run_dir.display()
    );
    Failure::Manifest { text, findings: error.findings() }
}

/// Every mistake as a whole diagnostic, with the lines that it is about.
fn mistakes(error: &LoadError) -> String {
    let mut sources = Sources::new();
    if let (Some(path), Some(text)) = (&error.manifest, &error.source) {
        sources.insert(path, text);
    }
    let sources = from_here(sources);
    let look = stderr_look();
    let reports: Vec<Report> = error.mistakes.iter().map(Report::of_mistake).collect();
    render_all(&reports, &sources, look.colour, look.width.unwrap_or(0))
}

/// The error findings that stand against any of `planes` and were not allowed by their code.
pub fn standing<'a>(found: &'a [Finding], planes: &[PlaneName], allow: &[String]) -> Vec<&'a Finding> {
    let blocks = |finding: &Finding| planes.iter().any(|plane| finding.blocks(plane));
    found.iter().filter(|one| blocks(one) && !allow.contains(&one.code)).collect()
}

/// The findings as `check` shows them.
pub fn shown(standing: &[&Finding], target: &Target) -> String {
    let owned: Vec<Finding> = standing.iter().map(|finding| (*finding).clone()).collect();
    match &target.loaded {
        Ok(loaded) => Quotes::of(loaded, &survey::secrets(&loaded.planes)).shown(&owned, stderr_look()),
        Err(_) => findings(&owned, &|_| from_here(Sources::new()), stderr_look()),
    }
}

/// A refusal by a keeper or the daemon, with the findings that it came with.
pub fn turned_down(refusal: Refusal, target: &Target, verb: &str, ask: &Ask) -> Failure {
    let of: Vec<Finding> =
        refusal.findings.iter().filter_map(|value| serde_json::from_value(value.clone()).ok()).collect();
    if of.is_empty() {
        return Failure::Refused(refusal);
    }
    let all: Vec<&Finding> = of.iter().collect();
    Failure::Collision { findings: shown(&all, target), told: refused(&all, verb, ask), of }
}

/// That `verb`, asked for as `ask`, is refused for a plane that the findings stand against.
pub fn refused(standing: &[&Finding], verb: &str, ask: &Ask) -> Told {
    let codes: BTreeSet<&str> = standing.iter().map(|finding| finding.code.as_str()).collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    let stands = if codes.len() == 1 { "stands" } else { "stand" };
    let of_validity = codes.iter().all(|code| Code::of(code).is_some_and(Code::is_of_validity));
    // The gateway's own safe restart cannot be forced.
    let may_force = !matches!(ask, Ask::Restart(restart) if restart.safe);
    let forced = if of_validity && may_force { ", or with `--force`" } else { "" };
    let is_in_vain = codes.iter().any(|code| Code::of(code).is_some_and(Code::is_in_vain));
    let ahead = if is_in_vain {
        ": it could not be started in spite of that".to_owned()
    } else {
        format!(", or go ahead with `{}`{forced}", overriding(&codes, named(ask)))
    };
    Told::new(
        format!("the {verb} is refused, as {} {stands} against it", codes.join(", ")),
        format!("mend it (`gateward check` tells how){ahead}"),
    )
}

/// The codes that an ask allows by name.
fn named(ask: &Ask) -> &[String] {
    match ask {
        Ask::Start(start) => &start.allow,
        Ask::Restart(restart) => &restart.allow,
        _ => &[],
    }
}

/// The words that go ahead in spite of `codes` and of what was `named` already: a config that is known to be wrong is
/// OpenClaw's to refuse as well.
pub fn overriding(codes: &[&str], named: &[String]) -> String {
    let mut all: BTreeSet<&str> = codes.iter().copied().chain(named.iter().map(String::as_str)).collect();
    if all.iter().any(|code| Code::of(code).is_some_and(Code::is_of_validity)) {
        all.insert(Code::ConfigInvalid.as_str());
    }
    all.into_iter().map(|code| format!("--allow {code}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{overriding, refused};
    use crate::collision::codes::Code;
    use crate::collision::finding::Finding;
    use crate::wire::{Ask, Restart};

    #[test]
    fn a_safe_restart_is_not_said_to_go_ahead_by_force() {
        let invalid = Finding::new(Code::ConfigInvalid, Vec::new(), "config");
        let hint = |safe| refused(&[&invalid], "restart", &Ask::Restart(Restart { safe, ..Restart::default() })).hint;
        assert!(
            hint(false).ends_with(", or go ahead with `--allow config-invalid`, or with `--force`"),
            "{}",
            hint(false)
        );
        assert!(hint(true).ends_with(", or go ahead with `--allow config-invalid`"), "{}", hint(true));
    }

    #[test]
    fn what_is_to_be_allowed_is_all_that_the_next_try_needs() {
        assert_eq!(overriding(&["port-pinned-twice"], &[]), "--allow port-pinned-twice");
        let named = ["log-file-shared".to_owned()];
        assert_eq!(overriding(&["port-pinned-twice"], &named), "--allow log-file-shared --allow port-pinned-twice");
        // What is no config is refused by OpenClaw next.
        assert_eq!(overriding(&["config-syntax"], &[]), "--allow config-invalid --allow config-syntax");
    }
}
