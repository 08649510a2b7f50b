//! Real gateways with real work in flight: an agent's turn against a model provider on loopback, which runs `sleep`.
//!
//! One world for all of it. OpenClaw itself cuts two drains short: main's after 315 s, and that of a plane whose shutdown then hangs as
//! well, at 325 s. Everything else happens meanwhile, on rescue and staging, so that the whole costs no more than the longer one.
//! It is named to begin first in its binary.

use std::ops::Range;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use gateward::wire::{PlaneStatus, State};
use rustix::process::Signal;

use crate::support::processes::{is_alive, kill, tree};
use crate::support::{BOOT, Boots, Gateward, Provider, Said, TestPlane, eventually, openclaw, said, say};

/// OpenClaw's own end of a drain whose work never ends: 315 s, and the rest is quick; and what a busy machine adds.
const CUT: Range<Duration> = Duration::from_secs(314)..Duration::from_secs(325);

/// Its own end of a shutdown that hangs.
const FORCED: Range<Duration> = Duration::from_secs(324)..Duration::from_secs(345);

/// A turn reaches its tool a few seconds after it was asked for; the client takes some to load.
const TURN: Duration = Duration::from_secs(120);

#[test]
fn work_in_flight_is_drained_shown_and_cut_short_only_by_those_who_may() {
    let Some(_) = openclaw() else { return };
    let (long, short) = (Provider::sleeping(500), Provider::sleeping(20));
    let stuck = r#"  plugins: { load: { paths: ["{workspace}/never-closes"] }, entries: { "never-closes": { enabled: true } } },
"#;
    let planes = vec![
        TestPlane::real("main").config(&long.config()),
        TestPlane::real("rescue").config(&short.config()),
        TestPlane::real("stuck").config(&long.config_with(stuck)).key("after", "[\"main\"]"),
        TestPlane::real("staging")
            .config(&long.config())
            .key("autostart", "false")
            .key("stop_grace", "\"6s\"")
            .env("OPENCLAW_NO_RESPAWN", "1"),
    ];
    let mut world = Gateward::new("active-work", planes);
    for (name, text) in NEVER_CLOSES {
        world.scratch().write(&format!("stuck/workspace/never-closes/{name}"), text);
    }
    let boots = Boots::take(2);
    world.up();
    world.until_ready("main");
    world.until_ready("rescue");
    world.until_ready("stuck");
    drop(boots);

    let [turn, turn_of_stuck] = std::thread::scope(|scope| {
        let world = &world;
        let turns = ["main", "stuck"].map(|name| scope.spawn(move || Turn::begin(world, name, 500)));
        turns.map(|turn| turn.join().expect("a turn"))
    });
    let stuck = Drained::begin(&world, "stuck", turn_of_stuck);
    let began = Instant::now();
    let draining = a_drain_is_shown_and_neither_asking_nor_leaving_shortens_it(&world, &turn);
    let main = Drained { turn, began, gateway: draining };

    a_safe_restart_waits_for_the_turn(&world);
    a_short_turn_ends_within_the_drain(&world);
    a_restart_within_the_process_is_a_generation(&world);
    at_the_deadline_and_with_now_everything_is_ended(&world);

    main.ends(&world, "main", 0, CUT);
    stuck.ends(&world, "stuck", 1, FORCED);
}

/// A plugin that asks for ten minutes to close, and never does.
const NEVER_CLOSES: [(&str, &str); 3] = [
    (
        "package.json",
        r#"{"name":"never-closes","version":"1.0.0","type":"module","openclaw":{"extensions":["./index.js"]}}"#,
    ),
    (
        "openclaw.plugin.json",
        r#"{"id":"never-closes","name":"never closes","description":"for a test","activation":{"onStartup":true},
  "configSchema":{"type":"object","additionalProperties":false,"properties":{}}}"#,
    ),
    (
        "index.js",
        r#"export default { id: "never-closes", name: "never closes", description: "for a test",
  register(api) { api.on("gateway_stop", () => new Promise(() => {}), { timeoutMs: 600000 }); } };
"#,
    ),
];

/// A gateway that was told to go, with work that never ends.
struct Drained {
    turn: Turn,
    began: Instant,
    gateway: i32,
}

