//! `[runtimes]`: several releases side by side, kept while a plane is to run on them, and watched while one does.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{SOON, proc, up};
use crate::support::{Gateward, Said, Scratch, TestPlane, eventually, said};

/// A release as the installer leaves one, whose `openclaw` says its version and stays.
fn release(root: &Path, version: &str) {
    let at = root.join(version);
    let bin = at.join("node_modules/.bin");
    let package = at.join("node_modules/openclaw");
    for folder in [&bin, &package.join("dist/agents/tools")] {
        fs::create_dir_all(folder).expect("a folder");
    }
    fs::write(package.join("dist/agents/tools/browser.js"), "1").expect("a module");
    let script = format!("#!/bin/sh\n[ \"$1\" = --version ] && exec echo OpenClaw {version}\nexec sleep 1000000\n");
    fs::write(package.join("openclaw.mjs"), script).expect("a program");
    fs::set_permissions(package.join("openclaw.mjs"), fs::Permissions::from_mode(0o755)).expect("a mode");
    fs::write(package.join("package.json"), format!("{{\"version\":\"{version}\"}}")).expect("a package");
    std::os::unix::fs::symlink("../openclaw/openclaw.mjs", bin.join("openclaw")).expect("a link");
    fs::write(bin.join("node"), "#!/bin/sh\n").expect("a program");
    // First on PATH, so that what runs is of the release.
    // By another process, as one that we have open for writing may not be executed.
    let put = std::process::Command::new("install").args(["-m", "755", "/bin/sleep"]).arg(bin.join("sleep")).status();
    assert!(put.expect("install").success());
    let record = format!(
        "{{\"format\":1,\"version\":\"{version}\",\"node\":\"24.16.0\",\"platform\":\"linux-x64\",\"openclaw_integrity\":null,\
         \"node_integrity\":null,\"bytes\":1,\"installed_at\":\"2026-11-01T00:00:00Z\"}}"
    );
    fs::write(at.join("gateward-runtime.json"), record).expect("a record");
}

/// Planes on releases of their own, of contract plain, as these releases are no gateways.
fn world(test: &str, planes: &[(&str, &str)]) -> (Gateward, Scratch) {
    let releases = Scratch::new("releases");
    let plane = |(name, version): &(&str, &str)| {
        release(releases.path(), version);
        let runtime = format!("\"r{}\"", version.replace('.', "-"));
        TestPlane::practice(name).key("runtime", &runtime).key("contract", "\"plain\"")
    };
    let root = releases.path().display().to_string();
    let world = Gateward::new(test, planes.iter().map(plane).collect()).dirty(&[("GATEWARD_RUNTIMES_DIR", &root)]);
    let text = fs::read_to_string(world.manifest()).expect("a manifest");
    let tables =
        planes.iter().map(|(_, version)| format!("[runtimes.r{}]\nversion = {version:?}\n", version.replace('.', "-")));
    world.scratch().write("supervisor.toml", &(text + &tables.collect::<String>()));
    (world, releases)
}

/// The plane once its program has read its own text: what is up was only executed.
#[track_caller]
fn running(world: &Gateward, name: &str) -> gateward::wire::PlaneStatus {
    let plane = world.until(name, SOON, "up", up);
    let pid = plane.pid.expect("it runs");
    eventually(SOON, "its program stays", || proc(pid, "cmdline").starts_with("sleep\0"));
    plane
}

fn runtime(world: &Gateward, words: &[&str]) -> Said {
    said(world.command(&[&["runtime"], words].concat()).output().expect("our binary runs"))
}

