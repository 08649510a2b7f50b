//! Whole lives as text: what happened, what was ordered, where it stands; compared with what was approved.
//!
//! Reads best beside `ARCHITECTURE.md`'s drawing.

use std::fmt::Write;
use std::time::Duration;

use super::{S, life};
use crate::life::Life;
use crate::life::event::{Asking, Conflict, Event, Haste, Told};
use crate::life::order::Order;
use crate::openclaw::exits::{Exit, Stage, meaning};
use crate::plane::Contract;

/// A life that is written down as it is lived.
struct Scribe {
    life: Life,
    now: Duration,
    text: String,
}

impl Scribe {
    fn new() -> Self {
        let mut scribe = Self { life: life(), now: S(0), text: String::new() };
        let orders = scribe.life.begin(S(0));
        scribe.write("begins", &orders);
        scribe
    }

    fn write(&mut self, what: &str, orders: &[Order]) {
        let seconds = self.now.as_secs();
        let _ = writeln!(self.text, "{seconds:>4} s  {what}");
        for order in orders {
            let _ = match order {
                Order::Record(record) => writeln!(
                    self.text,
                    "          tells {}: {} | {} | {}",
                    record.event, record.saw, record.decided, record.follows
                ),
                order => writeln!(self.text, "          orders {order:?}"),
            };
        }
        let phase = format!("{:?}", self.life.phase());
        let phase = phase.split([' ', '{']).next().unwrap_or_default().to_owned();
        let deadline = self.life.deadline().map(|it| format!(", {:?} at {:.0} s", it.why, it.at.as_secs_f64()));
        let _ = writeln!(self.text, "          is {phase}{}", deadline.unwrap_or_default());
    }

    fn at(&mut self, seconds: u64, what: &str, event: Event) -> &mut Self {
        self.now = S(seconds);
        let orders = self.life.handle(event, self.now);
        self.write(what, &orders);
        self
    }

    fn swept(&mut self, seconds: u64) -> &mut Self {
        self.at(seconds, "swept, nothing left, nothing held", Event::Swept { survivors: vec![], conflicts: vec![] })
    }

    fn up(&mut self, seconds: u64) -> &mut Self {
        let incarnation = self.life.living().expect("spawned");
        self.at(seconds, "spawned", Event::Spawned { incarnation }).at(
            seconds + 8,
            "started",
            Event::Started { incarnation },
        )
    }

    fn ends(&mut self, seconds: u64, exit: Exit, stage: Stage, tail: &str) -> &mut Self {
        let incarnation = self.life.living().expect("it lives");
        let meaning = meaning(Contract::Openclaw, exit, stage, tail);
        self.at(seconds, &format!("ends: {exit}"), Event::Exited { incarnation, exit, meaning })
    }
}

