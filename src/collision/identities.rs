//! Names and identities that planes should not have in common: profile, HOME, remote browser, channel credential, runtime,
//! container.

use super::claim::{Claim, Claims, PathRole, Surface};
use super::codes::Code;
use super::finding::Finding;
use super::gather::ON_PATH;
use super::group::{distinct, runs};
use super::keys::Key;
use super::remedy::{movers, step, steps};
use super::suggest::Suggest;
use super::surroundings::Surroundings;
use super::wording::{finding, listed, names, shown};
use crate::openclaw::config::credential::Fingerprint;
use crate::openclaw::config::declared::{Endpoint, Standing};
use crate::plane::Role;

/// Everything that is wrong between identities.
pub(super) fn findings(claims: &Claims, around: &Surroundings, suggest: &mut Suggest) -> Vec<Finding> {
    let mut found = Vec::new();
    for (common, of) in shared(claims, around) {
        match common {
            Common::Profile(profile) => found.push(profiles(claims, profile, &of, suggest)),
            Common::Home(_) => found.extend(homes(claims, &of, suggest)),
            Common::Browser(end) => found.push(browsers(claims, end, &of, suggest)),
            Common::Credential(_) => found.extend(credentials(claims, &of, suggest)),
            Common::Runtime(runtime) => found.extend(runtimes(claims, runtime, &of)),
            Common::Container(container) => found.push(containers(claims, container, &of, suggest)),
        }
    }
    found
}

