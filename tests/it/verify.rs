//! `verify`: what holds of planes that are well, and each way in which one may not be the intended one.

use std::net::TcpListener;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Gateward, TestPlane, eventually, processes};

/// A stand-in boots in a tenth of a second; a busy machine stretches that.
const SOON: Duration = Duration::from_secs(60);

/// The claims about one plane.
#[track_caller]
fn claims(world: &Gateward, plane: &str, code: i32) -> Vec<Value> {
    let said = world.run(&["verify", plane, "--json"]).code(code).json();
    assert_eq!(said["ok"], code != 1, "{said:#}");
    said["planes"][0]["claims"].as_array().expect("claims").clone()
}

/// The evidence of the claims of this subject and verdict.
fn evidence(claims: &[Value], subject: &str, verdict: &str) -> Vec<String> {
    let of = claims.iter().filter(|claim| claim["claim"] == subject && claim["verdict"] == verdict);
    of.map(|claim| claim["evidence"].as_str().expect("words").to_owned()).collect()
}

/// The one claim that failed.
#[track_caller]
fn failed(claims: &[Value]) -> Vec<(&str, &str)> {
    let failed = claims.iter().filter(|claim| claim["verdict"] == "failed");
    let told = failed.inspect(|claim| assert!(claim["hint"].is_string(), "it says not what to do: {claim:#}"));
    told.map(|claim| (claim["claim"].as_str().expect("a word"), claim["evidence"].as_str().expect("words"))).collect()
}

#[test]
fn planes_that_are_well_are_proved_with_a_line_for_each_claim() {
    let main = TestPlane::practice("main").env("PRACTICE_STRAGGLER", "browser").env("WORD", "a-secret-word");
    let mut world = Gateward::new("verify-well", vec![main, TestPlane::practice("rescue")]);
    world.up();
    let main = world.until_ready("main");
    world.until_ready("rescue");
    // The stand-in's straggler left its session and scrubbed its environment: only kinship tells whose it is.
    let base = world.written("main").base();
    let cdp = format!("127.0.0.1:{} (browser CDP) is held by ", base + 11);
    let seen = eventually(SOON, "the stand-in's browser", || {
        let seen = claims(&world, "main", 0);
        if evidence(&seen, "listener", "proved").iter().any(|line| line.starts_with(&cdp)) {
            Ok(seen)
        } else {
            Err(seen)
        }
    });
    let gateway = format!("127.0.0.1:{base} (gateway) is held by ");
    let pid = format!("(pid {}), one of its own", main.pid.expect("it runs"));
    let listeners = evidence(&seen, "listener", "proved");
    assert!(listeners.iter().any(|line| line.starts_with(&gateway) && line.ends_with(&pid)), "{listeners:#?}");
    let custody = evidence(&seen, "custody", "proved");
    assert!(custody[0].contains(&format!("keeper (pid {})", main.keeper_pid.expect("a keeper"))), "{custody:?}");
    assert_eq!(evidence(&seen, "probe", "proved").len(), 3, "{seen:#?}");
    for subject in ["definition", "program", "browser", "files", "environment"] {
        assert_eq!(evidence(&seen, subject, "proved").len(), 1, "{subject}: {seen:#?}");
    }
    // Only root may see what a keeper reads.
    let verdict = if rustix::process::geteuid().is_root() { "proved" } else { "unseen" };
    assert!(evidence(&seen, "log", verdict)[0].contains("planes/main/log/gateway.log"), "{seen:#?}");

    let text = world.run(&["verify"]).code(0);
    assert!(
        text.out.contains("main is the intended one") && text.out.contains("rescue is the intended one"),
        "{text:?}"
    );
    assert!(!text.out.contains("a-secret-word"), "a value is shown: {}", text.out);

    world.run(&["stop", "rescue"]).code(0);
    let text = world.run(&["verify"]).code(0);
    assert!(text.out.contains("rescue is stopped, so there is nothing to verify"), "{text:?}");
    world.run(&["verify", "rescue"]).code(3);
    world.run(&["verify", "main"]).code(0);
    world.end_daemon(Signal::KILL, SOON);
    world.run(&["verify", "main"]).code(0);
}

