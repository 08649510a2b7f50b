//! From the command line to a supervisor and its planes: by the manifest, else by what was last applied.
//!
//! Changes nothing and asks nobody. Bad news about the manifest never keeps an operator from a living plane: it is said on
//! stderr, and the last applied order serves.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::outcome::{Failure, Told};
use crate::plane::PlaneName;
use crate::rundir::{self, Applied, AppliedPlane, PlaneDir};

/// What every verb is given beside its own words.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// `-m`.
    pub manifest: Option<PathBuf>,
}

/// A supervisor's folders and the planes known to be its own.
#[derive(Clone, Debug)]
pub struct Target {
    /// The manifest, folders, and planes in manifest order; planes that only have a keeper come last.
    pub applied: Applied,
}

impl Target {
    /// Finds the supervisor that is meant.
    pub fn find(scope: &Scope) -> Result<Self, Failure> {
        Self::quietly(scope)
    }

    /// As [`Target::find`], without a word on stderr.
    pub fn quietly(scope: &Scope) -> Result<Self, Failure> {
        let _ = scope;
        let run_dir = env::var_os("GATEWARD_RUN_DIR").map(PathBuf::from).unwrap_or_default();
        let applied = read_applied(&rundir::breadcrumb(&run_dir)).ok_or_else(|| Failure::Manifest(String::new()))?;
        Ok(Self { applied })
    }

    /// The daemon's socket.
    pub fn daemon(&self) -> PathBuf {
        rundir::daemon_socket(&self.applied.run_dir)
    }

    /// A keeper's socket.
    pub fn keeper(&self, plane: &PlaneName) -> PathBuf {
        rundir::keeper_socket(&self.applied.run_dir, plane)
    }

    /// Where a plane's logs and journal are.
    pub fn folder(&self, plane: &PlaneName) -> PlaneDir {
        PlaneDir::under(&self.applied.state_dir, plane)
    }

    /// The plane of this supervisor inside which we run, if any.
    pub fn own_plane(&self) -> Option<PlaneName> {
        let run_dir = env::var_os("GATEWARD_RUN_DIR")?;
        let plane = PlaneName::new(&env::var("GATEWARD_PLANE").ok()?).ok()?;
        (self.applied.run_dir == Path::new(&run_dir)).then_some(plane)
    }

    /// The planes that have a keeper's socket, whether or not the manifest knows them.
    pub fn kept(&self) -> Vec<PlaneName> {
        let Ok(entries) = fs::read_dir(rundir::keeper_sockets(&self.applied.run_dir)) else { return Vec::new() };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut planes: Vec<_> = names.filter_map(|name| PlaneName::new(name.strip_suffix(".sock")?).ok()).collect();
        planes.sort();
        planes
    }

    /// The planes that the words mean, in manifest order; no words, or `all`, mean every plane.
    pub fn select(&self, words: &[String]) -> Result<Vec<&AppliedPlane>, Failure> {
        let known = &self.applied.planes;
        if words.is_empty() || words.iter().any(|word| word == "all") {
            return Ok(known.iter().collect());
        }
        if let Some(stranger) = words.iter().find(|word| !known.iter().any(|plane| plane.name.as_str() == **word)) {
            return Err(self.no_such(stranger));
        }
        Ok(known.iter().filter(|plane| words.iter().any(|word| word == plane.name.as_str())).collect())
    }

    /// The one plane that the word means.
    pub fn one(&self, word: &str) -> Result<&AppliedPlane, Failure> {
        self.applied.planes.iter().find(|plane| plane.name.as_str() == word).ok_or_else(|| self.no_such(word))
    }

    fn no_such(&self, word: &str) -> Failure {
        let names: Vec<&str> = self.applied.planes.iter().map(|plane| plane.name.as_str()).collect();
        let near = names
            .iter()
            .copied()
            .filter(|name| strsim::jaro_winkler(word, name) > 0.8)
            .max_by(|a, b| strsim::jaro_winkler(word, a).total_cmp(&strsim::jaro_winkler(word, b)));
        let hint = match (near, names.as_slice()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, []) => "the manifest names no plane".to_owned(),
            (None, names) => format!("the planes are {}", names.join(", ")),
        };
        let manifest = self.applied.manifest.display();
        Failure::NoSuchPlane(Told::new(format!("there is no plane `{}` in {manifest}", word.escape_debug()), hint))
    }
}

fn read_applied(path: &Path) -> Option<Applied> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}
