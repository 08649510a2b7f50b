//! OpenClaw's restart handoff: the two machine calls and what their answers mean.
//!
//! Parses text that others fetched. Source: `cli/gateway/restart-and-supervision.md`, protocol version 1.

use std::time::Duration;

use serde::Deserialize;

/// Asks, once for each runtime, whether handoffs are spoken.
pub const CAPABILITIES: [&str; 4] = ["gateway", "restart-handoff", "capabilities", "--json"];

/// The only version spoken here.
const PROTOCOL_VERSION: u64 = 1;

/// The arguments that consume the handoff of the ended process `pid`.
pub fn consume(pid: i32) -> [String; 6] {
    ["gateway", "restart-handoff", "consume", "--expected-pid", &pid.to_string(), "--json"].map(str::to_owned)
}

/// How long a question makes sense. A row is good for 60 s, and stays until somebody asks: asked later, OpenClaw says that it has
/// expired, and whose it was (`restart-handoff consume` of 2026.9.6).
pub const WORTH_ASKING: Duration = Duration::from_secs(900);

/// What a `consume` brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handoff {
    /// The ended process wanted a successor, for this reason; the row is deleted.
    Accepted(String),
    /// There was none, or none for this pid.
    Nothing(String),
    /// It could not be found out.
    Unknown(String),
}

#[derive(Deserialize)]
struct Capabilities {
    ok: bool,
    #[serde(rename = "protocolVersion")]
    protocol_version: u64,
    operations: Vec<String>,
}

/// Whether a runtime that printed this as its capabilities can be asked to `consume`.
pub fn spoken(stdout: &str) -> bool {
    json::<Capabilities>(stdout).is_some_and(|it| {
        it.ok && it.protocol_version == PROTOCOL_VERSION && it.operations.iter().any(|name| name == "consume")
    })
}

#[derive(Deserialize)]
struct Consumed {
    status: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    handoff: Option<Row>,
    #[serde(default, rename = "handoffPid")]
    handoff_pid: Option<i32>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    source: Option<String>,
}

/// The meaning of what `consume` for the ended process `pid` printed and of its exit code (0 for every answer of the protocol; 1 where the store could
/// not be opened, which passes).
pub fn consumed(pid: i32, code: Option<i32>, stdout: &str, stderr: &str) -> Handoff {
    let Some(answer) = json::<Consumed>(stdout) else {
        let code = code.map_or("a signal".to_owned(), |code| format!("exit code {code}"));
        let said = stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("nothing on stderr");
        return Handoff::Unknown(format!("restart-handoff consume ended with {code}: {said}"));
    };
    let reason = answer.reason.unwrap_or_default();
    match answer.status.as_str() {
        "accepted" => {
            let row = answer.handoff.unwrap_or(Row { reason: None, source: None });
            let what = row.reason.unwrap_or_else(|| "restart".into());
            Handoff::Accepted(match row.source {
                Some(source) => format!("{what} ({source})"),
                None => what,
            })
        }
        // On a slow host a whole boot lies between the exit and the question.
        "rejected" if reason == "expired" && answer.handoff_pid == Some(pid) => {
            Handoff::Accepted("restart, asked about late".into())
        }
        "none" | "rejected" => Handoff::Nothing(format!("{}: {reason}", answer.status)),
        other => Handoff::Unknown(format!("{other}: {reason}")),
    }
}

/// The last line that is an object: warnings may come before it.
fn json<'a, T: Deserialize<'a>>(stdout: &'a str) -> Option<T> {
    serde_json::from_str(stdout.trim())
        .ok()
        .or_else(|| stdout.lines().rev().find_map(|line| serde_json::from_str(line.trim()).ok()))
        .or_else(|| stdout.find('{').and_then(|at| serde_json::from_str(stdout[at..].trim()).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_the_protocol() {
        let accepted =
            r#"{"ok":true,"status":"accepted","handoff":{"pid":7,"reason":"config reload","source":"sigusr2"}}"#;
        assert_eq!(consumed(7, Some(0), accepted, ""), Handoff::Accepted("config reload (sigusr2)".into()));
        let none = r#"{"ok":true,"status":"none","reason":"missing"}"#;
        assert_eq!(consumed(7, Some(0), none, ""), Handoff::Nothing("none: missing".into()));
        let late = r#"{"ok":true,"status":"rejected","reason":"expired","handoffPid":7}"#;
        assert_eq!(consumed(7, Some(0), late, ""), Handoff::Accepted("restart, asked about late".into()));
        assert_eq!(consumed(8, Some(0), late, ""), Handoff::Nothing("rejected: expired".into()), "another's");
        assert_eq!(
            consumed(7, Some(1), "", "SqliteError: database is locked\n"),
            Handoff::Unknown("restart-handoff consume ended with exit code 1: SqliteError: database is locked".into())
        );
    }

    #[test]
    fn only_version_one_with_consume_is_spoken() {
        let line = |version| {
            format!(
                r#"{{"ok":true,"protocol":"openclaw.gateway.restart-handoff","protocolVersion":{version},"operations":["consume"]}}"#
            )
        };
        assert!(spoken(&line(1)));
        assert!(!spoken(&line(2)));
        assert!(!spoken("unknown command"));
    }
}
