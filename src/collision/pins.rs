//! Single ports: pinned twice, pinned into another plane's family, pinned onto the plane's own gateway.

use super::claim::{Claim, Claims, Pin, Surface};
use super::codes::Code;
use super::finding::Finding;
use super::group::{distinct, runs};
use super::ports::families;
use super::wording::{change, finding, listed, movers, names};
use crate::openclaw::ports::{Family, Part, SPAN};

/// Everything that is wrong with single ports.
pub(super) fn findings(claims: &Claims) -> Vec<Finding> {
    let pins: Vec<(u16, Pin, &Claim)> = claims.claims.iter().filter_map(pin).collect();
    let mut families = families(claims);
    families.sort_by_key(|(base, claim)| (*base, claim.by));
    let mut found = Vec::new();
    for (port, of) in runs(pins.iter().enumerate().map(|(index, (port, ..))| (*port, index)).collect()) {
        let of: Vec<(Pin, &Claim)> = of.into_iter().map(|index| (pins[index].1, pins[index].2)).collect();
        found.extend(twice(claims, port, &of));
        found.extend(twice_within(claims, port, &of));
        found.extend(foreign(claims, port, &of, &families));
    }
    let mut by_owner: Vec<(usize, u16, &Claim)> =
        pins.iter().map(|(port, _, claim)| (claim.by, *port, *claim)).collect();
    by_owner.sort_by_key(|(by, port, _)| (*by, *port));
    for (base, family) in &families {
        let start = by_owner.partition_point(|(by, ..)| *by < family.by);
        let own = by_owner[start..].iter().take_while(|(by, ..)| *by == family.by);
        found.extend(own.filter_map(|(_, port, claim)| on_own(claims, *port, claim, *base, family)));
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
        | Surface::Runtime(_) => None,
    }
}

/// One port pinned by several planes. Where each of them only attaches, it is one browser and not one listener.
fn twice(claims: &Claims, port: u16, of: &[(Pin, &Claim)]) -> Vec<Finding> {
    let owners_of =
        |wanted: &dyn Fn(Pin) -> bool| distinct(of.iter().filter(|(pin, _)| wanted(*pin)).map(|(_, claim)| claim.by));
    let attaching = owners_of(&|pin| pin == Pin::Attaches);
    let everybody = owners_of(&|_| true);
    let is_listener = |owner: &usize| of.iter().any(|(pin, claim)| claim.by == *owner && *pin != Pin::Attaches);
    let mut found = Vec::new();
    let said = |code, owners: &[usize], message: String| {
        let involved: Vec<&Claim> =
            of.iter().map(|(_, claim)| *claim).filter(|claim| owners.contains(&claim.by)).collect();
        let steps: Vec<String> =
            movers(claims, &involved).into_iter().map(|claim| change(claims.claimant(claim), claim, None)).collect();
        let hint = format!("{}, to a port of its own family or one that no plane uses", steps.join("; "));
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
fn twice_within(claims: &Claims, port: u16, of: &[(Pin, &Claim)]) -> Vec<Finding> {
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
            let hint =
                format!("give each key a port of its own; {}", change(&claims.claimants[owner], involved[0], None));
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
fn foreign(claims: &Claims, port: u16, of: &[(Pin, &Claim)], families: &[(u16, &Claim)]) -> Option<Finding> {
    let start = families.partition_point(|(base, _)| *base < port.saturating_sub(SPAN));
    let holding: Vec<&Claim> =
        families[start..].iter().take_while(|(base, _)| *base <= port).map(|(_, claim)| *claim).collect();
    let pinned = |holder: &&&Claim| of.iter().any(|(_, claim)| claim.by != holder.by);
    let holders: Vec<&Claim> = holding.iter().filter(pinned).copied().collect();
    let pinners: Vec<&(Pin, &Claim)> =
        of.iter().filter(|(_, claim)| holding.iter().any(|holder| holder.by != claim.by)).collect();
    let first = pinners.first()?;
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
    let claim = first.1;
    let claimant = claims.claimant(claim);
    let own = families.iter().find(|(_, family)| family.by == claim.by && family.by != holders[0].by);
    let free = own.and_then(|(base, _)| within_own(claims, *base, claim.by));
    let hint = match free {
        Some(free) if matches!(claim.surface, Surface::Pin(Pin::Browser, _)) => {
            change(claimant, claim, Some(&free.to_string()))
        }
        Some(free) => format!("{}, say to port {free} of its own family", change(claimant, claim, None)),
        None => format!("{}, to a port that is in no family", change(claimant, claim, None)),
    };
    let involved = pinners.iter().map(|(_, claim)| *claim).chain(holders.iter().copied());
    Some(finding(claims, Code::PortPinForeign, port.to_string(), involved).saying(message).hinting(hint))
}

/// A CDP port of the plane's own family that nothing pins and no other family holds.
fn within_own(claims: &Claims, base: u16, by: usize) -> Option<u16> {
    let family = Family::new(base).ok()?;
    let is_taken = |port: u16| {
        claims.claims.iter().any(|claim| match claim.surface {
            Surface::Pin(_, other) => other == port,
            Surface::Family(other) => claim.by != by && (other..=other.saturating_add(SPAN)).contains(&port),
            Surface::Path(..)
            | Surface::Browser(_)
            | Surface::Credential(..)
            | Surface::Profile(_)
            | Surface::Runtime(_) => false,
        })
    };
    family.cdp().skip(1).find(|port| !is_taken(*port))
}

/// A pin onto what the plane's own gateway binds itself.
fn on_own(claims: &Claims, port: u16, claim: &Claim, base: u16, family: &Claim) -> Option<Finding> {
    let part = Family::new(base).ok()?.part(port)?;
    let is_meant = match part {
        Part::Cdp => true,
        Part::Sandbox => claim.key == "mcp.apps.sandboxPort",
        Part::Gateway | Part::BrowserControl | Part::Relay => false,
    };
    if is_meant {
        return None;
    }
    let name = &claims.claimant(claim).name;
    let message = format!("`{}` of `{name}` pins port {port}, which is {part} of its own family", claim.key);
    let free = within_own(claims, base, claim.by);
    let step = change(claims.claimant(claim), claim, None);
    let hint = free.map_or(step.clone(), |free| format!("{step}, say to port {free}"));
    let one = finding(claims, Code::PortPinOwn, port.to_string(), [claim]).saying(message).hinting(hint);
    Some(one.at(family.place.as_ref(), format!("base port {base}")))
}

/// The keys that pin a port, for a sentence.
fn keys(of: &[(Pin, &Claim)]) -> String {
    let mut keys: Vec<String> = of.iter().map(|(_, claim)| format!("`{}`", claim.key)).collect();
    keys.sort();
    keys.dedup();
    listed(&keys)
}
