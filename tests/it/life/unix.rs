//! What every Unix program owes its host: orphans are reaped, and who loses its reader or its terminal goes on.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use gateward::os::process;
use rustix::process::Signal;

use super::{SOON, journal, quick, up};
use crate::support::processes::{is_alive, kill};
use crate::support::{Gateward, TestPlane, eventually, said};

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

#[test]
fn too_few_descriptors_are_said_in_words_and_few_by_the_soft_limit_alone_are_enough() {
    let mut world = Gateward::new("few-files", vec![quick("main")]);
    for limit in ["8", "12", "16", "100"] {
        let run = world.command(&["run"]);
        let mut shell = std::process::Command::new("/bin/sh");
        shell
            .args(["-c", &format!("ulimit -n {limit}; exec \"$@\""), "sh"])
            .arg(run.get_program())
            .args(run.get_args());
        shell.env_clear().envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let said = said(shell.output().expect("a shell"));
        assert_eq!(said.code, 1, "{said:#?}");
        assert!(said.err.contains(&format!("may have {limit} files open at once")), "{said:#?}");
        assert!(said.err.contains("`ulimit -n 128`") && !said.err.contains("panicked"), "{said:#?}");
    }
    world.up_under("/bin/sh", &["-c", "ulimit -S -n 16; exec \"$@\"", "sh"]);
    world.until("main", SOON, "up", up);
}

#[test]
fn a_keeper_by_hand_says_that_it_is_nothing_for_hands() {
    let world = Gateward::new("keeper-by-hand", vec![quick("main")]);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_gateward")).args(["keeper", "main"]).output();
    let said = said(output.expect("our binary runs")).code(1);
    assert!(said.err.contains("for the supervisor alone") && said.err.contains("`gateward run`"), "{said:#?}");
    drop(world);
}

#[test]
fn events_are_events_and_whoever_reads_but_one_has_what_it_wanted() {
    let mut world = Gateward::new("foreign-line", vec![quick("main")]);
    world.up();
    world.until("main", SOON, "up", up);
    let path = world.scratch().join("state/planes/main/journal.jsonl");
    let mut file = std::fs::File::options().append(true).open(path).expect("a journal");
    file.write_all(b"\x1b[31msomebody else's words\n{\"at\": half\n").expect("written");
    let said = world.run(&["events", "main"]).code(0);
    let events: Vec<serde_json::Value> =
        said.out.lines().map(|line| serde_json::from_str(line).expect("every line is an event")).collect();
    assert!(events.iter().any(|event| event["event"] == "started"), "{said:#?}");
    assert!(said.err.contains("main: 2 lines of its journal left out"), "{said:#?}");
    for verb in ["events", "logs"] {
        let mut child = world.command(&[verb, "main"]).stdout(Stdio::piped()).spawn().expect("it runs");
        drop(child.stdout.take());
        assert_eq!(child.wait().expect("our child").code(), Some(0), "{verb}");
    }
}
