//! Paths that are one although they should be two, and paths that lie in one another.
//!
//! Sameness makes classes, nesting makes trees of classes, both by one sort and one sweep. All planes that meet in one
//! class, or in one tree, stand in one finding.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::claim::{Claim, Claims, PathRole, Relation, Source};
use super::codes::Code;
use super::finding::Finding;
use super::group::{Union, distinct, runs};
use super::keys::Key;
use super::remedy::{is_at_home, movers, steps};
use super::suggest::Suggest;
use super::surroundings::{EntryKind, Named, Surroundings};
use super::wording::{finding, listed, names, shown};
use crate::plane::shell::own_copy;

/// Everything that is wrong between the paths of different planes.
pub(super) fn findings(claims: &Claims, around: &Surroundings, suggest: &mut Suggest) -> Vec<Finding> {
    let ground = Ground::new(apart(claims), around);
    let mut found = ground.same(claims, suggest);
    found.extend(ground.nested(claims, suggest));
    found
}

/// The claims of paths that must lie apart from those of other planes.
pub(super) fn apart(claims: &Claims) -> impl Iterator<Item = (&Claim, &Path)> {
    let paths = claims.claims.iter().filter_map(|claim| Some((claim, claim.path()?)));
    paths.filter(|(_, (role, _))| role.relation() == Relation::Apart).map(|(claim, (_, path))| (claim, path))
}

/// Those paths, put in order.
struct Ground<'a> {
    claims: Vec<&'a Claim>,
    /// By name, then by place within a file system.
    keys: [Vec<(Key, usize)>; 2],
    /// The class of each claim: an index into `owners`.
    class: Vec<usize>,
    /// Who claims each class, rising.
    owners: Vec<Vec<usize>>,
    /// The class of each plane's state dir.
    state_dirs: HashMap<usize, usize>,
    around: &'a Surroundings,
}

impl<'a> Ground<'a> {
    fn new(paths: impl Iterator<Item = (&'a Claim, &'a Path)>, around: &'a Surroundings) -> Self {
        let (claims, paths): (Vec<&Claim>, Vec<&Path>) = paths.unzip();
        let mut by_name = Vec::with_capacity(claims.len());
        let mut by_place = Vec::new();
        let mut by_inode = Vec::new();
        for (index, path) in paths.iter().enumerate() {
            by_name.push((Key::by_name(path, around), index));
            let Some(identity) = around.identity(path) else { continue };
            by_place.extend(Key::by_place(identity).map(|key| (key, index)));
            if let Some(entry) = identity.entry.filter(|entry| entry.kind == EntryKind::File) {
                by_inode.push((entry.inode, index));
            }
        }
        by_name.sort();
        by_place.sort();
        by_inode.sort_unstable();
        let mut union = Union::new(claims.len());
        join_equal(&mut union, &by_name);
        join_equal(&mut union, &by_place);
        join_equal(&mut union, &by_inode);
        let class: Vec<usize> = (0..claims.len()).map(|index| union.root(index)).collect();
        let mut owners = vec![Vec::new(); claims.len()];
        for (index, claim) in claims.iter().enumerate() {
            owners[class[index]].push(claim.by);
        }
        let owners = owners.into_iter().map(distinct).collect();
        let is_state_dir = |claim: &Claim| claim.path().is_some_and(|(role, _)| role == PathRole::StateDir);
        let state_dirs = claims.iter().zip(&class).filter(|(claim, _)| is_state_dir(claim));
        let state_dirs = state_dirs.map(|(claim, class)| (claim.by, *class)).collect();
        Self { claims, keys: [by_name, by_place], class, owners, state_dirs, around }
    }

    /// One finding for each class and each role that two planes give it; one more where they give it different roles.
    fn same(&self, all: &Claims, suggest: &mut Suggest) -> Vec<Finding> {
        let shared = (0..self.claims.len()).filter(|index| self.owners[self.class[*index]].len() > 1);
        let mut found = Vec::new();
        for (_, members) in runs(shared.map(|index| (self.class[index], index)).collect()) {
            let of_role = |index: &usize| (self.role(*index).shared(), self.claims[*index].by);
            let roles: Vec<(Code, Vec<usize>)> = runs(members.iter().map(of_role).collect())
                .into_iter()
                .map(|(code, owners)| (code, distinct(owners)))
                .collect();
            for (code, owners) in roles.iter().filter(|(_, owners)| owners.len() > 1) {
                let of: Vec<usize> = members.iter().copied().filter(|i| self.role(*i).shared() == *code).collect();
                if self.follows_from_state_dir(all, &of) {
                    continue;
                }
                found.push(self.shared(all, *code, owners, &of, suggest));
            }
            if self.has_strangers(&roles, &members) {
                let owners = &self.owners[self.class[members[0]]];
                found.push(self.shared(all, Code::PathShared, owners, &members, suggest));
            }
        }
        found
    }