#[test]
fn a_stranger_on_a_port_of_the_family_is_named() {
    let mut world = Gateward::new("verify-port", vec![TestPlane::practice("main"), TestPlane::practice("rescue")]);
    world.up();
    world.until_ready("main");
    world.until_ready("rescue");
    let port = world.written("rescue").base() + 11;
    let held = TcpListener::bind(("127.0.0.1", port)).expect("a port of the family");
    let seen = claims(&world, "rescue", 1);
    let told = failed(&seen);
    let me = format!("(pid {})", std::process::id());
    assert!(
        matches!(told[..], [("listener", line)] if line.starts_with(&format!("127.0.0.1:{port} (browser CDP)"))
            && line.contains(&me) && line.ends_with("belongs to no plane")),
        "{told:?}"
    );
    assert!(failed(&claims(&world, "main", 0)).is_empty());
    drop(held);
    claims(&world, "rescue", 0);

    // A browser that somebody has started by hand in rescue's folder, by its arguments.
    let folder = world.scratch().join("rescue/state/browser/openclaw/user-data");
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", "read -r line", "chromium"]).arg(format!("--user-data-dir={}", folder.display()));
    let mut browser = command.stdin(std::process::Stdio::piped()).spawn().expect("a shell");
    let pid = format!("(pid {})", browser.id());
    let seen = eventually(SOON, "the shell with its arguments", || {
        let said = world.run(&["verify", "rescue", "--json"]);
        if said.code == 1 {
            Ok(said.json()["planes"][0]["claims"].as_array().expect("claims").clone())
        } else {
            Err(said)
        }
    });
    let told = failed(&seen);
    assert!(
        matches!(told[..], [("browser", line)] if line.contains(&pid) && line.ends_with("and is none of its processes")),
        "{told:?}"
    );
    drop(browser.stdin.take());
    browser.wait().expect("our child");
    claims(&world, "rescue", 0);
}

#[test]
fn a_plane_that_has_adopted_another_planes_browser_is_named() {
    let main = TestPlane::practice("main").env("PRACTICE_STRAGGLER", "browser");
    let port = main.base() + 11;
    let practice = env!("CARGO_BIN_EXE_gateward");
    let dial = format!("/dev/tcp/127.0.0.1/{port}");
    let script = format!(
        "until (exec 3<>{dial}) 2>/dev/null; do read -rt 0.1 <> <(:) || :; done; exec 3<>{dial}; exec {practice} practice \"$@\""
    );
    let rescue = TestPlane::command("rescue", &["/bin/bash", "-c", &script, "rescue"]);
    let mut world = Gateward::new("verify-adopted", vec![main, rescue]);
    world.up();
    world.until_ready("main");
    world.until_ready("rescue");
    let seen = claims(&world, "rescue", 1);
    let told = failed(&seen);
    let words = format!("is connected to 127.0.0.1:{port}, a browser port of main");
    assert!(matches!(told[..], [("browser", line)] if line.ends_with(&words)), "{told:?}");
    claims(&world, "main", 0);
}

#[test]
fn whose_browser_a_plane_attaches_to_is_told() {
    let main = TestPlane::practice("main").env("PRACTICE_STRAGGLER", "browser");
    let browser = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = browser.local_addr().expect("bound").port();
    let attaching = |name: &str, port: u16| {
        TestPlane::practice(name).config(&format!(
            "{{ gateway: {{ mode: \"local\", port: {{port}}, bind: \"loopback\" }}, \
             browser: {{ cdpUrl: \"http://127.0.0.1:{port}\" }} }}"
        ))
    };
    let (rescue, staging) = (attaching("rescue", main.base() + 11), attaching("staging", port));
    let mut world = Gateward::new("verify-attached", vec![main, rescue, staging]);
    world.up();
    let me = format!("(pid {})", std::process::id());
    // The proof stands against both of them, so the operator has to insist.
    world.run(&["start", "main", "rescue", "--allow", "port-pin-in-foreign-family"]).code(0);
    world.until_ready("main");
    world.until_ready("rescue");
    world.until_ready("staging");
    let told = eventually(SOON, "main's browser", || {
        let said = world.run(&["verify", "rescue", "--json"]).json();
        let seen = said["planes"][0]["claims"].as_array().cloned().unwrap_or_default();
        if failed(&seen).is_empty() { Err(seen) } else { Ok(seen) }
    });
    assert!(
        failed(&told).iter().any(|(claim, line)| *claim == "browser" && line.ends_with("belongs to main")),
        "{told:#?}"
    );
    let seen = claims(&world, "staging", 0);
    let unseen = evidence(&seen, "browser", "unseen");
    assert!(unseen.iter().any(|line| line.contains(&me) && line.contains("belongs to no plane")), "{seen:#?}");
    drop(browser);
}

