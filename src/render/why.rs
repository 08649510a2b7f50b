//! `why`: the chain of evidence behind a plane's present state, in plain words.
//!
//! Judges nothing: what was seen and decided is told as the keeper wrote it down.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::collision::finding::{Finding, Severity};
use crate::render::sources::tamed;
use crate::render::status::{left, tone};
use crate::render::text::{Look, Tone, columns, duration, labelled};
use crate::wire::{PlaneStatus, State};

/// All that is known.
#[derive(Clone, Debug, Serialize)]
pub struct Chain {
    /// The plane now.
    pub status: PlaneStatus,
    /// What stands against it by the last proof of the supervisor, if that answers.
    pub findings: Vec<Finding>,
    /// What led here, oldest first.
    pub evidence: Vec<Evidence>,
    /// The last lines of its own output.
    pub said: Vec<String>,
}

/// One decision, as it stands in a journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// When, RFC 3339 UTC.
    pub at: String,
    /// Which incarnation; 0 for none.
    pub incarnation: u64,
    /// One word for the kind.
    pub event: String,
    /// What was seen.
    pub saw: String,
    /// What was decided.
    pub decided: String,
    /// What follows.
    pub follows: String,
}

/// The chain as text.
pub fn why(chain: &Chain, now: Timestamp, look: Look) -> String {
    let status = &chain.status;
    let mut out = headline(status, now, look);
    if let Some(exit) = &status.last_exit {
        let how = match (exit.code, exit.signal) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "no known status".to_owned(),
        };
        out.push_str(&labelled(
            "last end",
            Tone::Faint,
            &format!("{} at {}: {}", how, exit.at, exit.meaning),
            10,
            look,
        ));
    }
    if let Some(numbers) = status.event_loop.as_ref().and_then(event_loop) {
        out.push_str(&labelled("event loop", Tone::Faint, &numbers, 12, look));
    }
    for one in &chain.findings {
        let (tone, of) = match one.severity {
            Severity::Error => (Tone::Bad, "error"),
            Severity::Warning => (Tone::Faint, "warning"),
        };
        out.push_str(&labelled(of, tone, &format!("{}: {}", one.code, one.message), 10, look));
    }
    if !chain.evidence.is_empty() {
        out.push('\n');
    }
    for one in &chain.evidence {
        out.push_str(&evidence(one, look));
    }
    if !chain.said.is_empty() {
        out.push_str("\nthe last it said:\n");
        for line in &chain.said {
            out.push_str(&labelled("  |", Tone::Faint, line, 4, Look { width: None, ..look }));
        }
    }
    out
}

fn headline(status: &PlaneStatus, now: Timestamp, look: Look) -> String {
    let state = match status.state {
        State::Up if status.ready => "up and ready".to_owned(),
        State::Up if status.failing.is_empty() => "up, not ready".to_owned(),
        State::Up => format!("up, not ready ({})", tamed(&status.failing.join(", "))),
        State::Stopped | State::Starting | State::Stopping | State::Backoff | State::Parked | State::Unknown => {
            status.state.as_str().to_owned()
        }
    };
    let name = look.paint(Tone::Strong, status.name.as_str());
    let mut out = format!("{name} is {}", look.paint(tone(status), &state));
    if let (Some(until), Some(left)) = (&status.until, left(status.until.as_deref(), now)) {
        out.push_str(&format!(", until {until} ({} to go)", duration(left)));
    }
    out.push('\n');
    if !status.why.is_empty() {
        out.push_str(&labelled("", Tone::Plain, &status.why, 2, look));
    }
    for note in &status.notes {
        out.push_str(&labelled("", Tone::Plain, note, 2, look));
    }
    out
}

