//! The random id of a supervisor: it tells apart the `main` of two supervisors, and knows its own leftovers again.
//!
//! Kept in the state dir and in the run dir. Where both were wiped, what still lives tells it; only where nothing does, a new
//! one is made. Never signals anybody.

use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::openclaw::environment::{COOKIE, MANIFEST, RUN_DIR};
use crate::os::process;
use crate::plane::Supervisor;
use crate::rundir;

/// The id of the supervisor with these folders, if there is one already.
pub fn known(state_dir: &Path, run_dir: &Path) -> Option<String> {
    places(state_dir, run_dir).iter().find_map(|place| read(place))
}

/// The id, found or made at the first start, and kept in both of its places.
///
/// Fails when the state dir does not take it: a supervisor that would not know its own leftovers again must not start any.
pub fn of(supervisor: &Supervisor) -> io::Result<String> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&supervisor.state_dir)?;
    let (state_dir, run_dir) = (&supervisor.state_dir, &supervisor.run_dir);
    let id = known(state_dir, run_dir).or_else(|| told_by_the_living(supervisor)).unwrap_or_else(random);
    let [in_state_dir, in_run_dir] = places(state_dir, run_dir);
    let id = keep(&in_state_dir, &id)?;
    if let Err(error) = keep(&in_run_dir, &id) {
        tracing::warn!(%error, path = %in_run_dir.display(), "the supervisor's id is kept in one of its two places");
    }
    Ok(id)
}

/// Writes the id where it is no longer: a folder may have been wiped.
pub fn restore(supervisor: &Supervisor, id: &str) {
    for place in places(&supervisor.state_dir, &supervisor.run_dir) {
        if let Err(error) = keep(&place, id) {
            tracing::warn!(%error, path = %place.display(), "the supervisor's id could not be written again");
        }
    }
}

fn places(state_dir: &Path, run_dir: &Path) -> [PathBuf; 2] {
    [rundir::supervisor_id(state_dir), rundir::supervisor_id(run_dir)]
}

fn random() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(16).collect()
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().filter(|id| is_id(id))
}

fn is_id(text: &str) -> bool {
    text.len() == 16 && text.chars().all(|c| c.is_ascii_alphanumeric())
}

/// Makes `path` hold an id; gives the one that it holds then, which another may have written first.
fn keep(path: &Path, id: &str) -> io::Result<String> {
    if let Some(id) = read(path) {
        return Ok(id);
    }
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(id.as_bytes())?;
    file.sync_all()?;
    if path.exists() {
        // What is no id tells nobody apart.
        fs::rename(&beside, path)?;
        return Ok(id.to_owned());
    }
    // A link does not replace: of two that begin at once, one id stays.
    let linked = fs::hard_link(&beside, path);
    fs::remove_file(&beside)?;
    match (linked, read(path)) {
        (_, Some(id)) => Ok(id),
        (Err(error), None) => Err(error),
        (Ok(()), None) => Err(io::Error::new(io::ErrorKind::InvalidData, format!("{} holds no id", path.display()))),
    }
}

/// The id in the cookies of what this supervisor started and what still lives, in our own pid namespace: a container may have the
/// same paths.
fn told_by_the_living(supervisor: &Supervisor) -> Option<String> {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let ours = namespace("self")?;
    let manifest = entry(MANIFEST, &supervisor.manifest);
    let run_dir = entry(RUN_DIR, &supervisor.run_dir);
    let cookie = entry(COOKIE, Path::new(""));
    process::all().ok()?.into_iter().find_map(|pid| {
        let environ = process::environ_bytes(pid).ok()?;
        let mut entries = environ.split(|byte| *byte == 0);
        let is_of = |wanted: &Vec<u8>| environ.split(|byte| *byte == 0).any(|entry| entry == wanted.as_slice());
        if !is_of(&manifest) || !is_of(&run_dir) || namespace(&pid.to_string())? != ours {
            return None;
        }
        let cookie = entries.find_map(|entry| entry.strip_prefix(cookie.as_slice()))?;
        let id = std::str::from_utf8(cookie.split(|byte| *byte == b'/').next()?).ok()?;
        is_id(id).then(|| id.to_owned())
    })
}

/// `NAME=value` as it stands in an environment.
fn entry(name: &str, value: &Path) -> Vec<u8> {
    [name.as_bytes(), b"=", value.as_os_str().as_bytes()].concat()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a process that bears what it was given")]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;
    use crate::plane::testing;

    fn supervisor(folder: &Path) -> Supervisor {
        let (_, supervisor) = testing::plane("main", 21_000);
        let run_dir = folder.join("run");
        fs::create_dir_all(&run_dir).expect("a folder");
        Supervisor { manifest: folder.join("m.toml"), state_dir: folder.join("state"), run_dir, ..supervisor }
    }

    #[test]
    fn an_id_is_made_once_and_each_place_makes_up_for_the_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let supervisor = supervisor(folder.path());
        assert_eq!(known(&supervisor.state_dir, &supervisor.run_dir), None);
        let id = of(&supervisor).expect("an id");
        assert_eq!(known(&supervisor.state_dir, &supervisor.run_dir), Some(id.clone()));
        for gone in [&supervisor.state_dir, &supervisor.run_dir] {
            fs::remove_dir_all(gone).expect("wiped");
            fs::create_dir_all(&supervisor.run_dir).expect("a folder");
            assert_eq!(of(&supervisor).expect("the same"), id);
            assert_eq!(
                places(&supervisor.state_dir, &supervisor.run_dir).map(|place| read(&place)),
                [Some(id.clone()), Some(id.clone())]
            );
        }
        fs::write(supervisor.state_dir.join("id"), "\0").expect("garbage");
        assert_eq!(of(&supervisor).expect("the same"), id);
    }

    #[test]
    fn what_lives_tells_the_id_when_both_places_are_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let supervisor = supervisor(folder.path());
        let mut gateway = Command::new("/bin/cat");
        gateway.env(MANIFEST, &supervisor.manifest).env(RUN_DIR, &supervisor.run_dir);
        gateway.env(COOKIE, "abcdefgh12345678/main/7").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut gateway = gateway.spawn().expect("a process");
        // It has its environment once it answers.
        gateway.stdin.as_mut().expect("a pipe").write_all(b"x").expect("written");
        let mut answer = [0];
        io::Read::read_exact(gateway.stdout.as_mut().expect("a pipe"), &mut answer).expect("an echo");
        assert_eq!(of(&supervisor).expect("an id"), "abcdefgh12345678");
        gateway.kill().expect("our child");
        gateway.wait().expect("our child");
    }
}