#[test]
fn main_runs_on_one_release_and_staging_on_another_and_neither_is_removed() {
    let (mut world, releases) = world("releases", &[("main", "2026.9.6"), ("staging", "2026.10.1")]);
    release(releases.path(), "2026.8.1");
    world.up();
    for (name, version) in [("main", "2026.9.6"), ("staging", "2026.10.1")] {
        let pid = running(&world, name).pid.expect("it runs");
        let bin = releases.path().join(version).join("node_modules/.bin");
        assert!(proc(pid, "environ").contains(&format!("PATH={}:", bin.display())), "{}", proc(pid, "environ"));
        let told = world.run(&["exec", name, "--", "openclaw", "--version"]).code(0);
        assert_eq!(told.out, format!("OpenClaw {version}\n"));
        let refused = runtime(&world, &["remove", version]).code(1);
        assert!(refused.err.contains(&format!("OpenClaw {version} is in use by {name}")), "{}", refused.err);
        let way_out = format!("give {name} another runtime in the manifest, then `gateward reload`");
        assert!(refused.err.contains(&way_out), "{}", refused.err);
        assert!(bin.join("openclaw").exists());
    }
    let listed = runtime(&world, &["list", "--json"]).code(0).json();
    let given: Vec<_> = listed["runtimes"].as_array().expect("a list").iter().map(|one| &one["given_to"]).collect();
    assert_eq!(given, [&serde_json::json!(["staging"]), &serde_json::json!([]), &serde_json::json!(["main"])]);
    runtime(&world, &["remove", "2026.8.1"]).code(0);
    // What a stopped plane is to be started with, by the manifest and by its keeper, is kept too.
    world.run(&["stop", "staging"]).code(0);
    let refused = runtime(&world, &["remove", "2026.10.1"]).code(1);
    assert!(refused.err.contains("the manifest gives OpenClaw 2026.10.1 to staging"), "{}", refused.err);
    let text = fs::read_to_string(world.manifest()).expect("a manifest");
    world.scratch().write("supervisor.toml", &text.replace("\"r2026-10-1\"", "\"r2026-9-6\""));
    let refused = runtime(&world, &["remove", "2026.10.1"]).code(1);
    assert!(refused.err.contains("the keeper of staging still has it"), "{}", refused.err);
    let shown = runtime(&world, &["list"]).code(0).out;
    let of = |version: &str| shown.lines().find(|line| line.starts_with(version)).expect("a line").to_owned();
    assert!(of("2026.9.6").ends_with("main, staging (after a reload)"), "{shown}");
    assert!(of("2026.10.1").ends_with("staging (not running)"), "{shown}");
    world.run(&["reload"]).code(0);
    eventually(SOON, "nobody on it", || {
        let removed = runtime(&world, &["remove", "2026.10.1"]);
        if removed.code == 0 { Ok(()) } else { Err(removed) }
    });
    // A manifest that cannot be read may give it to anybody.
    world.scratch().write("supervisor.toml", "not TOML");
    runtime(&world, &["remove", "2026.9.6"]).code(6);
    world.run(&["stop", "all"]).code(0);
    let shown = runtime(&world, &["list"]).code(0);
    assert!(shown.out.contains("main (not running), staging (not running)"), "{shown:?}");
    assert!(
        shown.err.contains("supervisor.toml cannot be used (1 mistake); going by what was last applied"),
        "{shown:?}"
    );
    fs::remove_file(world.manifest()).expect("it was there");
    let shown = runtime(&world, &["list"]).code(0);
    assert!(shown.err.starts_with("warning: ") && shown.err.contains("supervisor.toml"), "{shown:?}");
    assert!(releases.path().join("2026.9.6").exists());
}

