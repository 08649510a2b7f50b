//! The stand-in gateway: it must behave as the contract says of the real one, or every drill on it proves nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Family, Scratch, eventually, processes};

const BUDGET: Duration = Duration::from_secs(20);

/// A state dir, a config and a port family; no process yet.
struct World {
    scratch: Scratch,
    family: Family,
}

/// A stand-in that runs; killed when the test ends early.
struct Gateway {
    child: Child,
    port: u16,
}

impl World {
    fn new(test: &str) -> Self {
        let world = Self { scratch: Scratch::new(test), family: Family::lease() };
        world.scratch.folder("state");
        world.config("{ gateway: { mode: 'local' } }");
        world
    }

    fn config(&self, text: &str) {
        self.scratch.write("openclaw.json", text);
    }

    fn command(&self, args: &[&str], faults: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateward"));
        command.arg("practice").args(args).env_clear().stdin(Stdio::null());
        command.env("OPENCLAW_CONFIG_PATH", self.scratch.join("openclaw.json"));
        command.env("OPENCLAW_STATE_DIR", self.scratch.join("state")).env("HOME", self.scratch.path());
        command.envs(faults.iter().copied());
        command
    }

    fn output(&self, args: &[&str]) -> Output {
        self.command(args, &[]).output().expect("our binary")
    }

    fn start(&self, faults: &[(&str, &str)]) -> Gateway {
        self.start_on(self.family.base(), faults)
    }

    fn start_on(&self, port: u16, faults: &[(&str, &str)]) -> Gateway {
        let mut command = self.command(&["gateway", "run", "--port", &port.to_string()], faults);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("our binary");
        Gateway { child, port }
    }

    fn consume(&self, pid: u32) -> Value {
        let args = ["gateway", "restart-handoff", "consume", "--expected-pid", &pid.to_string(), "--json"];
        serde_json::from_slice(&self.output(&args).stdout).expect("JSON")
    }
}

impl Gateway {
    fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    fn signal(&self, signal: Signal) {
        processes::kill(self.pid(), signal);
    }

    /// Status and body, or none when nobody answers within a second.
    fn ask(&self, path: &str) -> Option<(u16, Value)> {
        ask(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)), path)
    }

    #[track_caller]
    fn answers(&self, path: &str, code: u16) -> Value {
        let mut body = Value::Null;
        eventually(BUDGET, &format!("{path} answers {code}"), || match self.ask(path) {
            Some((now, text)) if now == code => {
                body = text;
                true
            }
            _ => false,
        });
        body
    }

    /// Waits for the end; gives code or negated signal, and both streams.
    #[track_caller]
    fn end(mut self) -> (i32, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        self.child.stdout.take().expect("piped").read_to_string(&mut out).expect("text");
        self.child.stderr.take().expect("piped").read_to_string(&mut err).expect("text");
        let status = self.child.wait().expect("an end");
        (status.code().unwrap_or_else(|| -status.signal().expect("code or signal")), out, err)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(address: SocketAddr, path: &str) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let code = text.split(' ').nth(1)?.parse().ok()?;
    Some((code, serde_json::from_str(text.split_once("\r\n\r\n")?.1).ok()?))
}

#[test]
fn the_probes_tell_each_stage_on_both_loopbacks() {
    let world = World::new("practice-stages");
    let gateway = world.start(&[("PRACTICE_STALL", "1")]);
    let starting = gateway.answers("/startupz", 503);
    assert_eq!((&starting["status"], &starting["pendingReason"]), (&json!("starting"), &json!("startup-sidecars")));
    assert_eq!(gateway.answers("/readyz", 503)["failing"], json!(["startup-sidecars"]));
    assert_eq!(gateway.answers("/healthz", 200), json!({"ok": true, "status": "live"}));
    drop(gateway);

    let gateway = world.start(&[("PRACTICE_DRAIN_MS", "60000")]);
    assert_eq!(gateway.answers("/startupz", 200)["status"], "started");
    assert_eq!(gateway.answers("/readyz", 200)["ready"], true);
    assert_eq!(ask((Ipv6Addr::LOCALHOST, gateway.port).into(), "/readyz").map(|(code, _)| code), Some(200));
    gateway.signal(Signal::TERM);
    eventually(BUDGET, "it drains", || gateway.ask("/startupz").is_some_and(|(_, body)| body["status"] == "draining"));
    assert_eq!(gateway.answers("/readyz", 503)["failing"], json!(["gateway-draining"]));
    assert_eq!(gateway.answers("/healthz", 200)["ok"], true);
}

