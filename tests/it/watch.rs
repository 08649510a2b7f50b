//! Edits of what gateways themselves read, while they run: each is seen however it is made, told as an event and by `status`,
//! and touches nobody who lives.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use gateward::wire::{PlaneStatus, State};
use rustix::process::Signal;

use crate::support::processes::kill;
use crate::support::{Gateward, TestPlane, eventually};

/// A stand-in boots in a tenth of a second; a busy machine stretches that.
const SOON: Duration = Duration::from_secs(60);

fn up(plane: &PlaneStatus) -> bool {
    plane.state == State::Up && plane.ready
}

fn trouble(world: &Gateward) -> String {
    world.status().supervisor["trouble"].as_str().expect("words").to_owned()
}

/// Waits until the supervisor says this code, or nothing at all.
#[track_caller]
fn until_told(world: &Gateward, code: &str) {
    eventually(SOON, &format!("{code:?} in what status says"), || match trouble(world) {
        told if code.is_empty() && told.is_empty() => Ok(()),
        told if !code.is_empty() && told.contains(code) => Ok(()),
        told => Err(told),
    });
}

/// A config of rescue that agrees with the manifest but for `extra`.
fn config(extra: &str) -> String {
    format!("{{ gateway: {{ mode: \"local\", bind: \"loopback\" }}, {extra} }}")
}

/// Main, and rescue with a config in a folder of its own.
fn two(test: &str) -> Gateward {
    let quick = |name: &str| {
        TestPlane::practice(name).table("restart", "min_delay = \"50ms\"\nmax_delay = \"200ms\"\nstable = \"0s\"")
    };
    let mut world = Gateward::new(test, vec![quick("main"), quick("rescue")]);
    let path = world.scratch().join("rescue/conf/openclaw.json");
    world.scratch().write("rescue/conf/openclaw.json", &config(""));
    world.rewrite(vec![quick("main"), quick("rescue").key("config", &format!("\"{}\"", path.display()))]);
    world.up();
    for name in ["main", "rescue"] {
        world.until(name, SOON, "up", up);
    }
    until_told(&world, "");
    world
}

#[test]
fn a_collision_made_by_a_live_edit_is_told_and_refuses_changes_but_no_lives() {
    let world = two("edit-collides");
    let [main, rescue] = ["main", "rescue"].map(|name| world.plane(name));
    let log = world.scratch().join("main/logs/openclaw.log");
    world.scratch().write("rescue/conf/openclaw.json", &config(&format!("logging: {{ file: \"{}\" }}", log.display())));
    until_told(&world, "log-file-shared");
    let events = world.run(&["events"]).code(0).out;
    assert!(events.contains("log-file-shared"), "{events}");
    let untouched = [world.plane("main"), world.plane("rescue")];
    assert_eq!(untouched.map(|plane| plane.pid), [main.pid, rescue.pid]);
    // Who asks is refused; a crash is not.
    let refused = world.run(&["restart", "rescue", "--json"]).code(7);
    assert_eq!(refused.json()["findings"][0]["code"], "log-file-shared");
    // Both places are shown, and a reload with nothing to change says what stands.
    let shown = world.run(&["restart", "rescue"]).code(7).err;
    for place in ["main/openclaw.json:", "rescue/conf/openclaw.json:"] {
        assert!(shown.contains(place), "{shown}");
    }
    assert!(shown.contains("logging: { file: "), "the line itself: {shown}");
    let reloaded = world.run(&["reload"]).code(0).err;
    assert!(reloaded.contains("note: log-file-shared stands against main, rescue: "), "{reloaded}");
    assert_eq!(world.plane("rescue").pid, rescue.pid);
    kill(rescue.pid.expect("it runs"), Signal::KILL);
    let again = world.until("rescue", SOON, "back", |plane| up(plane) && plane.pid != rescue.pid);
    assert_eq!(again.incarnation, rescue.incarnation + 1);
    world.run(&["restart", "rescue", "--allow", "log-file-shared"]).code(0);
    let events = fs::read_to_string(world.scratch().join("state/planes/rescue/journal.jsonl")).expect("a journal");
    assert!(events.contains("\"allowed\"") && events.contains("log-file-shared"), "{events}");
    world.scratch().write("rescue/conf/openclaw.json", &config(""));
    until_told(&world, "");
    let events = world.run(&["events"]).code(0).out;
    assert!(events.contains("finding-gone"), "{events}");
}

