//! Who belongs to a plane, judged from one look at all processes.
//!
//! A pure function of that look: nothing here reads or signals.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::os::process::Stat;

/// Why a process is held to belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its environment has the cookie.
    Bearer,
    /// It descends from one that belongs.
    Descendant,
    /// It is in the process group of one that belongs, and that group is the plane's own.
    Group,
    /// It is in the session of one that belongs, and that session is the plane's own.
    Session,
    /// It has inherited the lock that only the plane's own processes are given.
    Lock,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bearer => "bears the cookie",
            Self::Descendant => "descends from the plane",
            Self::Group => "is in the plane's process group",
            Self::Session => "is in the plane's session",
            Self::Lock => "has inherited the plane's lock",
        })
    }
}

/// What the environment of a process says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// The cookie that is looked for.
    Ours,
    /// A cookie, but another.
    Foreign,
    /// No cookie, or not readable.
    Blank,
    /// Between two programs: it has to be asked again.
    Unsettled,
}

/// One living process of the look.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) stat: Stat,
    pub(super) mark: Mark,
}

impl Seen {
    pub(super) fn is_unsettled(&self) -> bool {
        self.mark == Mark::Unsettled
    }
}

/// All that belong, by pid. `spared` never belong, and neither does anything that shares a group or session with them for
/// that reason alone.
///
/// A group or session counts as the plane's own when its leader belongs, or is gone: a gateway leads its session, and its
/// number cannot be given out again while a member lives. So the shell of an operator who started something with a copied
/// environment is safe, for its session has a living leader that does not belong. Whoever bears another cookie is safe with
/// all of its descendants, also below a process that belongs.
pub(super) fn belonging(look: &[Seen], spared: &BTreeSet<i32>) -> BTreeMap<i32, Why> {
    let alive: BTreeSet<i32> = look.iter().map(|one| one.stat.pid).collect();
    let barred = barred(look, spared);
    let mut chosen: BTreeMap<i32, Why> = look
        .iter()
        .filter(|one| one.mark == Mark::Ours && !barred.contains(&one.stat.pid))
        .map(|one| (one.stat.pid, Why::Bearer))
        .collect();
    loop {
        let own = |leader: i32| leader > 1 && (chosen.contains_key(&leader) || !alive.contains(&leader));
        let mut groups = BTreeSet::new();
        let mut sessions = BTreeSet::new();
        for Seen { stat, .. } in look.iter().filter(|one| chosen.contains_key(&one.stat.pid)) {
            if own(stat.session) {
                sessions.insert(stat.session);
                if own(stat.group) {
                    groups.insert(stat.group);
                }
            } else if chosen.contains_key(&stat.group) {
                groups.insert(stat.group);
            }
        }
        for Seen { stat, .. } in look.iter().filter(|one| spared.contains(&one.stat.pid)) {
            groups.remove(&stat.group);
            sessions.remove(&stat.session);
        }
        let mut more = Vec::new();
        for Seen { stat, .. } in look {
            if chosen.contains_key(&stat.pid) || barred.contains(&stat.pid) {
                continue;
            }
            if chosen.contains_key(&stat.ppid) {
                more.push((stat.pid, Why::Descendant));
            } else if groups.contains(&stat.group) {
                more.push((stat.pid, Why::Group));
            } else if sessions.contains(&stat.session) {
                more.push((stat.pid, Why::Session));
            }
        }
        if more.is_empty() {
            return chosen;
        }
        chosen.extend(more);
    }
}

/// Never to be chosen: the spared, pid 1, and bearers of another cookie with their descendants down to the next bearer.
fn barred(look: &[Seen], spared: &BTreeSet<i32>) -> BTreeSet<i32> {
    let foreign = look.iter().filter(|one| one.mark == Mark::Foreign).map(|one| one.stat.pid).collect();
    let bearers = look.iter().filter(|one| one.mark == Mark::Ours).map(|one| one.stat.pid).collect();
    let mut barred = below(look.iter().map(|one| &one.stat), &foreign, &bearers);
    barred.extend(foreign);
    barred.extend(spared);
    barred.insert(1);
    barred
}

