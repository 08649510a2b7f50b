//! What a plane declares for its process: variables from three sources, arguments; and that none of them sets what its
//! own keys set.
//!
//! Never tells the value of a variable.

use std::collections::{BTreeMap, BTreeSet};

use crate::manifest::envfile;
use crate::manifest::error::{Code, Mistake};
use crate::manifest::identity::{self, Instead, Workspace};
use crate::manifest::keys::At;
use crate::manifest::one_plane::Scene;
use crate::plane::{Account, Contract, Place};

impl Scene<'_> {
    pub(crate) fn environment(&mut self, contract: Contract, account: Option<&Account>) -> BTreeMap<String, String> {
        let mut environment = BTreeMap::new();
        let table = self.table.clone();
        if let (Some(path), Some(at)) = (self.path("env_file", &table.env_file), table.env_file.at())
            && let Some(file) = self.given.env_files.get(&path)
        {
            let owners: Vec<u32> = [self.given.uid, 0].into_iter().chain(account.map(|account| account.uid)).collect();
            match envfile::read(&path, file, &owners, &at.place) {
                Ok(variables) => {
                    for (name, value) in variables {
                        self.declared(&name, "env_file", Some(&at.place), contract);
                        environment.insert(name.value, value);
                    }
                }
                Err(mistakes) => mistakes.into_iter().for_each(|mistake| self.tell("env_file", mistake)),
            }
        }
        for name in table.pass_env.get().map(|names| names.0.as_slice()).unwrap_or_default() {
            self.declared(name, "pass_env", None, contract);
            if let Some(value) = self.given.environ.get(&name.value) {
                environment.insert(name.value.clone(), value.clone());
            }
        }
        for (name, value) in table.env.get().map(|env| env.0.as_slice()).unwrap_or_default() {
            self.declared(name, "env", None, contract);
            environment.insert(name.value.clone(), value.clone());
        }
        environment
    }

    /// The variables of the plane's `env_file`, with the places of their lines.
    pub(crate) fn variables_of_file(&self) -> Vec<At<String>> {
        let Some(at) = self.table.env_file.at() else { return Vec::new() };
        let base = crate::manifest::paths::Base {
            folder: crate::manifest::resolve::folder(self.written),
            home: crate::manifest::one_plane::user_home(&self.table, self.given),
        };
        let path = base.absolute(&at.value.0).ok();
        let file = path.and_then(|path| Some((self.given.env_files.get(&path)?, path)));
        let read = file.and_then(|(file, path)| envfile::read(&path, file, &[file.uid], &at.place).ok());
        read.into_iter().flatten().map(|(name, _)| name).collect()
    }

    /// The names of `pass_env` that no literal overrules.
    pub(crate) fn passed(&self) -> BTreeSet<String> {
        let literal: BTreeSet<&str> = match self.table.env.get() {
            Some(env) => env.0.iter().map(|(name, _)| name.value.as_str()).collect(),
            None => BTreeSet::new(),
        };
        let names = self.table.pass_env.get().map(|names| names.0.as_slice()).unwrap_or_default();
        names.iter().map(|name| name.value.clone()).filter(|name| !literal.contains(name.as_str())).collect()
    }

    /// Tells it when a variable is one that the plane's own keys set.
    fn declared(&mut self, name: &At<String>, through: &str, file: Option<&Place>, contract: Contract) {
        let workspace = if self.table.workspace.is_written() { Workspace::Written } else { Workspace::Unsaid };
        let Some(instead) = identity::variable(&name.value, contract, workspace) else {
            return;
        };
        let mistake = self.twice(&name.value, through, instead).at(name.place.clone(), "a second time");
        self.tell(through, mistake.also(file.cloned(), "the file is named here"));
    }

    pub(crate) fn arguments(&mut self, contract: Contract) {
        if contract == Contract::Plain {
            return;
        }
        let args = self.table.args.get().map(|args| args.0.clone()).unwrap_or_default();
        let command = match self.own.command.get().or(self.written.defaults.command.get()) {
            Some(command) if !self.own.runtime.is_written() => command.0.iter().skip(1).cloned().collect(),
            Some(_) | None => Vec::new(),
        };
        for (through, words) in [("args", args), ("command", command)] {
            for (arg, option, instead) in identity::options(&words) {
                let mistake = self.twice(option, through, instead).at(arg.place.clone(), "not among arguments");
                self.tell(through, mistake);
            }
        }
    }

    /// A name that stands a second time where it may not; points at the key that sets it, when that is written.
    fn twice(&self, name: &str, through: &str, instead: Instead) -> Mistake {
        let message = match instead {
            Instead::Key(key) => format!("`{through}` sets `{name}`, which `{key}` of the plane sets"),
            Instead::Ours => format!("`{through}` sets `{name}`, which gateward sets"),
            Instead::Never(_) => format!("`{through}` passes `{name}`, which a supervised gateway must not be given"),
        };
        let mistake = Mistake::new(Code::IdentityTwice, message, instead.hint(name));
        match instead {
            Instead::Key(key) => {
                let place = self.written.places.get(&format!("planes.{}.{key}", self.name.value));
                mistake.also(place.cloned(), "set here")
            }
            Instead::Ours | Instead::Never(_) => mistake,
        }
    }
}
