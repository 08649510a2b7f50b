//! Finds and ends what is left of a plane.
//!
//! Two ways. A keeper that spawned the gateway itself is its tree's subreaper: whatever lives is its descendant, and
//! [`kill_children`] with [`childless`](super::reap::childless) is a proof. A *new* keeper, after its predecessor was killed,
//! has no such kinship: it looks for the cookie in /proc/*/environ and takes the bearers' trees, groups and sessions too,
//! since Chromium's helpers overwrite their environment ([`find`], [`end`]). What left tree, group, session *and*
//! environment before its keeper died cannot be found by anybody.
//!
//! It never touches this process, its ancestors, pid 1 or the bearers of another cookie, and never signals by number.

mod kin;
mod walk;
#[cfg(test)]
mod tests;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::pidfd::{Pidfd, Sent};
use super::process::{self, Stat};
use kin::{Mark, Seen};

pub use kin::Why;

/// How long to wait for those who were told to stop, once nobody new appears. One that does not stop by then is stuck in
/// the kernel, where it forks no more.
const FREEZE: Duration = Duration::from_secs(5);

/// How long to ask again those that are between two programs, whose environment cannot be read then. It takes a process
/// microseconds, and a little more on a busy machine; one whose environment stays unreadable must not hold up a sweep.
const SETTLE: Duration = Duration::from_millis(300);

/// A process that belongs to a plane and should not be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Its number.
    pub pid: i32,
    /// Clock ticks from boot to its start.
    pub start: u64,
    /// The kernel's name for it.
    pub comm: String,
    /// Why it is held to belong.
    pub why: Why,
}

impl Leftover {
    /// Sends a signal to it and to no other. A handle is opened each time: a sweep of thousands must not need thousands of
    /// descriptors.
    fn send(&self, signal: i32) -> io::Result<Sent> {
        Pidfd::open_if(self.pid, self.start)?.map_or(Ok(Sent::Gone), |handle| handle.send(signal))
    }

    /// Waits for its end; false when `until` comes first.
    fn ends(&self, until: Instant) -> bool {
        match Pidfd::open_if(self.pid, self.start) {
            Ok(Some(handle)) => handle.ends(until),
            Ok(None) => true,
            Err(_) => false,
        }
    }
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {}), which {}", self.comm, self.pid, self.why)
    }
}

/// What a sweep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Ended.
    pub ended: Vec<Leftover>,
    /// Still there: another account's, stuck in the kernel, or found too late.
    pub survivors: Vec<Leftover>,
}

/// All living processes that belong to the plane whose cookie begins so: `NAME=<supervisor>/<plane>/`.
///
/// A prefix that is no `NAME=value` is refused: a short one would claim strangers.
pub fn find(cookie_prefix: &[u8]) -> io::Result<Vec<Leftover>> {
    let until = Instant::now() + SETTLE;
    loop {
        let look = look(cookie_prefix, &BTreeMap::new())?;
        if !look.iter().any(Seen::is_unsettled) || Instant::now() >= until {
            return Ok(leftovers(&look));
        }
        std::thread::yield_now();
    }
}

/// Whether one look at every living process finds no bearer of a cookie that begins so, and none between two programs that may
/// be one. The prefix as for [`find`].
pub fn is_borne_by_nobody(cookie_prefix: &[u8]) -> io::Result<bool> {
    Ok(look(cookie_prefix, &BTreeMap::new())?.iter().all(|seen| matches!(seen.mark, Mark::Foreign | Mark::Blank)))
}

/// Ends all that [`find`] finds, until it finds nothing more or `until` has come. Blocks the thread.
///
/// Everything is stopped first (SIGSTOP cannot be caught), looked at again until nobody new appears, and only then killed:
/// so a tree that forks while it is read cannot lose a child to init, where nothing would tell that it belonged.
pub fn end(cookie_prefix: &[u8], until: Instant) -> io::Result<Swept> {
    let mut swept = Swept::default();
    loop {
        let held = freeze(cookie_prefix, until)?;
        let known = |key: &(i32, u64)| swept.survivors.iter().any(|one| (one.pid, one.start) == *key);
        if held.keys().all(known) {
            return Ok(swept);
        }
        swept.survivors.clear();
        let mut held: Vec<Leftover> = held.into_values().collect();
        // Children first: the end of a parent makes its children's group an orphan, and the kernel then sends SIGCONT to
        // those of the group that are stopped.
        held.sort_by_key(|one| std::cmp::Reverse((one.start, one.pid)));
        let (dying, refused): (Vec<_>, Vec<_>) = held.into_iter().partition(|one| one.send(libc::SIGKILL).is_ok());
        swept.survivors.extend(refused);
        for one in dying {
            let list = if one.ends(until) { &mut swept.ended } else { &mut swept.survivors };
            list.push(one);
        }
        if Instant::now() >= until {
            return Ok(swept);
        }
    }
}

