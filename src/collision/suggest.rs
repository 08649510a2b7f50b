//! Ports and paths to offer: free of everything that is known, and of everything offered before.
//!
//! An offer is one of the values that a hint may name; a hint without a free value says what to change and no value.

use std::path::{Path, PathBuf};

use super::claim::{Claim, Claims, PathRole, Relation, Surface};
use super::keys::Key;
use super::surroundings::{Ephemeral, Surroundings};
use crate::openclaw::ports::{ADVISED_SPACING, DEFAULT_BASE, HIGHEST_BASE, SPAN};

/// The most values that one proof offers: a thousand planes on one port need a new numbering, not a thousand hints.
const OFFERS: usize = 64;

/// The lowest port that is offered: those below need rights.
const LOWEST: u16 = 1024;

/// What may still be offered.
pub(super) struct Suggest<'a> {
    around: &'a Surroundings,
    left: usize,
    /// Made at the first question.
    bases: Option<Bases>,
    /// Claimed paths with their owners, sorted; gateward's own have none. Made at the first question.
    paths: Option<Vec<(Key, Option<usize>)>>,
    /// Paths offered before.
    offered: Vec<(Key, Option<usize>)>,
    /// Base ports offered before: a plane that must move for two reasons moves once.
    moved: Vec<(usize, u16)>,
    /// State dirs offered before: what is offered later for that plane goes there.
    state_dirs: Vec<(usize, PathBuf)>,
}

impl<'a> Suggest<'a> {
    pub(super) fn new(around: &'a Surroundings) -> Self {
        Self {
            around,
            left: OFFERS,
            bases: None,
            paths: None,
            offered: Vec::new(),
            moved: Vec::new(),
            state_dirs: Vec::new(),
        }
    }

    /// A base port whose family is 120 from every other and holds no port that is pinned, ephemeral or listened on; the
    /// next above `near`, else the lowest. One plane is offered one.
    pub(super) fn base(&mut self, claims: &Claims, by: usize, near: u16) -> Option<u16> {
        if let Some((_, base)) = self.moved.iter().find(|(owner, _)| *owner == by) {
            return Some(*base);
        }
        self.left = self.left.checked_sub(1)?;
        let base = self.bases.get_or_insert_with(|| taken_bases(claims, self.around)).take(near)?;
        self.moved.push((by, base));
        Some(base)
    }

    /// A path for what `claim` is for, that meets no other plane's.
    pub(super) fn path(&mut self, claims: &Claims, claim: &Claim) -> Option<PathBuf> {
        self.left = self.left.checked_sub(1)?;
        let (role, _) = claim.path()?;
        let claimant = claims.claimant(claim);
        if role == PathRole::StateDir {
            return self.state_dir(claims, claim.by);
        }
        let state_dir = if self.is_free(claims, &claimant.state_dir, claim.by) {
            claimant.state_dir.clone()
        } else {
            self.state_dir(claims, claim.by)?
        };
        let below = match role {
            PathRole::Config => "openclaw.json",
            PathRole::Workspace => "workspace",
            PathRole::OauthDir => "credentials",
            PathRole::LogFile => "logs/gateway.log",
            PathRole::Sessions => "sessions",
            PathRole::BrowserData => "browser-data",
            PathRole::ChannelLogin => "channel-login",
            PathRole::Sandboxes => "sandboxes",
            PathRole::PluginData => "plugin-data",
            PathRole::Home => "home",
            PathRole::StateDir
            | PathRole::Include
            | PathRole::AgentDir
            | PathRole::StateLink
            | PathRole::StatePart
            | PathRole::WorkspaceLink
            | PathRole::Cwd
            | PathRole::AgentCwd => return None,
        };
        let offered = state_dir.join(below);
        // Where it is already, a hard link say makes it another's: that is no way out.
        if claim.path().is_some_and(|(_, path)| Key::by_name(path, self.around) == Key::by_name(&offered, self.around))
        {
            return None;
        }
        self.take(claims, offered, claim.by)
    }

