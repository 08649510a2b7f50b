//! `contract = "plain"`: nothing is added, nothing is expected; probed only where a url is given. And how its log looks.

use std::fs;

use gateward::wire::State;

use super::{SOON, proc, sleeper, up};
use crate::support::{Family, Gateward, TestPlane, eventually, processes, say};

/// The stand-in as a plain process: it serves `/healthz` and `/readyz` on a port of its own choice.
fn served(family: &Family, path: &str, policy: &str) -> TestPlane {
    let port = family.base();
    let words = [env!("CARGO_BIN_EXE_gateward"), "practice", "gateway", "run", "--port", &port.to_string()];
    TestPlane::plain("main", &words)
        .table(
            "health",
            &format!(
                "url = \"http://127.0.0.1:{port}{path}\"\ninterval = \"200ms\"\ntimeout = \"500ms\"\nfailures = 2"
            ),
        )
        .table("restart", &format!("policy = \"{policy}\"\nmin_delay = \"10ms\"\nmax_delay = \"20ms\""))
}

/// Gives the stand-in the folders that only contract openclaw would name to it.
fn with_folders(world: &Gateward, plane: &str) {
    let text = fs::read_to_string(world.manifest()).expect("a manifest");
    let at = |inside: &str| world.scratch().join(&format!("{plane}/{inside}")).display().to_string();
    let (config, state) = (at("openclaw.json"), at("state"));
    let env = format!("env = {{ OPENCLAW_CONFIG_PATH = {config:?}, OPENCLAW_STATE_DIR = {state:?}, ");
    world.scratch().write("supervisor.toml", &text.replace("env = { ", &env));
}

