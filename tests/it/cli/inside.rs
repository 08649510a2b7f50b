//! The same program from inside a plane, where the agents live.

use std::process::Command;
use std::time::Duration;

use super::{quiet, slow};
use crate::support::{Gateward, Said, TestPlane, processes, said};

/// The binary with the environment that the plane's gateway was started with, and nothing else.
fn from_inside(gateward: &Gateward, plane: &str, arguments: &[&str]) -> Said {
    let pid = gateward.plane(plane).pid.expect("it is up");
    let mut environ = processes::environ(pid);
    // A helper of the test is no part of the plane, and must not be swept with it.
    environ.remove("GATEWARD_COOKIE");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateward"));
    command.args(arguments).env_clear().envs(environ).current_dir("/");
    said(command.output().expect("our binary runs"))
}

#[test]
fn rescue_sees_and_mends_main() {
    let mut gateward = Gateward::new("inside-main", vec![quiet("main"), quiet("rescue")]);
    gateward.up();
    let main = gateward.until_ready("main");
    let rescue = gateward.until_ready("rescue");
    let status = from_inside(&gateward, "rescue", &["status", "--json"]).code(0).json();
    assert_eq!(status["planes"][0]["pid"], main.pid.expect("it is up"));
    from_inside(&gateward, "rescue", &["logs", "main"]).code(0);
    from_inside(&gateward, "rescue", &["restart", "main"]).code(0);
    assert_eq!(gateward.plane("main").incarnation, main.incarnation + 1);
    assert_eq!(gateward.plane("rescue").pid, rescue.pid);
    let events = gateward.run(&["events", "main"]).code(0);
    assert!(events.out.contains("plane rescue"), "the journal says who asked: {}", events.out);
}

#[test]
fn a_restart_of_ones_own_plane_is_answered_before_it_happens() {
    let mut gateward = Gateward::new("inside-own", vec![quiet("main"), quiet("rescue")]);
    gateward.up();
    let before = gateward.until_ready("rescue");
    let said = from_inside(&gateward, "rescue", &["restart", "rescue"]).code(0);
    assert!(said.out.starts_with("rescue: restart accepted (replaces incarnation 1)"), "{}", said.out);
    assert!(said.err.contains("asked from inside rescue"), "{}", said.err);
    gateward.until("rescue", Duration::from_secs(30), "the next incarnation", |plane| {
        plane.incarnation == before.incarnation + 1 && plane.ready
    });
}

#[test]
fn an_asker_that_is_of_the_plane_dies_with_it_and_its_ask_is_carried_out() {
    // As a gateway does, the shell leaves once what it waits for has said what it has to say, and not before.
    let ask = "[ -e asked ] && exec sleep 1000000; touch asked; trap 'exit 0' TERM; $0 restart rescue > answer; touch survived; \
               sleep 1000000";
    let asking = TestPlane::plain("rescue", &["/bin/sh", "-c", ask, env!("CARGO_BIN_EXE_gateward")]);
    let mut gateward = Gateward::new("inside-asker", vec![quiet("main"), asking]);
    gateward.up();
    let main = gateward.until_ready("main");
    let rescue =
        gateward.until("rescue", Duration::from_secs(60), "the next incarnation", |plane| plane.incarnation == 2);
    assert!(rescue.wanted, "{rescue:#?}");
    let state = gateward.scratch().join("rescue/state");
    let answer = std::fs::read_to_string(state.join("answer")).expect("it was answered");
    assert!(answer.starts_with("rescue: restart accepted (replaces incarnation 1)"), "{answer}");
    assert!(!state.join("survived").exists(), "the asker went with its plane");
    assert_eq!(gateward.plane("main").pid, main.pid);
    let asked = gateward.run(&["events", "rescue"]).code(0).out;
    assert!(asked.contains("plane rescue"), "the journal says who asked: {asked}");
}

