//! A drain as a terminal shows it: how it goes along and the time left; Ctrl-C shortens nothing, `--now` does.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateward::wire::State;
use nix::fcntl::OFlag;
use nix::pty::{Winsize, grantpt, openpty, posix_openpt, ptsname_r, unlockpt};
use rustix::process::Signal;

use crate::support::processes::{is_alive, kill};
use crate::support::{Gateward, TestPlane, eventually};

const SOON: Duration = Duration::from_secs(60);

/// A program on a terminal of its own, with the terminal's Ctrl-C.
struct Terminal {
    master: File,
    child: Child,
    shown: Arc<Mutex<String>>,
}

impl Terminal {
    #[track_caller]
    fn of(program: &Command) -> Self {
        let size = Winsize { ws_row: 40, ws_col: 160, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).expect("a terminal");
        let slave = || Stdio::from(pty.slave.try_clone().expect("a descriptor"));
        // In a session of its own, led by the program: a terminal interrupts what it controls.
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait"]).arg(program.get_program()).args(program.get_args()).env_clear();
        command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("TERM", "xterm-256color");
        command.stdin(slave()).stdout(slave()).stderr(slave());
        let child = command.spawn().expect("util-linux");
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut reader, heard) = (File::from(pty.master.try_clone().expect("a descriptor")), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                heard.lock().expect("no panic").push_str(&text);
            }
        });
        Self { master: File::from(pty.master), child, shown }
    }

    fn shows(&self) -> String {
        anstream::adapter::strip_str(&self.shown.lock().expect("no panic")).to_string()
    }

    /// Waits until the words are shown so often.
    #[track_caller]
    fn until(&self, words: &str, times: usize) {
        eventually(SOON, &format!("`{words}` on the terminal, {times} times"), || {
            let shown = self.shows();
            if shown.matches(words).count() >= times { Ok(()) } else { Err(shown) }
        });
    }

    fn interrupt(&mut self) {
        self.master.write_all(b"\x03").expect("a terminal");
    }

    #[track_caller]
    fn end(&mut self) -> Option<i32> {
        eventually(SOON, "the end of what the terminal shows", || self.child.try_wait().expect("our child")).code()
    }
}

fn draining(name: &str) -> TestPlane {
    TestPlane::practice(name).env("PRACTICE_DRAIN_MS", "600000").table("health", "interval = \"200ms\"")
}

#[test]
fn a_stop_on_a_terminal_shows_its_drain_and_ctrl_c_shortens_nothing() {
    let mut world = Gateward::new("terminal-stop", vec![draining("main")]);
    world.up();
    let pid = world.until_ready("main").pid.expect("it runs");
    let mut terminal = Terminal::of(&world.command(&["stop", "main"]));
    // Redrawn as the time runs.
    eventually(SOON, "two different times left", || {
        let shown = terminal.shows();
        let times = shown.split("draining its work; ").skip(1).filter_map(|rest| rest.split_once(" left"));
        let times: BTreeSet<&str> = times.map(|(time, _)| time).collect();
        if times.len() > 1 && times.iter().all(|time| time.starts_with("5m")) { Ok(()) } else { Err(shown) }
    });
    let until = world.plane("main").until.expect("the end of the grace");
    terminal.interrupt();
    terminal.until("the stop of main was accepted and goes on", 1);
    assert_eq!(terminal.end(), Some(1), "{}", terminal.shows());
    let still = world.plane("main");
    assert_eq!((still.state, still.pid), (State::Stopping, Some(pid)), "{still:#?}");

    // A second one shows the same drain, and ends no sooner.
    let mut terminal = Terminal::of(&world.command(&["stop", "main"]));
    terminal.until("draining its work; ", 1);
    terminal.interrupt();
    assert_eq!(terminal.end(), Some(1), "{}", terminal.shows());
    assert!(is_alive(pid));
    let second = |time: &str| time.parse::<jiff::Timestamp>().expect("a time").as_second();
    let moved = second(&world.plane("main").until.expect("the end of the grace")) - second(&until);
    assert!(moved.abs() <= 1, "the grace ends when it did before: {moved} s later");

    let mut terminal = Terminal::of(&world.command(&["stop", "main", "--now"]));
    assert_eq!(terminal.end(), Some(0), "{}", terminal.shows());
    assert!(!is_alive(pid));
}

#[test]
fn ctrl_c_in_the_foreground_supervisor_shows_the_drain_and_a_second_one_shortens_nothing() {
    let world = Gateward::new("terminal-run", vec![draining("main")]);
    let mut terminal = Terminal::of(&world.command(&["run"]));
    terminal.until("main: up, ready", 1);
    let pid = world.until_ready("main").pid.expect("it runs");
    terminal.interrupt();
    terminal.until("stopping every plane gracefully", 1);
    terminal.until("draining its work), until ", 1);
    terminal.interrupt();
    terminal.until("still draining; `gateward down --now` skips the grace", 1);
    let still = world.plane("main");
    assert_eq!((still.state, still.pid), (State::Stopping, Some(pid)), "{still:#?}");
    world.run(&["down", "--now"]).code(0);
    assert_eq!(terminal.end(), Some(0), "{}", terminal.shows());
    eventually(SOON, "an empty world", || world.living().is_empty());
}

#[test]
fn a_terminal_that_is_closed_reloads_nothing_and_a_sighup_that_is_sent_does() {
    let mut world = Gateward::new("terminal-closed", vec![TestPlane::practice("main")]);
    // Closed on exec: whoever inherits it keeps the terminal open.
    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).expect("a terminal");
    grantpt(&master).expect("ours");
    unlockpt(&master).expect("ours");
    let tty = ptsname_r(&master).expect("its name");
    // Told on a file: what is written to a closed terminal is gone.
    world.up_under("/bin/sh", &["-c", "tty=$1; shift; exec setsid --ctty --wait \"$@\" <\"$tty\"", "sh", &tty]);
    let before = world.until_ready("main");
    let supervisor = world.status().supervisor["pid"].clone();
    let text = std::fs::read_to_string(world.manifest()).expect("the manifest");
    std::fs::write(world.manifest(), text + "\n[planes.main.env]\nCHANGED = \"1\"\n").expect("writable");
    drop(master);
    eventually(SOON, "the end of the terminal noticed", || {
        let told = std::fs::read_to_string(world.scratch().join("daemon.out")).expect("its words");
        if told.contains("the terminal was closed; nothing is reloaded") { Ok(()) } else { Err(told) }
    });
    let after = world.plane("main");
    assert_eq!((after.pid, after.incarnation), (before.pid, before.incarnation), "{after:#?}");
    assert_eq!(world.status().supervisor["pid"], supervisor);

    let supervisor = i32::try_from(supervisor.as_i64().expect("a number")).expect("a pid");
    kill(supervisor, Signal::HUP);
    world.until("main", SOON, "replaced by the reload", |main| main.incarnation > before.incarnation);
    let events = world.run(&["events"]).code(0).out;
    assert!(events.contains("hung-up"), "{events}");
}
