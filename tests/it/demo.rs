//! `gateward demo` on the built-in stand-in: from the first word to nothing left. On the real gateway it is played in
//! `tests/openclaw.rs`.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Demo, eventually, processes, said};

const BUDGET: Duration = Duration::from_secs(60);

#[test]
fn both_planes_come_up_a_killed_one_comes_back_and_ctrl_c_leaves_nothing() {
    let mut demo = Demo::start("demo", &["--practice"]);
    let before = demo.until_ready(BUDGET);
    processes::kill(before.main, Signal::KILL);
    let after = demo.until(BUDGET, "another main, ready", |pids| pids.main != before.main);
    assert_eq!(after.rescue, before.rescue, "rescue was touched");
    demo.end(Signal::INT, BUDGET);
}

#[test]
fn a_supervisor_that_dies_is_started_again_and_no_gateway_notices() {
    let mut demo = Demo::start("demosup", &["--practice"]);
    let before = demo.until_ready(BUDGET);
    processes::kill(before.supervisor, Signal::KILL);
    eventually(BUDGET, "word of another supervisor", || demo.err().contains("greets them"));
    let after = demo.until(BUDGET, "another supervisor", |pids| pids.supervisor != before.supervisor);
    assert_eq!((after.main, after.rescue), (before.main, before.rescue), "a gateway was touched");
    demo.end(Signal::TERM, BUDGET);
}

#[test]
fn without_npm_it_says_so_and_the_stand_in_plays() {
    let mut demo = Demo::start_with("demonpm", &[], |command| {
        command.env("PATH", "/nowhere").env("GATEWARD_RUNTIMES_DIR", "/nowhere/releases");
    });
    demo.until_ready(BUDGET);
    assert!(demo.err().contains("no npm on PATH") && demo.err().contains("stand-in"), "{}", demo.err());
    demo.end(Signal::INT, BUDGET);
}

#[test]
fn two_in_one_folder_are_refused_and_a_killed_one_is_cleared_away() {
    let mut demo = Demo::start("demotwo", &["--practice"]);
    let pids = demo.until_ready(BUDGET);
    let second = said(demo.command(&["--practice"]).output().expect("our binary")).code(1);
    assert!(second.err.contains("already runs") && second.err.contains(&demo.pid().to_string()), "{}", second.err);

    demo.kill();
    assert!(processes::is_alive(pids.main), "by itself nothing ends with the demo's window");
    demo.again(&["--practice"]);
    eventually(BUDGET, "word of the earlier one", || demo.err().contains("earlier demo"));
    let after = demo.until_ready(BUDGET);
    assert!(after.main != pids.main && !processes::is_alive(pids.main) && !processes::is_alive(pids.rescue));
    demo.end(Signal::INT, BUDGET);
}

#[test]
fn a_reader_that_goes_away_ends_it_whole() {
    let mut demo = Demo::start("demopipe", &["--practice"]);
    demo.until_ready(BUDGET);
    demo.end(Signal::INT, BUDGET);

    // `gateward demo | head -1`: the table finds no reader, and everything is stopped all the same.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let err = File::create(demo.scratch().join("closed.err")).expect("a file");
    let mut child: Child =
        demo.command(&["--practice"]).stdout(writer).stderr(err).stdin(Stdio::null()).spawn().expect("our binary");
    drop(reader);
    eventually(BUDGET, "its end", || child.try_wait().expect("our child"));
    eventually(BUDGET, "nothing left", || demo.living().is_empty());
}

#[test]
fn it_refuses_where_it_makes_no_sense() {
    let demo = Demo::prepared("demorefuse");
    let inside = said(demo.command(&["--practice"]).env("GATEWARD_PLANE", "rescue").output().expect("our binary"));
    let inside = inside.code(1);
    assert!(inside.err.contains("inside plane rescue"), "{}", inside.err);
    let manifest: PathBuf = demo.scratch().write("supervisor.toml", "");
    let mut with_manifest = Command::new(env!("CARGO_BIN_EXE_gateward"));
    let refused =
        said(with_manifest.arg("-m").arg(manifest).args(["demo", "--practice"]).output().expect("our binary"));
    assert!(refused.code(1).err.contains("manifest of its own"));
    assert!(
        said(demo.command(&["--ports", "20000,20050"]).output().expect("our binary")).code(2).err.contains("too near")
    );
}