#[test]
fn a_release_that_changes_underneath_a_living_plane_is_said_and_a_restart_takes_it() {
    let (mut world, releases) = world("exchanged", &[("main", "2026.9.6"), ("staging", "2026.10.1")]);
    world.up();
    for name in ["main", "staging"] {
        assert_eq!(running(&world, name).notes, Vec::<String>::new());
    }
    let package = releases.path().join("2026.9.6/node_modules/openclaw/package.json");
    fs::write(package.with_extension("new"), "{\"version\":\"2026.9.7\"}").expect("a package");
    fs::rename(package.with_extension("new"), &package).expect("exchanged");
    let said =
        |plane: &gateward::wire::PlaneStatus| plane.notes.iter().any(|note| note.contains("package.json has changed"));
    let main = world.until("main", SOON, "said", said);
    assert!(main.notes[0].contains("`gateward restart main`"), "{main:#?}");
    assert!(world.run(&["status", "main"]).out.contains("has changed since"));
    assert_eq!(world.plane("staging").notes, Vec::<String>::new());
    let told = || world.run(&["events", "main"]).out.matches("\"runtime-changed\"").count();
    eventually(SOON, "one event, however often somebody looks", || if told() == 1 { Ok(()) } else { Err(told()) });
    world.run(&["restart", "main"]).code(0);
    let main = world.until("main", SOON, "up", |plane| up(plane) && plane.incarnation == 2);
    assert_eq!(main.notes, Vec::<String>::new());
    fs::write(package.with_extension("new"), "{\"version\":\"2026.9.8\"}").expect("a package");
    fs::rename(package.with_extension("new"), &package).expect("exchanged");
    world.until("main", SOON, "said", said);
    world.run(&["stop", "main"]).code(0);
    let stopped = world.plane("main");
    assert_eq!((stopped.notes, stopped.exchanged), (Vec::new(), None), "no incarnation lives that it could concern");
}

#[test]
fn a_module_that_changes_deep_in_a_release_is_said_by_status_and_verify() {
    let (mut world, releases) =
        world("modules", &[("main", "2026.9.6"), ("staging", "2026.10.1"), ("rescue", "2026.8.1")]);
    world.up();
    for name in ["main", "staging", "rescue"] {
        assert_eq!(running(&world, name).notes, Vec::<String>::new());
    }
    let inside = |version: &str, path: &str| releases.path().join(version).join("node_modules").join(path);
    // Written in place, and a package beside the one that runs: neither shows at the top of the package.
    let module = inside("2026.9.6", "openclaw/dist/agents/tools/browser.js");
    fs::write(&module, "2").expect("a module");
    fs::create_dir(inside("2026.10.1", "zod")).expect("a package");
    fs::create_dir(inside("2026.8.1", ".cache")).expect("a cache");
    for (name, what) in [("main", "openclaw/dist/agents/tools/browser.js"), ("staging", "node_modules/zod")] {
        let sentence = format!("{what} has changed since this incarnation was started");
        let said = |plane: &gateward::wire::PlaneStatus| plane.notes.iter().any(|note| note.contains(&sentence));
        let seen = world.until(name, SOON, "said", said);
        assert!(seen.exchanged.is_some_and(|exchanged| exchanged.contains(&sentence)));
        let verified = world.run(&["verify", name]).code(1).out;
        assert!(verified.contains(&sentence), "{verified}");
    }
    assert_eq!(world.plane("rescue").notes, Vec::<String>::new(), "a cache is no module");
    world.run(&["verify", "rescue"]).code(0);
    world.run(&["restart", "main"]).code(0);
    world.until("main", SOON, "up", |plane| up(plane) && plane.incarnation == 2 && plane.notes.is_empty());
    world.run(&["verify", "main"]).code(0);
}

#[test]
fn a_release_that_was_put_in_the_place_of_another_is_no_proof() {
    let (mut world, releases) = world("moved", &[("main", "2026.9.6")]);
    world.up();
    running(&world, "main");
    world.run(&["verify", "main"]).code(0);
    fs::rename(releases.path().join("2026.9.6"), releases.path().join("aside")).expect("moved");
    let gone = world.run(&["verify", "main"]).code(1).out;
    assert!(gone.contains("is gone, and this incarnation was started from it"), "{gone}");
    release(releases.path(), "2026.9.6");
    let other = world.run(&["verify", "main"]).code(1).out;
    assert!(other.contains("has changed since this incarnation was started"), "{other}");
}