impl Drained {
    #[track_caller]
    fn begin(world: &Gateward, plane: &str, turn: Turn) -> Self {
        let (began, gateway) = (Instant::now(), world.plane(plane).pid.expect("it runs"));
        world.run(&["stop", plane, "--no-wait"]).code(0);
        Self { turn, began, gateway }
    }

    /// It ends by itself, with this code and within this time; its own clock is in the journal.
    #[track_caller]
    fn ends(mut self, world: &Gateward, plane: &str, code: i32, within: Range<Duration>) {
        let stopped = world.until(plane, FORCED.end, "stopped", |plane| plane.state == State::Stopped);
        let exit = stopped.last_exit.expect("it ended");
        let time = |stamp: &str| stamp.parse::<jiff::Timestamp>().expect("a time");
        let asked = entries(world, plane).into_iter().find(|entry| {
            entry["event"] == "asked" && entry["saw"].as_str().is_some_and(|saw| saw.starts_with("stop by"))
        });
        let asked = time(asked.expect("the ask")["at"].as_str().expect("a time"));
        let took = Duration::try_from(time(&exit.at).duration_since(asked)).expect("after it was asked");
        say(&format!("{plane}: a drain with work that never ends took {} s, {exit:?}", took.as_secs()));
        assert!(within.contains(&took), "{took:?}, {exit:#?}");
        assert!(took <= self.began.elapsed() + Duration::from_secs(1));
        assert_eq!((exit.code, exit.signal), (Some(code), None), "its own end, not ours: {exit:#?}");
        assert!(exit.meaning.contains("with work cut off when its own drain ran out"), "{exit:#?}");
        assert!(!is_alive(self.gateway) && !is_alive(self.turn.sleeper), "nothing of it is left");
        assert_eq!(world.written(plane).family().busy(), Vec::<u16>::new());
        self.turn.client.kill().expect("our child");
        self.turn.client.wait().expect("our child");
    }
}

/// An agent's turn that has come to its tool.
struct Turn {
    client: Child,
    sleeper: i32,
}

impl Turn {
    #[track_caller]
    fn begin(world: &Gateward, plane: &str, seconds: u32) -> Self {
        let gateway = world.plane(plane).pid.expect("it runs");
        let mut command = world.command(&["exec", plane, "--", "openclaw", "agent", "--agent", "main"]);
        command.args(["--session-id", &format!("s{}", fastrand::u32(..)), "--message", "go"]);
        let mut client = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("our binary runs");
        let wanted = format!("sleep {seconds}");
        let sleeper = eventually(TURN, &format!("`{wanted}` under the gateway"), || {
            if let Some(status) = client.try_wait().expect("our child") {
                panic!("`openclaw agent` ended with {status}");
            }
            tree(gateway)
                .into_iter()
                .find(|pid| gateward::os::process::cmdline(*pid).is_ok_and(|words| words.join(" ") == wanted))
        });
        Self { client, sleeper }
    }

    fn end(self) -> Said {
        said(self.client.wait_with_output().expect("our child"))
    }
}

/// Gives the draining gateway's pid.
fn a_drain_is_shown_and_neither_asking_nor_leaving_shortens_it(world: &Gateward, turn: &Turn) -> i32 {
    let gateway = world.plane("main").pid.expect("it runs");
    let mut asker = world.command(&["stop", "main"]);
    let asker = asker.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("our binary runs");
    let shown = |plane: &PlaneStatus| plane.state == State::Stopping && plane.why.contains("draining its work: ");
    let draining = world.until("main", TURN, "draining, with what is left", shown);
    assert!(draining.why.contains("=1"), "how much of what: {}", draining.why);
    let until = draining.until.expect("the end of the grace");
    eventually(TURN, "the way out for new work is shut, the process lives", || !world.plane("main").ready);

    kill(asker.id().cast_signed(), Signal::INT);
    let left = said(asker.wait_with_output().expect("our child"));
    assert_eq!(left.code, 1, "{left:#?}");
    assert!(left.err.contains("draining its work: ") && left.err.contains("at the latest"), "{}", left.err);
    assert!(left.err.contains("the stop of main was accepted and goes on"), "{}", left.err);
    world.run(&["stop", "main", "--no-wait"]).code(0);
    kill(gateway, Signal::TERM);
    let still = world.plane("main");
    assert_eq!((still.state, still.pid), (State::Stopping, Some(gateway)), "{still:#?}");
    assert!(is_alive(turn.sleeper), "the work goes on");
    let second = |time: &str| time.parse::<jiff::Timestamp>().expect("a time").as_second();
    let moved = second(&still.until.expect("the end of the grace")) - second(&until);
    assert!(moved.abs() <= 1, "the grace ends when it did before: {moved} s later");
    gateway
}

