//! `service install` and `uninstall`: one file, and what systemd is told about it.
//!
//! Replaces and removes only what it wrote itself, and leaves a package's unit alone.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::Meant;
use super::systemctl::{is_there, state, systemctl};
use crate::cli::ask;
use crate::cli::outcome::{Code, Failure, Outcome};
use crate::cli::target::{Scope, Target};
use crate::cli::terminal::{print, say};
use crate::daemon::load;
use crate::plane::Launch;
use crate::render::service::{Kind, UNIT};
use crate::wire::{Answer, Ask};

/// The first line of a unit that we wrote, by which we know it again.
const MARK: &str = "# Written by `gateward service install`; `gateward service uninstall` takes it away.\n";

/// Where packages put their units.
const PACKAGED: [&str; 2] = ["/usr/lib/systemd", "/lib/systemd"];

/// Writes and enables the unit.
pub fn install(meant: &Meant, now: bool) -> Outcome {
    is_there()?;
    let kind = meant.kind;
    let begun = state(kind)?;
    if now && begun != "active" {
        refuse_a_second(meant)?;
    }
    let packaged = packaged(kind).filter(|_| meant.manifest.is_none());
    let told = match &packaged {
        Some(unit) => format!("{} is there already, from a package\n", unit.display()),
        None => {
            write(&meant.path, &format!("{MARK}{}", meant.text()))?;
            format!("wrote {}\n", meant.path.display())
        }
    };
    print(&told)?;
    systemctl(kind, &["daemon-reload"])?;
    systemctl(kind, &["enable", UNIT])?;
    let at = match kind {
        Kind::System => "at boot",
        Kind::User => "when this account's user manager starts",
    };
    print(&format!("enabled: systemd starts it {at}\n"))?;
    if now {
        systemctl(kind, &["start", UNIT])?;
        // A unit whose condition does not hold is passed over without an error.
        match state(kind)?.as_str() {
            "active" => print("started\n")?,
            other => print(&format!("not started yet: it is {other}\n"))?,
        }
    }
    explain(meant, &begun, now);
    Ok(Code::Done)
}

/// Refuses to start the unit beside a supervisor of the same manifest that somebody else runs.
fn refuse_a_second(meant: &Meant) -> Result<(), Failure> {
    let Some(Ok(target)) = meant.manifest().map(|manifest| Target::quietly(&Scope { manifest: Some(manifest) })) else {
        return Ok(());
    };
    match ask::one(target.daemon(), Ask::Status, ask::BUDGET) {
        Ok(Answer::Daemon(daemon)) => Err(Failure::failed(
            format!("a supervisor of {} runs already, outside of this unit (pid {})", daemon.manifest, daemon.pid),
            "end it first, with `gateward down` or Ctrl-C where it runs; without `--now` the unit is only written and enabled",
        )),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Takes the unit away.
pub fn uninstall(kind: Kind, now: bool) -> Outcome {
    is_there()?;
    let path = super::path(kind)?;
    let state_now = state(kind)?;
    if !matches!(state_now.as_str(), "inactive" | "failed" | "unknown") {
        if !now {
            return Err(Failure::failed(
                format!("{UNIT} is {state_now}; without its unit nothing would stop its planes gracefully"),
                format!("stop it and every plane with `systemctl {} stop {UNIT}`, or add `--now`", kind.option()),
            ));
        }
        say("stopping it, and every plane with its own drain\n");
        systemctl(kind, &["stop", UNIT])?;
    }
    let ours = match fs::read_to_string(&path) {
        Ok(text) => text.starts_with(MARK),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(refused(&path, "read", &error)),
    };
    if !ours && packaged(kind).is_none() {
        return Err(Failure::failed(
            format!("there is no unit of ours at {}", path.display()),
            "`systemctl cat gateward` shows where another one comes from",
        ));
    }
    systemctl(kind, &["disable", UNIT])?;
    print("disabled\n")?;
    if ours {
        fs::remove_file(&path).map_err(|error| refused(&path, "remove", &error))?;
        print(&format!("removed {}\n", path.display()))?;
    }
    systemctl(kind, &["daemon-reload"])?;
    say("manifest, state and logs are left as they are\n");
    Ok(Code::Done)
}

/// The unit of a package, if there is one.
fn packaged(kind: Kind) -> Option<PathBuf> {
    let folder = match kind {
        Kind::System => "system",
        Kind::User => "user",
    };
    PACKAGED.iter().map(|root| Path::new(root).join(folder).join(UNIT)).find(|path| path.is_file())
}

/// Writes it in one step, so that systemd never reads half of it.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    match fs::read_to_string(path) {
        Ok(there) if !there.starts_with(MARK) => {
            return Err(Failure::failed(
                format!("{} is there and was not written by `gateward service install`", path.display()),
                "move it away, or edit it yourself: `gateward service print` shows what we would write",
            ));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(refused(path, "read", &error)),
    }
    let Some(folder) = path.parent() else { return Ok(()) };
    fs::create_dir_all(folder).map_err(|error| refused(folder, "make", &error))?;
    let beside = path.with_extension("service.new");
    let written = fs::File::create(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&beside, path)).map_err(|error| refused(path, "write", &error))
}

