//! What a plane claims of its host: surface, origin, and how claims of that kind may meet.
//!
//! Values only; `gather` makes them, the sibling files compare them.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::codes::Code;
use crate::openclaw::config::credential::Fingerprint;
use crate::openclaw::config::declared::{Endpoint, Standing};
use crate::plane::{Place, PlaneName, Role};

/// Everything that all planes claim. Planes are in order of their names, so that nothing depends on the order they were
/// written in.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// Who claims.
    pub claimants: Vec<Claimant>,
    /// What is claimed.
    pub claims: Vec<Claim>,
    /// What gateward itself keeps on the disk.
    pub own: Vec<OwnPath>,
}

/// One plane, as far as wording and remedies need it.
#[derive(Clone, Debug)]
pub struct Claimant {
    /// Its name.
    pub name: PlaneName,
    /// What it is for.
    pub role: Role,
    /// Whether it may touch production channels.
    pub production: bool,
    /// Its header in the manifest.
    pub header: Option<Place>,
    /// Its config, to say which file to edit.
    pub config: PathBuf,
    /// Its state dir, under which remedies are offered.
    pub state_dir: PathBuf,
    /// Its HOME, under which remedies are offered.
    pub home: PathBuf,
    /// Its workspace, where the manifest says one.
    pub workspace: Option<PathBuf>,
    /// Its base port, where it has a family.
    pub base: Option<u16>,
    /// What repeats the base port, and would have to be changed with it.
    pub repeats: Vec<Repeat>,
    /// What of state dir and config the manifest does not say, so that it follows HOME and profile.
    pub defaulted: Vec<&'static str>,
    /// What its config says with `~`, so that it follows HOME.
    pub homely: Vec<Homely>,
}

/// A path of a config that is written with `~`.
#[derive(Clone, Debug)]
pub struct Homely {
    /// The key.
    pub key: String,
    /// The file that says it.
    pub file: PathBuf,
    /// The path in whole.
    pub path: PathBuf,
}

/// A setting that says a plane's base port once more.
#[derive(Clone, Debug)]
pub struct Repeat {
    /// The key of the config, or the variable.
    pub key: String,
    /// Where, for a line of a `.env` file; else it is the config's.
    pub file: Option<PathBuf>,
    /// Whether a variable says it.
    pub by: Repeater,
}

/// What says a base port once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeater {
    /// A key of the config.
    Key,
    /// A variable.
    Variable,
}

/// One thing that one plane claims.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// Who: an index into [`Claims::claimants`].
    pub by: usize,
    /// What.
    pub surface: Surface,
    /// The key that says it: of the manifest, of OpenClaw's config, or a variable.
    pub key: Cow<'static, str>,
    /// Where it is said.
    pub source: Source,
    /// The place to point at.
    pub place: Option<Place>,
}

/// Where a claim is said, which is where it can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Written in the manifest.
    Manifest,
    /// Follows from other keys of the manifest.
    Defaulted,
    /// Written in the plane's own config.
    Config,
    /// A variable of the plane's environment or of a `.env` file.
    Variable,
    /// What OpenClaw does by itself.
    Openclaw,
    /// A definition that a plane still lives by, and that the manifest no longer has.
    Living,
}

/// The claimed thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Surface {
    /// A file or folder.
    Path(PathRole, PathBuf),
    /// A base port with all that is derived from it.
    Family(u16),
    /// A single port of this host.
    Pin(Pin, u16),
    /// A browser on another host.
    Browser(Endpoint),
    /// A channel account's credential.
    Credential(Account, Fingerprint),
    /// An OpenClaw profile name.
    Profile(String),
    /// The OpenClaw installation that it runs from.
    Runtime(String),
    /// A container by its name, which is one for the whole host.
    Container(String),
}

/// How a plane uses a single port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pin {
    /// It listens there.
    Listens,
    /// A browser that it starts listens there.
    Browser,
    /// It attaches to a browser that listens there.
    Attaches,
    /// The relay of a browser extension listens there.
    Relay,
}

/// A channel account; never its credential.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// As under `channels.`: `telegram`.
    pub channel: String,
    /// The account's name.
    pub account: String,
    /// Whether it is started.
    pub standing: Standing,
}

/// What a claimed path is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathRole {
    /// `OPENCLAW_STATE_DIR`.
    StateDir,
    /// `OPENCLAW_CONFIG_PATH`.
    Config,
    /// A file that the config includes.
    Include,
    /// An agent's workspace.
    Workspace,
    /// `OPENCLAW_OAUTH_DIR`.
    OauthDir,
    /// An agent's private folder.
    AgentDir,
    /// The gateway's own log.
    LogFile,
    /// The session store.
    Sessions,
    /// A browser's user-data folder.
    BrowserData,
    /// The login of a channel account.
    ChannelLogin,
    /// Where sandboxed agents work.
    Sandboxes,
    /// Where checkouts for tasks are made.
    Worktrees,
    /// What a plugin keeps.
    PluginData,
    /// What a link inside the state dir leads to, or what is mounted there.
    StateLink,
    /// The same where only the plane itself may write: its browser, credentials, databases.
    StatePart,
    /// What a link inside a workspace leads to, or what is mounted there.
    WorkspaceLink,
    /// The working folder of the process.
    Cwd,
    /// An agent's working folder.
    AgentCwd,
    /// HOME.
    Home,
}

/// How paths of a role may meet those of other planes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Neither the same, nor one in the other.
    Apart,
    /// Not the same as another's, and not within what must be apart.
    Outside,
    /// Only sameness matters.
    Distinct,
}

