//! The ports that belong to one gateway, reckoned from its base port as OpenClaw 2026.9.6 reckons them.
//!
//! Arithmetic only: binds nothing, asks no kernel which ports are free.

use std::fmt;
use std::ops::RangeInclusive;

/// The base port of a gateway that is told none and has no profile.
pub const DEFAULT_BASE: u16 = 18789;

/// From a base port to the last port of its family.
pub const SPAN: u16 = 110;

/// The highest base port whose family fits below 65536. Above it OpenClaw silently moves the browsers to
/// [`FALLBACK_CDP`], for every such gateway alike.
pub const HIGHEST_BASE: u16 = u16::MAX - SPAN;

/// Where browsers go when a family does not fit.
pub const FALLBACK_CDP: RangeInclusive<u16> = 18800..=18899;

/// The distance between two base ports that OpenClaw advises.
pub const ADVISED_SPACING: u16 = 120;

/// All the ports that one gateway may come to bind: its base port and the 110 above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Family {
    base: u16,
}

impl Family {
    /// The family of `base`; refuses 0 and what lies above [`HIGHEST_BASE`].
    pub fn new(base: u16) -> Result<Self, BadBase> {
        match base {
            0 => Err(BadBase::Zero),
            1..=HIGHEST_BASE => Ok(Self { base }),
            _ => Err(BadBase::TooHigh(base)),
        }
    }

    /// The port of the gateway itself.
    pub fn base(self) -> u16 {
        self.base
    }

    /// The MCP Apps sandbox, where `mcp.apps.sandboxPort` says nothing else.
    pub fn sandbox(self) -> u16 {
        self.base + 1
    }

    /// Browser control.
    pub fn browser_control(self) -> u16 {
        self.base + 2
    }

    /// The browser extension relays; given out from the top down.
    pub fn relays(self) -> RangeInclusive<u16> {
        self.base + 3..=self.base + 10
    }

    /// The browsers' own (CDP) ports; the default browser profile takes the first.
    pub fn cdp(self) -> RangeInclusive<u16> {
        self.base + 11..=self.base + SPAN
    }

    /// The highest port of the family.
    pub fn last(self) -> u16 {
        self.base + SPAN
    }

    /// Every port, rising.
    pub fn ports(self) -> RangeInclusive<u16> {
        self.base..=self.last()
    }

    /// What `port` is for in this family; nothing when it is another's.
    pub fn part(self, port: u16) -> Option<Part> {
        match port.checked_sub(self.base)? {
            0 => Some(Part::Gateway),
            1 => Some(Part::Sandbox),
            2 => Some(Part::BrowserControl),
            3..=10 => Some(Part::Relay),
            11..=SPAN => Some(Part::Cdp),
            _ => None,
        }
    }

    /// Whether `port` is one of these.
    pub fn contains(self, port: u16) -> bool {
        self.part(port).is_some()
    }

    /// The ports that both families hold.
    pub fn overlap(self, other: Self) -> Option<RangeInclusive<u16>> {
        let first = self.base.max(other.base);
        let last = self.last().min(other.last());
        (first <= last).then_some(first..=last)
    }

    /// Whether two disjoint families are nearer than [`ADVISED_SPACING`].
    pub fn is_crowded_by(self, other: Self) -> bool {
        self.overlap(other).is_none() && self.base.abs_diff(other.base) < ADVISED_SPACING
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}–{}", self.base, self.last())
    }
}

/// What one port of a family is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The gateway's own port.
    Gateway,
    /// The MCP Apps sandbox.
    Sandbox,
    /// Browser control.
    BrowserControl,
    /// A browser extension relay.
    Relay,
    /// A browser's own port.
    Cdp,
}

impl Part {
    /// The word shown to people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Sandbox => "MCP sandbox",
            Self::BrowserControl => "browser control",
            Self::Relay => "browser relay",
            Self::Cdp => "browser CDP",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A base port that has no family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadBase {
    /// Port 0 asks the kernel for any port: nothing can be reckoned from it.
    Zero,
    /// The family would reach beyond 65535.
    TooHigh(u16),
}

impl fmt::Display for BadBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero => write!(f, "port 0 names no port"),
            Self::TooHigh(base) => write!(
                f,
                "base port {base} leaves no room for its {SPAN} derived ports: the highest base is {HIGHEST_BASE}, \
                 above it OpenClaw moves the browsers to {}–{}",
                FALLBACK_CDP.start(),
                FALLBACK_CDP.end()
            ),
        }
    }
}

