//! `status`: how every plane is, at a glance, and in words where one is not well.
//!
//! Asks nobody: what the keepers and the daemon said is given.

use jiff::Timestamp;
use serde::Serialize;

use crate::plane::PlaneName;
use crate::render::table::{Cell, Column, LATE, Side, table};
use crate::render::text::{Look, Tone, columns, duration, fitted, size};
use crate::wire::{Change, ChangeStep, PlaneStatus, State};

/// What `status` shows; also what `status --json` prints.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The daemon.
    pub supervisor: SupervisorStatus,
    /// The planes, in manifest order.
    pub planes: Vec<PlaneStatus>,
}

/// The daemon as the asker sees it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SupervisorStatus {
    /// Whether it is there; `trouble` says so when it does not answer.
    pub running: bool,
    /// Its process.
    pub pid: Option<i32>,
    /// Its release.
    pub version: Option<String>,
    /// The manifest.
    pub manifest: String,
    /// What is not well with it or its manifest; empty when nothing is.
    pub trouble: String,
    /// Where what runs differs from the manifest as last read, and what each difference waits for.
    pub changes: Vec<Change>,
}

const COLUMNS: [Column; 10] = [
    Column { head: "PLANE", side: Side::Left, expendable: 0 },
    Column { head: "ROLE", side: Side::Left, expendable: 1 },
    Column { head: "STATE", side: Side::Left, expendable: 0 },
    Column { head: "READY", side: Side::Left, expendable: LATE + 2 },
    Column { head: "PID", side: Side::Right, expendable: 5 },
    Column { head: "UPTIME", side: Side::Right, expendable: LATE },
    Column { head: "RESTARTS", side: Side::Right, expendable: 4 },
    Column { head: "PORT", side: Side::Right, expendable: LATE + 1 },
    Column { head: "MEMORY", side: Side::Right, expendable: 3 },
    Column { head: "CPU", side: Side::Right, expendable: 2 },
];

/// The table, then a line for each thing that is not well.
pub fn status(report: &Report, now: Timestamp, look: Look) -> String {
    let rows: Vec<Vec<Cell>> = report.planes.iter().map(row).collect();
    let mut out = table(&COLUMNS, &rows, look);
    let remarks = remarks(report, now);
    if remarks.is_empty() {
        return out;
    }
    out.push('\n');
    let margin = remarks.iter().map(|remark| columns(&remark.about) + 2).max().unwrap_or(0).min(20);
    let mut before = "";
    for Remark { about, tone, text } in &remarks {
        let label = if about == before { "" } else { about };
        out.push_str(&fitted(label, *tone, text, margin.max(columns(about) + 2), look));
        before = about;
    }
    out
}

/// How a state looks; `up` is only half the truth without `ready`.
pub fn tone(status: &PlaneStatus) -> Tone {
    match status.state {
        State::Up if status.ready => Tone::Good,
        State::Up | State::Backoff => Tone::Doubt,
        State::Starting | State::Stopping => Tone::Moving,
        State::Stopped => Tone::Faint,
        State::Parked | State::Unknown => Tone::Bad,
    }
}

fn row(status: &PlaneStatus) -> Vec<Cell> {
    let ready = match (status.state, status.ready) {
        (State::Up | State::Stopping, true) => Cell::toned("yes", Tone::Good),
        (State::Up, false) => Cell::toned("no", Tone::Doubt),
        (State::Starting | State::Stopping, _) => Cell::new("no"),
        (State::Stopped | State::Backoff | State::Parked | State::Unknown, _) => Cell::default(),
    };
    let text = |value: Option<String>| Cell::new(value.unwrap_or_default());
    vec![
        Cell::toned(status.name.as_str(), Tone::Strong),
        Cell::new(status.role.as_str()),
        Cell::toned(status.state.as_str(), tone(status)),
        ready,
        text(status.pid.map(|pid| pid.to_string())),
        text(status.uptime_s.map(duration)),
        text((status.state != State::Unknown).then(|| status.restarts.to_string())),
        text(status.port.map(|port| port.to_string())),
        text(status.rss_bytes.map(size)),
        text(status.cpu_percent.map(percent)),
    ]
}

fn percent(value: f64) -> String {
    if value < 9.95 { format!("{value:.1}%") } else { format!("{value:.0}%") }
}

/// One line below the table.
struct Remark {
    about: String,
    tone: Tone,
    text: String,
}