#[test]
fn another_plane_in_ports_and_files_is_named() {
    let rescue = TestPlane::practice("rescue");
    let port = rescue.base() + 11;
    let (practice, run) = (env!("CARGO_BIN_EXE_gateward"), port.to_string());
    // Two plain planes, of whose ports and files no manifest says anything.
    let listens = TestPlane::plain("listens", &[practice, "practice", "gateway", "run", "--port", &run]);
    let script = "exec 3>>../../rescue/state/diary; exec sleep 1000000";
    let writes = TestPlane::plain("writes", &["/bin/sh", "-c", script]);
    let mut world = Gateward::new("verify-planes", vec![rescue, listens, writes]);
    world
        .scratch()
        .write("listens/home/.openclaw/openclaw.json", "{ gateway: { mode: \"local\", bind: \"loopback\" } }");
    world.up();
    world.until_ready("rescue");
    let seen = eventually(SOON, "both of them", || {
        let said = world.run(&["verify", "rescue", "--json"]).json();
        let seen = said["planes"][0]["claims"].as_array().cloned().unwrap_or_default();
        if failed(&seen).iter().any(|(claim, _)| *claim == "listener")
            && failed(&seen).iter().any(|(claim, _)| *claim == "files")
        {
            Ok(seen)
        } else {
            Err(seen)
        }
    });
    let told = failed(&seen);
    assert!(
        told.iter().any(|(_, line)| line.contains(&port.to_string()) && line.ends_with("belongs to listens")),
        "{told:?}"
    );
    assert!(
        told.iter().any(|(_, line)| line.contains("rescue/state/diary is open in sleep") && line.contains("belongs to writes")),
        "{told:?}"
    );
    let seen = claims(&world, "writes", 1);
    let told = failed(&seen);
    assert!(
        matches!(told[..], [("files", line)] if line.contains("rescue/state/diary open, which belongs to rescue")),
        "{told:?}"
    );
}

#[test]
fn an_environment_and_a_definition_that_are_no_longer_declared_are_told_without_values() {
    let main = TestPlane::practice("main").env("WORD", "first-secret");
    let mut world = Gateward::new("verify-env", vec![main]).dirty(&[("PASSED", "passed-secret")]);
    world.up();
    world.until_ready("main");
    claims(&world, "main", 0);
    // The edit waits for a reload, as its plane lives.
    let manifest = std::fs::read_to_string(world.manifest()).expect("the manifest");
    let edited = manifest.replace("first-secret", "second-secret").replace("WORD =", "MORE = \"third-secret\", WORD =");
    world.scratch().write("supervisor.toml", &edited);
    let said = world.run(&["verify", "main"]).code(1);
    for words in ["FAILED  definition", "gateward reload", "WORD is not what was declared", "MORE is missing"] {
        assert!(said.out.contains(words), "{words} is missing:\n{}", said.out);
    }
    assert!(!said.out.contains("secret"), "a value is shown:\n{}", said.out);
    world.run(&["reload"]).code(0);
    world.until("main", SOON, "the second incarnation, ready", |plane| plane.ready && plane.incarnation == 2);
    claims(&world, "main", 0);

    // What comes from the supervisor's environment is known to the keeper, so it is proved from a shell without it, too.
    world.scratch().write("supervisor.toml", &edited.replace("isolates =", "pass_env = [\"PASSED\"]\nisolates ="));
    world.run(&["reload"]).code(0);
    world.until("main", SOON, "the third incarnation, ready", |plane| plane.ready && plane.incarnation == 3);
    claims(&world, "main", 0);
    let mut bare = world.command(&["verify", "main", "--json"]);
    let said = crate::support::said(bare.env_remove("PASSED").output().expect("our binary runs")).code(0);
    assert!(!said.out.contains("secret"), "a value is shown:\n{}", said.out);
    let seen = said.json()["planes"][0]["claims"].as_array().expect("claims").clone();
    for subject in ["definition", "environment"] {
        assert_eq!(evidence(&seen, subject, "proved").len(), 1, "{seen:#?}");
    }
}

