//! What one gateway's own configuration declares, every value with its origin.
//!
//! Values only. Nothing here is compared with another plane or with the manifest: that is `collision`'s work. Paths are
//! absolute and spelled out, never resolved through links.

use std::path::PathBuf;

use super::credential::{Credential, Secret};
use super::origin::Said;
use super::problem::Problem;

/// All that the configuration of one gateway claims, as far as it could be read.
///
/// Where `problems` holds an error the rest is what was read before it, so that one broken include does not hide a
/// collision elsewhere.
#[derive(Clone, Debug)]
pub struct Declared {
    /// Every file that was read or looked for: the config first, then includes in order of reading, then `.env` files,
    /// then files of secrets.
    pub files: Vec<SourceFile>,
    /// What stands against the files themselves, in order of discovery.
    pub problems: Vec<Problem>,
    /// The gateway's own settings.
    pub gateway: Gateway,
    /// Every agent in the order they are written; a config without agents has `main`.
    pub agents: Vec<Agent>,
    /// Folders and files besides the workspaces that this gateway writes to because its configuration says so.
    pub surfaces: Vec<Surface>,
    /// Names of containers that all of its sandboxed sessions share.
    pub containers: Vec<Said<String>>,
    /// The browsers it starts or attaches to.
    pub browser: Browser,
    /// Ports pinned by a key of their own, outside browser profiles, with what they listen on.
    pub listeners: Vec<Listener>,
    /// Channel accounts with what they log in with, by channel and account.
    pub channels: Vec<ChannelAccount>,
    /// Paths that its config writes with `~`, as they are in whole: they move when HOME does.
    pub homely: Vec<Said<String>>,
    /// Every credential that its files and its environment hold in plain text, to keep it out of what is shown.
    pub secrets: Vec<Secret>,
}

impl Declared {
    /// The agent that owns the default workspace.
    pub fn default_agent(&self) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.is_default)
    }
}

/// One file that takes part in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourceFile {
    /// Where it was looked for, absolute; links not followed.
    pub path: PathBuf,
    /// What it is for.
    pub role: FileRole,
    /// Whether it was there and readable.
    pub read: bool,
}

/// What a file of the configuration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileRole {
    /// The config itself.
    Config,
    /// Pulled in through `$include`.
    Include,
    /// `.env` of the state dir or of the working folder.
    Environment,
    /// Holds a secret that the config names by its path: a `tokenFile`, or a provider's file.
    Secret,
}

/// The `gateway` section and what of the environment replaces it.
#[derive(Clone, Debug, Default)]
pub struct Gateway {
    /// Every port that something says, the one that would win first; `--port` beats them all.
    pub ports: Vec<Said<u16>>,
    /// `gateway.mode`, as written.
    pub mode: Option<Said<String>>,
    /// `gateway.bind`, as written: `loopback`, `lan`, `tailnet`, `auto`, `custom`.
    pub bind: Option<Said<String>>,
    /// `gateway.customBindHost`.
    pub custom_bind_host: Option<Said<String>>,
    /// `gateway.tailscale.mode`.
    pub tailscale_mode: Option<Said<String>>,
    /// `gateway.auth.mode`, as written.
    pub auth_mode: Option<Said<String>>,
    /// The token it would ask for, wherever it is declared.
    pub token: Option<Said<Credential>>,
    /// The password it would ask for, wherever it is declared.
    pub password: Option<Said<Credential>>,
    /// `gateway.remote`, when the section is there; the value is host and port of its `url`, or empty.
    pub remote: Option<Said<String>>,
    /// The break-glass setting for `ws://` to private addresses, where it is on.
    pub insecure_private_ws: Option<Said<()>>,
}

/// One agent with the folders it works in, after OpenClaw's own rules of inheritance.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Its id, normalised as OpenClaw does.
    pub id: String,
    /// Whether it inherits `agents.defaults.workspace` itself and not a folder within.
    pub is_default: bool,
    /// Its workspace.
    pub workspace: Said<PathBuf>,
    /// Its private folder, where it is not the one inside the state dir.
    pub agent_dir: Said<PathBuf>,
    /// The task folder it starts in, where one is declared.
    pub cwd: Option<Said<PathBuf>>,
}