#[test]
fn with_the_manifest_gone_the_run_dir_leads_the_way() {
    let mut gateward = Gateward::new("inside-gone", vec![quiet("main"), quiet("rescue")]);
    gateward.up();
    let main = gateward.until_ready("main");
    gateward.until_ready("rescue");
    let manifest = std::fs::read(gateward.manifest()).expect("the manifest");
    // Asked before the manifest goes, for our own look at `rescue` goes by it too.
    let environ = processes::environ(gateward.plane("rescue").pid.expect("it is up"));
    std::fs::remove_file(gateward.manifest()).expect("the manifest");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateward"));
    command.args(["restart", "main"]).env_clear().envs(environ).env_remove("GATEWARD_COOKIE").current_dir("/");
    let said = said(command.output().expect("our binary runs")).code(0);
    assert!(said.err.contains("going by what was last applied"), "{}", said.err);
    std::fs::write(gateward.manifest(), manifest).expect("the manifest");
    assert_eq!(gateward.plane("main").incarnation, main.incarnation + 1);
}

#[test]
fn run_refuses() {
    let mut gateward = Gateward::new("inside-run", vec![quiet("main")]);
    gateward.up();
    gateward.until_ready("main");
    let said = from_inside(&gateward, "main", &["run"]).code(1);
    assert!(said.err.contains("was called from inside plane main, and would die with it"), "{}", said.err);
}

#[test]
fn a_scrubbed_environment_hides_no_plane() {
    // Every word of the plane is taken from what the program is given; one call has left session and parent besides.
    let script = "[ -e asked ] && exec sleep 1000000; \
        tell() { as=$1; shift; env -i PATH=/usr/bin:/bin \"$@\" > $as.out 2>&1; echo $? > $as.new; mv $as.new $as; }; \
        tell run \"$0\" -m \"$GATEWARD_MANIFEST\" run; tell demo \"$0\" demo --practice; \
        (env -i PATH=/usr/bin:/bin setsid sh -c '\"$0\" -m \"$1\" run > away.out 2>&1; echo $? > away.new; mv away.new away' \
        \"$0\" \"$GATEWARD_MANIFEST\" &); while [ ! -e away ]; do sleep 0.1; done; \
        tell status \"$0\" status; tell logs \"$0\" logs main; tell restart \"$0\" restart main; \
        touch asked; tell own \"$0\" restart rescue; exec sleep 1000000";
    let asking = TestPlane::plain("rescue", &["/bin/sh", "-c", script, env!("CARGO_BIN_EXE_gateward")]);
    let mut gateward = Gateward::new("inside-scrubbed", vec![quiet("main"), asking]);
    gateward.up();
    let rescue =
        gateward.until("rescue", Duration::from_secs(120), "the next incarnation", |plane| plane.incarnation == 2);
    let told = |name: &str| {
        let at = |file: &str| gateward.scratch().join(&format!("rescue/state/{file}"));
        let text = |file: &str| std::fs::read_to_string(at(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        (text(name).trim().to_owned(), text(&format!("{name}.out")))
    };
    let keeper = rescue.keeper_pid.expect("a keeper");
    let words = format!("inside plane rescue (its keeper, pid {keeper}, is above this process), and would die with it");
    for verb in ["run", "demo", "away"] {
        let (code, said) = told(verb);
        assert!(code == "1" && said.contains(&words), "{verb}: {code}: {said}");
    }
    let (code, said) = told("status");
    assert!(code == "0" && said.contains("main") && said.contains("rescue"), "{code}: {said}");
    assert_eq!(told("logs").0, "0", "{}", told("logs").1);
    let (code, said) = told("restart");
    assert!(code == "0" && said.contains("incarnation 2 replaces 1"), "{code}: {said}");
    let own = std::fs::read_to_string(gateward.scratch().join("rescue/state/own.out")).expect("it was answered");
    assert!(own.contains("asked from inside rescue, which ends with this: not waiting"), "{own}");
    let events = gateward.run(&["events", "main"]).code(0).out;
    assert!(events.contains("restart by plane rescue"), "the journal says who asked: {events}");
}

#[test]
fn a_down_without_a_supervisor_does_not_wait_for_the_plane_that_asks() {
    let mut gateward = Gateward::new("inside-down", vec![slow("main")]);
    gateward.up();
    let main = gateward.until_ready("main");
    gateward.end_daemon(rustix::process::Signal::KILL, Duration::from_secs(60));
    let said = from_inside(&gateward, "main", &["down"]).code(0);
    assert!(said.err.contains("not waiting"), "{}", said.err);
    assert!(!said.out.contains("every plane is stopped"), "nobody looked: {}", said.out);
    let pid = main.pid.expect("it was up");
    crate::support::eventually(Duration::from_secs(60), "its end", || !processes::is_alive(pid));
}
