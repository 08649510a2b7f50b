//! Ports of a family that somebody has: the base port by trying it, the others by looking who listens.
//!
//! What belongs to a keeper of this supervisor is never held against a plane: either it keeps to its own family, or the
//! claims tell already.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::facts::{BaseTry, Hold, Live, Process};
use crate::collision::claim::{Claim, Claims, Pin, Surface};
use crate::collision::codes::Code;
use crate::collision::finding::Finding;
use crate::collision::ports::families;
use crate::collision::remedy;
use crate::collision::suggest::Suggest;
use crate::collision::wording::{finding, listed};
use crate::openclaw::ports::{Family, SPAN};

/// From the base port up to the first browser's: what every gateway comes to use.
const SOON_USED: u16 = 11;

/// Who stands on the planes' ports.
pub(super) fn findings(claims: &Claims, live: &Live, suggest: &mut Suggest) -> Vec<Finding> {
    let mut found = Vec::new();
    for (base, claim) in families(claims) {
        found.extend(base_port(claims, live, base, claim, suggest));
        found.extend(child_ports(claims, live, base, claim, suggest));
        passing(claims, live, base, claim, &mut found);
    }
    for claim in &claims.claims {
        found.extend(plain_port(claims, live, claim, suggest));
        found.extend(pinned_port(claims, live, claim, suggest));
    }
    found
}

fn base_port(claims: &Claims, live: &Live, base: u16, claim: &Claim, suggest: &mut Suggest) -> Option<Finding> {
    let name = &claims.claimant(claim).name;
    match live.bases.get(name)? {
        BaseTry::Held { hold: Hold::Listens, holder: Some(holder), .. } if holder.is_ours() => None,
        BaseTry::Held { address, hold, holder } => {
            let port = format!("the base port of `{name}`, {base} on {address}");
            let who = somebody(holder.as_ref());
            let message = match (hold, holder) {
                (Hold::Listens, _) => format!("{who} has {port}"),
                (Hold::Connected, _) => format!(
                    "a connection of {who} goes out from {port}: the gateway tries for some 15 s to listen there, and ends"
                ),
                (Hold::Closing, _) => {
                    format!("a connection that has ended went out from {port}: the kernel keeps it for up to a minute")
                }
                (Hold::Bound, Some(_)) => format!("{who} has bound {port}, and does not listen there"),
                (Hold::Bound, None) => format!("a socket that does not listen is bound to {port}"),
            };
            let hint = match hold {
                Hold::Listens | Hold::Bound => end_or_move(claims, holder.as_ref(), claim, suggest),
                Hold::Connected | Hold::Closing => {
                    format!("wait until it has passed; else {}", remedy::step(claims, claim, suggest))
                }
            };
            Some(finding(claims, Code::BasePortHeld, base.to_string(), [claim]).saying(message).hinting(hint))
        }
        BaseTry::Refused { address, why } => {
            let message = format!("the base port of `{name}`, {base} on {address}, may not be bound: {why}");
            let hint = if base < 1024 {
                remedy::step(claims, claim, suggest)
            } else {
                format!("let `gateway.bind` of `{name}` name an address that this host has")
            };
            Some(finding(claims, Code::BasePortRefused, base.to_string(), [claim]).saying(message).hinting(hint))
        }
    }
}

/// One stranger and its ports in a family.
struct Met<'a> {
    holder: Option<&'a Process>,
    ports: Vec<u16>,
}

/// Strangers that listen above the base port, where the gateway or its browsers would: one finding for each of them.
fn child_ports(claims: &Claims, live: &Live, base: u16, claim: &Claim, suggest: &mut Suggest) -> Vec<Finding> {
    let start = live.listeners.partition_point(|listener| listener.port <= base);
    let last = base.saturating_add(SPAN);
    let family = live.listeners[start..].iter().take_while(|listener| listener.port <= last);
    let in_the_way = family.filter(|listener| meets_loopback(listener.address));
    let mut by_holder: BTreeMap<(Code, Option<i32>), Met<'_>> = BTreeMap::new();
    for listener in in_the_way.filter(|listener| !listener.holder.as_ref().is_some_and(Process::is_ours)) {
        let is_pinned =
            |other: &&Claim| other.by == claim.by && other.surface == Surface::Pin(Pin::Browser, listener.port);
        let is_soon_used = listener.port - base <= SOON_USED || claims.claims.iter().any(|other| is_pinned(&other));
        let code = if is_soon_used { Code::FamilyPortHeld } else { Code::FamilyPortTaken };
        let holder = listener.holder.as_ref();
        let met = by_holder.entry((code, holder.map(|one| one.pid))).or_insert(Met { holder, ports: Vec::new() });
        if !met.ports.contains(&listener.port) {
            met.ports.push(listener.port);
        }
    }
    let name = &claims.claimant(claim).name;
    let mut found = Vec::new();
    for ((code, _), Met { holder, ports }) in by_holder {
        let family = Family::new(base).ok();
        let part = |port: &u16| family.and_then(|family| family.part(*port));
        let with_part = |port: &u16| part(port).map_or_else(|| port.to_string(), |part| format!("{port} ({part})"));
        let said: Vec<String> = ports.iter().map(u16::to_string).collect();
        let parts: Vec<String> = ports.iter().map(with_part).collect();
        let message = format!("{} listens on {}, in the port family of `{name}`", somebody(holder), listed(&parts));
        let hint = end_or_move(claims, holder, claim, suggest);
        found.push(finding(claims, code, listed(&said), [claim]).saying(message).hinting(hint));
    }
    found
}

