//! Claims from resolved planes and from what their own configurations declare. Compares nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::claim::{
    Account, Claim, Claimant, Claims, Homely, OwnPath, OwnRole, PathRole, Pin, Repeat, Repeater, Source, Surface,
};
use crate::openclaw::config::declared::{Browser, Declared, Driver, Endpoint, FileRole, Side, SurfaceKind};
use crate::openclaw::config::origin::{Origin, Said, Variable, VariableSource};
use crate::plane::{Contract, Launch, Place, Places, Plane, PlaneName, Planes, Supervisor};

/// What each plane's own configuration declares; a plane that is not in it claims by its manifest alone.
pub type Declarations = BTreeMap<PlaneName, Declared>;

/// Everything that `planes` claim. Credentials are compared by their fingerprint under `key`, which should be random and
/// must not leave memory.
pub fn claims(planes: &Planes, declared: &Declarations, key: &[u8; 32]) -> Claims {
    let mut sorted: Vec<&(Plane, Places)> = planes.planes.iter().collect();
    sorted.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    let mut all = Claims { own: own_paths(&planes.supervisor), ..Claims::default() };
    for (by, (plane, places)) in sorted.into_iter().enumerate() {
        let declared = declared.get(&plane.name);
        all.claimants.push(claimant(plane, places, declared));
        let mut gatherer = Gatherer { by, plane, places, claims: &mut all.claims };
        gatherer.manifest(declared.is_some());
        if let Some(declared) = declared {
            gatherer.declared(declared, key);
        }
    }
    all
}

/// Where gateward keeps its own things.
fn own_paths(supervisor: &Supervisor) -> Vec<OwnPath> {
    let own = |role, path: &Path| OwnPath { role, path: path.to_owned() };
    vec![
        own(OwnRole::StateDir, &supervisor.state_dir),
        own(OwnRole::RunDir, &supervisor.run_dir),
        own(OwnRole::PlaneDirs, &supervisor.state_dir.join("planes")),
        own(OwnRole::Manifest, &supervisor.manifest),
    ]
}

fn claimant(plane: &Plane, places: &Places, declared: Option<&Declared>) -> Claimant {
    let openclaw = plane.contract == Contract::Openclaw;
    let is_defaulted = |key: &&str| openclaw && !places.keys.contains_key(*key);
    Claimant {
        workspace: plane.workspace.clone(),
        base: plane.port.filter(|_| openclaw),
        repeats: declared.into_iter().flat_map(|declared| &declared.gateway.ports).filter_map(repeat).collect(),
        defaulted: ["state_dir", "config"].into_iter().filter(is_defaulted).collect(),
        homely: declared.into_iter().flat_map(|declared| &declared.homely).filter_map(homely).collect(),
        name: plane.name.clone(),
        role: plane.role,
        production: plane.production_channels,
        header: places.of("").cloned(),
        config: plane.config.clone(),
        state_dir: plane.state_dir.clone(),
        home: plane.home.clone(),
    }
}

fn homely(said: &Said<String>) -> Option<Homely> {
    let Origin::Written { at, .. } = &said.origin else { return None };
    Some(Homely { key: said.key.clone(), file: at.file.clone(), path: PathBuf::from(&said.value) })
}

/// Where a base port is said once more. Of a process's own environment nothing is said: the manifest forbids it there.
pub(super) fn repeat(said: &Said<u16>) -> Option<Repeat> {
    let key = said.key.clone();
    match &said.origin {
        Origin::Written { .. } => Some(Repeat { key, file: None, by: Repeater::Key }),
        Origin::Variable(_) => Some(Repeat { key, file: Some(said.place()?.file.clone()), by: Repeater::Variable }),
        Origin::Implied { .. } | Origin::Default => None,
    }
}

struct Gatherer<'a> {
    by: usize,
    plane: &'a Plane,
    places: &'a Places,
    claims: &'a mut Vec<Claim>,
}

