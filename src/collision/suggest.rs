//! Ports and paths to offer: free of everything that is known, and of everything offered before.
//!
//! An offer is one of the values that a hint may name; a hint without a free value says what to change and no value.

use std::path::{Path, PathBuf};

use super::claim::{Claim, Claims, PathRole, Pin, Relation, Source, Surface};
use super::keys::Key;
use super::remedy::quoted;
use super::surroundings::Surroundings;

mod ports;

use ports::Ports;
pub(super) use ports::{Bases, near};

/// The most values that one proof offers: a thousand planes on one port need a new numbering, not a thousand hints.
const OFFERS: usize = 64;

/// What may still be offered.
pub(super) struct Suggest<'a> {
    pub(super) around: &'a Surroundings,
    left: usize,
    /// Made at the first question.
    ports: Option<Ports>,
    /// Claimed paths with their owners, sorted; gateward's own have none. Made at the first question.
    paths: Option<Vec<(Key, Option<usize>)>>,
    /// What was said of each claim of a path.
    told: Vec<(Claim, Option<PathBuf>)>,
    /// Paths offered before.
    offered: Vec<(Key, Option<usize>)>,
    /// Base ports offered before: a plane that must move for two reasons moves once.
    moved: Vec<(usize, u16)>,
    /// Base ports offered for warnings alone: nothing else may take it for granted that such an offer is followed.
    advised: Vec<(usize, u16)>,
    /// Single ports offered before, by what says the present one: it is told the same in every finding.
    pinned: Vec<(Claim, u16)>,
    /// State dirs offered before: what is offered later for that plane goes there.
    state_dirs: Vec<(usize, PathBuf)>,
    /// The planes that were told to take theirs: to the others something within it was offered.
    leaving: Vec<usize>,
    /// Configs offered before: what is to be changed in the config of that plane is changed there.
    configs: Vec<(usize, PathBuf)>,
    /// Workspaces offered before in place of what the manifest says.
    workspaces: Vec<(usize, PathBuf)>,
}

/// What one plane was offered.
#[derive(Default)]
pub(super) struct Offered {
    /// Its base port.
    pub(super) base: Option<u16>,
    /// Its state dir.
    pub(super) state_dir: Option<PathBuf>,
    /// Its config.
    pub(super) config: Option<PathBuf>,
    /// Its workspace.
    pub(super) workspace: Option<PathBuf>,
}

impl<'a> Suggest<'a> {
    pub(super) fn new(around: &'a Surroundings) -> Self {
        Self {
            around,
            left: OFFERS,
            ports: None,
            paths: None,
            told: Vec::new(),
            offered: Vec::new(),
            moved: Vec::new(),
            advised: Vec::new(),
            pinned: Vec::new(),
            state_dirs: Vec::new(),
            leaving: Vec::new(),
            configs: Vec::new(),
            workspaces: Vec::new(),
        }
    }

    /// A base port whose family is 120 from every other and holds no port that is pinned, ephemeral or listened on; the
    /// next above `near`, else the lowest. One plane is offered one.
    pub(super) fn base(&mut self, claims: &Claims, by: usize, near: u16) -> Option<u16> {
        if let Some(base) = offer(&self.moved, by) {
            return Some(base);
        }
        let base = match offer(&self.advised, by) {
            Some(base) => base,
            None => self.fresh_base(claims, by, near)?,
        };
        self.moved.push((by, base));
        Some(base)
    }

    /// The same for a warning, which may stand: who does not heed it stays where it is.
    pub(super) fn advised_base(&mut self, claims: &Claims, by: usize, near: u16) -> Option<u16> {
        if let Some(base) = offer(&self.moved, by).or_else(|| offer(&self.advised, by)) {
            return Some(base);
        }
        let base = self.fresh_base(claims, by, near)?;
        self.advised.push((by, base));
        Some(base)
    }

    fn fresh_base(&mut self, claims: &Claims, by: usize, near: u16) -> Option<u16> {
        self.left = self.left.checked_sub(1)?;
        self.ports.get_or_insert_with(|| Ports::new(claims, self.around)).base(by, near)
    }

    /// A port for what a pin is for: a browser's in the plane's own family, as it will be, any other in no family.
    pub(super) fn pin(&mut self, claims: &Claims, claim: &Claim) -> Option<u16> {
        let Surface::Pin(pin, port) = claim.surface else { return None };
        if let Some((_, offered)) = self.pinned.iter().find(|(of, _)| of == claim) {
            return Some(*offered);
        }
        self.left = self.left.checked_sub(1)?;
        let moved = offer(&self.moved, claim.by);
        let ports = self.ports.get_or_insert_with(|| Ports::new(claims, self.around));
        let offered = match (pin, moved.or(claims.claimant(claim).base)) {
            (Pin::Browser | Pin::Attaches, Some(base)) => ports.cdp(claim.by, base).or_else(|| ports.single(port))?,
            (Pin::Browser | Pin::Attaches, None) | (Pin::Listens | Pin::Relay, _) => ports.single(port)?,
        };
        self.pinned.push((claim.clone(), offered));
        Some(offered)
    }

