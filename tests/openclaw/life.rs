//! The life of a real plane: every exit of the contract that a config can cause, the restart handoff end to end, and a restart
//! asked from inside.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;

use gateward::wire::State;
use rustix::process::Signal;

use crate::support::processes::{environ, kill};
use crate::support::{BOOT, Boots, Gateward, TestPlane, eventually, openclaw};

/// The slowest refusal of a config took 6 s alone (measured); two busy cores stretch that.
const REFUSED: Duration = Duration::from_secs(90);

#[test]
fn every_config_that_the_gateway_refuses_parks_it_and_a_good_one_brings_it_back() {
    let Some(_) = openclaw() else { return };
    let mut world = Gateward::new("refused-configs", vec![TestPlane::real("main")]);
    let _boots = Boots::take(1);
    world.up();
    let first = world.until_ready("main");
    let path = world.scratch().join("main/openclaw.json");
    let good = std::fs::read_to_string(&path).expect("a config");
    let broken = [
        ("an unknown key", good.replacen('{', "{ nonsense: true,", 1)),
        ("malformed JSON5", good.replacen('{', "{ gateway: [", 1)),
        ("no gateway.mode", good.replace("mode: \"local\", port", "port")),
        ("a bind beyond loopback without auth", {
            let open = good.replace("bind: \"loopback\"", "bind: \"lan\"");
            let at = open.find("auth: {").expect("auth");
            let end = at + open[at..].find('}').expect("its end") + 1;
            format!("{}auth: {{ mode: \"none\" }}{}", &open[..at], &open[end..])
        }),
    ];
    let mut incarnation = 1;
    for (what, text) in broken {
        assert_ne!(text, good, "{what}");
        world.scratch().write("main/openclaw.json", &text);
        if incarnation == 1 {
            // It has no use for SIGHUP but to die of it.
            kill(first.pid.expect("main runs"), Signal::HUP);
        }
        incarnation += 1;
        let parked = world.until("main", REFUSED, &format!("parked by {what}"), |plane| {
            plane.state == State::Parked && plane.incarnation == incarnation
        });
        assert_eq!(parked.last_exit.expect("it ended").code, Some(78), "{what}");
        assert!(parked.why.contains("gateward exec main -- openclaw doctor"), "{}", parked.why);
    }
    assert!(world.run(&["why", "main", "-n", "50"]).code(3).out.contains("signal 1 (SIGHUP): was killed by a signal"));
    std::fs::remove_file(&path).expect("removed");
    incarnation += 1;
    let parked = world.until("main", REFUSED, "parked without a config", |plane| {
        plane.state == State::Parked && plane.incarnation == incarnation
    });
    assert_eq!(parked.last_exit.expect("it ended").code, Some(78));

    world.scratch().write("main/openclaw.json", &good);
    let again = world.until_ready("main");
    assert_eq!(again.incarnation, incarnation + 1);

    // A healthy plane whose config no longer validates lives on, and the ask is refused with the issue.
    world.scratch().write("main/openclaw.json", &good.replacen('{', "{ nonsense: true,", 1));
    let refused = world.run(&["restart", "main"]);
    assert_eq!(refused.code, 7, "{refused:#?}");
    assert!(refused.err.contains("nonsense"), "it shows the issue: {}", refused.err);
    assert_eq!(world.plane("main").pid, again.pid);
}

