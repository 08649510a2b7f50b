//! What a start needs and how it is judged: progress, a config that validates, files that are watched, questions asked once.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use gateward::wire::State;
use rustix::process::Signal;

use super::{SOON, journal, quick, told, up};
use crate::support::processes::kill;
use crate::support::{Gateward, TestPlane, eventually};

#[test]
fn a_start_without_progress_is_ended_and_tried_again() {
    let health = "interval = \"200ms\"\ntimeout = \"400ms\"\nstartup = \"2s\"";
    let plane = TestPlane::practice("main").env("PRACTICE_STALL", "1").table("health", health);
    let mut world = Gateward::new("stalled", vec![plane]);
    world.up();
    let starting = world.until("main", SOON, "listening", |plane| plane.why.contains("listening; waits for"));
    assert_eq!((starting.state, starting.ready), (State::Starting, false));
    assert!(starting.until.is_some(), "how long it may stay so: {starting:#?}");
    world.until("main", SOON, "another incarnation", |plane| plane.incarnation == 2 && plane.pid.is_some());
    assert!(told(&world, "main", "stuck", "no progress past `listening"), "{:#?}", journal(&world, "main"));
}

#[test]
fn a_start_that_works_is_given_three_times_as_long_and_no_longer() {
    let health = "interval = \"200ms\"\ntimeout = \"400ms\"\nstartup = \"2s\"";
    let plane =
        TestPlane::practice("main").env("PRACTICE_BUSY", "1").env("PRACTICE_BOOT_MS", "600000").table("health", health);
    let mut world = Gateward::new("busy-start", vec![plane]);
    world.up();
    world.until("main", SOON, "another incarnation", |plane| plane.incarnation == 2 && plane.pid.is_some());
    let entries = journal(&world, "main");
    let at = |event: &str| {
        let entry = entries.iter().find(|entry| entry["event"] == event);
        let at = entry.unwrap_or_else(|| panic!("{event} in {entries:#?}"))["at"].as_str().expect("a time");
        at.parse::<jiff::Timestamp>().expect("a time")
    };
    let took = Duration::try_from(at("stuck").duration_since(at("spawned"))).expect("later");
    assert!(took >= Duration::from_millis(5900), "{took:?}: it worked all the while");
}

#[test]
fn an_asked_restart_into_a_broken_config_is_refused_unless_forced_and_a_crash_asks_nobody() {
    let mut world = Gateward::new("forced", vec![quick("main")]);
    world.up();
    let first = world.until("main", SOON, "up", up);
    world.scratch().write("main/openclaw.json", "{ gateway: { mode: 5 } }");
    let refused = world.run(&["restart", "main"]);
    assert_eq!(refused.code, 7, "{refused:#?}");
    assert!(refused.err.contains("mode"), "it shows the issue: {}", refused.err);
    let same = world.plane("main");
    assert_eq!((same.pid, same.state), (first.pid, State::Up), "a healthy plane lives on");
    assert!(told(&world, "main", "refused", "restart by cli"), "{:#?}", journal(&world, "main"));
    world.run(&["restart", "main", "--force", "--no-wait"]).code(0);
    let parked = world.until("main", SOON, "parked", |plane| plane.state == State::Parked);
    assert_eq!((parked.incarnation, parked.last_exit.expect("it ended").code), (2, Some(78)));
    let refused = world.run(&["start", "main"]);
    assert!(refused.code == 1 || refused.code == 7, "{refused:#?}");
    assert!(!refused.err.contains("left alone"), "nothing runs: {}", refused.err);
    assert!(refused.err.contains("--force"), "it names the way: {}", refused.err);
    assert!(told(&world, "main", "refused", "nothing was started"), "{:#?}", journal(&world, "main"));
    world.run(&["start", "main", "--force", "--no-wait"]).code(0);
    world.until("main", SOON, "parked once more", |plane| plane.state == State::Parked && plane.incarnation == 3);
    assert!(told(&world, "main", "forced", "start --force by cli"), "{:#?}", journal(&world, "main"));
}

