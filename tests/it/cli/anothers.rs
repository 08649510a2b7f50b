//! A manifest whose run dir is another one's: no verb acts on planes that were not meant, and a manifest that only has another path is
//! not taken for another one.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use super::quiet;
use crate::support::{Gateward, Said, eventually, processes, said};

const SOON: Duration = Duration::from_secs(60);

/// The program with another manifest, in the environment of `world`.
fn with(world: &Gateward, manifest: &Path, words: &[&str]) -> Said {
    let ours = world.command(&[]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateward"));
    command.arg("-m").arg(manifest).args(words).env_clear();
    command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
    said(command.output().expect("our binary runs"))
}

#[test]
fn no_verb_acts_on_the_planes_of_another_manifest_in_the_same_run_dir() {
    let mut world = Gateward::new("anothers-run-dir", vec![quiet("main")]);
    world.up();
    let before = world.until_ready("main");
    let text = std::fs::read_to_string(world.manifest()).expect("the manifest");
    let of = |name: &str| format!("state_dir = {:?}", world.scratch().join(name).display().to_string());
    let apart = text.replace(&of("state"), &of("state2"));
    assert_ne!(apart, text, "a state dir of its own");
    let other = world.scratch().write("other.toml", &apart);
    let verbs: [&[&str]; 8] = [
        &["start", "main"],
        &["stop", "main"],
        &["restart", "main"],
        &["reload"],
        &["down"],
        &["exec", "main", "--", "true"],
        &["card"],
        &["verify"],
    ];
    let (own, others) = (world.manifest().display().to_string(), other.display().to_string());
    let sentence =
        format!("it is of {own}, and not of {others}, which names the same run dir: two manifests cannot share one");
    for words in verbs {
        let refused = with(&world, &other, words).code(1);
        assert!(refused.err.contains(&sentence), "{words:?}: {refused:?}");
        assert!(refused.err.contains(&format!("`gateward -m {own}`")), "{words:?}: {refused:?}");
        assert!(refused.out.is_empty(), "{words:?}: {refused:?}");
    }
    let main = world.plane("main");
    assert_eq!((main.pid, main.incarnation), (before.pid, before.incarnation));
    // What its supervisor leaves is no more ours than it was.
    world.end_daemon(Signal::KILL, SOON);
    let refused = with(&world, &other, &["stop", "main"]).code(1);
    assert!(refused.err.contains(&sentence), "{refused:?}");
}

#[test]
fn a_manifest_by_another_path_is_the_same_manifest() {
    let mut world = Gateward::new("anothers-path", vec![quiet("main")]);
    world.up();
    world.until_ready("main");
    let at = |name: &str| world.scratch().join(name);
    std::os::unix::fs::symlink(world.manifest(), at("linked.toml")).expect("a link");
    std::fs::hard_link(world.manifest(), at("hard.toml")).expect("a hard link");
    for name in ["linked.toml", "hard.toml"] {
        with(&world, &at(name), &["restart", "main"]).code(0);
    }
    std::fs::rename(world.manifest(), at("moved.toml")).expect("moved");
    std::fs::remove_file(at("hard.toml")).expect("its other name");
    with(&world, &at("moved.toml"), &["restart", "main"]).code(0);
    with(&world, &at("moved.toml"), &["card", "main"]).code(0);
    std::fs::rename(at("moved.toml"), world.manifest()).expect("back");
    assert_eq!(world.plane("main").incarnation, 4);
}

#[test]
fn a_quiet_status_says_nothing_of_a_broken_manifest_and_a_watch_on_a_pipe_shows_all() {
    let mut world = Gateward::new("anothers-shown", vec![quiet("main")]);
    world.up();
    world.until_ready("main");
    let mut watch = world.command(&["status", "--watch"]);
    let mut watch = watch.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("our binary runs");
    let mut lines = BufReader::new(watch.stdout.take().expect("a pipe")).lines();
    let row = eventually(SOON, "the row of main", || {
        let line = lines.next().expect("a line").expect("text");
        if line.starts_with("main") { Ok(line) } else { Err(line) }
    });
    watch.kill().expect("our child");
    watch.wait().expect("our child");
    let cells: Vec<&str> = row.split_whitespace().collect();
    let [.., uptime, _, _, memory, cpu] = cells.as_slice() else { panic!("{row}") };
    assert!(uptime.ends_with('s') && memory.ends_with(['K', 'M']) && cpu.ends_with('%'), "{row}");
    let state = world.scratch().join("main/state").display().to_string();
    let card = world.run(&["card", "main"]).code(0);
    assert!(card.out.contains("state dir") && card.out.contains(&state), "{card:?}");
    world.scratch().write("supervisor.toml", "no manifest");
    let said = world.run(&["status", "-q", "main"]).code(0);
    assert!(said.out.is_empty() && said.err.is_empty(), "{said:?}");
}

#[test]
fn a_stopped_keeper_is_shown_with_the_time_that_is_left() {
    let mut world = Gateward::new("anothers-stopped", vec![quiet("main")]);
    world.up();
    let keeper = world.until_ready("main").keeper_pid.expect("a keeper");
    processes::kill(keeper, Signal::STOP);
    let table = world.run(&["status"]).code(0);
    processes::kill(keeper, Signal::CONT);
    let flat = table.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains(&format!(
            "`kill -CONT {keeper}` lets it go on, and otherwise the supervisor ends it and its gateway 5 s"
        )),
        "{table:?}"
    );
}

#[test]
fn a_home_in_the_manifest_is_the_supervisors_whoever_proves_its_planes() {
    let mut world = Gateward::new("anothers-home", vec![quiet("main").key("cwd", "\"~/\"")]);
    world.up();
    world.until_ready("main");
    let ours = world.command(&["verify", "main", "--json"]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateward"));
    command.args(ours.get_args()).env_clear().envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let proved = said(command.env("HOME", "/").output().expect("our binary runs")).json();
    let claims = proved["planes"][0]["claims"].as_array().expect("claims").clone();
    let definition = claims.iter().find(|claim| claim["claim"] == "definition").expect("that claim");
    assert_eq!(definition["verdict"], "proved", "{definition}");
}
