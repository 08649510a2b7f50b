//! Cgroups of version 2: finds the subtree that is ours to divide, and makes, limits, empties and removes cgroups in it.
//!
//! It never switches a controller on in a cgroup that holds processes, as nobody could be attached to that one again, and
//! never touches what a service manager keeps for itself.

use std::fmt;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags};

/// What a service manager writes on a cgroup that it leaves to others.
const DELEGATED: [&std::ffi::CStr; 2] = [c"user.delegate", c"trusted.delegate"];

/// There while systemd is the host's service manager.
const SYSTEMD: &str = "/run/systemd/system";

/// A cgroup below which we may make others and switch controllers on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subtree {
    root: PathBuf,
    controllers: Vec<String>,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoSubtree {
    /// No cgroup2 file system is mounted here.
    NotMounted,
    /// The process's own cgroup cannot be seen.
    Unseen(String),
    /// The one above our own belongs to somebody else.
    NotDelegated(PathBuf),
    /// Our own is left to us, but we are in it ourselves.
    Occupied(PathBuf),
    /// It is left to us, and cannot be written.
    ReadOnly(PathBuf),
}

impl fmt::Display for NoSubtree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMounted => f.write_str("no cgroup2 file system is mounted"),
            Self::Unseen(why) => write!(f, "the supervisor's own cgroup cannot be seen: {why}"),
            Self::NotDelegated(path) => write!(f, "the cgroup {} is not delegated to the supervisor", path.display()),
            Self::Occupied(path) => {
                write!(f, "the delegated cgroup {} holds the supervisor itself", path.display())
            }
            Self::ReadOnly(path) => write!(f, "the cgroup {} cannot be written", path.display()),
        }
    }
}

impl NoSubtree {
    /// What makes one.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotMounted => "boot the host with cgroup v2 alone (systemd.unified_cgroup_hierarchy=1)",
            Self::Unseen(_) | Self::ReadOnly(_) => "give the container a cgroup namespace of its own that it may write",
            Self::NotDelegated(_) => {
                "run gateward as a service: a unit with Delegate=yes and DelegateSubgroup=supervisor (systemd 254) has one, as \
                 `gateward service print` shows it"
            }
            Self::Occupied(_) => {
                "add DelegateSubgroup=supervisor to the unit beside Delegate=yes (systemd 254), `systemctl daemon-reload`, and restart it"
            }
        }
    }
}

/// The subtree of the process `pid`, as it would find it for itself.
pub fn subtree(pid: i32) -> Result<Subtree, NoSubtree> {
    let unseen = |error: io::Error| NoSubtree::Unseen(error.to_string());
    let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(unseen)?;
    let (mounted, shown) = mount(&mounts).ok_or(NoSubtree::NotMounted)?;
    let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup")).map_err(unseen)?;
    let path = own(&cgroups).ok_or(NoSubtree::NotMounted)?;
    let inside = Path::new(path).strip_prefix(&shown);
    let inside = inside.map_err(|_| NoSubtree::Unseen(format!("{path} lies outside of what is mounted")))?;
    let own = if inside.as_os_str().is_empty() { mounted.clone() } else { mounted.join(inside) };
    let root = choose(&own, &mounted)?;
    if !may_write(&root) {
        return Err(NoSubtree::ReadOnly(root));
    }
    let controllers = fs::read_to_string(root.join("cgroup.controllers")).map_err(unseen)?;
    Ok(Subtree { root, controllers: controllers.split_ascii_whitespace().map(str::to_owned).collect() })
}

/// The one above our own where it is left to us and free of processes; the root of all, which may hold some.
fn choose(own: &Path, mounted: &Path) -> Result<PathBuf, NoSubtree> {
    if is_root_of_all(own) {
        return if Path::new(SYSTEMD).exists() {
            Err(NoSubtree::NotDelegated(own.to_owned()))
        } else {
            Ok(own.to_owned())
        };
    }
    let above = own.parent().filter(|_| own != mounted);
    match above.filter(|above| is_left_to_us(above)) {
        Some(above) if is_root_of_all(above) || is_free(above) => Ok(above.to_owned()),
        Some(above) => Err(NoSubtree::Occupied(above.to_owned())),
        None if is_left_to_us(own) => Err(NoSubtree::Occupied(own.to_owned())),
        None => Err(NoSubtree::NotDelegated(above.unwrap_or(own).to_owned())),
    }
}

/// Every cgroup but the first of a host has a type.
fn is_root_of_all(cgroup: &Path) -> bool {
    !cgroup.join("cgroup.type").exists()
}

fn is_free(cgroup: &Path) -> bool {
    fs::read(cgroup.join("cgroup.procs")).is_ok_and(|pids| pids.is_empty())
}

fn is_left_to_us(cgroup: &Path) -> bool {
    let marked = DELEGATED.iter().any(|name| {
        let mut value = [0_u8; 8];
        rustix::fs::getxattr(cgroup, *name, &mut value).is_ok_and(|length| value.get(..length) == Some(b"1"))
    });
    let us = rustix::process::geteuid();
    let owned = || {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(cgroup).is_ok_and(|facts| facts.uid() == us.as_raw())
    };
    marked || owned() && (!us.is_root() || !Path::new(SYSTEMD).exists())
}

