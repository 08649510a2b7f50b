//! `verify`: what was proved of each plane, a line of evidence for each claim; as text and as JSON.
//!
//! Judges nothing: verdicts are given.

use serde::Serialize;

use crate::plane::PlaneName;
use crate::render::sources::tamed;
use crate::render::text::{Look, Tone, columns, labelled};
use crate::wire::State;

/// All that was looked at; also what `verify --json` prints.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// That no claim about a running plane failed.
    pub ok: bool,
    /// The planes, in manifest order.
    pub planes: Vec<Verified>,
}

/// One plane.
#[derive(Clone, Debug, Serialize)]
pub struct Verified {
    /// Its name.
    pub name: PlaneName,
    /// Its state; only one that is up is verified.
    pub state: State,
    /// That no claim failed.
    pub ok: bool,
    /// The gateway.
    pub pid: Option<i32>,
    /// Counts every spawn of this plane.
    pub incarnation: u64,
    /// Why it is as it is, when it is not up.
    pub why: String,
    /// What was claimed, and what became of it.
    pub claims: Vec<Claim>,
}

/// One claim with its evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// What it is about.
    pub claim: Subject,
    /// Whether it holds.
    pub verdict: Verdict,
    /// What was seen.
    pub evidence: String,
    /// What to do when it does not hold; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hint: String,
}

impl Claim {
    /// A claim that holds.
    pub fn proved(claim: Subject, evidence: impl Into<String>) -> Self {
        Self { claim, verdict: Verdict::Proved, evidence: evidence.into(), hint: String::new() }
    }

    /// A claim that does not.
    pub fn failed(claim: Subject, evidence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { claim, verdict: Verdict::Failed, evidence: evidence.into(), hint: hint.into() }
    }

    /// A claim about which nothing could be learned.
    pub fn unseen(claim: Subject, evidence: impl Into<String>) -> Self {
        Self { claim, verdict: Verdict::Unseen, evidence: evidence.into(), hint: String::new() }
    }
}

/// What a claim is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The gateway is its keeper's child, and the keeper has the plane.
    Custody,
    /// What runs is what the manifest says now.
    Definition,
    /// The program that is executed.
    Program,
    /// One who listens on a port of the plane.
    Listener,
    /// A browser and its folder.
    Browser,
    /// Files that its processes have open.
    Files,
    /// Where its output goes.
    Log,
    /// One probe.
    Probe,
    /// The environment it lives in.
    Environment,
}

impl Subject {
    /// The word shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Custody => "custody",
            Self::Definition => "definition",
            Self::Program => "program",
            Self::Listener => "listener",
            Self::Browser => "browser",
            Self::Files => "files",
            Self::Log => "log",
            Self::Probe => "probe",
            Self::Environment => "environment",
        }
    }
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Proved,
    /// It does not.
    Failed,
    /// Nothing was learned, and the evidence says why.
    Unseen,
}

/// The widest subject, and a gap.
const MARGIN: usize = 24;

/// The report as text.
pub fn text(report: &Report, look: Look) -> String {
    report.planes.iter().map(|plane| one(plane, look)).collect::<Vec<_>>().join("\n")
}

fn one(plane: &Verified, look: Look) -> String {
    let mut out = headline(plane, look);
    for claim in &plane.claims {
        let (word, tone) = match claim.verdict {
            Verdict::Proved => ("ok", Tone::Good),
            Verdict::Failed => ("FAILED", Tone::Bad),
            Verdict::Unseen => ("unseen", Tone::Doubt),
        };
        let label = format!("  {word:<8}{}", claim.claim.as_str());
        let margin = MARGIN.max(columns(&label) + 2);
        out.push_str(&labelled(&label, tone, &claim.evidence, margin, look));
        if !claim.hint.is_empty() {
            out.push_str(&labelled(&" ".repeat(margin), Tone::Faint, &format!("hint: {}", claim.hint), margin, look));
        }
    }
    out
}

fn headline(plane: &Verified, look: Look) -> String {
    let name = look.paint(Tone::Strong, plane.name.as_str());
    if plane.claims.is_empty() {
        let why = if plane.why.is_empty() { String::new() } else { format!(": {}", tamed(&plane.why)) };
        return format!("{name} is {}, so there is nothing to verify{why}\n", plane.state.as_str());
    }
    let count = |verdict| plane.claims.iter().filter(|claim| claim.verdict == verdict).count();
    let (all, failed, unseen) = (plane.claims.len(), count(Verdict::Failed), count(Verdict::Unseen));
    let rest = if unseen == 0 { String::new() } else { format!(", {unseen} could not be seen") };
    if failed == 0 {
        let proved = look.paint(Tone::Good, "is the intended one");
        format!("{name} {proved}: {} of {all} claims proved{rest}\n", all - unseen)
    } else {
        let not = look.paint(Tone::Bad, "is not as intended");
        format!("{name} {not}: {failed} of {all} claims failed{rest}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_claim_has_its_line_and_a_failure_its_hint() {
        let name = |name: &str| PlaneName::new(name).expect("a name");
        let plane = |plane: &str, claims: Vec<Claim>, state| Verified {
            name: name(plane),
            state,
            ok: claims.iter().all(|claim| claim.verdict != Verdict::Failed),
            pid: Some(812),
            incarnation: 1,
            why: String::new(),
            claims,
        };
        let good = vec![
            Claim::proved(Subject::Custody, "the gateway (pid 812) is the child of its keeper (pid 800)"),
            Claim::unseen(Subject::Log, "its keeper's descriptors may not be seen by this user"),
        ];
        let bad = vec![Claim::failed(
            Subject::Listener,
            "127.0.0.1:19011 (browser CDP) is held by chromium (pid 900), which belongs to main",
            "stop that browser",
        )];
        let mut down = plane("lab", Vec::new(), State::Parked);
        down.why = "it died".into();
        let planes = vec![plane("main", good, State::Up), plane("rescue", bad, State::Up), down];
        insta::assert_snapshot!(text(&Report { ok: false, planes }, Look { width: Some(80), colour: false }));
    }
}