    fn state_dir(&mut self, claims: &Claims, by: usize) -> Option<PathBuf> {
        if let Some((_, offered)) = self.state_dirs.iter().find(|(owner, _)| *owner == by) {
            return Some(offered.clone());
        }
        let claimant = &claims.claimants[by];
        let name = &claimant.name;
        let homes =
            [claimant.home.join(format!(".openclaw-{name}")), claimant.home.join("openclaw").join(name.as_str())];
        let beside = claimant.state_dir.parent().map(|parent| parent.join(name.as_str()));
        let offered = homes.into_iter().chain(beside).find_map(|path| self.take(claims, path, by))?;
        self.state_dirs.push((by, offered.clone()));
        Some(offered)
    }

    fn take(&mut self, claims: &Claims, path: PathBuf, by: usize) -> Option<PathBuf> {
        if !self.is_free(claims, &path, by) {
            return None;
        }
        let keys = self.keys(&path);
        self.offered.extend(keys.into_iter().map(|key| (key, Some(by))));
        Some(path)
    }

    /// Whether `path` neither is, nor holds, nor lies in what is another's, by name or by its place in a file system.
    fn is_free(&mut self, claims: &Claims, path: &Path, by: usize) -> bool {
        let around = self.around;
        let keys = self.keys(path);
        let taken = self.paths.get_or_insert_with(|| taken_paths(claims, around));
        let foreign = |owner: &Option<usize>| *owner != Some(by);
        let at = |key: &Key| taken.partition_point(|(other, _)| other < key);
        keys.iter().all(|key| {
            let within = taken[at(key)..].iter().take_while(|(other, _)| other.is_within(key));
            let mut holding = key.ancestors().flat_map(|outer| {
                let start = at(&outer);
                taken[start..].iter().take_while(move |(other, _)| *other == outer)
            });
            !within.into_iter().any(|(_, owner)| foreign(owner))
                && !holding.any(|(_, owner)| foreign(owner))
                && !self
                    .offered
                    .iter()
                    .any(|(other, owner)| foreign(owner) && (other.is_within(key) || key.is_within(other)))
        })
    }

    /// The keys of a path that was perhaps not looked at: by its nearest folder that was.
    fn keys(&self, path: &Path) -> Vec<Key> {
        let known = path.ancestors().find_map(|folder| Some((folder, self.around.identity(folder)?)));
        match known {
            Some((folder, identity)) => {
                let rest = path.strip_prefix(folder).unwrap_or(Path::new(""));
                let mut below = identity.clone();
                below.canonical = joined(&identity.canonical, rest);
                if let Some(within) = &mut below.within {
                    within.path = joined(&within.path, rest);
                }
                std::iter::once(Key::of(&below)).chain(Key::by_place(&below)).collect()
            }
            None => vec![Key::spelled(path)],
        }
    }
}

/// Without the slash that joining nothing would leave.
fn joined(folder: &Path, rest: &Path) -> PathBuf {
    if rest.as_os_str().is_empty() { folder.to_owned() } else { folder.join(rest) }
}

/// Every base port whose family would meet something.
fn taken_bases(claims: &Claims, around: &Surroundings) -> Bases {
    let (mut families, mut single) = (Vec::new(), Vec::new());
    for claim in &claims.claims {
        match &claim.surface {
            Surface::Family(base) => families.push(*base),
            Surface::Pin(_, port) => single.push(*port),
            Surface::Path(..)
            | Surface::Browser(_)
            | Surface::Credential(..)
            | Surface::Profile(_)
            | Surface::Runtime(_) => {}
        }
    }
    single.extend(around.live.iter().flat_map(|live| live.listeners.iter().map(|at| at.port)));
    Bases::new(&families, &single, around.ephemeral.as_ref())
}

