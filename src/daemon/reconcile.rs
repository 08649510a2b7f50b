//! Applies a plan: starts keepers in their order, hands over new definitions, lets keepers go.
//!
//! Decides nothing that `plan` has not decided; a plane that is left is not touched.

use std::collections::{BTreeMap, BTreeSet};

use super::core::{Daemon, refused};
use super::follow::{Meeting, follow};
use super::input::Input;
use super::keepers;
use super::seal;
use crate::collision::finding::{Finding, Severity};
use crate::plan::{self, Living, Occasion, Standing, Step, Wanted};
use crate::plane::{PlaneName, Sealed};
use crate::wire::{self, Answer, Ask, PlaneStatus, RefusalKind, State};

impl Daemon {
    /// What is to be done about the planes now in force.
    pub(super) fn plan(&self, occasion: Occasion, allow: &[String]) -> BTreeMap<PlaneName, Step> {
        let wanted: Vec<Wanted> = self
            .planes
            .planes
            .iter()
            .map(|(plane, _)| Wanted { name: plane.name.clone(), definition: seal::definition(plane) })
            .collect();
        let living: Vec<Living> = self
            .seen
            .values()
            .map(|status| Living { name: status.name.clone(), definition: status.definition.clone() })
            .collect();
        plan::plan(&wanted, &living, &concerned(&self.findings, allow), occasion)
    }

    /// Does it. Starts are queued in manifest order, behind the planes that they come `after`.
    pub(super) fn apply(&mut self, steps: &BTreeMap<PlaneName, Step>) {
        for (name, step) in steps {
            match step {
                Step::Start | Step::Leave | Step::Pending | Step::Blocked => {}
                Step::Replace => self.replace(name),
                Step::Stop => self.retire(name.clone()),
            }
        }
        for (plane, _) in &self.planes.planes {
            let queued = self.pending.iter().any(|(name, _)| *name == plane.name);
            if steps.get(&plane.name) == Some(&Step::Start) && !queued {
                self.pending.push((plane.name.clone(), plane.after.clone()));
            }
        }
        self.start_due();
    }

    /// Starts those whose turn has come; with a stagger, one at a time.
    pub(super) fn start_due(&mut self) {
        if self.staggering {
            return;
        }
        for name in plan::due(&self.pending, &self.standing()) {
            self.pending.retain(|(pending, _)| *pending != name);
            self.keep(&name);
            let stagger = self.planes.supervisor.stagger;
            if !stagger.is_zero() && !self.pending.is_empty() {
                self.staggering = true;
                let inputs = self.inputs.clone();
                tokio::task::spawn_local(async move {
                    tokio::time::sleep(stagger).await;
                    let _ = inputs.send(Input::Staggered);
                });
                return;
            }
        }
    }

    /// A plane that is up and ready, or will not come further by itself, holds nobody.
    fn standing(&self) -> BTreeMap<PlaneName, Standing> {
        let known = self.planes.planes.iter().map(|(plane, _)| {
            let standing = match self.seen.get(&plane.name) {
                Some(status) if settled(status) => Standing::Settled,
                Some(_) => Standing::Coming,
                None if self.keeping.contains(&plane.name) => Standing::Coming,
                None => Standing::Settled,
            };
            (plane.name.clone(), standing)
        });
        known.collect()
    }

    /// Sees that the plane has a keeper. One that died is given back what it had; a new one what the manifest says.
    pub(super) fn keep(&mut self, name: &PlaneName) {
        if self.keeping.contains(name) {
            return;
        }
        let sealed = match self.applied.get(name) {
            Some(sealed) => Ok(sealed.clone()),
            None => match self.seal(name) {
                Some(sealed) => sealed,
                None => return,
            },
        };
        let started = sealed.map_err(|error| format!("{error}; {}", error.hint)).and_then(|sealed| {
            let announcement = self.keepers.start(&sealed).map_err(|error| error.to_string())?;
            Ok((sealed, announcement))
        });
        match started {
            Ok((sealed, announcement)) => {
                self.troubles.remove(name);
                self.applied.insert(name.clone(), sealed);
                self.listen(name.clone(), Meeting::Begun(announcement));
            }
            Err(error) => {
                self.voice.say(&format!("{name}: no keeper could be started: {error}"));
                self.note(Some(name), "keeper-failed", &error, "left", "until the next reload or start");
                self.troubles.insert(name.clone(), error);
            }
        }
    }

