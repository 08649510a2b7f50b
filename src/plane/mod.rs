//! The vocabulary: what a control plane is once everything about it has been decided.
//!
//! No effects and nothing else of ours: every other module may speak these words. A [`Plane`] holds no
//! "maybe written" value; what an operator wrote lives in `manifest::written` and is resolved into this.

mod brief;
pub mod hidden;
mod name;
mod place;
mod rules;
pub mod shell;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use brief::{ALREADY_KEPT, ANNOUNCE_FD, BRIEF_FD, Brief, CANNOT};
pub use name::{BadName, PlaneName};
pub use place::{Place, Places};
pub use rules::{Health, Limits, LogRules, Policy, Restart};

/// What a plane is for; informs wording, card and warnings, never rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The production plane.
    Main,
    /// The plane that mends main.
    Rescue,
    /// The plane that must never touch production.
    Staging,
    /// Anything else.
    #[default]
    Other,
}

impl Role {
    /// The word as written in the manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Rescue => "rescue",
            Self::Staging => "staging",
            Self::Other => "other",
        }
    }
}

/// What gateward may expect of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Contract {
    /// OpenClaw's contract for external supervisors: `--port`, three probes, exit 78, restart handoff.
    #[default]
    Openclaw,
    /// Any process: no arguments added, no probes unless a URL is given, no handoff.
    Plain,
}

/// Where the program of a plane comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Launch {
    /// `openclaw`, looked up on the supervisor's PATH when the plane is sealed.
    OnPath,
    /// A release kept by gateward: the folder whose `node_modules/.bin` has `node` and `openclaw`.
    Runtime {
        /// The `[runtimes]` name.
        name: String,
        /// The release, as npm knows it.
        version: String,
    },
    /// The stand-in inside our own binary.
    Practice,
    /// The operator's own program and first arguments; never empty.
    Command(Vec<String>),
}

/// The account a gateway runs as, when it is not the supervisor's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Login name, as in passwd.
    pub name: String,
    /// Numeric user id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Home folder from passwd.
    pub home: PathBuf,
    /// Login shell from passwd.
    pub shell: PathBuf,
}

/// One control plane, resolved: every path absolute, every default applied, every value in range.
///
/// May hold secrets in `environment`; its `Debug` shows names only there.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plane {
    /// Its name in the manifest.
    pub name: PlaneName,
    /// What it is for.
    pub role: Role,
    /// What it keeps apart, in the operator's words.
    pub isolates: Option<String>,
    /// What is expected of its process.
    pub contract: Contract,
    /// Where its program comes from.
    pub launch: Launch,
    /// Appended to what the contract passes.
    pub args: Vec<String>,
    /// OpenClaw profile; `default` is the unnamed one.
    pub profile: String,
    /// `OPENCLAW_CONFIG_PATH`.
    pub config: PathBuf,
    /// `OPENCLAW_STATE_DIR`.
    pub state_dir: PathBuf,
    /// The workspace written in the manifest; `None` leaves it to the plane's own config.
    pub workspace: Option<PathBuf>,
    /// Base port; always there for contract "openclaw".
    pub port: Option<u16>,
    /// Expected browser profiles; `None` when the manifest says nothing.
    pub browser_profiles: Option<Vec<String>>,
    /// Whether it may touch production channels.
    pub production_channels: bool,
    /// HOME of the child.
    pub home: PathBuf,
    /// The account it runs as, when not the supervisor's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
    /// Working folder of the child.
    pub cwd: PathBuf,
    /// File mode mask of the child; `None` inherits.
    pub umask: Option<u32>,
    /// `env`, `env_file` and `pass_env` together (in rising precedence: env_file, pass_env, env). Secrets live here.
    pub environment: BTreeMap<String, String>,
    /// The names among them whose values come from the supervisor's own environment, set there or not.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub passed: BTreeSet<String>,
    /// Started with the supervisor, unless the operator stopped it since boot.
    pub autostart: bool,
    /// Planes that should be ready before this one is started.
    pub after: Vec<PlaneName>,
    /// From SIGTERM to SIGKILL.
    pub stop_grace: Duration,
    /// The pace of restarts.
    pub restart: Restart,
    /// How liveness is judged.
    pub health: Health,
    /// How output is kept.
    pub log: LogRules,
    /// What it may use of the host.
    pub limits: Limits,
}

