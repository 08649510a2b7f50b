//! Arguments and environment that are more than a program can be handed: told by `check`, and true of the kernel.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::{SOON, proc, sleeper, up};
use crate::support::{Gateward, Said, said};

/// A stack limit with which the kernel hands 128 KiB to a program.
const SMALL_STACK: [&str; 3] = ["-c", "ulimit -s 512; exec \"$@\"", "sh"];

/// Gives the plane an `env_file` with so many values of so many bytes.
fn fill(world: &Gateward, count: usize, bytes: usize) {
    let lines: String = (0..count).map(|at| format!("LARGE_{at}={}\n", "x".repeat(bytes + at))).collect();
    let file = world.scratch().write("main.env", &lines);
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("a mode");
}

/// `gateward` with these words, under the small stack.
fn small(world: &Gateward, words: &[&str]) -> Said {
    let ours = world.command(words);
    let mut command = Command::new("/bin/sh");
    command.args(SMALL_STACK).arg(ours.get_program()).args(ours.get_args()).env_clear();
    command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
    said(command.current_dir(world.scratch().path()).output().expect("a shell"))
}

#[test]
fn what_the_kernel_would_not_take_is_an_error_and_what_it_takes_is_none() {
    let mut world = Gateward::new("burden-kernel", vec![sleeper("main").key("env_file", "\"main.env\"")]);
    // 122880 bytes are the bound: 131072, but for what an interpreter may add.
    fill(&world, 4, 30_000);
    small(&world, &["check", "--no-live"]).code(0);
    fill(&world, 4, 31_000);
    let told = small(&world, &["check", "--no-live"]).code(7).out;
    assert!(told.contains("environment-too-large") && told.contains("at most 122880"), "{told}");
    assert!(told.contains("`LARGE_3` (31003 bytes), `LARGE_2`") && told.contains("env_file = \"main.env\""), "{told}");
    assert!(!told.contains("xxxx"), "a value is shown: {told}");
    fill(&world, 4, 30_000);
    world.up_under("/bin/sh", &SMALL_STACK);
    let first = world.until("main", SOON, "up with all of it", up);
    assert!(proc(first.pid.expect("it runs"), "environ").len() > 120_000);
    // The supervisor that runs is what counts, not the shell that asks.
    fill(&world, 5, 30_000);
    world.run(&["check", "--no-live"]).code(7);
    let refused = world.run(&["reload"]).code(7);
    assert!(refused.err.contains("environment-too-large"), "{}", refused.err);
    assert_eq!(world.plane("main").pid, first.pid, "a finding stops nothing");
    // And it is as true as it is told.
    world.run(&["stop", "main"]).code(0);
    world.run(&["reload", "--allow", "environment-too-large"]);
    let tried = world.run(&["start", "main", "--allow", "environment-too-large"]);
    assert!((tried.err + &world.run(&["why", "main"]).out).contains("Argument list too long"));
}

#[test]
fn what_gateward_cannot_hand_on_is_an_error_too() {
    let mut world = Gateward::new("burden-wire", vec![sleeper("main").key("env_file", "\"main.env\"")]);
    fill(&world, 2, 125_000);
    world.run(&["check", "--no-live"]).code(0);
    world.up();
    let first = world.until("main", SOON, "up", up);
    let told = |world: &Gateward| world.run(&["exec", "main", "--", "sh", "-c", "echo ${#LARGE_1}"]).code(0).out;
    assert_eq!(told(&world), "125001\n", "its keeper tells all of it");
    // The largest that is let through can be exchanged for another, while both are held.
    fill(&world, 2, 125_100);
    world.run(&["reload"]).code(0);
    world.until("main", SOON, "replaced", |plane| up(plane) && plane.pid != first.pid);
    assert_eq!(told(&world), "125101\n");
    fill(&world, 3, 100_000);
    let said = world.run(&["check", "--no-live"]).code(7).out;
    assert!(said.contains("environment-too-large") && said.contains("gateward hands on at most 523264"), "{said}");
    world.run(&["reload"]).code(7);
    assert!(up(&world.plane("main")));
}