#[test]
fn each_end_has_its_sentence_and_its_consequence() {
    let owned = "gateway already running (pid 12); lock timeout after 5000ms";
    let busy = "another gateway instance is already listening on ws://127.0.0.1:18789";
    let cut = "active-work drain timeout reached; proceeding with shutdown: activeTasks=1";
    let late = "shutdown deadline reached; abandoning unfinished cleanup and active work before stop";
    let both = format!("{cut}\n{late}");
    let rows = [
        ("a stop is asked, idle", Exit::Code(0), Stage::Stopping, ""),
        ("a stop is asked, work is cut short", Exit::Code(0), Stage::Stopping, cut),
        ("a stop is asked, its close fails", Exit::Code(1), Stage::Stopping, ""),
        ("a stop is asked, its close hangs", Exit::Code(1), Stage::Stopping, late),
        ("a stop is asked, work is cut short and the close hangs", Exit::Code(1), Stage::Stopping, &both),
        ("a stop is asked, its grace ends", Exit::Signal(9), Stage::Stopping, ""),
        ("code 0 that nobody asked for", Exit::Code(0), Stage::Up, ""),
        ("its config is refused", Exit::Code(78), Stage::Starting, "Invalid config"),
        ("its state dir is owned", Exit::Code(78), Stage::Starting, owned),
        ("its port is busy", Exit::Code(1), Stage::Starting, busy),
        ("it crashes while starting", Exit::Code(1), Stage::Starting, "TypeError"),
        ("it crashes", Exit::Code(1), Stage::Up, "TypeError"),
        ("an operator kills it", Exit::Signal(9), Stage::Up, ""),
        ("it dies of SIGHUP", Exit::Signal(1), Stage::Up, ""),
        ("the kernel takes it", Exit::OutOfMemory, Stage::Up, ""),
        ("the kernel takes it, or an operator does", Exit::PerhapsOutOfMemory, Stage::Up, ""),
    ];
    let mut text = String::new();
    for (what, exit, stage, tail) in rows {
        let mut scribe = Scribe::new();
        scribe.swept(0);
        if stage == Stage::Starting {
            scribe.at(0, "spawned", Event::Spawned { incarnation: 1 });
        } else {
            scribe.up(0);
        }
        if stage == Stage::Stopping {
            let asked = Event::Asked { id: 1, asking: Asking::Stop(Haste::Graceful), by: "ada".into() };
            scribe.at(90, "stop is asked", asked);
        }
        scribe.text.clear();
        scribe.ends(if stage == Stage::Starting { 2 } else { 100 }, exit, stage, tail);
        let told = scribe.text.lines().find_map(|line| line.trim().strip_prefix("tells exited: ")).expect("a record");
        let _ = writeln!(text, "{what}\n    {}", told.replace(" | ", "\n    "));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn two_kills_in_five_minutes_are_held_back_until_a_start_insists() {
    let mut scribe = Scribe::new();
    scribe.swept(0).up(0);
    scribe.ends(100, Exit::Signal(9), Stage::Up, "").swept(100).up(100);
    scribe.ends(160, Exit::Signal(9), Stage::Up, "").swept(160);
    scribe.at(200, "start is asked", Event::Asked { id: 1, asking: Asking::Start, by: "ada (uid 1000)".into() });
    scribe.swept(200).up(200);
    insta::assert_snapshot!(scribe.text);
}

#[test]
fn a_handoff_and_then_a_config_that_is_refused_and_mended() {
    let mut scribe = Scribe::new();
    scribe.swept(0).up(0);
    scribe.ends(90, Exit::Code(0), Stage::Up, "").swept(90).up(90);
    scribe.at(104, "OpenClaw answers", Event::HandoffTold { incarnation: 1, told: Told::Accepted("config".into()) });
    scribe.ends(200, Exit::Code(0), Stage::Up, "").swept(200);
    scribe.ends(202, Exit::Code(78), Stage::Starting, "Invalid config").swept(202);
    scribe.at(300, "the file is saved", Event::FilesChanged).swept(300).up(300);
    insta::assert_snapshot!(scribe.text);
}

#[test]
fn a_frozen_gateway_then_a_held_port_then_a_stop_that_drains() {
    let mut scribe = Scribe::new();
    scribe.swept(0).up(0);
    for seconds in [100, 110, 120] {
        scribe.at(seconds, "a probe fails", Event::Failed { incarnation: 1, how: "no answer within 5 s".into() });
    }
    scribe.at(150, "the deadline", Event::DeadlinePassed).ends(150, Exit::Signal(9), Stage::Stopping, "");
    let thief = Conflict { what: "port 18789".into(), holder: "nc (pid 7)".into() };
    scribe.at(151, "swept, but held", Event::Swept { survivors: vec!["node (pid 9)".into()], conflicts: vec![thief] });
    scribe.at(152, "the deadline", Event::DeadlinePassed).swept(152).up(152);
    let stop = |id, haste| Event::Asked { id, asking: Asking::Stop(haste), by: "ada (uid 1000)".into() };
    scribe.at(400, "stop is asked", stop(1, Haste::Graceful));
    scribe.at(402, "it drains", Event::Drained { incarnation: 2 });
    scribe.at(500, "stop is asked again", stop(2, Haste::Graceful));
    scribe.ends(690, Exit::Code(1), Stage::Stopping, "").swept(690);
    insta::assert_snapshot!(scribe.text);
}

#[test]
fn a_restart_in_place_on_a_busy_host_and_then_one_that_never_comes_to_its_end() {
    let mut scribe = Scribe::new();
    scribe.swept(0).up(0);
    let worked = || Event::Worked { incarnation: 1 };
    for seconds in [100, 110, 120, 130] {
        scribe.at(seconds, "no listener, and it works", worked());
    }
    scribe.at(140, "it answers", Event::Lived { incarnation: 1 });
    scribe.at(500, "no listener, and it works", worked());
    for seconds in [510, 520, 530] {
        let how = "nothing listens on its port".to_owned();
        scribe.at(seconds, "no listener, and no work", Event::Failed { incarnation: 1, how });
    }
    scribe.ends(531, Exit::Code(0), Stage::Stopping, "").swept(531);
    insta::assert_snapshot!(scribe.text);
}