/// All descendants of `roots`, without the roots; neither `but` nor what is below them.
pub(super) fn below<'a>(
    look: impl Iterator<Item = &'a Stat>,
    roots: &BTreeSet<i32>,
    but: &BTreeSet<i32>,
) -> BTreeSet<i32> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for stat in look {
        children.entry(stat.ppid).or_default().push(stat.pid);
    }
    let mut found = BTreeSet::new();
    let mut open: Vec<i32> = roots.iter().copied().collect();
    while let Some(parent) = open.pop() {
        for &child in children.get(&parent).into_iter().flatten() {
            if !but.contains(&child) && !roots.contains(&child) && found.insert(child) {
                open.push(child);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(pid: i32, ppid: i32, group: i32, session: i32, mark: Mark) -> Seen {
        let (comm, state, environ_length) = (format!("p{pid}"), b'S', None);
        let (flags, threads, cpu_ticks, start, rss) = (0, 1, 0, 1, 0);
        let stat =
            Stat { pid, comm, state, ppid, group, session, flags, threads, cpu_ticks, start, rss, environ_length };
        Seen { stat, mark }
    }

    fn chosen(look: &[Seen], spared: &[i32]) -> Vec<(i32, Why)> {
        belonging(look, &spared.iter().copied().collect()).into_iter().collect()
    }

    #[test]
    fn a_gateway_is_taken_with_tree_group_and_session() {
        let look = [
            seen(1, 0, 1, 1, Mark::Blank),
            seen(10, 1, 10, 10, Mark::Ours),
            seen(11, 10, 11, 11, Mark::Blank),
            seen(12, 11, 12, 12, Mark::Blank),
            seen(13, 1, 10, 10, Mark::Blank),
            seen(14, 1, 14, 10, Mark::Blank),
            seen(15, 1, 15, 15, Mark::Blank),
        ];
        let all =
            [(10, Why::Bearer), (11, Why::Descendant), (12, Why::Descendant), (13, Why::Group), (14, Why::Session)];
        assert_eq!(chosen(&look, &[]), all);
    }

    #[test]
    fn a_dead_leader_leaves_its_session_to_the_plane() {
        // Chromium after a kill of the gateway 10: the browser bears the cookie, its orphaned helper does not.
        let look =
            [seen(11, 1, 10, 10, Mark::Ours), seen(12, 1, 10, 10, Mark::Blank), seen(13, 1, 13, 10, Mark::Blank)];
        assert_eq!(chosen(&look, &[]), [(11, Why::Bearer), (12, Why::Group), (13, Why::Session)]);
    }

    #[test]
    fn the_shell_of_an_operator_is_safe() {
        // Shell 20 leads the session; 21 was started in it with a copied environment and 23 is its child in the same group,
        // 22 is another job, 24 shares a group whose leader is gone.
        let look = [
            seen(20, 1, 20, 20, Mark::Blank),
            seen(21, 20, 21, 20, Mark::Ours),
            seen(22, 20, 22, 20, Mark::Blank),
            seen(23, 20, 21, 20, Mark::Blank),
            seen(24, 20, 99, 20, Mark::Blank),
            seen(25, 20, 99, 20, Mark::Ours),
        ];
        assert_eq!(chosen(&look, &[]), [(21, Why::Bearer), (23, Why::Group), (25, Why::Bearer)]);
    }

    #[test]
    fn another_cookie_is_safe_with_all_below_it() {
        let look = [
            seen(10, 1, 10, 10, Mark::Ours),
            seen(11, 10, 10, 10, Mark::Foreign),
            seen(12, 11, 10, 10, Mark::Blank),
            seen(13, 12, 10, 10, Mark::Ours),
            seen(14, 13, 10, 10, Mark::Blank),
        ];
        assert_eq!(chosen(&look, &[]), [(10, Why::Bearer), (13, Why::Bearer), (14, Why::Descendant)]);
    }

    #[test]
    fn the_spared_are_safe_and_make_their_session_no_reason() {
        let look = [
            seen(1, 0, 0, 0, Mark::Ours),
            seen(10, 1, 10, 10, Mark::Ours),
            seen(11, 10, 10, 10, Mark::Ours),
            seen(12, 1, 10, 10, Mark::Blank),
        ];
        assert_eq!(chosen(&look, &[11]), [(10, Why::Bearer)]);
        assert_eq!(chosen(&look, &[]), [(10, Why::Bearer), (11, Why::Bearer), (12, Why::Group)]);
    }

    #[test]
    fn without_a_bearer_nobody_belongs() {
        let look = [seen(10, 1, 10, 10, Mark::Blank), seen(11, 10, 99, 99, Mark::Foreign)];
        assert_eq!(chosen(&look, &[]), []);
    }
}