fn refused(path: &Path, what: &str, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied => "run this as root, or install the unit of this account with `--user`",
        _ => "",
    };
    Failure::failed(format!("cannot {what} {}: {error}", path.display()), hint)
}

/// What the operator should know now.
fn explain(meant: &Meant, before: &str, now: bool) {
    let option = match meant.kind {
        Kind::System => "",
        Kind::User => " --user",
    };
    let mut told = String::new();
    match meant.manifest() {
        Some(path) if !path.exists() => told.push_str(&format!(
            "note: there is no manifest at {} yet, and the unit waits for one: `gateward init -o` writes a first one\n",
            path.display()
        )),
        Some(path) => told.push_str(&remarks(&path)),
        None => {}
    }
    match (before, now) {
        ("active", _) => told.push_str(&format!(
            "it was running already: `systemctl{option} restart gateward` gives it this unit, and planes live on\n"
        )),
        (_, true) => {}
        (_, false) => told.push_str(&format!("start it now with `systemctl{option} start gateward`\n")),
    }
    told.push_str(&format!(
        "\n  systemctl{option} status gateward     how many planes are up; `gateward status` shows each\n  \
           systemctl{option} stop gateward       every gateway drains and ends, then the supervisor\n  \
           systemctl{option} restart gateward    only the supervisor is replaced; gateways live on\n  \
           systemctl{option} reload gateward     applies the edited manifest, as `gateward reload` does\n"
    ));
    if meant.kind == Kind::User {
        told.push_str(
            "\nA user unit ends with the account's last session unless it lingers: `loginctl enable-linger`. At shutdown a user\n\
             manager gets 2 minutes, which cuts longer drains off; the system unit has no such limit.\n",
        );
    }
    say(&told);
}

/// What of the manifest reads the environment, which is another one in a unit than in this shell.
fn remarks(manifest: &Path) -> String {
    let loaded = match load::read(manifest) {
        Ok(loaded) => loaded,
        Err(_) => return "note: the manifest does not hold yet; `gateward check` shows why\n".to_owned(),
    };
    let planes = || loaded.planes.planes.iter().map(|(plane, _)| plane);
    let mut told = String::new();
    let by_path: Vec<&str> =
        planes().filter(|plane| plane.launch == Launch::OnPath).map(|plane| plane.name.as_str()).collect();
    if !by_path.is_empty() {
        told.push_str(&format!(
            "note: `openclaw` of {} is looked for on the PATH that systemd gives the unit, not on this shell's; a release in \
             [runtimes] is found anywhere\n",
            by_path.join(", ")
        ));
    }
    let passed: std::collections::BTreeSet<&String> = planes().flat_map(|plane| &plane.passed).collect();
    if !passed.is_empty() {
        let names: Vec<&str> = passed.into_iter().map(String::as_str).collect();
        told.push_str(&format!(
            "note: `pass_env` takes {} from the unit's environment: give them with `systemctl edit gateward`, or use `env_file`\n",
            names.join(", ")
        ));
    }
    told
}
