//! What verbs say when the world is not as their words take for granted: each names what is there, and the way out.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rustix::process::Signal;

use super::quiet;
use crate::support::{Gateward, Said, TestPlane, processes, said};

#[test]
fn exec_makes_the_folder_that_a_start_would_make_and_ends_as_a_shell_does() {
    let world = Gateward::new("honest-exec", vec![quiet("main").env("PATH", "/usr/bin:/bin")]);
    let state = world.scratch().join("main/state");
    std::fs::remove_dir_all(&state).expect("the state dir");
    let told = world.run(&["exec", "main", "--", "pwd"]).code(0);
    assert_eq!(told.out.trim(), state.display().to_string());
    assert_eq!(std::fs::metadata(&state).expect("made").permissions().mode() & 0o777, 0o700);
    world.run(&["exec", "main", "--", "no-such-program"]).code(127);
    let script = world.scratch().write("no-program", "#!/bin/sh\n");
    let refused = world.run(&["exec", "main", "--", &script.display().to_string()]).code(126);
    assert!(refused.err.contains("cannot run"), "{refused:?}");
}

#[test]
fn a_name_beside_all_is_looked_at_before_anything_is_done() {
    let mut world = Gateward::new("honest-all", vec![quiet("main"), quiet("rescue")]);
    world.up();
    let before = world.until_ready("main").incarnation;
    for verb in ["start", "stop", "restart", "status", "logs", "card", "verify", "events"] {
        for words in [[verb, "all", "resque"], [verb, "resque", "all"]] {
            let refused = world.run(&words).code(4);
            assert!(refused.out.is_empty() && refused.err.contains("did you mean `rescue`?"), "{words:?}: {refused:?}");
        }
    }
    let main = world.plane("main");
    assert!(main.ready && main.incarnation == before, "{main:?}");
}

#[test]
fn a_restart_says_that_an_edit_is_not_applied_yet() {
    let mut world = Gateward::new("honest-edit", vec![quiet("main").env("WORD", "one"), quiet("rescue")]);
    world.up();
    world.until_ready("main");
    world.until_ready("rescue");
    let still = world.run(&["restart", "main"]).code(0);
    assert!(!still.err.contains("edited"), "{still:?}");
    let text = std::fs::read_to_string(world.manifest()).expect("the manifest");
    world.scratch().write("supervisor.toml", &text.replace("WORD = \"one\"", "WORD = \"two\""));
    for verb in ["start", "restart"] {
        let warned = world.run(&[verb, "all"]).code(0);
        let words = format!("the {verb} of main goes by the manifest as it was last applied");
        assert!(warned.err.contains(&words) && warned.err.contains("`gateward reload` applies it"), "{warned:?}");
    }
    world.run(&["reload"]).code(0);
    let after = world.run(&["restart", "main"]).code(0);
    assert!(!after.err.contains("edited"), "{after:?}");
}

#[test]
fn a_stopped_supervisor_is_named_with_the_way_out() {
    let mut world = Gateward::new("honest-mute", vec![quiet("main")]);
    world.up();
    let keeper = world.until_ready("main").keeper_pid.expect("a keeper");
    let pid = world.daemon_pid();
    processes::kill(pid, Signal::STOP);
    let table = world.run(&["status"]).code(0);
    let json = world.run(&["status", "--json"]).code(0).json();
    processes::kill(keeper, Signal::STOP);
    let both = world.run(&["why", "main"]);
    processes::kill(keeper, Signal::CONT);
    processes::kill(pid, Signal::CONT);
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [format!("(pid {pid}) does not answer, it is stopped (SIGSTOP)"), format!("`kill -CONT {pid}`")] {
        assert!(flat(&table.out).contains(&words), "{words}: {table:?}");
        assert!(flat(&both.err).contains(&words), "{words}: {both:?}");
    }
    assert_eq!(
        (json["supervisor"]["running"].as_bool(), json["supervisor"]["pid"].as_i64()),
        (Some(true), Some(pid.into()))
    );
    assert_eq!(both.code, 5, "{both:?}");
    assert!(flat(&both.out).contains(&format!("its keeper (pid {keeper}) is stopped (SIGSTOP)")), "{both:?}");
}

#[test]
fn of_two_manifests_on_one_state_dir_the_holders_is_named() {
    let mut world = Gateward::new("honest-two", vec![quiet("main")]);
    world.up();
    world.until_ready("main");
    let text = std::fs::read_to_string(world.manifest()).expect("the manifest");
    let apart = text.replace(
        &world.scratch().join("run").display().to_string(),
        &world.scratch().join("run2").display().to_string(),
    );
    let other = world.scratch().write("other.toml", &apart);
    let with_other = |words: &[&str]| -> Said {
        let mut command: Command = world.command(&[]);
        let environ: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
        command = Command::new(env!("CARGO_BIN_EXE_gateward"));
        command.arg("-m").arg(&other).args(words).env_clear();
        command.envs(environ.into_iter().filter_map(|(name, value)| Some((name, value?))));
        said(command.output().expect("our binary runs"))
    };
    let holder = world.manifest().display().to_string();
    let second = with_other(&["run"]).code(1);
    assert!(second.err.contains(&format!("for manifest {holder}")), "{second:?}");
    let status = with_other(&["status"]);
    let flat = status.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(&format!("of {holder} has the state dir")), "{status:?}");
    assert!(flat.contains(&format!("`gateward -m {holder} status`")), "{status:?}");
}

