//! A real `systemd --user` of the test's own: in a mount namespace with its own /run, and in a cgroup of its own, which takes
//! everything with it at the end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{Gateward, Said, eventually, said, say, tail};

/// How long the manager and its jobs may take on a busy machine.
pub const PROMPT: Duration = Duration::from_secs(120);

/// What the manager is begun with: an empty /run in which systemd is said to run, and the unified hierarchy where systemd
/// looks for it.
const BEGIN: &str = "
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system
mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo $$ > /sys/fs/cgroup/$CGROUP/manager/cgroup.procs
exec \"$SYSTEMD\" --user --log-target=console --log-level=info
";

/// The manager.
pub struct Manager {
    child: Child,
    /// Its cgroup, as the test sees it.
    cgroup: PathBuf,
    environ: Vec<(&'static str, PathBuf)>,
}

impl Manager {
    /// Begins one for the accounts of this test's world; `None`, said aloud, where the host does not allow that.
    pub fn begin(world: &Gateward) -> Option<Self> {
        let (systemd, cgroup) = match able(world) {
            Ok(able) => able,
            Err(why) => {
                say(&format!("SKIPPED: the service under a real `systemd --user`: {why}"));
                return None;
            }
        };
        let at = |inside: &str| world.scratch().folder(inside);
        let environ = vec![
            ("HOME", at("home")),
            ("XDG_RUNTIME_DIR", at("xdg/run")),
            ("XDG_CONFIG_HOME", at("xdg/config")),
            ("XDG_STATE_HOME", at("xdg/state")),
            ("XDG_DATA_HOME", at("xdg/data")),
        ];
        let output = fs::File::create(world.scratch().join("systemd.out")).expect("a log");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "--", "/bin/sh", "-c", BEGIN]);
        command.env_clear().envs(environ.iter().map(|(name, value)| (name, value)));
        command.env("PATH", PATH).env("LANG", "C.UTF-8").env("SYSTEMD", systemd);
        command.env("CGROUP", cgroup.file_name().expect("a name"));
        command.stdin(Stdio::null()).stdout(output.try_clone().expect("a log")).stderr(output);
        let child = command.spawn().expect("unshare");
        let manager = Self { child, cgroup, environ };
        eventually(PROMPT, "a user manager that has come up", || {
            let state = manager.systemctl(&["is-system-running"]);
            if matches!(state.out.trim(), "running" | "degraded") {
                Ok(())
            } else {
                Err((state, tail(&world.scratch().join("systemd.out"), 20)))
            }
        });
        Some(manager)
    }

    /// A program in the manager's world: its /run is the manager's.
    pub fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--target"]).arg(self.child.id().to_string()).arg("--").arg(program).args(arguments);
        command.env_clear().env("PATH", PATH).env("LANG", "C.UTF-8").stdin(Stdio::null());
        command.envs(self.environ.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs `systemctl --user`.
    pub fn systemctl(&self, arguments: &[&str]) -> Said {
        let mut command = self.command(Path::new("systemctl"), &["--user", "--no-pager"]);
        said(command.args(arguments).output().expect("nsenter"))
    }

    /// One property of our unit.
    #[track_caller]
    pub fn property(&self, name: &str) -> String {
        let said = self.systemctl(&["show", "--value", "--property", name, "gateward.service"]).code(0);
        said.out.trim().to_owned()
    }

    /// The supervisor's number; 0 when there is none.
    #[track_caller]
    pub fn main_pid(&self) -> i32 {
        self.property("MainPID").parse().expect("a number")
    }
}

impl Drop for Manager {
    /// The kernel ends everything in the cgroup; then the cgroup itself goes.
    fn drop(&mut self) {
        let _ = fs::write(self.cgroup.join("cgroup.kill"), "1");
        let _ = self.child.kill();
        let _ = self.child.wait();
        let empty = || {
            remove(&self.cgroup);
            !self.cgroup.exists()
        };
        let gone = crate::support::within(Duration::from_secs(30), empty);
        if !gone && !std::thread::panicking() {
            panic!("{} is left behind", self.cgroup.display());
        }
    }
}

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The manager's program and a cgroup for it, or why that cannot be.
fn able(world: &Gateward) -> Result<(PathBuf, PathBuf), String> {
    if !rustix::process::geteuid().is_root() {
        return Err("only root can give it a /run and a cgroup of its own".to_owned());
    }
    let systemd = ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"].into_iter().map(PathBuf::from);
    let Some(systemd) = systemd.into_iter().find(|path| path.exists()) else {
        return Err("systemd is not installed".to_owned());
    };
    for tool in ["unshare", "nsenter", "systemctl"] {
        if !PATH.split(':').any(|folder| Path::new(folder).join(tool).exists()) {
            return Err(format!("`{tool}` is not installed"));
        }
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(|error| error.to_string())?;
    let Some(root) = mounts.lines().find_map(cgroup2) else { return Err("no cgroup2 is mounted".to_owned()) };
    // Named after the scratch folder, which no other test has.
    let name = world.scratch().path().file_name().expect("a name").to_string_lossy().into_owned();
    let cgroup = root.join(name);
    fs::create_dir_all(cgroup.join("manager"))
        .map_err(|error| format!("no cgroup can be made in {}: {error}", root.display()))?;
    let tried = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "--", "mount", "-t", "tmpfs", "tmpfs", "/run"])
        .output();
    match tried {
        Ok(output) if output.status.success() && cgroup.join("cgroup.kill").exists() => Ok((systemd, cgroup)),
        _ => {
            remove(&cgroup);
            Err("this container allows no mounts of its own, or its kernel has no cgroup.kill".to_owned())
        }
    }
}

/// `… - cgroup2 cgroup2 rw`; the fifth field is where it is mounted. Only a mount of the whole hierarchy serves.
fn cgroup2(line: &str) -> Option<PathBuf> {
    let (before, after) = line.split_once(" - ")?;
    let mut fields = before.split(' ').skip(3);
    let (root, at) = (fields.next()?, fields.next()?);
    (after.starts_with("cgroup2 ") && root == "/").then(|| at.into())
}

/// Removes an empty cgroup with those below it.
fn remove(cgroup: &Path) {
    let below = fs::read_dir(cgroup).into_iter().flatten().flatten().map(|entry| entry.path());
    below.filter(|path| path.is_dir()).for_each(|path| remove(&path));
    let _ = fs::remove_dir(cgroup);
}
