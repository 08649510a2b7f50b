//! What configurations declare, on files held in memory.

mod bounds;
mod files;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::declared::Declared;
use super::files::{Read, Refusal};
use super::{Subject, declared};

/// A plane's files, its environment and where it lives.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    texts: BTreeMap<PathBuf, String>,
    refusals: BTreeMap<PathBuf, Refusal>,
    /// Links: what is asked for, what is there.
    links: BTreeMap<PathBuf, PathBuf>,
    environ: BTreeMap<String, String>,
    profile: String,
}

impl World {
    /// A plane with this config, state dir `/s`, home `/h`.
    pub(super) fn new(config: &str) -> Self {
        let world = Self { profile: "default".to_owned(), ..Self::default() };
        world.with("/c/openclaw.json", config).set("HOME", "/h")
    }

    pub(super) fn with(mut self, path: &str, text: &str) -> Self {
        self.texts.insert(path.into(), text.to_owned());
        self
    }

    pub(super) fn set(mut self, name: &str, value: &str) -> Self {
        self.environ.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(super) fn refusing(mut self, path: &str, why: Refusal) -> Self {
        self.refusals.insert(path.into(), why);
        self
    }

    pub(super) fn linking(mut self, from: &str, to: &str) -> Self {
        self.links.insert(from.into(), to.into());
        self
    }

    pub(super) fn profile(mut self, profile: &str) -> Self {
        self.profile = profile.to_owned();
        self
    }

    pub(super) fn read(&self) -> Declared {
        let subject = Subject {
            config: Path::new("/c/openclaw.json"),
            state_dir: Path::new("/s"),
            cwd: Path::new("/s"),
            profile: &self.profile,
            environ: &self.environ,
        };
        declared(&subject, &mut |path, limit| self.answer(path, limit))
    }

    fn answer(&self, path: &Path, limit: u64) -> Read {
        let real = self.links.get(path).cloned().unwrap_or_else(|| path.to_path_buf());
        if let Some(why) = self.refusals.get(&real) {
            return Read::Refused { why: why.clone(), real: Some(real) };
        }
        match self.texts.get(&real) {
            Some(text) if text.len() as u64 > limit => Read::Refused { why: Refusal::TooLarge, real: Some(real) },
            Some(text) if text.contains('\u{fffd}') => {
                Read::Lossy { text: text.clone(), good: text.find('\u{fffd}').unwrap_or_default(), real }
            }
            Some(text) => Read::Text { text: text.clone(), real, links: 1 },
            None => Read::Missing,
        }
    }
}

/// The codes of all problems, in order.
pub(super) fn codes(declared: &Declared) -> Vec<&'static str> {
    declared.problems.iter().map(|problem| problem.code.as_str()).collect()
}

/// A config with `within` beside what every gateway needs.
pub(super) fn config(within: &str) -> World {
    World::new(&format!("{{ gateway: {{ mode: 'local' }},\n{within} }}"))
}
