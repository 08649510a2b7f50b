//! What the host may run out of, and what may be taken from under us: descriptors, watches, a disk that can be written to.

use std::process::Command;

use gateward::wire::PlaneStatus;
use rustix::process::Signal;

use super::{SOON, quick, up};
use crate::support::processes::kill;
use crate::support::{Gateward, TestPlane, eventually, say};

/// The soft limit of open files of a living process; gives what it was.
fn limit_files(pid: i32, soft: u64) -> u64 {
    let pid = rustix::process::Pid::from_raw(pid);
    let before = rustix::process::prlimit(
        pid,
        rustix::process::Resource::Nofile,
        rustix::process::Rlimit { current: Some(soft), maximum: Some(4096) },
    );
    before.expect("a limit").current.unwrap_or(1024)
}

fn open_files(pid: i32) -> u64 {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |entries| entries.count() as u64)
}

#[test]
fn descriptors_that_run_out_delay_answers_and_harm_no_plane() {
    let mut world = Gateward::new("no-files", vec![quick("main"), quick("rescue")]);
    world.up();
    let (main, rescue) = (world.until("main", SOON, "up", up), world.until("rescue", SOON, "up", up));
    let keeper = main.keeper_pid.expect("a keeper");
    for pid in [world.daemon_pid(), keeper] {
        limit_files(pid, open_files(pid));
    }
    // The gateway dies while its keeper can open nothing: it is respawned once there is room again, at the latest.
    kill(main.pid.expect("it runs"), Signal::KILL);
    eventually(SOON, "rescue's keeper answers as ever", || {
        world.run(&["status", "rescue", "--json"]).out.contains(&format!("\"pid\":{}", rescue.pid.expect("it runs")))
    });
    for pid in [world.daemon_pid(), keeper] {
        limit_files(pid, 1024);
    }
    // Two ends within five minutes: an operator insists.
    let again = eventually(SOON, "main is up again", || {
        let plane = world.plane("main");
        if plane.state == gateward::wire::State::Backoff || plane.state == gateward::wire::State::Parked {
            world.run(&["start", "main", "--no-wait"]);
        }
        if up(&plane) && plane.pid != main.pid { Ok(plane) } else { Err(Box::new(plane)) }
    });
    assert_eq!(again.keeper_pid, main.keeper_pid, "the keeper got through it");
    assert_eq!(world.plane("rescue").pid, rescue.pid);
    assert_eq!(world.status().supervisor["running"], true);
}