#[test]
fn a_plain_process_gets_its_own_words_and_nothing_of_openclaw() {
    let mut world = Gateward::new("plain-words", vec![sleeper("main").key("args", "[\"5\"]")]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    assert!(main.ready && main.live, "unprobed, it is taken at its being there: {main:#?}");
    let pid = main.pid.expect("it runs");
    assert_eq!(proc(pid, "cmdline"), "/bin/sleep\x001000000\x005\0");
    assert!(!proc(pid, "environ").contains("OPENCLAW_"), "{}", proc(pid, "environ"));
}

#[test]
fn a_plain_process_with_a_url_is_up_when_that_answers_and_replaced_when_it_stops_to() {
    let family = Family::lease();
    let plane =
        served(&family, "/healthz", "always").env("PRACTICE_HANG_AFTER_MS", "1500").env("PRACTICE_BOOT_MS", "400");
    let mut world = Gateward::new("plain-url", vec![plane.key("stop_grace", "\"1s\"")]);
    with_folders(&world, "main");
    world.up();
    let first = world.until("main", SOON, "up and ready", |plane| up(plane) && plane.ready && plane.live);
    assert_eq!(processes::listeners(family.base(), &[first.pid.expect("it runs")]), [first.pid.expect("it runs")]);
    world.until("main", SOON, "another, as the first gave no sign of life", |plane| plane.incarnation >= 2);
    let events = world.run(&["events", "main", "-n", "1000"]).out;
    assert!(events.contains("no sign of life, 2 times in a row"), "{events}");
}

#[test]
fn under_policy_never_one_that_stops_to_answer_is_ended_and_parked_with_the_reason() {
    let family = Family::lease();
    let plane = served(&family, "/healthz", "never").env("PRACTICE_HANG_AFTER_MS", "1500");
    let mut world = Gateward::new("plain-never", vec![plane.key("stop_grace", "\"1s\"")]);
    with_folders(&world, "main");
    world.up();
    let parked = world.until("main", SOON, "parked", |plane| plane.state == State::Parked);
    assert_eq!((parked.incarnation, parked.pid), (1, None), "{parked:#?}");
    let why = &parked.why;
    assert!(why.contains("liveness failed 2 times in a row") && why.contains("restart.policy is `never`"), "{why}");
    let meaning = &parked.last_exit.as_ref().expect("it ended").meaning;
    assert!(meaning.starts_with("ended by gateward, as it gave no sign of life ("), "{meaning}");
}

#[test]
fn a_server_of_another_plane_makes_nobody_ready() {
    let family = Family::lease();
    let server = served(&family, "/healthz", "always").env("TZ", "UTC");
    let url =
        format!("url = \"http://localhost:{}/healthz\"\ninterval = \"200ms\"\ntimeout = \"500ms\"", family.base());
    let other = sleeper("rescue").table("health", &url).key("after", "[\"main\"]");
    let mut world = Gateward::new("plain-foreign", vec![server, other]);
    with_folders(&world, "main");
    world.up();
    let main = world.until("main", SOON, "up and ready", |plane| up(plane) && plane.ready);
    let holder = format!("(pid {})", main.pid.expect("it runs"));
    let told =
        |plane: &gateward::wire::PlaneStatus| plane.why.contains("is answered by") && plane.why.contains(&holder);
    let rescue = world.until("rescue", SOON, "told who answers", told);
    assert_eq!((rescue.state, rescue.ready, rescue.live), (State::Starting, false, false), "{rescue:#?}");
}

#[test]
fn a_server_that_left_its_parent_is_the_planes_own() {
    let family = Family::lease();
    let port = family.base().to_string();
    let ours = env!("CARGO_BIN_EXE_gateward");
    let script = format!("(setsid {ours} practice gateway run --port {port} &) ; exec sleep 1000000");
    let url = format!("url = \"http://127.0.0.1:{port}/healthz\"\ninterval = \"200ms\"\ntimeout = \"500ms\"");
    let plane = TestPlane::plain("main", &["/bin/sh", "-c", &script]).table("health", &url);
    let mut world = Gateward::new("plain-left", vec![plane.env("TZ", "UTC")]);
    with_folders(&world, "main");
    world.up();
    world.until("main", SOON, "up and ready", |plane| up(plane) && plane.ready);
}

#[test]
fn a_url_that_never_answers_2xx_is_no_start() {
    let family = Family::lease();
    let plane = served(&family, "/readyz", "always").env("PRACTICE_READY_FAILING", "telegram");
    let mut world = Gateward::new("plain-503", vec![plane]);
    with_folders(&world, "main");
    world.up();
    let port = family.base();
    let main = world.until("main", SOON, "listening", |plane| {
        plane.pid.is_some_and(|pid| !processes::listeners(port, &[pid]).is_empty())
    });
    assert!(!main.ready, "{main:#?}");
    eventually(SOON, "a second of probes", || world.plane("main").uptime_s.is_some_and(|seconds| seconds >= 1));
    let told = "health.url answers HTTP 503; only 2xx counts";
    let main = world.until("main", SOON, "told by the code", |plane| plane.why.contains(told));
    assert_eq!(main.state, State::Starting, "{main:#?}");
}

#[test]
fn a_safe_restart_is_refused_at_once_and_starts_no_second_copy() {
    let begun = |world: &Gateward| fs::read_to_string(world.scratch().join("main/home/begun")).unwrap_or_default();
    let script = "echo \"$@\" >>$HOME/begun; exec sleep 1000000";
    let mut world =
        Gateward::new("plain-safe", vec![TestPlane::plain("main", &["/bin/sh", "-c", script, "sh", "one"])]);
    world.up();
    let main = world.until("main", SOON, "up", up);
    eventually(SOON, "its first word", || begun(&world) == "one\n");
    let refused = world.run(&["restart", "main", "--safe"]).code(1);
    let told = refused.err.clone() + &refused.out;
    assert!(told.contains("has no safe restart of its own: contract plain"), "{told}");
    assert!(told.contains("gateward restart"), "{told}");
    // A restart that is asked for comes after anything that the refused one could have begun.
    world.run(&["restart", "main"]).code(0);
    world.until("main", SOON, "another", |plane| up(plane) && plane.incarnation == main.incarnation + 1);
    eventually(SOON, "its second word", || begun(&world).lines().count() == 2);
    assert_eq!(begun(&world), "one\none\n");
}

#[test]
fn planes_have_a_colour_each_on_a_terminal_and_none_elsewhere() {
    let speaks = |name: &str| TestPlane::plain(name, &["/bin/sh", "-c", "echo a word; exec sleep 1000000"]);
    let mut world = Gateward::new("log-colour", vec![speaks("main"), speaks("rescue")]);
    world.up();
    let logs = || world.run(&["logs"]).out;
    eventually(SOON, "both words", || if logs().matches("a word").count() == 2 { Ok(()) } else { Err(logs()) });
    assert!(!logs().contains('\u{1b}'), "no colour on a pipe: {:?}", logs());
    let Some(script) = ["/usr/bin/script", "/bin/script"].into_iter().find(|path| fs::exists(path).unwrap_or(false))
    else {
        say("skipped: `script` is not here to lend a terminal");
        return;
    };
    let shown = |extra: &[(&str, &str)]| {
        let ours = world.command(&["logs"]);
        let words = std::iter::once(ours.get_program()).chain(ours.get_args()).map(|word| word.to_string_lossy());
        let line = words.collect::<Vec<_>>().join(" ");
        let mut command = std::process::Command::new(script);
        command.args(["-qec", &line, "/dev/null"]).env_clear().env("TERM", "xterm").stdin(std::process::Stdio::null());
        command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?)))).envs(extra.iter().copied());
        String::from_utf8_lossy(&command.output().expect("script runs").stdout).into_owned()
    };
    let coloured = shown(&[]);
    let colour = |plane: &str| {
        let line = coloured.lines().find(|line| line.contains(plane)).unwrap_or_else(|| panic!("{coloured:?}"));
        line.split(plane).next().expect("what stands before it").to_owned()
    };
    let (main, rescue) = (colour("main"), colour("rescue"));
    assert!(main.starts_with('\u{1b}') && rescue.starts_with('\u{1b}') && main != rescue, "{coloured:?}");
    assert!(!shown(&[("NO_COLOR", "1")]).contains("\u{1b}[3"), "NO_COLOR is heeded");
}
