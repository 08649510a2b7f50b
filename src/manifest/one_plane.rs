//! One plane: its keys over the defaults, its paths, its environment, and what contradicts itself in it.
//!
//! Sees no other plane; what shows only between planes is `resolve`'s.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::manifest::error::{Code, Mistake};
use crate::manifest::given::{Given, Rank};
use crate::manifest::keys::{At, Slot};
use crate::manifest::paths::Base;
use crate::manifest::resolve::{folder, no_home};
use crate::manifest::suggest;
use crate::manifest::tables::PlaneTable;
use crate::manifest::values::{Command, FilePath, RuntimeName};
use crate::manifest::written::{Grasp, Written};
use crate::openclaw::exits;
use crate::plane::{Account, Contract, Launch, Place, Places, Plane, PlaneName};
use crate::rundir;

/// From SIGTERM to SIGKILL when nothing is written: above OpenClaw's longest drain.
const STOP_GRACE: Duration = Duration::from_secs(330);

const _: () = assert!(
    STOP_GRACE.as_secs() > exits::SHUTDOWN_DEADLINE.as_secs() + exits::SHUTDOWN_WATCHDOG.as_secs(),
    "a grace that nobody has written lets OpenClaw come to its own end"
);

/// One plane on its way from written to resolved.
pub(crate) struct Scene<'a> {
    pub(crate) written: &'a Written,
    pub(crate) given: &'a Given,
    pub(crate) name: &'a At<PlaneName>,
    /// Its own keys.
    pub(crate) own: &'a PlaneTable,
    /// Its own keys over the defaults.
    pub(crate) table: PlaneTable,
    pub(crate) mistakes: &'a mut Vec<Mistake>,
}

/// The home of the account that a plane runs as; `None` when it is not known.
pub(crate) fn user_home<'g>(table: &PlaneTable, given: &'g Given) -> Option<&'g Path> {
    match table.user.get() {
        Some(user) => given.accounts.get(&user.0).map(|account| account.home.as_path()),
        None if table.user.is_written() => None,
        None => given.home.as_deref(),
    }
}

