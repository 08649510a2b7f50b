//! Applies a plan: starts keepers in their order, hands over new definitions, lets keepers go.
//!
//! Decides nothing that `plan` has not decided; a plane that is left is not touched.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::core::{Daemon, refused};
use super::follow::{Meeting, follow};
use super::input::Input;
use super::orders::Change;
use super::seal;
use crate::collision::codes::Code;
use crate::collision::finding::{Finding, Severity};
use crate::collision::held::holders;
use crate::openclaw::environment;
use crate::os::lock::held;
use crate::os::{process, sweep};
use crate::plan::{self, Living, Obstacles, Occasion, Standing, Step, Wanted};
use crate::plane::{Brief, PlaneName, Planes, Sealed};
use crate::rundir::{PlaneDir, Word};
use crate::wants::Wants;
use crate::wire::{self, Answer, PlaneStatus, RefusalKind, State};

/// How soon it is looked again whether anything is left of a plane whose keeper was killed.
const LEFT_AGAIN: Duration = Duration::from_secs(1);

impl Daemon {
    /// What is to be done about the planes now in force.
    pub(super) fn plan(&self, occasion: Occasion, allow: &[String]) -> BTreeMap<PlaneName, Step> {
        let wanted: Vec<Wanted> = self
            .planes
            .planes
            .iter()
            .map(|(plane, _)| Wanted { name: plane.name.clone(), definition: seal::definition(plane) })
            .collect();
        let heard = self.seen.values().map(|status| (&status.name, &status.definition));
        // A keeper that has only just begun holds what it was given.
        let begun =
            self.applied.iter().filter(|(name, _)| self.keeping.contains(*name) && !self.seen.contains_key(*name));
        let begun = begun.map(|(name, sealed)| (name, &sealed.definition));
        let living =
            heard.chain(begun).map(|(name, definition)| Living { name: name.clone(), definition: definition.clone() });
        plan::plan(&wanted, &living.collect::<Vec<_>>(), &self.obstacles(occasion, allow), occasion)
    }

    /// What stands in the way of a change. Of what is only on the host at the moment, a start of our own accord leaves to the
    /// keeper what that waits for by itself; who asks is told.
    pub(super) fn obstacles(&self, occasion: Occasion, allow: &[String]) -> Obstacles {
        let by_host = |finding: &&Finding| match occasion {
            Occasion::Reload => true,
            Occasion::Greet => !Code::of(&finding.code).is_some_and(Code::is_waited_for),
        };
        let said = self.findings.iter().filter(|finding| finding.living.is_empty());
        let blocking = said.chain(self.host.iter().filter(by_host));
        Obstacles {
            blocked: concerned(blocking, allow),
            holders: holders(&self.findings, allow),
            going: self.leaving.clone(),
        }
    }

    /// Does it. Starts are queued in manifest order, behind the planes that they come `after`, and behind the end of those
    /// whose place they take.
    pub(super) fn apply(&mut self, steps: &BTreeMap<PlaneName, Step>, obstacles: &Obstacles) {
        for (name, step) in steps {
            match step {
                Step::Start | Step::Leave | Step::Pending | Step::Blocked => {}
                Step::Replace => self.replace(name),
                Step::Move | Step::Stop => self.retire(name.clone()),
            }
        }
        self.pending.retain(|(name, _)| matches!(steps.get(name), Some(Step::Start | Step::Move)));
        for (plane, _) in &self.planes.planes {
            let Some(step @ (Step::Start | Step::Move)) = steps.get(&plane.name) else { continue };
            let mut before = obstacles.before(&plane.name, *step);
            before.retain(|holder| self.keeping.contains(holder));
            self.waiting.insert(plane.name.clone(), before);
            if !self.pending.iter().any(|(name, _)| *name == plane.name) {
                self.pending.push((plane.name.clone(), plane.after.clone()));
            }
        }
        self.bound_all();
        self.waiting
            .retain(|name, before| !before.is_empty() && self.pending.iter().any(|(pending, _)| pending == name));
        self.start_due();
    }

    /// A plane has ended and its keeper has left: those who wait for its place may have it, once nothing of it is left. A
    /// keeper proves that before it leaves, but one that was killed on the way proves nothing.
    pub(super) fn freed(&mut self, plane: PlaneName) {
        if !self.waiting.values().any(|before| before.contains(&plane)) {
            return;
        }
        let cookie = format!("{}={}", environment::COOKIE, environment::cookie_prefix(&self.id, plane.as_str()));
        let left = sweep::find(cookie.as_bytes()).unwrap_or_default();
        if !left.is_empty() {
            tracing::info!(%plane, count = left.len(), "something of it is left; whoever takes its place waits");
            let inputs = self.inputs.clone();
            tokio::task::spawn_local(async move {
                tokio::time::sleep(LEFT_AGAIN).await;
                let _ = inputs.send(Input::Left { plane });
            });
            return;
        }
        for before in self.waiting.values_mut() {
            before.remove(&plane);
        }
        self.start_due();
    }

