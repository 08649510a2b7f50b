//! What follows from a proof: the manifest taken or left, findings told, plans made for whoever asked.
//!
//! Bad news changes nothing that lives.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use super::core::{Daemon, refused};
use super::input::{Facts, Input, Proved, Purpose};
use super::proving::{Stamp, Task};
use super::reconcile::spoken;
use super::report::codes;
use super::survey::held::Held;
use super::watch::Fresh;
use crate::collision::codes::Code;
use crate::collision::finding::Finding;
use crate::plan::{Occasion, Step};
use crate::plane::{PlaneName, Planes};
use crate::socket::Reply;
use crate::wire::{Answer, Plan, Refusal, RefusalKind, Reload};

/// What plans rest on: the planes, what stands against them, and what does on the host.
type Standing = (Planes, Vec<Finding>, Vec<Finding>);

/// The pause before another look at a host that alone kept a plane from starting; it grows to the second.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));

/// The most planes to each of which one finding is told.
const TOLD: usize = 8;

fn differing(planes: usize) -> String {
    if planes == 1 { "1 plane differs".to_owned() } else { format!("{planes} planes differ") }
}

/// On the way down nothing is started or changed any more, whatever the manifest says by now.
fn too_late(purpose: Purpose) {
    match purpose {
        Purpose::Begin | Purpose::Edit | Purpose::Reload(_, None) => {}
        Purpose::Reload(_, Some(reply)) | Purpose::Keep { reply, .. } => reply.answer(refused(
            RefusalKind::Leaving,
            "the supervisor is on its way down".to_owned(),
            "ask again once another one runs",
        )),
    }
}

impl Daemon {
    /// Reads the manifest and proves it, beside the loop.
    pub(super) fn prove(&self, purpose: Purpose) {
        let handed_out = self.applied.iter().filter(|(name, _)| self.keeping.contains(*name));
        let task = Task {
            manifest: self.planes.supervisor.manifest.clone(),
            run_dir: self.planes.supervisor.run_dir.clone(),
            handed_out: handed_out.map(|(_, sealed)| Held::only(sealed.clone())).collect(),
            ordered: self.orders.keys().cloned().collect(),
            number: self.lanes.proofs.get() + 1,
            purpose,
        };
        self.lanes.proofs.set(task.number);
        let lane = if matches!(task.purpose, Purpose::Reload(..)) { &self.lanes.asks } else { &self.lanes.looks };
        let inputs = self.inputs.clone();
        // The loop is gone only when the daemon leaves.
        lane.take(move || drop(inputs.send(task.done())));
    }

    /// Whether a later proof, which was quicker, saw other planes or other files: what this one saw is of the past.
    fn is_overtaken(&self, proved: &Proved) -> bool {
        let is_same = |facts: &Facts| {
            let planes = |planes: &Planes| planes.planes.iter().map(|(plane, _)| plane.clone()).collect::<Vec<_>>();
            facts.stamps == self.stamps && planes(&facts.planes) == planes(&self.planes)
        };
        proved.number < self.lanes.newest && !proved.outcome.as_ref().is_ok_and(is_same)
    }

    pub(super) fn proved(&mut self, proved: Proved) {
        if self.down.is_some() {
            return too_late(proved.purpose);
        }
        if self.is_overtaken(&proved) {
            return self.prove(proved.purpose);
        }
        if let (Ok(facts), Purpose::Reload(reload, _)) = (&proved.outcome, &proved.purpose)
            && reload.dry_run
        {
            // Looked at as if it were taken, and then left as it was.
            let others = (facts.planes.clone(), facts.findings.clone(), facts.host.clone().unwrap_or_default());
            let before = self.exchanged(others);
            self.act(proved.purpose);
            self.exchanged(before);
            return;
        }
        self.lanes.newest = self.lanes.newest.max(proved.number);
        self.read = Stamp::of(&self.planes.supervisor.manifest);
        match proved.outcome {
            Err(unread) => {
                let unknown = |held: &Held| !self.applied.contains_key(held.name());
                let held = unread.held.into_iter().filter(unknown).collect();
                self.take_over(held);
                self.watch_also(unread.env_files);
                self.unreadable(&unread.error, proved.purpose);
            }
            // What was begun since then was not reckoned with.
            Ok(_) if self.is_outdated(&proved.handed_out) => self.prove(proved.purpose),
            Ok(facts) => {
                self.trouble.clear();
                self.compare(&facts.findings);
                self.take(facts.planes);
                self.findings = facts.findings;
                if let Some(host) = facts.host {
                    self.tell_host(&host);
                    self.host = host;
                }
                self.take_over(facts.held);
                self.judge(facts.stamps);
                self.act(proved.purpose);
            }
        }
    }