impl PathRole {
    /// How it may meet other planes' paths.
    pub fn relation(self) -> Relation {
        match self {
            Self::AgentCwd | Self::StateLink | Self::StatePart | Self::WorkspaceLink | Self::Cwd => Relation::Outside,
            Self::Home => Relation::Distinct,
            Self::StateDir
            | Self::Config
            | Self::Include
            | Self::Workspace
            | Self::OauthDir
            | Self::AgentDir
            | Self::LogFile
            | Self::Sessions
            | Self::BrowserData
            | Self::ChannelLogin
            | Self::Sandboxes
            | Self::Worktrees
            | Self::PluginData => Relation::Apart,
        }
    }

    /// The code of two planes that have one such path.
    pub fn shared(self) -> Code {
        match self {
            Self::StateDir => Code::StateDirShared,
            Self::Config | Self::Include => Code::ConfigShared,
            Self::Workspace => Code::WorkspaceShared,
            Self::OauthDir => Code::OauthDirShared,
            Self::AgentDir => Code::AgentDirShared,
            Self::LogFile => Code::LogFileShared,
            Self::Sessions => Code::SessionStoreShared,
            Self::BrowserData => Code::BrowserDataShared,
            Self::ChannelLogin => Code::ChannelLoginShared,
            Self::Sandboxes => Code::SandboxRootShared,
            Self::Worktrees => Code::WorktreeRootShared,
            Self::PluginData => Code::PluginDataShared,
            Self::StateLink | Self::WorkspaceLink => Code::StateLinkShared,
            Self::StatePart => Code::StatePartShared,
            Self::Cwd => Code::CwdInPlane,
            Self::AgentCwd => Code::AgentCwdShared,
            Self::Home => Code::HomeShared,
        }
    }

    /// The words shown to people.
    pub fn noun(self) -> &'static str {
        match self {
            Self::StateDir => "state dir",
            Self::Config => "config",
            Self::Include => "included config file",
            Self::Workspace => "workspace",
            Self::OauthDir => "OAuth dir",
            Self::AgentDir => "agent dir",
            Self::LogFile => "log file",
            Self::Sessions => "session store",
            Self::BrowserData => "browser user-data dir",
            Self::ChannelLogin => "channel login dir",
            Self::Sandboxes => "sandbox root",
            Self::Worktrees => "worktree root",
            Self::PluginData => "plugin data dir",
            Self::StateLink => "link in the state dir",
            Self::StatePart => "part of the state",
            Self::WorkspaceLink => "link in the workspace",
            Self::Cwd => "working folder",
            Self::AgentCwd => "agent working folder",
            Self::Home => "HOME",
        }
    }

    /// Whether it is a folder, so that other things can lie in it.
    pub fn is_folder(self) -> bool {
        match self {
            Self::Config | Self::Include | Self::LogFile => false,
            Self::StateDir
            | Self::Workspace
            | Self::OauthDir
            | Self::AgentDir
            | Self::Sessions
            | Self::BrowserData
            | Self::ChannelLogin
            | Self::Sandboxes
            | Self::Worktrees
            | Self::PluginData
            | Self::StateLink
            | Self::StatePart
            | Self::WorkspaceLink
            | Self::Cwd
            | Self::AgentCwd
            | Self::Home => true,
        }
    }
}

/// A path that gateward keeps for itself.
#[derive(Clone, Debug)]
pub struct OwnPath {
    /// What it is.
    pub role: OwnRole,
    /// Where it is.
    pub path: PathBuf,
}

/// What gateward keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OwnRole {
    /// `supervisor.state_dir`.
    StateDir,
    /// `supervisor.run_dir`.
    RunDir,
    /// The keepers' folders and the gateways' captured output.
    PlaneDirs,
    /// The manifest.
    Manifest,
}

impl OwnRole {
    /// The words shown to people.
    pub fn noun(self) -> &'static str {
        match self {
            Self::StateDir => "`supervisor.state_dir`",
            Self::RunDir => "`supervisor.run_dir`",
            Self::PlaneDirs => "gateward's folder of locks and logs",
            Self::Manifest => "the manifest",
        }
    }

    /// Whether a plane may keep folders of its own inside. Planes beside gateward's own names in one common folder are
    /// well; inside the folder of locks and logs they are not.
    pub fn may_hold_planes(self) -> bool {
        match self {
            Self::StateDir => true,
            Self::RunDir | Self::PlaneDirs | Self::Manifest => false,
        }
    }
}

impl Claim {
    /// The path, where it is one.
    pub fn path(&self) -> Option<(PathRole, &Path)> {
        match &self.surface {
            Surface::Path(role, path) => Some((*role, path)),
            Surface::Family(_)
            | Surface::Pin(..)
            | Surface::Browser(_)
            | Surface::Credential(..)
            | Surface::Profile(_)
            | Surface::Runtime(_)
            | Surface::Container(_) => None,
        }
    }
}

impl Claims {
    /// Who made a claim.
    pub fn claimant(&self, claim: &Claim) -> &Claimant {
        &self.claimants[claim.by]
    }

    /// Adds what was seen inside a plane's state dir or workspace. What it leads to is its identity's to say.
    pub fn add_inner(&mut self, by: usize, role: PathRole, path: PathBuf) {
        let place = self.claimants[by].header.clone();
        let key = Cow::Borrowed(if role == PathRole::WorkspaceLink { "workspace" } else { "state_dir" });
        let surface = Surface::Path(role, path);
        self.claims.push(Claim { by, surface, key, source: Source::Defaulted, place });
    }

    /// The names of these claimants, in order.
    pub fn names(&self, owners: &[usize]) -> Vec<PlaneName> {
        owners.iter().map(|owner| self.claimants[*owner].name.clone()).collect()
    }
}