#[test]
fn a_gateway_that_restarts_itself_is_handed_over_without_penalty() {
    let Some(_) = openclaw() else { return };
    let mut world = Gateward::new("handoffs", vec![TestPlane::real("main")]);
    let _boots = Boots::take(1);
    world.up();
    let first = world.until_ready("main");

    // Somebody asks for Node's inspector: it opens, and nothing else happens.
    let pid = first.pid.expect("main runs");
    kill(pid, Signal::USR1);
    eventually(BOOT, "its word of the inspector", || {
        let said = world.run(&["logs", "main", "-n", "200"]).out;
        if said.contains("127.0.0.1:9229") { Ok(()) } else { Err(said) }
    });
    let same = world.plane("main");
    assert_eq!((same.pid, same.incarnation, same.ready), (Some(pid), 1, true), "{same:#?}");

    kill(pid, Signal::USR2);
    handed_over(&world, 2, "SIGUSR2");

    let inside = environ(world.plane("main").pid.expect("main runs"));
    let asked = from_inside(&inside, "openclaw", &["gateway", "restart"]);
    let output = asked.wait_with_output().expect("openclaw runs");
    assert!(output.status.success(), "`openclaw gateway restart` from inside: {output:#?}");
    handed_over(&world, 3, "openclaw gateway restart");

    let path = world.scratch().join("main/openclaw.json");
    let text = std::fs::read_to_string(&path).expect("a config");
    let text = text.replace("bind: \"loopback\"", "bind: \"custom\", customBindHost: \"127.0.0.1\"");
    world.scratch().write("main/openclaw.json", &text);
    handed_over(&world, 4, "an edit of gateway.bind");

    let port = world.written("main").base();
    world
        .scratch()
        .write("main/openclaw.json", &text.replace(&format!("port: {port}"), &format!("port: {}", port + 7)));
    let after = handed_over(&world, 5, "an edit of gateway.port");
    assert_eq!(after.port, Some(port), "the manifest's port wins");
    let check = world.run(&["check", "--no-live", "--json"]).code(7);
    assert!(check.out.contains("port"), "and the contradiction is a finding: {}", check.out);

    // From inside its own plane: accepted, answered, and carried out although the asker's plane dies.
    let inside = environ(after.pid.expect("main runs"));
    world.scratch().write("main/openclaw.json", &text);
    let asked = from_inside(&inside, env!("CARGO_BIN_EXE_gateward"), &["restart", "main"]);
    let output = asked.wait_with_output().expect("gateward runs");
    assert!(output.status.success(), "`gateward restart main` from inside main: {output:#?}");
    // The gateway may have seen its mended config first and handed over once more; the ask was carried out all the same.
    world.until("main", BOOT, "another incarnation, ready", |plane| {
        plane.ready && plane.incarnation > after.incarnation
    });
    let journal = std::fs::read_to_string(world.scratch().join("state/planes/main/journal.jsonl")).expect("a journal");
    assert!(journal.lines().any(|line| line.contains("\"asked\"") && line.contains("restart by")), "{journal}");
    let refused = from_inside(&inside, env!("CARGO_BIN_EXE_gateward"), &["run"]).wait_with_output().expect("it runs");
    assert_eq!(refused.status.code(), Some(1), "{refused:#?}");

    // The gateway's own safe restart, waited for.
    let before = world.plane("main");
    world.run(&["restart", "main", "--safe"]).code(0);
    let safely = world.until_ready("main");
    assert!(safely.incarnation > before.incarnation, "{safely:#?}");
    assert_eq!(safely.last_exit.expect("it ended").meaning, "restarted as asked");
}

/// Waits for the successor and for OpenClaw's word that it was wanted. A gateway that boots while its store is asked for the
/// handoff was seen to crash on it once (exit 1); it comes back, so successors are not counted, handoffs are.
fn handed_over(world: &Gateward, incarnation: u64, how: &str) -> gateward::wire::PlaneStatus {
    eventually(BOOT, &format!("the handoff of {how}"), || {
        let path = world.scratch().join("state/planes/main/journal.jsonl");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let answers: Vec<&str> = text.lines().filter(|line| line.contains("\"handoff\"")).collect();
        let wanted = answers.iter().any(|line| line.contains("no penalty"));
        if wanted && answers.len() as u64 >= incarnation - 1 { Ok(()) } else { Err(text) }
    });
    world.until("main", BOOT, &format!("the successor after {how}"), |plane| {
        plane.ready && plane.incarnation >= incarnation
    })
}

/// A program in the environment of a living gateway, as an agent's shell has it.
fn from_inside(environ: &BTreeMap<String, String>, program: &str, args: &[&str]) -> std::process::Child {
    let path = environ["PATH"].clone();
    let program = path.split(':').map(|folder| std::path::Path::new(folder).join(program)).find(|path| path.exists());
    let mut command = Command::new(program.expect("a program on the plane's PATH"));
    command.args(args).env_clear().envs(environ).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("it runs")
}
