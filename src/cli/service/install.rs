//! `service install` and `uninstall`: one file, and what systemd is told about it.
//!
//! Replaces and removes only what it wrote itself, and leaves a package's unit alone.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::systemctl::{is_there, systemctl};
use super::there::{Living, There, living, names};
use super::{Meant, remarks};
use crate::cli::ask;
use crate::cli::outcome::{Code, Failure, Outcome};
use crate::cli::target::{Scope, Target};
use crate::cli::terminal::{print, say};
use crate::cli::trouble;
use crate::daemon::applied::is_same;
use crate::daemon::load;
use crate::plane::shell::word;
use crate::render::service::{Kind, UNIT};
use crate::wire::{Answer, Ask};

/// The first line of a unit that we wrote, by which we know it again.
const MARK: &str = "# Written by `gateward service install`; `gateward service uninstall` takes it away.\n";

/// Where packages put their units.
const PACKAGED: [&str; 2] = ["/usr/lib/systemd", "/lib/systemd"];

/// Writes and enables the unit.
pub fn install(meant: &Meant, scope: &Scope, now: bool) -> Outcome {
    is_there()?;
    // A unit that waits for a manifest, or fails by it again and again, is no service: nothing is written for one.
    let loaded = load::find(scope.manifest.as_deref()).and_then(|path| load::read(&path));
    let loaded = loaded.map_err(|error| trouble::manifest(&error))?;
    let kind = meant.kind;
    let before = There::look(kind)?;
    let manifest = &loaded.planes.supervisor.manifest;
    refuse_another(kind, &before, manifest)?;
    if now && !before.runs() {
        refuse_a_second(manifest)?;
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
    let mut told = remarks::of_environment(kind, &loaded);
    if before.runs() {
        told.push_str(&format!(
            "it was running already: `{}` gives it this unit, and planes live on\n",
            remarks::systemctl_line(kind, "restart gateward")
        ));
    } else if now {
        systemctl(kind, &["start", UNIT])?;
        print("started\n")?;
    } else {
        told.push_str(&format!("start it now with `{}`\n", remarks::systemctl_line(kind, "start gateward")));
    }
    say(&(told + &remarks::of_verbs(kind)));
    Ok(Code::Done)
}

/// Refuses to give the unit another manifest while planes live by the one that it has: its `ExecStop=` would go by the new one,
/// and nothing would stop them.
fn refuse_another(kind: Kind, before: &There, manifest: &Path) -> Result<(), Failure> {
    let Some(other) = before.manifest.as_deref().filter(|other| !is_same(other, manifest)) else { return Ok(()) };
    let left = match (before.runs(), living(other)) {
        (true, _) => format!("{UNIT} is {} by another manifest, {}", before.state, other.display()),
        (false, Living::Left(planes)) => {
            format!("{} still live by the manifest that {UNIT} has now, {}", names(&planes), other.display())
        }
        (false, Living::Nothing | Living::Supervised(_)) => return Ok(()),
    };
    let what = match before.runs() {
        true => remarks::systemctl_line(kind, &format!("stop {UNIT}")),
        false => format!("gateward -m {} down", word(other)),
    };
    Err(Failure::failed(
        format!("{left}: with {} in its place nothing would stop those planes any more", manifest.display()),
        format!("`{what}` ends them first; or write the planes of both into one manifest"),
    ))
}

/// Refuses to start the unit beside a supervisor of the same manifest that somebody else runs.
fn refuse_a_second(manifest: &Path) -> Result<(), Failure> {
    let target = Target::quietly(&Scope { manifest: Some(manifest.to_owned()) })?;
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
    let before = There::look(kind)?;
    if before.runs() {
        if !now {
            return Err(Failure::failed(
                format!("{UNIT} is {}; without its unit nothing would stop its planes gracefully", before.state),
                format!(
                    "stop it and every plane with `{}`, or add `--now`",
                    remarks::systemctl_line(kind, &format!("stop {UNIT}"))
                ),
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
            format!("`{}` shows where another one comes from", remarks::systemctl_line(kind, "cat gateward")),
        ));
    }
    if let Some(manifest) = &before.manifest {
        nothing_is_left(manifest)?;
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

/// Refuses while planes of the unit live without a supervisor, as they do when it was stopped in the moment after a crash.
fn nothing_is_left(manifest: &Path) -> Result<(), Failure> {
    match living(manifest) {
        Living::Nothing => Ok(()),
        Living::Supervised(pid) => {
            let pid = pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
            say(&format!("a supervisor of {}{pid} runs outside of this unit, and goes on\n", manifest.display()));
            Ok(())
        }
        Living::Left(planes) => Err(Failure::failed(
            format!("the unit does not run, and {} of {} live on without it", names(&planes), manifest.display()),
            format!("`gateward -m {} down` stops them gracefully; then uninstall again", word(manifest)),
        )),
    }
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
