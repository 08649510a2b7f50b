//! Files and programs of one plane: unreadable, open to others, privileged, refused by OpenClaw itself.

use std::path::Path;

use super::Subject;
use crate::collision::codes::Code;
use crate::collision::finding::Finding;
use crate::collision::host::Validity;
use crate::collision::surroundings::{Entry, EntryKind, NoCwd};
use crate::collision::wording::{listed, shown};
use crate::openclaw::config::declared::{Declared, FileRole};
use crate::openclaw::config::problem::ProblemCode;
use crate::plane::shell::word;
use crate::plane::{Launch, spelled_out};

/// Whether the configuration could be read well enough to hold what it does not say against it.
pub(super) fn is_readable(declared: &Declared) -> bool {
    let is_read = declared.files.iter().any(|file| file.role == FileRole::Config && file.read);
    is_read && !declared.problems.iter().any(|problem| problem.code.is_error())
}

/// What stands against the files of the configuration.
pub(super) fn problems(subject: &Subject, declared: &Declared) -> Vec<Finding> {
    let mut found = Vec::new();
    for problem in &declared.problems {
        let code = code_of(problem.code);
        let mut one = subject.finding(code, shown(&problem.at.file));
        one.message = format!("the configuration of `{}`: {}", subject.plane.name, problem.message);
        one.hint.clone_from(&problem.hint);
        if problem.code == ProblemCode::ConfigMissing {
            one.hint = match subject.plane.launch {
                Launch::Practice => {
                    format!(
                        "{{ gateway: {{ mode: \"local\", bind: \"loopback\" }} }} in {} will do",
                        shown(&problem.at.file)
                    )
                }
                Launch::OnPath | Launch::Runtime { .. } | Launch::Command(_) => {
                    format!("make it with `gateward exec {} -- openclaw setup`", subject.plane.name)
                }
            };
            one = one.at(subject.places.of("config"), "");
        } else {
            one = one.at(Some(&problem.at), "");
        }
        found.push(one);
    }
    found
}

/// The code of a finding for a problem of the config reader; the words are the same.
pub(in crate::collision) fn code_of(problem: ProblemCode) -> Code {
    match problem {
        ProblemCode::ConfigMissing => Code::ConfigMissing,
        ProblemCode::ConfigUnreadable => Code::ConfigUnreadable,
        ProblemCode::ConfigTooLarge => Code::ConfigTooLarge,
        ProblemCode::ConfigEncoding => Code::ConfigEncoding,
        ProblemCode::ConfigSyntax => Code::ConfigSyntax,
        ProblemCode::ConfigTooDeep => Code::ConfigTooDeep,
        ProblemCode::ConfigType => Code::ConfigType,
        ProblemCode::ConfigInclude => Code::ConfigInclude,
        ProblemCode::ConfigVariable => Code::ConfigVariable,
        ProblemCode::EnvUnreadable => Code::EnvUnreadable,
        ProblemCode::EnvEncoding => Code::EnvEncoding,
    }
}

/// Folders and files with secrets that others can enter or read.
pub(super) fn rights(subject: &Subject, declared: Option<&Declared>) -> Vec<Finding> {
    let mode = |path| subject.around.identity(path).and_then(|identity| identity.entry);
    let mut found = Vec::new();
    let name = &subject.plane.name;
    let state_dir = subject.plane.state_dir.as_path();
    if is_the_hosts(state_dir) {
        let surface = shown(state_dir);
        let message = format!("the state dir of `{name}`, {surface}, is a folder of the host's");
        let one = subject.finding(Code::StateDirOfHost, surface).at(subject.places.of("state_dir"), "");
        let hint = format!("name a folder of the plane's own in `state_dir`, say one called {name} below it");
        found.push(one.saying(message).hinting(hint));
    } else if let Some(entry) =
        mode(state_dir).filter(|entry| entry.kind == EntryKind::Folder && entry.mode & 0o077 != 0)
    {
        let (surface, at) = (shown(state_dir), word(state_dir));
        let message = format!("others than its user can enter the state dir of `{name}`: mode {:04o}", entry.mode);
        let one = subject.finding(Code::StateDirOpen, &surface).at(subject.places.of("state_dir"), "");
        let hint = match foreign_to(subject, state_dir) {
            Some(user) => format!("chown -R {} {at} && chmod 700 {at}", word(user)),
            None => format!("chmod 700 {at}"),
        };
        found.push(one.saying(message).hinting(hint));
    }
    let env_files = declared.into_iter().flat_map(|declared| &declared.files);
    for file in env_files.filter(|file| file.role == FileRole::Environment) {
        let is_open = |entry: &Entry| entry.kind == EntryKind::File && entry.mode & 0o077 != 0;
        let Some(entry) = mode(&file.path).filter(is_open) else { continue };
        let surface = shown(&file.path);
        let message = format!(
            "others than its user can read the environment file of `{name}`, {surface}: mode {:04o}",
            entry.mode
        );
        let one = subject.finding(Code::EnvFileOpen, &surface).at(subject.places.of("state_dir"), "");
        found.push(one.saying(message).hinting(format!("chmod 600 {}", word(&file.path))));
    }
    found
}

