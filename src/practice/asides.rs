//! The commands that ask about a stand-in or steer one, each a process of its own as with `openclaw`.
//!
//! They start no gateway and signal nobody: a restart is asked for over the gateway's own port.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::world::{World, refusals};
use super::{VERSION, handoff, server};
use crate::openclaw::config::problem::ProblemCode;

/// How long `gateway restart` waits for the successor, as the real one does.
const SUCCESSOR: Duration = Duration::from_secs(360);

/// Another process answers when it is ready and announces it to nobody, so it has to be asked again.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// The living gateway of a state dir: pid, port and the token that steers it.
pub(super) fn card(state_dir: &Path) -> PathBuf {
    state_dir.join("practice.json")
}

/// `--version`
pub(super) fn version() -> ExitCode {
    say(&format!("gateward {VERSION}: a stand-in, not OpenClaw"));
    ExitCode::SUCCESS
}

/// `config validate`
pub(super) fn validate(world: &World) -> ExitCode {
    let declared = world.declared();
    let path = &world.config;
    let issues: Vec<Value> =
        refusals(&declared).map(|problem| json!({"path": "<root>", "message": problem.to_string()})).collect();
    if issues.is_empty() {
        say(&json!({"valid": true, "path": path, "warnings": []}).to_string());
        return ExitCode::SUCCESS;
    }
    let answer = if declared.problems.iter().any(|problem| problem.code == ProblemCode::ConfigMissing) {
        json!({"ok": false, "error": {"type": "cli_error", "message": "file not found"}, "valid": false, "path": path})
    } else {
        let message = format!("OpenClaw config is invalid: {}", path.display());
        json!({"ok": false, "error": {"type": "cli_error", "message": message}, "valid": false, "path": path,
            "issues": issues})
    };
    say(&format!("{answer:#}"));
    ExitCode::FAILURE
}

/// `agents list`
pub(super) fn agents(world: &World) -> ExitCode {
    let agents: Vec<Value> = world
        .declared()
        .agents
        .iter()
        .map(|agent| {
            json!({"id": agent.id, "workspace": agent.workspace.value, "agentDir": agent.agent_dir.value,
                "bindings": 0, "isDefault": agent.is_default})
        })
        .collect();
    say(&format!("{:#}", Value::from(agents)));
    ExitCode::SUCCESS
}

/// `doctor`
pub(super) fn doctor(world: &World) -> ExitCode {
    let declared = world.declared();
    say(&format!("config: {}", world.config.display()));
    say(&format!("state dir: {}", world.state_dir.display()));
    for problem in &declared.problems {
        say(&format!("{problem}\n  {}", problem.hint));
    }
    if declared.problems.is_empty() {
        say("no problems found by the stand-in");
    }
    ExitCode::SUCCESS
}

/// `health`
pub(super) fn health(world: &World) -> ExitCode {
    let port = world.port(None, &world.declared());
    match ask(port, "GET", "/healthz", "") {
        Ok(200) => {
            say("Gateway Health\nOK");
            ExitCode::SUCCESS
        }
        Ok(code) => super::failed(&format!("the gateway on port {port} answers {code}")),
        Err(cause) => super::failed(&format!("no gateway answers on port {port}: {cause}")),
    }
}

/// `gateway restart`: asks the living gateway, then waits until its successor has started.
pub(super) fn restart(world: &World) -> ExitCode {
    let path = card(&world.state_dir);
    let Some((port, token)) = handoff::read(&path).and_then(|card| steered(&card)) else {
        return super::failed(&format!("no gateway runs in {}", world.state_dir.display()));
    };
    match ask(port, "POST", server::RESTART, &token) {
        Ok(202) => {}
        Ok(code) => return super::failed(&format!("the gateway on port {port} answers {code}")),
        Err(cause) => return super::failed(&format!("no gateway answers on port {port}: {cause}")),
    }
    let until = Instant::now() + SUCCESSOR;
    while Instant::now() < until {
        if let Some((port, other)) = handoff::read(&path).and_then(|card| steered(&card))
            && other != token
            && matches!(ask(port, "GET", "/startupz", ""), Ok(200))
        {
            say("Gateway restarted.");
            return ExitCode::SUCCESS;
        }
        std::thread::sleep(ASK_AGAIN);
    }
    super::failed("no successor has started; does a supervisor run this gateway?")
}

fn steered(card: &Value) -> Option<(u16, String)> {
    Some((u16::try_from(card["port"].as_u64()?).ok()?, card["token"].as_str()?.to_owned()))
}

/// The status with which a gateway on this host answers one request.
fn ask(port: u16, method: &str, path: &str, token: &str) -> io::Result<u16> {
    let patience = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), patience)?;
    stream.set_read_timeout(Some(patience))?;
    let host = format!("Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nContent-Length: 0");
    write!(stream, "{method} {path} HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n")?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    let code = head.strip_prefix(b"HTTP/1.1 ").and_then(|code| std::str::from_utf8(code).ok()?.parse().ok());
    code.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}

fn say(text: &str) {
    // Nobody is left to tell when stdout is gone.
    let _ = writeln!(io::stdout(), "{text}");
}