fn remarks(report: &Report, now: Timestamp) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for status in &report.planes {
        let about = |text: String, tone| Remark { about: status.name.to_string(), tone, text };
        if let Some(text) = reason(status, now) {
            remarks.push(about(text, tone(status)));
        }
        // What the plane itself tells is not told twice.
        let changes = report.supervisor.changes.iter().filter(|change| !status.why.ends_with(&change.why));
        remarks.extend(changes.filter(|change| change.plane == status.name).map(pending));
        remarks.extend(status.notes.iter().map(|note| about(note.clone(), Tone::Faint)));
        if status.log_lines_lost > 0 {
            remarks.push(about(format!("{} lines of its output were lost", status.log_lines_lost), Tone::Doubt));
        }
    }
    let supervisor = |text: &str, tone| Remark { about: "supervisor".to_owned(), tone, text: text.to_owned() };
    if !report.supervisor.running && report.supervisor.trouble.is_empty() {
        remarks
            .push(supervisor("not running; `gateward run` starts it, and living planes stay as they are", Tone::Doubt));
    }
    if !report.supervisor.trouble.is_empty() {
        remarks.push(supervisor(&report.supervisor.trouble, Tone::Doubt));
    }
    remarks
}

/// What the manifest asks for and is not so yet.
fn pending(change: &Change) -> Remark {
    let about = change.plane.to_string();
    let what = match change.step {
        ChangeStep::Start => "not started",
        ChangeStep::Replace => "not replaced",
        ChangeStep::Stop => "not stopped",
        ChangeStep::Unknown => "not changed",
    };
    if change.blocked_by.is_empty() {
        return Remark { about, tone: Tone::Doubt, text: format!("{what} yet: {}", change.why) };
    }
    let codes = change.blocked_by.join(", ");
    Remark { about, tone: Tone::Bad, text: format!("{what} ({codes}): {}", change.why) }
}

/// Why a plane is as it is, and until when; nothing when all is well.
fn reason(status: &PlaneStatus, now: Timestamp) -> Option<String> {
    let mut text = status.why.clone();
    if status.state == State::Up && !status.ready && text.is_empty() && !status.failing.is_empty() {
        text = format!("not ready: {}", status.failing.join(", "));
    }
    if let Some(left) = left(status.until.as_deref(), now) {
        let left = duration(left);
        match status.state {
            State::Backoff => text = joined(&text, &format!("next try in {left}")),
            State::Stopping => text = joined(&text, &format!("{left} left")),
            State::Starting => text = joined(&text, &format!("given {left} more to show progress")),
            State::Stopped | State::Up | State::Parked | State::Unknown => {}
        }
    }
    (!text.is_empty()).then_some(text)
}

fn joined(first: &str, second: &str) -> String {
    if first.is_empty() { second.to_owned() } else { format!("{first}; {second}") }
}

/// Whole seconds until `until`; nothing when that is past or not a time.
pub fn left(until: Option<&str>, now: Timestamp) -> Option<u64> {
    let until: Timestamp = until?.parse().ok()?;
    u64::try_from(until.as_millisecond() - now.as_millisecond())
        .ok()
        .map(|ms| ms.div_ceil(1000))
        .filter(|left| *left > 0)
}

