//! `exec`: a command with one plane's whole environment, user and working folder, in place of this program.
//!
//! Half an environment would make OpenClaw read, or make, another database than the plane's; so it is all or nothing, and it
//! is what the plane is started with, not what the asker's shell happens to hold. The cookie alone is left out: what is run
//! here is no descendant of the gateway, and is not swept with it.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::absent;
use super::in_force::{Definition, sealed};
use super::outcome::{Code, Failure, Outcome, Told};
use super::target::{Scope, Target};
use super::terminal::say;
use super::trouble;
use crate::daemon::seal;
use crate::keeper::folders;
use crate::os::{accounts, assume};
use crate::plane::{Launch, Plane, PlaneName, Sealed};

/// Of the terminal and not of any plane, so they come from the asker.
const OF_THE_TERMINAL: [&str; 2] = ["TERM", "COLORTERM"];

/// The words of `exec`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gateward exec main -- openclaw doctor
  gateward exec rescue -- openclaw browser status
  gateward exec staging -- openclaw logs --follow
  gateward exec main -- sh -c 'echo $OPENCLAW_STATE_DIR'

The plane's state dir is made where it is not there yet, as a start makes it.

The exit code is that of the command; 127 when there is no such command, 126 when it may not be executed; otherwise 1, 4 and 6 as \
elsewhere.")]
pub struct Args {
    #[arg(value_name = "PLANE", help = "The plane, by name", add = super::completions::plane())]
    plane: String,
    /// The command and its arguments, looked up on the plane's PATH
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// Runs `exec`; comes back only when that failed.
pub fn run(args: &Args, scope: &Scope) -> Outcome {
    let target = Target::unsaid(scope)?;
    absent::refuse_anothers(&target)?;
    let name = target.one(&args.plane).inspect_err(|_| target.say_by_what())?.name.clone();
    let sealed = in_force(&target, &name)?;
    target.say_by_what();
    if sealed.plane.account.is_none() {
        as_the_supervisor(&target, &sealed.plane)?;
    }
    Err(replace(&args.command, &sealed))
}

/// Root who steers another user's supervisor must leave nothing of root's in a plane without a user of its own: it becomes that
/// user first. The owner of the run dir is who runs the supervisor, or did.
fn as_the_supervisor(target: &Target, plane: &Plane) -> Result<(), Failure> {
    let folders = [&target.applied.run_dir, &target.applied.state_dir];
    let owner = folders.into_iter().find_map(|folder| Some(std::fs::metadata(folder).ok()?.uid()));
    let Some(uid) = owner.filter(|uid| *uid != accounts::own_uid()) else { return Ok(()) };
    let cannot = |why: String, hint: &str| {
        let name = &plane.name;
        Failure::failed(format!("cannot become user {uid}, whose supervisor has plane {name}: {why}"), hint)
    };
    let entry = accounts::by_uid(uid).map_err(|error| cannot(error.to_string(), ""))?;
    let entry = entry.ok_or_else(|| cannot("this host has no such account".to_owned(), "run this as that user"))?;
    assume::account(&entry.name, entry.uid, entry.gid)
        .map_err(|error| cannot(error.to_string(), "run this as that user, or as root"))
}

/// With what the plane is started: its keeper knows, or the supervisor. Where neither answers, what the manifest says.
fn in_force(target: &Target, name: &PlaneName) -> Result<Sealed, Failure> {
    match sealed(target, name)? {
        Definition::Sealed(sealed) => Ok(*sealed),
        Definition::Refused(told) => Err(Failure::Failed(told)),
        Definition::Nothing => by_manifest(target, name),
    }
}

fn by_manifest(target: &Target, name: &PlaneName) -> Result<Sealed, Failure> {
    let planes = match &target.loaded {
        Ok(loaded) => &loaded.planes,
        Err(error) => return Err(trouble::manifest_alone(error, target)),
    };
    let Some(plane) = planes.get(name) else {
        return Err(Failure::failed(format!("{name} is not in the manifest, so its environment is not known"), ""));
    };
    let own = seal::own_environ();
    let (here, unset): (Vec<&str>, Vec<&str>) =
        plane.passed.iter().map(String::as_str).partition(|passed| own.contains_key(*passed));
    for (names, are) in [(here, "taken from this shell"), (unset, "not set in this shell, and left out")] {
        if !names.is_empty() {
            let of = names.join(", ");
            say(&format!("{name}: neither its keeper nor the supervisor answers; of pass_env {of}: {are}\n"));
        }
    }
    // The id is part of the cookie only, which is left out.
    seal::seal(plane, &planes.supervisor, "", &own)
        .map_err(|error| Failure::Failed(Told::new(error.message, error.hint)))
}

fn replace(words: &[OsString], sealed: &Sealed) -> Failure {
    let plane = &sealed.plane;
    let Some((program, args)) = words.split_first() else {
        return Failure::Usage(Told::new("there is no command to run", "write it after `--`"));
    };
    // A start makes it too: what makes a plane's first config is run before any.
    if let Err(error) = folders::make(plane) {
        return Failure::failed(format!("plane {} has no folder to work in: {error}", plane.name), "");
    }
    if let Some(account) = &plane.account
        && let Err(error) = assume::account(&account.name, account.uid, account.gid)
    {
        let message = format!("cannot become user {} of plane {}: {error}", account.name, plane.name);
        return Failure::failed(message, "run this as root");
    }
    if let Some(mask) = plane.umask.or(sealed.umask) {
        assume::file_mode_mask(mask);
    }
    if let Err(error) = std::env::set_current_dir(&plane.cwd) {
        let message =
            format!("cannot enter {}, the working folder of plane {}: {error}", plane.cwd.display(), plane.name);
        return Failure::failed(message, "let who runs the plane enter it, or name another folder in `cwd`");
    }
    let terminal = OF_THE_TERMINAL.into_iter().filter(|name| !sealed.environ.contains_key(*name));
    let terminal = terminal.filter_map(|name| Some((name, std::env::var_os(name)?)));
    let error = Command::new(program).args(args).env_clear().envs(terminal).envs(&sealed.environ).exec();
    let program = program.to_string_lossy();
    match error.kind() {
        io::ErrorKind::NotFound if program.contains('/') => absent(
            format!("`{program}` is not there, as seen from {}", plane.cwd.display()),
            "a script is not there either when the interpreter that it names is missing",
        ),
        io::ErrorKind::NotFound => {
            let path = sealed.environ.get("PATH").map_or("", String::as_str);
            absent(
                format!("`{program}` is not on the PATH of plane {}, {path}", plane.name),
                found_otherwise(&program, &plane.launch),
            )
        }
        io::ErrorKind::PermissionDenied if !program.contains('/') => forbidden(&program, sealed, &error),
        _ => Failure::NotRun(
            Code::NotExecutable,
            Told::new(format!("cannot run `{program}` in plane {}: {error}", plane.name), ""),
        ),
    }
}

fn absent(message: String, hint: &str) -> Failure {
    Failure::NotRun(Code::NoSuchCommand, Told::new(message, hint))
}

/// How a program that PATH does not have can be run.
fn found_otherwise(program: &str, launch: &Launch) -> &'static str {
    match launch {
        Launch::Practice if program == "openclaw" => {
            "the stand-in has no `openclaw`; its config and `gateward logs` tell"
        }
        Launch::OnPath if program == "openclaw" => "install OpenClaw there, or name a release in `runtime`",
        Launch::Practice | Launch::OnPath | Launch::Runtime { .. } | Launch::Command(_) => {
            "write its whole path, or declare a PATH that has it in the plane's `env`"
        }
    }
}