/// The gateway's own numbers, under its own names; of its switches those that are on.
fn event_loop(numbers: &serde_json::Value) -> Option<String> {
    let told = numbers.as_object()?.iter().filter_map(|(name, value)| match value {
        // More than three decimals are the noise of its arithmetic.
        serde_json::Value::Number(number) => {
            number.as_f64().map(|value| format!("{name} {}", (value * 1000.0).round() / 1000.0))
        }
        serde_json::Value::Bool(true) => Some(name.clone()),
        serde_json::Value::Bool(false)
        | serde_json::Value::Null
        | serde_json::Value::String(_)
        | serde_json::Value::Array(_)
        | serde_json::Value::Object(_) => None,
    });
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// When, which incarnation, what was seen, what was decided, what follows.
fn evidence(one: &Evidence, look: Look) -> String {
    let which = if one.incarnation == 0 { String::new() } else { format!(" #{}", one.incarnation) };
    let seen = if one.saw.is_empty() { one.event.clone() } else { format!("{}: {}", one.event, one.saw) };
    let then = [&one.decided, &one.follows].into_iter().filter(|words| !words.is_empty());
    let then: Vec<&str> = then.map(String::as_str).collect();
    let words = if then.is_empty() { seen } else { format!("{seen} → {}", then.join("; ")) };
    let label = format!("{}{which}", one.at);
    let margin = (columns(&label) + 2).max(30);
    labelled(&label, Tone::Faint, &words, margin, look)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::PlaneName;
    use crate::render::status::unknown;
    use crate::wire::LastExit;

    #[test]
    fn a_parked_plane_and_how_it_came_to_that() {
        let mut status = unknown(PlaneName::new("main").expect("a name"), "main", Some(18789), String::new());
        status.state = State::Parked;
        status.why = "its config is not valid; it goes on by itself once that changes".into();
        status.last_exit = Some(LastExit {
            code: Some(78),
            signal: None,
            at: "2026-03-01T12:00:02Z".into(),
            meaning: "its config is not valid".into(),
        });
        let evidence = vec![
            Evidence {
                at: "2026-03-01T12:00:00Z".into(),
                incarnation: 7,
                event: "spawned".into(),
                follows: "up once it listens".into(),
                ..Evidence::default()
            },
            Evidence {
                at: "2026-03-01T12:00:02Z".into(),
                incarnation: 7,
                event: "exited".into(),
                saw: "exit code 78 after 1.9 s; it said: gateway.port: expected a number, received a string, in \
                      /home/me/.openclaw-main/openclaw.json"
                    .into(),
                decided: "park".into(),
                follows: "started again once a config file changes".into(),
            },
        ];
        let said = vec!["2026-03-01T12:00:01.900Z Invalid config\u{1b}[0m".into()];
        let now = "2026-03-01T12:01:00Z".parse().expect("a time");
        let text =
            why(&Chain { status, findings: vec![], evidence, said }, now, Look { width: Some(80), colour: false });
        insta::assert_snapshot!(text);
    }

    #[test]
    fn what_is_of_note_stands_at_the_head_as_in_status() {
        let mut status = unknown(PlaneName::new("main").expect("a name"), "main", None, String::new());
        (status.state, status.ready) = (State::Up, true);
        status.notes = vec!["OpenClaw's crash-loop breaker keeps every channel off".into()];
        let now = "2026-03-01T12:01:00Z".parse().expect("a time");
        let text = why(
            &Chain { status, evidence: vec![], said: vec![], findings: vec![] },
            now,
            Look { width: Some(80), colour: false },
        );
        assert_eq!(text, "main is up and ready\n  OpenClaw's crash-loop breaker keeps every channel off\n");
    }

    #[test]
    fn the_event_loops_numbers_stand_under_the_gateways_own_names() {
        let numbers =
            serde_json::json!({"degraded": false, "reasons": [], "delayP99Ms": 21.5, "intervalMs": 100.900_000_4});
        assert_eq!(event_loop(&numbers).as_deref(), Some("delayP99Ms 21.5, intervalMs 100.9"));
        assert_eq!(event_loop(&serde_json::json!({"degraded": true})).as_deref(), Some("degraded"));
        assert_eq!(event_loop(&serde_json::json!("x")), None);
    }

    #[test]
    fn the_minute_until_which_it_waits_is_named() {
        let mut status = unknown(PlaneName::new("main").expect("a name"), "main", None, "held back".into());
        (status.state, status.until) = (State::Backoff, Some("2026-03-01T12:05:00Z".into()));
        let now = "2026-03-01T12:01:00Z".parse().expect("a time");
        let text = why(
            &Chain { status, findings: vec![], evidence: vec![], said: vec![] },
            now,
            Look { width: Some(80), colour: false },
        );
        assert_eq!(text, "main is backoff, until 2026-03-01T12:05:00Z (4m00s to go)\n  held back\n");
    }
}
