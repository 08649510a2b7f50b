//! Who listens where, what passes, and whether base ports can be bound. Binds for the length of one call and listens never.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::thread;
use std::time::Duration;

use super::processes::Processes;
use crate::collision;
use crate::collision::gather::Declarations;
use crate::collision::host::{BaseTry, Hold, Listening, Passing, Process};
use crate::openclaw::config::declared::Gateway;
use crate::openclaw::ports::SPAN;
use crate::os::process;
use crate::os::sockets::{self, Listener, Obstacle};
use crate::plane::{Contract, Plane, PlaneName, Planes};

/// How often a port is tried again that only a connection is on, and the pause before: nothing announces the end of
/// somebody else's connection.
const AGAIN: usize = 3;
const PAUSE: Duration = Duration::from_millis(100);

/// What was seen of ports.
pub(super) struct Ports {
    pub(super) listeners: Vec<Listening>,
    pub(super) passing: Vec<Passing>,
    pub(super) bases: BTreeMap<PlaneName, BaseTry>,
}

/// Looks at every port of the host, and tries the base ports. A host that hides its sockets shows none.
pub(super) fn look(planes: &Planes, declared: &Declarations, processes: &Processes) -> Ports {
    let listeners = sockets::listeners(1..=u16::MAX).unwrap_or_default();
    let pinned = pinned(declared);
    let is_wanted = |port: u16| concerns(planes, port) || pinned.contains(&port);
    let wanted: Vec<&Listener> = listeners.iter().filter(|one| is_wanted(one.address.port())).collect();
    let inodes: Vec<u64> = wanted.iter().map(|one| one.inode).collect();
    let holders = Holders::of(&inodes, processes);
    let listening = |one: &Listener| Listening {
        address: one.address.ip(),
        port: one.address.port(),
        holder: holders.of_inode(one.inode),
    };
    let bases = planes.planes.iter().filter_map(|(plane, places)| {
        let gateway = declared.get(&plane.name).map(|declared| &declared.gateway);
        let told = gateway.map(|gateway| collision::with_arguments(plane, places, gateway));
        Some((plane.name.clone(), base(plane, told.as_ref(), processes)?))
    });
    // Whom we may not look at is no stranger where a keeper of ours has the place: it proves it by what it may see.
    let kept: Vec<u16> = planes
        .planes
        .iter()
        .filter(|(plane, _)| processes.is_kept(&plane.name))
        .filter_map(|(plane, _)| plane.port)
        .collect();
    let is_kept = |port: u16| kept.iter().any(|base| (*base..=base.saturating_add(SPAN)).contains(&port));
    let known = listeners.iter().map(listening).filter(|one| one.holder.is_some() || !is_kept(one.port));
    Ports {
        bases: bases.collect(),
        passing: passing(planes, &listeners, processes),
        // The others are listed too, so that nothing taken is ever offered.
        listeners: known.collect(),
    }
}

/// The ports that the planes' own configurations pin.
fn pinned(declared: &Declarations) -> BTreeSet<u16> {
    let listeners = declared.values().flat_map(|one| one.listeners.iter().map(|listener| listener.port.value));
    let profiles = declared.values().flat_map(|one| &one.browser.profiles);
    listeners.chain(profiles.filter_map(|profile| Some(profile.cdp_port.as_ref()?.value))).collect()
}

/// Whether a plane may come to want this port.
fn concerns(planes: &Planes, port: u16) -> bool {
    let bases = planes.planes.iter().filter_map(|(plane, _)| plane.port);
    bases.into_iter().any(|base| (base..=base.saturating_add(SPAN)).contains(&port))
}

/// The processes that have sockets, found with one look through all descriptors.
struct Holders(BTreeMap<u64, Process>);

impl Holders {
    fn of(inodes: &[u64], processes: &Processes) -> Self {
        let owners = sockets::owners(inodes, &processes.pids());
        // A child that is about to execute has its parent's sockets for a moment; numbers begin anew, so they tell no age.
        let age = |pid: &i32| (process::start_time(*pid).unwrap_or(u64::MAX), *pid);
        let oldest = |pids: Vec<i32>| pids.into_iter().min_by_key(age).and_then(|pid| processes.named(pid));
        Self(owners.into_iter().filter_map(|(inode, pids)| Some((inode, oldest(pids)?))).collect())
    }

