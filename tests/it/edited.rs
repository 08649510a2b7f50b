//! What becomes of planes while they run: folders that turn into links, configs that OpenClaw would refuse. Told to each plane
//! that it concerns, by `events`, `status` and `why`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use gateward::wire::State;

use crate::support::{Gateward, Scratch, TestPlane, eventually};

/// A stand-in boots in a tenth of a second; a busy machine stretches that.
const SOON: Duration = Duration::from_secs(60);

/// Waits until the supervisor says all of these words, or nothing at all.
#[track_caller]
fn until_told(world: &Gateward, words: &[&str]) {
    eventually(SOON, &format!("{words:?} in what status says"), || {
        let told = world.status().supervisor["trouble"].as_str().expect("words").to_owned();
        let is_so = if words.is_empty() { told.is_empty() } else { words.iter().all(|word| told.contains(word)) };
        if is_so { Ok(()) } else { Err(told) }
    });
}

#[test]
fn a_folder_that_becomes_a_link_into_anothers_is_told_to_both() {
    let mut world = Gateward::new("becomes-link", vec![TestPlane::practice("main"), TestPlane::practice("rescue")]);
    let at = |name: &str| world.scratch().join(name);
    let folders = ["workspace", "state/credentials", "state/agents/ops/sessions"];
    for plane in ["main", "rescue"] {
        folders.iter().for_each(|folder| fs::create_dir_all(at(&format!("{plane}/{folder}"))).expect("a folder"));
    }
    let written = |name: &str| {
        let workspace = at(&format!("{name}/workspace")).display().to_string();
        TestPlane::practice(name).key("workspace", &format!("\"{workspace}\""))
    };
    let planes = vec![written("main"), written("rescue")];
    world.rewrite(planes);
    world.up();
    for name in ["main", "rescue"] {
        world.until(name, SOON, "up", |plane| plane.state == State::Up && plane.ready);
    }
    until_told(&world, &[]);
    let codes = ["workspace-shared", "state-link-foreign", "state-link-foreign"];
    for (folder, code) in folders.iter().zip(codes) {
        let (own, kept) = (world.scratch().join(&format!("rescue/{folder}")), world.scratch().join("rescue/kept"));
        fs::rename(&own, &kept).expect("moved away");
        symlink(world.scratch().join(&format!("main/{folder}")), &own).expect("a link");
        until_told(&world, &[code, "main, rescue"]);
        for plane in ["main", "rescue"] {
            let why = world.run(&["why", plane]).code(0).out;
            assert!(why.contains(code), "{why}");
        }
        fs::remove_file(&own).expect("removed");
        fs::rename(&kept, &own).expect("moved back");
        until_told(&world, &[]);
        let entries: Vec<serde_json::Value> =
            world.run(&["events"]).code(0).out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        for event in ["finding", "finding-gone"] {
            for plane in ["main", "rescue"] {
                let is_it = |entry: &serde_json::Value| {
                    let saw = entry["saw"].as_str().expect("words");
                    entry["event"] == event && entry["plane"] == plane && saw.starts_with(&format!("{code}: "))
                };
                assert!(entries.iter().any(is_it), "{event} of {code} for {plane}: {entries:#?}");
            }
        }
    }
}

#[test]
fn a_config_that_openclaw_would_refuse_is_told_when_it_is_written() {
    let scratch = Scratch::new("refuses");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *'config validate'*) if grep -q nonsense \"$OPENCLAW_CONFIG_PATH\"; then echo \
         '{{\"valid\":false,\"issues\":[{{\"path\":\"nonsense\",\"message\":\"unrecognized key\"}}]}}'; exit 1; fi;; esac\n\
         exec {} practice \"$@\"\n",
        env!("CARGO_BIN_EXE_gateward")
    );
    let program = scratch.write("openclaw", &script);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
    let mut world = Gateward::new("refuses", vec![TestPlane::command("main", &[&program.display().to_string()])]);
    world.up();
    let living = world.until("main", SOON, "up", |plane| plane.state == State::Up && plane.ready);
    let good = fs::read_to_string(world.scratch().join("main/openclaw.json")).expect("a config");
    let bad = good.replacen('{', "{ nonsense: true,", 1);
    assert_ne!(good, bad);
    world.scratch().write("main/openclaw.json", &bad);
    until_told(&world, &["config-invalid", "main"]);
    let events = world.run(&["events"]).code(0).out;
    assert!(events.contains("config-invalid: ") && events.contains("unrecognized key"), "{events}");
    assert!(world.run(&["why", "main"]).code(0).out.contains("config-invalid"));
    assert_eq!(world.plane("main").pid, living.pid);
    world.scratch().write("main/openclaw.json", &good);
    until_told(&world, &[]);
}

