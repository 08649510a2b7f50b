//! Families of ports that no other test has, in any process or checkout. Binds nothing for longer than a look.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::ops::RangeInclusive;

use super::shared_folder;

/// From one base to the next; the family itself is [B, B+110].
const STEP: u16 = 120;
const SPAN: u16 = 110;

/// The first base; the last family ends below 32768, where the kernel's ephemeral range begins.
const FIRST: u16 = 12000;
const COUNT: u16 = (32768 - FIRST) / STEP;

/// Around OpenClaw's default port, where a gateway of the machine's owner may be asleep.
const NOT_OURS: RangeInclusive<u16> = 18600..=18910;

/// A base port whose whole family is ours while this lives; also given back by the death of the process.
pub struct Family {
    base: u16,
    _lease: File,
}

impl Family {
    /// A family that nobody has and whose every port can be bound now.
    #[track_caller]
    pub fn lease() -> Self {
        let folder = shared_folder().join("ports");
        std::fs::create_dir_all(&folder).expect("a folder for leases");
        let start = fastrand::u16(..COUNT);
        (0..COUNT)
            .map(|step| FIRST + (start + step) % COUNT * STEP)
            .filter(|base| !NOT_OURS.contains(base) && !NOT_OURS.contains(&(base + SPAN)))
            .find_map(|base| {
                let path = folder.join(format!("{base}.lease"));
                let lease = OpenOptions::new().create(true).append(true).open(path).expect("a lease file");
                lease.try_lock().ok()?;
                (base..=base + SPAN).all(is_bindable).then_some(Self { base, _lease: lease })
            })
            .expect("a free family of ports below 32768")
    }

    /// The base port B.
    pub fn base(&self) -> u16 {
        self.base
    }

    /// All of its ports.
    pub fn ports(&self) -> RangeInclusive<u16> {
        self.base..=self.base + SPAN
    }

    /// Those of its ports that cannot be bound now.
    pub fn busy(&self) -> Vec<u16> {
        self.ports().filter(|port| !is_bindable(*port)).collect()
    }
}

/// As OpenClaw binds: on both loopbacks, with SO_REUSEADDR (which std sets), so that TIME_WAIT is no conflict.
fn is_bindable(port: u16) -> bool {
    let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, port));
    let v6_fits = match &v6 {
        Ok(_) => true,
        // A host without IPv6 has no conflict there.
        Err(error) => error.kind() != std::io::ErrorKind::AddrInUse,
    };
    v4.is_ok() && v6_fits
}