    /// What was offered to one plane.
    pub(super) fn offered(&self, by: usize) -> Offered {
        let of =
            |offers: &[(usize, PathBuf)]| offers.iter().find(|(owner, _)| *owner == by).map(|(_, path)| path.clone());
        Offered {
            base: offer(&self.moved, by),
            state_dir: of(&self.state_dirs).filter(|_| self.leaving.contains(&by)),
            config: of(&self.configs),
            workspace: of(&self.workspaces),
        }
    }

    /// What is to be said under a plane's table so that it reads `file`: nothing, where that is not the config it was offered.
    pub(super) fn moving(&self, claims: &Claims, by: usize, file: &Path) -> Option<String> {
        let is_new = |offered: &PathBuf| offered == file && *offered != claims.claimants[by].config;
        self.offered(by).config.filter(is_new).map(|config| format!("`config = {}`", quoted(&config)))
    }

    /// The file in which to change what `claim` says: not the one that the plane leaves, nor one that others include too.
    pub(super) fn file(&self, claims: &Claims, claim: &Claim) -> PathBuf {
        let claimant = claims.claimant(claim);
        let config = || self.offered(claim.by).config.unwrap_or_else(|| claimant.config.clone());
        match claim.place.as_ref().filter(|_| claim.source == Source::Config).map(|place| &place.file) {
            Some(file) if *file != claimant.config && !is_included_elsewhere(claims, file, claim.by) => file.clone(),
            Some(_) | None => config(),
        }
    }

    /// A path for what `claim` is for, that meets no other plane's.
    pub(super) fn path(&mut self, claims: &Claims, claim: &Claim) -> Option<PathBuf> {
        if let Some((_, offered)) = self.told.iter().find(|(told, _)| told == claim) {
            return offered.clone();
        }
        self.left = self.left.checked_sub(1)?;
        let offered = self.elsewhere(claims, claim);
        self.told.push((claim.clone(), offered.clone()));
        offered
    }

    /// The path that was offered for what a key of a plane's config says.
    pub(super) fn told(&self, by: usize, key: &str) -> Option<&Path> {
        let said = self.told.iter().find(|(claim, _)| claim.by == by && claim.key == key);
        said.and_then(|(_, offered)| offered.as_deref())
    }

    /// Whether a plane was told to leave its state dir or its config, so that hints made before may name what it leaves.
    pub(super) fn has_moved_files(&self) -> bool {
        !self.leaving.is_empty() || !self.configs.is_empty()
    }

    fn elsewhere(&mut self, claims: &Claims, claim: &Claim) -> Option<PathBuf> {
        let (role, _) = claim.path()?;
        let claimant = claims.claimant(claim);
        if role == PathRole::StateDir {
            let offered = self.state_dir(claims, claim.by)?;
            self.leaving.push(claim.by);
            return Some(offered);
        }
        let state_dir = if self.is_free(claims, &claimant.state_dir, claim.by) {
            claimant.state_dir.clone()
        } else {
            self.state_dir(claims, claim.by)?
        };
        let below = match role {
            PathRole::Config => "openclaw.json",
            PathRole::Workspace => return self.workspace(claims, claim, &state_dir),
            PathRole::OauthDir => "credentials",
            PathRole::LogFile => match claim.key.as_ref() {
                "OPENCLAW_CACHE_TRACE_FILE" => "logs/cache-trace.jsonl",
                "OPENCLAW_RAW_STREAM_PATH" => "logs/raw-stream.jsonl",
                "OPENCLAW_ANTHROPIC_PAYLOAD_LOG_FILE" => "logs/anthropic-payload.jsonl",
                _ => "logs/gateway.log",
            },
            PathRole::Sessions => "sessions",
            PathRole::BrowserData => "browser-data",
            PathRole::ChannelLogin => "channel-login",
            PathRole::Sandboxes => "sandboxes",
            PathRole::Worktrees => "worktrees",
            PathRole::PluginData => "plugin-data",
            PathRole::Home => "home",
            PathRole::StateDir
            | PathRole::Include
            | PathRole::AgentDir
            | PathRole::StateLink
            | PathRole::StatePart
            | PathRole::WorkspaceLink
            | PathRole::Cwd
            | PathRole::AgentCwd => return None,
        };
        let offered = state_dir.join(below);
        // Where it is already, a hard link say makes it another's: that is no way out.
        if claim.path().is_some_and(|(_, path)| Key::by_name(path, self.around) == Key::by_name(&offered, self.around))
        {
            return None;
        }
        let offered = self.take(claims, offered, claim.by)?;
        if role == PathRole::Config && !self.configs.iter().any(|(owner, _)| *owner == claim.by) {
            self.configs.push((claim.by, offered.clone()));
        }
        Some(offered)
    }

