//! What is linked, hard-linked or mounted inside state dirs and workspaces, so that it may be another plane's as well.
//!
//! Lists a bounded set of folders and never walks: those in which OpenClaw keeps what two gateways must not share.

use std::collections::HashSet;
use std::fs::{self, DirEntry};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::identity::Resolver;
use crate::collision::claim::{Claims, PathRole};

/// More entries of one folder than this are not looked at, and more folders of a kind neither.
const MOST_ENTRIES: usize = 1024;
const MOST_FOLDERS: usize = 64;

/// A folder with more links than this is not OpenClaw's; the rest are not taken.
const MOST_LINKS: usize = 64;

/// What a gateway keeps directly in its state dir.
const PARTS: [&str; 7] = ["state", "credentials", "browser", "agents", "media", "cache", "workspace"];

/// Everything of the kind, with the claimant that has it.
pub(super) fn seen(claims: &Claims, resolver: &mut Resolver) -> Vec<(usize, PathRole, PathBuf)> {
    let mut found = Vec::new();
    for (by, one) in claims.claimants.iter().enumerate() {
        let state_dir = one.state_dir.as_path();
        let linked = listed(state_dir).into_iter().flat_map(|folder| links_in(&folder));
        let mounted = resolver.mounted_below(state_dir);
        found.extend(linked.chain(mounted).map(|path| (by, role(state_dir, &path), path)));
    }
    let of_role = |wanted: PathRole| {
        let paths = claims.claims.iter().filter_map(|claim| Some((claim.by, claim.path()?)));
        paths.filter(move |(_, (role, _))| *role == wanted).map(|(by, (_, path))| (by, path))
    };
    for (by, folder) in of_role(PathRole::AgentDir) {
        found.extend(links_in(folder).into_iter().map(|path| (by, PathRole::StatePart, path)));
    }
    for (by, folder) in of_role(PathRole::Workspace) {
        let links = links_in(folder).into_iter().chain(hard_links_in(folder)).chain(resolver.mounted_below(folder));
        found.extend(links.map(|path| (by, PathRole::WorkspaceLink, path)));
    }
    if found.is_empty() {
        return found;
    }
    let claimed: HashSet<(usize, &Path)> =
        claims.claims.iter().filter_map(|claim| Some((claim.by, claim.path()?.1))).collect();
    let files = claims.claims.iter().filter_map(|claim| Some((claim.by, claim.path()?)));
    let files = files.filter(|(_, (role, _))| matches!(role, PathRole::Config | PathRole::Include));
    let files: HashSet<(usize, &Path)> = files.map(|(by, (_, path))| (by, path)).collect();
    // What is claimed by a key of its own is compared as what it is, but for the folders that were always looked at.
    found.retain(|(by, role, path)| {
        let one = (*by, path.as_path());
        if *role == PathRole::StateLink { !files.contains(&one) } else { !claimed.contains(&one) }
    });
    found.sort();
    found.dedup_by(|a, b| (a.0, &a.2) == (b.0, &b.2));
    found
}

/// The folders of a state dir that are looked into.
fn listed(state_dir: &Path) -> Vec<PathBuf> {
    let at = |name: &str| state_dir.join(name);
    let browsers = entries(&at("browser")).into_iter().filter(is_folder).map(|entry| entry.path());
    let mut folders = vec![state_dir.to_owned(), at("state"), at("credentials"), at("browser"), at("agents")];
    folders.extend(browsers.take(MOST_FOLDERS));
    // Their sessions lie beside what is an agent's own.
    folders.extend(agents(state_dir));
    folders
}

/// The parts of a state dir that would be two planes' if they were links, there or not.
pub fn parts(state_dir: &Path) -> Vec<PathBuf> {
    let mut parts: Vec<PathBuf> = PARTS.iter().map(|name| state_dir.join(name)).collect();
    for agent in agents(state_dir) {
        parts.extend([agent.join("agent"), agent.join("sessions"), agent]);
    }
    let entries = entries(&state_dir.join("browser"));
    parts.extend(entries.into_iter().take(MOST_FOLDERS).map(|entry| entry.path()));
    parts.extend(links_in(state_dir));
    parts
}

/// The folders of its agents.
fn agents(state_dir: &Path) -> Vec<PathBuf> {
    let entries = entries(&state_dir.join("agents")).into_iter();
    entries.filter(is_folder).take(MOST_FOLDERS).map(|entry| entry.path()).collect()
}

/// What a thing inside a state dir is to its plane.
fn role(state_dir: &Path, path: &Path) -> PathRole {
    let below = path.strip_prefix(state_dir).unwrap_or(path);
    let is_private = ["browser", "credentials", "state"].iter().any(|name| below.starts_with(name));
    let is_agents = below.starts_with("agents") && below.components().count() > 1;
    let is_file = is_hard_link(path);
    if is_private || is_agents || is_file { PathRole::StatePart } else { PathRole::StateLink }
}

/// The links directly inside `folder`, and the files that have other names as well, by name.
fn links_in(folder: &Path) -> Vec<PathBuf> {
    let is_link = |entry: &DirEntry| entry.file_type().is_ok_and(|kind| kind.is_symlink());
    let links = entries(folder).into_iter().filter(|entry| is_link(entry) || is_hard_link(&entry.path()));
    let mut links: Vec<PathBuf> = links.take(MOST_LINKS).map(|entry| entry.path()).collect();
    links.sort();
    links
}

/// The files directly inside `folder` that have other names as well, whatever they are called: of a workspace all are its own.
fn hard_links_in(folder: &Path) -> Vec<PathBuf> {
    let is_one = |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|facts| facts.is_file() && facts.nlink() > 1);
    let mut files: Vec<PathBuf> = entries(folder).into_iter().map(|entry| entry.path()).filter(is_one).collect();
    files.sort();
    files.truncate(MOST_LINKS);
    files
}

fn entries(folder: &Path) -> Vec<DirEntry> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(Result::ok).take(MOST_ENTRIES).collect()
}

fn is_folder(entry: &DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_dir())
}

/// Whether this is a file of the kind that a gateway writes, with a second name somewhere.
fn is_hard_link(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let is_written = name == ".env" || name.contains(".sqlite") || name.ends_with(".json");
    is_written && fs::symlink_metadata(path).is_ok_and(|facts| facts.is_file() && facts.nlink() > 1)
}
