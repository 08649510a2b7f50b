//! `logs` and `events`: every line once, in order, whoever is dead.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use super::{quiet, talker};
use crate::support::{Gateward, TestPlane, eventually, processes};

const SOON: Duration = Duration::from_secs(60);

/// The numbers of the numbered lines, in the order they are shown.
fn numbers(text: &str) -> Vec<u32> {
    text.lines().filter_map(|line| line.rsplit_once("line ")?.1.parse().ok()).collect()
}

fn has_all(gateward: &Gateward, plane: &str, lines: u32) {
    eventually(SOON, "its last line", || {
        let said = gateward.run(&["logs", plane, "-n", "1"]);
        if numbers(&said.out) == [lines - 1] { Ok(()) } else { Err(said) }
    });
}

#[test]
fn every_line_is_shown_once_across_rotations_with_everybody_dead() {
    let small = "max_size = \"64KiB\"\nkeep = 20";
    let mut gateward = Gateward::new("logs-dead", vec![talker("main", 20_000).table("log", small)]);
    gateward.up();
    has_all(&gateward, "main", 20_000);
    let rotated = gateward.scratch().join("state/planes/main/log/gateway.log.2");
    assert!(rotated.exists(), "nothing was rotated, so this proves nothing");
    let keeper = gateward.plane("main").keeper_pid.expect("a keeper");
    gateward.end_daemon(Signal::KILL, SOON);
    processes::kill(keeper, Signal::KILL);
    eventually(SOON, "nobody there", || gateward.living().is_empty());
    let said = gateward.run(&["logs", "main", "-n", "all"]).code(0);
    assert_eq!(numbers(&said.out), (0..20_000).collect::<Vec<_>>());
    let last = gateward.run(&["logs", "main", "-n", "7"]).code(0);
    assert_eq!(numbers(&last.out), (19_993..20_000).collect::<Vec<_>>());
    assert_eq!(numbers(&gateward.run(&["logs", "main"]).code(0).out).len(), 100);
}

#[test]
fn following_goes_through_rotation_and_restart() {
    let small = "max_size = \"64KiB\"\nkeep = 40";
    let mut gateward = Gateward::new("logs-follow", vec![talker("main", 10_000).table("log", small)]);
    let mut follower = Follower::new(&gateward, &["logs", "main", "-f", "-n", "all"]);
    gateward.up();
    let first = follower.until(|line| line.ends_with("line 9999"));
    gateward.run(&["restart", "main"]).code(0);
    let second = follower.until(|line| line.ends_with("line 9999"));
    let twice: Vec<u32> = (0..10_000).collect();
    assert_eq!(numbers(&first.join("\n")), twice);
    assert_eq!(numbers(&second.join("\n")), twice);
    assert_eq!(follower.end(), Some(0));
}

#[test]
fn lines_that_are_rotated_away_are_told_of_exactly() {
    let small = |keep: u32| format!("max_size = \"64KiB\"\nkeep = {keep}");
    let none = talker("main", 10_000).table("log", &small(0));
    let few = talker("rescue", 10_000).table("log", &small(1));
    let mut gateward = Gateward::new("logs-gone", vec![none, few]);
    gateward.up();
    has_all(&gateward, "main", 10_000);
    has_all(&gateward, "rescue", 10_000);
    let first = |said: &crate::support::Said| numbers(&said.out).first().copied().expect("a line");
    for (plane, arguments) in [("main", ["-n", "all"]), ("rescue", ["-n", "all"]), ("main", ["--since", "1h"])] {
        let said = gateward.run(&["logs", plane, arguments[0], arguments[1]]).code(0);
        assert!(first(&said) > 0, "nothing was rotated away, so this proves nothing");
        assert!(said.err.contains(&format!("{plane}: older lines are gone: ")), "{arguments:?}: {}", said.err);
    }
    let said = gateward.run(&["logs", "main", "-n", "3"]).code(0);
    assert_eq!(said.err, "", "as many as were asked for");
}

#[test]
fn a_line_that_waits_for_its_end_is_shown_and_marked() {
    let asks = TestPlane::plain(
        "main",
        &["/bin/sh", "-c", "echo one; printf 'go on? '; read _ < ../gate; echo yes; exec sleep 1000000"],
    );
    let mut gateward = Gateward::new("logs-unfinished", vec![asks]);
    let gate = gateward.scratch().folder("main").join("gate");
    rustix::fs::mknodat(rustix::fs::CWD, &gate, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).expect("a fifo");
    let mut follower = Follower::new(&gateward, &["logs", "main", "-f", "--json"]);
    gateward.up();
    let question = follower.until(|line| line.contains("go on? ")).pop().expect("just seen");
    let question: serde_json::Value = serde_json::from_str(&question).expect("an object a line");
    assert_eq!(question["unfinished"], true, "{question}");
    let said = gateward.run(&["logs", "main"]).code(0);
    assert!(said.out.ends_with("Z go on? \n"), "{}", said.out);
    assert!(said.err.contains("main: its last line has no end yet"), "{}", said.err);
    let last = gateward.run(&["logs", "main", "-n", "1", "--since", "1h", "--json"]).code(0).json();
    assert_eq!(last["unfinished"], true, "{last}");
    std::fs::write(&gate, "\n").expect("whoever waits");
    let answer = follower.until(|line| line.contains("yes")).pop().expect("just seen");
    let answer: serde_json::Value = serde_json::from_str(&answer).expect("an object a line");
    assert_eq!((&answer["line"], &answer["unfinished"]), (&"yes".into(), &serde_json::Value::Null), "{answer}");
    assert_eq!(follower.end(), Some(0));
    let said = gateward.run(&["logs", "main"]).code(0);
    assert!(said.out.ends_with("Z go on? yes\n") && said.err.is_empty(), "{}{}", said.out, said.err);
}

