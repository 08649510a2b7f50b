//! What a real gateway needs and somebody else holds: its port, its state dir; before it is spawned, and behind its back.
//!
//! And, as each such end counts with OpenClaw's breaker, what that says and how it is shown.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gateward::openclaw::owner;
use gateward::wire::{PlaneStatus, State};
use rustix::process::Signal;

use crate::support::processes::kill;
use crate::support::{BOOT, Boots, Family, Gateward, TestPlane, eventually, openclaw};

/// A port that is busy is tried for 15 to 19 s (contract); a busy machine stretches that.
const REFUSED: Duration = Duration::from_secs(120);

#[test]
fn what_others_hold_is_waited_for_by_name_and_the_breaker_is_shown() {
    let Some(bin) = openclaw() else { return };
    let plane = TestPlane::real("main");
    let thief = TcpListener::bind(("127.0.0.1", plane.base())).expect("the base port");
    let mut world = Gateward::new("theft", vec![plane]);
    let _boots = Boots::take(1);
    let foreign = Foreign::start(bin, &world);
    foreign.until_it_owns_the_state_dir();
    world.up();

    // Both are told before anything is spawned; each that leaves is told no longer.
    let us = format!("(pid {})", std::process::id());
    let waiting = world.until("main", REFUSED, "waiting for both", |plane| held_by(plane, &us) && foreign.holds(plane));
    assert_eq!((waiting.state, waiting.incarnation), (State::Backoff, 0));
    drop(thief);
    world.until("main", REFUSED, "waiting for one", |plane| !held_by(plane, &us) && foreign.holds(plane));
    foreign.end();
    let first = world.until_ready("main");
    assert_eq!((first.incarnation, first.restarts), (1, 0), "a conflict is no death");

    // The owner comes after the proof and before the gateway looks: it refuses with 78, and that is no fault of its config.
    world.run(&["stop", "main"]).code(0);
    world.run(&["start", "main", "--no-wait"]).code(0);
    let (stopped, held) = hold(&world, 2);
    let foreign = Foreign::start(bin, &world);
    foreign.until_it_owns_the_state_dir();
    kill(stopped, Signal::CONT);
    let refused =
        world.until("main", REFUSED, "waiting for the owner", |plane| ended_as(plane, 78) && foreign.holds(plane));
    assert_eq!((refused.state, refused.incarnation), (State::Backoff, held), "{refused:#?}");
    foreign.end();

    // And so with the port: 1, after it has tried for a while.
    let (stopped, held) = hold(&world, held + 1);
    let thief = TcpListener::bind(("127.0.0.1", world.written("main").base())).expect("the base port");
    kill(stopped, Signal::CONT);
    let refused = world.until("main", REFUSED, "back off from the thief", |plane| ended_as(plane, 1));
    assert_eq!((refused.state, refused.incarnation), (State::Backoff, held), "{refused:#?}");
    drop(thief);

    // One such end and two kills: the next boot comes up with its channels off, and that is told apart from ready.
    for nth in 1..=3 {
        world.run(&["start", "main"]).code(0);
        let plane = world.until_ready("main");
        assert_eq!(plane.incarnation, held + nth);
        if nth < 3 {
            assert!(plane.notes.is_empty(), "{plane:#?}");
            kill(plane.pid.expect("it runs"), Signal::KILL);
            let back = world.until("main", REFUSED, "held back", |plane| plane.why.contains("held back"));
            assert!(back.until.is_some(), "status names the minute: {back:#?}");
            assert!(
                back.last_exit.expect("it ended").meaning.contains("killed by a signal that gateward did not send")
            );
        }
    }
    let suppressed = world.plane("main");
    assert!(suppressed.ready && suppressed.notes.iter().any(|note| note.contains("every channel off, until about")));
    for verb in ["why", "events", "status"] {
        let said = world.run(&[verb, "main"]).code(0);
        assert!(said.out.contains("channel"), "{verb}: {}", said.out);
    }
}

fn held_by(plane: &PlaneStatus, who: &str) -> bool {
    plane.why.contains("is held by") && plane.why.contains(who)
}

fn ended_as(plane: &PlaneStatus, code: i32) -> bool {
    plane.last_exit.as_ref().is_some_and(|exit| exit.code == Some(code) && exit.meaning.contains("held by another"))
}

/// Stops the gateway of this incarnation in its tracks as soon as it is spawned, a second before it looks at anything.
#[track_caller]
fn hold(world: &Gateward, least: u64) -> (i32, u64) {
    let plane = eventually(BOOT, "main: spawned", || {
        let plane = world.plane("main");
        if plane.state == State::Backoff && plane.incarnation >= least {
            // It was spawned while the owner was only leaving, and is held back since: an operator insists.
            world.run(&["start", "main", "--no-wait"]);
        }
        if plane.incarnation >= least && plane.pid.is_some() { Ok(plane) } else { Err(Box::new(plane)) }
    });
    let pid = plane.pid.expect("it runs");
    kill(pid, Signal::STOP);
    (pid, plane.incarnation)
}

/// A gateway that somebody started by hand on main's state dir, with a config and a port of its own.
struct Foreign {
    child: Child,
    state: std::path::PathBuf,
    _family: Family,
}

impl Foreign {
    fn start(bin: &Path, world: &Gateward) -> Self {
        let family = Family::lease();
        let (port, own) = (world.written("main").base(), family.base());
        let text = std::fs::read_to_string(world.scratch().join("main/openclaw.json")).expect("a config");
        let config = world.scratch().write("foreign/openclaw.json", &text.replace(&port.to_string(), &own.to_string()));
        let state = world.scratch().join("main/state");
        let mut command = Command::new(bin.join("openclaw"));
        command
            .args(["gateway", "run", "--port", &own.to_string()])
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
            .env("HOME", world.scratch().folder("foreign/home"))
            .env("OPENCLAW_CONFIG_PATH", config)
            .env("OPENCLAW_STATE_DIR", &state)
            .envs([("OPENCLAW_DISABLE_BONJOUR", "1"), ("OPENCLAW_SKIP_CHANNELS", "1"), ("OPENCLAW_OFFLINE", "1")])
            .current_dir(&state)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self { child: command.spawn().expect("openclaw runs"), state, _family: family }
    }

    fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    #[track_caller]
    fn until_it_owns_the_state_dir(&self) {
        eventually(BOOT, "the foreign gateway's lock", || {
            let folders = std::fs::read_dir(self.state.join(owner::FOLDER)).ok()?;
            let mut locks = folders.flatten().map(|folder| folder.path().join(owner::FILE));
            locks.find(|lock| {
                let text = std::fs::read_to_string(lock).unwrap_or_default();
                owner::owner(&text).is_some_and(|owner| owner.pid == self.pid())
            })
        });
    }

    fn holds(&self, plane: &PlaneStatus) -> bool {
        plane.why.contains("state dir") && held_by(plane, &format!("(pid {})", self.pid()))
    }

    #[track_caller]
    fn end(mut self) {
        kill(self.pid(), Signal::TERM);
        eventually(BOOT, "the end of the foreign gateway", || self.child.try_wait().expect("our child"));
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
