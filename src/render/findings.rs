//! Findings as text with carets, as the JSON of the interface, and in the forms that code hosts read.
//!
//! Judges nothing: what is an error was decided by the check.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::diagnostic::{Report, Spot, render};
use super::sources::Sources;
use super::text::Look;
use crate::collision::codes::{Code, Explained};
use crate::collision::finding::{Finding, Severity};

mod hosts;

pub use hosts::{github, sarif};

/// So many findings of one code are shown as text, the rest is counted; JSON has them all.
const SHOWN: usize = 12;

/// What `check --json` prints.
#[derive(Debug, Serialize)]
pub struct Proof<'a> {
    /// Whether no error was found.
    pub ok: bool,
    /// All of them, as sorted by the check.
    pub findings: &'a [Finding],
}

impl<'a> Proof<'a> {
    /// The document for these findings.
    pub fn of(findings: &'a [Finding]) -> Self {
        Self { ok: !has_error(findings), findings }
    }
}

/// Whether any of them is an error.
pub fn has_error(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

/// One finding as a diagnostic.
pub fn report(finding: &Finding) -> Report {
    let labels = finding.labels.iter().map(String::as_str).chain(std::iter::repeat(""));
    Report {
        severity: finding.severity,
        code: finding.code.clone(),
        title: finding.message.clone(),
        spots: finding.at.iter().zip(labels).map(|(place, label)| Spot::new(place.clone(), label)).collect(),
        hint: finding.hint.clone(),
    }
}

/// All findings as diagnostics with an empty line between; of many with one code the first few, and how many more.
/// `sources` has the texts that one finding may quote.
pub fn findings(findings: &[Finding], sources: &dyn Fn(&Finding) -> Sources, look: Look) -> String {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut parts = Vec::new();
    for finding in findings {
        let count = seen.entry(&finding.code).or_default();
        *count += 1;
        if *count <= SHOWN {
            parts.push(render(&report(finding), &sources(finding), look.colour, look.width.unwrap_or(0)));
        }
    }
    for (code, count) in seen.into_iter().filter(|(_, count)| *count > SHOWN) {
        parts.push(format!("… and {} more of {code}; `gateward check --json` has them all\n", count - SHOWN));
    }
    parts.join("\n")
}

/// "3 planes, 0 errors, 1 warning, proved in 12 ms".
pub fn summary(planes: usize, findings: &[Finding], took: Duration) -> String {
    let of = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let counted = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let took = match took.as_millis() {
        0 => format!("{:.1} ms", took.as_secs_f64() * 1e3),
        1..10_000 => format!("{} ms", took.as_millis()),
        _ => format!("{:.1} s", took.as_secs_f64()),
    };
    format!(
        "{}, {}, {}, proved in {took}\n",
        counted(planes, "plane"),
        counted(errors, "error"),
        counted(warnings, "warning")
    )
}

/// What `check --explain CODE` prints.
pub fn explanation(code: Code) -> String {
    let Explained { word, severity, means, because, .. } = code.explained();
    format!("{}[{word}]: {means}\n\n{because}\n", severity.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::{Place, PlaneName};
    use std::path::Path;

    pub(super) fn overlap() -> Finding {
        let place = |line| Place { file: "/etc/supervisor.toml".into(), line, column: 8, width: 5 };
        let planes = ["main", "rescue"].map(|name| PlaneName::new(name).unwrap()).to_vec();
        Finding::new(Code::PortFamilyOverlap, planes, "18809–18899")
            .saying("the port families of `main` and `rescue` overlap in 18809–18899")
            .hinting("under [planes.rescue] say `port = 18929`")
            .at(Some(&place(2)), "`main`: ports 18789–18899")
            .at(Some(&place(4)), "`rescue`: ports 18809–18919")
    }

    #[test]
    fn json_is_the_interface() {
        let json = serde_json::to_string(&Proof::of(&[overlap()])).unwrap();
        assert_eq!(
            json,
            r#"{"ok":false,"findings":[{"code":"port-family-overlap","severity":"error","planes":["main","rescue"],"surface":"18809–18899","message":"the port families of `main` and `rescue` overlap in 18809–18899","hint":"under [planes.rescue] say `port = 18929`","at":[{"file":"/etc/supervisor.toml","line":2,"column":8,"width":5},{"file":"/etc/supervisor.toml","line":4,"column":8,"width":5}],"labels":["`main`: ports 18789–18899","`rescue`: ports 18809–18919"]}]}"#
        );
    }

    #[test]
    fn both_places_are_shown_with_their_planes() {
        let text = "[planes.main]\nport = 18789\n[planes.rescue]\nport = 18809\n";
        let sources = Sources::one(Path::new("/etc/supervisor.toml"), text);
        insta::assert_snapshot!(findings(&[overlap()], &|_| sources.clone(), Look { width: Some(100), colour: false }), @r"
        error[port-family-overlap]: the port families of `main` and `rescue` overlap in 18809–18899
         --> /etc/supervisor.toml:2:8
          |
        2 | port = 18789
          |        ^^^^^ `main`: ports 18789–18899
        3 | [planes.rescue]
        4 | port = 18809
          |        ----- `rescue`: ports 18809–18919
          |
          = hint: under [planes.rescue] say `port = 18929`
        ");
    }

    #[test]
    fn many_of_one_code_are_counted() {
        let many: Vec<Finding> = (0..20).map(|n| overlap().saying(format!("number {n}"))).collect();
        let text = findings(&many, &|_| Sources::new(), Look { width: Some(100), colour: false });
        assert_eq!(text.matches("error[").count(), SHOWN);
        assert!(
            text.ends_with("… and 8 more of port-family-overlap; `gateward check --json` has them all\n"),
            "{text}"
        );
    }

    #[test]
    fn the_summary_counts() {
        let took = Duration::from_micros(12_300);
        assert_eq!(summary(3, &[overlap()], took), "3 planes, 1 error, 0 warnings, proved in 12 ms\n");
        assert_eq!(summary(1, &[], Duration::from_micros(420)), "1 plane, 0 errors, 0 warnings, proved in 0.4 ms\n");
    }
}