#[test]
fn it_stops_on_sigterm_after_its_drain_and_leaves_nothing() {
    let world = World::new("practice-stop");
    world.config(&format!("{{ gateway: {{ mode: 'local', port: {} }} }}", world.family.base()));
    assert_eq!(world.output(&["gateway", "health"]).status.code(), Some(1), "nobody runs");
    let gateway = world.start(&[("PRACTICE_DRAIN_MS", "500")]);
    gateway.answers("/startupz", 200);
    assert_eq!(world.output(&["gateway", "health"]).status.code(), Some(0));
    let asked = Instant::now();
    gateway.signal(Signal::TERM);
    // A second one does not shorten the drain.
    gateway.signal(Signal::INT);
    let pid = gateway.child.id();
    let (code, out, _) = gateway.end();
    assert_eq!(code, 0, "{out}");
    assert!(asked.elapsed() >= Duration::from_millis(500), "{:?}", asked.elapsed());
    assert!(out.contains("already shutting down"), "{out}");
    assert!(out.lines().all(|line| line.get(10..11) == Some("T") && line.contains("+00:00 [")), "{out}");
    assert_eq!(world.consume(pid)["status"], "none", "a stop leaves no handoff");
    assert!(world.family.busy().is_empty(), "the family is free");
}

#[test]
fn a_restart_leaves_a_handoff_that_is_consumed_once() {
    let world = World::new("practice-handoff");
    let gateway = world.start(&[]);
    gateway.answers("/startupz", 200);
    let pid = gateway.child.id();
    gateway.signal(Signal::USR2);
    let (code, out, _) = gateway.end();
    assert_eq!(code, 0, "{out}");
    assert_eq!(world.consume(pid + 1)["reason"], "pid-mismatch");
    let accepted = world.consume(pid);
    assert_eq!(
        (&accepted["status"], &accepted["handoff"]["restartKind"]),
        (&json!("accepted"), &json!("full-process"))
    );
    assert_eq!(world.consume(pid)["reason"], "missing");
    let bad = world.output(&["gateway", "restart-handoff", "consume", "--expected-pid", "x", "--json"]);
    assert_eq!(bad.status.code(), Some(2));
    let capabilities = world.output(&["gateway", "restart-handoff", "capabilities", "--json"]);
    assert!(gateward::openclaw::handoff::spoken(&String::from_utf8_lossy(&capabilities.stdout)));
}

#[test]
fn gateway_restart_comes_back_when_a_successor_has_started() {
    let world = World::new("practice-restart");
    assert_eq!(world.output(&["gateway", "restart"]).status.code(), Some(1), "nobody runs");
    let first = world.start(&[]);
    first.answers("/startupz", 200);
    let card = std::fs::metadata(world.scratch.join("state/practice.json")).expect("a card");
    assert_eq!(card.permissions().mode() & 0o777, 0o600);
    let refused = TcpStream::connect((Ipv4Addr::LOCALHOST, first.port)).and_then(|mut stream| {
        write!(stream, "POST /practice/restart HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text).map(|_| text)
    });
    assert!(refused.expect("an answer").starts_with("HTTP/1.1 401"), "without the token");
    let mut asked = world.command(&["gateway", "restart"], &[]).stdout(Stdio::null()).spawn().expect("our binary");
    let (code, out, _) = first.end();
    assert_eq!(code, 0);
    assert!(out.contains("restart requested"), "{out}");
    assert!(asked.try_wait().expect("a look").is_none(), "it waits for the successor");
    let second = world.start(&[]);
    assert_eq!(asked.wait().expect("an end").code(), Some(0));
    second.answers("/startupz", 200);
}

#[test]
fn a_state_dir_has_one_owner_and_a_port_too() {
    let world = World::new("practice-owner");
    let first = world.start(&[]);
    first.answers("/startupz", 200);
    let (code, _, err) = world.start_on(first.port + 1, &[]).end();
    assert_eq!(code, 78, "{err}");
    assert!(err.contains(&format!("gateway already running (pid {})", first.pid())), "{err}");

    let other = World::new("practice-other");
    let (code, _, err) = other.start_on(first.port, &[]).end();
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("is already listening on"), "{err}");
    for address in [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))] {
        let taken = SocketAddr::new(address.ip(), other.family.base());
        let _listener = TcpListener::bind(taken).expect("a listener");
        assert_eq!(other.start(&[]).end().0, 1, "{taken} is busy");
    }
}