#[test]
fn what_the_supervisor_still_has_to_do_is_told_by_verify_as_by_status() {
    let main = TestPlane::practice("main").key("pass_env", "[\"PASSED\"]");
    let mut world = Gateward::new("verify-pending", vec![main]).dirty(&[("PASSED", "first-secret")]);
    world.up();
    world.until_ready("main");
    claims(&world, "main", 0);
    // Another supervisor, with another environment: what runs was given the first word.
    world.end_daemon(Signal::KILL, SOON);
    let mut world = world.dirty(&[("PASSED", "second-secret")]);
    world.up();
    let status = eventually(SOON, "the change in status", || {
        let said = world.run(&["status"]).out;
        if said.contains("differs from the manifest") { Ok(said) } else { Err(said) }
    });
    assert!(status.contains("`gateward reload` applies that"), "{status}");
    let said = world.run(&["verify", "main"]).code(1);
    assert!(said.out.contains("FAILED  definition") && said.out.contains("differs from the manifest"), "{said:#?}");
    assert!(!said.out.contains("secret"), "{said:#?}");
    world.run(&["reload"]).code(0);
    world.until("main", SOON, "the second incarnation, ready", |plane| plane.ready && plane.incarnation == 2);
    claims(&world, "main", 0);
    assert!(!world.run(&["status"]).out.contains("differs"), "it is applied");
}

#[test]
fn with_a_broken_manifest_card_and_verify_go_by_what_was_handed_out() {
    let mut world = Gateward::new("verify-sealed", vec![TestPlane::practice("main"), TestPlane::practice("rescue")]);
    world.up();
    world.until_ready("main");
    world.until_ready("rescue");
    let card = world.run(&["card", "rescue"]).code(0).out;
    let text = std::fs::read_to_string(world.manifest()).expect("the manifest");
    world.scratch().write("supervisor.toml", "not TOML");
    let said = world.run(&["card", "rescue"]).code(0);
    assert_eq!(said.out, card);
    assert!(said.err.contains("cannot be used"), "{said:#?}");
    let said = world.run(&["verify"]).code(0);
    assert!(said.err.contains("cannot be used"), "{said:#?}");
    assert_eq!(said.out.matches("as its keeper was given it").count(), 2, "{said:#?}");
    assert!(said.out.contains("ok      environment") && said.out.contains("ok      listener"), "{said:#?}");
    // With the supervisor gone the keepers tell; with nobody there it is what it was.
    world.end_daemon(Signal::KILL, SOON);
    assert_eq!(world.run(&["card", "rescue"]).code(0).out, card);
    world.run(&["verify", "rescue"]).code(0);
    world.scratch().write("supervisor.toml", &text);
    world.run(&["stop", "all"]).code(0);
}

#[test]
fn a_frozen_gateway_fails_its_probes_and_one_gone_from_the_manifest_is_told() {
    let probes = "timeout = \"1s\"\ninterval = \"60s\"";
    let planes = vec![TestPlane::practice("main").table("health", probes), TestPlane::practice("rescue")];
    let mut world = Gateward::new("verify-frozen", planes);
    world.up();
    let main = world.until_ready("main");
    world.until_ready("rescue");
    let pid = main.pid.expect("it runs");
    processes::kill(pid, Signal::STOP);
    let said = world.run(&["verify", "main", "--json"]);
    processes::kill(pid, Signal::CONT);
    let seen = said.json()["planes"][0]["claims"].as_array().expect("claims").clone();
    assert_eq!((said.code, failed(&seen).iter().filter(|(claim, _)| *claim == "probe").count()), (1, 3), "{seen:#?}");
    let text = std::fs::read_to_string(world.manifest()).expect("the manifest");
    let at = text.find("\n[planes.rescue]").expect("its table");
    world.scratch().write("supervisor.toml", &text[..at]);
    let said = world.run(&["verify"]).code(1);
    assert!(said.out.contains("it runs, and the manifest no longer names it"), "{said:?}");
    world.scratch().write("supervisor.toml", &text);
}