/// Ends all that have the file `lock` open as their descriptor `fd`, until nobody has or `until` has come. Blocks the thread.
///
/// For what left tree, group, session and environment: nothing but the plane's own processes is given that descriptor.
pub fn end_holders(lock: &Path, fd: i32, until: Instant) -> io::Result<Swept> {
    let file = std::fs::metadata(lock)?;
    let mut swept = Swept::default();
    loop {
        let all: Vec<Seen> = living()?.into_iter().map(|stat| Seen { mark: Mark::Blank, stat }).collect();
        let spared = ourselves(&all);
        let holds = |pid: i32| {
            std::fs::metadata(format!("/proc/{pid}/fd/{fd}"))
                .is_ok_and(|found| (found.dev(), found.ino()) == (file.dev(), file.ino()))
        };
        let found = all.into_iter().map(|seen| seen.stat).filter(|stat| !spared.contains(&stat.pid) && holds(stat.pid));
        let (dying, refused): (Vec<_>, Vec<_>) = found
            .map(|stat| Leftover { pid: stat.pid, start: stat.start, comm: stat.name(), why: Why::Lock })
            .partition(|one| one.send(libc::SIGKILL).is_ok());
        if dying.is_empty() || Instant::now() >= until {
            swept.survivors.extend(dying.into_iter().chain(refused));
            return Ok(swept);
        }
        swept.ended.extend(dying.into_iter().filter(|one| one.ends(until)));
    }
}

type Held = BTreeMap<(i32, u64), Leftover>;

/// Stops all that belong; repeats the look until everybody stands still and the look after that finds nobody new. Each
/// look that finds somebody new leaves fewer who could fork, so it comes to an end; only `until` may cut that short.
///
/// One look is not enough: it reads the list of processes first, and whoever was seen to stand still later in the same look
/// may have forked in between.
fn freeze(cookie_prefix: &[u8], until: Instant) -> io::Result<Held> {
    let mut held = Held::new();
    let mut patience = until.min(Instant::now() + FREEZE);
    let settle = Instant::now() + SETTLE;
    let mut stood = false;
    loop {
        let look = look(cookie_prefix, &held)?;
        let mut news = false;
        for one in leftovers(&look) {
            let key = (one.pid, one.start);
            if let Entry::Vacant(place) = held.entry(key) {
                // One that may not be signalled stays in the list, so that it is reported.
                news |= !matches!(one.send(libc::SIGSTOP), Ok(Sent::Gone));
                place.insert(one);
            }
        }
        let moving = |seen: &Seen| {
            // In `D` it will meet its stop before it can do anything; `t` is another's tracee, as still as it gets.
            let still = matches!(seen.stat.state, b'T' | b't' | b'D');
            let ours = held.get(&(seen.stat.pid, seen.stat.start));
            !still && ours.is_some_and(|one| matches!(one.send(libc::SIGSTOP), Ok(Sent::Delivered)))
        };
        let unsettled = look.iter().any(Seen::is_unsettled) && Instant::now() < settle;
        let still = !news && !unsettled && !look.iter().any(moving);
        if news {
            patience = until.min(Instant::now() + FREEZE);
        }
        if still && (stood || held.is_empty()) || Instant::now() >= patience {
            return Ok(held);
        }
        stood = still;
        std::thread::yield_now();
    }
}

/// One look at every living process. What is `held` already stays ours even if it has changed its environment since.
fn look(cookie_prefix: &[u8], held: &Held) -> io::Result<Vec<Seen>> {
    let name = cookie_prefix.iter().position(|&byte| byte == b'=').map(|at| &cookie_prefix[..=at]);
    let Some(name) = name.filter(|name| name.len() > 1 && cookie_prefix.len() > name.len()) else {
        let text = String::from_utf8_lossy(cookie_prefix).into_owned();
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("`{text}` is not the beginning of a cookie")));
    };
    let mark = |stat: &Stat| {
        if held.contains_key(&(stat.pid, stat.start)) {
            return Ok(Mark::Ours);
        }
        read_mark(stat, name, cookie_prefix)
    };
    living()?.into_iter().map(|stat| Ok(Seen { mark: mark(&stat)?, stat })).collect()
}

/// Whether a look failed for want of descriptors or memory: it says nothing about who is there.
fn is_want(cause: &io::Error) -> bool {
    matches!(cause.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM))
}