fn may_write(cgroup: &Path) -> bool {
    let may = |path: &Path| rustix::fs::accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_ok();
    may(cgroup) && may(&cgroup.join("cgroup.procs")) && may(&cgroup.join("cgroup.subtree_control"))
}

/// Where cgroup2 is mounted, and which part of it is shown there. Blanks in paths are written `\040`.
fn mount(mounts: &str) -> Option<(PathBuf, PathBuf)> {
    mounts.lines().find_map(|line| {
        let (facts, kind) = line.split_once(" - ")?;
        kind.starts_with("cgroup2 ").then_some(())?;
        let mut facts = facts.split(' ').skip(3);
        let (shown, mounted) = (facts.next()?, facts.next()?);
        let plain = |text: &str| PathBuf::from(text.replace("\\040", " "));
        Some((plain(mounted), plain(shown)))
    })
}

/// The path of `0::/system.slice/gateward.service`.
fn own(cgroups: &str) -> Option<&str> {
    cgroups.lines().find_map(|line| line.strip_prefix("0::"))
}

impl Subtree {
    /// Whether it has that controller to give: `memory`, `pids`.
    pub fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|known| known == controller)
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Switches a controller on for the cgroups below.
    pub fn switch_on(&self, controller: &str) -> io::Result<()> {
        write(&self.root.join("cgroup.subtree_control"), &format!("+{controller}"))
    }

    /// The cgroup of that name below, made or not.
    pub fn below(&self, name: &str) -> Cgroup {
        Cgroup { path: self.root.join(name) }
    }
}

/// One cgroup. Dropping it leaves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it, unless it is there.
    pub fn make(&self) -> io::Result<()> {
        match fs::create_dir(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Sets a limit, or takes it away: `memory.max`, `pids.max`.
    pub fn limit(&self, file: &str, value: Option<u64>) -> io::Result<()> {
        write(&self.path.join(file), &value.map_or_else(|| "max".to_owned(), |value| value.to_string()))
    }

    /// What a process writes a `0` to in order to enter; close-on-exec.
    pub fn door(&self) -> io::Result<OwnedFd> {
        Ok(rustix::fs::open(self.path.join("cgroup.procs"), OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?)
    }

    /// How often something happened in it, by the kernel's count since it was made: `oom_kill` in `memory.events`, `max` in
    /// `pids.events`. `None` where the controller is off.
    pub fn count(&self, file: &str, what: &str) -> Option<u64> {
        let text = fs::read_to_string(self.path.join(file)).ok()?;
        text.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(' ')?.trim().parse().ok())
    }

    /// Ends every process in it at once. The caller answers for nobody of its own being there.
    pub fn kill(&self) -> io::Result<()> {
        write(&self.path.join("cgroup.kill"), "1")
    }

    /// Removes it. `ResourceBusy` while anybody lives in it; none is as good as removed.
    pub fn remove(&self) -> io::Result<()> {
        match fs::remove_dir(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// One write and no more: these are no files, and what is refused is refused by it. Makes nothing that is not there.
fn write(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    fs::OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_is_found_beside_those_of_version_1() {
        let mounts = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                      36 31 0:33 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      41 31 0:38 /a\\040b /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw\n";
        assert_eq!(mount(mounts), Some(("/sys/fs/cgroup/unified".into(), "/a b".into())));
        assert_eq!(mount("31 23 0:28 / /sys rw - tmpfs cgroup2 rw\n"), None);
        assert_eq!(own("4:memory:/x\n0::/system.slice/a.service\n"), Some("/system.slice/a.service"));
        assert_eq!(own("4:memory:/x\n"), None);
    }

    #[test]
    fn where_the_host_leaves_us_a_subtree_a_cgroup_is_made_limited_entered_emptied_and_removed() {
        let subtree = match subtree(std::process::id().cast_signed()) {
            Ok(subtree) => subtree,
            Err(why) => {
                eprintln!("skipped: {why}");
                return;
            }
        };
        let cgroup = subtree.below(&format!("gateward-test-{}", std::process::id()));
        cgroup.make().expect("made");
        cgroup.make().expect("there already");
        let mut child = std::process::Command::new("/bin/sleep").arg("600").spawn().expect("a child");
        std::fs::write(cgroup.path().join("cgroup.procs"), child.id().to_string()).expect("entered");
        let path = std::fs::read_to_string(format!("/proc/{}/cgroup", child.id())).expect("facts");
        assert!(
            own(&path).is_some_and(|path| path.ends_with(&format!("gateward-test-{}", std::process::id()))),
            "{path}"
        );
        assert_eq!(cgroup.remove().expect_err("somebody lives in it").kind(), io::ErrorKind::ResourceBusy);
        cgroup.kill().expect("killed");
        child.wait().expect("reaped");
        assert_eq!(cgroup.count("memory.events", "oom_kill").is_some(), cgroup.path().join("memory.events").exists());
        cgroup.remove().expect("removed");
        cgroup.remove().expect("gone already");
        assert!(!cgroup.path().exists());
    }
}