    /// Gives what plans rest on for other such facts.
    fn exchanged(&mut self, (planes, findings, host): Standing) -> Standing {
        let planes = std::mem::replace(&mut self.planes, planes);
        let findings = std::mem::replace(&mut self.findings, findings);
        (planes, findings, std::mem::replace(&mut self.host, host))
    }

    /// A keeper that was here before us is given back the same when it dies.
    fn take_over(&mut self, held: Vec<Held>) {
        // One that is on its way out, or already gone, starts by what the manifest says and not by what it held.
        let stays = |name: &PlaneName| self.keeping.contains(name) && !self.leaving.contains(name);
        let held: Vec<Held> = held.into_iter().filter(|held| stays(held.name())).collect();
        for held in held {
            self.applied.insert(held.name().clone(), held.sealed);
        }
    }

    /// Whether a keeper was given a definition since a proof began. What keepers hold is not asked here: one that holds another
    /// than it was given would have every proof made again.
    fn is_outdated(&self, handed_out: &BTreeMap<PlaneName, String>) -> bool {
        let mut living = self.applied.iter().filter(|(name, _)| self.keeping.contains(*name));
        living.any(|(name, sealed)| handed_out.get(name) != Some(&sealed.definition))
    }

    /// Takes a new manifest; where the supervisor is found, and by whom, stays what it was when it began.
    fn take(&mut self, mut planes: Planes) {
        let (before, now) = (&self.planes.supervisor, &mut planes.supervisor);
        let keys = [
            ("run_dir", now.run_dir != before.run_dir),
            ("state_dir", now.state_dir != before.state_dir),
            ("socket_group", now.socket_group != before.socket_group),
        ];
        now.run_dir.clone_from(&before.run_dir);
        now.state_dir.clone_from(&before.state_dir);
        now.socket_group.clone_from(&before.socket_group);
        self.later = keys.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect();
        super::passage::open(&planes);
        self.voice.counts(&planes);
        self.planes = planes;
        if self.watch.renew(&self.planes, self.planes.supervisor.watch) == Fresh::Yes {
            self.prove(Purpose::Edit);
        }
        super::applied::write(&self.planes);
    }

    /// Watches what an unreadable manifest names too: it may be that file which is to be mended.
    fn watch_also(&mut self, env_files: Vec<PathBuf>) {
        if env_files.iter().all(|file| self.planes.env_files.contains(file)) {
            return;
        }
        self.planes.env_files.extend(env_files);
        if self.watch.renew(&self.planes, self.planes.supervisor.watch) == Fresh::Yes {
            self.prove(Purpose::Edit);
        }
    }

    fn unreadable(&mut self, error: &str, purpose: Purpose) {
        if self.trouble != error {
            self.voice.say(&format!("the manifest is not applied, planes live on: {error}"));
            self.note(None, "manifest-unreadable", error, "nothing is changed", "until it can be read");
            error.clone_into(&mut self.trouble);
        }
        let hint = "what runs was left alone; `gateward check` shows every mistake";
        match purpose {
            Purpose::Begin | Purpose::Edit | Purpose::Reload(_, None) => self.voice.ready(),
            Purpose::Reload(_, Some(reply)) => reply.answer(refused(RefusalKind::Manifest, error.to_owned(), hint)),
            // The last applied definition is as good as ever.
            Purpose::Keep { plane, rests, reply, .. } if self.applied.contains_key(&plane) => {
                self.rest(&plane, rests);
                self.keep(&plane);
                reply.answer(Answer::Accepted {
                    replaces: None,
                    note: "as last applied; the manifest cannot be read".into(),
                });
            }
            Purpose::Keep { reply, .. } => reply.answer(refused(RefusalKind::Manifest, error.to_owned(), hint)),
        }
    }

    fn act(&mut self, purpose: Purpose) {
        match purpose {
            Purpose::Begin | Purpose::Edit => {
                let steps = self.plan(Occasion::Greet, &[]);
                for (name, step) in &steps {
                    self.explain(name, *step);
                }
                self.apply(&steps, &self.obstacles(Occasion::Greet, &[]));
                self.look_again(&steps);
                self.voice.ready();
            }
            Purpose::Reload(reload, reply) => self.reload(&reload, reply),
            Purpose::Keep { plane, allow, rests, reply } => self.keep_for(plane, &allow, rests, reply),
        }
    }

