//! The words that findings are put together from. Decides nothing.

use std::path::Path;

use super::claim::{Claim, Claimant, Claims, PathRole, Source, Surface};
use super::codes::Code;
use super::finding::Finding;

/// The most planes that a sentence names, and the most places that a finding points at.
pub(super) const NAMED: usize = 4;

/// Planes as a sentence names them: `main`, `rescue` and 3 more.
pub(super) fn names(claims: &Claims, owners: &[usize]) -> String {
    let quoted: Vec<String> = owners.iter().map(|owner| format!("`{}`", claims.claimants[*owner].name)).collect();
    listed(&quoted)
}

/// Things as a sentence lists them, capped and counted.
pub(super) fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        _ if items.len() <= NAMED => {
            let (last, rest) = items.split_last().expect("three or more");
            format!("{} and {last}", rest.join(", "))
        }
        _ => format!("{} and {} more", items[..NAMED - 1].join(", "), items.len() - (NAMED - 1)),
    }
}

/// A path as text, made safe by whoever shows it.
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A finding about `claims` of several planes: each plane named, the first claim of each pointed at.
pub(super) fn finding<'a>(
    all: &Claims,
    code: Code,
    surface: impl Into<String>,
    of: impl IntoIterator<Item = &'a Claim>,
) -> Finding {
    let mut of: Vec<&Claim> = of.into_iter().collect();
    of.sort_by(|a, b| (a.by, a.source, &a.key, &a.place).cmp(&(b.by, b.source, &b.key, &b.place)));
    let owners = super::group::distinct(of.iter().map(|claim| claim.by));
    let mut finding = Finding::new(code, all.names(&owners), surface);
    let wants = |owner: &usize| of.iter().any(|claim| claim.by == *owner && claim.source != Source::Living);
    finding.living = all.names(&owners.iter().copied().filter(|owner| !wants(owner)).collect::<Vec<_>>());
    // Each plane's first claim before any plane's second.
    let mut last = None;
    let (first, more): (Vec<&Claim>, Vec<&Claim>) =
        of.into_iter().partition(|claim| last.replace(claim.by) != Some(claim.by));
    let mut shown: Vec<&Claim> = first.into_iter().chain(more).take(NAMED).collect();
    shown.sort_by_key(|claim| claim.by);
    for claim in shown {
        finding = finding.at(claim.place.as_ref(), label(all, claim));
    }
    finding
}

/// The words beside the carets at a claim.
pub(super) fn label(all: &Claims, claim: &Claim) -> String {
    let name = &all.claimant(claim).name;
    let of = |what: String| match claim.source {
        Source::Manifest | Source::Config => format!("`{name}`: {what}"),
        Source::Defaulted => format!("`{name}`: {what}, by default"),
        Source::Variable => format!("`{name}`: {what}, by `{}`", claim.key),
        Source::Openclaw => format!("`{name}`: {what}, by OpenClaw's default"),
        Source::Living => format!("`{name}`: {what}, as it still lives"),
    };
    match &claim.surface {
        Surface::Path(role, path) => of(format!("{} {}", role.noun(), shown(path))),
        Surface::Family(base) => of(format!("ports {base}–{}", base.saturating_add(crate::openclaw::ports::SPAN))),
        Surface::Pin(_, port) => of(format!("port {port}")),
        Surface::Browser(end) => of(format!("browser at {end}")),
        Surface::Credential(account, _) => of(format!("{} account `{}`", account.channel, account.account)),
        Surface::Profile(profile) => of(format!("profile `{profile}`")),
        Surface::Runtime(runtime) => of(runtime.clone()),
    }
}

/// How to change a claim to `value`, as the end of "to do that, …": where the key stands and what to write.
pub(super) fn change(claimant: &Claimant, claim: &Claim, value: Option<&str>) -> String {
    let name = &claimant.name;
    let manifest_key = |key: &str| match value {
        Some(value) => format!("under [planes.{name}] say `{key} = {value}`"),
        None => format!("under [planes.{name}] change `{key}`"),
    };
    let config_key = |key: &str| match value {
        Some(value) => format!("in {} say `{key}: {value}`", shown(&claimant.config)),
        None => format!("in {} change `{key}`", shown(&claimant.config)),
    };
    match (claim.source, &claim.surface) {
        (Source::Manifest | Source::Defaulted, _) => manifest_key(&claim.key),
        (Source::Config, _) => match (&claim.place, value) {
            (Some(place), Some(value)) => format!("in {} say `{}: {value}`", shown(&place.file), claim.key),
            (Some(place), None) => format!("in {} change `{}`", shown(&place.file), claim.key),
            (None, _) => config_key(&claim.key),
        },
        (Source::Variable, _) => match value {
            Some(value) => format!("set `{}` of `{name}` to {value}", claim.key),
            None => format!("change `{}` of `{name}`", claim.key),
        },
        (Source::Openclaw, Surface::Path(PathRole::Workspace, _)) => manifest_key("workspace"),
        (Source::Openclaw, Surface::Path(..)) => config_key(&claim.key),
        (Source::Openclaw, _) => config_key(&claim.key),
        (Source::Living, _) => format!("`gateward reload` ends `{name}` as it lives now"),
    }
}

/// The claim of each owner but one: who keeps the surface is a plane of role main, else the first by name.
pub(super) fn movers<'a>(all: &Claims, of: &[&'a Claim]) -> Vec<&'a Claim> {
    let keeper = of
        .iter()
        .min_by_key(|claim| (all.claimant(claim).role != crate::plane::Role::Main, claim.by))
        .map(|claim| claim.by);
    let mut seen = Vec::new();
    let mut movers = Vec::new();
    for claim in of {
        if Some(claim.by) != keeper && !seen.contains(&claim.by) {
            if movers.len() == NAMED - 1 {
                break;
            }
            seen.push(claim.by);
            movers.push(*claim);
        }
    }
    movers
}