fn a_safe_restart_waits_for_the_turn(world: &Gateward) {
    let before = world.plane("rescue");
    let turn = Turn::begin(world, "rescue", 20);
    let accepted = world.run(&["restart", "rescue", "--safe", "--no-wait"]).code(0);
    assert!(accepted.out.contains("restarts once its work has drained"), "{accepted:#?}");
    let sleeper = turn.sleeper;
    let boots = Boots::take(1);
    let after = eventually(BOOT, "rescue restarted, once its turn was over", || {
        let plane = world.plane("rescue");
        assert!(plane.incarnation == before.incarnation || !is_alive(sleeper), "it restarted with its work in flight");
        if plane.ready && plane.incarnation > before.incarnation { Ok(plane) } else { Err(Box::new(plane)) }
    });
    drop(boots);
    assert_eq!(after.incarnation, before.incarnation + 1);
    eventually(BOOT, "OpenClaw's word that it was wanted", || told(world, "rescue", "handoff", "no penalty"));
    turn.end();
}

fn a_short_turn_ends_within_the_drain(world: &Gateward) {
    let turn = Turn::begin(world, "rescue", 20);
    let stopped = world.run(&["stop", "rescue"]).code(0);
    assert!(stopped.err.contains("draining its work: "), "{stopped:#?}");
    let exit = world.plane("rescue").last_exit.expect("it ended");
    assert_eq!((exit.code, exit.meaning.as_str()), (Some(0), "stopped as asked"), "{exit:#?}");
    assert!(!is_alive(turn.sleeper));
    let turn = turn.end();
    assert!(turn.code == 0 && turn.out.contains("slept"), "the turn was let finish: {turn:#?}");
}

fn a_restart_within_the_process_is_a_generation(world: &Gateward) {
    let boots = Boots::take(1);
    world.run(&["start", "staging"]).code(0);
    let first = world.until_ready("staging");
    kill(first.pid.expect("it runs"), Signal::USR2);
    let again = world.until("staging", BOOT, "a generation", |plane| plane.generations == 1 && plane.ready);
    drop(boots);
    assert_eq!((again.pid, again.incarnation, again.restarts), (first.pid, first.incarnation, 0));
    assert!(told(world, "staging", "generation", "within itself"));
}

fn at_the_deadline_and_with_now_everything_is_ended(world: &Gateward) {
    let turn = Turn::begin(world, "staging", 500);
    let gateway = world.plane("staging").pid.expect("it runs");
    world.run(&["stop", "staging"]).code(0);
    nothing_is_left(world, gateway, turn);
    assert!(told(world, "staging", "killed", "the grace ran out"));

    let boots = Boots::take(1);
    world.run(&["start", "staging"]).code(0);
    let gateway = world.until_ready("staging").pid.expect("it runs");
    drop(boots);
    let turn = Turn::begin(world, "staging", 500);
    world.run(&["stop", "staging", "--no-wait"]).code(0);
    world.run(&["stop", "staging", "--now"]).code(0);
    nothing_is_left(world, gateway, turn);
    assert!(told(world, "staging", "asked", "--now"));
}

fn nothing_is_left(world: &Gateward, gateway: i32, turn: Turn) {
    let exit = world.plane("staging").last_exit.expect("it ended");
    assert_eq!((exit.signal, exit.meaning.as_str()), (Some(9), "told to stop, and ended by SIGKILL"), "{exit:#?}");
    assert!(!is_alive(gateway) && !is_alive(turn.sleeper), "the gateway, its group, and every child");
    assert_eq!(world.written("staging").family().busy(), Vec::<u16>::new());
    turn.end();
}

/// Whether the journal has an entry of this kind whose words contain these.
fn told(world: &Gateward, plane: &str, event: &str, words: &str) -> bool {
    entries(world, plane).iter().any(|entry| entry["event"] == event && entry.to_string().contains(words))
}

/// The plane's journal.
fn entries(world: &Gateward, plane: &str) -> Vec<serde_json::Value> {
    let path = world.scratch().join(&format!("state/planes/{plane}/journal.jsonl"));
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}