impl std::error::Error for BadBase {}

/// The base port OpenClaw takes for a profile when nobody names one: 20000 and up by a hash of the name.
/// A name that OpenClaw does not take as a profile, `default` among them, has [`DEFAULT_BASE`].
pub fn of_profile(profile: &str) -> u16 {
    let name = profile.trim();
    if !is_profile(name) || name.eq_ignore_ascii_case("default") {
        return DEFAULT_BASE;
    }
    let hash = name.bytes().fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    20_000 + (hash % 40_000) as u16
}

/// The profile that `--dev` stands for. Named on the command line it has a base port of its own, which goes before what its
/// config says.
pub const DEV: &str = "dev";

/// The base port that `--profile dev` takes where no variable says another.
pub const DEV_BASE: u16 = 19_001;

/// Whether OpenClaw takes `name` as a profile: a letter or digit, then up to 63 of these, `_` or `-`.
pub fn is_profile(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && name.len() <= 64
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// `OPENCLAW_GATEWAY_PORT` as OpenClaw reads it: digits, `host:digits` or `[v6]:digits`; anything else counts for nothing.
pub fn from_environment(raw: &str) -> Option<u16> {
    let raw = raw.trim();
    let digits = if let Some(rest) = raw.strip_prefix('[') {
        let (host, digits) = rest.split_once("]:")?;
        (!host.is_empty()).then_some(digits)?
    } else {
        match raw.split_once(':') {
            None => raw,
            Some(("", _)) => return None,
            Some((_, digits)) => digits,
        }
    };
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| digits.parse().ok()).flatten().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::{BadBase, DEFAULT_BASE, Family, HIGHEST_BASE, from_environment, of_profile};
    use proptest::prelude::*;

    #[test]
    fn a_family_is_its_base_and_the_110_above() {
        let family = Family::new(18789).unwrap();
        assert_eq!(family.ports().count(), 111);
        assert_eq!((family.sandbox(), family.browser_control()), (18790, 18791));
        assert_eq!((family.relays(), family.cdp()), (18792..=18799, 18800..=18899));
        assert_eq!(family.part(18788), None);
        assert_eq!(family.part(18900), None);
        assert_eq!(family.to_string(), "18789–18899");
    }

    #[test]
    fn the_highest_base_is_65425() {
        assert_eq!(Family::new(65425).unwrap().last(), u16::MAX);
        assert_eq!(Family::new(65426), Err(BadBase::TooHigh(65426)));
        assert_eq!(Family::new(0), Err(BadBase::Zero));
    }

    #[test]
    fn profiles_hash_as_openclaw_hashes_them() {
        for (name, port) in [("rescue", 23532), ("main", 23592), ("staging", 28422), ("A_b-9", 38423)] {
            assert_eq!(of_profile(name), port, "{name}");
        }
        assert_eq!(of_profile("default"), DEFAULT_BASE);
        assert_eq!(of_profile("Default"), DEFAULT_BASE);
        assert_eq!(of_profile("-x"), DEFAULT_BASE);
    }

    #[test]
    fn the_environment_may_say_a_host_too() {
        assert_eq!(from_environment(" 19001 "), Some(19001));
        assert_eq!(from_environment("127.0.0.1:19001"), Some(19001));
        assert_eq!(from_environment("[::1]:19001"), Some(19001));
        for nothing in ["", "0", "x", "-1", "+5", "70000", ":19001", "::1:19001", "[]:1", "1.5", "127.0.0.1:"] {
            assert_eq!(from_environment(nothing), None, "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn overlap_is_what_counting_says(a in 1..=HIGHEST_BASE, offset in -300i32..300) {
            let Ok(b) = u16::try_from(i32::from(a) + offset) else { return Ok(()) };
            let (Ok(a), Ok(b)) = (Family::new(a), Family::new(b)) else { return Ok(()) };
            let shared: Vec<u16> = a.ports().filter(|port| b.contains(*port)).collect();
            prop_assert_eq!(a.overlap(b).map(|range| range.collect::<Vec<_>>()).unwrap_or_default(), shared);
            prop_assert_eq!(a.overlap(b), b.overlap(a));
            prop_assert_eq!(a.is_crowded_by(b), b.is_crowded_by(a));
        }
    }
}
