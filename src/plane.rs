//! The vocabulary: what a control plane is once everything about it has been decided.
//!
//! No effects and nothing else of ours: every other module may speak these words. A [`Plane`] holds no
//! "maybe written" value; what an operator wrote lives in `manifest::written` and is resolved into this.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The name of a plane: `[a-z][a-z0-9-]{0,31}`, unique in its manifest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlaneName(String);

impl PlaneName {
    /// Takes any text; gives the name, or a sentence fragment that says which rule it breaks.
    pub fn new(text: &str) -> Result<Self, BadName> {
        let mut chars = text.chars();
        let first_fits = chars.next().is_some_and(|c| c.is_ascii_lowercase());
        let rest_fits = chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if first_fits && rest_fits && text.len() <= 32 {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadName(text.to_owned()))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlaneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for PlaneName {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        Self::new(&text)
    }
}

impl From<PlaneName> for String {
    fn from(name: PlaneName) -> Self {
        name.0
    }
}

/// Text that is not a [`PlaneName`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadName(
    /// The text that was given.
    pub String,
);

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a plane name: a lower-case letter, then up to 31 lower-case letters, digits or `-`",
            self.0.escape_debug()
        )
    }
}

impl std::error::Error for BadName {}

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

/// When a plane is started again after it died.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// After every exit that was not asked for.
    #[default]
    Always,
    /// After every such exit but a clean one (code 0).
    OnFailure,
    /// Not at all.
    Never,
}

/// The pace of restarts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// Whether to start again.
    pub policy: Policy,
    /// The wait before the second early death's respawn; doubled for each further one.
    pub min_delay: Duration,
    /// The longest wait.
    pub max_delay: Duration,
    /// Up for this long: the count of early deaths starts afresh.
    pub stable: Duration,
    /// So many deaths within `window` park the plane; 0 never gives up.
    pub max_deaths: u32,
    /// The window of `max_deaths`.
    pub window: Duration,
}

impl Default for Restart {
    fn default() -> Self {
        Self {
            policy: Policy::Always,
            min_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(300),
            stable: Duration::from_secs(60),
            max_deaths: 0,
            window: Duration::from_secs(600),
        }
    }
}

/// How liveness is asked and judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// From one liveness probe to the next.
    pub interval: Duration,
    /// The longest wait for one answer.
    pub timeout: Duration,
    /// Failures in a row before a restart; at least 1.
    pub failures: u32,
    /// The longest time in which a start may show no progress.
    pub startup: Duration,
    /// Contract "plain" only: an `http://` address that answers 2xx while the process is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            failures: 3,
            startup: Duration::from_secs(600),
            url: None,
        }
    }
}

/// How captured output is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRules {
    /// Bytes in one file before it is rotated.
    pub max_size: u64,
    /// Rotated files kept beside the current one.
    pub keep: u32,
    /// Whether each line starts with its time (RFC 3339, UTC, milliseconds).
    pub stamp: bool,
}

impl Default for LogRules {
    fn default() -> Self {
        Self { max_size: 32 << 20, keep: 5, stamp: true }
    }
}

/// What a plane may use of the host; `None` leaves the host's own value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Bytes at which the kernel begins to reclaim (cgroup v2 `memory.high`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_high: Option<u64>,
    /// Bytes at which the kernel kills (cgroup v2 `memory.max`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_max: Option<u64>,
    /// Most tasks at once (cgroup v2 `pids.max`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids_max: Option<u64>,
    /// Open files of one process (RLIMIT_NOFILE).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
    /// Scheduling niceness, -20 … 19.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nice: Option<i32>,
    /// -1000 … 1000; the kernel takes higher ones first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oom_score_adj: Option<i32>,
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

/// A place in a text file, to point at. Lines and columns count from 1; columns count characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The file, absolute.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// How many characters to underline; at least 1. Not part of the interface.
    #[serde(skip, default = "one")]
    pub width: u32,
}

fn one() -> u32 {
    1
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// Where each key of one plane was written in the manifest; keys are dotted (`port`, `restart.policy`).
///
/// The key `""` is the plane's own table header, and answers for every key that was defaulted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Key to place.
    pub keys: BTreeMap<String, Place>,
}

impl Places {
    /// The place of `key`, else that of the plane's header.
    pub fn of(&self, key: &str) -> Option<&Place> {
        self.keys.get(key).or_else(|| self.keys.get(""))
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
}
