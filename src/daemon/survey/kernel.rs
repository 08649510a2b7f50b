//! What the kernel says about ports that it gives out by itself.

use std::fs;
use std::ops::RangeInclusive;

use crate::collision::surroundings::Ephemeral;

/// The range of ports for outgoing connections, and what is reserved from it; nothing where /proc does not say.
pub fn ephemeral() -> Option<Ephemeral> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut numbers = text.split_ascii_whitespace().map(str::parse::<u16>);
    let (low, high) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let reserved = fs::read_to_string("/proc/sys/net/ipv4/ip_local_reserved_ports").unwrap_or_default();
    Some(Ephemeral { range: low..=high, reserved: ranges(&reserved) })
}

/// `8080,9148-9200`.
fn ranges(text: &str) -> Vec<RangeInclusive<u16>> {
    let ranges = text.trim().split(',').filter_map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse().ok()?..=last.parse().ok()?)
    });
    ranges.collect()
}

#[cfg(test)]
mod tests {
    use super::{ephemeral, ranges};

    #[test]
    fn reserved_ranges_are_read() {
        assert_eq!(ranges("8080,9148-9200\n"), [8080..=8080, 9148..=9200]);
        assert!(ranges("\n").is_empty());
    }

    #[test]
    fn this_host_has_a_range() {
        let found = ephemeral().expect("a range");
        assert!(found.range.start() < found.range.end());
    }
}
