//! What every Unix program owes its host: orphans are reaped, and who loses its reader or its terminal goes on.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use gateward::os::process;
use rustix::process::Signal;

use super::{SOON, journal, quick, up};
use crate::support::processes::{is_alive, kill};
use crate::support::{Gateward, TestPlane, eventually};

#[test]
fn orphans_of_a_living_plane_are_reaped_while_it_lives() {
    // Each is left by a parent that ends at once, and then ends itself.
    let script =
        "i=0; while [ $i -lt 20 ]; do sh -c 'sleep 0.2 & echo orphan $!'; i=$((i+1)); done; exec sleep 1000000";
    let mut world = Gateward::new("zombies", vec![TestPlane::plain("main", &["/bin/sh", "-c", script])]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    let orphans = eventually(SOON, "twenty orphans", || {
        let said = world.run(&["logs", "main", "-n", "100"]).out;
        let orphans: Vec<i32> =
            said.lines().filter_map(|line| line.split_once("orphan ")?.1.trim().parse().ok()).collect();
        if orphans.len() == 20 { Ok(orphans) } else { Err(said) }
    });
    eventually(SOON, "no trace of them, not even as zombies", || {
        let keeper = main.keeper_pid.expect("a keeper");
        let left: Vec<i32> = orphans
            .iter()
            .copied()
            .filter(|pid| process::stat(*pid).is_ok_and(|stat| stat.ppid == keeper || !stat.ended()))
            .collect();
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
    assert_eq!(world.plane("main").pid, main.pid, "and its gateway is the same");
}

#[test]
fn a_supervisor_whose_reader_has_gone_goes_on_and_so_does_a_verb() {
    let world = Gateward::new("sigpipe", vec![quick("main")]);
    let mut daemon = world.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut lines = BufReader::new(daemon.stderr.take().expect("a pipe")).lines();
    eventually(SOON, "a line that it says", || {
        lines.next().is_some_and(|line| line.is_ok_and(|line| line.starts_with("main: up")))
    });
    // Nobody reads what it says from now on.
    drop(lines);
    let first = world.until("main", SOON, "up", up);
    kill(first.pid.expect("it runs"), Signal::KILL);
    let again = world.until("main", SOON, "another incarnation", |plane| up(plane) && plane.incarnation == 2);
    world.run(&["restart", "main"]).code(0);
    assert_ne!(world.plane("main").pid, again.pid);
    assert!(world.status().supervisor["running"] == true && daemon.try_wait().expect("our child").is_none());

    // A verb whose reader leaves ends as any filter does: silently, and nothing is undone.
    let mut logs = world.command(&["logs", "main", "-f"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut reader = BufReader::new(logs.as_mut().expect("it runs").stdout.take().expect("a pipe"));
    reader.read_line(&mut String::new()).expect("a line");
    drop(reader);
    world.run(&["restart", "main"]).code(0);
    let ended = logs.expect("it runs").wait_with_output().expect("our child");
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{ended:?}");

    kill(daemon.id().cast_signed(), Signal::INT);
    let ended = eventually(SOON, "its end", || daemon.try_wait().expect("our child"));
    assert!(ended.success(), "{ended}");
    eventually(SOON, "an empty world", || world.living().is_empty());
    assert!(!is_alive(again.pid.expect("it ran")));
}

#[test]
fn a_keeper_that_is_told_to_go_lets_its_gateway_drain_and_another_follows() {
    let mut world = Gateward::new("keeper-told", vec![quick("main").env("PRACTICE_DRAIN_MS", "700")]);
    world.up();
    for signal in [Signal::TERM, Signal::INT] {
        let before = world.until("main", SOON, "up", up);
        let keeper = before.keeper_pid.expect("a keeper");
        kill(keeper, signal);
        let after = world.until("main", SOON, "another keeper, and up", |plane| {
            up(plane) && plane.keeper_pid.is_some_and(|pid| pid != keeper)
        });
        assert_eq!(after.incarnation, before.incarnation + 1, "{:#?}", journal(&world, "main"));
    }
    let ends: Vec<String> = journal(&world, "main")
        .iter()
        .filter(|entry| entry["event"] == "exited")
        .filter_map(|entry| entry["saw"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(ends, ["exit code 0: stopped as asked"; 2]);
}

#[test]
fn a_hangup_has_the_supervisor_apply_an_edited_manifest() {
    let mut world = Gateward::new("hangup", vec![quick("main"), quick("rescue")]);
    world.up();
    let (main, rescue) = (world.until("main", SOON, "up", up), world.until("rescue", SOON, "up", up));
    let text = std::fs::read_to_string(world.manifest()).expect("a manifest");
    let edited = text.replacen("[planes.main]\n", "[planes.main]\numask = \"0027\"\n", 1);
    assert_ne!(edited, text);
    world.scratch().write("supervisor.toml", &edited);
    kill(world.daemon_pid(), Signal::HUP);
    let replaced = world.until("main", SOON, "replaced", |plane| up(plane) && plane.incarnation == 2);
    assert_eq!(replaced.keeper_pid, main.keeper_pid);
    assert_eq!(world.plane("rescue").pid, rescue.pid, "what did not change is left alone");
}

#[test]
fn signals_that_mean_nothing_to_keeper_and_supervisor_end_neither() {
    let mut world = Gateward::new("usr1", vec![quick("main")]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    let (keeper, daemon) = (main.keeper_pid.expect("a keeper"), world.daemon_pid());
    kill(keeper, Signal::USR1);
    kill(keeper, Signal::USR2);
    kill(daemon, Signal::USR1);
    // Each has heard them by the time it answers.
    world.run(&["restart", "main"]).code(0);
    let again = world.until("main", SOON, "up again", up);
    assert_eq!((again.keeper_pid, world.daemon_pid()), (Some(keeper), daemon));
    assert!(is_alive(daemon) && world.status().supervisor["running"] == true);
}