#[test]
fn a_living_plane_whose_release_is_gone_is_not_stopped_for_a_restart_that_cannot_succeed() {
    let (mut world, releases) = world("gone", &[("main", "2026.9.6")]);
    world.up();
    let first = running(&world, "main");
    let (root, aside) = (releases.path().join("2026.9.6"), releases.path().join("aside"));
    fs::rename(&root, &aside).expect("gone");
    for words in [&["restart", "main"][..], &["restart", "main", "--force"], &["restart", "main", "--now"]] {
        let refused = world.run(words).code(1);
        assert!(refused.err.contains("is not there: what runs was left alone"), "{}", refused.err);
        assert!(refused.err.contains("`gateward runtime install 2026.9.6`"), "{}", refused.err);
    }
    let says = |plane: &gateward::wire::PlaneStatus| plane.notes.iter().any(|note| note.contains(" is gone, and this"));
    let main = world.until("main", SOON, "said", says);
    assert_eq!((main.pid, main.incarnation), (first.pid, first.incarnation), "{main:#?}");
    assert!(main.notes[0].ends_with("; `gateward runtime install 2026.9.6`"), "{main:#?}");
    fs::rename(&aside, &root).expect("back");
    world.run(&["restart", "main"]).code(0);
    world.until("main", SOON, "up", |plane| up(plane) && plane.incarnation == 2);
}

#[test]
fn planes_that_share_the_openclaw_of_path_are_warned_of() {
    let planes = ["one", "two"].map(|name| TestPlane::practice(name).key("runtime", "\"path\""));
    let world = Gateward::new("shared-path", planes.into());
    let found = world.run(&["check", "--no-live", "--json"]).json();
    let shared = found["findings"].as_array().expect("a list").iter().find(|one| one["code"] == "runtime-shared");
    let shared = shared.unwrap_or_else(|| panic!("{found:#}"));
    assert_eq!((&shared["severity"], &shared["planes"]), (&"warning".into(), &serde_json::json!(["one", "two"])));
}

#[test]
fn a_change_to_a_release_that_is_not_installed_is_blocked_with_the_command_that_installs_it() {
    let (mut world, releases) = world("unsealable", &[("main", "2026.9.6")]);
    world.up();
    let first = world.until("main", SOON, "up", up);
    let text = fs::read_to_string(world.manifest()).expect("a manifest");
    world.scratch().write("supervisor.toml", &text.replace("version = \"2026.9.6\"", "version = \"2026.9.7\""));
    for words in [&["reload", "--dry-run"][..], &["reload"], &["reload", "--allow", "runtime-missing"]] {
        let blocked = world.run(words).code(7);
        assert!(blocked.out.contains("blocked"), "{blocked:?}");
        assert!(blocked.err.contains("is not installed"), "{blocked:?}");
        assert!(blocked.err.contains("run `gateward runtime install 2026.9.7`, then `gateward reload`"), "{blocked:?}");
    }
    let plan: serde_json::Value = world.run(&["reload", "--json"]).code(7).json();
    assert_eq!((&plan["blocked"], &plan["replace"]), (&serde_json::json!(["main"]), &serde_json::json!([])), "{plan}");
    assert_eq!(plan["findings"][0]["code"], "runtime-missing", "{plan}");
    let status = world.run(&["status", "--json"]).code(0).json();
    let change = &status["supervisor"]["changes"][0];
    assert_eq!(change["blocked_by"], serde_json::json!(["runtime-missing"]), "{change}");
    assert!(change["why"].as_str().is_some_and(|why| why.contains("runtime install 2026.9.7")), "{change}");
    eventually(SOON, "the journal's word", || {
        let events = world.run(&["events"]).code(0);
        if events.out.contains("its change is not applied") { Ok(()) } else { Err(events.out) }
    });
    let main = world.until("main", SOON, "up", up);
    assert_eq!((main.pid, main.incarnation), (first.pid, first.incarnation), "{main:#?}");
    release(releases.path(), "2026.9.7");
    world.run(&["reload"]).code(0);
    world.until("main", SOON, "replaced", |plane| up(plane) && plane.incarnation > first.incarnation);
}