#[test]
fn a_config_that_the_real_one_refuses_is_refused() {
    let world = World::new("practice-config");
    let validate = || {
        let output = world.output(&["config", "validate", "--json"]);
        let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (output.status.code(), answer)
    };
    let (code, answer) = validate();
    assert_eq!((code, &answer["valid"]), (Some(0), &json!(true)));
    assert_eq!(answer["path"], json!(world.scratch.join("openclaw.json")));

    for (text, valid) in [("{ gateway: { mode: 'local' ", false), ("{ gateway: { port: 1 } }", true), ("[]", false)] {
        world.config(text);
        assert_eq!(world.start(&[]).end().0, 78, "{text}");
        assert_eq!(validate().1["valid"], json!(valid), "{text}");
    }
    world.config("{ gateway: { ");
    assert!(!validate().1["issues"].as_array().expect("issues").is_empty());
    std::fs::remove_file(world.scratch.join("openclaw.json")).expect("removed");
    assert_eq!(world.start(&[]).end().0, 78);
    assert_eq!(validate().1["error"]["message"], "file not found");
}

#[test]
fn agents_are_listed_with_their_workspaces() {
    let world = World::new("practice-agents");
    world.config("{ gateway: { mode: 'local' }, agents: { defaults: { workspace: '/srv/work' } } }");
    let output = world.output(&["agents", "list", "--json"]);
    let agents: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&agents[0]["id"], &agents[0]["workspace"]), (&json!("main"), &json!("/srv/work")));
    assert_eq!(agents[0]["isDefault"], true);
    let version = String::from_utf8(world.output(&["--version"]).stdout).expect("text");
    assert!(version.contains("not OpenClaw"), "{version}");
    assert_eq!(world.output(&["doctor"]).status.code(), Some(0));
}

#[test]
fn a_hangup_ends_it_and_an_interrupt_drains_it() {
    let world = World::new("practice-signals");
    let gateway = world.start(&[]);
    gateway.answers("/startupz", 200);
    gateway.signal(Signal::USR1);
    gateway.answers("/readyz", 200);
    gateway.signal(Signal::HUP);
    assert_eq!(gateway.end().0, -1);
    let gateway = world.start(&[("PRACTICE_DRAIN_EXIT_CODE", "1")]);
    gateway.answers("/startupz", 200);
    gateway.signal(Signal::INT);
    assert_eq!(gateway.end().0, 1);
}

#[test]
fn it_exits_when_and_how_it_is_told() {
    let world = World::new("practice-exit");
    let (code, out, _) = world.start(&[("PRACTICE_EXIT_CODE", "3")]).end();
    assert_eq!((code, out.as_str()), (3, ""));
    let (code, out, _) = world.start(&[("PRACTICE_EXIT_CODE", "9"), ("PRACTICE_EXIT_AFTER_MS", "300")]).end();
    assert_eq!(code, 9);
    assert!(out.contains("PRACTICE_EXIT_CODE"), "{out}");
    world.scratch.write("state/practice.env", "PRACTICE_EXIT_CODE=5\n");
    assert_eq!(world.start(&[("PRACTICE_EXIT_CODE", "3")]).end().0, 5, "the file overrules");
    world.scratch.write("state/practice.env", "PRACTICE_EXITCODE=5\n");
    let (code, _, err) = world.start(&[]).end();
    assert_eq!(code, 1);
    assert!(err.contains("PRACTICE_EXITCODE: the stand-in has no such fault"), "{err}");
}

#[test]
fn a_hung_one_takes_connections_and_signals_and_answers_neither() {
    let world = World::new("practice-hang");
    let mut gateway = world.start(&[("PRACTICE_HANG_AFTER_MS", "0")]);
    let mut lines = BufReader::new(gateway.child.stdout.take().expect("piped")).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains("hanging"))));
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, gateway.port)).expect("the kernel takes it");
    write!(stream, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    gateway.signal(Signal::TERM);
    stream.set_read_timeout(Some(Duration::from_millis(300))).expect("set");
    assert!(stream.read(&mut [0]).is_err(), "no answer");
    assert!(gateway.child.try_wait().expect("a look").is_none(), "no end");
}