#[test]
fn an_edit_is_seen_however_it_is_made() {
    let world = two("edit-forms");
    let at = |name: &str| world.scratch().join(name);
    let port = |port: u16| config(&format!("gateway: {{ mode: \"local\", bind: \"loopback\", port: {port} }}"));
    let wrong = port(1);
    // In place, without a new name.
    fs::write(at("rescue/conf/openclaw.json"), &wrong).expect("written");
    until_told(&world, "config-port-differs");
    // As editors do: another file takes the name.
    fs::write(at("rescue/conf/.openclaw.json.swp"), config("")).expect("written");
    fs::rename(at("rescue/conf/.openclaw.json.swp"), at("rescue/conf/openclaw.json")).expect("renamed");
    until_told(&world, "");
    // As deployments do: a link takes the name, and is swapped for another.
    for (name, text) in [("a", config("")), ("b", wrong.clone())] {
        world.scratch().write(&format!("rescue/versions/{name}/openclaw.json"), &text);
        symlink(at(&format!("rescue/versions/{name}/openclaw.json")), at(&format!("rescue/conf/{name}")))
            .expect("a link");
    }
    fs::rename(at("rescue/conf/b"), at("rescue/conf/openclaw.json")).expect("renamed");
    until_told(&world, "config-port-differs");
    fs::rename(at("rescue/conf/a"), at("rescue/conf/openclaw.json")).expect("renamed");
    until_told(&world, "");
    // Behind the link.
    fs::write(at("rescue/versions/a/openclaw.json"), &wrong).expect("written");
    until_told(&world, "config-port-differs");
    // The folder goes, and comes back.
    fs::remove_dir_all(at("rescue/conf")).expect("removed");
    until_told(&world, "");
    fs::create_dir(at("rescue/conf")).expect("a folder");
    fs::write(at("rescue/conf/openclaw.json"), &wrong).expect("written");
    until_told(&world, "config-port-differs");
    fs::write(at("rescue/conf/openclaw.json"), config("")).expect("written");
    until_told(&world, "");
}

#[test]
fn what_lies_on_the_way_to_a_config_is_watched_too() {
    let world = two("edit-ways");
    let at = |name: &str| world.scratch().join(name);
    let wrong = config("gateway: { mode: \"local\", bind: \"loopback\", port: 1 }");
    for (version, text) in [("v/1", config("")), ("v/2", wrong.clone()), ("v/3", config(""))] {
        world.scratch().write(&format!("rescue/{version}/in/openclaw.json"), &text);
    }
    let swap = |target: &str, link: &str| {
        symlink(target, at("rescue/new")).expect("a link");
        fs::rename(at("rescue/new"), at(link)).expect("renamed");
    };
    // The config is a link through a link in the middle of its path.
    swap("v/1", "rescue/now");
    swap("now", "rescue/through");
    swap("../through/in/openclaw.json", "rescue/conf/openclaw.json");
    until_told(&world, "");
    swap("v/2", "rescue/now");
    until_told(&world, "config-port-differs");
    swap("v/3", "rescue/through");
    until_told(&world, "");
    // What the links lead to goes, and comes back otherwise.
    fs::remove_dir_all(at("rescue/v/3")).expect("removed");
    until_told(&world, "");
    world.scratch().write("rescue/v/3/in/openclaw.json", &wrong);
    until_told(&world, "config-port-differs");
    // A folder above is moved away, with all that it holds, and another takes its place.
    world.scratch().write("rescue/w/3/in/openclaw.json", &config(""));
    fs::rename(at("rescue/v"), at("rescue/old")).expect("renamed");
    fs::rename(at("rescue/w"), at("rescue/v")).expect("renamed");
    until_told(&world, "");
    fs::write(at("rescue/v/3/in/openclaw.json"), &wrong).expect("written");
    until_told(&world, "config-port-differs");
    // The link itself goes, and what is there then is no link.
    fs::remove_file(at("rescue/through")).expect("removed");
    world.scratch().write("rescue/through/in/openclaw.json", &config(""));
    until_told(&world, "");
}