impl fmt::Debug for Plane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plane")
            .field("name", &self.name)
            .field("contract", &self.contract)
            .field("launch", &self.launch)
            .field("config", &self.config)
            .field("state_dir", &self.state_dir)
            .field("workspace", &self.workspace)
            .field("port", &self.port)
            .field("environment", &self.environment.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// What `[supervisor]` says, resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supervisor {
    /// The manifest, absolute.
    pub manifest: PathBuf,
    /// Sockets and the operator's wants; may be a tmpfs.
    pub run_dir: PathBuf,
    /// Locks, logs, journal; must survive a logout.
    pub state_dir: PathBuf,
    /// Whether edits are re-proved as they happen.
    pub watch: bool,
    /// Pause between two starts.
    pub stagger: Duration,
    /// Group whose members may steer.
    pub socket_group: Option<String>,
}

/// A resolved manifest: the supervisor and its planes in the order they were written.
#[derive(Clone, Debug)]
pub struct Planes {
    /// `[supervisor]`.
    pub supervisor: Supervisor,
    /// Each plane with the places of its keys.
    pub planes: Vec<(Plane, Places)>,
    /// The files beside the manifest that it was made from: every `env_file`.
    pub env_files: Vec<PathBuf>,
}

impl Planes {
    /// The plane of that name.
    pub fn get(&self, name: &PlaneName) -> Option<&Plane> {
        self.planes.iter().map(|(plane, _)| plane).find(|plane| plane.name == *name)
    }
}

/// What a keeper is given: one plane with all that was looked up for it, so that it needs no manifest.
///
/// Handed over in a memfd, as it may hold secrets; never written to a disk.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The plane.
    pub plane: Plane,
    /// The program, absolute, and all of its arguments.
    pub argv: Vec<String>,
    /// The child's whole environment, but for `GATEWARD_COOKIE`, which the keeper adds.
    pub environ: BTreeMap<String, String>,
    /// Random and stable for one supervisor state dir; first part of every cookie.
    pub supervisor_id: String,
    /// The supervisor that it belongs to.
    pub supervisor: Supervisor,
    /// SHA-256, in hex, of the resolved plane: two equal definitions need no replacement.
    pub definition: String,
    /// The supervisor's own file mode mask, for a plane that has none: the keeper's is stricter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub umask: Option<u32>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("plane", &self.plane).field("argv", &self.argv).finish_non_exhaustive()
    }
}

/// `path` with `.` and `..` and doubled separators taken out by spelling alone; links are not followed.
pub fn spelled_out(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => out.push(part),
        }
    }
    out
}

/// A plane and its supervisor for unit tests of other modules.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A plane as a short manifest would resolve to, in folders under `/x`.
    pub(crate) fn plane(name: &str, port: u16) -> (Plane, Supervisor) {
        let state_dir = PathBuf::from(format!("/x/.openclaw-{name}"));
        let plane = Plane {
            name: PlaneName::new(name).expect("a plane name"),
            role: Role::Other,
            isolates: Some("a test".into()),
            contract: Contract::Openclaw,
            launch: Launch::OnPath,
            args: Vec::new(),
            profile: name.into(),
            config: state_dir.join("openclaw.json"),
            workspace: None,
            port: Some(port),
            browser_profiles: None,
            production_channels: false,
            home: "/x".into(),
            account: None,
            cwd: state_dir.clone(),
            state_dir,
            umask: None,
            environment: BTreeMap::new(),
            passed: BTreeSet::new(),
            autostart: true,
            after: Vec::new(),
            stop_grace: Duration::from_secs(330),
            restart: Restart::default(),
            health: Health::default(),
            log: LogRules::default(),
            limits: Limits::default(),
        };
        let supervisor = Supervisor {
            manifest: "/x/supervisor.toml".into(),
            run_dir: "/x/run".into(),
            state_dir: "/x/state".into(),
            watch: true,
            stagger: Duration::ZERO,
            socket_group: None,
        };
        (plane, supervisor)
    }

    /// The same, as a keeper is given it.
    pub(crate) fn sealed(name: &str) -> Sealed {
        let (plane, supervisor) = plane(name, 18_789);
        Sealed {
            plane,
            argv: vec!["/x/openclaw".into()],
            environ: BTreeMap::new(),
            supervisor_id: "test".into(),
            supervisor,
            definition: String::new(),
            umask: None,
        }
    }
}
