//! Two releases at once: the program as it is, and the same program built to speak as a later one might. Either may be the
//! supervisor, a keeper or the command line of the other.

#![allow(clippy::disallowed_methods, reason = "tests start programs and wait")]

#[path = "../support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use gateward::wire::{PlaneStatus, RELEASE, State};
use rustix::process::Signal;
use support::processes::kill;
use support::{Gateward, TestPlane, eventually, said};

const SOON: Duration = Duration::from_secs(60);

/// This release's program.
fn this() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_gateward"))
}

/// The later release's program, built once: its libraries are those of this one, so that only the crate itself is compiled.
fn next() -> &'static Path {
    static NEXT: OnceLock<PathBuf> = OnceLock::new();
    NEXT.get_or_init(|| {
        let folder = this().parent().expect("the folder of programs");
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args(["build", "--locked", "--bin", "gateward-next", "--features", "next-wire", "--target-dir"])
            .arg(folder.parent().expect("the target folder"))
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        if folder.ends_with("release") {
            cargo.arg("--release");
        }
        said(cargo.output().expect("cargo runs")).code(0);
        folder.join("gateward-next")
    })
}

fn later() -> String {
    format!("{RELEASE}+next")
}

fn quick(name: &str) -> TestPlane {
    TestPlane::practice(name).table("restart", "min_delay = \"50ms\"\nmax_delay = \"200ms\"\nstable = \"0s\"")
}

fn up(plane: &PlaneStatus) -> bool {
    plane.state == State::Up && plane.ready
}

/// A world in which main and rescue are up under a supervisor of that program.
fn world(test: &str, program: &Path) -> (Gateward, PlaneStatus, PlaneStatus) {
    let mut world = Gateward::new(test, vec![quick("main"), quick("rescue")]);
    world.install(program);
    world.up();
    let (main, rescue) = (world.until("main", SOON, "up", up), world.until("rescue", SOON, "up", up));
    (world, main, rescue)
}

/// The release that the supervisor says it is.
fn release(world: &Gateward) -> String {
    world.status().supervisor["version"].as_str().unwrap_or_default().to_owned()
}

/// Kills main's gateway: a keeper of `now` follows one of `before`, and rescue is left.
fn hands_over_at_the_next_start(world: &Gateward, main: &PlaneStatus, rescue: &PlaneStatus, now: &str) {
    kill(main.pid.expect("it runs"), Signal::KILL);
    let again = world.until("main", SOON, "up under another keeper", |plane| {
        up(plane) && plane.keeper_version.as_deref() == Some(now)
    });
    assert_ne!(again.keeper_pid, main.keeper_pid);
    assert_eq!(again.incarnation, main.incarnation + 1, "one death, one spawn");
    assert_eq!(again.restarts, main.restarts + 1, "counted on");
    assert_eq!(again.last_exit.and_then(|exit| exit.signal), Some(9), "the end that the keeper before saw");
    let untouched = world.plane("rescue");
    assert_eq!((untouched.pid, untouched.keeper_pid), (rescue.pid, rescue.keeper_pid));
    assert_ne!(untouched.keeper_version.as_deref(), Some(now));
    assert!(untouched.notes.iter().any(|note| note.contains("another one follows")), "{:?}", untouched.notes);
    let events = world.run(&["events"]).code(0).out;
    assert!(events.contains("keeper-replaced") && !events.contains("keeper-gone"), "{events}");
}

#[test]
fn the_supervisor_becomes_the_later_release_in_place_and_keepers_follow_in_time() {
    let (mut world, main, rescue) = world("upgrade", this());
    let daemon = world.daemon_pid();
    world.install(next());
    let told = world.run(&["reload", "--exec"]).code(0);
    assert!(told.out.contains(&later()) && told.out.contains(&format!("was {RELEASE};")), "{}", told.out);
    assert_eq!(release(&world), later());
    assert_eq!(world.status().supervisor["pid"], daemon);
    let greeted = world.until("main", SOON, "greeted", up);
    assert_eq!(
        (greeted.pid, greeted.keeper_pid, greeted.keeper_version.as_deref()),
        (main.pid, main.keeper_pid, Some(RELEASE))
    );
    hands_over_at_the_next_start(&world, &main, &rescue, &later());
    // A plane that is stopped is handed over as well, and stays stopped.
    world.run(&["stop", "rescue"]).code(0);
    let stopped = world.until("rescue", SOON, "kept by the later release", |plane| {
        plane.keeper_version.as_deref() == Some(later().as_str())
    });
    assert_eq!((stopped.state, stopped.pid), (State::Stopped, None));
}

