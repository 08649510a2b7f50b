//! Main and rescue, two real gateways under one supervisor: the product's main job, end to end.
//!
//! One world for the whole walk, since each boot burns seconds of processor; every step says what it found.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::Duration;

use gateward::wire::State;
use rustix::process::Signal;

use crate::support::processes::{environ, is_alive, kill, listeners, parent, tree};
use crate::support::{BOOT, Boots, Gateward, Said, TestPlane, eventually, openclaw, said};

/// The config of every other test plane, but for `gateway.port`.
const WITHOUT_A_PORT: &str = r#"{
  gateway: { mode: "local", bind: "loopback", auth: { mode: "token", token: "for-tests-only-0123456789abcdef" } },
  browser: { enabled: false },
  agents: { defaults: { workspace: "{workspace}" } },
  logging: { file: "{log}" },
}
"#;

/// An idle gateway leaves within 2 s (measured); two busy cores stretch that.
const IDLE_STOP: Duration = Duration::from_secs(30);

#[test]
fn main_and_rescue_share_nothing_not_even_their_fate() {
    let Some(_) = openclaw() else { return };
    let planes = vec![TestPlane::real("main"), TestPlane::real("rescue").config(WITHOUT_A_PORT)];
    let mut world = Gateward::new("main-and-rescue", planes).dirty(&DIRT);
    let boots = Boots::take(2);
    world.up();
    let (main, rescue) = (world.until_ready("main"), world.until_ready("rescue"));
    drop(boots);

    each_listener_is_its_planes_own_child(&world);
    nothing_undeclared_reached_the_gateways(&world);
    each_planes_own_commands_reach_its_own_gateway(&world);

    // kill -9 of main's gateway brings back main, alone.
    let boots = Boots::take(1);
    let killed = main.pid.expect("main runs");
    kill(killed, Signal::KILL);
    let again = world.until("main", BOOT, "another incarnation, ready", |plane| plane.ready && plane.incarnation == 2);
    drop(boots);
    assert_ne!(again.pid, main.pid);
    assert_eq!(again.keeper_pid, main.keeper_pid);
    assert_eq!(again.last_exit.as_ref().and_then(|exit| exit.signal), Some(9), "{again:#?}");
    let untouched = world.plane("rescue");
    assert_eq!((untouched.pid, untouched.port, untouched.incarnation), (rescue.pid, rescue.port, rescue.incarnation));
    assert!(untouched.ready, "{untouched:#?}");
    assert!(!is_alive(killed));

    rescue_mends_main_and_itself(&world);

    // `stop` exits within the idle bound and frees the family's ports.
    let began = std::time::Instant::now();
    world.run(&["stop", "main"]).code(0);
    assert!(began.elapsed() < IDLE_STOP, "{:?}", began.elapsed());
    let stopped = world.plane("main");
    assert_eq!((stopped.state, stopped.pid), (State::Stopped, None), "{stopped:#?}");
    assert_eq!(world.written("main").family().busy(), Vec::<u16>::new());
    assert!(world.plane("rescue").ready);

    // `down` leaves nothing running.
    world.run(&["down"]).code(0);
    eventually(IDLE_STOP, "an empty world", || match world.living() {
        living if living.is_empty() => Ok(()),
        living => Err(living),
    });
    assert_eq!(world.written("rescue").family().busy(), Vec::<u16>::new());
}

/// A client of OpenClaw that is told of no port makes one of the profile's name, and shows its token there.
fn each_planes_own_commands_reach_its_own_gateway(world: &Gateward) {
    for name in ["main", "rescue"] {
        let health = world.run(&["exec", name, "--", "openclaw", "gateway", "health"]).code(0);
        assert!(health.out.contains("OK"), "{health:#?}");
    }
}