    fn seal(&self, name: &PlaneName) -> Option<Result<Sealed, seal::SealError>> {
        let plane = self.planes.get(name)?;
        Some(seal::seal(plane, &self.planes.supervisor, &self.id, &self.own))
    }

    /// With what the plane is, or would be, started.
    pub(super) fn sealed(&self, name: &PlaneName) -> Answer {
        let hint = "`gateward check` says more";
        match self.applied.get(name).cloned().map(Ok).or_else(|| self.seal(name)) {
            Some(Ok(sealed)) => Answer::Sealed(Box::new(sealed)),
            Some(Err(error)) => refused(RefusalKind::Failed, error.message, &error.hint),
            None => refused(RefusalKind::NoSuchPlane, format!("there is no plane `{name}`"), hint),
        }
    }

    /// Follows a keeper.
    pub(super) fn listen(&mut self, name: PlaneName, meeting: Meeting) {
        self.keeping.insert(name.clone());
        let run_dir = self.planes.supervisor.run_dir.clone();
        tokio::task::spawn_local(follow(run_dir, name, meeting, self.inputs.clone()));
    }

    fn replace(&mut self, name: &PlaneName) {
        match self.seal(name) {
            Some(Ok(sealed)) => {
                self.applied.insert(name.clone(), sealed.clone());
                self.tell(name.clone(), Ask::Replace { sealed: Box::new(sealed), at_next_start: false });
            }
            Some(Err(error)) => {
                self.voice.say(&format!("{name}: not replaced: {error}; {}", error.hint));
                self.troubles.insert(name.clone(), error.message);
            }
            None => {}
        }
    }

    /// Stops a plane and lets its keeper go.
    pub(super) fn retire(&mut self, name: PlaneName) {
        self.leaving.insert(name.clone());
        self.applied.remove(&name);
        self.pending.retain(|(pending, _)| *pending != name);
        self.tell(name, Ask::Retire(wire::Stop::default()));
    }

    /// Asks a keeper; its answer comes back to the loop.
    pub(super) fn tell(&self, plane: PlaneName, ask: Ask) {
        let run_dir = self.planes.supervisor.run_dir.clone();
        let inputs = self.inputs.clone();
        tokio::task::spawn_local(async move {
            let heard = match keepers::ask(&run_dir, &plane, ask).await {
                Ok(Answer::Refused(refusal)) => {
                    Input::Answered { plane, refusal: Some(format!("{}; {}", refusal.message, refusal.hint)) }
                }
                Ok(_) => Input::Answered { plane, refusal: None },
                Err(error) if error.is_nobody() => Input::Answered { plane, refusal: Some(error.to_string()) },
                Err(error) => Input::Unanswered { plane, error: error.to_string() },
            };
            let _ = inputs.send(heard);
        });
    }
}

fn settled(status: &PlaneStatus) -> bool {
    match status.state {
        State::Up => status.ready,
        State::Stopped | State::Parked | State::Backoff | State::Unknown => true,
        State::Starting | State::Stopping => false,
    }
}

/// The planes that an error finding concerns, but for findings that are allowed by code.
pub fn concerned(findings: &[Finding], allow: &[String]) -> BTreeSet<PlaneName> {
    findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error && !allow.contains(&finding.code))
        .flat_map(|finding| finding.planes.iter().cloned())
        .collect()
}

/// The wire's form of a plan.
pub fn spoken(steps: &BTreeMap<PlaneName, Step>) -> wire::Plan {
    let of = |wanted: Step| steps.iter().filter(|(_, step)| **step == wanted).map(|(name, _)| name.clone()).collect();
    wire::Plan {
        start: of(Step::Start),
        stop: of(Step::Stop),
        replace: of(Step::Replace),
        leave: steps
            .iter()
            .filter(|(_, step)| matches!(step, Step::Leave | Step::Pending))
            .map(|(name, _)| name.clone())
            .collect(),
        blocked: of(Step::Blocked),
    }
}
