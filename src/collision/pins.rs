//! Single ports: pinned twice, pinned into another plane's family, pinned onto the plane's own gateway.

use super::claim::{Claim, Claims, Pin, Surface};
use super::codes::Code;
use super::finding::Finding;
use super::group::{distinct, runs};
use super::ports::families;
use super::remedy::{movers, step, steps};
use super::suggest::Suggest;
use super::wording::{finding, listed, names};
use crate::openclaw::ports::{Family, Part, SPAN};

/// From the base port to the first browser's.
const FIRST_CDP: u16 = 11;

/// Everything that is wrong with single ports.
pub(super) fn findings(claims: &Claims, suggest: &mut Suggest) -> Vec<Finding> {
    let pins: Vec<(u16, Pin, &Claim)> = claims.claims.iter().filter_map(pin).collect();
    let mut families = families(claims);
    families.sort_by_key(|(base, claim)| (*base, claim.by));
    let mut found = Vec::new();
    for (port, of) in runs(pins.iter().enumerate().map(|(index, (port, ..))| (*port, index)).collect()) {
        let of: Vec<(Pin, &Claim)> = of.into_iter().map(|index| (pins[index].1, pins[index].2)).collect();
        found.extend(twice(claims, port, &of, suggest));
        found.extend(twice_within(claims, port, &of, suggest));
        found.extend(foreign(claims, port, &of, &families, suggest));
    }
    let mut by_owner: Vec<(usize, u16, &Claim)> =
        pins.iter().map(|(port, _, claim)| (claim.by, *port, *claim)).collect();
    by_owner.sort_by_key(|(by, port, _)| (*by, *port));
    for (base, family) in &families {
        let start = by_owner.partition_point(|(by, ..)| *by < family.by);
        let own = by_owner[start..].iter().take_while(|(by, ..)| *by == family.by);
        for (_, port, claim) in own {
            found.extend(on_own(claims, (*port, claim), (*base, family), suggest));
        }
    }
    found
}

fn pin(claim: &Claim) -> Option<(u16, Pin, &Claim)> {
    match claim.surface {
        Surface::Pin(pin, port) => Some((port, pin, claim)),
        Surface::Family(_)
        | Surface::Path(..)
        | Surface::Browser(_)
        | Surface::Credential(..)
        | Surface::Profile(_)
        | Surface::Runtime(_)
        | Surface::Container(_) => None,
    }
}

/// One port pinned by several planes. Where each of them only attaches, it is one browser and not one listener.
fn twice(claims: &Claims, port: u16, of: &[(Pin, &Claim)], suggest: &mut Suggest) -> Vec<Finding> {
    let owners_of =
        |wanted: &dyn Fn(Pin) -> bool| distinct(of.iter().filter(|(pin, _)| wanted(*pin)).map(|(_, claim)| claim.by));
    let attaching = owners_of(&|pin| pin == Pin::Attaches);
    let everybody = owners_of(&|_| true);
    let is_listener = |owner: &usize| of.iter().any(|(pin, claim)| claim.by == *owner && *pin != Pin::Attaches);
    let mut found = Vec::new();
    let mut said = |code, owners: &[usize], message: String| {
        let involved: Vec<&Claim> =
            of.iter().map(|(_, claim)| *claim).filter(|claim| owners.contains(&claim.by)).collect();
        let hint = steps(claims, &movers(claims, &involved), suggest);
        finding(claims, code, port.to_string(), involved).saying(message).hinting(hint)
    };
    if attaching.len() > 1 {
        let message = format!(
            "{} attach to one browser, at port {port}: they share its tabs and logged-in sessions",
            names(claims, &attaching)
        );
        found.push(said(Code::BrowserShared, &attaching, message));
    }
    if everybody.len() > 1 && everybody.iter().any(is_listener) {
        let message = format!("{} pin one port, {port} ({})", names(claims, &everybody), keys(of));
        found.push(said(Code::PortPinnedTwice, &everybody, message));
    }
    found
}