fn rescue_mends_main_and_itself(world: &Gateward) {
    let (main, rescue) = (world.plane("main"), world.plane("rescue"));
    let status = from_rescue(world, &["status", "--json"]).code(0).json();
    assert_eq!(status["planes"][0]["pid"], main.pid.expect("it runs"));
    assert!(from_rescue(world, &["logs", "main", "-n", "200"]).code(0).out.contains("ready"));
    for words in [&["run"][..], &["demo"]] {
        let refused = from_rescue(world, words).code(1);
        assert!(refused.err.contains("from inside plane rescue"), "{refused:#?}");
    }
    let boots = Boots::take(1);
    from_rescue(world, &["restart", "main"]).code(0);
    let again = world.until_ready("main");
    assert_eq!(again.incarnation, main.incarnation + 1);
    assert_eq!(world.plane("rescue").pid, rescue.pid);
    // Of its own plane: accepted, answered, carried out though its asker dies with it; and main is left untouched.
    let accepted = from_rescue(world, &["restart", "rescue"]).code(0);
    assert!(accepted.out.starts_with("rescue: restart accepted (replaces incarnation 1)"), "{accepted:#?}");
    world.until("rescue", BOOT, "the next incarnation", |plane| plane.ready && plane.incarnation == 2);
    drop(boots);
    assert_eq!(world.plane("main").pid, again.pid);
}

/// The binary in the environment of rescue's gateway, as an agent's shell there has it.
fn from_rescue(world: &Gateward, arguments: &[&str]) -> Said {
    let mut environ = environ(world.plane("rescue").pid.expect("it runs"));
    // A helper of the test is no part of the plane, and must not be swept with it.
    environ.remove("GATEWARD_COOKIE");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateward"));
    command.args(arguments).env_clear().envs(environ).current_dir("/").stdin(Stdio::null());
    said(command.output().expect("our binary runs"))
}

/// What a careless shell would hand down.
const DIRT: [(&str, &str); 12] = [
    ("OPENCLAW_GATEWAY_PORT", "18789"),
    ("OPENCLAW_STATE_DIR", "/nonexistent/state"),
    ("CLAWDBOT_GATEWAY_TOKEN", "leak"),
    ("MOLTBOT_STATE_DIR", "/nonexistent"),
    ("TELEGRAM_BOT_TOKEN", "1234:leak"),
    ("ANTHROPIC_API_KEY", "leak"),
    ("NODE_OPTIONS", "--max-old-space-size=64"),
    ("HTTPS_PROXY", "http://127.0.0.1:9"),
    ("npm_config_prefix", "/nonexistent"),
    ("INVOCATION_ID", "0123456789abcdef0123456789abcdef"),
    ("DISPLAY", ":7"),
    ("SOMETHING_ELSE", "leak"),
];

fn each_listener_is_its_planes_own_child(world: &Gateward) {
    for name in ["main", "rescue"] {
        let plane = world.plane(name);
        let pid = plane.pid.expect("it runs");
        assert_eq!(parent(pid), plane.keeper_pid, "the gateway is its keeper's child");
        let port = plane.port.expect("a port");
        let everything = world.living();
        let holders: BTreeSet<i32> = listeners(port, &everything).into_iter().collect();
        let own: BTreeSet<i32> = tree(pid).into_iter().chain([pid]).collect();
        assert!(!holders.is_empty(), "somebody listens on {port}");
        assert!(holders.is_subset(&own), "{name}: {holders:?} are all in {own:?}");
    }
}

fn nothing_undeclared_reached_the_gateways(world: &Gateward) {
    for name in ["main", "rescue"] {
        let pid = world.plane(name).pid.expect("it runs");
        let environ = environ(pid);
        let names: Vec<&str> = environ.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "GATEWARD_COOKIE",
                "GATEWARD_MANIFEST",
                "GATEWARD_PLANE",
                "GATEWARD_RUN_DIR",
                "HOME",
                "LANG",
                "OPENCLAW_CONFIG_PATH",
                "OPENCLAW_DISABLE_BONJOUR",
                "OPENCLAW_GATEWAY_PORT",
                "OPENCLAW_NO_AUTO_UPDATE",
                "OPENCLAW_OFFLINE",
                "OPENCLAW_PROFILE",
                "OPENCLAW_SERVICE_REPAIR_POLICY",
                "OPENCLAW_SKIP_CHANNELS",
                "OPENCLAW_STATE_DIR",
                "OPENCLAW_SUPERVISOR_MODE",
                "OPENCLAW_WORKSPACE_DIR",
                "PATH",
            ],
            "{name}"
        );
        assert_eq!(environ["GATEWARD_PLANE"], name);
        assert!(environ["GATEWARD_COOKIE"].ends_with(&format!("/{name}/1")), "{environ:?}");
        assert!(environ["OPENCLAW_STATE_DIR"].ends_with(&format!("{name}/state")), "{environ:?}");
    }
}
