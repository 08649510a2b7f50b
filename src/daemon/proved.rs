//! What follows from a proof: the manifest taken or left, findings told, plans made for whoever asked.
//!
//! Bad news changes nothing that lives.

use std::collections::BTreeSet;

use super::core::{Daemon, refused};
use super::input::{Input, Proved, Purpose};
use super::reconcile::{concerned, spoken};
use crate::collision::finding::{Finding, Severity};
use crate::plan::{Occasion, Step};
use crate::plane::{PlaneName, Planes};
use crate::socket::Reply;
use crate::wire::{Answer, RefusalKind, Reload};

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
        let manifest = self.planes.supervisor.manifest.clone();
        let inputs = self.inputs.clone();
        tokio::task::spawn_blocking(move || {
            let outcome = super::load_and_prove(&manifest);
            let _ = inputs.send(Input::Proved(Box::new(Proved { purpose, outcome })));
        });
    }

    pub(super) fn proved(&mut self, proved: Proved) {
        if self.down.is_some() {
            return too_late(proved.purpose);
        }
        match proved.outcome {
            Err(error) => self.unreadable(&error, proved.purpose),
            Ok((planes, findings)) => {
                self.trouble.clear();
                self.compare(&findings);
                self.take(planes);
                self.findings = findings;
                self.act(proved.purpose);
            }
        }
    }

    /// Takes a new manifest; the folders of the supervisor itself stay what they were when it began.
    fn take(&mut self, mut planes: Planes) {
        let before = &self.planes.supervisor;
        if (&planes.supervisor.run_dir, &planes.supervisor.state_dir) != (&before.run_dir, &before.state_dir) {
            self.trouble = "run_dir and state_dir changed; that takes effect when every plane is down and the supervisor is started anew".into();
            planes.supervisor.run_dir.clone_from(&before.run_dir);
            planes.supervisor.state_dir.clone_from(&before.state_dir);
        }
        super::passage::open(&planes);
        self.planes = planes;
        self.watch.renew(&self.planes, self.planes.supervisor.watch);
        super::applied::write(&self.planes);
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
            Purpose::Keep { plane, reply, .. } if self.applied.contains_key(&plane) => {
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
                self.apply(&steps);
                self.voice.ready();
            }
            Purpose::Reload(reload, reply) => self.reload(&reload, reply),
            Purpose::Keep { plane, allow, reply } => self.keep_for(plane, &allow, reply),
        }
    }

    fn explain(&mut self, name: &PlaneName, step: Step) {
        match step {
            Step::Blocked => {
                let codes = self.codes(name);
                self.voice.say(&format!("{name}: not started: {codes}; `gateward check` says more"));
                self.note(
                    Some(name),
                    "blocked",
                    &codes,
                    "not started",
                    "until the findings are gone, or are allowed by code",
                );
            }
            Step::Pending => {
                self.voice.say(&format!("{name}: differs from the manifest; `gateward reload` applies it"))
            }
            Step::Start | Step::Replace | Step::Stop | Step::Leave => {}
        }
    }

    fn codes(&self, name: &PlaneName) -> String {
        let errors = self.findings.iter().filter(|it| it.severity == Severity::Error && it.planes.contains(name));
        let codes: BTreeSet<&str> = errors.map(|finding| finding.code.as_str()).collect();
        codes.into_iter().collect::<Vec<_>>().join(", ")
    }

    fn reload(&mut self, reload: &Reload, reply: Option<Reply>) {
        let steps = self.plan(Occasion::Reload, &reload.allow);
        if !reload.dry_run {
            let changed = steps.values().filter(|step| !matches!(step, Step::Leave)).count();
            self.note(None, "reload", &format!("{changed} planes differ"), "applied", "only they are touched");
            self.apply(&steps);
        }
        if let Some(reply) = reply {
            reply.answer(Answer::Plan(spoken(&steps)));
        }
    }

    fn keep_for(&mut self, plane: PlaneName, allow: &[String], reply: Reply) {
        if self.planes.get(&plane).is_none() {
            let hint = "`gateward status` lists the planes";
            return reply.answer(refused(RefusalKind::NoSuchPlane, format!("there is no plane `{plane}`"), hint));
        }
        if concerned(&self.findings, allow).contains(&plane) {
            let codes = self.codes(&plane);
            let hint = "`gateward check` shows them; `--allow CODE` goes ahead in spite of one";
            return reply.answer(refused(RefusalKind::Collision, format!("{plane} is not started: {codes}"), hint));
        }
        self.pending.retain(|(pending, _)| *pending != plane);
        self.keep(&plane);
        reply.answer(match self.troubles.get(&plane) {
            None => Answer::Accepted { replaces: None, note: "its keeper begins".into() },
            Some(trouble) => refused(RefusalKind::Failed, format!("{plane}: {trouble}"), "see the supervisor's log"),
        });
    }

    /// Tells the journal which findings came and went.
    fn compare(&mut self, findings: &[Finding]) {
        let key = |finding: &Finding| (finding.code.clone(), finding.planes.clone(), finding.surface.clone());
        let before: BTreeSet<_> = self.findings.iter().map(key).collect();
        let now: BTreeSet<_> = findings.iter().map(key).collect();
        for finding in findings.iter().filter(|finding| !before.contains(&key(finding))) {
            self.voice.say(&format!("{}: {}", finding.code, finding.message));
            self.note(
                finding.planes.first(),
                "finding",
                &format!("{}: {}", finding.code, finding.message),
                "no living plane is touched",
                &finding.hint,
            );
        }
        let gone: Vec<Finding> = self.findings.iter().filter(|finding| !now.contains(&key(finding))).cloned().collect();
        for finding in gone {
            self.note(finding.planes.first(), "finding-gone", &finding.code, "nothing", "it no longer stands");
        }
    }
}