/// Whether a path is one that every host has, or somebody's HOME: what lies there is no plane's, nor are its rights.
fn is_the_hosts(path: &Path) -> bool {
    let path = spelled_out(path);
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).filter(|part| *part != "/").collect();
    match parts.as_slice() {
        [] | ["proc" | "sys" | "boot", ..] => true,
        [one] => {
            let all = "bin dev etc home lib lib32 lib64 media mnt opt root run sbin srv tmp usr var";
            all.split(' ').any(|known| known == *one)
        }
        ["usr", "bin" | "sbin" | "lib" | "lib64" | "libexec" | "share" | "include", ..] => true,
        ["usr", "local"] | ["home", _] => true,
        ["var" | "run", second] => {
            matches!(*second, "lib" | "log" | "cache" | "tmp" | "run" | "spool" | "lock" | "opt" | "user" | "mail")
        }
        _ => false,
    }
}

/// The plane's user, where the folder belongs to somebody else.
fn foreign_to<'a>(subject: &'a Subject, folder: &Path) -> Option<&'a str> {
    let account = subject.plane.account.as_ref()?;
    let owner = subject.around.identity(folder)?.entry?.owner;
    (owner != account.uid).then_some(account.name.as_str())
}

/// A program whose execution takes the parent-death signal away.
pub(super) fn launcher(subject: &Subject) -> Option<Finding> {
    let name = &subject.plane.name;
    let launcher = subject.around.launchers.get(name)?;
    let surface = shown(&launcher.program);
    let message = format!(
        "the program of `{name}`, {surface}, {}: executing it clears the parent-death signal, and the gateway could \
         outlive its keeper",
        launcher.privilege.as_str()
    );
    let hint = launcher.privilege.remedy(&launcher.program);
    let key = if matches!(subject.plane.launch, Launch::Command(_)) { "command" } else { "runtime" };
    let one = subject.finding(Code::LauncherPrivileged, surface).at(subject.places.of(key), "");
    Some(one.saying(message).hinting(hint))
}

/// A program that the plane's user may not execute.
pub(super) fn forbidden(subject: &Subject) -> Option<Finding> {
    let name = &subject.plane.name;
    let closed = subject.around.forbidden.get(name)?;
    let user = subject.plane.account.as_ref().map_or("", |account| account.name.as_str());
    let surface = shown(closed);
    let message = format!("user {user} of `{name}` may not execute its program: {surface} is closed to it");
    let hint = format!("`chmod o+x {}`, or install the program where {user} may go", word(closed));
    let key = if matches!(subject.plane.launch, Launch::Command(_)) { "command" } else { "runtime" };
    let one = subject.finding(Code::ProgramForbidden, surface).at(subject.places.of("user"), "");
    Some(one.at(subject.places.of(key), "").saying(message).hinting(hint))
}

/// A program that is not there. An OpenClaw that is still to be installed is no mistake in the manifest.
pub(super) fn missing(subject: &Subject) -> Option<Finding> {
    let missing = subject.around.missing.get(&subject.plane.name)?;
    let (code, key, surface) = match &subject.plane.launch {
        Launch::Command(words) => (Code::ProgramMissing, "command", words.first().cloned().unwrap_or_default()),
        Launch::Runtime { name, .. } => (Code::RuntimeMissing, "runtime", name.clone()),
        Launch::OnPath | Launch::Practice => (Code::RuntimeMissing, "runtime", "openclaw".to_owned()),
    };
    let one = subject.finding(code, surface).at(subject.places.of(key), "");
    Some(one.saying(missing.message.clone()).hinting(missing.hint.clone()))
}