#[test]
fn it_ignores_sigterm_when_told_but_not_a_restart() {
    let world = World::new("practice-stubborn");
    let mut gateway = world.start(&[("PRACTICE_IGNORE_TERM", "1"), ("PRACTICE_READY_FAILING", "telegram")]);
    assert_eq!(gateway.answers("/startupz", 200)["ok"], true);
    assert_eq!(gateway.answers("/readyz", 503)["failing"], json!(["telegram"]));
    gateway.signal(Signal::TERM);
    let mut lines = BufReader::new(gateway.child.stdout.take().expect("piped")).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains("PRACTICE_IGNORE_TERM says no"))));
    assert_eq!(gateway.answers("/startupz", 200)["ok"], true);
    gateway.signal(Signal::USR2);
    assert_eq!(gateway.child.wait().expect("an end").code(), Some(0));
}

#[test]
fn it_floods_chatters_and_closes_its_stdout() {
    let world = World::new("practice-output");
    let faults = [("PRACTICE_FLOOD_LINES", "5000"), ("PRACTICE_FLOOD_BYTES", "200"), ("PRACTICE_CHATTER_MS", "20")];
    let mut gateway = world.start(&faults);
    let lines = BufReader::new(gateway.child.stdout.take().expect("piped")).lines();
    let (mut flood, mut chatter) = (0, 0);
    for line in lines.map(|line| line.expect("text")) {
        flood += usize::from(line.starts_with("flood ") && line.len() == 199);
        chatter += usize::from(line.ends_with("[practice] chatter"));
        if flood == 5000 && chatter > 3 {
            break;
        }
    }
    // The reader is gone now: as the real one it ends at its next line, without a drain.
    assert_eq!(gateway.child.wait().expect("an end").code(), Some(0));

    let mut gateway = world.start(&[("PRACTICE_CLOSE_STDOUT", "1")]);
    let mut text = String::new();
    gateway.child.stdout.take().expect("piped").read_to_string(&mut text).expect("its end");
    gateway.child.stderr.take().expect("piped").read_to_string(&mut text).expect("its end");
    assert!(text.contains("] ready"), "{text}");
    assert_eq!(gateway.answers("/readyz", 200)["ready"], true);
}

#[test]
fn a_straggler_outlives_it_scrubbed_and_in_a_session_of_its_own() {
    let world = World::new("practice-straggler");
    let faults = [("PRACTICE_STRAGGLER", "browser"), ("PRACTICE_STRAGGLER_MS", "60000")];
    let mut gateway = world.start(&faults);
    let mut lines = BufReader::new(gateway.child.stdout.take().expect("piped")).lines().map(|line| line.expect("text"));
    let told = lines.find_map(|line| line.split_once("left a straggler behind, pid ").map(|(_, pid)| pid.to_owned()));
    let pid: i32 = told.expect("told").parse().expect("a pid");
    assert!(processes::environ(pid).is_empty());
    let stat = gateward::os::process::stat(pid).expect("facts");
    assert_eq!((stat.session, stat.group, stat.ppid), (pid, pid, gateway.pid()));
    let browser = SocketAddr::from((Ipv4Addr::LOCALHOST, gateway.port + 11));
    eventually(BUDGET, "it holds base + 11", || TcpStream::connect(browser).is_ok());
    gateway.child.kill().expect("killed");
    gateway.child.wait().expect("reaped");
    assert!(processes::is_alive(pid));
    processes::kill(pid, Signal::KILL);
    eventually(BUDGET, "it is gone", || !processes::is_alive(pid));

    let mut gateway = world.start(&[("PRACTICE_STRAGGLER", "1"), ("PRACTICE_STRAGGLER_MS", "100")]);
    let mut lines = BufReader::new(gateway.child.stdout.take().expect("piped")).lines().map(|line| line.expect("text"));
    let told = lines.find_map(|line| line.split_once("left a straggler behind, pid ").map(|(_, pid)| pid.to_owned()));
    let pid: i32 = told.expect("told").parse().expect("a pid");
    eventually(BUDGET, "it ends by itself", || !processes::is_alive(pid));
}

#[test]
fn the_browser_control_port_is_bound_when_asked() {
    let world = World::new("practice-eager");
    let gateway = world.start(&[("OPENCLAW_EAGER_BROWSER_CONTROL_SERVER", "1")]);
    gateway.answers("/startupz", 200);
    assert_eq!(world.family.busy(), [gateway.port, gateway.port + 2]);
}

#[test]
fn it_starts_fast() {
    let world = World::new("practice-fast");
    let born = Instant::now();
    let gateway = world.start(&[("PRACTICE_BOOT_MS", "0")]);
    gateway.answers("/startupz", 200);
    // Thirty times what it takes: this guards against seconds, not milliseconds.
    assert!(born.elapsed() < Duration::from_secs(2), "{:?}", born.elapsed());
}