#[test]
fn a_refusal_shows_its_findings_as_check_does() {
    let mut world =
        Gateward::new("refused-as-checked", vec![TestPlane::practice("main"), TestPlane::practice("rescue")]);
    world.up();
    for name in ["main", "rescue"] {
        world.until(name, SOON, "up", |plane| plane.state == State::Up && plane.ready);
    }
    let log = world.scratch().join("gateway.log").display().to_string();
    for name in ["main", "rescue"] {
        let auth = format!("auth: {{ mode: \"token\", token: \"a-token-for-{name}\" }}");
        let text = format!(
            "{{ gateway: {{ mode: \"local\", bind: \"loopback\", {auth} }},\n  logging: {{ file: \"{log}\" }} }}\n"
        );
        world.scratch().write(&format!("{name}/openclaw.json"), &text);
    }
    until_told(&world, &["log-file-shared"]);
    let checked = world.run(&["check"]).code(7).out;
    let finding = checked.split("\n\n").find(|part| part.contains("[log-file-shared]")).expect("the finding");
    assert!(finding.contains(&format!("\"{log}\"")) && finding.matches(": log file ").count() == 2, "{finding}");
    let refused = world.run(&["restart", "main"]).code(7).err;
    assert!(refused.contains(finding.trim_end()), "{finding}\n---\n{refused}");
}

/// A command of contract "openclaw" whose `config validate` waits for as long as a file is there, and tells that it does.
fn hesitant(scratch: &Scratch) -> (String, PathBuf, PathBuf) {
    let (holds, asked) = (scratch.join("holds"), scratch.join("asked"));
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *'config validate'*) echo $$ >>{asked}; while [ -e {holds} ]; do sleep 0.1; done;; esac\n\
         exec {ours} practice \"$@\"\n",
        asked = asked.display(),
        holds = holds.display(),
        ours = env!("CARGO_BIN_EXE_gateward")
    );
    let program = scratch.write("openclaw", &script);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
    (program.display().to_string(), holds, asked)
}

#[test]
fn an_openclaw_that_hangs_when_it_is_asked_holds_up_no_other_plane() {
    let scratch = Scratch::new("hesitant");
    let (program, holds, asked) = hesitant(&scratch);
    let rests = |name: &str| TestPlane::practice(name).key("autostart", "false");
    let mut world = Gateward::new("hesitant", vec![TestPlane::command("main", &[&program]), rests("rescue")]);
    world.up();
    let main = world.until("main", SOON, "up", |plane| plane.state == State::Up && plane.ready);
    let questions = || fs::read_to_string(&asked).unwrap_or_default().lines().count();
    let before = questions();
    fs::write(&holds, "").expect("written");

    // An edit of main's config, and a reload that changes main: both have OpenClaw asked, and it says nothing.
    let text = fs::read_to_string(world.scratch().join("main/openclaw.json")).expect("a config");
    world.scratch().write("main/openclaw.json", &format!("{text}\n// edited\n"));
    eventually(SOON, "the question about the edit", || questions() > before);
    let manifest = fs::read_to_string(world.manifest()).expect("the manifest");
    fs::write(world.manifest(), format!("{manifest}\n[planes.main.env]\nCHANGED = \"1\"\n")).expect("written");
    let mut reload = world.command(&["reload"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("ours");
    eventually(SOON, "the question of the reload", || questions() > before + 1);

    // A plane that comes new, which has no keeper yet, and one that waits for its start.
    let manifest = fs::read_to_string(world.manifest()).expect("the manifest");
    let fresh = "\n[planes.staging]\nisolates = \"what comes new\"\ncontract = \"plain\"\ncommand = [\"/bin/sleep\", \"600\"]\n";
    fs::write(world.manifest(), manifest + fresh).expect("written");
    world.until("staging", SOON, "up", |plane| plane.state == State::Up);
    world.run(&["start", "rescue"]).code(0);
    let rescue = world.until("rescue", SOON, "up", |plane| plane.state == State::Up && plane.ready);
    assert!(reload.try_wait().expect("our child").is_none(), "the reload still waits for OpenClaw");
    assert_eq!(world.plane("main").pid, main.pid);

    fs::remove_file(&holds).expect("removed");
    let done = eventually(SOON, "the end of the reload", || reload.try_wait().expect("our child"));
    assert!(done.success(), "{done:?}");
    world.until("main", SOON, "replaced", |plane| plane.pid.is_some() && plane.pid != main.pid && plane.ready);
    assert_eq!(world.plane("rescue").pid, rescue.pid);
}