    fn explain(&mut self, name: &PlaneName, step: Step) {
        match step {
            Step::Blocked => {
                let against = self.against(name);
                let said = codes(&against).join(", ");
                let hint = against.first().map(|one| one.hint.clone()).unwrap_or_default();
                let (decided, more) = if self.keeping.contains(name) {
                    ("its change is not applied", "it lives on as it was")
                } else {
                    ("not started", "`gateward check` says more")
                };
                let is_living = against.iter().any(|one| !one.living.is_empty());
                let more = if is_living { hint.as_str() } else { more };
                self.voice.say(&format!("{name}: {decided}: {said}; {more}"));
                self.note(Some(name), "blocked", &said, decided, "until the findings are gone, or are allowed by code");
            }
            Step::Pending => {
                let why = self.pending_because(name);
                self.voice.say(&format!("{name}: {why}"));
            }
            Step::Start | Step::Replace | Step::Move | Step::Stop | Step::Leave => {}
        }
    }

    /// What the host alone keeps from starting is tried again: nobody announces that a stranger has gone.
    fn look_again(&mut self, steps: &BTreeMap<PlaneName, Step>) {
        let by_host = |name: &PlaneName| {
            let mut against = self.against(name).into_iter();
            against.all(|one| Code::of(&one.code).is_some_and(Code::is_of_the_host))
        };
        let mut stuck = steps.iter().filter(|(name, step)| **step == Step::Blocked && !self.keeping.contains(*name));
        if !stuck.any(|(name, _)| by_host(name)) {
            self.looks = 0;
            return;
        }
        let wait = LOOK_AGAIN.0.saturating_mul(1 << self.looks.min(16)).min(LOOK_AGAIN.1);
        self.looks += 1;
        let inputs = self.inputs.clone();
        tokio::task::spawn_local(async move {
            tokio::time::sleep(wait).await;
            let _ = inputs.send(Input::LookAgain);
        });
    }

    fn reload(&mut self, reload: &Reload, reply: Option<Reply>) {
        let mut steps = self.plan(Occasion::Reload, &reload.allow);
        let unsealable = self.block_unsealable(&mut steps);
        if !reload.dry_run {
            self.note_unsealable(&unsealable);
            let changed = steps.values().filter(|step| !matches!(step, Step::Leave)).count();
            self.note(None, "reload", &differing(changed), "applied", "only they are touched");
            let touched = steps.iter().filter(|(_, step)| !matches!(step, Step::Leave | Step::Blocked));
            for (name, _) in touched.clone() {
                self.note_allowed(name, &reload.allow);
            }
            for (name, _) in touched.filter(|(name, step)| **step == Step::Start && !self.keeping.contains(*name)) {
                // What a keeper that died had is no longer what is asked for.
                self.applied.remove(name);
            }
            self.apply(&steps, &self.obstacles(Occasion::Reload, &reload.allow));
        }
        if let Some(reply) = reply {
            let blocked = steps.iter().filter(|(_, step)| **step == Step::Blocked).map(|(name, _)| name);
            let against: BTreeSet<&Finding> = blocked.flat_map(|name| self.against(name)).collect();
            let against = against.into_iter().filter(|one| !reload.allow.contains(&one.code));
            let against: BTreeSet<&Finding> = against.chain(unsealable.values()).collect();
            let findings = against.into_iter().filter_map(|one| serde_json::to_value(one).ok()).collect();
            reply.answer(Answer::Plan(Plan { findings, ..spoken(&steps, &self.planes) }));
        }
    }