impl Scene<'_> {
    /// The plane; `None` when a mistake about it was told.
    pub(crate) fn resolve(&mut self, supervisor_state: &Path) -> Option<Plane> {
        let before = self.mistakes.len();
        let contract = self.table.contract.get().map_or(Contract::Openclaw, |word| word.0);
        let account = self.account();
        let launch = self.launch(contract);
        let dirs = self.dirs(contract, supervisor_state);
        let environment = self.environment(contract, account.as_ref());
        self.arguments(contract);
        self.idle_keys(contract);
        let restart = self.restart();
        let health = self.health(contract);
        let limits = self.limits();
        self.port_is_written(contract);
        let dirs = dirs.filter(|_| self.mistakes.len() == before)?;
        let table = &self.table;
        let strings = |list: &[At<String>]| list.iter().map(|at| at.value.clone()).collect::<Vec<_>>();
        Some(Plane {
            name: self.name.value.clone(),
            role: table.role.get().map(|word| word.0).unwrap_or_default(),
            isolates: table.isolates.get().map(|line| line.0.clone()),
            contract,
            launch,
            args: table.args.get().map(|args| strings(&args.0)).unwrap_or_default(),
            profile: self.profile(),
            config: dirs.config,
            state_dir: dirs.state_dir,
            workspace: dirs.workspace,
            port: table.port.get().map(|port| port.0),
            browser_profiles: table.browser_profiles.get().map(|profiles| strings(&profiles.0)),
            production_channels: table.production_channels.get().is_some_and(|flag| flag.0),
            home: dirs.home,
            account,
            cwd: dirs.cwd,
            umask: table.umask.get().map(|mask| mask.0),
            environment,
            passed: self.passed(),
            autostart: table.autostart.get().is_none_or(|flag| flag.0),
            after: table
                .after
                .get()
                .map(|names| names.0.iter().map(|at| at.value.clone()).collect())
                .unwrap_or_default(),
            stop_grace: table.stop_grace.get().map_or(STOP_GRACE, |time| time.0),
            restart,
            health,
            log: self.log(),
            limits,
        })
    }

    /// Where its keys are written: in its own table, else in `[defaults]`.
    pub(crate) fn places(&self) -> Places {
        let within = |prefix: &str| -> BTreeMap<String, Place> {
            let all = self.written.places.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
            all.map(|(key, place)| (key[prefix.len()..].to_owned(), place.clone())).collect()
        };
        let (mut keys, own) = (within("defaults."), within(&format!("planes.{}.", self.name.value)));
        let inherited = keys.keys().filter(|key| !own.contains_key(*key)).cloned().collect();
        keys.extend(own);
        keys.insert(String::new(), self.name.place.clone());
        // What `env` or `pass_env` says of a variable goes before its line in an `env_file`.
        let passed = self.passed();
        for variable in self.variables_of_file().into_iter().filter(|variable| !passed.contains(&variable.value)) {
            keys.entry(format!("env.{}", variable.value)).or_insert(variable.place);
        }
        Places { keys, inherited }
    }

    pub(crate) fn tell(&mut self, key: &str, mistake: Mistake) {
        self.mistakes.push(mistake.about(format!("planes.{}.{key}", self.name.value)));
    }

    fn meant(&self, key: &str) -> bool {
        self.written.meant(&format!("planes.{}.{key}", self.name.value))
    }

    fn profile(&self) -> String {
        let profile = self.table.profile.get().map_or(self.name.value.as_str(), |profile| profile.0.as_str());
        // OpenClaw takes the unnamed profile's name in any case.
        if profile.eq_ignore_ascii_case("default") { "default".to_owned() } else { profile.to_owned() }
    }

    fn account(&mut self) -> Option<Account> {
        let user = self.table.user.at()?.clone();
        let login = &user.value.0;
        let (code, message, hint) = match (self.given.rank, self.given.accounts.get(login)) {
            (Rank::Root, Some(account)) => return Some(account.clone()),
            (Rank::User, _) => (
                Code::UserWithoutRoot,
                format!("`user` asks for `{login}`, and gateward does not run as root"),
                "run gateward as root, or take `user` out and start it as that user",
            ),
            (Rank::Root, None) => (
                Code::UnknownAccount,
                format!("`user` names `{login}`, and this host has no such account"),
                "create it with `useradd`, or write a login name that exists",
            ),
        };
        self.tell("user", Mistake::new(code, message, hint).at(user.place, ""));
        None
    }

    fn launch(&mut self, contract: Contract) -> Launch {
        let defaults = &self.written.defaults;
        for table in [self.own, defaults] {
            if let (Some(command), Some(runtime)) = (table.command.at(), table.runtime.at()) {
                let mistake = Mistake::new(
                    Code::RuntimeAndCommand,
                    "`runtime` and `command` both say what is to be run",
                    "keep one of them",
                );
                let mistake = mistake.at(command.place.clone(), "the program by its path");
                self.tell("command", mistake.also(Some(runtime.place.clone()), "the program by its release"));
            }
        }
        let bad = |table: &PlaneTable| table.command.is_written() || table.runtime.is_written();
        let said = [self.own, defaults].into_iter().find(|table| bad(table));
        let launch = match said.map(|table| (table.command.at().cloned(), table.runtime.at().cloned())) {
            Some((Some(command), _)) => self.command(&command),
            Some((None, Some(runtime))) => self.runtime(&runtime),
            Some((None, None)) | None => Launch::OnPath,
        };
        let unsaid = !bad(self.own) && !defaults.command.is_written() && !self.meant("command");
        if contract == Contract::Plain && unsaid && self.written.grasp < Grasp::Partial {
            let message = format!("`{}` has contract `plain` and does not say what is to be run", self.name.value);
            let hint = "write `command = [\"/usr/bin/program\", \"argument\"]`";
            let place = self.table.contract.at().map_or(&self.name.place, |at| &at.place).clone();
            self.tell("command", Mistake::new(Code::MissingCommand, message, hint).at(place, "`command` is required"));
        }
        launch
    }

    fn command(&mut self, command: &At<Command>) -> Launch {
        let mut words: Vec<String> = command.value.0.iter().map(|word| word.value.clone()).collect();
        if let Some(program) = words.first_mut() {
            let is_path = program.contains('/') || program == "~";
            if is_path {
                match self.base().absolute(program) {
                    Ok(path) => *program = path.to_string_lossy().into_owned(),
                    Err(_) => self.homeless("command", &command.place),
                }
            }
        }
        Launch::Command(words)
    }

    fn runtime(&mut self, runtime: &At<RuntimeName>) -> Launch {
        let name = runtime.value.0.as_str();
        match name {
            "path" => return Launch::OnPath,
            "practice" => return Launch::Practice,
            _ => {}
        }
        if let Some((_, table)) = self.written.runtimes.iter().find(|(known, _)| known.value == name) {
            let version = table.version.get().map(|version| version.0.clone()).unwrap_or_default();
            return Launch::Runtime { name: name.to_owned(), version };
        }
        if let Some(mistake) = unknown_runtime(self.written, runtime) {
            self.tell("runtime", mistake);
        }
        Launch::OnPath
    }

    fn base(&self) -> Base<'_> {
        Base { folder: folder(self.written), home: user_home(&self.table, self.given) }
    }

    fn homeless(&mut self, key: &str, place: &Place) {
        // An account that does not exist was told of already, and its home with it.
        let known = match self.table.user.get() {
            Some(user) => self.given.accounts.contains_key(&user.0),
            None => !self.table.user.is_written(),
        };
        if known {
            self.mistakes.push(no_home(&format!("planes.{}.{key}", self.name.value), key, Some(place)));
        }
    }

    pub(crate) fn path(&mut self, key: &str, slot: &Slot<FilePath>) -> Option<PathBuf> {
        let at = slot.at()?;
        let path = self.base().absolute(&at.value.0);
        path.map_err(|_| self.homeless(key, &at.place)).ok()
    }

    fn dirs(&mut self, contract: Contract, supervisor_state: &Path) -> Option<Dirs> {
        let table = self.table.clone();
        let state_dir = self.path("state_dir", &table.state_dir);
        let config = self.path("config", &table.config);
        let workspace = self.path("workspace", &table.workspace);
        let cwd = self.path("cwd", &table.cwd);
        let home = match self.path("home", &table.home) {
            Some(home) => home,
            None => match user_home(&table, self.given) {
                Some(home) => home.to_owned(),
                None => {
                    let place = self.name.place.clone();
                    self.homeless("home", &place);
                    return None;
                }
            },
        };
        let own = match contract {
            Contract::Openclaw => match self.profile().as_str() {
                "default" => home.join(".openclaw"),
                profile => home.join(format!(".openclaw-{profile}")),
            },
            Contract::Plain => rundir::plain_state(supervisor_state, &self.name.value),
        };
        let state_dir = state_dir.unwrap_or_else(|| own.clone());
        let config = config.unwrap_or_else(|| match contract {
            Contract::Openclaw => own.join("openclaw.json"),
            Contract::Plain => state_dir.join("config"),
        });
        let cwd = cwd.unwrap_or_else(|| state_dir.clone());
        Some(Dirs { home, state_dir, config, workspace, cwd })
    }

    fn port_is_written(&mut self, contract: Contract) {
        let missing = contract == Contract::Openclaw && !self.table.port.is_written() && !self.meant("port");
        if missing && self.written.grasp < Grasp::Partial {
            let message = format!("`{}` has no `port`", self.name.value);
            let hint = match free_base(self.written, &self.name.value) {
                Some(port) => format!("write `port = {port}`: a base whose family B … B+110 no other plane here has"),
                None => "write a `port` whose family B … B+110 no other plane has".to_owned(),
            };
            let mistake = Mistake::new(Code::MissingPort, message, hint);
            self.tell("port", mistake.at(self.name.place.clone(), "contract `openclaw` needs a base port"));
        }
    }
}

