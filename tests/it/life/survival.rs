//! Processes that hang, and sockets that are taken away: planes live on, and every verb says what it met.

use std::process::Stdio;

use rustix::process::Signal;

use super::{SOON, quick, up};
use crate::support::processes::{is_alive, kill};
use crate::support::{Gateward, eventually};

#[test]
fn a_wiped_run_dir_is_put_back_and_no_plane_notices() {
    let mut world = Gateward::new("wiped", vec![quick("main"), quick("rescue")]);
    world.up();
    let (main, rescue) = (world.until("main", SOON, "up", up), world.until("rescue", SOON, "up", up));
    world.run(&["stop", "rescue"]).code(0);
    let last = world.plane("rescue").last_exit;
    assert!(last.is_some());
    let run_dir = world.scratch().join("run");
    // The sockets may come back while the rest is still being removed.
    eventually(SOON, "the run dir is wiped", || std::fs::remove_dir_all(&run_dir));
    let again = eventually(SOON, "everybody answers again", || {
        let status = world.status();
        let all = status.supervisor["running"] == true && status.planes.iter().all(|plane| plane.keeper_pid.is_some());
        if all { Ok(status) } else { Err(status) }
    });
    assert_eq!(again.planes[0].pid, main.pid);
    assert_eq!(again.planes[1].keeper_pid, rescue.keeper_pid);
    // What the operator wanted was written again: another keeper knows it.
    let want = run_dir.join("wants/rescue");
    eventually(SOON, "the operator's want", || {
        std::fs::read_to_string(&want).is_ok_and(|text| text.starts_with("down "))
    });
    kill(rescue.keeper_pid.expect("a keeper"), Signal::KILL);
    let kept = world.until("rescue", SOON, "another keeper", |plane| {
        plane.keeper_pid.is_some_and(|pid| Some(pid) != rescue.keeper_pid)
    });
    assert_eq!((kept.pid, kept.wanted), (None, false), "{kept:#?}");
    assert_eq!(kept.last_exit, last, "the next keeper knows how it ended");
    assert!(world.run(&["events"]).code(0).out.contains("socket-lost"));
    // A removed socket alone is noticed too.
    std::fs::remove_file(run_dir.join("planes/main.sock")).expect("removed");
    let main_again = world.until("main", SOON, "it answers", up);
    assert_eq!(main_again.pid, main.pid);
}

#[test]
fn a_stopped_keeper_is_found_and_replaced_and_the_other_plane_is_left() {
    let mut world = Gateward::new("keeper-stopped", vec![quick("main"), quick("rescue")]);
    world.up();
    let (main, rescue) = (world.until("main", SOON, "up", up), world.until("rescue", SOON, "up", up));
    kill(main.keeper_pid.expect("a keeper"), Signal::STOP);
    let again =
        world.until("main", SOON, "another keeper and incarnation", |plane| up(plane) && plane.incarnation == 2);
    assert_ne!(again.keeper_pid, main.keeper_pid);
    assert!(!is_alive(main.pid.expect("it ran")), "the gateway went with its keeper");
    assert_eq!(world.plane("rescue").pid, rescue.pid);
    let events = world.run(&["events"]).code(0).out;
    assert!(events.contains("keeper-hung") && events.contains("SIGSTOP"), "{events}");
    let why = world.run(&["why", "main"]).code(0).out;
    assert!(why.contains("was ended by the supervisor") && why.contains("SIGSTOP"), "{why}");
}

