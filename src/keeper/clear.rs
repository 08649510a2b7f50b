//! The sweep: ends what is left of the plane until parenthood proves it empty, then looks who holds what a spawn needs.
//!
//! Never signals by a pid read from disk, and nothing that is neither our child nor a bearer of the plane's cookie (with
//! that bearer's tree and group). A helper of ours is not a leftover.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::clock::instant_in;
use super::helpers::Helpers;
use super::proof;
use crate::life::event::{Conflict, Event};
use crate::life::phase::Moment;
use crate::os::lock::{Lock, NotTaken};
use crate::os::reap;
use crate::os::sweep::{self, Leftover};
use crate::plane::Plane;

/// What cannot be ended by SIGKILL within this is in the kernel's hands; it is reported, not waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// From one look to the next while leftovers die; their deaths are heard of sooner by SIGCHLD, but for those that are
/// nobody's children here.
const AGAIN: Duration = Duration::from_millis(20);

/// How long one look may block for what a killed predecessor left behind.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The number under which a gateway finds the plane's lock. Node marks low descriptors close-on-exec at start (measured).
pub(super) const LOCK_FD: i32 = 64;

/// One sweep under way.
#[derive(Debug)]
pub struct Sweep {
    began: Moment,
    next: Moment,
}

/// What stays the same from sweep to sweep.
#[derive(Debug)]
pub struct Broom {
    /// `GATEWARD_COOKIE=<id>/<plane>/`, as it stands in an environment.
    cookie: String,
    lock_path: PathBuf,
    /// Inherited by every gateway; until we hold it, something of a killed predecessor may live.
    lock: Option<Lock>,
    /// Whether a predecessor's leftovers, which are not our children, have been looked for.
    predecessor: Predecessor,
    sweep: Option<Sweep>,
    /// What this sweep has sent SIGKILL, by pid and start.
    ended: BTreeMap<(i32, u64), Leftover>,
    /// What was in the group of a gateway that has ended, and is killed with that group before the sweep.
    grouped: Vec<Leftover>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Predecessor {
    Unswept,
    /// Nobody bears the cookie; the lock is not ours yet.
    Unmarked,
    Swept,
}

/// Ends whatever is still a child, when the keeper leaves: a helper's own children may have groups of their own, and without
/// us they would be init's.
pub async fn end_rest(budget: Duration) {
    let until = instant_in(budget);
    while instant_in(Duration::ZERO) < until {
        let reaped = reap::reap_all_but(None);
        if reaped.is_err() || matches!(reap::childless(), Ok(true) | Err(_)) {
            return;
        }
        if let Err(error) = sweep::kill_children(&[]) {
            tracing::warn!(%error, "what a helper left behind could not be ended");
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
    tracing::warn!("something that a helper left behind outlives the keeper");
}

impl Broom {
    /// A broom for a plane whose cookies begin with `prefix` (`<id>/<plane>/`).
    pub fn new(prefix: &str, lock_path: PathBuf) -> Self {
        let cookie = format!("{}={prefix}", crate::openclaw::environment::COOKIE);
        Self {
            cookie,
            lock_path,
            lock: None,
            predecessor: Predecessor::Unswept,
            sweep: None,
            ended: BTreeMap::new(),
            grouped: Vec::new(),
        }
    }

    /// The host has been looked at for bearers of the plane's cookie, and there was none. Whoever has the plane's lock is ended
    /// all the same.
    pub fn trust_the_look(&mut self) {
        self.predecessor = Predecessor::Unmarked;
    }

    /// The plane's lock, to be inherited.
    pub fn lock(&self) -> Option<&Lock> {
        self.lock.as_ref()
    }

    /// Names who outlived the ended and unreaped `leader` in its group, for the record of the sweep to come.
    pub fn name_group(&mut self, leader: i32) {
        match sweep::group(leader) {
            Ok(found) => self.grouped = found,
            Err(error) => tracing::warn!(%error, leader, "the gateway's group could not be listed"),
        }
    }

    /// Begins a sweep.
    pub fn begin(&mut self, now: Moment) {
        self.sweep = Some(Sweep { began: now, next: now });
        self.ended = std::mem::take(&mut self.grouped).into_iter().map(|one| ((one.pid, one.start), one)).collect();
    }

    /// What outlived the gateway and was ended by the sweep that is over, one for each that lived; told once.
    pub fn ended(&mut self) -> Vec<String> {
        std::mem::take(&mut self.ended).into_values().map(|one| format!("{} (pid {})", one.comm, one.pid)).collect()
    }

    /// When the sweep wants to look again; `None` while none is under way.
    pub fn due(&self) -> Option<Moment> {
        self.sweep.as_ref().map(|sweep| sweep.next)
    }

    /// One look: reaps, ends, and, when nothing is left or patience is, tells the result. A look that failed proves nothing: the
    /// plane counts as held until one succeeds.
    pub fn look(&mut self, plane: &Plane, helpers: &mut Helpers, now: Moment) -> Option<Event> {
        let began = self.sweep.as_ref()?.began;
        let spent = now.saturating_sub(began) >= PATIENCE;
        let (left, unseen) = match self.end_leftovers(helpers) {
            Ok(left) => (left, None),
            Err(error) => (Vec::new(), Some(unseen(&error))),
        };
        let mut locked = self.take_lock();
        let mut holders = Vec::new();
        if locked.is_err() && self.predecessor != Predecessor::Swept {
            holders = self.end_holders();
            locked = self.take_lock();
        }
        let left: Vec<Leftover> = left.into_iter().chain(holders).collect();
        if !spent && (!left.is_empty() || unseen.is_some() || locked.is_err()) {
            self.sweep = Some(Sweep { began, next: now + AGAIN });
            return None;
        }
        self.sweep = None;
        if left.is_empty() && unseen.is_none() {
            self.predecessor = Predecessor::Swept;
        }
        self.ended.retain(|key, _| !left.iter().any(|one| (one.pid, one.start) == *key));
        let mut conflicts = proof::conflicts(plane);
        conflicts.extend(locked.err());
        conflicts.extend(unseen);
        let survivors = left.iter().map(ToString::to_string).collect();
        Some(Event::Swept { survivors, conflicts })
    }

    /// Ends what can be found; gives what still lives.
    fn end_leftovers(&mut self, helpers: &mut Helpers) -> io::Result<Vec<Leftover>> {
        let mut left = self.end_children(helpers)?;
        left.extend(self.end_bearers()?);
        Ok(left)
    }

    /// Ends our children that are no helpers; gives those that still live.
    fn end_children(&mut self, helpers: &mut Helpers) -> io::Result<Vec<Leftover>> {
        match reap::reap_all_but(None) {
            Ok(ended) => ended.into_iter().for_each(|(pid, exit)| helpers.ended(pid, exit)),
            Err(error) => tracing::error!(%error, "children could not be reaped"),
        }
        // The proof, without a scan: no child at all.
        if helpers.is_empty() && matches!(reap::childless(), Ok(true)) {
            return Ok(Vec::new());
        }
        let killed = sweep::kill_children(&helpers.pids())?;
        self.ended.extend(killed.into_iter().map(|one| ((one.pid, one.start), one)));
        sweep::children_left(&helpers.pids())
    }

    /// Once in a keeper's life: what a killed predecessor left behind is not our child.
    fn end_bearers(&mut self) -> io::Result<Vec<Leftover>> {
        match self.predecessor {
            Predecessor::Unmarked | Predecessor::Swept => Ok(Vec::new()),
            Predecessor::Unswept => {
                let swept = sweep::end(self.cookie.as_bytes(), instant_in(AT_ONCE))?;
                for leftover in &swept.ended {
                    tracing::warn!("ended {leftover}: a killed keeper had left it behind");
                }
                self.ended.extend(swept.ended.into_iter().map(|one| ((one.pid, one.start), one)));
                Ok(swept.survivors)
            }
        }
    }

    /// What left everything by which it could be known still has the lock that the gateway was given.
    fn end_holders(&self) -> Vec<Leftover> {
        match sweep::end_holders(&self.lock_path, LOCK_FD, instant_in(AT_ONCE)) {
            Ok(swept) => {
                for leftover in &swept.ended {
                    tracing::warn!("ended {leftover}: a killed keeper had left it behind");
                }
                swept.survivors
            }
            // Whoever has it keeps it from being ours, and so the plane from being spawned into.
            Err(error) => {
                tracing::error!(%error, "who has the plane's lock could not be looked for");
                Vec::new()
            }
        }
    }

    fn take_lock(&mut self) -> Result<(), Conflict> {
        // One whose file was removed proves nothing to the next keeper.
        if self.lock.as_ref().is_some_and(Lock::still_named) {
            return Ok(());
        }
        match Lock::take(&self.lock_path) {
            Ok(lock) => {
                self.lock = Some(lock);
                Ok(())
            }
            Err(NotTaken::Held { holder, .. }) => Err(Conflict {
                what: format!("the plane's lock {}", self.lock_path.display()),
                holder: holder.map_or_else(|| "an unknown process".into(), proof::describe),
            }),
            // Custody is by parenthood; a disk that takes no lock must not keep the plane down.
            Err(error @ NotTaken::Failed { .. }) => {
                tracing::error!(%error, "the plane goes without its lock");
                Ok(())
            }
        }
    }
}

/// What nobody could look for may be there, with all that a spawn needs.
fn unseen(error: &io::Error) -> Conflict {
    Conflict {
        what: "this plane".into(),
        holder: format!("what its last gateway may have left, which cannot be looked for ({error})"),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test starts processes of its own and waits for them")]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};
    use std::time::Instant;

    use super::*;
    use crate::os::testing::{eventually, in_process};

    #[test]
    fn a_look_that_fails_is_no_proof_that_nothing_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        in_process(|| {
            let plane = crate::plane::testing::sealed("main").plane;
            let plane = Plane { port: None, state_dir: folder.path().join("state"), ..plane };
            let mut orphan = Command::new("sleep").arg("600").spawn().expect("sleep");
            let mut broom = Broom::new("unseen/main/", folder.path().join("plane.lock"));
            let mut helpers = Helpers::default();
            let files = |most| {
                use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
                let limit = getrlimit(Resource::Nofile);
                setrlimit(Resource::Nofile, Rlimit { current: most, ..limit }).expect("a limit");
                limit.current
            };
            broom.begin(Duration::ZERO);
            let before = files(Some(0));
            let early = broom.look(&plane, &mut helpers, Duration::ZERO);
            let late = broom.look(&plane, &mut helpers, PATIENCE);
            broom.begin(PATIENCE);
            files(before);
            assert_eq!(early, None);
            let Some(Event::Swept { conflicts, .. }) = &late else { panic!("{late:?}") };
            assert!(conflicts.iter().any(|one| one.to_string().contains("cannot be looked for")), "{conflicts:?}");
            assert!(orphan.try_wait().expect("our child").is_none(), "it lived all the while");
            let mut over = None;
            eventually("a look that succeeds", || {
                over = broom.look(&plane, &mut helpers, PATIENCE);
                over.is_some()
            });
            assert_eq!(over, Some(Event::Swept { survivors: vec![], conflicts: vec![] }));
            assert!(
                !crate::os::process::stat(orphan.id().cast_signed()).is_ok_and(|stat| !stat.ended()),
                "it was ended"
            );
        });
    }

    #[test]
    fn who_goes_with_the_group_is_told_once_with_the_sweep_that_follows() {
        // Another child of ours, or what a gateway forked would not be looked for: the keeper is its subreaper, we are not.
        let mut other = Command::new("sleep").arg("600").stdout(Stdio::null()).spawn().expect("sleep");
        let mut leader = Command::new("/bin/sh");
        leader.args(["-c", "sleep 600 >&- & exec true"]).process_group(0);
        let mut leader = leader.spawn().expect("a shell");
        let pid = leader.id().cast_signed();
        let mut broom = Broom::new("id/main/", PathBuf::from("/nowhere/plane.lock"));
        let until = Instant::now() + Duration::from_secs(60);
        let stat = |pid| crate::os::process::stat(pid).expect("not reaped");
        // Not before the leader has ended, and what it left has begun.
        while !stat(pid).ended() || sweep::group(pid).expect("a look").iter().all(|one| one.comm != "sleep") {
            assert!(Instant::now() < until, "it left nobody");
            std::thread::yield_now();
        }
        let left = sweep::group(pid).expect("a look").remove(0);
        broom.name_group(pid);
        crate::os::signals::kill_group(pid, nix::libc::SIGKILL).expect("our own group");
        leader.wait().expect("reaped");
        broom.begin(Duration::ZERO);
        assert_eq!(broom.ended(), [format!("sleep (pid {})", left.pid)]);
        broom.begin(Duration::ZERO);
        assert_eq!(broom.ended(), Vec::<String>::new());
        other.kill().expect("our own child");
        other.wait().expect("reaped");
    }
}