    fn keep_for(&mut self, plane: PlaneName, allow: &[String], rests: bool, reply: Reply) {
        if self.planes.get(&plane).is_none() {
            let hint = "`gateward status` lists the planes";
            return reply.answer(refused(RefusalKind::NoSuchPlane, format!("there is no plane `{plane}`"), hint));
        }
        let against: Vec<&Finding> =
            self.against(&plane).into_iter().filter(|one| !allow.contains(&one.code)).collect();
        if let Some(first) = against.first().filter(|_| !rests) {
            let message = format!("{plane} is not started: {} ({})", first.message, codes(&against).join(", "));
            let is_in_vain = against.iter().any(|one| Code::of(&one.code).is_some_and(Code::is_in_vain));
            let ahead = if is_in_vain { "" } else { "; `--allow CODE` goes ahead in spite of a finding" };
            let hint = format!("{}{ahead}", first.hint);
            let findings = against.iter().filter_map(|one| serde_json::to_value(one).ok()).collect();
            self.note(Some(&plane), "refused", &message, "refused", "nothing was started");
            return reply.answer(Answer::Refused(Refusal::collision(message, hint, findings)));
        }
        if let Some(before) = self.waiting.get(&plane).filter(|before| !before.is_empty()) {
            let names = before.iter().map(PlaneName::as_str).collect::<Vec<_>>().join(", ");
            let message = format!("{plane} starts by itself once {names} has ended as it was");
            self.note(Some(&plane), "refused", &message, "refused", "it waits as before");
            return reply.answer(refused(
                RefusalKind::Failed,
                message,
                "`gateward status --watch` shows how that goes",
            ));
        }
        self.note_allowed(&plane, allow);
        self.pending.retain(|(pending, _)| *pending != plane);
        if rests && self.is_kept_down(&plane) {
            return reply.answer(Answer::AtRest);
        }
        self.rest(&plane, rests);
        self.keep(&plane);
        if let Some(why) = self.unbegun.get(&plane) {
            let hint = "mend that, then ask again; the supervisor tries again by itself, ever more slowly";
            return reply.answer(refused(
                RefusalKind::Failed,
                format!("{plane}: its keeper could not begin: {why}"),
                hint,
            ));
        }
        reply.answer(match self.troubles.get(&plane) {
            None => Answer::Accepted { replaces: None, note: "its keeper begins".into() },
            Some(trouble) => refused(RefusalKind::Failed, trouble.clone(), "`gateward check` says more"),
        });
    }

    /// Has the plane's next keeper start no gateway, if that is what it is wanted for. Only what is granted is kept: a wish that was
    /// refused must not hold back a later start.
    fn rest(&mut self, plane: &PlaneName, rests: bool) {
        if rests {
            self.resting.insert(plane.clone());
        }
    }

    /// Tells the journal what was overridden for a plane.
    fn note_allowed(&mut self, plane: &PlaneName, allow: &[String]) {
        let overridden: Vec<&Finding> =
            self.against(plane).into_iter().filter(|one| allow.contains(&one.code)).collect();
        if overridden.is_empty() {
            return;
        }
        let said = codes(&overridden).join(", ");
        self.voice.say(&format!("{plane}: goes ahead in spite of {said}, as an operator allowed"));
        self.note(Some(plane), "allowed", &said, "go ahead", "an operator allowed it by code");
    }

    /// Tells what is new on the host. It is of the moment, so that its end is no news.
    fn tell_host(&mut self, host: &[Finding]) {
        let new: Vec<Finding> = host.iter().filter(|one| !self.host.contains(one)).cloned().collect();
        for finding in new {
            self.tell_finding(&finding);
        }
    }

    /// Tells a finding, in the journal to each plane that it concerns.
    pub(super) fn tell_finding(&mut self, finding: &Finding) {
        let said = format!("{}: {}", finding.code, finding.message);
        self.voice.say(&said);
        for plane in finding.planes.iter().take(TOLD) {
            self.note(Some(plane), "finding", &said, "no living plane is touched", &finding.hint);
        }
    }

    /// Tells that a finding stands no longer, in the same way.
    pub(super) fn tell_gone(&mut self, finding: &Finding) {
        let said = format!("{}: {}", finding.code, finding.message);
        self.voice.say(&format!("no longer stands: {said}"));
        for plane in finding.planes.iter().take(TOLD) {
            self.note(Some(plane), "finding-gone", &said, "nothing", "it no longer stands");
        }
    }

    /// Tells the journal which findings came and went.
    fn compare(&mut self, findings: &[Finding]) {
        let key = |finding: &Finding| (finding.code.clone(), finding.planes.clone(), finding.surface.clone());
        let before: BTreeSet<_> = self.findings.iter().map(key).collect();
        let now: BTreeSet<_> = findings.iter().map(key).collect();
        for finding in findings.iter().filter(|finding| !before.contains(&key(finding))) {
            self.tell_finding(finding);
        }
        let gone: Vec<Finding> = self.findings.iter().filter(|finding| !now.contains(&key(finding))).cloned().collect();
        for finding in gone {
            self.tell_gone(&finding);
        }
    }
}