    /// Whether nobody wrote any of these, and all of them follow from one state dir, which is said already.
    fn follows_from_state_dir(&self, all: &Claims, of: &[usize]) -> bool {
        let state_dir = |index: &usize| &all.claimant(self.claims[*index]).state_dir;
        let is_derived = |index: &usize| {
            let written = matches!(self.claims[*index].source, Source::Manifest | Source::Config | Source::Variable);
            let path = self.path(*index);
            !written && path != state_dir(index) && path.starts_with(state_dir(index))
        };
        let class_of_state_dir = |index: &usize| self.state_dirs.get(&self.claims[*index].by);
        of.iter().all(is_derived) && of.iter().all(|index| class_of_state_dir(index) == class_of_state_dir(&of[0]))
    }

    /// Whether two planes of a class have no role in common there.
    fn has_strangers(&self, roles: &[(Code, Vec<usize>)], members: &[usize]) -> bool {
        let owners = &self.owners[self.class[members[0]]];
        if roles.iter().any(|(_, with)| with.len() == owners.len()) {
            return false;
        }
        let roles_of = |owner: &usize| {
            let of = roles.iter().enumerate().filter(|(_, (_, with))| with.binary_search(owner).is_ok());
            of.fold(0_u32, |set, (index, _)| set | 1 << index)
        };
        let sets = distinct(owners.iter().map(|owner| roles_of(owner) as usize));
        sets.iter().any(|a| sets.iter().any(|b| a & b == 0))
    }

    fn shared(&self, all: &Claims, code: Code, owners: &[usize], of: &[usize], suggest: &mut Suggest) -> Finding {
        let mut involved: Vec<&Claim> = of.iter().map(|index| self.claims[*index]).collect();
        involved.sort_by_key(|claim| (claim.by, claim.source));
        let first = of.iter().copied().min_by_key(|index| self.path(*index)).expect("a class has members");
        let surface = shown(self.path(first));
        let what = if code == Code::PathShared { "path" } else { self.role(first).noun() };
        let message =
            format!("{} have one {what}, {surface}{}", names(all, owners), self.unlike(of).unwrap_or_default());
        let hint = match self.hard_link(of).or_else(|| self.linked_file(of, &movers(all, &involved))) {
            Some(link) => format!("make {} a file of its own: {}", shown(link), own_copy(link)),
            None => steps(all, &movers(all, &involved), suggest),
        };
        finding(all, code, surface, involved).saying(message).hinting(hint)
    }

    /// The path to be made a file of its own, where only a hard link makes one of two.
    fn hard_link(&self, of: &[usize]) -> Option<&Path> {
        let by_name = |index: &usize| Key::by_name(self.path(*index), self.around);
        let by_place = |index: &usize| self.around.identity(self.path(*index)).and_then(Key::by_place);
        let keeper = of.iter().min_by_key(|index| self.claims[**index].by)?;
        let is_other = |index: &&usize| {
            by_name(index) != by_name(keeper) && (by_place(keeper).is_none() || by_place(index) != by_place(keeper))
        };
        let other = of.iter().filter(|index| self.claims[**index].by != self.claims[*keeper].by);
        let mut other = other.peekable();
        other.peek()?;
        other.find(is_other).map(|index| self.path(*index))
    }

    /// The same where a config, or what it includes, is a link: first of those who are to move.
    fn linked_file(&self, of: &[usize], movers: &[&Claim]) -> Option<&Path> {
        let is_link = |index: &&usize| {
            let identity = self.around.identity(self.path(**index));
            let is_files = matches!(self.role(**index), PathRole::Config | PathRole::Include);
            is_files && identity.is_some_and(|identity| identity.named == Named::Link)
        };
        let stays = |index: &&usize| !movers.iter().any(|claim| claim.by == self.claims[**index].by);
        of.iter().filter(is_link).min_by_key(stays).map(|index| self.path(*index))
    }

