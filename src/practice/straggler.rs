//! A process left behind on purpose: it has a session of its own, an empty environment, and an end of its own in any case.
//!
//! It does nothing but be there, and hold one port when asked to.

use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Duration;

use crate::os::exe;
use crate::os::launch::{Launch, Program, Stdio};

/// Starts one that lives for `life` at most.
pub(super) fn start(life: Duration, port: Option<u16>) -> Result<i32, String> {
    let mut argv = vec!["straggler".to_owned(), "practice".into(), "straggler".into(), life.as_millis().to_string()];
    argv.extend(port.map(|port| format!("--port={port}")));
    let own = exe::own().map_err(|cause| format!("no descriptor on our own program: {cause}"))?;
    let launch = Launch::new(Program::Descriptor(own), argv.into_iter().map(Into::into).collect());
    let null = std::fs::File::options().read(true).write(true).open("/dev/null").map_err(|cause| cause.to_string())?;
    let stdio = Stdio { stdin: null.as_fd(), stdout: null.as_fd(), stderr: null.as_fd() };
    let child = launch.prepare().and_then(|mut ready| ready.spawn(stdio, &[])).map_err(|cause| cause.to_string())?;
    Ok(child.pid)
}

/// Its whole life. The sleep is the point of it: nothing ends it but its time, or a supervisor that finds it.
pub(super) fn live(life: Duration, port: Option<u16>) -> ExitCode {
    let _held = port.map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)));
    std::thread::sleep(life);
    ExitCode::SUCCESS
}