#[test]
fn the_later_release_gives_way_to_this_one_by_a_signal() {
    let (mut world, main, rescue) = world("downgrade", next());
    assert_eq!(main.keeper_version.as_deref(), Some(later().as_str()));
    world.install(this());
    kill(world.daemon_pid(), Signal::USR2);
    eventually(SOON, "the supervisor is this release", || release(&world) == RELEASE);
    // Everything is understood in both directions while the keepers are the later ones.
    assert!(world.run(&["why", "rescue"]).code(0).out.contains("rescue"));
    hands_over_at_the_next_start(&world, &main, &rescue, RELEASE);
    // A restart that is asked for is a moment as good as any.
    world.run(&["restart", "rescue"]).code(0);
    let restarted = world.until("rescue", SOON, "up", |plane| up(plane) && plane.pid != rescue.pid);
    assert_eq!((restarted.keeper_version.as_deref(), restarted.restarts), (Some(RELEASE), 0));
    assert!(!world.run(&["events"]).code(0).out.contains("keeper-lost"), "none died");
}

#[test]
fn either_command_line_speaks_to_either_side() {
    for (supervisor, cli) in [(this(), next()), (next(), this())] {
        let (world, main, _) = world("both-ways", supervisor);
        let run = |arguments: &[&str]| said(world.command_of(cli, arguments).output().expect("it runs"));
        let status = run(&["status", "--json"]).code(0).json();
        assert_eq!(status["planes"][0]["pid"], main.pid.expect("it runs"), "{status}");
        run(&["restart", "main"]).code(0);
        run(&["stop", "main"]).code(0);
        run(&["start", "main"]).code(0);
        run(&["reload", "--dry-run"]).code(0);
        assert!(run(&["logs", "main"]).code(0).out.contains("ready"));
        assert_eq!(world.until("main", SOON, "up", up).incarnation, 3);
    }
}

#[test]
fn what_only_a_later_release_asks_is_refused_and_the_conversation_goes_on() {
    let (world, main, _) = world("tomorrow", this());
    for socket in ["run/gateward.sock", "run/planes/main.sock"] {
        let mut stream = UnixStream::connect(world.scratch().join(socket)).expect("a socket");
        stream.write_all(b"{\"v\":2,\"ask\":\"tomorrow\"}\n{\"v\":2,\"ask\":\"status\",\"mood\":1}\n").expect("asked");
        let mut lines = BufReader::new(stream).lines();
        let mut answer = || lines.next().expect("an answer").expect("a line");
        let refused = answer();
        assert!(refused.contains("\"unknown\"") && refused.contains("wire version 2"), "{socket}: {refused}");
        let status = answer();
        assert!(status.contains("\"plane\"") || status.contains("\"daemon\""), "{socket}: {status}");
    }
    assert_eq!(world.plane("main").pid, main.pid);
}

#[test]
fn a_program_that_does_not_run_never_takes_over() {
    let (mut world, main, _) = world("broken", this());
    let before = world.status().supervisor["pid"].clone();
    let place = world.scratch().join("bin/gateward");
    for broken in ["#!/bin/sh\nexit 3\n", "#!/bin/sh\necho something else\n", "not a program\n"] {
        let fresh = world.scratch().write("bin/.fresh", broken);
        std::fs::set_permissions(&fresh, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("executable");
        std::fs::rename(&fresh, &place).expect("in place");
        let refused = said(world.command_of(this(), &["reload", "--exec"]).output().expect("it runs")).code(1);
        assert!(refused.err.contains("cannot take over"), "{}", refused.err);
    }
    world.install(this());
    assert_eq!(world.status().supervisor["pid"], before);
    assert_eq!(world.plane("main").pid, main.pid);
    assert!(world.run(&["events"]).code(0).out.contains("not-replaced"));
}

#[test]
fn a_keeper_that_was_asked_to_leave_stays_when_its_heir_has_died() {
    let (mut world, main, _) = world("no-heir", this());
    world.install(next());
    world.run(&["reload", "--exec"]).code(0);
    world.end_daemon(Signal::KILL, SOON);
    kill(main.pid.expect("it runs"), Signal::KILL);
    let again = world.until("main", SOON, "up again", |plane| up(plane) && plane.incarnation == 2);
    assert_eq!(again.keeper_pid, main.keeper_pid);
    assert_eq!(again.keeper_version.as_deref(), Some(RELEASE));
}