/// That a runtime is none, where the manifest is known well enough to say so.
pub(super) fn unknown_runtime(written: &Written, runtime: &At<RuntimeName>) -> Option<Mistake> {
    let name = runtime.value.0.as_str();
    let known = || written.runtimes.iter().map(|(known, _)| known.value.as_str()).chain(["path", "practice"]);
    if written.grasp >= Grasp::Partial || known().any(|known| known == name) {
        return None;
    }
    let hint = match suggest::nearest(name, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("add `[runtimes.{name}]` with its `version`, or write `path` for the `openclaw` on PATH"),
    };
    let message = format!("`runtime` names `{}`, and there is no `[runtimes]` entry of that name", name.escape_debug());
    Some(Mistake::new(Code::UnknownRuntime, message, hint).at(runtime.place.clone(), "no such runtime"))
}

/// The folders of one plane.
struct Dirs {
    home: PathBuf,
    state_dir: PathBuf,
    config: PathBuf,
    workspace: Option<PathBuf>,
    cwd: PathBuf,
}

/// A base port that is far enough from every one that is written, and below the usual ephemeral range: of several planes
/// without one each is offered another.
fn free_base(written: &Written, plane: &PlaneName) -> Option<u16> {
    let without = written.planes.iter().filter(|(_, table)| !table.port.is_written());
    let before = without.take_while(|(name, _)| name.value != *plane).count();
    let taken: Vec<u16> = written.planes.iter().filter_map(|(_, table)| table.port.get().map(|port| port.0)).collect();
    (18_789..32_600).step_by(120).filter(|base| taken.iter().all(|port| port.abs_diff(*base) >= 120)).nth(before)
}