    /// How paths that are spelled differently come to be one.
    fn unlike(&self, of: &[usize]) -> Option<String> {
        let mut spellings: Vec<&Path> = of.iter().map(|index| self.path(*index)).collect();
        spellings.sort_unstable();
        spellings.dedup();
        let (first, other) = (spellings.first()?, spellings.get(1)?);
        let identities = (self.around.identity(first), self.around.identity(other));
        let how = match identities {
            (Some(a), Some(b)) if a.canonical == b.canonical => "through links or spelling",
            (Some(a), Some(b)) if Key::by_place(a).is_some() && Key::by_place(a) == Key::by_place(b) => {
                if a.folds_after.is_some() && Key::by_name(first, self.around) == Key::by_name(other, self.around) {
                    "as its folder takes upper and lower case for the same"
                } else {
                    "through a bind mount"
                }
            }
            (Some(a), Some(b)) if a.entry.map(|e| e.inode) == b.entry.map(|e| e.inode) && a.entry.is_some() => {
                "through a hard link"
            }
            _ => "by another spelling",
        };
        Some(format!(" (which is also {}, {how})", shown(other)))
    }

    /// One finding for each tree in which one plane's path lies within another's. What names show already is not said
    /// again for the places within their file systems.
    fn nested(&self, all: &Claims, suggest: &mut Suggest) -> Vec<Finding> {
        let [by_name, by_place] = &self.keys;
        let mut found: Vec<Finding> = self.trees(by_name).iter().map(|tree| self.tree(all, tree, suggest)).collect();
        let said = found.len();
        for tree in self.trees(by_place) {
            let one = self.tree(all, &tree, suggest);
            let covers = |other: &Finding| one.planes.iter().all(|plane| other.planes.contains(plane));
            if !found[..said].iter().any(covers) {
                found.push(one);
            }
        }
        found
    }

    /// The claims of every tree in which planes really meet, each in order of its keys.
    fn trees(&self, keys: &[(Key, usize)]) -> Vec<Vec<usize>> {
        let mut trees = Vec::new();
        let mut open: Vec<(&Key, usize)> = Vec::new();
        let mut members = Vec::new();
        let mut meet = false;
        for (key, index) in keys {
            let class = self.class[*index];
            while open.last().is_some_and(|(outer, _)| !key.is_within(outer)) {
                open.pop();
            }
            if open.is_empty() {
                trees.extend(std::mem::take(&mut meet).then(|| std::mem::take(&mut members)));
                members.clear();
            }
            members.push(*index);
            if open.last().is_none_or(|(outer, _)| *outer != key) {
                meet = meet || (0..open.len()).any(|depth| self.meet(&open, depth, class));
                open.push((key, class));
            }
        }
        trees.extend(meet.then_some(members));
        trees
    }

    /// Whether a plane's path of class `inner` lies within another plane's at `open[depth]`, and that is not said already by
    /// their sharing one of the two, or a folder around both.
    fn meet(&self, open: &[(&Key, usize)], depth: usize, inner: usize) -> bool {
        let (inside, around) = (&self.owners[inner], &self.owners[open[depth].1]);
        if inside == around {
            return false;
        }
        let lacks = |owners: &[usize], owner: &usize| owners.binary_search(owner).is_err();
        let shared_above = |a: &usize, b: &usize| {
            open.iter().any(|(_, class)| !lacks(&self.owners[*class], a) && !lacks(&self.owners[*class], b))
        };
        inside
            .iter()
            .filter(|owner| lacks(around, owner))
            .any(|within| around.iter().any(|holder| lacks(inside, holder) && !shared_above(within, holder)))
    }

    /// The finding for one tree; `members` are its claims in order of their keys.
    fn tree(&self, all: &Claims, members: &[usize], suggest: &mut Suggest) -> Finding {
        let outermost = members[0];
        let holders = &self.owners[self.class[outermost]];
        let mut involved: Vec<&Claim> = vec![self.claims[outermost]];
        let mut inner: Vec<&Claim> = Vec::new();
        // Of each plane the topmost paths that no holder has too; else, if it has no other, its topmost one.
        let telling = |index: &usize| {
            let class = &self.owners[self.class[*index]];
            !class.iter().any(|owner| holders.binary_search(owner).is_ok())
        };
        let (first, rest): (Vec<usize>, Vec<usize>) = members.iter().copied().partition(telling);
        let mut top: Vec<Option<&Path>> = vec![None; all.claimants.len()];
        for index in first.into_iter().chain(rest) {
            let (claim, path) = (self.claims[index], self.path(index));
            let is_below = top[claim.by].is_some_and(|above| path.starts_with(above));
            let is_said = is_below || (top[claim.by].is_some() && !telling(&index));
            if holders.binary_search(&claim.by).is_err() && !is_said {
                top[claim.by] = Some(path);
                inner.push(claim);
            }
        }
        inner.sort_by_key(|claim| claim.by);
        let phrases: Vec<String> = inner.iter().map(|claim| self.phrase(all, claim)).collect();
        let surface = shown(self.path(outermost));
        let verb = if inner.len() == 1 { "lies" } else { "lie" };
        let message = format!("{} {verb} inside {}, {surface}", listed(&phrases), self.holding(all, members));
        let hint = steps(all, &self.leaving(all, members, &inner), suggest);
        involved.extend(holders.iter().filter_map(|holder| {
            let of_holder = members.iter().copied().filter(|index| self.class[*index] == self.class[outermost]);
            of_holder.map(|index| self.claims[index]).find(|claim| claim.by == *holder)
        }));
        involved.extend(inner);
        finding(all, Code::PathNested, surface, involved).saying(message).hinting(hint)
    }

