//! What a process may ask of the kernel for its children: capabilities, the limits that it cannot pass, its own standing.
//!
//! It reads /proc of that process and changes nothing.

use std::fs;
use std::io;

const CAP_SYS_NICE: u32 = 23;
const CAP_SYS_RESOURCE: u32 = 24;

/// The bounds of what children can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Means {
    /// Most open files.
    pub open_files_most: u64,
    /// Least niceness.
    pub nice_least: i32,
    /// Least preference of the out-of-memory killer.
    pub oom_score_adj_least: i32,
}

/// Those of `pid`.
pub fn of(pid: i32) -> io::Result<Means> {
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}"));
    let limits = read("limits")?;
    let odd = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid} does not say {what}"));
    let capabilities = capabilities(&read("status")?).ok_or_else(|| odd("its capabilities"))?;
    let has = |capability: u32| capabilities & (1 << capability) != 0;
    let open_files_most = if has(CAP_SYS_RESOURCE) {
        fs::read_to_string("/proc/sys/fs/nr_open").ok().and_then(|text| text.trim().parse().ok()).unwrap_or(1 << 20)
    } else {
        limit(&limits, "Max open files").ok_or_else(|| odd("how many files it may open"))?.1
    };
    let nice_least = if has(CAP_SYS_NICE) {
        -20
    } else {
        // RLIMIT_NICE counts from 1 for the niceness 19 to 40 for -20.
        let floor = limit(&limits, "Max nice priority").map_or(19, |(soft, _)| 20 - soft.min(40) as i32);
        floor.min(niceness(&read("stat")?).ok_or_else(|| odd("its niceness"))?)
    };
    let oom_score_adj_least = if has(CAP_SYS_RESOURCE) {
        -1000
    } else {
        read("oom_score_adj")?.trim().parse().map_err(|_| odd("its oom_score_adj"))?
    };
    Ok(Means { open_files_most, nice_least, oom_score_adj_least })
}

/// What the kernel hands to a program under every limit.
pub const LEAST_ARGUMENTS: u64 = 128 << 10;

/// What it hands to a program under no limit: three quarters of the usual stack.
const MOST_ARGUMENTS: u64 = 6 << 20;

/// The most bytes of arguments and environment that children of `pid` can be executed with.
pub fn arguments_most(pid: i32) -> io::Result<u64> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits"))?;
    let stack = limit(&limits, "Max stack size").map_or(u64::MAX, |(soft, _)| soft);
    Ok((stack / 4).clamp(LEAST_ARGUMENTS, MOST_ARGUMENTS))
}

fn capabilities(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// Soft and hard, from `Max open files            1024                 524288               files`.
fn limit(limits: &str, name: &str) -> Option<(u64, u64)> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    let mut numbers = line.split_ascii_whitespace().map(|word| match word {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    });
    Some((numbers.next()??, numbers.next()??))
}

/// The nineteenth field of /proc/PID/stat, counted from behind the name, which may hold anything.
fn niceness(stat: &str) -> Option<i32> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(16)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_bounds_that_it_can_be_held_to() {
        let means = of(std::process::id().cast_signed()).expect("facts");
        let own = std::fs::read_to_string("/proc/self/limits").expect("facts");
        let (soft, hard) = limit(&own, "Max open files").expect("a limit");
        assert!(soft <= hard && means.open_files_most >= soft, "{means:?}");
        assert!((-20..=19).contains(&means.nice_least) && means.oom_score_adj_least >= -1000, "{means:?}");
        assert_eq!(niceness("1 (a) b) S 2 3 4 5 6 7 8 9 10 11 12 13 14 15 20 -5 1 0"), Some(-5));
        assert_eq!(niceness("1 (a) S 2 3"), None);
        assert_eq!(
            limit("Max nice priority         unlimited            40   \n", "Max nice priority"),
            Some((u64::MAX, 40))
        );
        assert_eq!(capabilities("Name:\tx\nCapEff:\t000001fffeffffff\n"), Some(0x1ff_feff_ffff));
    }
}
