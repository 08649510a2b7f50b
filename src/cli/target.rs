//! From the command line to a supervisor and its planes: by the manifest, else by what was last applied.
//!
//! Changes nothing. Bad news about the manifest never keeps an operator from a living plane: it is said on stderr, and the
//! order last applied serves.

use std::path::PathBuf;
use std::time::Duration;

use super::absent;
use super::ask;
use super::inside::{self, inside};
use super::outcome::{Failure, Told};
use super::terminal::say;
use super::trouble;
use crate::daemon::applied::{self, Elsewhere, is_same, lives_elsewhere};
use crate::daemon::keepers;
use crate::daemon::load::{self, LoadError, Loaded};
use crate::manifest::suggest::nearest;
use crate::plane::PlaneName;
use crate::rundir::{self, Applied, AppliedPlane, PlaneDir};
use crate::wire::{Answer, Ask};

/// How long a keeper that the manifest does not know may take to say that it lives.
const STRANGER: Duration = Duration::from_secs(1);

/// What every verb is given beside its own words.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// `-m`.
    pub manifest: Option<PathBuf>,
}

impl Scope {
    /// The manifest to use. Inside a plane whose word was taken out of the environment it is that of who is above us.
    pub fn find(&self) -> Result<PathBuf, Box<LoadError>> {
        load::find(self.manifest.clone().or_else(inside::told_above).as_deref())
    }
}

/// A supervisor's folders and the planes known to be its own.
#[derive(Clone, Debug)]
pub struct Target {
    /// The manifest, folders, and planes in manifest order; planes that only have a keeper come last.
    pub applied: Applied,
    /// The manifest as it is now, or what is wrong with it.
    pub loaded: Result<Loaded, Box<LoadError>>,
}

impl Target {
    /// Finds the supervisor that is meant.
    pub fn find(scope: &Scope) -> Result<Self, Failure> {
        let mut target = Self::quietly(scope)?;
        target.say_by_what();
        target.add_strangers()?;
        Ok(target)
    }

    /// As [`Target::find`], for a verb that acts: refused where what lives there is another manifest's.
    pub fn to_steer(scope: &Scope) -> Result<Self, Failure> {
        let mut target = Self::quietly(scope)?;
        absent::refuse_anothers(&target)?;
        target.say_by_what();
        target.add_strangers()?;
        Ok(target)
    }

    /// As [`Target::find`], for a verb that says by itself what it goes by, once it knows that somebody tells.
    pub fn unsaid(scope: &Scope) -> Result<Self, Failure> {
        let mut target = Self::quietly(scope)?;
        target.add_strangers()?;
        Ok(target)
    }

    /// Says what serves in place of a manifest that cannot be used, or whose folders are others than those in use.
    pub fn say_by_what(&self) {
        if let Err(error) = &self.loaded {
            let count = error.mistakes.len();
            say(&format!(
                "warning: {} cannot be used ({count} {}); going by what was last applied\n hint: `gateward check` shows \
                 what is wrong with it\n",
                self.applied.manifest.display(),
                if count == 1 { "mistake" } else { "mistakes" },
            ));
        }
        if let Ok(loaded) = &self.loaded
            && loaded.planes.supervisor.state_dir != self.applied.state_dir
        {
            say(&format!(
                "warning: state_dir or run_dir was edited while planes live: going by {}\n hint: `gateward down`, then \
                 `gateward run`, moves them\n",
                self.applied.state_dir.display(),
            ));
        }
    }

