//! Sockets that have to do with a plane: who listens on its ports, and whose browsers it talks to. Connects to nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::{Heard, World, named};
use crate::openclaw::config::declared::{Declared, Driver, Side};
use crate::openclaw::ports::Family;
use crate::os::sockets;
use crate::plane::{Contract, Plane, PlaneName, Planes};

/// The ports that are the plane's: its family, and what its own config pins.
pub fn listeners(plane: &Plane, config: Option<&Declared>, world: &World) -> Vec<Heard> {
    let family = plane.port.filter(|_| plane.contract == Contract::Openclaw).and_then(|port| Family::new(port).ok());
    let pinned = config.map(pins).unwrap_or_default();
    let part = |port: u16| match family.and_then(|family| family.part(port)) {
        Some(part) => Some(part.as_str().to_owned()),
        None if plane.contract == Contract::Plain && plane.port == Some(port) => Some("its port".to_owned()),
        None => pinned.get(&port).cloned(),
    };
    let of_plane = world.listeners.iter().filter_map(|listener| {
        let part = part(listener.address.port())?;
        Some(Heard { address: listener.address, part, owner: world.owner(listener, &plane.name) })
    });
    of_plane.collect()
}

/// Ports beyond the family that the plane's config makes its own: those on which it, or a browser that it starts, listens.
fn pins(config: &Declared) -> BTreeMap<u16, String> {
    let browsers =
        config.browser.profiles.iter().filter(|profile| profile.driver == Driver::Managed).flat_map(|profile| {
            let url = profile.cdp_url.as_ref().filter(|url| url.value.is_loopback()).map(|url| url.value.port);
            let port = profile.cdp_port.as_ref().map(|port| port.value);
            url.into_iter().chain(port).map(|port| (port, format!("browser profile {}", profile.name)))
        });
    let listeners = config.listeners.iter().filter(|listener| listener.side == Side::Listens);
    browsers.chain(listeners.map(|listener| (listener.port.value, listener.port.key.clone()))).collect()
}

/// Browsers on this host that the config attaches to and does not start: who holds them.
pub fn attached(plane: &Plane, config: Option<&Declared>, world: &World) -> Vec<Heard> {
    let Some(config) = config else { return Vec::new() };
    let own = pins(config);
    let profiles = config.browser.profiles.iter().filter(|profile| profile.driver != Driver::Managed);
    let profiles =
        profiles.filter_map(|profile| Some((format!("profile {}", profile.name), profile.cdp_url.as_ref()?)));
    let every = config.browser.cdp_url.as_ref().map(|url| ("every profile".to_owned(), url));
    let ends = profiles.chain(every).filter(|(_, url)| url.value.is_loopback() && !own.contains_key(&url.value.port));
    let heard = ends.flat_map(|(part, url)| {
        let there = world.listeners.iter().filter(move |listener| listener.address.port() == url.value.port);
        there.map(move |listener| Heard {
            address: listener.address,
            part: part.clone(),
            owner: world.owner(listener, &plane.name),
        })
    });
    heard.collect()
}

/// Browsers that are configured on another host.
pub fn remote_browsers(config: Option<&Declared>) -> Vec<String> {
    let Some(config) = config else { return Vec::new() };
    let profiles =
        config.browser.profiles.iter().filter_map(|profile| Some((profile.name.as_str(), profile.cdp_url.as_ref()?)));
    let every = config.browser.cdp_url.as_ref().map(|url| ("every profile", url));
    let remote = profiles.chain(every).filter(|(_, url)| !url.value.is_loopback());
    remote.map(|(name, url)| format!("{name} at {}", url.value)).collect()
}

/// Connections of the plane's processes to ports of another plane's family that are not its gateway's own: to browsers.
pub fn reaching(plane: &Plane, planes: &Planes, world: &World) -> Vec<String> {
    let family = |other: &Plane| {
        let port = other.port.filter(|_| other.contract == Contract::Openclaw && other.name != plane.name)?;
        Some((other.name.clone(), Family::new(port).ok()?))
    };
    let families: Vec<(PlaneName, Family)> = planes.planes.iter().filter_map(|(other, _)| family(other)).collect();
    let connections = sockets::connections(1..=u16::MAX).unwrap_or_default();
    let target = |remote: std::net::SocketAddr| {
        let (name, _) = families.iter().find(|(_, family)| {
            remote.ip().is_loopback() && remote.port() != family.base() && family.contains(remote.port())
        })?;
        Some(name)
    };
    let met: Vec<_> = connections.iter().filter_map(|one| Some((one, target(one.remote)?))).collect();
    let inodes: Vec<u64> = met.iter().map(|(one, _)| one.inode).collect();
    let owners = sockets::owners(&inodes, world.tree(&plane.name));
    let told = met.iter().filter_map(|(one, other)| {
        let pid = owners.get(&one.inode)?.first()?;
        Some(format!("{} is connected to {}, a browser port of {other}", named(*pid), one.remote))
    });
    told.collect::<BTreeSet<String>>().into_iter().collect()
}