#[test]
fn an_adopted_keeper_that_is_stopped_is_found_by_the_next_supervisor() {
    let mut world = Gateward::new("adopted-stopped", vec![quick("main")]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    world.end_daemon(Signal::KILL, SOON);
    kill(main.keeper_pid.expect("a keeper"), Signal::STOP);
    world.up();
    let again = world.until("main", SOON, "another keeper", |plane| up(plane) && plane.keeper_pid != main.keeper_pid);
    assert_eq!(again.incarnation, 2);
    let why = world.run(&["why", "main"]).code(0).out;
    assert!(why.contains("was ended by the supervisor") && why.contains("hung"), "{why}");
}

#[test]
fn a_keeper_without_a_socket_is_told_to_bind_it_again_and_keeps_its_plane() {
    let mut world = Gateward::new("no-socket", vec![quick("main")]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    world.end_daemon(Signal::KILL, SOON);
    let keeper = main.keeper_pid.expect("a keeper");
    // While it is stopped it cannot see that its socket goes.
    kill(keeper, Signal::STOP);
    std::fs::remove_file(world.scratch().join("run/planes/main.sock")).expect("removed");
    kill(keeper, Signal::CONT);
    world.up();
    let again = world.until("main", SOON, "it answers", up);
    assert_eq!((again.keeper_pid, again.pid), (main.keeper_pid, main.pid));
}

#[test]
fn a_supervisor_that_has_only_begun_leaves_no_keeper_behind_that_has_no_socket() {
    let mut world = Gateward::new("down-early", vec![quick("main")]);
    world.up();
    let keeper = world.until("main", SOON, "up", up).keeper_pid.expect("a keeper");
    world.end_daemon(Signal::KILL, SOON);
    kill(keeper, Signal::STOP);
    std::fs::remove_file(world.scratch().join("run/planes/main.sock")).expect("removed");
    world.up();
    let mut down =
        world.command(&["down", "--now"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
    world.status();
    kill(keeper, Signal::CONT);
    assert!(down.wait().expect("it ends").success());
    assert!(!is_alive(keeper), "its keeper was left");
    world.ended();
    eventually(SOON, "everything has ended", || if world.living().is_empty() { Ok(()) } else { Err(world.living()) });
}

#[test]
fn verbs_do_not_wait_for_what_is_stopped_and_name_it() {
    let mut world = Gateward::new("all-stopped", vec![quick("main"), quick("rescue")]);
    world.up();
    let (main, _) = (world.until("main", SOON, "up", up), world.until("rescue", SOON, "up", up));
    let daemon = world.daemon_pid();
    kill(daemon, Signal::STOP);
    for verb in ["reload", "down"] {
        let said = world.run(&[verb]).code(5);
        assert!(said.err.contains(&format!("(pid {daemon}) does not answer, it is stopped")), "{verb}: {}", said.err);
        assert!(said.err.contains(&format!("kill -CONT {daemon}")), "{verb}: {}", said.err);
    }
    // A verb on a plane needs its keeper alone.
    world.run(&["restart", "rescue"]).code(0);
    let keeper = main.keeper_pid.expect("a keeper");
    kill(keeper, Signal::STOP);
    let said = world.run(&["restart", "main"]).code(5);
    assert!(said.err.contains("the supervisor") && said.err.contains("is stopped"), "{}", said.err);
    // With the supervisor back, the same verb has the keeper replaced and is carried out.
    kill(daemon, Signal::CONT);
    world.run(&["restart", "main"]).code(0);
    let again = world.until("main", SOON, "up again", up);
    assert_ne!(again.keeper_pid, main.keeper_pid);
}

#[test]
fn a_stop_of_a_plane_whose_keeper_hangs_starts_no_gateway_first() {
    let mut world = Gateward::new("hung-stop", vec![quick("main")]);
    world.up();
    world.until("main", SOON, "up", up);
    world.end_daemon(Signal::KILL, SOON);
    world.up();
    let main = world.until("main", SOON, "up", up);
    // Once that is proved, the next supervisor has met its keeper, and does not look at it again for half a minute.
    world.run(&["reload"]).code(0);
    kill(main.keeper_pid.expect("a keeper"), Signal::STOP);
    world.run(&["stop", "main"]).code(0);
    let stopped = world.plane("main");
    assert_ne!(stopped.keeper_pid, main.keeper_pid, "{stopped:#?}");
    assert_eq!((stopped.pid, stopped.wanted), (None, false), "{stopped:#?}");
    let told = world.run(&["events", "main"]).code(0).out;
    assert_eq!(told.matches("\"event\":\"spawned\"").count(), 1, "{told}");
    // The stop holds for every keeper to come.
    kill(stopped.keeper_pid.expect("a keeper"), Signal::KILL);
    let kept = world.until("main", SOON, "another keeper", |plane| {
        plane.keeper_pid.is_some_and(|pid| Some(pid) != stopped.keeper_pid)
    });
    assert_eq!((kept.pid, kept.wanted), (None, false), "{kept:#?}");
}

#[test]
fn without_a_supervisor_a_stopped_keeper_is_named() {
    let mut world = Gateward::new("nobody-replaces", vec![quick("main")]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    world.end_daemon(Signal::KILL, SOON);
    let keeper = main.keeper_pid.expect("a keeper");
    kill(keeper, Signal::STOP);
    let said = world.run(&["stop", "main"]).code(5);
    assert!(
        said.err.contains(&format!("the keeper of main (pid {keeper}) does not answer, it is stopped")),
        "{}",
        said.err
    );
    kill(keeper, Signal::CONT);
    // Nobody waits for the answer any more, so the ask is not carried out.
    let after = world.until("main", SOON, "it speaks again", |plane| plane.keeper_pid == Some(keeper) && up(plane));
    assert_eq!(after.pid, main.pid);
}

#[test]
fn down_does_not_wait_for_a_keeper_that_is_stopped() {
    let mut world = Gateward::new("down-stopped", vec![quick("main"), quick("rescue")]);
    world.up();
    let (main, _) = (world.until("main", SOON, "up", up), world.until("rescue", SOON, "up", up));
    kill(main.keeper_pid.expect("a keeper"), Signal::STOP);
    world.run(&["down"]).code(0);
    assert!(!is_alive(main.pid.expect("it ran")));
    world.ended();
}

#[test]
fn folders_that_are_edited_while_planes_live_wait_for_a_down() {
    let mut world = Gateward::new("moved", vec![quick("main")]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    let text = std::fs::read_to_string(world.manifest()).expect("a manifest");
    let state = format!("\"{}\"", world.scratch().join("state").display());
    let moved = text.replace(&state, &state.replace("/state", "/state-2"));
    assert_ne!(text, moved);
    world.scratch().write("supervisor.toml", &moved);
    let said = world.run(&["status", "--json"]).code(0);
    assert!(said.err.contains("going by"), "{}", said.err);
    assert_eq!(world.plane("main").pid, main.pid);
    assert!(world.run(&["logs", "main"]).code(0).out.contains("ready"), "the logs are where they were");
    // Another supervisor would start everything a second time in the new place.
    let refused = world.run(&["run"]).code(1);
    assert!(refused.err.contains("no longer names"), "{}", refused.err);
    world.end_daemon(Signal::KILL, SOON);
    let refused = world.run(&["run"]).code(1);
    assert!(refused.err.contains("the keepers of main"), "{}", refused.err);
    // Nor does anybody take the plane for a stranger's where both were edited.
    let run = format!("\"{}\"", world.scratch().join("run").display());
    let both = moved.replace(&run, &run.replace("/run", "/run-2"));
    assert_ne!(moved, both);
    world.scratch().write("supervisor.toml", &both);
    world.run(&["restart", "main"]).code(0);
    world.scratch().write("supervisor.toml", &moved);
    world.run(&["down"]).code(0);
    world.up();
    let there = world.until("main", SOON, "up in the new place", up);
    assert_eq!(there.incarnation, 1, "another state dir counts from the start");
    assert!(world.scratch().join("state-2/planes/main").exists());
}

#[test]
fn a_supervisor_that_meets_a_broken_manifest_looks_after_what_lives() {
    let mut world = Gateward::new("broken-start", vec![quick("main"), quick("rescue")]);
    world.up();
    let (main, rescue) = (world.until("main", SOON, "up", up), world.until("rescue", SOON, "up", up));
    let text = std::fs::read_to_string(world.manifest()).expect("a manifest");
    world.end_daemon(Signal::KILL, SOON);
    world.scratch().write("supervisor.toml", "[planes.main\n");
    world.up();
    // It answers before it has read the manifest.
    eventually(SOON, "it says what is wrong", || {
        let trouble = world.status().supervisor["trouble"].to_string();
        if trouble.contains("never closed") { Ok(()) } else { Err(trouble) }
    });
    assert_eq!((world.plane("main").pid, world.plane("rescue").pid), (main.pid, rescue.pid));
    // A keeper that dies is given back what it held.
    eventually(SOON, "the supervisor knows what the keepers hold", || {
        let keeper = world.plane("main").keeper_pid.ok_or("no keeper")?;
        kill(keeper, Signal::KILL);
        let until = || world.plane("main").keeper_pid.is_some_and(|pid| pid != keeper);
        if crate::support::within(SOON, until) { Ok(()) } else { Err("no other keeper") }
    });
    world.until("main", SOON, "up under another keeper", up);
    world.run(&["restart", "rescue"]).code(0);
    // Mended, it is taken as ever, and nobody is touched by that.
    let rescue = world.until("rescue", SOON, "up", up);
    world.scratch().write("supervisor.toml", &text);
    eventually(SOON, "the manifest is taken", || world.status().supervisor["trouble"] == "");
    assert_eq!(world.plane("rescue").pid, rescue.pid);
    // With nothing alive there is nothing to look after.
    world.run(&["down", "--now"]).code(0);
    world.ended();
    world.scratch().write("supervisor.toml", "[planes.main\n");
    world.run(&["run"]).code(6);
    world.scratch().write("supervisor.toml", &text);
}