#[test]
fn a_manifest_that_was_deleted_where_it_was_found_keeps_nobody_from_its_planes() {
    let mut world = Gateward::new("honest-deleted", vec![quiet("main")]);
    world.up();
    let before = world.until_ready("main");
    let manifest = std::fs::read(world.manifest()).expect("the manifest");
    let here = |words: &[&str]| {
        let ours = world.command(&[]);
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateward"));
        command.args(words).env_clear().current_dir(world.scratch().path());
        command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
        said(command.output().expect("our binary runs"))
    };
    std::fs::remove_file(world.manifest()).expect("the manifest");
    let status = here(&["status"]).code(0);
    assert!(status.out.contains("up") && status.err.contains("going by what was last applied"), "{status:?}");
    here(&["restart", "main"]).code(0);
    std::fs::write(world.manifest(), manifest).expect("the manifest");
    assert_eq!(world.plane("main").incarnation, before.incarnation + 1);
    world.run(&["down"]).code(0);
    world.ended();
    // With nothing living the search is told of, as ever.
    std::fs::remove_file(world.manifest()).expect("the manifest");
    let gone = said({
        let ours = world.command(&[]);
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateward"));
        command.arg("status").env_clear().current_dir(world.scratch().path());
        command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.output().expect("our binary runs")
    });
    assert!(gone.code == 6 && gone.err.contains("no manifest was found"), "{gone:?}");
}

#[test]
fn why_knows_what_keeps_a_plane_from_having_a_keeper() {
    let gone = TestPlane::command("rescue", &["/nowhere/at/all"]);
    let mut world = Gateward::new("honest-why", vec![quiet("main"), gone]);
    world.up();
    world.until_ready("main");
    let why = world.run(&["why", "rescue"]).code(3);
    let status = world.run(&["status"]).code(0);
    for told in [&why.out, &status.out] {
        let flat = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains("not started (program-missing)"), "{told}");
        assert!(flat.contains("/nowhere/at/all") && !flat.contains("`gateward start` makes one"), "{told}");
        assert_eq!(
            flat.matches("which is not there").count(),
            if flat.contains("error") && told == &why.out { 2 } else { 1 },
            "{told}"
        );
    }
}

#[test]
fn a_program_is_looked_for_on_the_path_of_the_supervisor_that_runs() {
    let plane = TestPlane::plain("main", &["only-there", "1000000"]);
    let world = Gateward::new("honest-path", vec![plane]);
    let folder = world.scratch().folder("programs");
    std::os::unix::fs::symlink("/bin/sleep", folder.join("only-there")).expect("a program");
    let with = format!("{}:/usr/bin:/bin", folder.display());
    let mut world = world.dirty(&[("PATH", &with)]);
    world.up();
    world.until_ready("main");
    let mut elsewhere = world.command(&["check", "--no-live"]);
    let checked = said(elsewhere.env("PATH", "/usr/bin:/bin").output().expect("our binary runs")).code(0);
    assert!(!checked.out.contains("program-missing"), "{checked:?}");
    let mut elsewhere = world.command(&["check", "--no-live"]);
    elsewhere.env("PATH", "/usr/bin:/bin").env("GATEWARD_RUNTIMES_DIR", "/nowhere");
    said(elsewhere.output().expect("our binary runs")).code(0);
    world.run(&["down"]).code(0);
    world.ended();
    // With nobody to ask, the shell's own stands in for it.
    let mut alone = world.command(&["check", "--no-live"]);
    let checked = said(alone.env("PATH", "/usr/bin:/bin").output().expect("our binary runs")).code(7);
    assert!(checked.out.contains("program-missing"), "{checked:?}");
}

#[test]
fn a_successor_that_does_not_start_is_told_of_and_costs_no_plane() {
    let ours = std::path::Path::new(env!("CARGO_BIN_EXE_gateward"));
    let mut world = Gateward::new("honest-successor", vec![quiet("main"), quiet("rescue")]);
    world.install(ours);
    world.up();
    let before = [world.until_ready("main"), world.until_ready("rescue")].map(|plane| (plane.pid, plane.incarnation));
    // It says a release, as a program whose library is missing later on does, and nothing more.
    let script = "#!/bin/sh\n[ \"$1\" = --version ] && { echo 'gateward 9.9.9'; exit 0; }\nexit 3\n";
    let broken = world.scratch().write("broken", script);
    std::fs::set_permissions(&broken, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    world.install(&broken);
    let told = said(world.command_of(ours, &["reload", "--exec"]).output().expect("our binary runs")).code(1);
    assert!(told.err.contains("becoming `gateward 9.9.9` in place"), "{told:?}");
    assert!(told.err.contains("that ended before it answered; planes live on"), "{told:?}");
    assert!(told.err.contains("install a program that starts"), "{told:?}");
    world.ended();
    world.install(ours);
    let now = ["main", "rescue"].map(|name| world.plane(name)).map(|plane| (plane.pid, plane.incarnation));
    assert_eq!(now, before);
    world.up();
    let now = [world.until_ready("main"), world.until_ready("rescue")].map(|plane| (plane.pid, plane.incarnation));
    assert_eq!(now, before, "the next supervisor greets them");
}

#[test]
fn a_card_holds_no_word_of_a_command_that_could_be_a_secret() {
    let sleeps = TestPlane::plain("main", &["/bin/sleep", "600", "--token", "hunter2"]);
    let script = TestPlane::plain("rescue", &["/usr/bin/node", "/srv/tunnel.mjs", "hunter2"]);
    let world = Gateward::new("card-words", vec![sleeps, script]);
    for form in [vec!["card"], vec!["card", "--markdown"], vec!["card", "--json"]] {
        let said = world.run(&form).code(0);
        assert!(!said.out.contains("hunter2"), "{}", said.out);
        assert!(said.out.contains("/bin/sleep and 3 arguments"), "{}", said.out);
        assert!(said.out.contains("/usr/bin/node /srv/tunnel.mjs and 1 argument"), "{}", said.out);
    }
}