/// What is shown of a plane for which nobody answers.
pub fn unknown(name: PlaneName, role: &str, port: Option<u16>, why: String) -> PlaneStatus {
    PlaneStatus {
        name,
        role: role.to_owned(),
        state: State::Unknown,
        ready: false,
        live: false,
        pid: None,
        keeper_pid: None,
        keeper_version: None,
        incarnation: 0,
        restarts: 0,
        uptime_s: None,
        port,
        rss_bytes: None,
        cpu_percent: None,
        last_exit: None,
        why,
        failing: Vec::new(),
        definition: String::new(),
        wanted: false,
        until: None,
        generations: 0,
        notes: Vec::new(),
        exchanged: None,
        leaving: false,
        event_loop: None,
        safe_restart: None,
        log_lines_lost: 0,
        #[cfg(feature = "next-wire")]
        tomorrow: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().expect("a time")
    }

    fn plane(name: &str, role: &str, state: State) -> PlaneStatus {
        let mut status = unknown(PlaneName::new(name).expect("a name"), role, Some(18789), String::new());
        status.state = state;
        if matches!(state, State::Up | State::Stopping) {
            status.pid = Some(4711);
            status.uptime_s = Some(11_520);
            status.rss_bytes = Some(812 << 20);
            status.cpu_percent = Some(1.24);
            status.ready = state == State::Up;
        }
        status
    }

    fn every_state() -> Report {
        let mut backoff = plane("staging", "staging", State::Backoff);
        backoff.restarts = 4;
        backoff.why = "exited with code 1, 2 s after it was started".into();
        backoff.until = Some("2026-03-01T12:00:11.5Z".into());
        let mut stopping = plane("ops", "other", State::Stopping);
        stopping.why = "draining, as an operator asked it to stop".into();
        stopping.until = Some("2026-03-01T12:05:12Z".into());
        let mut parked = plane("lab", "other", State::Parked);
        parked.why = "its config is not valid (exit 78): gateway.port: expected a number. It goes on by itself once \
                      /home/me/.openclaw-lab/openclaw.json changes; `gateward exec lab -- openclaw doctor` says more"
            .into();
        let mut unready = plane("rescue", "rescue", State::Up);
        unready.ready = false;
        unready.failing = vec!["telegram:default".into()];
        unready.notes = vec!["its keeper is of release 0.0.9; replaced at its next restart".into()];
        let nobody = unknown(PlaneName::new("old").expect("a name"), "other", None, "no keeper answers".into());
        let planes = vec![
            plane("main", "main", State::Up),
            unready,
            backoff,
            stopping,
            parked,
            plane("idle", "other", State::Stopped),
            plane("new", "other", State::Starting),
            nobody,
        ];
        let supervisor =
            SupervisorStatus { running: false, manifest: "/etc/gateward/supervisor.toml".into(), ..Default::default() };
        Report { supervisor, planes }
    }

    #[test]
    fn every_state_in_eighty_columns() {
        let text = status(&every_state(), now(), Look { width: Some(80), colour: false });
        assert!(text.lines().all(|line| columns(line) <= 80), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn every_state_on_half_a_terminal() {
        let mut report = every_state();
        report.planes[1].notes = vec![format!("not on PATH ({})", "/usr/local/sbin:/usr/bin:".repeat(4))];
        insta::assert_snapshot!(status(&report, now(), Look { width: Some(30), colour: false }));
    }

    #[test]
    fn every_state_on_a_pipe() {
        insta::assert_snapshot!(status(&every_state(), now(), Look::PLAIN));
    }

    #[test]
    fn every_state_in_colour() {
        let text = status(&every_state(), now(), Look { width: Some(80), colour: true });
        insta::assert_snapshot!(text.replace('\u{1b}', "␛"));
    }

    #[test]
    fn all_well_is_a_table_alone() {
        let mut report = every_state();
        report.planes.truncate(1);
        report.supervisor.running = true;
        assert_eq!(status(&report, now(), Look::PLAIN).lines().count(), 2);
    }

    #[test]
    fn what_differs_stands_below_its_plane() {
        let mut report = every_state();
        report.planes.truncate(2);
        report.supervisor.running = true;
        let change = |plane: &str, step, codes: &[&str], why: &str| Change {
            plane: PlaneName::new(plane).expect("a name"),
            step,
            blocked_by: codes.iter().map(|code| (*code).to_owned()).collect(),
            why: why.to_owned(),
            waits_for: Vec::new(),
        };
        report.supervisor.changes = vec![
            change("main", ChangeStep::Replace, &[], "differs from the manifest"),
            change("rescue", ChangeStep::Start, &["state-dir-shared"], "`lab` still lives"),
        ];
        let text = status(&report, now(), Look::PLAIN);
        assert!(text.contains("main    not replaced yet: differs from the manifest\n"), "{text}");
        assert!(text.contains("        not started (state-dir-shared): `lab` still lives\n"), "{text}");
    }

    #[test]
    fn any_width_holds_with_the_longest_name() {
        let mut report = every_state();
        report.planes[0].name = PlaneName::new(&"m".repeat(32)).expect("a name");
        // One word without a blank, as a PATH in a note is.
        report.planes[1].notes.push(format!("not on PATH ({})", "/usr/local/sbin:".repeat(20)));
        for width in 8..200 {
            let text = status(&report, now(), Look { width: Some(width), colour: false });
            assert!(text.lines().all(|line| columns(line) <= width), "{width}:\n{text}");
            assert_eq!(text.lines().next().is_some_and(|head| head.contains("READY")), width >= 25, "{width}:\n{text}");
        }
    }

    #[test]
    fn json_has_the_fields_of_the_interface() {
        let report = serde_json::to_value(every_state()).expect("it is JSON");
        for field in ["running", "pid", "version", "manifest"] {
            assert!(report["supervisor"].get(field).is_some(), "supervisor.{field}");
        }
        for field in [
            "name",
            "role",
            "state",
            "ready",
            "live",
            "pid",
            "keeper_pid",
            "keeper_version",
            "incarnation",
            "restarts",
            "uptime_s",
            "port",
            "rss_bytes",
            "cpu_percent",
            "last_exit",
            "why",
        ] {
            assert!(report["planes"][0].get(field).is_some(), "planes.{field}");
        }
    }
}
