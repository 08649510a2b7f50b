//! What must be known of the host to compare claims: which paths are one, which ports are taken.
//!
//! Values only; `daemon::survey` fills them in. An empty one is lawful: then paths are compared by spelling, and nothing
//! live is said.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::host::Live;
use crate::plane::PlaneName;
use crate::plane::shell::word;

/// The host as it was when looked at.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// What is known of each claimed path, by its spelling in the claim.
    pub paths: HashMap<PathBuf, Identity>,
    /// From where the kernel takes ports for outgoing connections.
    pub ephemeral: Option<Ephemeral>,
    /// Planes whose program is privileged.
    pub launchers: BTreeMap<PlaneName, Launcher>,
    /// Planes whose user may not execute their program, with what is closed to them.
    pub forbidden: BTreeMap<PlaneName, PathBuf>,
    /// Planes whose program is not there: what was looked for, and what to do.
    pub missing: BTreeMap<PlaneName, Missing>,
    /// Planes whose program cannot be handed all of its arguments and environment.
    pub burdens: BTreeMap<PlaneName, Burden>,
    /// Planes that cannot be put into their working folder.
    pub cwds: BTreeMap<PlaneName, NoCwd>,
    /// What planes can be held to; nothing is said of limits where it was not looked at.
    pub means: Option<Means>,
    /// What runs and listens, when it was looked at.
    pub live: Option<Live>,
}

/// What the supervisor can hold planes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Means {
    /// Why the controller `memory` cannot be had, and what to do.
    pub no_memory: Option<Lack>,
    /// Why the controller `pids` cannot be had.
    pub no_pids: Option<Lack>,
    /// Most open files.
    pub open_files_most: u64,
    /// Least niceness.
    pub nice_least: i32,
    /// Least preference of the out-of-memory killer.
    pub oom_score_adj_least: i32,
}

/// Something that a host does not give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// Why.
    pub why: String,
    /// What to do.
    pub hint: String,
}

impl Surroundings {
    /// What is known of `path`.
    pub fn identity(&self, path: &Path) -> Option<&Identity> {
        self.paths.get(path)
    }
}

/// What a path is, whatever it is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The longest existing part with its links followed, then the rest as spelled.
    pub canonical: PathBuf,
    /// Where that is within its file system, so that a bind mount shows the same as what it binds. `None` where that
    /// file system is mounted once, so that names tell all.
    pub within: Option<Within>,
    /// Components of `canonical`, the root counted, after which folders take upper and lower case for the same.
    pub folds_after: Option<usize>,
    /// What is there; `None` where nothing is.
    pub entry: Option<Entry>,
    /// Whether its links lead somewhere.
    pub way: Way,
    /// What has its name.
    pub named: Named,
}

/// What stands at the end of a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Named {
    /// The thing itself, or nothing.
    #[default]
    Itself,
    /// A link to it.
    Link,
}

/// Where the links of a path lead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// To a place, whether or not something is there.
    #[default]
    Open,
    /// In a circle.
    Circle,
}

/// A place within one file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Within {
    /// The file system, as major and minor number.
    pub device: (u32, u32),
    /// The path from that file system's own root.
    pub path: PathBuf,
}

/// What exists at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Device and inode: equal for hard links.
    pub inode: (u64, u64),
    /// Permission bits.
    pub mode: u32,
    /// The user who owns it.
    pub owner: u32,
    /// Its kind.
    pub kind: EntryKind,
}

/// Kinds of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A device, a FIFO, a socket.
    Other,
}

/// A program that runs with more rights than whoever starts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launcher {
    /// The program.
    pub program: PathBuf,
    /// By what.
    pub privilege: Privilege,
}

/// A program that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What was looked for, and where.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// More than can be handed to a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Burden {
    /// Who cannot take it.
    pub bearer: Bearer,
    /// Its bytes, as the bearer counts them.
    pub bytes: u64,
    /// As many as it takes.
    pub most: u64,
    /// The largest variables and arguments, in words, with their bytes.
    pub largest: Vec<(String, u64)>,
}

/// On whose way to the program there is a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearer {
    /// The kernel, when it executes the program.
    Kernel,
    /// gateward itself, in what its processes say to one another.
    Wire,
}

/// Why a path is no working folder for a plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoCwd {
    /// Nothing is there.
    Missing,
    /// It, or something above it, is no folder.
    NoFolder,
    /// The plane's user may not enter it: what is closed to that user, outermost.
    Closed(PathBuf),
    /// The plane's user may enter its state dir, and not write there.
    ReadOnly,
}

/// How a program comes by its rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// The setuid bit.
    SetUid,
    /// The setgid bit.
    SetGid,
    /// File capabilities.
    Capabilities,
}

impl Privilege {
    /// The words shown to people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SetUid => "is setuid",
            Self::SetGid => "is setgid",
            Self::Capabilities => "has file capabilities",
        }
    }

    /// The command that takes it away.
    pub fn remedy(self, program: &Path) -> String {
        let program = word(program);
        match self {
            Self::SetUid => format!("chmod u-s {program}"),
            Self::SetGid => format!("chmod g-s {program}"),
            Self::Capabilities => format!("setcap -r {program}, or use a copy of the program without them"),
        }
    }
}

/// The ports from which outgoing connections are given theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ephemeral {
    /// `net.ipv4.ip_local_port_range`.
    pub range: RangeInclusive<u16>,
    /// `net.ipv4.ip_local_reserved_ports`: never given out.
    pub reserved: Vec<RangeInclusive<u16>>,
}

impl Ephemeral {
    /// The ports of `first..=last` that may be given to an outgoing connection, as first and last of them.
    pub fn touches(&self, first: u16, last: u16) -> Option<(u16, u16)> {
        let (low, high) = (first.max(*self.range.start()), last.min(*self.range.end()));
        let free = |port: &u16| !self.reserved.iter().any(|range| range.contains(port));
        let mut exposed = (low..=high).filter(free);
        let first = exposed.next()?;
        Some((first, exposed.next_back().unwrap_or(first)))
    }
}

#[cfg(test)]
mod tests {
    use super::Ephemeral;

    #[test]
    fn reserved_ports_are_not_ephemeral() {
        let ephemeral = Ephemeral { range: 32768..=60999, reserved: vec![40000..=40110] };
        assert_eq!(ephemeral.touches(40000, 40110), None);
        assert_eq!(ephemeral.touches(32700, 32810), Some((32768, 32810)));
        assert_eq!(ephemeral.touches(39950, 40060), Some((39950, 39999)));
        assert_eq!(ephemeral.touches(18789, 18899), None);
        assert_eq!(ephemeral.touches(60999, 61109), Some((60999, 60999)));
    }
}
