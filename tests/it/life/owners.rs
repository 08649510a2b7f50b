//! Another stand-in that lives on a plane's state dir: before a spawn, and behind its back.
//!
//! The same on the real gateway is `openclaw theft`.

use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use gateward::openclaw::owner;
use gateward::wire::{PlaneStatus, State};
use rustix::process::Signal;

use super::{SOON, journal, quick, told, up};
use crate::support::processes::kill;
use crate::support::{Family, Gateward, Scratch, TestPlane, eventually};

#[test]
fn one_that_was_started_by_hand_is_seen_before_anything_is_spawned() {
    let mut world = Gateward::new("by-hand", vec![quick("main")]);
    let stranger = Stranger::start(&world);
    world.up();
    let waiting = world.until("main", SOON, "waiting for the owner", |plane| stranger.holds(plane));
    assert_eq!((waiting.state, waiting.incarnation), (State::Backoff, 0), "nothing was spawned beside it");
    stranger.end();
    let first = world.until("main", SOON, "up once it has left", up);
    assert_eq!((first.incarnation, first.restarts), (1, 0));
}

#[test]
fn one_that_came_after_the_proof_is_a_conflict_with_a_name_and_its_end_is_waited_for() {
    let scratch = Scratch::new("owner-held");
    let held = scratch.write("held", "");
    let text = format!(
        "#!/bin/sh\ncase \"$*\" in *'gateway run'*) while [ -e {} ]; do sleep 0.05; done;; esac\nexec {} practice \"$@\"\n",
        held.display(),
        env!("CARGO_BIN_EXE_gateward")
    );
    let program = scratch.write("openclaw", &text);
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let mut world = Gateward::new("owner-after", vec![TestPlane::command("main", &[&program.display().to_string()])]);
    world.up();
    world.until("main", SOON, "spawned, and not at the state dir yet", |plane| plane.pid.is_some());
    let stranger = Stranger::start(&world);
    std::fs::remove_file(held).expect("removed");

    let refused = world.until("main", SOON, "waiting for the owner", |plane| stranger.holds(plane));
    assert_eq!((refused.state, refused.incarnation), (State::Backoff, 1), "{refused:#?}");
    let exit = refused.last_exit.expect("it ended");
    assert_eq!((exit.code, exit.meaning.contains("held by another")), (Some(78), true), "{exit:#?}");
    assert!(told(&world, "main", "conflict", "until the holder leaves"), "{:#?}", journal(&world, "main"));
    let why = world.run(&["why", "main"]).code(3);
    assert!(why.out.contains(&format!("(pid {})", stranger.pid())), "{}", why.out);
    stranger.end();
    let back = world.until("main", SOON, "up once it has left", up);
    assert_eq!(back.incarnation, 2, "{:#?}", journal(&world, "main"));
}

/// A stand-in on main's state dir that is nobody's, with a port of its own.
struct Stranger {
    child: Child,
    _family: Family,
}

impl Stranger {
    #[track_caller]
    fn start(world: &Gateward) -> Self {
        let family = Family::lease();
        let (port, own) = (world.written("main").base(), family.base().to_string());
        let state = world.scratch().folder("main/state");
        let text = format!("{{ gateway: {{ mode: \"local\", port: {own} }} }}");
        let config = world.scratch().write("stranger.json", &text);
        assert_ne!(own, port.to_string());
        let child = Command::new(env!("CARGO_BIN_EXE_gateward"))
            .args(["practice", "gateway", "run", "--port", &own])
            .env_clear()
            .envs([("OPENCLAW_CONFIG_PATH", &config), ("OPENCLAW_STATE_DIR", &state)])
            .current_dir(&state)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("our binary runs");
        let stranger = Self { child, _family: family };
        eventually(SOON, "the stranger's lock", || {
            let mut folders = std::fs::read_dir(state.join(owner::FOLDER)).ok()?.flatten();
            folders.find(|folder| {
                let text = std::fs::read_to_string(folder.path().join(owner::FILE)).unwrap_or_default();
                owner::owner(&text).is_some_and(|owner| owner.pid == stranger.pid())
            })
        });
        stranger
    }

    fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    fn holds(&self, plane: &PlaneStatus) -> bool {
        plane.why.contains("state dir") && plane.why.contains(&format!("(pid {})", self.pid()))
    }

    #[track_caller]
    fn end(mut self) {
        kill(self.pid(), Signal::TERM);
        eventually(SOON, "the stranger's end", || self.child.try_wait().expect("our child"));
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
