//! What the next keeper must know if this one dies: a file that is there for as long as a keeper works.
//!
//! Told and counted, never acted upon: no process is signalled by what stands here, and the world is looked at all the same.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use crate::life::order::Record;
use crate::life::pace::BREAKER_WINDOW;
use crate::life::{Life, Past};
use crate::os::small::replace;
use crate::wire::LastExit;

/// The file's content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tenure {
    /// The keeper, for people.
    pub pid: u32,
    /// The boot in which it works.
    pub boot: String,
    /// The incarnation that lives, if one does, and since when, in seconds of the Unix epoch.
    pub living: Option<(u64, i64)>,
    /// Respawns that nobody asked for.
    pub restarts: u64,
    /// The unclean ends that OpenClaw may still count, in seconds of the Unix epoch.
    pub unclean: Vec<i64>,
    /// How the last incarnation ended.
    pub last_exit: Option<LastExit>,
    /// Set by a keeper that has left to one that follows it; none while it works, and when it died.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<Left>,
}

/// The moments at which a keeper leaves an empty plane to one of another release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Left {
    /// The plane was down, and nothing was to be spawned.
    AtRest,
    /// The next incarnation was about to be spawned, and was counted.
    BeforeSpawn,
}

/// The file of this keeper.
#[derive(Debug)]
pub struct TenureFile {
    path: PathBuf,
    boot: String,
    written: Tenure,
    is_unreadable: bool,
    /// Why it could not be written lately; said once for each reason.
    refused: Option<String>,
}

impl TenureFile {
    /// The file at `path`, not yet written, and what a keeper that died has left there.
    pub fn new(path: PathBuf, boot: &str) -> (Self, Option<Tenure>) {
        let (left, is_unreadable) = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_or((None, true), |left| (Some(left), false)),
            Err(error) => (None, error.kind() != io::ErrorKind::NotFound),
        };
        (Self { path, boot: boot.to_owned(), written: Tenure::default(), is_unreadable, refused: None }, left)
    }

    /// Whether something was left there that says nothing.
    pub fn is_unreadable(&self) -> bool {
        self.is_unreadable
    }

    /// Writes how it stands, if that is news. Gives why it could not, unless that was said before.
    pub fn keep(&mut self, life: &Life, clock: &Clock, last_exit: Option<&LastExit>) -> io::Result<()> {
        match self.write(life, clock, last_exit) {
            Ok(()) => {
                self.refused = None;
                Ok(())
            }
            Err(error) => {
                let why = error.to_string();
                let is_news = self.refused.replace(why.clone()) != Some(why);
                if is_news { Err(error) } else { Ok(()) }
            }
        }
    }

    fn write(&mut self, life: &Life, clock: &Clock, last_exit: Option<&LastExit>) -> io::Result<()> {
        let now = self.of(life, clock, last_exit);
        if same(&now, &self.written) {
            return Ok(());
        }
        // What another keeper has left there must not be taken for ours.
        let not_ours = self.written.pid == 0;
        replace(&self.path, &serde_json::to_string(&now)?).inspect_err(|_| {
            if not_ours {
                drop(std::fs::remove_file(&self.path))
            }
        })?;
        self.written = now;
        Ok(())
    }

    fn of(&self, life: &Life, clock: &Clock, last_exit: Option<&LastExit>) -> Tenure {
        let second = |at| clock.epoch_second(at);
        Tenure {
            pid: std::process::id(),
            boot: self.boot.clone(),
            living: life.living().zip(life.since()).map(|(incarnation, since)| (incarnation, second(since))),
            restarts: life.restarts(),
            unclean: life.unclean().iter().map(|at| second(*at)).collect(),
            last_exit: last_exit.cloned(),
            left: None,
        }
    }

    /// The keeper leaves an empty plane to one that follows it: what is counted and told goes on there.
    pub fn hand_over(&self, left: Left, life: &Life, clock: &Clock, last_exit: Option<&LastExit>) -> io::Result<()> {
        let last = Tenure { living: None, left: Some(left), ..self.of(life, clock, last_exit) };
        replace(&self.path, &serde_json::to_string(&last)?)
    }

    /// Has the next [`TenureFile::keep`] write, whatever was written before: the file may be gone.
    pub fn write_again(&mut self) {
        self.written = Tenure::default();
    }

    /// The keeper leaves in good order.
    pub fn end(&self) -> io::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }
}

/// Seconds of the epoch are reckoned anew each time, and a wall clock that was set moves them: that is no news.
fn same(one: &Tenure, other: &Tenure) -> bool {
    let bare = |tenure: &Tenure| {
        (tenure.pid, tenure.living.map(|(incarnation, _)| incarnation), tenure.restarts, tenure.unclean.len())
    };
    bare(one) == bare(other) && one.last_exit == other.last_exit
}