/// What two planes can have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Common<'a> {
    Profile(&'a str),
    Home(Key),
    Browser(&'a Endpoint),
    Credential(&'a Fingerprint),
    Runtime(&'a str),
    Container(&'a str),
}

fn common<'a>(claim: &'a Claim, around: &Surroundings) -> Option<Common<'a>> {
    match &claim.surface {
        Surface::Profile(profile) => Some(Common::Profile(profile)),
        Surface::Path(PathRole::Home, home) => {
            let place = around.identity(home).and_then(Key::by_place);
            Some(Common::Home(place.unwrap_or_else(|| Key::by_name(home, around))))
        }
        Surface::Browser(end) => Some(Common::Browser(end)),
        Surface::Credential(_, fingerprint) => Some(Common::Credential(fingerprint)),
        Surface::Runtime(runtime) => Some(Common::Runtime(runtime)),
        Surface::Container(container) => Some(Common::Container(container)),
        Surface::Path(..) | Surface::Family(_) | Surface::Pin(..) => None,
    }
}

/// Each identity that several planes claim, with their claims in order of planes.
fn shared<'a>(claims: &'a Claims, around: &Surroundings) -> Vec<(Common<'a>, Vec<&'a Claim>)> {
    let keyed = claims.claims.iter().enumerate().filter_map(|(index, claim)| Some((common(claim, around)?, index)));
    let runs = runs(keyed.collect()).into_iter();
    let runs = runs.map(|(key, of)| (key, of.into_iter().map(|index| &claims.claims[index]).collect::<Vec<_>>()));
    runs.filter(|(_, of)| of.iter().any(|claim| claim.by != of[0].by)).collect()
}

fn owners(of: &[&Claim]) -> Vec<usize> {
    distinct(of.iter().map(|claim| claim.by))
}

fn profiles(claims: &Claims, profile: &str, of: &[&Claim], suggest: &mut Suggest) -> Finding {
    let message = format!(
        "{} have one OpenClaw profile, `{profile}`: one name for two services, two default logs and two default ports",
        names(claims, &owners(of))
    );
    let hint = steps(claims, &movers(claims, of), suggest);
    finding(claims, Code::ProfileShared, profile, of.iter().copied()).saying(message).hinting(hint)
}

fn homes(claims: &Claims, of: &[&Claim], suggest: &mut Suggest) -> Option<Finding> {
    let home = of.first()?.path()?.1;
    let message = format!(
        "{} have one HOME, {}: ~/.cache/openclaw*, ~/.npm, ~/.agents/skills and other tools' logins are shared",
        names(claims, &owners(of)),
        shown(home)
    );
    let hint = format!("leave it if that is meant; else {}", steps(claims, &movers(claims, of), suggest));
    Some(finding(claims, Code::HomeShared, shown(home), of.iter().copied()).saying(message).hinting(hint))
}

fn browsers(claims: &Claims, end: &Endpoint, of: &[&Claim], suggest: &mut Suggest) -> Finding {
    let message = format!(
        "{} attach to one remote browser, {end}: they share its tabs and logged-in sessions",
        names(claims, &owners(of))
    );
    let hint = format!("{}, to a browser of its own", steps(claims, &movers(claims, of), suggest));
    finding(claims, Code::BrowserShared, end.to_string(), of.iter().copied()).saying(message).hinting(hint)
}

fn containers(claims: &Claims, container: &str, of: &[&Claim], suggest: &mut Suggest) -> Finding {
    let message = format!(
        "the sandboxes of {} are one container, {container}: what one plane's agents do there meets the other's",
        names(claims, &owners(of))
    );
    let hint = steps(claims, &movers(claims, of), suggest);
    finding(claims, Code::SandboxContainerShared, container, of.iter().copied()).saying(message).hinting(hint)
}

/// One credential in several planes: among those that may touch production, among those that may not, and across.
fn credentials(claims: &Claims, of: &[&Claim], suggest: &mut Suggest) -> Vec<Finding> {
    let (production, other): (Vec<&Claim>, Vec<&Claim>) =
        of.iter().copied().partition(|claim| claims.claimant(claim).production);
    let mut found = Vec::new();
    for group in [&production, &other] {
        let started = |claim: &&Claim| match &claim.surface {
            Surface::Credential(account, _) => account.standing != Standing::Disabled,
            Surface::Path(..)
            | Surface::Family(_)
            | Surface::Pin(..)
            | Surface::Browser(_)
            | Surface::Profile(_)
            | Surface::Runtime(_)
            | Surface::Container(_) => false,
        };
        let group = &group.iter().copied().filter(started).collect::<Vec<_>>();
        if owners(group).len() > 1 {
            let message = format!(
                "{} log in with the same credential, as {}: the same bot is polled twice",
                names(claims, &owners(group)),
                accounts(group)
            );
            let moves = steps(claims, &movers(claims, group), suggest);
            let hint = format!("make a bot or account for each plane; {moves}");
            let surface = accounts(group);
            let one = finding(claims, Code::ChannelCredentialShared, surface, group.iter().copied());
            found.push(one.saying(message).hinting(hint));
        }
    }
    if let (false, Some(first)) = (production.is_empty(), other.first()) {
        let message = format!(
            "{} may not touch production channels, but holds, as {}, a credential of {}, which may",
            names(claims, &owners(&other)),
            accounts(&other),
            names(claims, &owners(&production))
        );
        let step = step(claims, first, suggest);
        let name = &claims.claimant(first).name;
        let hint = format!("{step} to an account made for `{name}`; production's belongs to production alone");
        let one = finding(claims, Code::ProductionCredential, accounts(of), of.iter().copied());
        found.push(one.saying(message).hinting(hint));
    }
    found
}

/// The accounts of credential claims, for a sentence: `telegram/default`.
fn accounts(of: &[&Claim]) -> String {
    let mut accounts: Vec<String> = of
        .iter()
        .filter_map(|claim| match &claim.surface {
            Surface::Credential(account, _) => Some(format!("{}/{}", account.channel, account.account)),
            Surface::Path(..)
            | Surface::Family(_)
            | Surface::Pin(..)
            | Surface::Browser(_)
            | Surface::Profile(_)
            | Surface::Runtime(_)
            | Surface::Container(_) => None,
        })
        .collect();
    accounts.sort();
    accounts.dedup();
    listed(&accounts)
}

/// One installation under a rescue and under what it is to rescue; or the one of PATH, which nobody's manifest holds still.
fn runtimes(claims: &Claims, runtime: &str, of: &[&Claim]) -> Option<Finding> {
    let is_rescue = |claim: &&&Claim| claims.claimant(claim).role == Role::Rescue;
    let (Some(rescue), Some(_)) = (of.iter().find(is_rescue), of.iter().find(|claim| !is_rescue(claim))) else {
        return (runtime == ON_PATH).then(|| on_path(claims, of));
    };
    let message = format!(
        "{} run from one installation, {runtime}: an upgrade that breaks one breaks the one that should mend it",
        names(claims, &owners(of))
    );
    let name = &claims.claimant(rescue).name;
    let hint =
        format!("give `{name}` a [runtimes] entry of its own, with its own version, and name it under [planes.{name}]");
    Some(finding(claims, Code::RuntimeShared, runtime, of.iter().copied()).saying(message).hinting(hint))
}

fn on_path(claims: &Claims, of: &[&Claim]) -> Finding {
    let message = format!(
        "{} run the `openclaw` that PATH finds: whoever upgrades it upgrades them all, underneath what runs",
        names(claims, &owners(of))
    );
    let hint = "leave it if they may move together; else name a release for each under [runtimes]";
    finding(claims, Code::RuntimeShared, ON_PATH, of.iter().copied()).saying(message).hinting(hint)
}