/// One port under several keys of one plane, where more than one would listen. Several profiles may well attach to one.
fn twice_within(claims: &Claims, port: u16, of: &[(Pin, &Claim)], suggest: &mut Suggest) -> Vec<Finding> {
    let listening = of.iter().filter(|(pin, _)| *pin != Pin::Attaches);
    let by_owner = runs(listening.map(|(_, claim)| (claim.by, claim.key.as_ref())).collect());
    let mut found = Vec::new();
    for (owner, mut keys) in by_owner {
        keys.dedup();
        if keys.len() > 1 {
            let involved: Vec<&Claim> = of.iter().map(|(_, claim)| *claim).filter(|claim| claim.by == owner).collect();
            let quoted: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
            let name = &claims.claimants[owner].name;
            let message = format!("`{name}` pins port {port} twice, by {}", listed(&quoted));
            let but_one = |claim: &&Claim| claim.key != keys[0] && claim.surface != Surface::Pin(Pin::Attaches, port);
            let moving: Vec<&Claim> = involved.iter().copied().filter(but_one).collect();
            let hint = format!("give each key a port of its own: {}", steps(claims, &moving, suggest));
            let mut one = finding(claims, Code::PortPinnedTwice, port.to_string(), involved.iter().copied());
            for claim in involved.iter().skip(1).take(3) {
                one = one.at(claim.place.as_ref(), format!("and `{}`", claim.key));
            }
            found.push(one.saying(message).hinting(hint));
        }
    }
    found
}

/// A port of one plane within the families of others.
fn foreign(
    claims: &Claims,
    port: u16,
    of: &[(Pin, &Claim)],
    families: &[(u16, &Claim)],
    suggest: &mut Suggest,
) -> Option<Finding> {
    let start = families.partition_point(|(base, _)| *base < port.saturating_sub(SPAN));
    let holding: Vec<&Claim> =
        families[start..].iter().take_while(|(base, _)| *base <= port).map(|(_, claim)| *claim).collect();
    let pinned = |holder: &&&Claim| of.iter().any(|(_, claim)| claim.by != holder.by);
    let holders: Vec<&Claim> = holding.iter().filter(pinned).copied().collect();
    let pinners: Vec<&(Pin, &Claim)> =
        of.iter().filter(|(_, claim)| holding.iter().any(|holder| holder.by != claim.by)).collect();
    pinners.first()?;
    let owners = distinct(holders.iter().map(|claim| claim.by));
    let who = distinct(pinners.iter().map(|(_, claim)| claim.by));
    let attaches = pinners.iter().any(|(pin, _)| *pin == Pin::Attaches);
    let risk = if attaches { ": it would drive a browser there, with its logged-in sessions" } else { "" };
    let message = format!(
        "port {port}, pinned by {} ({}), lies in the port family of {}{risk}",
        names(claims, &who),
        keys(of),
        names(claims, &owners)
    );
    let moving: Vec<&Claim> = pinners.iter().map(|(_, claim)| *claim).collect();
    let hint = steps(claims, &moving, suggest);
    let involved = pinners.iter().map(|(_, claim)| *claim).chain(holders.iter().copied());
    Some(finding(claims, Code::PortPinForeign, port.to_string(), involved).saying(message).hinting(hint))
}

/// A pin onto what the plane's own gateway binds itself.
fn on_own(
    claims: &Claims,
    (port, claim): (u16, &Claim),
    (base, family): (u16, &Claim),
    suggest: &mut Suggest,
) -> Option<Finding> {
    let part = Family::new(base).ok()?.part(port)?;
    let Surface::Pin(pin, _) = claim.surface else { return None };
    let is_meant = match (part, pin) {
        (Part::Cdp, Pin::Attaches) => true,
        (Part::Cdp, Pin::Browser) => port != base + FIRST_CDP || has_first_cdp(claims, claim),
        // OpenClaw hands out what no profile pins: a webhook there meets the next browser, a pinned relay meets nobody.
        (Part::Relay, Pin::Relay) => true,
        (Part::Sandbox, _) => claim.key == "mcp.apps.sandboxPort",
        (Part::Cdp | Part::Relay | Part::Gateway | Part::BrowserControl, _) => false,
    };
    if is_meant {
        return None;
    }
    let name = &claims.claimant(claim).name;
    let message = format!("`{}` of `{name}` pins port {port}, which is {part} of its own family", claim.key);
    let hint = step(claims, claim, suggest);
    let one = finding(claims, Code::PortPinOwn, port.to_string(), [claim]).saying(message).hinting(hint);
    Some(one.at(family.place.as_ref(), format!("base port {base}")))
}

/// Whether the first browser's port is free for a profile: it is `openclaw`'s, which every gateway has, unless that one says
/// another (OpenClaw 2026.9.6, its browser config).
fn has_first_cdp(claims: &Claims, claim: &Claim) -> bool {
    let is_openclaws = |key: &str| key.starts_with("browser.profiles.openclaw.");
    is_openclaws(&claim.key) || claims.claims.iter().any(|other| other.by == claim.by && is_openclaws(&other.key))
}

/// The keys that pin a port, for a sentence.
fn keys(of: &[(Pin, &Claim)]) -> String {
    let mut keys: Vec<String> = of.iter().map(|(_, claim)| format!("`{}`", claim.key)).collect();
    keys.sort();
    keys.dedup();
    listed(&keys)
}