impl Tenure {
    /// What the machine takes over. A keeper that died killed its gateway: to OpenClaw that is an unclean end. A spawn that was
    /// counted before it was left to us is counted by us, and one that was asked for begins the count anew.
    pub fn past(&self, boot: &str, clock: &Clock) -> Past {
        let seconds = self.unclean.iter().copied().chain(self.living.map(|(_, since)| since));
        Past {
            restarts: match self.left {
                _ if self.boot != boot => None,
                Some(Left::BeforeSpawn) => self.restarts.checked_sub(1),
                Some(Left::AtRest) | None => Some(self.restarts),
            },
            unclean: seconds.filter_map(|second| clock.moment_of(second, BREAKER_WINDOW)).collect(),
        }
    }

    /// For the journal. `ended` says why the supervisor ended that keeper, if it did.
    pub fn told(&self, boot: &str, follows: &str, ended: Option<&str>) -> Record {
        let how = match ended {
            Some(why) => format!("was ended by the supervisor ({why})"),
            None if self.boot == boot => "died without a word".to_owned(),
            None => "ended with the host".to_owned(),
        };
        let what = match self.living {
            Some((incarnation, _)) => format!("and incarnation {incarnation} of the gateway with it"),
            None => "while nothing ran".to_owned(),
        };
        Record {
            incarnation: self.living.map_or(0, |(incarnation, _)| incarnation),
            event: "keeper-lost",
            saw: format!("the keeper before this one (pid {}) {how}, {what}", self.pid),
            decided: "sweep".into(),
            follows: follows.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::life::Rules;
    use crate::life::order::Want;
    use crate::plane::{Contract, Health, Restart};

    #[test]
    fn what_a_dead_keeper_left_is_told_and_what_one_that_left_took_along_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("main/tenure.json");
        let rules = Rules {
            contract: Contract::Openclaw,
            stop_grace: Duration::from_secs(330),
            restart: Restart::default(),
            health: Health::default(),
        };
        let (life, clock) = (Life::new(rules, Want::Up, 0, 1), Clock::start());
        let (mut first, none) = TenureFile::new(path.clone(), "boot-1");
        assert_eq!(none, None);
        first.keep(&life, &clock, None).expect("written");
        let (second, left) = TenureFile::new(path.clone(), "boot-1");
        let left = left.expect("the first did not leave");
        assert_eq!((left.pid, left.boot.as_str(), left.living), (std::process::id(), "boot-1", None));
        assert!(left.told("boot-1", "", None).saw.ends_with("died without a word, while nothing ran"));
        assert!(left.told("boot-2", "", None).saw.contains("ended with the host"));
        assert!(left.told("boot-1", "", Some("it hung")).saw.contains("was ended by the supervisor (it hung)"));
        second.end().expect("removed");
        assert_eq!(TenureFile::new(path, "boot-1").1, None);
    }

    #[test]
    fn why_it_cannot_be_written_is_said_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let blocked = folder.path().join("main");
        std::fs::write(&blocked, "a file where the folder belongs").expect("written");
        let rules = Rules {
            contract: Contract::Plain,
            stop_grace: Duration::from_secs(1),
            restart: Restart::default(),
            health: Health::default(),
        };
        let (life, clock) = (Life::new(rules, Want::Up, 0, 1), Clock::start());
        let (mut tenure, _) = TenureFile::new(blocked.join("tenure.json"), "boot-1");
        assert!(tenure.keep(&life, &clock, None).is_err());
        assert!(tenure.keep(&life, &clock, None).is_ok(), "it was said");
        std::fs::remove_file(&blocked).expect("removed");
        tenure.keep(&life, &clock, None).expect("written");
        assert!(blocked.join("tenure.json").exists(), "it was tried again");
    }

    #[test]
    fn unclean_ends_of_long_ago_do_not_matter_and_the_living_one_counts_by_its_start() {
        let clock = Clock::start();
        let now = clock.epoch_second(clock.now());
        let left = Tenure {
            boot: "boot-1".into(),
            living: Some((4, now - 20)),
            restarts: 3,
            unclean: vec![now - 400, now - 100],
            ..Tenure::default()
        };
        let past = left.past("boot-1", &clock);
        assert_eq!((past.restarts, past.unclean.len()), (Some(3), 2));
        assert!(past.unclean[0] < past.unclean[1] && past.unclean[1] < clock.now());
        assert_eq!(left.past("boot-2", &clock).restarts, None);
    }

    #[test]
    fn a_spawn_that_is_left_to_the_next_keeper_is_counted_once() {
        let clock = Clock::start();
        let restarts = |restarts, left| {
            Tenure { boot: "boot-1".into(), restarts, left, ..Tenure::default() }.past("boot-1", &clock).restarts
        };
        assert_eq!(restarts(3, Some(Left::BeforeSpawn)), Some(2));
        assert_eq!(restarts(0, Some(Left::BeforeSpawn)), None, "an asked start is no restart");
        assert_eq!(restarts(3, Some(Left::AtRest)), Some(3));
    }
}
