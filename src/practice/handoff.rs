//! The note that a restarting stand-in leaves for its supervisor, and the two machine calls that ask for it.
//!
//! Same protocol as the real one; the row is a file in the state dir.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

const PROTOCOL: &str = "openclaw.gateway.restart-handoff";

/// How long a row is good for, in milliseconds.
const LIFE: i64 = 60_000;

fn row(state_dir: &Path) -> PathBuf {
    state_dir.join("practice-handoff.json")
}

/// Leaves a row that asks for a successor of this process.
pub(super) fn leave(state_dir: &Path, reason: &str, source: &str) -> std::io::Result<()> {
    let (pid, now) = (std::process::id(), jiff::Timestamp::now().as_millisecond());
    let text = json!({"intentId": format!("practice-{pid}-{now}"), "pid": pid, "reason": reason, "source": source,
        "restartKind": "full-process", "supervisorMode": "external", "createdAt": now, "expiresAt": now + LIFE});
    write(&row(state_dir), &text)
}

/// Writes a private file whole or not at all.
pub(super) fn write(path: &Path, value: &Value) -> std::io::Result<()> {
    let draft = path.with_extension("tmp");
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    writeln!(file, "{value}")?;
    fs::rename(&draft, path)
}

/// Reads what `write` wrote.
pub(super) fn read(path: &Path) -> Option<Value> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

/// `gateway restart-handoff capabilities`
pub(super) fn capabilities() -> ExitCode {
    say(json!({"ok": true, "protocol": PROTOCOL, "protocolVersion": 1, "operations": ["consume"]}));
    ExitCode::SUCCESS
}

/// `gateway restart-handoff consume --expected-pid PID`
pub(super) fn consume(state_dir: &Path, pid: &str) -> ExitCode {
    let Ok(expected @ 1..) = pid.parse::<i64>() else {
        let head = json!({"ok": false, "protocol": PROTOCOL, "protocolVersion": 1});
        say(joined(head, json!({"status": "error", "reason": "invalid-expected-pid"})));
        return ExitCode::from(2);
    };
    let path = row(state_dir);
    let row = read(&path);
    let (verdict, used) = judge(row.as_ref(), expected, jiff::Timestamp::now().as_millisecond());
    if used && fs::remove_file(&path).is_err() {
        let head = json!({"ok": false, "protocol": PROTOCOL, "protocolVersion": 1});
        say(joined(head, json!({"status": "error", "reason": "store-unavailable"})));
        return ExitCode::FAILURE;
    }
    say(joined(json!({"ok": true, "protocol": PROTOCOL, "protocolVersion": 1}), verdict));
    ExitCode::SUCCESS
}

/// The answer, and whether it uses the row up.
fn judge(row: Option<&Value>, expected: i64, now: i64) -> (Value, bool) {
    let Some(row) = row else { return (json!({"status": "none", "reason": "missing"}), false) };
    let (pid, expires) = (row["pid"].as_i64(), row["expiresAt"].as_i64().unwrap_or(0));
    if now >= expires {
        (json!({"status": "rejected", "reason": "expired", "handoffPid": pid}), false)
    } else if pid != Some(expected) {
        (json!({"status": "rejected", "reason": "pid-mismatch", "handoffPid": pid}), false)
    } else {
        (json!({"status": "accepted", "handoff": row}), true)
    }
}

fn joined(mut head: Value, tail: Value) -> Value {
    if let (Value::Object(head), Value::Object(tail)) = (&mut head, tail) {
        head.extend(tail);
    }
    head
}

fn say(value: Value) {
    // Nobody is left to tell when stdout is gone.
    let _ = writeln!(std::io::stdout(), "{value:#}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openclaw::handoff::{Handoff, consumed};

    #[test]
    fn a_row_is_accepted_once_by_the_right_pid_in_time() {
        let row = json!({"pid": 7, "expiresAt": 1000, "reason": "restart", "source": "sigusr2"});
        let of = |row: Option<&Value>, pid, now| {
            let (verdict, used) = judge(row, pid, now);
            (consumed(pid.try_into().expect("a pid"), Some(0), &verdict.to_string(), ""), used)
        };
        assert_eq!(of(Some(&row), 7, 999), (Handoff::Accepted("restart (sigusr2)".into()), true));
        assert_eq!(of(Some(&row), 8, 999), (Handoff::Nothing("rejected: pid-mismatch".into()), false));
        assert_eq!(of(Some(&row), 7, 1000), (Handoff::Accepted("restart, asked about late".into()), false));
        assert_eq!(of(None, 7, 0), (Handoff::Nothing("none: missing".into()), false));
    }
}