#[test]
fn following_begins_with_keeper_and_daemon_dead_and_goes_on_with_the_next_ones() {
    let mut gateward = Gateward::new("logs-follow-dead", vec![talker("main", 50)]);
    gateward.up();
    has_all(&gateward, "main", 50);
    let keeper = gateward.plane("main").keeper_pid.expect("a keeper");
    gateward.end_daemon(Signal::KILL, SOON);
    processes::kill(keeper, Signal::KILL);
    eventually(SOON, "nobody there", || gateward.living().is_empty());
    let mut follower = Follower::new(&gateward, &["logs", "main", "-f", "-n", "1", "--json"]);
    let last = follower.until(|line| line.contains("line 49\""));
    assert_eq!(last.len(), 1, "{last:#?}");
    gateward.up();
    let lines = follower.until(|line| line.contains("line 49\""));
    let said = lines.iter().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("an object a line"));
    let said: Vec<String> = said.map(|line| format!("{}\n", line["line"].as_str().expect("text"))).collect();
    assert_eq!(numbers(&said.concat()), (0..50).collect::<Vec<_>>());
    assert_eq!(follower.end(), Some(0));
}

#[test]
fn several_planes_are_merged_by_time() {
    let mut gateward = Gateward::new("logs-merged", vec![talker("main", 50), talker("rescue", 50)]);
    gateward.up();
    has_all(&gateward, "main", 50);
    has_all(&gateward, "rescue", 50);
    let said = gateward.run(&["logs", "-n", "all"]).code(0);
    let times: Vec<&str> = said.out.lines().filter_map(|line| line.split(" | ").nth(1)?.split(' ').next()).collect();
    assert!(times.len() >= 100 && times.is_sorted(), "{}", said.out);
    for plane in ["main   | ", "rescue | "] {
        let own: String =
            said.out.lines().filter(|line| line.starts_with(plane)).map(|line| format!("{line}\n")).collect();
        assert_eq!(numbers(&own), (0..50).collect::<Vec<_>>());
    }
    let json = gateward.run(&["logs", "--json", "-n", "3"]).code(0);
    for line in json.out.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("one object a line");
        // As wide for every line, so that the text sorts as the times do.
        assert_eq!(line["at"].as_str().map(str::len), Some("2026-03-01T12:00:00.000Z".len()), "{line}");
        assert!(line["at"].is_string() && line["plane"].is_string() && line["line"].is_string(), "{line}");
    }
    assert_eq!(json.out.lines().count(), 3);
}

#[test]
fn since_leaves_out_what_is_older() {
    let script = "echo early; sleep 2.2; echo late; exec sleep 1000000";
    let plane = TestPlane::plain("main", &["/bin/sh", "-c", script]);
    let mut gateward = Gateward::new("logs-since", vec![plane]);
    gateward.up();
    eventually(SOON, "the late line", || gateward.run(&["logs", "main"]).out.contains("late"));
    let said = gateward.run(&["logs", "main", "--since", "2s"]).code(0);
    assert!(said.out.contains("late") && !said.out.contains("early"), "{}", said.out);
    let said = gateward.run(&["logs", "main", "--since", "1h"]).code(0);
    assert!(said.out.contains("late") && said.out.contains("early"), "{}", said.out);
}

/// One plane whose lines say their times, and one whose lines do not.
fn with_and_without_times(folder: &str) -> Gateward {
    let plain = talker("rescue", 30).table("log", "stamp = false");
    let mut gateward = Gateward::new(folder, vec![talker("main", 30), plain]);
    gateward.up();
    has_all(&gateward, "main", 30);
    has_all(&gateward, "rescue", 30);
    gateward
}

/// The lines of one plane among several.
fn of_plane(text: &str, plane: &str) -> Vec<u32> {
    let own = text.lines().filter(|line| line.starts_with(plane)).map(|line| format!("{line}\n"));
    numbers(&own.collect::<String>())
}