impl Gatherer<'_> {
    /// What the manifest says. A plane without a config of its own to ask has its default workspace.
    fn manifest(&mut self, config_speaks: bool) {
        let plane = self.plane;
        self.written("home", Surface::Path(PathRole::Home, plane.home.clone()));
        if plane.cwd != plane.state_dir {
            self.written("cwd", Surface::Path(PathRole::Cwd, plane.cwd.clone()));
        }
        match plane.contract {
            Contract::Plain => {
                if let Some(port) = plane.port {
                    self.written("port", Surface::Pin(Pin::Listens, port));
                }
                if self.places.keys.contains_key("config") {
                    self.written("config", Surface::Path(PathRole::Config, plane.config.clone()));
                }
                self.written("state_dir", Surface::Path(PathRole::StateDir, plane.state_dir.clone()));
            }
            Contract::Openclaw => {
                self.written("config", Surface::Path(PathRole::Config, plane.config.clone()));
                self.written("state_dir", Surface::Path(PathRole::StateDir, plane.state_dir.clone()));
                self.written("profile", Surface::Profile(plane.profile.clone()));
                if let Some(port) = plane.port {
                    self.written("port", Surface::Family(port));
                }
                if let Some(installation) = installation(&plane.launch) {
                    let key = if matches!(plane.launch, Launch::Command(_)) { "command" } else { "runtime" };
                    self.written(key, Surface::Runtime(installation));
                }
            }
        }
        match &plane.workspace {
            Some(workspace) => self.written("workspace", Surface::Path(PathRole::Workspace, workspace.clone())),
            None if config_speaks || plane.contract == Contract::Plain => {}
            None => {
                let path = plane.state_dir.join("workspace");
                self.written("workspace", Surface::Path(PathRole::Workspace, path));
            }
        }
    }

    /// A claim by a key of the manifest, written or defaulted.
    fn written(&mut self, key: &'static str, surface: Surface) {
        let source = if self.places.keys.contains_key(key) { Source::Manifest } else { Source::Defaulted };
        let place = self.places.of(key).cloned();
        self.claims.push(Claim { by: self.by, surface, key: Cow::Borrowed(key), source, place });
    }

    /// What the plane's own configuration says.
    fn declared(&mut self, declared: &Declared, key: &[u8; 32]) {
        for file in declared.files.iter().filter(|file| file.role == FileRole::Include) {
            let surface = Surface::Path(PathRole::Include, file.path.clone());
            let place = Some(Place { file: file.path.clone(), line: 1, column: 1, width: 1 });
            let key = Cow::Borrowed("$include");
            self.claims.push(Claim { by: self.by, surface, key, source: Source::Config, place });
        }
        for agent in &declared.agents {
            self.workspace(&agent.workspace);
            self.said(&agent.agent_dir, |path| Surface::Path(PathRole::AgentDir, path));
            if let Some(cwd) = &agent.cwd {
                self.said(cwd, |path| Surface::Path(PathRole::AgentCwd, path));
            }
        }
        for surface in &declared.surfaces {
            let role = role_of(surface.kind);
            self.said(&surface.path, |path| Surface::Path(role, path));
        }
        for container in &declared.containers {
            self.said(container, Surface::Container);
        }
        self.browser(&declared.browser);
        for listener in declared.listeners.iter().filter(|listener| listener.side == Side::Listens) {
            self.said(&listener.port, |port| Surface::Pin(Pin::Listens, port));
        }
        for account in &declared.channels {
            for credential in &account.credentials {
                let Some(fingerprint) = credential.value.fingerprint(key) else { continue };
                let (channel, name) = (account.channel.clone(), account.account.clone());
                let who = Account { channel, account: name, standing: account.standing };
                self.said(credential, |_| Surface::Credential(who, fingerprint));
            }
        }
    }

    /// A workspace, unless it is the manifest's own, which gateward itself hands down.
    fn workspace(&mut self, workspace: &Said<PathBuf>) {
        let is_ours = self.plane.workspace.as_ref() == Some(&workspace.value);
        if !is_ours || matches!(workspace.origin, Origin::Written { .. }) {
            self.said(workspace, |path| Surface::Path(PathRole::Workspace, path));
        }
    }

    fn browser(&mut self, browser: &Browser) {
        if !browser.enabled {
            return;
        }
        let attach = |end: Endpoint| {
            if end.is_loopback() { Surface::Pin(Pin::Attaches, end.port) } else { Surface::Browser(end) }
        };
        if let Some(url) = &browser.cdp_url {
            self.said(url, attach);
        }
        for profile in &browser.profiles {
            if let Some(port) = &profile.cdp_port {
                let pin = if profile.driver == Driver::Extension { Pin::Relay } else { Pin::Browser };
                self.said(port, |port| Surface::Pin(pin, port));
            }
            if let Some(url) = &profile.cdp_url {
                self.said(url, attach);
            }
        }
    }

    /// A claim by a key of the plane's own configuration.
    fn said<T: Clone>(&mut self, said: &Said<T>, surface: impl FnOnce(T) -> Surface) {
        let source = match &said.origin {
            Origin::Written { .. } => Source::Config,
            Origin::Variable(_) => Source::Variable,
            Origin::Implied { .. } | Origin::Default => Source::Openclaw,
        };
        // What a variable says is changed where that is set, and not where it is named.
        let through = match &said.origin {
            Origin::Written { through, .. } => through.first().map(|variable| variable.name.clone()),
            Origin::Variable(_) | Origin::Implied { .. } | Origin::Default => None,
        };
        let place = said.place().cloned().or_else(|| self.place_of_variable(&said.origin));
        let surface = surface(said.value.clone());
        let (key, source) = match (through, &surface) {
            (Some(variable), Surface::Credential(..)) => (variable, Source::Variable),
            (Some(_) | None, _) => (said.key.clone(), source),
        };
        self.claims.push(Claim { by: self.by, surface, key: Cow::Owned(key), source, place });
    }

    /// Where the manifest hands down the variable that says a value, else the plane's header.
    fn place_of_variable(&self, origin: &Origin) -> Option<Place> {
        match origin {
            Origin::Variable(Variable { name, source: VariableSource::Process }) => {
                let written = self.places.keys.get(&format!("env.{name}"));
                written.or_else(|| self.places.of("env")).cloned()
            }
            Origin::Variable(_) | Origin::Written { .. } | Origin::Implied { .. } | Origin::Default => {
                self.places.of("").cloned()
            }
        }
    }
}