    fn of_inode(&self, inode: u64) -> Option<Process> {
        self.0.get(&inode).cloned()
    }
}

/// What keeps a plane's gateway from its base port; nothing for a plane without a family.
fn base(plane: &Plane, gateway: Option<&Gateway>, processes: &Processes) -> Option<BaseTry> {
    let port = plane.port.filter(|_| plane.contract == Contract::Openclaw)?;
    let held = addresses(gateway).into_iter().find_map(|address| tried(address, port, processes))?;
    let unseen = matches!(held, BaseTry::Held { holder: None, .. });
    (!unseen || !processes.is_kept(&plane.name)).then_some(held)
}

fn tried(address: IpAddr, port: u16, processes: &Processes) -> Option<BaseTry> {
    let mut met = sockets::obstacle(address, port);
    for _ in 0..AGAIN {
        if !matches!(met, Ok(Some(Obstacle::Passing(_)))) {
            break;
        }
        thread::sleep(PAUSE);
        met = sockets::obstacle(address, port);
    }
    let of = |inode: u64| Holders::of(&[inode], processes).of_inode(inode);
    let held = |hold, holder| Some(BaseTry::Held { address, hold, holder });
    match met {
        Ok(None) => None,
        Ok(Some(Obstacle::Listener(listener))) => held(Hold::Listens, of(listener.inode)),
        Ok(Some(Obstacle::Passing(connections))) => {
            held(Hold::Connected, connections.into_iter().find_map(|one| of(one.inode)))
        }
        Ok(Some(Obstacle::Closing)) => held(Hold::Closing, None),
        Ok(Some(Obstacle::Bound(bound))) => held(Hold::Bound, bound.and_then(|one| of(one.inode))),
        // A host without IPv6 has no ::1, and OpenClaw does without it too.
        Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable && address == Ipv6Addr::LOCALHOST => None,
        Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => None,
        Err(error) => Some(BaseTry::Refused { address, why: error.to_string() }),
    }
}

/// Where the gateway would listen: loopback in both families, unless its arguments or its config say otherwise.
fn addresses(gateway: Option<&Gateway>) -> Vec<IpAddr> {
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let bind = gateway.and_then(|gateway| gateway.bind.as_ref()).map(|said| said.value.as_str());
    let custom = gateway.and_then(|gateway| gateway.custom_bind_host.as_ref()?.value.parse().ok());
    match (bind, custom) {
        (Some("lan"), _) => vec![Ipv4Addr::UNSPECIFIED.into()],
        (Some("custom"), Some(address)) => vec![address],
        (Some(_) | None, _) => loopback.to_vec(),
    }
}

/// Ports of the planes' families that connections are on, and nobody listens on, after a few looks.
fn passing(planes: &Planes, listeners: &[Listener], processes: &Processes) -> Vec<Passing> {
    // The table of connections is long on a busy host.
    if planes.planes.iter().all(|(plane, _)| plane.port.is_none()) {
        return Vec::new();
    }
    let listened: BTreeSet<u16> = listeners.iter().map(|one| one.address.port()).collect();
    let look = || {
        let connections = sockets::connections(1..=u16::MAX).unwrap_or_default();
        let of_interest = |port: u16| !listened.contains(&port) && concerns(planes, port);
        let met = connections.into_iter().filter(|one| of_interest(one.local.port()));
        met.map(|one| (one.local.port(), one.local.ip(), one.inode)).collect::<BTreeSet<(u16, IpAddr, u64)>>()
    };
    let mut met = look();
    for _ in 0..AGAIN {
        if met.is_empty() {
            return Vec::new();
        }
        thread::sleep(PAUSE);
        let again = look();
        met.retain(|one| again.contains(one));
    }
    let inodes: Vec<u64> = met.iter().map(|(_, _, inode)| *inode).collect();
    let holders = Holders::of(&inodes, processes);
    met.into_iter().map(|(port, address, inode)| Passing { address, port, holder: holders.of_inode(inode) }).collect()
}