#[test]
fn a_parked_plane_starts_again_when_a_link_on_the_way_to_its_config_is_swapped() {
    let world = two("edit-parked");
    let at = |name: &str| world.scratch().join(name);
    let swap = |target: &str, link: &str| {
        symlink(target, at("rescue/new")).expect("a link");
        fs::rename(at("rescue/new"), at(link)).expect("renamed");
    };
    world.scratch().write("rescue/v/1/openclaw.json", &config(""));
    world.scratch().write("rescue/v/2/openclaw.json", "{");
    world.scratch().write("rescue/v/3/openclaw.json", "{ {");
    swap("v/1", "rescue/now");
    swap("../now/openclaw.json", "rescue/conf/openclaw.json");
    swap("v/2", "rescue/now");
    until_told(&world, "config-syntax");
    kill(world.plane("rescue").pid.expect("it runs"), Signal::KILL);
    let parked = world.until("rescue", SOON, "parked", |plane| plane.state == State::Parked);
    // Another that is broken too, so that it is tried, and parked again.
    swap("v/3", "rescue/now");
    let again = |plane: &PlaneStatus| plane.state == State::Parked && plane.incarnation > parked.incarnation;
    let parked = world.until("rescue", SOON, "parked again", again);
    fs::rename(at("rescue/v"), at("rescue/old")).expect("moved away");
    world.scratch().write("rescue/v/3/openclaw.json", &config(""));
    world.until("rescue", SOON, "up again", |plane| up(plane) && plane.incarnation > parked.incarnation);
}

#[test]
fn includes_and_environment_files_are_watched_too() {
    let world = two("edit-includes");
    let at = |name: &str| world.scratch().join(name);
    fs::write(at("rescue/conf/more.json"), "{}").expect("written");
    fs::write(at("rescue/conf/openclaw.json"), config("$include: \"./more.json\"")).expect("written");
    fs::write(at("rescue/conf/more.json"), "{ gateway: { port: 1 } }").expect("written");
    until_told(&world, "config-port-differs");
    fs::write(at("rescue/conf/more.json"), "{}").expect("written");
    until_told(&world, "");
    // It was not there when the supervisor began.
    world.scratch().write("rescue/state/.env", "OPENCLAW_GATEWAY_PORT=1\n");
    until_told(&world, "config-port-differs");
    fs::remove_file(at("rescue/state/.env")).expect("removed");
    until_told(&world, "");
}

#[test]
fn files_of_credentials_are_watched_too() {
    let mut world = two("edit-secrets");
    let at = |world: &Gateward, name: &str| world.scratch().join(name);
    let secret = |world: &Gateward, name: &str, text: &str| {
        let path = at(world, name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("closed");
    };
    // A bot's token in a file of its own, which the config only names.
    secret(&world, "main/token", "4321:of-main-alone\n");
    secret(&world, "rescue/token", "8765:of-rescue-alone\n");
    for name in ["main/openclaw.json", "rescue/conf/openclaw.json"] {
        let token = at(&world, name.split('/').next().expect("a plane")).join("token");
        let telegram = format!("channels: {{ telegram: {{ tokenFile: \"{}\" }} }}", token.display());
        fs::write(at(&world, name), config(&telegram)).expect("written");
    }
    let events = |world: &Gateward| world.run(&["events"]).code(0).out;
    until_told(&world, "");
    secret(&world, "rescue/token", "4321:of-main-alone\n");
    until_told(&world, "channel-credential-shared");
    assert!(events(&world).contains("channel-credential-shared"));
    secret(&world, "rescue/token", "8765:of-rescue-alone\n");
    until_told(&world, "");
    // The same by the variable of an `env_file`, which the manifest names.
    secret(&world, "rescue.env", "DISCORD_BOT_TOKEN=of-rescue-alone\n");
    secret(&world, "main.env", "DISCORD_BOT_TOKEN=of-main-alone\n");
    let with = |world: &Gateward, name: &str| {
        let file = format!("\"{}\"", at(world, &format!("{name}.env")).display());
        TestPlane::practice(name).key("env_file", &file)
    };
    let rescue =
        with(&world, "rescue").key("config", &format!("\"{}\"", at(&world, "rescue/conf/openclaw.json").display()));
    let planes = vec![with(&world, "main"), rescue];
    world.rewrite(planes);
    world.run(&["reload"]).code(0);
    until_told(&world, "");
    let main = world.until("main", SOON, "up", up);
    secret(&world, "rescue.env", "DISCORD_BOT_TOKEN=of-main-alone\n");
    until_told(&world, "channel-credential-shared");
    let told = events(&world);
    assert!(told.contains("discord/default") && !told.contains("of-main-alone"), "{told}");
    assert_eq!(world.plane("main").pid, main.pid);
    // What makes the manifest unreadable is mended where it is.
    secret(&world, "rescue.env", "no variable\n");
    until_told(&world, "has no `=`");
    secret(&world, "rescue.env", "DISCORD_BOT_TOKEN=of-rescue-alone\n");
    until_told(&world, "");
}