fn role_of(kind: SurfaceKind) -> PathRole {
    match kind {
        SurfaceKind::LogFile => PathRole::LogFile,
        SurfaceKind::OauthDir => PathRole::OauthDir,
        SurfaceKind::AgentDir => PathRole::AgentDir,
        SurfaceKind::Worktrees => PathRole::Worktrees,
        SurfaceKind::Sessions => PathRole::Sessions,
        SurfaceKind::BrowserUserData => PathRole::BrowserData,
        SurfaceKind::ChannelAuth => PathRole::ChannelLogin,
        SurfaceKind::Sandboxes => PathRole::Sandboxes,
        SurfaceKind::PluginData => PathRole::PluginData,
    }
}

/// The installation that PATH finds.
pub(super) const ON_PATH: &str = "the openclaw on PATH";

/// What an upgrade of one plane's program would change under another; the stand-in has no installation.
fn installation(launch: &Launch) -> Option<String> {
    match launch {
        Launch::OnPath => Some(ON_PATH.to_owned()),
        // Two entries of one version are one folder.
        Launch::Runtime { version, .. } => Some(format!("OpenClaw {version}")),
        Launch::Practice => None,
        // Behind an interpreter it is the script that is upgraded.
        Launch::Command(words) => {
            let is_openclaw = |word: &&String| {
                let name = Path::new(word.as_str()).file_name().and_then(|name| name.to_str()).unwrap_or_default();
                matches!(name, "openclaw" | "openclaw.mjs" | "openclaw.js")
            };
            words.iter().find(is_openclaw).or(words.first()).cloned()
        }
    }
}