/// Connections on ports above the base: they block a bind while they last. The base port itself was tried.
fn passing(claims: &Claims, live: &Live, base: u16, claim: &Claim, found: &mut Vec<Finding>) {
    let last = base.saturating_add(SPAN);
    let foreign = |holder: &Option<Process>| !holder.as_ref().is_some_and(Process::is_ours);
    let met = live
        .passing
        .iter()
        .filter(|passing| passing.port > base && passing.port <= last && foreign(&passing.holder))
        .filter(|passing| meets_loopback(passing.address));
    let mut by_holder: BTreeMap<Option<i32>, Met<'_>> = BTreeMap::new();
    for passing in met {
        let holder = passing.holder.as_ref();
        let of = by_holder.entry(holder.map(|one| one.pid)).or_insert(Met { holder, ports: Vec::new() });
        if !of.ports.contains(&passing.port) {
            of.ports.push(passing.port);
        }
    }
    let name = &claims.claimant(claim).name;
    for Met { holder, ports } in by_holder.into_values() {
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        let message = format!(
            "an outgoing connection of {} uses {}, in the port family of `{name}`: it blocks a bind while it lasts",
            somebody(holder),
            listed(&ports)
        );
        let hint = "wait until it has passed; a base port below the kernel's range of outgoing ports is never hit";
        found.push(finding(claims, Code::FamilyPortBusy, listed(&ports), [claim]).saying(message).hinting(hint));
    }
}

/// The one port of a plane of contract "plain".
fn plain_port(claims: &Claims, live: &Live, claim: &Claim, suggest: &mut Suggest) -> Option<Finding> {
    let Surface::Pin(Pin::Listens, port) = claim.surface else { return None };
    if claim.key != "port" {
        return None;
    }
    let holds = |listener: &&super::Listening| listener.port == port && meets_loopback(listener.address);
    let listener = live.listeners.iter().find(holds)?;
    if listener.holder.as_ref().is_some_and(Process::is_ours) {
        return None;
    }
    let holder = listener.holder.as_ref();
    let name = &claims.claimant(claim).name;
    let message = format!("{} listens on the port of `{name}`, {port}", somebody(holder));
    let hint = end_or_move(claims, holder, claim, suggest);
    Some(finding(claims, Code::BasePortHeld, port.to_string(), [claim]).saying(message).hinting(hint))
}

/// A port that a plane's own configuration pins, outside its family, where the family is looked at by itself.
fn pinned_port(claims: &Claims, live: &Live, claim: &Claim, suggest: &mut Suggest) -> Option<Finding> {
    let Surface::Pin(Pin::Listens | Pin::Browser | Pin::Relay, port) = claim.surface else { return None };
    let claimant = claims.claimant(claim);
    let is_in_family = claimant.base.is_some_and(|base| (base..=base.saturating_add(SPAN)).contains(&port));
    if is_in_family || claim.key == "port" {
        return None;
    }
    let holds = |listener: &&super::Listening| listener.port == port && meets_loopback(listener.address);
    let listener = live.listeners.iter().find(holds)?;
    if listener.holder.as_ref().is_some_and(Process::is_ours) {
        return None;
    }
    let holder = listener.holder.as_ref();
    let message = format!("{} listens on {port}, which `{}` of `{}` pins", somebody(holder), claim.key, claimant.name);
    let hint = end_or_move(claims, holder, claim, suggest);
    Some(finding(claims, Code::PinnedPortHeld, port.to_string(), [claim]).saying(message).hinting(hint))
}

fn somebody(holder: Option<&Process>) -> String {
    holder.map_or_else(|| "a process of another account".to_owned(), Process::to_string)
}

fn end_or_move(claims: &Claims, holder: Option<&Process>, claim: &Claim, suggest: &mut Suggest) -> String {
    let step = remedy::step(claims, claim, suggest);
    match holder {
        Some(holder) => format!("end it if it should not be running ({}); else {step}", holder.remedy()),
        None => format!("look as root who it is (`sudo gateward check`), and end it; else {step}"),
    }
}

/// Whether somebody who listens there is in the way of one who would listen on loopback.
fn meets_loopback(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || address.is_unspecified()
}
