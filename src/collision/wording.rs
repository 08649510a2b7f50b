//! The words that findings are put together from. Decides nothing.

use std::path::Path;

use super::claim::{Claim, Claims, Source, Surface};
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
        Surface::Container(container) => of(format!("container `{container}`")),
    }
}
