//! Talks to systemd through its own `systemctl`, which knows how to reach the manager that is meant.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::cli::outcome::Failure;
use crate::render::service::{Kind, UNIT};

/// Runs `systemctl` with these words; gives what it printed, or what it complained about.
pub fn systemctl(kind: Kind, words: &[&str]) -> Result<String, Failure> {
    let output = call(kind, words)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim();
    let line = format!("systemctl {} {}", kind.option(), words.join(" "));
    let message =
        if said.is_empty() { format!("`{line}` failed ({})", output.status) } else { format!("`{line}`: {said}") };
    Err(Failure::failed(message, refusal(kind, words, said)))
}

/// What helps: who was not reached is called otherwise, and a unit that does not start says why in the journal.
fn refusal(kind: Kind, words: &[&str], said: &str) -> String {
    let journal = match kind {
        Kind::System => "journalctl -u gateward",
        Kind::User => "journalctl --user -u gateward",
    };
    let is_unreached =
        said.contains("connect to bus") || said.contains("Access denied") || said.contains("authentication");
    match words.first() {
        Some(&("start" | "stop" | "restart" | "reload")) if !is_unreached => {
            format!("`{journal} -n 20` tells why; `gateward check` proves the manifest")
        }
        Some(_) | None => hint(kind).to_owned(),
    }
}

/// The state of our unit: `active`, `inactive`, `failed` …
pub fn state(kind: Kind) -> Result<String, Failure> {
    // Its exit code tells the same once more; without a word it did not reach the manager.
    let output = call(kind, &["is-active", UNIT])?;
    let word = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if word.is_empty() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Failure::failed(format!("`systemctl {}` reaches no manager: {said}", kind.option()), hint(kind)));
    }
    Ok(word)
}

/// Fails where no systemd runs.
pub fn is_there() -> Result<(), Failure> {
    if Path::new("/run/systemd/system").is_dir() {
        return Ok(());
    }
    Err(Failure::failed(
        "this host is not run by systemd: there is no /run/systemd/system",
        "let what runs this host keep `gateward run`; `gateward service print` shows what the unit would do",
    ))
}

fn call(kind: Kind, words: &[&str]) -> Result<Output, Failure> {
    let mut command = Command::new("systemctl");
    command.arg(kind.option()).arg("--no-pager").args(words).stdin(Stdio::null());
    command.output().map_err(|error| Failure::failed(format!("`systemctl` cannot be run: {error}"), hint(kind)))
}

fn hint(kind: Kind) -> &'static str {
    match kind {
        Kind::System => "run this as root, on a host that is run by systemd",
        Kind::User => {
            "a user manager is reached through XDG_RUNTIME_DIR, which a login sets; `sudo -u` and `su` without `-` do not"
        }
    }
}
