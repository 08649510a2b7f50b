//! Edits of configs, judged by OpenClaw itself: a config that it would refuse at the next start is told when it is written.
//!
//! Asked beside the loop and after the proof, as the answer takes seconds. Refuses nothing: whoever asks for a start has the
//! config judged once more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::core::Daemon;
use super::input::Input;
use super::proving::Stamp;
use super::survey;
use crate::collision::codes::Code;
use crate::collision::finding::Finding;
use crate::openclaw::config::declared::{FileRole, SourceFile};
use crate::openclaw::environment::{Host, environ};
use crate::plane::{Plane, PlaneName, Planes};

/// The files of each plane's configuration, with what tells one version from another.
pub type Stamps = BTreeMap<PlaneName, Vec<(PathBuf, Option<Stamp>)>>;

/// What OpenClaw said of configs.
#[derive(Debug)]
pub struct Judged {
    /// The planes that it was asked about.
    asked: BTreeSet<PlaneName>,
    /// What it holds against them.
    findings: Vec<Finding>,
}

/// The stamps of what the configurations of `planes` are made of now.
pub fn stamps(planes: &Planes) -> Stamps {
    let host = Host::default();
    let environ = |plane: &Plane| environ(plane, &planes.supervisor, &host);
    let declared = survey::configs::declared(planes.planes.iter().map(|(plane, _)| plane), environ);
    let of_files = |files: &[SourceFile]| {
        // What a secret is decides nothing about whether a config is one.
        let of_config = files.iter().filter(|file| file.role != FileRole::Secret);
        of_config.map(|file| (file.path.clone(), Stamp::of(&file.path))).collect()
    };
    declared.into_iter().map(|(name, declared)| (name, of_files(&declared.files))).collect()
}

impl Daemon {
    /// Has OpenClaw asked about the planes whose files are not what they were at the last proof.
    pub(super) fn judge(&mut self, stamps: Stamps) {
        let is_edited = |(name, now): &(&PlaneName, &Vec<_>)| self.stamps.get(*name).is_some_and(|then| then != *now);
        let asked: BTreeSet<PlaneName> = stamps.iter().filter(is_edited).map(|(name, _)| name.clone()).collect();
        self.stamps = stamps;
        self.lanes.to_judge.extend(asked);
        self.judge_next();
    }

    /// Asks about everything that was edited since the last answer, in one go: of many edits the last counts.
    fn judge_next(&mut self) {
        if self.lanes.is_judging || self.lanes.to_judge.is_empty() {
            return;
        }
        self.lanes.is_judging = true;
        let asked = std::mem::take(&mut self.lanes.to_judge);
        let (planes, inputs) = (self.planes.clone(), self.inputs.clone());
        self.lanes.judges.take(move || {
            let found = survey::judged(&planes, &asked);
            let refused = |one: &Finding| Code::of(&one.code) == Some(Code::ConfigInvalid);
            let findings = found.into_iter().filter(refused).collect();
            // The loop is gone only when the daemon leaves.
            let _ = inputs.send(Input::Judged(Judged { asked, findings }));
        });
    }

    /// Takes the answer, and tells what is new in it.
    pub(super) fn judged(&mut self, judged: Judged) {
        let concerns = |one: &Finding| one.planes.iter().any(|plane| judged.asked.contains(plane));
        let before: Vec<Finding> = self.refused.extract_if(.., |one| concerns(one)).collect();
        for finding in judged.findings.iter().filter(|one| !before.contains(one)) {
            self.tell_finding(finding);
        }
        let told_again = |one: &&Finding| judged.findings.iter().any(|now| now.planes == one.planes);
        for finding in before.iter().filter(|one| !told_again(one)) {
            self.tell_gone(finding);
        }
        self.refused.extend(judged.findings);
        self.lanes.is_judging = false;
        self.judge_next();
    }
}
