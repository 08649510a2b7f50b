//! What the daemon tells of itself: whether the manifest is applied, what differs from it, and what each difference waits for.
//!
//! Changes nothing.

use std::collections::BTreeSet;

use super::core::Daemon;
use super::proving::Stamp;
use crate::collision::finding::{Finding, Severity};
use crate::plan::{self, Occasion, Step};
use crate::plane::PlaneName;
use crate::wire::{Change, ChangeStep, DaemonStatus};

/// The most findings, and the most planes of one, that the state names.
const TOLD: usize = 4;

/// Planes by name, capped and counted.
fn named(planes: &[PlaneName]) -> String {
    let names = planes.iter().take(TOLD).map(PlaneName::as_str).collect::<Vec<_>>().join(", ");
    if planes.len() > TOLD { format!("{names} and {} more", planes.len() - TOLD) } else { names }
}

impl Daemon {
    /// The state as asked for by `status`.
    pub(super) fn status(&self) -> DaemonStatus {
        DaemonStatus {
            pid: std::process::id().cast_signed(),
            version: crate::wire::RELEASE.into(),
            manifest: self.planes.supervisor.manifest.display().to_string(),
            trouble: self.troubled(),
            planes: self.planes.planes.iter().map(|(plane, _)| plane.name.clone()).collect(),
            changes: self.changes(),
            begun: self.begun.clone(),
        }
    }

    fn troubled(&self) -> String {
        if !self.trouble.is_empty() {
            return self.trouble.clone();
        }
        if !self.later.is_empty() {
            let keys = self.later.join(", ");
            return format!(
                "{keys} of [supervisor] changed; that takes effect when every plane is down and the supervisor is started anew"
            );
        }
        // What only waits for the end of another plane is among the changes.
        let errors = self.findings.iter().filter(|one| one.severity == Severity::Error && one.living.is_empty());
        let errors: Vec<&Finding> = errors.chain(&self.refused).collect();
        let told = errors.iter().take(TOLD).map(|one| format!("{} ({})", one.code, named(&one.planes)));
        let mut told = told.collect::<Vec<_>>().join(", ");
        if errors.len() > TOLD {
            told.push_str(&format!(" and {} more", errors.len() - TOLD));
        }
        match errors.len() {
            0 => self.unread(),
            1 => format!("an error finding stands: {told}; see `gateward check`"),
            many => format!("{many} error findings stand: {told}; see `gateward check`"),
        }
    }

    /// That the file was changed and nobody has read it since: edits are watched only where that is wanted and possible.
    fn unread(&self) -> String {
        let now = Stamp::of(&self.planes.supervisor.manifest);
        if self.planes.supervisor.watch || now.is_none() || now == self.read {
            return String::new();
        }
        "the manifest was changed and is not watched (`watch = false`); `gateward reload` applies it".to_owned()
    }

    /// Where what runs differs from the manifest, by plane.
    fn changes(&self) -> Vec<Change> {
        let steps = self.plan(Occasion::Greet, &[]);
        let changes = steps.iter().filter_map(|(name, step)| self.change(name, *step));
        changes.collect()
    }

    fn change(&self, name: &PlaneName, step: Step) -> Option<Change> {
        let lives = self.keeping.contains(name) && !self.leaving.contains(name);
        let kind = match (self.planes.get(name), lives) {
            (None, _) => ChangeStep::Stop,
            (Some(_), true) => ChangeStep::Replace,
            (Some(_), false) => ChangeStep::Start,
        };
        let change = |blocked_by: Vec<String>, why: String| {
            let waits_for = if blocked_by.is_empty() { self.awaits(name) } else { Vec::new() };
            Some(Change { plane: name.clone(), step: kind, blocked_by, why, waits_for })
        };
        match step {
            Step::Leave => None,
            Step::Start | Step::Replace | Step::Move | Step::Stop if lives => None,
            Step::Start | Step::Replace | Step::Move | Step::Stop => change(Vec::new(), self.awaited(name)?),
            // Nobody knows what a manifest says that cannot be read.
            Step::Pending if !self.trouble.is_empty() => None,
            Step::Pending => {
                let by = self.unsealable(name).map(|finding| finding.code);
                change(by.into_iter().collect(), self.pending_because(name))
            }
            Step::Blocked => {
                let against = self.against(name);
                let why = against.first().map(|one| format!("{}; {}", one.message, one.hint)).unwrap_or_default();
                change(codes(&against), why)
            }
        }
    }

    /// What a start that was ordered waits for.
    fn awaited(&self, name: &PlaneName) -> Option<String> {
        if let Some(why) = self.unbegun.get(name) {
            return Some(format!("its keeper could not begin: {why}; tried again by itself"));
        }
        if let Some(trouble) = self.troubles.get(name) {
            return Some(format!("no keeper could be started: {trouble}"));
        }
        let names = self.awaits(name).iter().map(PlaneName::as_str).collect::<Vec<_>>().join(", ");
        if self.ends_first(name).is_some() {
            return Some(format!("starts once {names} has ended as it was"));
        }
        self.pending.iter().find(|(pending, _)| pending == name)?;
        Some(if names.is_empty() {
            "its turn comes".to_owned()
        } else {
            format!("waits until {names} is ready, as it comes after it")
        })
    }

    /// The planes whose end, or else whose start, a start that was ordered waits for.
    fn awaits(&self, name: &PlaneName) -> Vec<PlaneName> {
        if let Some(before) = self.ends_first(name) {
            return before.iter().cloned().collect();
        }
        let Some((_, after)) = self.pending.iter().find(|(pending, _)| pending == name) else { return Vec::new() };
        plan::awaited(after, &self.pending, &self.standing())
    }

    fn ends_first(&self, name: &PlaneName) -> Option<&BTreeSet<PlaneName>> {
        self.waiting.get(name).filter(|before| !before.is_empty())
    }

    /// The errors that stand against a change of this plane, what is written first.
    pub(super) fn against(&self, name: &PlaneName) -> Vec<&Finding> {
        self.findings.iter().chain(&self.host).filter(|one| one.blocks(name)).collect()
    }
}

/// The codes of findings, each once.
pub(super) fn codes(findings: &[&Finding]) -> Vec<String> {
    let codes: BTreeSet<&str> = findings.iter().map(|one| one.code.as_str()).collect();
    codes.into_iter().map(str::to_owned).collect()
}