    /// As [`Target::find`], but asks nobody and says nothing.
    pub fn quietly(scope: &Scope) -> Result<Self, Failure> {
        let loaded = scope.find().and_then(|path| load::read(&path));
        let applied = match &loaded {
            Ok(loaded) => {
                let applied = applied::of(&loaded.planes);
                let inherited = inherited_run_dir(scope, &applied);
                match lives_elsewhere(&applied.manifest, &applied.run_dir, &applied.state_dir) {
                    Some(Elsewhere { applied: there, .. }) => {
                        Applied { run_dir: there.run_dir, state_dir: there.state_dir, ..applied }
                    }
                    None => Applied { run_dir: inherited.unwrap_or(applied.run_dir), ..applied },
                }
            }
            Err(error) => last_applied(scope, error).ok_or_else(|| trouble::manifest(error))?,
        };
        Ok(Self { applied, loaded })
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

    /// That a log or a journal cannot be read: by whom it could.
    pub fn unreadable(&self, what: &str, error: &std::io::Error) -> Failure {
        let hint = match (error.kind(), &self.applied.socket_group) {
            (std::io::ErrorKind::PermissionDenied, Some(group)) => format!(
                "it is for {} and for members of group {group} (socket_group): `usermod -aG {group} USER`, then a \
                 new login; where the group is new, for planes that were started since",
                self.owner()
            ),
            (std::io::ErrorKind::PermissionDenied, None) => format!(
                "it is for {}; `socket_group` in [supervisor] names a group that may steer and read logs",
                self.owner()
            ),
            (_, _) => "see to the disk".to_owned(),
        };
        Failure::failed(format!("{what} cannot be read: {error}"), hint)
    }

    /// Who may always, in words.
    fn owner(&self) -> String {
        let uid = std::fs::metadata(&self.applied.state_dir).map(|found| std::os::unix::fs::MetadataExt::uid(&found));
        let entry = uid.as_ref().ok().and_then(|uid| crate::os::accounts::by_uid(*uid).ok().flatten());
        match (entry, uid) {
            (Some(entry), _) if entry.uid == 0 => "root".to_owned(),
            (Some(entry), _) => format!("user {}, for root", entry.name),
            (None, Ok(uid)) => format!("user {uid}, for root"),
            (None, Err(_)) => "the supervisor's user, for root".to_owned(),
        }
    }

    /// The plane of this supervisor inside which we run, if any.
    pub fn own_plane(&self) -> Option<PlaneName> {
        let plane = PlaneName::new(&inside()?.plane).ok()?;
        (self.applied.run_dir == inside::run_dir()?).then_some(plane)
    }

    /// The planes that have a keeper's socket, or a keeper without one, whether or not the manifest knows them.
    pub fn kept(&self) -> Vec<PlaneName> {
        let Applied { run_dir, state_dir, .. } = &self.applied;
        let mut kept = [keepers::named(run_dir), keepers::locked(state_dir)].concat();
        kept.sort();
        kept.dedup();
        kept
    }

    /// The planes that the words mean, in manifest order; no words, or `all`, mean every plane.
    pub fn select(&self, words: &[String]) -> Result<Vec<&AppliedPlane>, Failure> {
        let known = &self.applied.planes;
        let is_known = |word: &str| word == "all" || known.iter().any(|plane| plane.name.as_str() == word);
        if let Some(stranger) = words.iter().find(|word| !is_known(word)) {
            return Err(self.no_such(stranger));
        }
        if words.is_empty() || words.iter().any(|word| word == "all") {
            return Ok(known.iter().collect());
        }
        Ok(known.iter().filter(|plane| words.iter().any(|word| word == plane.name.as_str())).collect())
    }

    /// The one plane that the word means.
    pub fn one(&self, word: &str) -> Result<&AppliedPlane, Failure> {
        self.applied.planes.iter().find(|plane| plane.name.as_str() == word).ok_or_else(|| self.no_such(word))
    }

    fn no_such(&self, word: &str) -> Failure {
        let names: Vec<&str> = self.applied.planes.iter().map(|plane| plane.name.as_str()).collect();
        let hint = match (nearest(word, names.iter().copied()), names.as_slice()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, []) => "the manifest names no plane".to_owned(),
            (None, names) => format!("the planes are {}", names.join(", ")),
        };
        let manifest = self.applied.manifest.display();
        Failure::NoSuchPlane(Told::new(format!("there is no plane `{}` in {manifest}", word.escape_debug()), hint))
    }

    /// Adds planes that are gone from the manifest and still have a living keeper, so that they are seen and can be stopped.
    fn add_strangers(&mut self) -> Result<(), Failure> {
        // Only those with a socket can say what they are.
        let mut strangers = keepers::named(&self.applied.run_dir);
        strangers.retain(|name| self.applied.planes.iter().all(|plane| plane.name != *name));
        let questions = strangers.iter().map(|name| (self.keeper(name), Ask::Status)).collect();
        for (name, answer) in strangers.iter().zip(ask::all(questions, STRANGER)?) {
            if let Ok(Answer::Plane(status)) = answer {
                let (role, port) = (status.role, status.port);
                self.applied.planes.push(AppliedPlane { name: name.clone(), role, port });
            }
        }
        Ok(())
    }
}

/// Inside a plane the supervisor that started it is meant, also when the manifest has moved its run dir since.
fn inherited_run_dir(scope: &Scope, applied: &Applied) -> Option<PathBuf> {
    // Who names a manifest means that one's, and pays for no look at who is above us.
    if scope.manifest.is_some() {
        return None;
    }
    let run_dir = inside::run_dir().filter(|path| path.is_absolute())?;
    inside::manifest().is_some_and(|manifest| manifest == applied.manifest).then_some(run_dir)
}

/// What the daemon noted when it last applied the manifest.
fn last_applied(scope: &Scope, error: &LoadError) -> Option<Applied> {
    let named = error.manifest.as_deref();
    let by_manifest = || {
        let supervisor = load::dirs_only(named?)?;
        applied::read(&rundir::applied(&supervisor.state_dir))
            .or_else(|| applied::read(&rundir::breadcrumb(&supervisor.run_dir)))
    };
    let by_environment = || {
        let run_dir = inside::run_dir().filter(|_| scope.manifest.is_none())?;
        applied::read(&rundir::breadcrumb(&run_dir))
    };
    // Two manifests may share a state dir by mistake; the note of one says nothing of the other's planes.
    let mine = |applied: &Applied| named.is_some_and(|named| is_same(&applied.manifest, named));
    // Where no manifest was found: one that was in a place where it would be found, and has planes that live.
    let by_place = || {
        let places = if scope.manifest.is_none() && named.is_none() { load::places() } else { Vec::new() };
        places.iter().find_map(|path| applied::by_signpost(path).filter(applied::lives))
    };
    by_manifest().filter(mine).or_else(|| applied::by_signpost(named?)).or_else(by_environment).or_else(by_place)
}