/// What the environment of a process says. A process that executes another program meanwhile has none for a moment, and to
/// an account other than root it is refused for a moment; so what is not found counts only when the length is right, and
/// what is empty or refused only when it is so again.
fn read_mark(stat: &Stat, name: &[u8], cookie_prefix: &[u8]) -> io::Result<Mark> {
    if stat.is_leaving() {
        return Ok(Mark::Blank);
    }
    let mut length = stat.environ_length;
    for first in [true, false, false] {
        let (mark, believed) = match process::environ_bytes(stat.pid) {
            Ok(environ) => {
                let whole = length == Some(environ.len() as u64);
                (mark(&environ, name, cookie_prefix), whole && !(environ.is_empty() && first))
            }
            Err(cause) if is_want(&cause) => return Err(cause),
            Err(cause) => (Mark::Blank, !first || cause.kind() != io::ErrorKind::PermissionDenied),
        };
        if believed || mark == Mark::Ours {
            return Ok(mark);
        }
        std::thread::yield_now();
        length = process::stat(stat.pid).ok().and_then(|stat| stat.environ_length);
    }
    Ok(Mark::Unsettled)
}

fn mark(environ: &[u8], name: &[u8], cookie_prefix: &[u8]) -> Mark {
    let mut mark = Mark::Blank;
    for entry in environ.split(|&byte| byte == 0).filter(|entry| entry.starts_with(name)) {
        mark = if entry.starts_with(cookie_prefix) { return Mark::Ours } else { Mark::Foreign };
    }
    mark
}

fn leftovers(look: &[Seen]) -> Vec<Leftover> {
    let belonging = kin::belonging(look, &ourselves(look));
    let named = look.iter().filter_map(|seen| {
        let stat = &seen.stat;
        let why = *belonging.get(&stat.pid)?;
        Some(Leftover { pid: stat.pid, start: stat.start, comm: stat.name(), why })
    });
    named.collect()
}

/// This process and its ancestors.
fn ourselves(look: &[Seen]) -> BTreeSet<i32> {
    let mut line = BTreeSet::new();
    let mut next = Some(std::process::id().cast_signed());
    while let Some(pid) = next.filter(|&pid| line.insert(pid)) {
        next = look.iter().find(|seen| seen.stat.pid == pid).map(|seen| seen.stat.ppid);
    }
    line
}

/// All descendants of `pid` that live now, without itself.
pub fn tree(pid: i32) -> io::Result<Vec<i32>> {
    if let Some(found) = walk::below(pid) {
        return Ok(found.into_iter().collect());
    }
    let all = living()?;
    Ok(kin::below(all.iter(), &BTreeSet::from([pid]), &BTreeSet::new()).into_iter().collect())
}

/// All that live in the process group of `leader`, but for the leader: a child of this process that has ended and was not reaped.
///
/// A subreaper has all of them for its descendants, so that no other child means nobody; only else the host is looked at.
pub fn group(leader: i32) -> io::Result<Vec<Leftover>> {
    if process::children(std::process::id().cast_signed()).is_ok_and(|children| children == [leader]) {
        return Ok(Vec::new());
    }
    let members = living()?.into_iter().filter(|stat| stat.group == leader && stat.pid != leader);
    let named = |stat: Stat| Leftover { pid: stat.pid, start: stat.start, comm: stat.name(), why: Why::Group };
    Ok(members.map(named).collect())
}

/// All living descendants of this process, but for `spared` and what is below them.
pub fn children_left(spared: &[i32]) -> io::Result<Vec<Leftover>> {
    let all = living()?;
    let me = BTreeSet::from([std::process::id().cast_signed()]);
    let below = kin::below(all.iter(), &me, &spared.iter().copied().collect());
    let left = all.into_iter().filter(|stat| below.contains(&stat.pid)).map(|stat| Leftover {
        pid: stat.pid,
        start: stat.start,
        comm: stat.name(),
        why: Why::Descendant,
    });
    Ok(left.collect())
}

/// Sends SIGKILL to all of [`children_left`], and gives whom it was sent to. Does not wait.
///
/// For a subreaper: what a dying process had forked meanwhile becomes our child, and its end or its parent's is announced
/// by SIGCHLD. So reap and repeat at every SIGCHLD until [`childless`](super::reap::childless).
pub fn kill_children(spared: &[i32]) -> io::Result<Vec<Leftover>> {
    let mut left = children_left(spared)?;
    // One that is gone, or of an account we may not signal, was not reached: the caller learns from what is left.
    left.retain(
        |one| matches!(Pidfd::open_if(one.pid, one.start), Ok(Some(handle)) if handle.send(libc::SIGKILL).is_ok()),
    );
    Ok(left)
}

fn living() -> io::Result<Vec<Stat>> {
    let mut all = Vec::new();
    for pid in process::all()? {
        match process::stat(pid) {
            Ok(stat) if !stat.ended() && !stat.is_kernels() => all.push(stat),
            Err(cause) if is_want(&cause) => return Err(cause),
            // Ended, gone since the list was read, or nobody's.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(all)
}