/// A path of its own that the gateway writes to.
#[derive(Clone, Debug)]
pub struct Surface {
    /// What it is.
    pub kind: SurfaceKind,
    /// The path.
    pub path: Said<PathBuf>,
}

/// The kinds of [`Surface`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SurfaceKind {
    /// `logging.file`.
    LogFile,
    /// `OPENCLAW_OAUTH_DIR`.
    OauthDir,
    /// `OPENCLAW_AGENT_DIR`: the logins with models that all agents of a gateway share.
    AgentDir,
    /// `worktreeRoot`: where checkouts for tasks are made.
    Worktrees,
    /// The session store.
    Sessions,
    /// A browser profile's own user-data folder.
    BrowserUserData,
    /// The login state of a channel account.
    ChannelAuth,
    /// `agents.defaults.sandbox.workspaceRoot`: where sandboxed agents work.
    Sandboxes,
    /// A folder that a bundled plugin keeps its data in.
    PluginData,
}

impl SurfaceKind {
    /// The words shown to people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LogFile => "log file",
            Self::OauthDir => "OAuth dir",
            Self::AgentDir => "agent dir",
            Self::Worktrees => "worktree root",
            Self::Sessions => "session store",
            Self::BrowserUserData => "browser user-data dir",
            Self::ChannelAuth => "channel login dir",
            Self::Sandboxes => "sandbox root",
            Self::PluginData => "plugin data dir",
        }
    }
}

/// The `browser` section.
#[derive(Clone, Debug)]
pub struct Browser {
    /// `browser.enabled`; on when nothing says otherwise.
    pub enabled: bool,
    /// Written or not, every profile that OpenClaw would know, by name.
    pub profiles: Vec<BrowserProfile>,
    /// `browser.cdpUrl`.
    pub cdp_url: Option<Said<Endpoint>>,
}

/// One browser profile.
#[derive(Clone, Debug)]
pub struct BrowserProfile {
    /// Its name.
    pub name: String,
    /// Written in the config, or one of OpenClaw's own (`openclaw`, `user`, `chrome`).
    pub written: bool,
    /// Who drives it.
    pub driver: Driver,
    /// `cdpPort`.
    pub cdp_port: Option<Said<u16>>,
    /// `cdpUrl`.
    pub cdp_url: Option<Said<Endpoint>>,
}

/// Who drives a browser profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Driver {
    /// The gateway starts the browser.
    Managed,
    /// It attaches to a browser that somebody else started.
    ExistingSession,
    /// Through the browser extension's relay.
    Extension,
}

/// One end of a connection, normalised so that two spellings of the same end are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Lower case; every spelling of this host itself is `127.0.0.1`.
    pub host: String,
    /// The port, also where the scheme implies it.
    pub port: u16,
}

impl Endpoint {
    /// Whether it is on this host.
    pub fn is_loopback(&self) -> bool {
        self.host == LOOPBACK
    }
}

/// How every spelling of this host is written in an [`Endpoint`].
pub const LOOPBACK: &str = "127.0.0.1";

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A port of its own that a key of the configuration pins.
#[derive(Clone, Debug)]
pub struct Listener {
    /// The port; its key says what for (`channels.telegram.webhookPort`).
    pub port: Said<u16>,
    /// The address it would be bound on, where the configuration says one.
    pub host: Option<Said<String>>,
    /// Whether the gateway listens there or only connects.
    pub side: Side,
}

/// Which end of a connection a declared port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The gateway, or a helper it starts, listens.
    Listens,
    /// The gateway connects to something else that listens.
    Connects,
}

/// One account on one channel.
#[derive(Clone, Debug)]
pub struct ChannelAccount {
    /// The channel, as under `channels.`: `telegram`.
    pub channel: String,
    /// The account; `default` for what is written on the channel itself.
    pub account: String,
    /// Whether it is started.
    pub standing: Standing,
    /// What it logs in with. Two planes with an equal one are the same bot twice.
    pub credentials: Vec<Said<Credential>>,
}

/// Whether a channel account is started. What it logs in with is held by the plane in every case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Started with the gateway.
    Active,
    /// The account, or its channel, says `enabled: false`.
    Disabled,
    /// Nothing is written for the channel, but one of its variables is set: started only with `--ambient-channels`, or as
    /// soon as an empty section for the channel is written.
    Ambient,
}