/// Base ports that may not be given out any more: ranges, merged and rising.
pub(super) struct Bases(Vec<(u16, u16)>);

impl Bases {
    /// All but those that would meet a family, a single port, or an ephemeral one.
    pub(super) fn new(families: &[u16], single: &[u16], ephemeral: Option<&Ephemeral>) -> Self {
        let holds = |first: u16, last: u16| (first.saturating_sub(SPAN), last);
        let families = families.iter().map(|base| beside(*base));
        let single = single.iter().map(|port| holds(*port, *port));
        let ephemeral = ephemeral.map(|of| holds(*of.range.start(), *of.range.end()));
        Self(merged(families.chain(single).chain(ephemeral).collect()))
    }

    /// Gives out the next one from `near` on, else the lowest.
    pub(super) fn take(&mut self, near: u16) -> Option<u16> {
        let base = next_free(&self.0, near.max(LOWEST)).or_else(|| next_free(&self.0, LOWEST))?;
        self.0.push(beside(base));
        self.0 = merged(std::mem::take(&mut self.0));
        Some(base)
    }
}

/// The base ports that are too near to `base`.
fn beside(base: u16) -> (u16, u16) {
    (base.saturating_sub(ADVISED_SPACING - 1), base.saturating_add(ADVISED_SPACING - 1))
}

fn merged(mut ranges: Vec<(u16, u16)>) -> Vec<(u16, u16)> {
    ranges.sort_unstable();
    let mut out: Vec<(u16, u16)> = Vec::new();
    for (first, last) in ranges {
        match out.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = (*end).max(last),
            _ => out.push((first, last)),
        }
    }
    out
}

/// The first base port from `from` on that lies in none of the merged ranges.
fn next_free(taken: &[(u16, u16)], from: u16) -> Option<u16> {
    let after = taken.partition_point(|(_, last)| *last < from);
    let base = match taken.get(after) {
        Some((first, last)) if *first <= from => last.checked_add(1)?,
        _ => from,
    };
    (base <= HIGHEST_BASE).then_some(base)
}

fn taken_paths(claims: &Claims, around: &Surroundings) -> Vec<(Key, Option<usize>)> {
    let planes = claims.claims.iter().filter_map(|claim| {
        let (role, path) = claim.path()?;
        (role.relation() == Relation::Apart).then_some((path, Some(claim.by)))
    });
    let own = claims.own.iter().map(|own| (own.path.as_path(), None));
    let by_place = |path: &Path| around.identity(path).and_then(Key::by_place);
    let keyed = planes.chain(own).flat_map(|(path, owner)| {
        let keys = std::iter::once(Key::by_name(path, around)).chain(by_place(path));
        keys.map(move |key| (key, owner))
    });
    let mut taken: Vec<_> = keyed.collect();
    taken.sort();
    taken
}

/// The base port near which a plane is offered another: its own, or OpenClaw's default for one below all that may be used.
pub(super) fn near(base: u16) -> u16 {
    if (LOWEST..=HIGHEST_BASE).contains(&base) { base } else { DEFAULT_BASE }
}

#[cfg(test)]
mod tests {
    use super::{merged, next_free};

    #[test]
    fn ranges_merge_and_gaps_are_found() {
        let taken = merged(vec![(300, 400), (100, 200), (201, 250), (390, 450)]);
        assert_eq!(taken, [(100, 250), (300, 450)]);
        assert_eq!(next_free(&taken, 50), Some(50));
        assert_eq!(next_free(&taken, 100), Some(251));
        assert_eq!(next_free(&taken, 250), Some(251));
        assert_eq!(next_free(&taken, 260), Some(260));
        assert_eq!(next_free(&taken, 300), Some(451));
        assert_eq!(next_free(&[(0, u16::MAX)], 5), None);
        assert_eq!(next_free(&[(60000, 65420)], 60000), Some(65421));
        assert_eq!(next_free(&[(60000, 65425)], 60000), None);
    }
}