#[test]
fn lines_without_a_time_are_never_left_out_in_silence() {
    let gateward = with_and_without_times("logs-untimed");
    // As if `rescue` had been silent since: none of its lines may be lost for that `main` spoke later.
    let log = gateward.scratch().join("state/planes/rescue/log/gateway.log");
    let hour = Duration::from_secs(3600);
    let an_hour_ago = std::fs::metadata(&log).and_then(|log| log.modified()).expect("its log") - hour;
    std::fs::File::options().append(true).open(&log).and_then(|log| log.set_modified(an_hour_ago)).expect("its log");

    let said = gateward.run(&["logs", "-n", "5"]).code(0);
    assert_eq!(of_plane(&said.out, "main"), [25, 26, 27, 28, 29], "{}", said.out);
    assert_eq!(of_plane(&said.out, "rescue"), [25, 26, 27, 28, 29], "{}", said.out);
    assert!(said.out.starts_with("rescue"), "the older file does not come first: {}", said.out);
    assert!(said.err.contains("rescue: lines without a time are in its log (log.stamp = false)"), "{}", said.err);
    assert!(!said.err.contains("main:"), "{}", said.err);

    let said = gateward.run(&["logs", "--since", "30m"]).code(0);
    assert_eq!(of_plane(&said.out, "main").len(), 30);
    assert_eq!(of_plane(&said.out, "rescue").len(), 0, "its file was not written since");
    let said = gateward.run(&["logs", "rescue", "--since", "2h"]).code(0);
    assert_eq!(numbers(&said.out).len(), 30, "{}", said.out);
    assert!(said.err.contains("rescue: lines without a time"), "{}", said.err);
    assert!(said.err.contains("shown whole, with older lines too"), "{}", said.err);

    let json = gateward.run(&["logs", "rescue", "--json", "-n", "1"]).code(0);
    let line: serde_json::Value = serde_json::from_str(&json.out).expect("one object");
    assert_eq!((&line["at"], &line["line"]), (&serde_json::Value::Null, &"line 29".into()), "a time was made up");
    assert_eq!(json.err, "", "one plane's last lines need no time");
}

#[test]
fn the_last_lines_since_a_time_are_both() {
    let gateward = with_and_without_times("logs-last-since");
    for (plane, since) in [("main", "1h"), ("rescue", "1h")] {
        let said = gateward.run(&["logs", plane, "--since", since, "-n", "3"]).code(0);
        assert_eq!(numbers(&said.out), [27, 28, 29], "{}", said.out);
    }
    let said = gateward.run(&["logs", "main", "--since", "2999-01-01", "-n", "3"]).code(0);
    assert_eq!(said.out, "");
    let said = gateward.run(&["logs", "main", "--since", "1h", "-n", "all"]).code(0);
    assert_eq!(numbers(&said.out).len(), 30);
    let said = gateward.run(&["events", "main", "--since", "1h", "-n", "1"]).code(0);
    assert_eq!(said.out.lines().count(), 1, "{}", said.out);
    let said = gateward.run(&["events", "main", "--since", "2999-01-01", "-n", "1"]).code(0);
    assert_eq!(said.out, "");
}

#[test]
fn events_are_json_of_every_plane_and_of_the_supervisor() {
    let mut gateward = Gateward::new("logs-events", vec![quiet("main"), quiet("rescue")]);
    let mut follower = Follower::new(&gateward, &["events", "-f"]);
    gateward.up();
    gateward.until_ready("main");
    gateward.run(&["restart", "main"]).code(0);
    let seen = follower.until(|line| line.contains("\"spawned\"") && line.contains("\"incarnation\":2"));
    for line in &seen {
        let line: serde_json::Value = serde_json::from_str(line).expect("one object a line");
        for field in ["at", "incarnation", "event", "saw", "decided", "follows"] {
            assert!(!line[field].is_null(), "{field} is missing in {line}");
        }
    }
    assert_eq!(follower.end(), Some(0));
    let since = gateward.run(&["events", "main", "-n", "1"]).code(0);
    assert_eq!(since.out.lines().count(), 1, "{}", since.out);
}

/// A `-f` in the background, read line by line.
struct Follower {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Follower {
    fn new(gateward: &Gateward, arguments: &[&str]) -> Self {
        let mut child = gateward.command(arguments).stdout(Stdio::piped()).spawn().expect("our binary runs");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// The lines up to the one that fits.
    #[track_caller]
    fn until(&mut self, fits: impl Fn(&str) -> bool) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(SOON) {
                Ok(line) => seen.push(line),
                Err(error) => panic!("{error}; the last of {} lines: {:#?}", seen.len(), seen.last()),
            }
            if fits(seen.last().expect("just pushed")) {
                return seen;
            }
        }
    }

    /// Ctrl-C; gives the exit code.
    fn end(mut self) -> Option<i32> {
        processes::kill(self.child.id().cast_signed(), Signal::INT);
        self.child.wait().expect("our child").code()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // Ended already where the test came to its end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