/// A working folder that the plane cannot be put into.
pub(super) fn cwd(subject: &Subject) -> Option<Finding> {
    let plane = subject.plane;
    let surface = shown(&plane.cwd);
    let user = plane.account.as_ref().map(|account| account.name.as_str());
    let is_written = plane.cwd != plane.state_dir;
    let (what, hint) = match subject.around.cwds.get(&plane.name)? {
        NoCwd::ReadOnly => return read_only(subject),
        NoCwd::Missing => ("is not there".to_owned(), format!("mkdir -p {}", word(&plane.cwd))),
        NoCwd::NoFolder if is_written => {
            ("is no folder".to_owned(), "name a folder in `cwd`, or leave it out".to_owned())
        }
        NoCwd::NoFolder => {
            ("is no folder".to_owned(), "name a folder in `state_dir`, or move what is there away".to_owned())
        }
        NoCwd::Closed(closed) => {
            // What is the plane's own is given to its user, and not opened to everybody.
            let is_own = closed.starts_with(&plane.state_dir);
            let own = closed.starts_with(&plane.state_dir).then(|| foreign_to(subject, closed)).flatten();
            let (closed, at) = (shown(closed), word(closed));
            let whom = user.map_or_else(|| "whoever runs gateward".to_owned(), |user| format!("user {user}"));
            (
                format!("cannot be entered: {closed} is closed to {whom}"),
                match own {
                    Some(user) => format!("`chown {} {at}`, or name another folder", word(user)),
                    None if is_own => format!("`chmod 700 {at}`, or name another folder"),
                    None => format!("`chmod o+x {at}`, or name another folder"),
                },
            )
        }
    };
    let message = format!("the working folder of `{}`, {surface}, {what}", plane.name);
    let key = if is_written { "cwd" } else { "state_dir" };
    cwd_finding(subject, surface, key, message, hint)
}

/// A state dir that a gateway could not write.
fn read_only(subject: &Subject) -> Option<Finding> {
    let plane = subject.plane;
    let surface = shown(&plane.state_dir);
    let (whom, hint) = match &plane.account {
        Some(account) => {
            let give = format!("chown -R {} {}", word(&account.name), word(&plane.state_dir));
            (format!("user {}", account.name), format!("`{give}`, or name another folder"))
        }
        None => ("whoever runs gateward".to_owned(), "give it to that user, or name another folder".to_owned()),
    };
    let message = format!("the state dir of `{}`, {surface}, cannot be written by {whom}", plane.name);
    cwd_finding(subject, surface, "state_dir", message, hint)
}

fn cwd_finding(subject: &Subject, surface: String, key: &str, message: String, hint: String) -> Option<Finding> {
    let one = subject.finding(Code::CwdUnusable, surface).at(subject.places.of(key), "");
    Some(one.saying(message).hinting(hint))
}

/// What OpenClaw itself said of the config.
pub(super) fn validity(subject: &Subject) -> Option<Finding> {
    let name = &subject.plane.name;
    let surface = shown(&subject.plane.config);
    let place = subject.places.of("config");
    match subject.around.live.as_ref()?.validity.get(name)? {
        Validity::Valid => None,
        Validity::Invalid(issues) => {
            let said: Vec<String> = issues.iter().map(|issue| format!("{}: {}", issue.path, issue.message)).collect();
            let message = format!("OpenClaw does not accept the config of `{name}`: {}", listed(&said));
            let hint = match subject.plane.launch {
                // The stand-in has no `openclaw` beside it.
                Launch::Practice => format!("mend {surface}"),
                Launch::OnPath | Launch::Runtime { .. } | Launch::Command(_) => {
                    format!("gateward exec {name} -- openclaw doctor")
                }
            };
            Some(subject.finding(Code::ConfigInvalid, surface).at(place, "").saying(message).hinting(hint))
        }
        Validity::Unknown { why, hint } => {
            let message = format!("OpenClaw could not be asked whether the config of `{name}` is valid: {why}");
            let by_hand = || format!("gateward exec {name} -- openclaw config validate");
            let hint = if hint.is_empty() { by_hand() } else { hint.clone() };
            Some(subject.finding(Code::ConfigUnproved, surface).at(place, "").saying(message).hinting(hint))
        }
    }
}