    /// What the operator wanted of a plane that is no longer in the manifest: written there again, it is another one, and its plan
    /// says `start`.
    pub(super) fn forget(&self, plane: &PlaneName) {
        if let Err(error) = self.wants(plane).forget() {
            tracing::warn!(%plane, %error, "what the operator wanted of it is still written");
        }
    }

    fn wants(&self, plane: &PlaneName) -> Wants {
        let supervisor = &self.planes.supervisor;
        let boot = process::boot_id().unwrap_or_default();
        Wants::of(&supervisor.run_dir, &PlaneDir::new(supervisor, plane), plane, boot)
    }

    /// Sees that there is a bound to the wait for every plane that has its keeper already and is not as far as it comes.
    fn bound_all(&mut self) {
        let awaited: BTreeSet<PlaneName> = self.pending.iter().flat_map(|(_, after)| after.iter().cloned()).collect();
        let is_coming = |name: &PlaneName| self.keeping.contains(name);
        let is_bounded = |name: &PlaneName| self.bounds.get(name).is_some_and(|bound| !bound.is_finished());
        let free: Vec<PlaneName> = awaited.into_iter().filter(|name| is_coming(name) && !is_bounded(name)).collect();
        free.iter().for_each(|name| self.bound(name));
    }

    /// Nobody waits longer for a plane, from its own start on, than that plane may be starting without any progress.
    fn bound(&mut self, awaited: &PlaneName) {
        if let Some(before) = self.bounds.remove(awaited) {
            before.abort();
        }
        let is_awaited = self.pending.iter().any(|(_, after)| after.contains(awaited));
        let Some(plane) = self.planes.get(awaited).filter(|_| is_awaited) else { return };
        let (most, plane, inputs) = (plane.health.startup, awaited.clone(), self.inputs.clone());
        let bound = tokio::task::spawn_local(async move {
            tokio::time::sleep(most).await;
            // The loop is gone only when the daemon leaves.
            let _ = inputs.send(Input::Overdue { plane });
        });
        self.bounds.insert(awaited.clone(), bound);
    }

    /// Lets nobody wait any longer for a plane that had its time.
    pub(super) fn overdue(&mut self, late: &PlaneName) {
        let is_coming = self.standing().get(late) == Some(&plan::Standing::Coming);
        let mut freed = Vec::new();
        for (name, after) in self.pending.iter_mut().filter(|(_, after)| is_coming && after.contains(late)) {
            after.retain(|awaited| awaited != late);
            freed.push(name.clone());
        }
        for name in freed {
            let saw = format!("{late} did not become ready within health.startup");
            self.voice.say(&format!("{name}: {saw}; it is started all the same"));
            self.note(Some(&name), "overdue", &saw, "start", &format!("it waits for {late} no more"));
        }
        self.start_due();
    }