#[test]
fn without_a_watch_left_on_the_host_planes_live_and_reload_applies_edits() {
    let mut world = Gateward::new("no-watches", vec![quick("main"), quick("rescue")]);
    let whole = std::fs::read_to_string(world.manifest()).expect("a manifest");
    let (first, _) = whole.split_once("\n[planes.rescue]").expect("two planes");
    world.scratch().write("supervisor.toml", first);
    // A user namespace has limits of its own, which its root may set.
    let narrow = "echo 0 > /proc/sys/user/max_inotify_instances && exec \"$@\"";
    let may = Command::new("unshare").args(["--user", "--map-root-user", "sh", "-c", narrow, "sh", "true"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        return say("skipped: this host has no user namespaces in which inotify can be limited");
    }
    let words = ["--user", "--map-root-user", "sh", "-c", narrow, "sh"];
    world.up_under("unshare", &words);
    let main = world.until("main", SOON, "up", up);
    let log = std::fs::read_to_string(world.scratch().join("state/planes/main/keeper.log")).unwrap_or_default();
    assert!(log.contains("only SIGHUP has it made again"), "the keeper says what it lacks: {log}");
    world.scratch().write("supervisor.toml", &whole);
    let said = world.run(&["reload"]).code(0);
    assert!(said.out.contains("rescue"), "{}", said.out);
    world.until("rescue", SOON, "up", up);
    assert_eq!(world.plane("main").pid, main.pid);
    // A lost socket is found by the supervisor, which has the keeper bind it again.
    std::fs::remove_file(world.scratch().join("run/planes/main.sock")).expect("removed");
    kill(main.keeper_pid.expect("a keeper"), Signal::HUP);
    let again = world.until("main", SOON, "it answers", up);
    assert_eq!(again.pid, main.pid);
}

/// A folder in which nothing can be made, replaced or opened for writing, until this is dropped.
struct Immutable(String);

impl Immutable {
    /// `None` where the file system cannot, or we may not.
    fn make(folder: &std::path::Path) -> Option<Self> {
        let folder = folder.display().to_string();
        let done = Command::new("chattr").args(["-R", "-f", "+i", &folder]).status();
        done.is_ok_and(|status| status.success()).then_some(Self(folder))
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        let _ = Command::new("chattr").args(["-R", "-f", "-i", &self.0]).status();
    }
}

#[test]
fn a_log_that_takes_nothing_is_told_for_as_long_as_it_does() {
    let says = "while :; do echo something; sleep 0.1; done";
    let mut world = Gateward::new("no-log", vec![TestPlane::plain("main", &["/bin/sh", "-c", says])]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    let log = world.scratch().join("state/planes/main/log/gateway.log");
    std::fs::rename(&log, log.with_extension("away")).expect("renamed");
    std::os::unix::fs::symlink("/dev/full", &log).expect("a link");
    let told = |plane: &PlaneStatus| plane.notes.iter().any(|note| note.contains("could not be written"));
    let troubled = world.until("main", SOON, "the trouble is told", told);
    assert!(troubled.notes.iter().any(|note| note.contains("planes/main/log/gateway.log")), "{:?}", troubled.notes);
    std::fs::remove_file(&log).expect("removed");
    let mended = world.until("main", SOON, "its end as well", |plane| !told(plane));
    assert!(mended.log_lines_lost > 0, "what was lost stays counted");
    assert_eq!(mended.pid, main.pid, "a log is no reason to end anybody");
}

#[test]
fn a_state_dir_that_nothing_can_be_written_to_stops_no_gateway() {
    let plane = TestPlane::plain("main", &["/bin/sh", "-c", "echo begun $$; exec sleep 600"])
        .table("restart", "min_delay = \"50ms\"\nmax_delay = \"200ms\"\nstable = \"0s\"");
    let mut world = Gateward::new("read-only", vec![plane]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    let Some(immutable) = Immutable::make(&world.scratch().join("state")) else {
        return say("skipped: folders cannot be made immutable here");
    };
    kill(main.pid.expect("it runs"), Signal::KILL);
    let again = world.until("main", SOON, "another incarnation", |plane| up(plane) && plane.pid != main.pid);
    assert_eq!((again.keeper_pid, again.incarnation), (main.keeper_pid, 2));
    // Also another keeper and another supervisor live with what they can read alone, or say what they cannot.
    world.run(&["restart", "main"]).code(0);
    let restarted = world.until("main", SOON, "up", up);
    drop(immutable);
    world.run(&["restart", "main"]).code(0);
    let last = world.until("main", SOON, "up", |plane| up(plane) && plane.pid != restarted.pid);
    eventually(SOON, "its words are logged", || {
        world.run(&["logs", "main"]).out.contains(&format!("begun {}", last.pid.expect("it runs")))
    });
    assert!(world.run(&["events"]).code(0).out.contains("spawned"));
}

#[test]
fn without_a_state_dir_to_write_to_a_killed_keeper_and_a_killed_supervisor_are_replaced() {
    let mut world = Gateward::new("read-only-new", vec![TestPlane::plain("main", &["/bin/sleep", "600"])]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    let lock = world.scratch().join("state/planes/main/keeper.lock");
    let Some(immutable) = Immutable::make(&world.scratch().join("state")) else {
        return say("skipped: folders cannot be made immutable here");
    };
    kill(main.keeper_pid.expect("a keeper"), Signal::KILL);
    let again = world.until("main", SOON, "another keeper", |plane| up(plane) && plane.keeper_pid != main.keeper_pid);
    assert_eq!(again.incarnation, 2);
    assert!(again.notes.iter().any(|note| note.contains("state/planes/main when its keeper began")), "{again:#?}");
    world.run(&["restart", "main"]).code(0);
    let again = world.until("main", SOON, "up", |plane| up(plane) && plane.incarnation == 3);
    world.end_daemon(Signal::KILL, SOON);
    world.up();
    assert_eq!(world.until("main", SOON, "up", up).pid, again.pid, "the plane lives on");
    // Without a lock that could be opened nobody may keep the plane: it is said why, everywhere.
    drop(immutable);
    let keeper = again.keeper_pid.expect("a keeper");
    // It would put its lock back.
    kill(keeper, Signal::STOP);
    std::fs::remove_file(&lock).expect("it was there");
    std::fs::create_dir(&lock).expect("in its place");
    kill(keeper, Signal::KILL);
    let told = eventually(SOON, "the reason", || {
        let said = world.run(&["stop", "main"]);
        if said.err.contains("could not begin") { Ok(said.err) } else { Err(said.err) }
    });
    assert!(told.contains("keeper.lock"), "{told}");
    assert!(world.run(&["status"]).out.contains("could not begin: cannot lock"), "{}", world.run(&["status"]).out);
    assert!(world.run(&["events"]).out.contains("its keeper could not begin: cannot lock"));
    std::fs::remove_dir(&lock).expect("mended");
    world.run(&["start", "main"]);
    world.until("main", SOON, "up", up);
}

#[test]
fn a_stop_that_one_of_two_folders_does_not_take_holds_for_the_next_keeper() {
    let mut world = Gateward::new("stale-want", vec![quick("main"), quick("rescue")]);
    world.up();
    world.until("main", SOON, "up", up);
    world.run(&["stop", "main"]).code(0);
    world.run(&["start", "main"]).code(0);
    let main = world.until("main", SOON, "up", up);
    let stale = world.scratch().join("run/wants/main");
    let before = std::fs::read_to_string(&stale).expect("what the operator wants");
    let Some(_immutable) = Immutable::make(&world.scratch().join("run/wants")) else {
        return say("skipped: folders cannot be made immutable here");
    };
    world.run(&["stop", "main"]).code(0);
    assert_eq!(std::fs::read_to_string(&stale).expect("as it was"), before, "it says `up` still");
    kill(main.keeper_pid.expect("a keeper"), Signal::KILL);
    let kept = world.until("main", SOON, "another keeper", |plane| {
        plane.keeper_pid.is_some_and(|pid| Some(pid) != main.keeper_pid)
    });
    assert_eq!((kept.pid, kept.wanted, kept.incarnation), (None, false, 2), "{kept:#?}");
    assert_eq!(kept.notes, Vec::<String>::new(), "it is kept in one place");
}

#[test]
fn a_keeper_that_could_not_be_started_is_started_once_there_is_room() {
    let mut world = Gateward::new("no-room", vec![quick("main"), quick("rescue")]);
    world.up();
    let (main, rescue) = (world.until("main", SOON, "up", up), world.until("rescue", SOON, "up", up));
    let daemon = world.daemon_pid();
    // Less than it has open: nothing new can be opened, whatever is closed meanwhile.
    limit_files(daemon, 5);
    kill(main.keeper_pid.expect("a keeper"), Signal::KILL);
    eventually(SOON, "it has tried, and said so", || {
        let said = crate::support::tail(&world.scratch().join("daemon.out"), 40);
        if said.contains("no keeper could be started") { Ok(()) } else { Err(said) }
    });
    limit_files(daemon, 1024);
    let again = world.until("main", SOON, "up without a word of anybody", up);
    assert_ne!(again.keeper_pid, main.keeper_pid);
    assert_eq!(world.plane("rescue").pid, rescue.pid);
}