/// The kernel says the same of a folder on PATH that is closed and of a program that may not be executed.
fn forbidden(program: &str, sealed: &Sealed, error: &io::Error) -> Failure {
    let plane = &sealed.plane;
    let path = sealed.environ.get("PATH").map_or("", String::as_str);
    if let Some(found) = path.split(':').map(|folder| Path::new(folder).join(program)).find(|file| file.is_file()) {
        return Failure::NotRun(
            Code::NotExecutable,
            Told::new(
                format!("cannot run `{}` in plane {}: {error}", found.display(), plane.name),
                "who runs the plane may not execute it; `chmod +x` makes a script a program",
            ),
        );
    }
    let closed = closed_folders(path, program).join(", ");
    let who = plane.account.as_ref().map_or_else(|| "this user".to_owned(), |account| format!("user {}", account.name));
    absent(
        format!("`{program}` is not on the PATH of plane {}, as far as {who} can see", plane.name),
        &format!("its PATH is {path}; closed to {who}: {closed}"),
    )
}

/// The folders of a PATH in which this process may not even look for the program.
fn closed_folders<'a>(path: &'a str, program: &str) -> Vec<&'a str> {
    let is_closed = |folder: &&str| {
        let looked = Path::new(folder).join(program).symlink_metadata();
        looked.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    };
    path.split(':').filter(is_closed).collect()
}