    /// Starts those whose turn has come; with a stagger, one at a time.
    pub(super) fn start_due(&mut self) {
        if self.staggering {
            return;
        }
        let due = plan::due(&self.pending, &self.standing());
        let is_free = |name: &PlaneName| self.waiting.get(name).is_none_or(BTreeSet::is_empty);
        let due: Vec<PlaneName> = due.into_iter().filter(is_free).collect();
        let found_empty = if due.len() > 1 { self.found_empty(&due) } else { None };
        for name in due {
            self.pending.retain(|(pending, _)| *pending != name);
            let starts = self.starts_by_itself(&name);
            self.keep_as_found(&name, found_empty);
            self.bound(&name);
            let stagger = self.planes.supervisor.stagger;
            if starts && !stagger.is_zero() && !self.pending.is_empty() {
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

    /// Whether its keeper will start it, and not only keep it: what an operator wanted last goes before `autostart`.
    fn starts_by_itself(&self, name: &PlaneName) -> bool {
        match self.wants(name).last() {
            Some(word) => word == Word::Up,
            None => self.planes.get(name).is_some_and(|plane| plane.autostart),
        }
    }

    /// When nothing of any of these planes was on the host, if that is so: no keeper at work, and nobody who bears a cookie of
    /// ours. One look for all of them; each new keeper would take one of its own, at every process of the host. We alone start
    /// keepers, so that nothing of a plane can begin from here to the start of its keeper.
    fn found_empty(&self, names: &[PlaneName]) -> Option<Duration> {
        let supervisor = &self.planes.supervisor;
        let is_kept = |name| held(&PlaneDir::new(supervisor, name).keeper_lock()).unwrap_or(true);
        let at = process::since_boot();
        let cookies = format!("{}={}", environment::COOKIE, environment::cookies_prefix(&self.id));
        let is_empty = !names.iter().any(is_kept) && sweep::is_borne_by_nobody(cookies.as_bytes()).unwrap_or(false);
        is_empty.then_some(at)
    }

    /// A plane that is up and ready, or will not come further by itself, holds nobody.
    pub(super) fn standing(&self) -> BTreeMap<PlaneName, Standing> {
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
        self.keep_as_found(name, None);
    }

    fn keep_as_found(&mut self, name: &PlaneName, found_empty: Option<Duration>) {
        if self.keeping.contains(name) || self.down.is_some() {
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
            let (rests, ended_before) = (self.resting.contains(name), self.ended.get(name).cloned());
            let brief = Brief { sealed, found_empty, ended_before, rests };
            let announcement = self.keepers.start(&brief).map_err(|error| error.to_string())?;
            // Of a keeper that could not be started, the next one has still to be told.
            self.resting.remove(name);
            self.ended.remove(name);
            Ok((brief.sealed, announcement))
        });
        match started {
            Ok((sealed, announcement)) => {
                self.troubles.remove(name);
                self.applied.insert(name.clone(), sealed);
                self.listen(name.clone(), Meeting::Begun(announcement));
            }
            Err(error) => {
                let wait = self.again_later(name);
                // Said once, however often it is tried.
                if self.troubles.get(name) != Some(&error) {
                    self.voice.say(&format!("{name}: no keeper could be started: {error}"));
                    let follows = format!("the first try in {:.1} s, later ones ever more slowly", wait.as_secs_f64());
                    self.note(Some(name), "keeper-failed", &error, "try again", &follows);
                }
                self.troubles.insert(name.clone(), error);
            }
        }
    }

    /// Whether a plane that cannot be given a keeper is kept down without one: it has none, and what is wanted is written.
    pub(super) fn is_kept_down(&mut self, name: &PlaneName) -> bool {
        if self.keeping.contains(name) || self.applied.contains_key(name) || !matches!(self.seal(name), Some(Err(_))) {
            return false;
        }
        match self.wants(name).say(Word::Down) {
            Ok(()) => {
                self.resting.remove(name);
                self.troubles.remove(name);
                self.note(Some(name), "asked", "stop", "kept down", "it has no keeper, and can be given none");
                true
            }
            Err(error) => {
                tracing::warn!(%error, plane = %name, "what the operator wants cannot be written");
                false
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
        let folder = PlaneDir::new(&self.planes.supervisor, &name);
        tokio::task::spawn_local(follow(run_dir, folder, name, meeting, self.inputs.clone()));
    }

    fn replace(&mut self, name: &PlaneName) {
        match self.seal(name) {
            // A keeper that is told twice would restart its plane twice.
            Some(Ok(sealed)) if self.is_ordered(name, &sealed.definition) => {}
            Some(Ok(sealed)) => {
                self.applied.insert(name.clone(), sealed.clone());
                self.order(name.clone(), Change::Replace(Box::new(sealed)));
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
        self.order(name, Change::Retire(wire::Stop::default()));
    }
}

/// Up and ready, or as far as it comes by itself: also up and saying what it lacks, and past its first attempt.
fn settled(status: &PlaneStatus) -> bool {
    match status.state {
        State::Up => status.ready || !status.failing.is_empty(),
        State::Stopped | State::Stopping | State::Parked | State::Backoff | State::Unknown => true,
        State::Starting => status.restarts > 0,
    }
}

/// The planes against which an error among `findings` stands, but for those that are allowed by code.
fn concerned<'a>(findings: impl Iterator<Item = &'a Finding>, allow: &[String]) -> BTreeSet<PlaneName> {
    findings
        .filter(|finding| finding.severity == Severity::Error && !allow.contains(&finding.code))
        .flat_map(|finding| finding.planes.iter().cloned())
        .collect()
}

/// The wire's form of a plan. A plane that is given a keeper and not started by itself is left as it is, to an operator.
pub fn spoken(steps: &BTreeMap<PlaneName, Step>, planes: &Planes) -> wire::Plan {
    let mut plan = wire::Plan::default();
    for (name, step) in steps {
        let rests = planes.get(name).is_some_and(|plane| !plane.autostart);
        let list = match step {
            Step::Start if rests => &mut plan.leave,
            Step::Start => &mut plan.start,
            Step::Stop => &mut plan.stop,
            Step::Replace | Step::Move => &mut plan.replace,
            Step::Leave | Step::Pending => &mut plan.leave,
            Step::Blocked => &mut plan.blocked,
        };
        list.push(name.clone());
    }
    plan
}
