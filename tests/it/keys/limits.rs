//! `limits`: what the kernel holds the real child to; and what cannot be had, said by name.

use gateward::os::cgroup::{self, Subtree};
use gateward::wire::State;

use super::{SOON, field, proc, sleeper, up};
use crate::support::{Gateward, TestPlane, eventually, say};

/// The nineteenth field of /proc/PID/stat.
fn niceness(pid: i32) -> i32 {
    let stat = proc(pid, "stat");
    let after = stat.rsplit_once(')').expect("a name").1;
    after.split_whitespace().nth(16).and_then(|field| field.parse().ok()).expect("a niceness")
}

fn oom_score_adj(pid: i32) -> i32 {
    proc(pid, "oom_score_adj").trim().parse().expect("a number")
}

#[test]
fn open_files_nice_and_oom_score_adj_are_the_childs_and_the_keeper_keeps_its_own() {
    let plane = sleeper("main").table("limits", "open_files = 777\nnice = 7\noom_score_adj = 654");
    let mut world = Gateward::new("rlimits", vec![plane]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    let pid = main.pid.expect("it runs");
    let limits = proc(pid, "limits");
    let files = limits.lines().find(|line| line.starts_with("Max open files")).expect("a line");
    assert_eq!(files.split_whitespace().collect::<Vec<_>>()[3..5], ["777", "777"], "{files}");
    assert_eq!((niceness(pid), oom_score_adj(pid)), (7, 654));
    assert_eq!(main.notes, Vec::<String>::new());
    let keeper = main.keeper_pid.expect("a keeper");
    assert_eq!(niceness(keeper), niceness(world.daemon_pid()));
}

#[test]
fn what_needs_a_capability_is_said_with_its_name_by_check_and_by_status() {
    let limits = "open_files = 1073741816\nnice = -20\noom_score_adj = -1000";
    let mut world = Gateward::new("no-capability", vec![sleeper("main").table("limits", limits)]);
    // Root keeps its uid and loses what a container takes away; anybody else has neither.
    let words = ["--bounding-set=-sys_nice,-sys_resource", "--inh-caps=-sys_nice,-sys_resource", "--"];
    if super::is_root("lose what root has") && std::process::Command::new("setpriv").arg("--version").output().is_ok() {
        world.up_under("setpriv", &words);
    } else {
        world.up();
    }
    let main = world.until("main", SOON, "up", up);
    for (key, capability) in
        [("open_files", "CAP_SYS_RESOURCE"), ("nice", "CAP_SYS_NICE"), ("oom_score_adj", "CAP_SYS_RESOURCE")]
    {
        let noted = main.notes.iter().any(|note| note.starts_with(key) && note.contains(capability));
        assert!(noted, "{key}: {:#?}", main.notes);
        let told = world.run(&["check", "--no-live"]).out;
        let warned = format!("`limits.{key}` of `main` cannot be had: ");
        let line = told.replace('\n', " ");
        assert!(line.contains(&warned) && line.contains(capability), "{told}");
    }
    assert!(!main.notes.iter().any(|note| note.contains("not permitted")), "{:#?}", main.notes);
}

#[test]
fn the_kernel_is_told_to_take_main_before_rescue_and_any_gateway_before_its_keeper() {
    let mut world = Gateward::new("oom-order", vec![sleeper("main"), sleeper("rescue"), sleeper("staging")]);
    world.up();
    let scores = ["main", "rescue", "staging"].map(|name| {
        let plane = world.until(name, SOON, "up", up);
        (oom_score_adj(plane.pid.expect("it runs")), oom_score_adj(plane.keeper_pid.expect("a keeper")))
    });
    let [(main, main_keeper), (rescue, rescue_keeper), (staging, _)] = scores;
    assert!(staging > main && main > rescue, "{scores:?}");
    assert!(rescue > main_keeper && rescue > rescue_keeper, "{scores:?}");
    const CAP_SYS_RESOURCE: u64 = 1 << 24;
    let daemon = world.daemon_pid();
    let capabilities = u64::from_str_radix(&field(daemon, "CapEff"), 16).expect("a number");
    let lowered = if capabilities & CAP_SYS_RESOURCE == 0 { oom_score_adj(daemon) } else { -900 };
    assert_eq!((main_keeper, rescue_keeper), (lowered, lowered));
}

#[test]
fn what_cannot_be_had_is_said_by_name_at_check_and_in_status_and_the_plane_runs() {
    let plane = sleeper("main").table("limits", "memory_high = \"1GiB\"\nmemory_max = \"2GiB\"\npids_max = 512");
    let mut world = Gateward::new("limits-said", vec![plane, sleeper("rescue")]);
    let lacks = |controller: &str| !own_subtree().is_ok_and(|subtree| subtree.has(controller));
    let found = world.run(&["check", "--no-live", "--json"]).code(0).json();
    let findings = found["findings"].as_array().expect("a list");
    let unavailable = findings.iter().filter(|finding| finding["code"] == "limit-unavailable");
    let surfaces: Vec<&str> = unavailable.filter_map(|finding| finding["surface"].as_str()).collect();
    let expected = [("memory", "limits.memory_high"), ("memory", "limits.memory_max"), ("pids", "limits.pids_max")];
    let expected: Vec<&str> =
        expected.into_iter().filter(|(controller, _)| lacks(controller)).map(|(_, key)| key).collect();
    assert_eq!(surfaces, expected, "{found:#}");
    world.up();
    let main = world.until("main", SOON, "up", up);
    let noted = |key: &str| main.notes.iter().any(|note| note.contains(key) && note.contains("could not be had"));
    assert_eq!(noted("memory_high, memory_max"), lacks("memory"), "{:#?}", main.notes);
    assert_eq!(noted("pids_max"), lacks("pids"), "{:#?}", main.notes);
    let shown = world.run(&["status", "main"]).out;
    assert_eq!(shown.contains("could not be had"), lacks("memory") || lacks("pids"), "{shown}");
    assert_eq!(world.until("rescue", SOON, "up", up).notes, Vec::<String>::new());
}

#[test]
fn memory_max_is_the_planes_own_and_its_end_by_it_is_told_as_that() {
    let Some(subtree) = subtree_with("memory") else { return };
    let restart = "policy = \"never\"";
    let eater = TestPlane::plain("main", &["/bin/sh", "-c", "echo eating; exec tail /dev/zero"])
        .table("limits", "memory_max = \"64MiB\"")
        .table("restart", restart);
    let mut world = Gateward::new("memory-max", vec![eater, sleeper("rescue")]);
    world.up();
    let parked = world.until("main", SOON, "ended by the kernel", |plane| plane.state == State::Parked);
    let exit = parked.last_exit.expect("it ended");
    assert_eq!((exit.signal, exit.meaning.as_str()), (Some(9), "was killed by the kernel for want of memory"));
    assert!(world.run(&["why", "main"]).out.contains("want of memory"));
    let gone = || cgroups(&subtree, &world, "main").is_empty();
    eventually(SOON, "its cgroup is removed once it is down", gone);
    assert!(cgroups(&subtree, &world, "rescue").is_empty(), "no limits, no cgroup");
}

#[test]
fn a_kill_from_outside_is_no_want_of_memory_and_the_limits_are_read_back() {
    let Some(subtree) = subtree_with("memory") else { return };
    let plane = sleeper("main")
        .table("limits", "memory_high = \"128MiB\"\nmemory_max = \"256MiB\"")
        .table("restart", "policy = \"never\"");
    let mut world = Gateward::new("memory-read", vec![plane]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    let cgroup = subtree.root().join(cgroups(&subtree, &world, "main").pop().expect("one"));
    let read = |file: &str| std::fs::read_to_string(cgroup.join(file)).expect("a limit").trim().to_owned();
    assert_eq!((read("memory.high"), read("memory.max")), ((128 << 20).to_string(), (256 << 20).to_string()));
    assert_eq!(read("cgroup.procs"), main.pid.expect("it runs").to_string());
    crate::support::processes::kill(main.pid.expect("it runs"), rustix::process::Signal::KILL);
    let parked = world.until("main", SOON, "parked", |plane| plane.state == State::Parked);
    assert_eq!(parked.last_exit.expect("it ended").meaning, "was killed by a signal that gateward did not send");
}

#[test]
fn pids_max_refuses_forks_and_status_counts_them() {
    let Some(subtree) = subtree_with("pids") else { return };
    let script = "i=0; while [ $i -lt 40 ]; do (exec sleep 1000000) & i=$((i+1)); done; wait; exec sleep 1000000";
    let plane = TestPlane::plain("main", &["/bin/sh", "-c", script]).table("limits", "pids_max = 12");
    let mut world = Gateward::new("pids-max", vec![plane]);
    world.up();
    let main = world.until("main", SOON, "its refused forks", |plane| {
        plane.notes.iter().any(|note| note.contains("pids_max kept it"))
    });
    let cgroup = subtree.root().join(cgroups(&subtree, &world, "main").pop().expect("one"));
    let most = std::fs::read_to_string(cgroup.join("pids.max")).expect("a limit");
    let now: u32 =
        std::fs::read_to_string(cgroup.join("pids.current")).expect("a count").trim().parse().expect("a number");
    assert!(most.trim() == "12" && now <= 12, "{most} {now} {main:#?}");
}

#[test]
fn a_cgroup_is_entered_left_by_the_next_incarnation_and_removed_with_the_keeper() {
    // Any controller serves to show custody; none needs one.
    let Ok(subtree) = own_subtree() else {
        say("skipped: this host leaves us no cgroup");
        return;
    };
    if !subtree.has("memory") && !subtree.has("pids") {
        say(&format!("skipped: {} has neither `memory` nor `pids`", subtree.root().display()));
        return;
    }
    let limits = "memory_max = \"256MiB\"\npids_max = 64";
    let script = "sleep 1000000 & exec sleep 1000000";
    let plane = TestPlane::plain("main", &["/bin/sh", "-c", script]).table("limits", limits);
    let mut world = Gateward::new("custody", vec![plane]);
    world.up();
    let first = world.until("main", SOON, "up", up);
    let names = cgroups(&subtree, &world, "main");
    let [name] = names.as_slice() else { panic!("one cgroup, and not {names:?}") };
    let members = || std::fs::read_to_string(subtree.root().join(name).join("cgroup.procs")).unwrap_or_default();
    eventually(SOON, "both processes in it", || if members().lines().count() == 2 { Ok(()) } else { Err(members()) });
    // A killed keeper leaves it behind; the next one takes it over.
    crate::support::processes::kill(first.keeper_pid.expect("a keeper"), rustix::process::Signal::KILL);
    world.until("main", SOON, "another incarnation", |plane| up(plane) && plane.incarnation == 2);
    eventually(
        SOON,
        "its two processes alone",
        || if members().lines().count() == 2 { Ok(()) } else { Err(members()) },
    );
    assert!(!members().lines().any(|pid| pid == first.pid.expect("it ran").to_string()));
    world.run(&["down"]).code(0);
    assert_eq!(cgroups(&subtree, &world, "main"), Vec::<String>::new());
}

fn own_subtree() -> Result<Subtree, cgroup::NoSubtree> {
    cgroup::subtree(std::process::id().cast_signed())
}

/// Our subtree, when it has that controller; else says what is skipped.
fn subtree_with(controller: &str) -> Option<Subtree> {
    match own_subtree() {
        Ok(subtree) if subtree.has(controller) => Some(subtree),
        Ok(subtree) => {
            say(&format!("skipped: {} does not have the controller `{controller}`", subtree.root().display()));
            None
        }
        Err(why) => {
            say(&format!("skipped: {why}"));
            None
        }
    }
}

/// The names of the cgroups of that plane of this world.
fn cgroups(subtree: &Subtree, world: &Gateward, plane: &str) -> Vec<String> {
    let id = std::fs::read_to_string(world.scratch().join("state/id")).expect("the supervisor's id");
    let entries = std::fs::read_dir(subtree.root()).expect("the subtree");
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| *name == format!("gateward-{id}-{plane}")).collect()
}
