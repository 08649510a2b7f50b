//! A proof beside the loop: the manifest read, the keepers asked what they hold, the world looked at within a budget.
//!
//! Changes nothing; what follows from it is the loop's to decide.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::input::{Facts, Input, Proved, Purpose, Unread};
use super::judged;
use super::load;
use super::survey::held::{self, Held};
use super::survey::{self, Depth};
use crate::collision::codes::Code;
use crate::collision::finding::Finding;
use crate::plane::{PlaneName, Planes};

/// The longest look at ports, processes and services; a host that takes longer is left to the keepers, who look before
/// each spawn.
const LOOK: Duration = Duration::from_secs(10);

/// The same with every question to OpenClaw.
const ASK: Duration = Duration::from_secs(90);

/// What tells whether a file is the one that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of the file at `path` now.
    pub fn of(path: &Path) -> Option<Self> {
        let meta = fs::metadata(path).ok()?;
        Some(Self { inode: meta.ino(), size: meta.len(), changed: (meta.ctime(), meta.ctime_nsec()) })
    }
}

/// What a proof is made from.
pub struct Task {
    /// The manifest.
    pub manifest: PathBuf,
    /// Where the keepers' sockets are.
    pub run_dir: PathBuf,
    /// What the loop has handed out, also to keepers that do not answer yet.
    pub handed_out: Vec<Held>,
    /// The planes whose keepers were told to change and have not answered: they are, or will be, what was handed out.
    pub ordered: BTreeSet<PlaneName>,
    /// Why.
    pub purpose: Purpose,
    /// Which one it is, in the order they were asked for.
    pub number: u64,
}

impl Task {
    /// Makes the proof.
    pub fn done(self) -> Input {
        let outcome = facts(&self);
        let handed_out =
            self.handed_out.into_iter().map(|out| (out.sealed.plane.name, out.sealed.definition)).collect();
        Input::Proved(Box::new(Proved { purpose: self.purpose, number: self.number, handed_out, outcome }))
    }
}

fn facts(task: &Task) -> Result<Facts, Unread> {
    let loaded = load::read(&task.manifest);
    let held = held::held(&task.run_dir);
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            return Err(Unread { error: error.to_string(), held, env_files: error.env_files });
        }
    };
    let planes = loaded.planes;
    // Before they are read: what changes meanwhile must not pass for what was proved.
    let stamps = judged::stamps(&planes);
    let held = with_what_was_handed_out(held, task);
    let changing = changing(&planes, &held);
    let depth = depth(&task.purpose, &changing, &held);
    let budget = if depth == Depth::Live { ASK } else { LOOK };
    let looked = survey::prove_within(budget, &planes, &held, depth, &changing);
    let looked_at_host = looked.depth != Depth::Files;
    let mut findings = looked.proof.all();
    findings.extend(loaded.warnings.iter().map(load::finding));
    let findings = crate::collision::sorted(findings);
    let (host, findings): (Vec<Finding>, Vec<Finding>) =
        findings.into_iter().partition(|one| Code::of(&one.code).is_some_and(Code::is_of_the_host));
    Ok(Facts { stamps, planes, findings, host: looked_at_host.then_some(host), held })
}

/// What the keepers hold, with what was handed out to those that did not answer, and to those that have still to take it: until
/// their gateways have ended, these have both.
fn with_what_was_handed_out(mut held: Vec<Held>, task: &Task) -> Vec<Held> {
    for out in &task.handed_out {
        match held.iter_mut().find(|one| one.name() == out.name()) {
            None => held.push(out.clone()),
            Some(one) if task.ordered.contains(out.name()) && one.sealed.definition != out.sealed.definition => {
                let before = std::mem::replace(&mut one.sealed, out.sealed.clone());
                one.ending.get_or_insert(before);
            }
            Some(_) => {}
        }
    }
    held
}

/// The planes that do not live by what the manifest says.
fn changing(planes: &Planes, held: &[Held]) -> BTreeSet<PlaneName> {
    let lives = |name: &PlaneName| held.iter().find(|one| one.name() == name).map(|one| &one.sealed.plane);
    let all = planes.planes.iter().map(|(plane, _)| plane);
    all.filter(|plane| lives(&plane.name) != Some(*plane)).map(|plane| plane.name.clone()).collect()
}

/// How far to look: no further than for what may be started.
fn depth(purpose: &Purpose, changing: &BTreeSet<PlaneName>, held: &[Held]) -> Depth {
    let starts = changing.iter().any(|name| held.iter().all(|one| one.name() != name));
    match purpose {
        Purpose::Begin | Purpose::Edit if starts => Depth::Host,
        Purpose::Begin | Purpose::Edit => Depth::Files,
        Purpose::Reload(..) if changing.is_empty() => Depth::Files,
        Purpose::Reload(..) => Depth::Live,
        Purpose::Keep { .. } => Depth::Host,
    }
}
