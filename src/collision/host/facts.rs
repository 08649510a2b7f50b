//! What can be seen on a host: listeners, connections, gateways, services, strays. Values only.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::plane::PlaneName;
use crate::plane::shell::word;

/// What runs and listens.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Everything that listens on this host.
    pub listeners: Vec<Listening>,
    /// Ports that connections use, without anybody listening there.
    pub passing: Vec<Passing>,
    /// What came of trying each plane's base port; nothing where it can be bound.
    pub bases: BTreeMap<PlaneName, BaseTry>,
    /// Living gateways that own planes' state dirs, whoever started them.
    pub owners: BTreeMap<PlaneName, Process>,
    /// Native OpenClaw services that would run a plane's gateway.
    pub services: Vec<Service>,
    /// Gateways and browsers at work in planes' folders.
    pub strays: Vec<Stray>,
    /// What OpenClaw itself says of each plane's config.
    pub validity: BTreeMap<PlaneName, Validity>,
}

/// One listening socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// Where.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// Who listens, where that could be seen.
    pub holder: Option<Process>,
}

/// A port that is in use for the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passing {
    /// Where.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// Who uses it, where that could be seen.
    pub holder: Option<Process>,
}

/// Why a base port cannot be bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseTry {
    /// Somebody has it.
    Held {
        /// The address that was tried.
        address: IpAddr,
        /// How.
        hold: Hold,
        /// Who, where that could be seen.
        holder: Option<Process>,
    },
    /// The host does not let it be bound.
    Refused {
        /// The address that was tried.
        address: IpAddr,
        /// Why.
        why: String,
    },
}

/// How a port is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Somebody listens there.
    Listens,
    /// A connection has it as its own end.
    Connected,
    /// A connection had it that has ended, and the kernel keeps it for a while.
    Closing,
    /// Somebody has bound it and does not listen.
    Bound,
}

/// A process, as far as it can be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Its program.
    pub program: String,
    /// The systemd unit it belongs to.
    pub unit: Option<String>,
    /// Whose it is.
    pub belongs: Belongs,
}

/// Whose a process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Belongs {
    /// A plane's, under a keeper of this supervisor.
    Ours(PlaneName),
    /// A plane's of another supervisor.
    Foreign {
        /// The plane's name there.
        plane: String,
        /// That supervisor's manifest, where it is known.
        manifest: Option<PathBuf>,
    },
    /// No supervisor's.
    Nobody,
}

impl Process {
    /// Whether a keeper of this supervisor answers for it.
    pub fn is_ours(&self) -> bool {
        matches!(self.belongs, Belongs::Ours(_))
    }

    /// What ends it, or whoever answers for it.
    pub fn remedy(&self) -> String {
        let name = |manifest: &Option<PathBuf>| manifest.as_ref().map(|path| format!(" -m {}", word(path)));
        match (&self.belongs, &self.unit) {
            (Belongs::Foreign { plane, manifest }, _) => {
                format!("gateward{} stop {}", name(manifest).unwrap_or_default(), word(plane))
            }
            (Belongs::Ours(plane), _) => format!("gateward stop {plane}"),
            (Belongs::Nobody, Some(unit)) if unit.ends_with(".service") => format!("systemctl stop {}", word(unit)),
            (Belongs::Nobody, Some(_) | None) => format!("kill {}", self.pid),
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (pid {}", self.program, self.pid)?;
        match &self.belongs {
            Belongs::Ours(plane) => write!(f, ", of plane `{plane}`")?,
            Belongs::Foreign { plane, .. } => write!(f, ", of plane `{plane}` of another supervisor")?,
            Belongs::Nobody => {}
        }
        if let Some(unit) = &self.unit {
            write!(f, ", in {unit}")?;
        }
        f.write_str(")")
    }
}

/// A native OpenClaw service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The unit: `openclaw-gateway-main.service`.
    pub unit: String,
    /// Its file.
    pub file: PathBuf,
    /// Whose service manager has it.
    pub scope: Scope,
    /// How it stands.
    pub standing: Standing,
    /// The planes whose gateway it would run.
    pub planes: Vec<PlaneName>,
}

/// Whose service manager.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The system's.
    System,
    /// That of the user who runs this.
    OwnUser,
    /// That of another user.
    User(String),
}

impl Scope {
    /// The beginning of a command for that service manager.
    pub fn systemctl(&self) -> String {
        match self {
            Self::System => "sudo systemctl".to_owned(),
            Self::OwnUser => "systemctl --user".to_owned(),
            Self::User(name) => format!("sudo systemctl --user --machine={}", word(format!("{name}@.host"))),
        }
    }
}

/// How a service stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Its gateway lives.
    Running,
    /// Its gateway lives, and once ended is started no more, as the unit is masked.
    Masked,
    /// It is started at the next boot or login.
    Enabled,
    /// Its unit file is there.
    Installed,
}

/// A gateway or browser that no keeper answers for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// The plane whose folder it uses.
    pub plane: PlaneName,
    /// The process.
    pub process: Process,
    /// The folder.
    pub folder: PathBuf,
}

/// What OpenClaw says of a config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validity {
    /// It would start with it.
    Valid,
    /// It would not.
    Invalid(Vec<Issue>),
    /// It could not be asked.
    Unknown {
        /// Why.
        why: String,
        /// What to do; empty where nothing better is known than to ask by hand.
        hint: String,
    },
}

/// One thing that OpenClaw holds against a config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// The dotted key.
    pub path: String,
    /// What is wrong.
    pub message: String,
}