#[test]
fn a_parked_plane_comes_back_alone_when_an_include_or_a_variable_is_mended() {
    let mut world = Gateward::new("mended", vec![quick("main")]);
    let port = world.written("main").base();
    let text = format!("{{ $include: \"./more.json\", gateway: {{ port: {port}, mode: \"${{MODE}}\" }} }}");
    world.scratch().write("main/openclaw.json", &text);
    world.scratch().write("main/more.json", "{ browser: { enabled: false } }");
    world.scratch().write("main/state/.env", "MODE=local\n");
    world.up();
    world.until("main", SOON, "up", up);
    world.end_daemon(Signal::KILL, SOON);

    let mends = [
        ("main/more.json", "{ browser: ", "{ browser: { enabled: false } }"),
        ("main/state/.env", "MODE=remote\n", "MODE=local\n"),
    ];
    for (file, broken, mended) in mends {
        let living = world.until("main", SOON, "up", up);
        world.scratch().write(file, broken);
        // It restarts itself, which costs no unclean end.
        kill(living.pid.expect("it runs"), Signal::USR2);
        let parked = world.until("main", SOON, "parked", |plane| plane.state == State::Parked);
        assert_eq!(parked.last_exit.expect("it ended").code, Some(78), "{file}");
        world.scratch().write(file, mended);
        world.until("main", SOON, &format!("up after {file} was mended"), up);
    }
}

#[test]
fn a_mend_that_is_saved_while_the_gateway_refuses_starts_the_plane_again() {
    let scratch = crate::support::Scratch::new("mended-early");
    let marker = scratch.join("refused");
    // It refuses what it has read, and before it says so the mend is saved: once.
    let script = format!(
        "#!/bin/sh\nconfig=\"$OPENCLAW_CONFIG_PATH\"\ncase \"$*\" in *gateway*run*|gateway*)\n\
         if [ ! -e {marker} ]; then : > {marker}; cp \"$config\" \"$config.new\"; mv \"$config.new\" \"$config\"; exit 78; fi;;\nesac\n\
         exec {} practice \"$@\"\n",
        env!("CARGO_BIN_EXE_gateward"),
        marker = marker.display(),
    );
    let program = scratch.write("openclaw", &script);
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let mut world = Gateward::new("mended-early", vec![TestPlane::command("main", &[&program.display().to_string()])]);
    world.up();
    let again = world.until("main", SOON, "up by the mend", up);
    assert_eq!((again.incarnation, again.last_exit.expect("it refused").code), (2, Some(78)));
    assert!(
        told(&world, "main", "files-changed", "config, an include or .env changed"),
        "{:#?}",
        journal(&world, "main")
    );
}

#[test]
fn a_runtime_is_asked_once_whether_it_speaks_handoff_and_once_more_when_it_is_exchanged() {
    let scratch = crate::support::Scratch::new("asked-once");
    let asked = scratch.join("asked");
    let write = |mark: &str| {
        let fresh = scratch.write(
            "fresh",
            &format!(
                "#!/bin/sh\n# {mark}\ncase \"$*\" in *capabilities*|*consume*) echo \"$*\" >> {};; esac\nexec {} practice \"$@\"\n",
                asked.display(),
                env!("CARGO_BIN_EXE_gateward")
            ),
        );
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o755)).expect("a mode");
        std::fs::rename(&fresh, scratch.join("openclaw")).expect("in place");
    };
    write("one build");
    let program = scratch.join("openclaw").display().to_string();
    let mut world = Gateward::new("asked-once", vec![TestPlane::command("main", &[&program])]);
    world.up();
    let count = |word: &str| std::fs::read_to_string(&asked).unwrap_or_default().matches(word).count();
    let restart_itself = |nth: u64| {
        let plane = world.until("main", SOON, "up", |plane| up(plane) && plane.incarnation == nth);
        eventually(SOON, "no question open", || count("capabilities") > 0);
        kill(plane.pid.expect("it runs"), Signal::USR2);
        let handoffs = || journal(&world, "main").iter().filter(|entry| entry["event"] == "handoff").count();
        eventually(SOON, "its answer", || if handoffs() as u64 == nth { Ok(()) } else { Err(journal(&world, "main")) });
    };
    restart_itself(1);
    restart_itself(2);
    assert_eq!((count("capabilities"), count("consume")), (1, 2));
    write("another build");
    restart_itself(3);
    restart_itself(4);
    assert_eq!((count("capabilities"), count("consume")), (2, 4));
}