    /// Where the manifest has the workspace, unless that is what must move; the further agents' beside it.
    fn workspace(&mut self, claims: &Claims, claim: &Claim, state_dir: &Path) -> Option<PathBuf> {
        let agent = claim.key.strip_prefix("agents.entries.").and_then(|rest| rest.strip_suffix(".workspace"));
        let below = agent.map_or_else(|| "workspace".to_owned(), |agent| format!("workspace-{agent}"));
        let path = claim.path()?.1;
        let written = claims.claimant(claim).workspace.clone().filter(|_| agent.is_none());
        if let Some(written) = written.filter(|written| written != path && self.is_free(claims, written, claim.by)) {
            return self.take(claims, written, claim.by);
        }
        let is_manifests = agent.is_none() && claims.claimant(claim).workspace.is_some();
        let folder = Some(state_dir.join(below)).filter(|folder| folder != path);
        let offered = folder.and_then(|folder| self.take(claims, folder, claim.by))?;
        if is_manifests && !self.workspaces.iter().any(|(owner, _)| *owner == claim.by) {
            self.workspaces.push((claim.by, offered.clone()));
        }
        Some(offered)
    }

    fn state_dir(&mut self, claims: &Claims, by: usize) -> Option<PathBuf> {
        if let Some((_, offered)) = self.state_dirs.iter().find(|(owner, _)| *owner == by) {
            return Some(offered.clone());
        }
        let claimant = &claims.claimants[by];
        let name = &claimant.name;
        let homes =
            [claimant.home.join(format!(".openclaw-{name}")), claimant.home.join("openclaw").join(name.as_str())];
        let beside = claimant.state_dir.parent().map(|parent| parent.join(name.as_str()));
        let offered = homes.into_iter().chain(beside).find_map(|path| self.take(claims, path, by))?;
        self.state_dirs.push((by, offered.clone()));
        Some(offered)
    }

    fn take(&mut self, claims: &Claims, path: PathBuf, by: usize) -> Option<PathBuf> {
        if !self.is_free(claims, &path, by) {
            return None;
        }
        let keys = self.keys(&path);
        self.offered.extend(keys.into_iter().map(|key| (key, Some(by))));
        Some(path)
    }

    /// Whether `path` neither is, nor holds, nor lies in what is another's, by name or by its place in a file system.
    fn is_free(&mut self, claims: &Claims, path: &Path, by: usize) -> bool {
        let around = self.around;
        let keys = self.keys(path);
        let taken = self.paths.get_or_insert_with(|| taken_paths(claims, around));
        let foreign = |owner: &Option<usize>| *owner != Some(by);
        let at = |key: &Key| taken.partition_point(|(other, _)| other < key);
        keys.iter().all(|key| {
            let within = taken[at(key)..].iter().take_while(|(other, _)| other.is_within(key));
            let mut holding = key.ancestors().flat_map(|outer| {
                let start = at(&outer);
                taken[start..].iter().take_while(move |(other, _)| *other == outer)
            });
            !within.into_iter().any(|(_, owner)| foreign(owner))
                && !holding.any(|(_, owner)| foreign(owner))
                && !self
                    .offered
                    .iter()
                    .any(|(other, owner)| foreign(owner) && (other.is_within(key) || key.is_within(other)))
        })
    }

    /// The keys of a path that was perhaps not looked at: by its nearest folder that was.
    fn keys(&self, path: &Path) -> Vec<Key> {
        let known = path.ancestors().find_map(|folder| Some((folder, self.around.identity(folder)?)));
        match known {
            Some((folder, identity)) => {
                let rest = path.strip_prefix(folder).unwrap_or(Path::new(""));
                let mut below = identity.clone();
                below.canonical = joined(&identity.canonical, rest);
                if let Some(within) = &mut below.within {
                    within.path = joined(&within.path, rest);
                }
                std::iter::once(Key::of(&below)).chain(Key::by_place(&below)).collect()
            }
            None => vec![Key::spelled(path)],
        }
    }
}

fn offer(offers: &[(usize, u16)], by: usize) -> Option<u16> {
    offers.iter().find(|(owner, _)| *owner == by).map(|(_, base)| *base)
}

/// Without the slash that joining nothing would leave.
fn joined(folder: &Path, rest: &Path) -> PathBuf {
    if rest.as_os_str().is_empty() { folder.to_owned() } else { folder.join(rest) }
}

/// Whether the configuration of another plane reads that file too.
fn is_included_elsewhere(claims: &Claims, file: &Path, by: usize) -> bool {
    let includes = |claim: &Claim| matches!(claim.path(), Some((PathRole::Include, path)) if path == file);
    claims.claims.iter().any(|claim| claim.by != by && includes(claim))
}

fn taken_paths(claims: &Claims, around: &Surroundings) -> Vec<(Key, Option<usize>)> {
    let planes = claims.claims.iter().filter_map(|claim| {
        let (role, path) = claim.path()?;
        (role.relation() == Relation::Apart).then_some((path, Some(claim.by)))
    });
    let own = claims.own.iter().map(|own| (own.path.as_path(), None));
    let by_place = |path: &Path| around.identity(path).and_then(Key::by_place);
    let keyed = planes.chain(own).flat_map(|(path, owner)| {
        let keys = std::iter::once(Key::by_name(path, around)).chain(by_place(path));
        keys.map(move |key| (key, owner))
    });
    let mut taken: Vec<_> = keyed.collect();
    taken.sort();
    taken
}
