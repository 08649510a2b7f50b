//! Planes whose definition, as the manifest has it now, cannot be given to a keeper: their program is not there.
//!
//! Looks programs up, and changes nothing: what lives is left alive by what it has.

use std::collections::BTreeMap;

use super::core::Daemon;
use super::seal::{self, SealError};
use crate::collision::codes::Code;
use crate::collision::finding::{Finding, Severity};
use crate::plan::Step;
use crate::plane::{Launch, Plane, PlaneName};

/// Those of a plan that cannot be carried out, with what stands against each.
pub(super) type Unsealable = BTreeMap<PlaneName, Finding>;

impl Daemon {
    /// Takes the changes of `steps` that no keeper could be given out of them, before any place is made for them.
    pub(super) fn block_unsealable(&self, steps: &mut BTreeMap<PlaneName, Step>) -> Unsealable {
        let mut found = Unsealable::new();
        for (name, step) in steps {
            let is_change = match step {
                Step::Replace | Step::Move => true,
                // One that has no keeper is tried again until its program is there.
                Step::Start | Step::Stop | Step::Leave | Step::Pending | Step::Blocked => false,
            };
            if let Some(finding) = self.unsealable(name).filter(|_| is_change) {
                *step = Step::Blocked;
                found.insert(name.clone(), finding);
            }
        }
        found
    }

    /// Why the plane, as the manifest has it now, cannot be given to a keeper.
    pub(super) fn unsealable(&self, name: &PlaneName) -> Option<Finding> {
        let plane = self.planes.get(name)?;
        let error = seal::program_of(plane, &self.own).err()?;
        Some(self.against_sealing(plane, error))
    }

    /// That a plane differs from the manifest, and what is to be done about it.
    pub(super) fn pending_because(&self, name: &PlaneName) -> String {
        match (self.planes.get(name), self.unsealable(name)) {
            (None, _) => "is no longer in the manifest; `gateward reload` applies that".to_owned(),
            (Some(_), None) => "differs from the manifest; `gateward reload` applies that".to_owned(),
            (Some(_), Some(against)) => {
                format!("differs from the manifest, and cannot become that: {}; {}", against.message, against.hint)
            }
        }
    }

    /// Tells that they were asked for and left.
    pub(super) fn note_unsealable(&mut self, found: &Unsealable) {
        for (name, finding) in found {
            self.voice.say(&format!("{name}: not replaced: {}; {}", finding.message, finding.hint));
            let saw = format!("{}: {}", finding.code, finding.message);
            self.note(Some(name), "blocked", &saw, "its change is not applied", &finding.hint);
        }
    }

    /// The same as a finding: that of the proof, with its place, where the proof has it.
    fn against_sealing(&self, plane: &Plane, error: SealError) -> Finding {
        let code = match plane.launch {
            Launch::Command(_) => Code::ProgramMissing,
            Launch::Runtime { .. } | Launch::OnPath | Launch::Practice => Code::RuntimeMissing,
        };
        let is_it = |one: &&Finding| one.code == code.as_str() && one.planes.contains(&plane.name);
        let proved = self.findings.iter().find(is_it).cloned();
        let finding = proved.unwrap_or_else(|| Finding::new(code, vec![plane.name.clone()], "program"));
        let (planes, hint) = (vec![plane.name.clone()], format!("{}, then `gateward reload`", error.hint));
        Finding { severity: Severity::Error, planes, message: error.message, hint, ..finding }
    }
}
