//! What the three probes answer: status and body, as the real gateway words them.
//!
//! Pure; the server carries it.

use std::time::Duration;

use serde_json::{Value, json};

use super::VERSION;

/// How far the gateway is, as far as it can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It listens, its sidecars do not run yet.
    Starting,
    /// It does its work.
    Started,
    /// It finishes its work and takes no more.
    Draining,
}

/// Status and body for a path; none for a path that is no probe.
pub(super) fn answer(path: &str, stage: Stage, uptime: Duration, failing: &[String]) -> Option<(u16, Value)> {
    match path {
        "/healthz" => Some((200, json!({"ok": true, "status": "live"}))),
        "/startupz" => Some(startup(stage, millis(uptime))),
        "/readyz" => Some(ready(stage, millis(uptime), failing)),
        _ => None,
    }
}

fn startup(stage: Stage, uptime: u64) -> (u16, Value) {
    match stage {
        Stage::Starting => {
            let body = json!({"ok": false, "status": "starting", "version": VERSION, "uptimeMs": uptime,
                "pendingReason": "startup-sidecars"});
            (503, body)
        }
        Stage::Started => (200, json!({"ok": true, "status": "started", "version": VERSION, "uptimeMs": uptime})),
        Stage::Draining => (503, json!({"ok": false, "status": "draining", "version": VERSION, "uptimeMs": uptime})),
    }
}

fn ready(stage: Stage, uptime: u64, failing: &[String]) -> (u16, Value) {
    let failing = match stage {
        Stage::Starting => vec!["startup-sidecars".to_owned()],
        Stage::Started => failing.to_vec(),
        Stage::Draining => vec!["gateway-draining".to_owned()],
    };
    let event_loop = json!({"degraded": false, "degradedSinceMs": null, "reasons": [], "intervalMs": 1000.0,
        "delayP99Ms": 1.0, "delayMaxMs": 1.0, "utilization": 0.01, "cpuCoreRatio": 0.01});
    let code = if failing.is_empty() { 200 } else { 503 };
    (code, json!({"ready": failing.is_empty(), "failing": failing, "uptimeMs": uptime, "eventLoop": event_loop}))
}

fn millis(uptime: Duration) -> u64 {
    u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str, stage: Stage, failing: &[&str]) -> (u16, Value) {
        let failing: Vec<String> = failing.iter().map(|name| (*name).to_owned()).collect();
        answer(path, stage, Duration::from_millis(703), &failing).expect("a probe")
    }

    #[test]
    fn liveness_is_said_as_long_as_it_listens() {
        for stage in [Stage::Starting, Stage::Started, Stage::Draining] {
            assert_eq!(at("/healthz", stage, &["telegram"]), (200, json!({"ok": true, "status": "live"})));
        }
    }

    #[test]
    fn startup_and_readiness_follow_the_stage() {
        let (code, body) = at("/startupz", Stage::Starting, &[]);
        assert_eq!((code, &body["pendingReason"], &body["uptimeMs"]), (503, &json!("startup-sidecars"), &json!(703)));
        assert_eq!(at("/startupz", Stage::Started, &["telegram"]).0, 200);
        assert_eq!(at("/startupz", Stage::Draining, &[]).1["status"], "draining");
        assert_eq!(at("/readyz", Stage::Started, &[]).0, 200);
        let (code, body) = at("/readyz", Stage::Started, &["telegram"]);
        assert_eq!((code, &body["ready"], &body["failing"]), (503, &json!(false), &json!(["telegram"])));
        assert_eq!(at("/readyz", Stage::Draining, &[]).1["failing"], json!(["gateway-draining"]));
        assert_eq!(answer("/", Stage::Started, Duration::ZERO, &[]), None);
    }
}