    /// Who leaves a tree: whoever keeps something inside that does not belong there; where all of it does, who holds it.
    fn leaving(&self, all: &Claims, members: &[usize], inner: &[&'a Claim]) -> Vec<&'a Claim> {
        let class = self.class[members[0]];
        let outermost = members.iter().filter(|index| self.class[**index] == class).map(|index| self.claims[*index]);
        let at_home = inner.iter().filter(|claim| is_at_home(all, claim));
        let keepers = distinct(at_home.map(|claim| claim.by));
        let is_planted = |claim: &&Claim| keepers.iter().any(|by| *by != claim.by) && !is_at_home(all, claim);
        let mut leaving: Vec<&Claim> = outermost.filter(is_planted).collect();
        let stay = if leaving.is_empty() { Vec::new() } else { keepers.clone() };
        let movers = distinct(inner.iter().map(|claim| claim.by).filter(|by| !stay.contains(by)));
        // A config does not follow its state dir, and what is written follows nothing.
        let follows = |claim: &Claim| match claim.source {
            Source::Openclaw => true,
            Source::Defaulted => claim.key == "workspace",
            Source::Manifest | Source::Config | Source::Variable | Source::Living => false,
        };
        let told: Vec<&Claim> = members.iter().map(|index| self.claims[*index]).collect();
        // Guests are among them. A plane may have a hundred thousand agents there.
        let inside: BTreeSet<&Claim> = inner.iter().copied().collect();
        let moves = |claim: &&Claim| movers.contains(&claim.by) && (inside.contains(claim) || !follows(claim));
        let held = &self.owners[class];
        leaving.extend(told.into_iter().filter(moves).filter(|claim| held.binary_search(&claim.by).is_err()));
        leaving.sort_by_key(|claim| (claim.by, claim.source));
        leaving
    }

    /// "the state dir of `main` and the workspace of `rescue`": what the outermost path of a tree is to each who has it.
    fn holding(&self, all: &Claims, members: &[usize]) -> String {
        let class = self.class[members[0]];
        let of_it = members.iter().filter(|index| self.class[**index] == class);
        let mut roles: Vec<(usize, PathRole)> =
            of_it.map(|index| (self.claims[*index].by, self.role(*index))).collect();
        // Of several roles with one plane the foremost tells.
        roles.sort_unstable();
        roles.dedup_by_key(|(by, _)| *by);
        let by_role = runs(roles.into_iter().map(|(by, role)| (role, by)).collect());
        let said: Vec<String> =
            by_role.iter().map(|(role, of)| format!("the {} of {}", role.noun(), names(all, of))).collect();
        listed(&said)
    }

    /// "the workspace of `rescue`, /a/b (that is /c/d)".
    fn phrase(&self, all: &Claims, claim: &Claim) -> String {
        let (role, path) = claim.path().expect("only paths are on this ground");
        let followed = self.around.identity(path).filter(|identity| identity.canonical != path);
        let followed = followed.map(|identity| format!(" (that is {})", shown(&identity.canonical)));
        let name = &all.claimant(claim).name;
        format!("the {} of `{name}`, {}{}", role.noun(), shown(path), followed.unwrap_or_default())
    }

    fn role(&self, index: usize) -> PathRole {
        self.claims[index].path().expect("only paths are on this ground").0
    }

    fn path(&self, index: usize) -> &'a Path {
        self.claims[index].path().expect("only paths are on this ground").1
    }
}

fn join_equal<K: PartialEq>(union: &mut Union, sorted: &[(K, usize)]) {
    for pair in sorted.windows(2) {
        if pair[0].0 == pair[1].0 {
            union.join(pair[0].1, pair[1].1);
        }
    }
}
